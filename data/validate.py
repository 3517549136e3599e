"""Validates records: converts them to rows, and collects all problems of the others."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any

from newsstand.config.data_specs import ReadSpec
from newsstand.data.columns import as_setting, missing_column, one_edit_away, suggest_columns
from newsstand.data.notes import Note, Notes
from newsstand.data.readers.annotations import LabelReader
from newsstand.data.readers.sources import SPLIT_NAMES, SplitRecord
from newsstand.data.row import COLUMNS, Row
from newsstand.errors import DataError
from newsstand.io.records import Problem, Record
from newsstand.io.values import Values, read_values, shortened
from newsstand.labels import FROM_DATA, LabelSet
from newsstand.text.article import is_span
from newsstand.text.example import target_flaw

__all__ = ["COLUMNS", "Row", "Validator"]


_TEXTS = tuple(name for name in COLUMNS if name not in ("label", "votes", "mentions"))
_OPTIONAL = ("title", "outlet", "published", "url", "language", "author", "group", "genre", "split")
_STRIPPED = ("outlet", "url", "language", "author", "group", "genre", "curriculum")
_STAGES = frozenset(["", *"123456789"])
# What labelling tools write instead of an answer.
_REJECTED = frozenset({"reject", "ignore"})
_ANSWER = "answer"


class _Layout:
    """A set of columns that records have: the canonical ones, and the records in each file."""

    def __init__(
        self, names: Sequence[str], columns: Mapping[str, str], label: Sequence[str]
    ) -> None:
        self.names = dict.fromkeys(names)
        self.texts = [(x, y) for x, y in columns.items() if x in _TEXTS and y in self.names]
        self.answer_used = _ANSWER in columns.values() or _ANSWER in label
        self.rows: Counter[str] = Counter()
        self.first: dict[str, str] = {}


class Validator:
    """Validates a stream of records: yields usable rows and collects the problems of the others.

    Args:
        task: `topic` or `stance`; a stance row needs a target.
        scheme: A label scheme's name, `from-data`, or a list of labels.
        read: How records become rows.
        name: Name of the data in messages about all rows.
        one_of_several: Whether there are other sources, so that a single label is allowed.

    Raises:
        DataError: `read.columns` names an unknown column.
    """

    def __init__(
        self,
        *,
        task: str,
        scheme: str | Sequence[str],
        read: ReadSpec,
        name: str = "the data",
        one_of_several: bool = False,
    ) -> None:
        columns = read.columns
        known = [column for column in COLUMNS if column != "votes"]
        unknown = sorted(set(columns) - set(known))
        if unknown:
            listed = ", ".join(known)
            raise DataError(
                [f"data.columns: unknown column '{x}' (known: {listed})" for x in unknown]
            )
        self._reading, self._name, self._stance = read, name, task == "stance"
        label = columns.get("label", "label")
        self._given = dict(columns)
        self._one_of_several = one_of_several
        self._label_settings: dict[str, Any] = {
            "scheme": scheme,
            "names": read.labels,
            "separator": read.separator,
            "fold_case": read.fold_case,
        }
        self._label = LabelReader(label, **self._label_settings)
        self._columns = {x: _one(columns.get(x, x)) for x in COLUMNS}
        self._read = self._readable()
        needed = ("body", "target") if self._stance else ("body",)
        self._required = [*self._label.columns, *(self._columns[x] for x in needed)]
        self._mapped = sorted(
            _one(name) for x, name in columns.items() if x not in ("label", "body", "target")
        )
        self._used: Counter[str] = Counter()
        self._labelled: Counter[str] = Counter()  # including unusable rows
        self._notes = Notes()
        self._settings: list[str] = []
        self._guess: dict[str, str] = {}
        self._problems: list[str] = []
        self._layouts: dict[tuple[str, ...], _Layout] = {}
        # Places without a required column, by file and column: a column that is missing in
        # every row is reported once for the file.
        self._absent: dict[tuple[str, str], list[str]] = {}

    @property
    def ties(self) -> int:
        """Number of rows dropped for tied annotators' votes."""
        return self._label.ties

    @property
    def notes(self) -> list[Note]:
        """Omitted rows and values so far."""
        return list(self._notes.all())

    def rows(self, records: Iterable[SplitRecord]) -> Iterator[Row]:
        """Yields a row for each usable record, and collects the problems of the others."""
        for split, item in records:
            if isinstance(item, Problem):
                self._problems.append(item.message)
                if item.setting and item.setting not in self._settings:
                    self._settings.append(item.setting)
                continue
            row = self._row(split, item)
            if row is not None:
                self._used[row.label] += 1
                yield row

    def labels(self) -> LabelSet:
        """Returns the labels of the rows so far, in the order of the scheme."""
        if self._label.scheme:
            return self._label.scheme.only(self._used)
        return LabelSet(FROM_DATA, {x: x for x in sorted(self._used)})

    def problems(self) -> list[str]:
        """Returns all problems of the rows so far, one line each: file, place, field, expectation.

        Problems that a setting solves come first, after a line with all suggested settings.
        """
        self._neighbours: dict[tuple[str, str], set[str]] = {}
        labels = self._label.unmatched()
        spellings = self._label.spellings(self._labelled)
        problems = [*self._missing_columns(), *self._misspelt_columns(), *labels]
        problems += [f"{self._name}: {flaw}" for flaw in spellings]
        problems += self._problems
        if not problems:
            return self._too_few()
        settings = [as_setting({**self._given, **self._guess})] if self._guess else []
        settings += [*self._settings, *(["data.fold_case=true"] if spellings else [])]
        if self._guess or len(settings) > 1:
            problems.insert(0, f"{self._name}: suggested settings: {' '.join(settings)}")
        return problems

    def _too_few(self) -> list[str]:
        left = "".join(f"; {note.what}" for note in self.notes)
        if not self._used:
            tied = f" without a tie ({self.ties} tied)" if self.ties else ""
            return [f"{self._name}: no rows{tied}{left}"]
        if len(self._used) == 1 and not self._one_of_several:
            [(label, count)] = self._used.items()
            only = f"all {count} rows have {shortened(label)}"
            return [f"{self._name}: expected at least two labels, {only}{left}"]
        return []

    def _row(self, split: str | None, item: Record) -> Row | None:
        values = item.values
        names = tuple(values)
        layout = self._layouts.get(names) or self._new_layout(names)
        layout.rows[item.file] += 1
        if layout.rows[item.file] == 1:
            layout.first[item.file] = item.place
        if values.get(_ANSWER) in _REJECTED and not layout.answer_used:
            self._notes.add("rows rejected", item.place, f"'{_ANSWER}': reject or ignore")
            return None
        before = len(self._problems)
        complete = True
        for column in self._required:
            if column not in values:
                complete = False
                self._absent.setdefault((item.file, column), []).append(item.place)
        read = read_values(values, layout.texts, self._reading.dates)
        self._report_flaws(item, read)
        texts = read.texts
        title, body = texts.get("title", ""), texts.get("body", "")
        wrong = {name for name, _ in read.flaws}
        empty = not wrong & {"title", "body"} and self._is_empty(item, title, body)
        target = self._target(item, texts, wrong) if self._stance else None
        label, votes, flaws = self._label.read(values)
        unknown = self._label.unknown if self._reading.unknown_labels == "drop" else None
        if unknown is not None:
            self._notes.add(f"rows with the unknown label {shortened(unknown)}", item.place)
            return None
        for column, flaw in flaws:
            self._add_problem(item, column, flaw)
        if label is not None:
            self._labelled[label] += 1
        split_name = self._split(item, split, texts.get("split"))
        self._check_stage(item, texts.get("curriculum", "").strip())
        mentions = self._mentions(item, body) if self._stance else None
        if label is None or not complete or len(self._problems) > before:
            return None
        if empty:
            advice = "data.empty_bodies: keep uses those with a title"
            self._notes.add("rows left out with an empty body", item.place, advice)
            return None
        if read.unused or read.repaired:
            self._note_changes(item, read)
        own = texts.get("id")
        return Row(
            id=own or item.where.replace(item.file, os.path.basename(item.file), 1),
            title=title,
            body=body,
            label=label,
            target=target,
            published=texts.get("published"),
            split=split_name,
            votes=votes,
            mentions=mentions,
            place=item.place,
            own_id=bool(own),
            **{x: texts[x].strip() or None for x in _STRIPPED if x in texts},
        )

    def _target(self, item: Record, texts: Mapping[str, str], wrong: Set[str]) -> str:
        column = self._columns["target"]
        target = texts.get("target", "").strip()
        if not target and "target" not in wrong and column in item.values:
            self._add_problem(item, column, "empty; stance needs a target")
        elif flaw := target_flaw(target):
            self._add_problem(item, column, flaw)
        return target

    def _new_layout(self, names: tuple[str, ...]) -> _Layout:
        if any(column not in names for column in self._required) and not self._layouts:
            self._guess_columns(names)
        layout = self._layouts[names] = _Layout(names, self._read, self._label.columns)
        return layout

    def _readable(self) -> dict[str, str]:
        """Returns the columns to read as texts: without the target for topics."""
        return {x: y for x, y in self._columns.items() if self._stance or x != "target"}

    def _guess_columns(self, names: Sequence[str]) -> None:
        """Continues with the likely columns, to report all problems at once.

        Yields no rows, as the missing column is a problem.
        """
        wanted = ["body", "label", *(["target"] if self._stance else []), *_OPTIONAL, "id"]
        free = [x for x in wanted if x not in self._given and x not in names]
        taken = {self._columns[x] for x in wanted} | set(self._label.columns)
        self._guess = suggest_columns([x for x in names if x not in taken], free)
        if not set(self._guess) & {"body", "label", "target"}:
            self._guess = {}
            return
        self._columns |= self._guess
        self._read = self._readable()
        if "label" in self._guess:
            self._label = LabelReader(self._guess["label"], **self._label_settings)

    def _report_flaws(self, item: Record, read: Values) -> None:
        """Adds a problem for each unusable value."""
        for name, flaw in read.flaws:
            self._add_problem(item, self._columns[name], flaw)
        for name, flaw in read.unused if self._reading.dates_strict else ():
            if name == "published":
                self._add_problem(item, self._columns[name], flaw)

    def _note_changes(self, item: Record, read: Values) -> None:
        """Notes the values of a used row that were left out or repaired."""
        for name, flaw in read.unused:
            where = f"{item.place}: {flaw}"
            if name == "published":
                advice = "data.dates_strict refuses such rows"
                self._notes.add("rows undated, dates not understood", where, advice)
            else:
                self._notes.add(f"rows without '{name}', not text", where)
        for name in read.repaired:
            where = f"{item.place}: field '{self._columns[name]}'"
            self._notes.add("rows with lone surrogates, read as U+FFFD", where)

    def _add_problem(self, item: Record, column: str, message: str) -> None:
        self._problems.append(f"{item.place}: field '{column}': {message}")

    def _check_stage(self, item: Record, stage: str) -> None:
        if stage not in _STAGES:
            flaw = f"expected a stage from 1 to 9, or nothing, got {shortened(stage)}"
            self._add_problem(item, self._columns["curriculum"], flaw)

    def _is_empty(self, item: Record, title: str, body: str) -> bool:
        """Returns whether a row has no text, or no body if a body is required."""
        if self._columns["body"] not in item.values:
            return False
        if body and not body.isspace():
            return False
        return self._reading.empty_bodies == "drop" or not title or title.isspace()

    def _mentions(self, item: Record, body: str) -> list[list[int]] | None:
        column = self._columns["mentions"]
        value = item.values.get(column)
        if value is None:
            return None
        if isinstance(value, list) and all(is_span(place, len(body)) for place in value):
            return value or None
        flaw = f"{shortened(value)}: expected [[start, end], …], places of the target in the body"
        self._add_problem(item, column, flaw)
        return None

    def _split(self, item: Record, given: str | None, named: str | None) -> str | None:
        own = (named or "").strip().lower()
        name = given or own
        if not name:
            return None
        column = self._columns["split"]
        if name not in SPLIT_NAMES:
            flaw = f"expected train, validation or test, got {shortened(name)}"
            self._add_problem(item, column, flaw)
        elif SPLIT_NAMES.get(own, SPLIT_NAMES[name]) != SPLIT_NAMES[name]:
            self._add_problem(item, column, f"'{own}', but its file is given as {name}")
        return SPLIT_NAMES.get(name)

    def _missing_columns(self) -> Iterator[str]:
        """Yields missing columns: once for a file without them, else once for each row."""
        read: Counter[str] = Counter()
        for layout in self._layouts.values():
            read.update(layout.rows)
        for (file, column), places in self._absent.items():
            if len(places) == read[file]:
                yield self._missing_column(file, column)
            else:
                yield from (f"{place}: field '{column}': missing" for place in places)
        for column in self._mapped:
            having = {f for x in self._layouts.values() if column in x.names for f in x.rows}
            yield from (self._missing_column(file, column) for file in read if file not in having)

    def _missing_column(self, file: str, column: str) -> str:
        here = next(list(x.names) for x in self._layouts.values() if file in x.rows)
        return missing_column(file, column, here, self._guess.get(column))

    def _misspelt_columns(self) -> Iterator[str]:
        """Yields misspelt optional columns, whose values would be lost."""
        wanted = {self._columns[name]: name for name in COLUMNS if name != "votes"}
        optional = wanted.keys() - set(self._required)
        meant: dict[str, list[str]] = {}  # name in the files to the columns it may stand for
        for layout in self._layouts.values():
            for name in layout.names:
                if name not in meant:
                    meant[name] = [] if name in wanted else one_edit_away(name, optional)
                for column in meant[name]:
                    if column not in layout.names:
                        yield from self._misspelt_column(layout, name, wanted[column])

    def _misspelt_column(self, layout: _Layout, name: str, ours: str) -> Iterator[str]:
        column = self._columns[ours]
        for file, place in layout.first.items():
            others = self._columns_beside(file, column)
            if name in others:
                continue  # an unrelated column
            if others:
                what = f"unknown, while other records have '{column}'"
                yield f"{place}: field {shortened(name)}: {what}"
            elif column == ours in _OPTIONAL and name not in (f"{column}s", "publisher"):
                self._guess.setdefault(ours, name)
                hint = f"did you mean '{column}'? (data.columns)"
                yield f"{file}: column {shortened(name)}: unknown; {hint}"

    def _columns_beside(self, file: str, column: str) -> set[str]:
        """Returns the columns of the records of a file that have this column."""
        key = file, column
        if key not in self._neighbours:
            having = [x for x in self._layouts.values() if file in x.rows and column in x.names]
            self._neighbours[key] = set().union(*(x.names for x in having))
        return self._neighbours[key]


def _one(names: str | Sequence[str]) -> str:
    return names if isinstance(names, str) else names[0]
