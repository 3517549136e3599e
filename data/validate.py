"""Turns records into rows, or says what is wrong with them, all problems at once."""

import difflib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any

from newsstand.article import is_place
from newsstand.data.annotations import LabelReader, listing, shortened
from newsstand.data.dates import parse_date
from newsstand.data.sources import SPLIT_NAMES, Found
from newsstand.encode import target_flaw
from newsstand.errors import DataError
from newsstand.labels import FROM_DATA, LabelSet
from newsstand.records import Problem, Record


@dataclass(slots=True, kw_only=True)
class Row:
    """One labelled row in the canonical columns; an optional value that is empty is None.

    Args:
        split: `train`, `validation`, `test`, or `unused`; None where the files do not say.
        published: ISO 8601.
        votes: The annotators' labels, where a row has several, in the order of the data.
        mentions: Places [start, end] of the target in `body`, the main one first.
        place: Where the row comes from, for messages; no part of what the row says.
    """

    id: str
    title: str
    body: str
    label: str
    target: str | None = None
    outlet: str | None = None
    published: str | None = None
    url: str | None = None
    language: str | None = None
    author: str | None = None
    group: str | None = None
    split: str | None = None
    votes: list[str] | None = None
    mentions: list[list[int]] | None = None
    place: str = field(default="", compare=False)


COLUMNS = tuple(field.name for field in fields(Row) if field.name != "place")
_TEXTS = tuple(name for name in COLUMNS if name not in ("label", "votes", "mentions"))
_OPTIONAL = ("title", "outlet", "published", "url", "language", "author", "group", "split")
_STRIPPED = ("outlet", "url", "language", "author", "group")


class _Layout:
    """Records with the same columns: which of ours they have, and how many in each file."""

    def __init__(self, names: Sequence[str], columns: Mapping[str, str]) -> None:
        self.names = names
        self.texts = [(name, columns[name]) for name in _TEXTS if columns[name] in names]
        self.rows: Counter[str] = Counter()
        self.first: dict[str, str] = {}


