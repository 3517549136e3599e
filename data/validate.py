"""Turns records into rows, or says what is wrong with them, all problems at once."""

import difflib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from newsstand.data.formats import SPLIT_NAMES, Found
from newsstand.errors import DataError
from newsstand.labels import FROM_DATA, LabelSet
from newsstand.records import Problem, Record


@dataclass(slots=True, kw_only=True)
class Row:
    """One labelled row in the canonical columns; `split` is None where the files do not say."""

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


COLUMNS = tuple(field.name for field in fields(Row))


def validate(
    found: Iterable[Found],
    *,
    task: str,
    scheme: str | tuple[str, ...],
    columns: Mapping[str, str],
    label_names: Mapping[str, str],
    name: str = "the data",
) -> tuple[list[Row], LabelSet]:
    """Validates all records and returns them as rows, with the labels that occur.

    Args:
        found: Split (or None) and record or problem, as the readers yield them.
        task: `topic` or `stance`; a stance row needs a target.
        scheme: As `labels:` in a config: a scheme's name, `from-data`, or a list.
        columns: Canonical column to its name in the files.
        label_names: Label in the files to label of the scheme.
        name: What messages about all rows together call them.

    Raises:
        DataError: With every problem found: file, line, field and what was expected.
    """
    unknown = sorted(set(columns) - set(COLUMNS))
    if unknown:
        known = ", ".join(COLUMNS)
        raise DataError([f"data.columns: unknown column '{x}' (known: {known})" for x in unknown])
    check = _Checker(task, scheme, columns, label_names)
    rows = [row for split, item in found if (row := check(split, item)) is not None]
    problems = check.all_problems()
    if problems:
        raise DataError(problems)
    if not rows:
        raise DataError(f"{name}: no rows")
    used = {row.label for row in rows}
    labels = (
        check.labels.only(used)
        if check.labels
        else LabelSet(FROM_DATA, {x: x for x in sorted(used)})
    )
    if len(labels) < 2:
        raise DataError(
            f"{name}: expected at least two labels, all {len(rows)} rows have '{rows[0].label}'"
        )
    return rows, labels


class _Checker:
    def __init__(
        self,
        task: str,
        scheme: str | tuple[str, ...],
        columns: Mapping[str, str],
        label_names: Mapping[str, str],
    ) -> None:
        self.labels = None if scheme == FROM_DATA else LabelSet.of(scheme)
        self._task = task
        self._columns = {name: columns.get(name, name) for name in COLUMNS}
        self._mapped = sorted(set(columns) - {"label", "body", "target"})
        self._label_names = label_names
        self._problems: list[str] = []
        # Rows read, and rows without a column, by file: a column that is missing in every
        # row is one problem of the file, not one of each row. True: the column is required.
        self._read: Counter[str] = Counter()
        self._without: dict[tuple[str, str, bool], list[Record]] = {}

    def __call__(self, split: str | None, item: Record | Problem) -> Row | None:
        if isinstance(item, Problem):
            self._problems.append(item.message)
            return None
        self._read[item.file] += 1
        before = len(self._problems)
        values = {name: self._text(item, name) for name in COLUMNS}
        title, body = values["title"] or "", values["body"] or ""
        label = self._label(item)
        required = ("label", "body", "target") if self._task == "stance" else ("label", "body")
        present = [self._has(item, name) for name in required]
        for name in self._mapped:
            column = self._columns[name]
            if column not in item.values:
                self._without.setdefault((item.file, column, False), []).append(item)
        # None: already reported as missing or as no text.
        target = values["target"] if self._task == "stance" else None
        if target is not None and not target.strip():
            self._say(item, "target", "empty; a stance needs its target")
        if values["body"] is not None and not title.strip() and not body.strip():
            self._say(item, "body", "empty; expected the article's text")
        place = self._split(item, split, values["split"])
        if not all(present) or len(self._problems) > before or label is None:
            return None
        rest = {k: values[k] for k in ("outlet", "published", "url", "language", "author", "group")}
        name = values["id"] or item.where.replace(item.file, Path(item.file).name, 1)
        target = target.strip() if target else None
        return Row(id=name, title=title, body=body, label=label, target=target, split=place, **rest)

    def all_problems(self) -> list[str]:
        """Every problem, a column that a file lacks altogether reported once."""
        found = []
        for (file, column, required), records in self._without.items():
            if len(records) == self._read[file]:
                here = ", ".join(records[0].values)
                near = difflib.get_close_matches(column, list(records[0].values), n=1)
                hint = f"; did you mean '{near[0]}'? (data.columns)" if near else ""
                found.append(f"{file}: no column '{column}' (columns here: {here}){hint}")
            elif required:
                found += [f"{record.where}: field '{column}': missing" for record in records]
        return found + self._problems

    def _has(self, item: Record, name: str) -> bool:
        column = self._columns[name]
        if item.values.get(column) is not None:
            return True
        self._without.setdefault((item.file, column, True), []).append(item)
        return False

    def _say(self, item: Record, name: str, message: str) -> None:
        self._problems.append(f"{item.where}: field '{self._columns[name]}': {message}")

    def _text(self, item: Record, name: str) -> str | None:
        value = item.values.get(self._columns[name])
        if isinstance(value, str):
            try:
                value.encode()
            except UnicodeEncodeError as error:
                half = f"{value[error.start]!r} at character {error.start}"
                self._say(item, name, f"{half} is half a character (a lone surrogate)")
            return value
        if name == "label" or value is None:
            return None
        if name in ("id", "group") and type(value) is int:
            return str(value)
        if name == "published" and hasattr(value, "isoformat"):
            return str(value.isoformat())
        self._say(item, name, f"expected text, got {type(value).__name__} {value!r:.40}")
        return None

    def _label(self, item: Record) -> str | None:
        value: Any = item.values.get(self._columns["label"])
        if value is None:
            return None
        if not isinstance(value, (str, int)) or isinstance(value, bool):
            self._say(item, "label", f"expected text, got {type(value).__name__} {value!r:.40}")
            return None
        text = str(value).strip()
        named = self._label_names.get(text)
        text = text if named is None else named
        label = self.labels.resolve(text) if self.labels else text
        whole = text.lstrip("-").isdigit()
        if label and not (
            named is None and (isinstance(value, int) or self.labels is None) and whole
        ):
            return label
        self._say(item, "label", self._label_problem(text, whole))
        return None

    def _label_problem(self, text: str, whole: bool) -> str:
        if not text:
            return "empty; expected a label"
        if whole:
            return f"integer {text} without a name; give each a name in data.label_names"
        assert self.labels is not None  # noqa: S101 - without a scheme every other text is a label
        near = self.labels.nearest(text)
        shown = ", ".join(self.labels.labels[:8]) + (", …" if len(self.labels) > 8 else "")
        return f"unknown label {text!r:.60}" + (
            f"; did you mean '{near}'?" if near else f" (labels: {shown})"
        )

    def _split(self, item: Record, given: str | None, named: str | None) -> str | None:
        own = (named or "").strip().lower()
        name = given or own
        if not name:
            return None
        if name not in SPLIT_NAMES:
            self._say(item, "split", f"expected train, validation or test, got '{name}'")
        elif SPLIT_NAMES.get(own, SPLIT_NAMES[name]) != SPLIT_NAMES[name]:
            self._say(item, "split", f"'{own}', but its file is given as {name}")
        return SPLIT_NAMES.get(name)
