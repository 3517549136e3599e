"""Looks at a user's table: what its columns are, its labels, and how it can be split."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal

from newsstand.data.columns import suggest_columns
from newsstand.data.label_words import cell_labels, stance_scheme
from newsstand.data.readers.sources import SPLIT_NAMES
from newsstand.errors import DataError, did_you_mean
from newsstand.io.dates import parse_date
from newsstand.io.records import CsvFormat, Problem, Record, read_records
from newsstand.io.values import listing, missing, scalar, shortened

_HEAD = 1000  # rows by which the columns are chosen
_MANY = 1000  # labels; a column with more values does not hold labels
_FEW = 10  # labels that any table may have, however few its rows are
_NAMES = ("title", "published", "outlet", "id", "author", "url", "language", "group", "split")
_ENCODING = "data.csv.encoding="

DateOrder = Literal["day-first", "month-first"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dates:
    """The dates of a table.

    Args:
        order: How 05/03/2019 is read, where one of the two ways fits all dates.
        rows: Rows with a date.
        ambiguous: Whether rows have a date that may be read either way.
        first: The earliest, in ISO 8601.
        last: The latest.
    """

    order: DateOrder | None = None
    rows: int = 0
    ambiguous: bool = False
    first: str = ""
    last: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a table holds.

    Args:
        path: The file.
        task: `topic` or `stance`.
        rows: Rows that can be read.
        columns: Canonical column to the name it has in the file.
        unused: Names of the other columns.
        labels: Each label as the file writes it, and its rows; the most frequent first.
        coded: Labels that are integers or truth values, which need names.
        unlabelled: Rows without a label.
        values: Different values and rows with one, of `outlet` and `target`.
        splits: Rows of each split that the file gives.
        dates: Of the column `published`.
        encoding: Of the text, where it is not UTF-8.
        unreadable: Message of each row that cannot be read.
    """

    path: Path
    task: str
    rows: int
    columns: dict[str, str]
    unused: list[str]
    labels: dict[str, int]
    coded: frozenset[str]
    unlabelled: int
    values: dict[str, tuple[int, int]]
    splits: dict[str, int]
    dates: Dates
    encoding: str | None = None
    unreadable: list[str] = field(default_factory=list)


def survey(path: Path, *, task: str, given: Mapping[str, str]) -> Survey:
    """Reads a table once and finds out what it holds.

    Args:
        path: CSV, TSV, JSON, JSONL or Parquet, packed or not.
        task: `topic` or `stance`.
        given: Canonical column to its name in the file, where the user states it.

    Raises:
        DataError: The file cannot be read, a column is not found, or the labels are none.
    """
    encoding = _encoding(path)
    items = read_records(path, CsvFormat(encoding=encoding))
    unreadable: list[str] = []
    records = _records(items, unreadable)
    head = list(islice(records, _HEAD))
    if not head:
        raise DataError(unreadable or f"{path}: no rows")
    names = list(dict.fromkeys(name for record in head for name in record if name))
    columns = _columns(path, names, head, task, given)
    counts = _Counts(columns)
    for record in chain(head, records):
        counts.add(record)
    counts.check(path)
    splits = counts.splits()
    if not splits:
        columns.pop("split", None)
    return Survey(
        path=path,
        task=task,
        rows=counts.rows,
        columns=columns,
        unused=[name for name in names if name not in columns.values()],
        labels=dict(counts.labels.most_common()),
        coded=frozenset(counts.coded),
        unlabelled=counts.unlabelled,
        values={name: (len(x), x.total()) for name, x in counts.values.items() if name != "split"},
        splits=splits,
        dates=counts.dates(),
        encoding=encoding,
        unreadable=unreadable,
    )


def _encoding(path: Path) -> str | None:
    """The encoding of a file of cells that is not UTF-8, as its reader suggests it."""
    first = next(read_records(path), None)
    if isinstance(first, Problem) and first.setting.startswith(_ENCODING):
        return first.setting.removeprefix(_ENCODING)
    return None


def _records(items: Iterator[Record | Problem], unreadable: list[str]) -> Iterator[dict[str, Any]]:
    for item in items:
        if isinstance(item, Problem):
            unreadable.append(item.message)
        else:
            yield item.values