class Validator:
    """Checks records as they stream by: what can be used comes out, the rest is told.

    Args:
        task: `topic` or `stance`; a stance row needs a target.
        scheme: As `labels:` in a config: a scheme's name, `from-data`, or a list.
        columns: Canonical column to its name in the files; of `label` also several names,
            one an annotator.
        labels: Label in the files to label of the scheme.
        separator: What stands between the labels of several annotators in one text.
        dates: `day-first` or `month-first`, for dates such as 05/03/2019.
        name: What messages about all rows together call them.

    Raises:
        DataError: `columns` names a column that there is not.
    """

    def __init__(
        self,
        *,
        task: str,
        scheme: str | Sequence[str],
        columns: Mapping[str, str | Sequence[str]] | None = None,
        labels: Mapping[str, str] | None = None,
        separator: str | None = None,
        dates: str | None = None,
        name: str = "the data",
    ) -> None:
        columns = columns or {}
        known = [column for column in COLUMNS if column != "votes"]
        unknown = sorted(set(columns) - set(known))
        if unknown:
            listed = ", ".join(known)
            raise DataError(
                [f"data.columns: unknown column '{x}' (known: {listed})" for x in unknown]
            )
        self._dates, self._name, self._stance = dates, name, task == "stance"
        label = columns.get("label", "label")
        self._label = LabelReader(label, scheme=scheme, names=labels or {}, separator=separator)
        self._columns = {x: _one(columns.get(x, x)) for x in COLUMNS}
        needed = ("body", "target") if self._stance else ("body",)
        self._required = [*self._label.columns, *(self._columns[x] for x in needed)]
        self._mapped = sorted(
            _one(name) for x, name in columns.items() if x not in ("label", "body", "target")
        )
        self._used: Counter[str] = Counter()
        self._problems: list[str] = []
        self._layouts: dict[tuple[str, ...], _Layout] = {}
        # Places without a required column, by file and column: a column that is missing in
        # every row is one problem of the file, not one of each row.
        self._absent: dict[tuple[str, str], list[str]] = {}

    @property
    def ties(self) -> int:
        """Rows that were dropped because their annotators' votes are tied."""
        return self._label.ties

    def rows(self, found: Iterable[Found]) -> Iterator[Row]:
        """Yields a row for each record that can be used; the problems of others are kept."""
        for split, item in found:
            if isinstance(item, Problem):
                self._problems.append(item.message)
                continue
            row = self._row(split, item)
            if row is not None:
                self._used[row.label] += 1
                yield row

    def labels(self) -> LabelSet:
        """The labels of the rows so far, in the order of the scheme."""
        if self._label.scheme:
            return self._label.scheme.only(self._used)
        return LabelSet(FROM_DATA, {x: x for x in sorted(self._used)})

    def problems(self) -> list[str]:
        """Every problem of the rows so far, one line each: file, place, field, expectation."""
        found = [*self._of_columns(), *self._slips(), *self._problems]
        if found:
            return found
        if not self._used:
            tied = f" without a tie ({self.ties} tied)" if self.ties else ""
            return [f"{self._name}: no rows{tied}"]
        if len(self._used) == 1:
            [(label, count)] = self._used.items()
            only = f"all {count} rows have {shortened(label)}"
            return [f"{self._name}: expected at least two labels, {only}"]
        return [f"{self._name}: {flaw}" for flaw in self._label.spellings(self._used)]

    def _row(self, split: str | None, item: Record) -> Row | None:
        values = item.values
        names = tuple(values)
        layout = self._layouts.get(names) or self._new_layout(names)
        layout.rows[item.file] += 1
        if layout.rows[item.file] == 1:
            layout.first[item.file] = item.where
        before = len(self._problems)
        complete = True
        for column in self._required:
            if column not in values:
                complete = False
                self._absent.setdefault((item.file, column), []).append(item.where)
        texts: dict[str, str] = {}
        for name, column in layout.texts:
            value = values[column]
            if type(value) is not str:
                value = self._text(item, name, value)
            if value:
                if not value.isascii() or "\0" in value:
                    self._check(item, column, value)
                texts[name] = value
        title, body = texts.get("title", ""), texts.get("body", "")
        self._check_body(item, title, body)
        target = self._target(item, texts.get("target")) if self._stance else None
        label, votes, flaws = self._label.read(values)
        for column, flaw in flaws:
            self._say(item, column, flaw)
        place = self._split(item, split, texts.get("split"))
        published = self._published(item, texts.get("published"))
        mentions = self._mentions(item, body) if self._stance else None
        if label is None or not complete or len(self._problems) > before:
            return None
        return Row(
            id=texts.get("id") or item.where.replace(item.file, os.path.basename(item.file), 1),
            title=title,
            body=body,
            label=label,
            target=target,
            published=published,
            split=place,
            votes=votes,
            mentions=mentions,
            place=item.where,
            **{x: texts[x].strip() or None for x in _STRIPPED if x in texts},
        )

    def _new_layout(self, names: tuple[str, ...]) -> _Layout:
        layout = self._layouts[names] = _Layout(names, self._columns)
        return layout

    def _say(self, item: Record, column: str, message: str) -> None:
        self._problems.append(f"{item.where}: field '{column}': {message}")

    def _text(self, item: Record, name: str, value: Any) -> str | None:
        """The text that a value of another type stands for; None if it is none."""
        column = self._columns[name]
        if value is None:
            if column in self._required:
                self._say(item, column, "missing")
            return None
        if name in ("id", "group") and type(value) is int:
            return str(value)
        if name == "published":
            return self._published(item, value)
        self._say(item, column, f"expected text, got {type(value).__name__} {shortened(value)}")
        return None

    def _check(self, item: Record, column: str, value: str) -> None:
        try:
            value.encode()
        except UnicodeEncodeError as error:
            half = f"{value[error.start]!r} at character {error.start}"
            self._say(item, column, f"{half} is half a character (a lone surrogate)")
        nul = value.find("\0")
        if nul >= 0:
            self._say(item, column, f"expected text, found a NUL at character {nul}")

    def _check_body(self, item: Record, title: str, body: str) -> None:
        column = self._columns["body"]
        blank = (not body or body.isspace()) and (not title or title.isspace())
        if blank and isinstance(item.values.get(column), str):
            self._say(item, column, "empty; expected the article's text")

    def _target(self, item: Record, target: str | None) -> str | None:
        column = self._columns["target"]
        if isinstance(item.values.get(column), str) and not (target or "").strip():
            self._say(item, column, "empty; a stance needs its target")
        if target and (flaw := target_flaw(target)):
            self._say(item, column, flaw)
        return target and target.strip()

    def _published(self, item: Record, value: Any) -> str | None:
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        try:
            return parse_date(value, self._dates)
        except ValueError as error:
            self._say(item, self._columns["published"], f"{shortened(value)}: {error}")
            return None

    def _mentions(self, item: Record, body: str) -> list[list[int]] | None:
        column = self._columns["mentions"]
        value = item.values.get(column)
        if value is None:
            return None
        if isinstance(value, list) and all(is_place(place, len(body)) for place in value):
            return value or None
        self._say(
            item,
            column,
            f"{shortened(value)}: expected [[start, end], …], the target's places in it",
        )
        return None

    def _split(self, item: Record, given: str | None, named: str | None) -> str | None:
        own = (named or "").strip().lower()
        name = given or own
        if not name:
            return None
        column = self._columns["split"]
        if name not in SPLIT_NAMES:
            self._say(item, column, f"expected train, validation or test, got {shortened(name)}")
        elif SPLIT_NAMES.get(own, SPLIT_NAMES[name]) != SPLIT_NAMES[name]:
            self._say(item, column, f"'{own}', but its file is given as {name}")
        return SPLIT_NAMES.get(name)

    def _of_columns(self) -> Iterator[str]:
        """Columns that files lack: once a file that has them nowhere, else once a row."""
        read: Counter[str] = Counter()
        for layout in self._layouts.values():
            read.update(layout.rows)
        for (file, column), places in self._absent.items():
            if len(places) == read[file]:
                yield self._no_column(file, column)
            else:
                yield from (f"{place}: field '{column}': missing" for place in places)
        for column in self._mapped:
            having = {f for x in self._layouts.values() if column in x.names for f in x.rows}
            yield from (self._no_column(file, column) for file in read if file not in having)

    def _no_column(self, file: str, column: str) -> str:
        here = next(list(x.names) for x in self._layouts.values() if file in x.rows)
        near = difflib.get_close_matches(column, here, n=1)
        hint = f"; did you mean {shortened(near[0])}? (data.columns)" if near else ""
        if len(here) == 1:
            hint = "; are its cells separated by commas, semicolons or tabs?"
        return f"{file}: no column '{column}' (columns here: {listing(here)}){hint}"

    def _slips(self) -> Iterator[str]:
        """Optional columns misspelt, in a file or in some of its records: their values are lost."""
        wanted = {self._columns[name]: name for name in COLUMNS if name != "votes"}
        for layout in self._layouts.values():
            for column in wanted.keys() - set(layout.names) - set(self._required):
                for name in set(layout.names) - wanted.keys():
                    if _one_slip(name, column):
                        yield from self._slip(layout, name, wanted[column])

    def _slip(self, layout: _Layout, name: str, ours: str) -> Iterator[str]:
        column = self._columns[ours]
        for file, place in layout.first.items():
            others = [x for x in self._layouts.values() if column in x.names and file in x.rows]
            if any(name in other.names for other in others):
                continue  # a column of the user's own
            if others:
                what = f"unknown, while other records have '{column}'"
                yield f"{place}: field {shortened(name)}: {what}"
            elif column == ours in _OPTIONAL and name not in (f"{column}s", "publisher"):
                hint = f"did you mean '{column}'? (data.columns)"
                yield f"{file}: column {shortened(name)}: unknown; {hint}"


def _one(names: str | Sequence[str]) -> str:
    return names if isinstance(names, str) else names[0]


@lru_cache(maxsize=4096)
def _one_slip(name: str, column: str) -> bool:
    """Whether one letter, or two that are swapped, tell the names apart."""
    return not _shorter(name).isdisjoint(_shorter(column))


def _shorter(name: str) -> set[str]:
    return {name, *(name[:at] + name[at + 1 :] for at in range(len(name)))}