def _columns(
    path: Path,
    names: Sequence[str],
    head: Sequence[Mapping[str, Any]],
    task: str,
    given: Mapping[str, str],
) -> dict[str, str]:
    """Canonical column to its name in the file, in the order of a config.

    Raises:
        DataError: A column is not found.
    """
    wrong = [
        f"{path}: no column '{name}' (--{column}){did_you_mean(name, names, 'columns here')}"
        for column, name in given.items()
        if name not in names
    ]
    wrong += [
        f"{path}: column '{name}' is given for {' and '.join(columns)}, expected one of them"
        for name in set(given.values())
        if len(columns := [x for x in given if given[x] == name]) > 1
    ]
    if wrong:
        raise DataError(wrong)
    chosen = dict(given)
    if task == "stance" and "label" not in chosen:
        sides = [x for x in names if x not in chosen.values() and _has_stances(head, x)]
        label = suggest_columns(sides, ["label"]).get("label") or (
            sides[0] if len(sides) == 1 else None
        )
        chosen |= {"label": label} if label else {}
    needed = ["body", "target", "label"] if task == "stance" else ["body", "label"]
    wanted = [x for x in (*needed, *_NAMES) if x not in chosen]
    chosen |= suggest_columns([x for x in names if x not in chosen.values()], wanted)
    absent = [x for x in needed if x not in chosen]
    if absent:
        options = " ".join(f"--{x} COLUMN" for x in absent)
        advice = f"name it with {options}" if len(absent) == 1 else f"name them with {options}"
        if len(names) == 1:
            advice = "a table needs two columns or more, its cells separated by , ; tab or |"
        raise DataError(
            f"{path}: no column found for {' and '.join(absent)}; {advice} "
            f"(columns here: {listing(names)})"
        )
    return {x: chosen[x] for x in ("title", *needed, *_NAMES[1:]) if x in chosen}


def _has_stances(head: Sequence[Mapping[str, Any]], column: str) -> bool:
    """Whether a column holds the two sides of a question, and nothing but stances."""
    labels = Counter[str]()
    for record in head:
        labels.update(text for text, _ in cell_labels(record.get(column)))
    return stance_scheme(labels) is not None


class _Counts:
    """Counts the values of a table's columns, row by row.

    Args:
        columns: Canonical column to its name in the file.
    """

    def __init__(self, columns: Mapping[str, str]) -> None:
        self._columns = columns
        self.rows = self.unlabelled = 0
        self.labels: Counter[str] = Counter()
        self.coded: set[str] = set()
        grouping = [x for x in ("outlet", "target", "split") if x in columns]
        self.values: dict[str, Counter[str]] = {name: Counter() for name in grouping}
        # By how dates are read, None without a setting: rows, the earliest, the latest.
        self._dates: dict[DateOrder | None, tuple[int, str, str]] = {}

    def add(self, record: Mapping[str, Any]) -> None:
        """Counts a row."""
        self.rows += 1
        labels = list(cell_labels(record.get(self._columns["label"])))
        self.unlabelled += not labels
        for label, coded in labels:
            self.labels[label] += 1
            if coded:
                self.coded.add(label)
        for name, counter in self.values.items():
            value = record.get(self._columns[name])
            text = value.strip() if isinstance(value, str) else scalar(value)
            if text and not missing(value):
                counter[text] += 1
        if "published" in self._columns:
            self._add_date(record.get(self._columns["published"]))

    def _add_date(self, value: Any) -> None:
        if missing(value) or (isinstance(value, str) and not value.strip()):
            return
        orders: tuple[DateOrder | None, ...] = (None, "day-first", "month-first")
        for order in orders:
            try:
                day = parse_date(value, order)[:10]
            except ValueError:
                continue
            rows, first, last = self._dates.get(order, (0, day, day))
            self._dates[order] = rows + 1, min(first, day), max(last, day)

    def dates(self) -> Dates:
        """The dates, read in the way that fits most of them."""
        plain = self._dates.get(None, (0, "", ""))
        ordered = {x: self._dates[x] for x in self._dates if x is not None}
        best = max((rows for rows, _, _ in ordered.values()), default=0)
        fitting = [x for x, (rows, _, _) in ordered.items() if rows == best]
        if best <= plain[0]:
            return Dates(rows=plain[0], first=plain[1], last=plain[2])
        if len(fitting) > 1:
            return Dates(rows=plain[0], ambiguous=True, first=plain[1], last=plain[2])
        rows, first, last = ordered[fitting[0]]
        return Dates(order=fitting[0], rows=rows, first=first, last=last)

    def splits(self) -> dict[str, int]:
        """Rows of each split; none where the values do not name splits."""
        named: Counter[str] = Counter()
        for value, rows in self.values.get("split", Counter()).items():
            if value.lower() not in SPLIT_NAMES:
                return {}
            named[SPLIT_NAMES[value.lower()]] += rows
        return dict(named)

    def check(self, path: Path) -> None:
        """Refuses a column of labels that does not hold any.

        Raises:
            DataError: Too many different values, or too few.
        """
        column, different = self._columns["label"], len(self.labels)
        where = f"{path}: column '{column}', taken for the label"
        other = "name another with --label COLUMN"
        if different > _MANY or (different > _FEW and different > self.rows / 2):
            raise DataError(
                f"{where}: {different:,} different values in {self.rows:,} rows; {other}"
            )
        if not different:
            raise DataError(f"{where}: empty in every row; {other}")
        if different == 1:
            [label] = self.labels
            only = f"{shortened(label)} in every row, expected at least two labels"
            raise DataError(f"{where}: {only}; {other}")
