"""Records of tables and the values that are accepted, the same in training and scoring.

Title, body, target and split must be text, because a model's results depend on them. The other
columns only describe an article: an unusable value is left out, and the row is still used.
"""

import re
import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any

from newsstand.io.dates import parse_date

# Default maximum number of columns of a table.
MOST_COLUMNS = 1000

STRICT = frozenset({"title", "body", "target", "split"})

_SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Record:
    """A record as read from a file.

    Args:
        values: Values by column.
        file: The file.
        where: The place in the file, as ids use it: `file.csv:12`, `file.parquet, row 12`.
        row: Number of the record in the file, from 1, if records can take several lines; or None.
    """

    values: dict[str, Any]
    file: str
    where: str
    row: int | None = None

    @property
    def place(self) -> str:
        """The place as messages show it: `file.csv: row 9, line 12`."""
        return self.where if self.row is None else place(self.file, self.row, self.where)


def place(file: str, row: int, where: str) -> str:
    """The place of a record in a file with lines, as messages show it.

    >>> place("w.csv", 9, "w.csv:12")
    'w.csv: row 9, line 12'
    """
    return f"{file}: row {row:,}, line {int(where.rpartition(':')[2]):,}"


@dataclass(frozen=True, slots=True)
class Problem:
    """A record or file that a reader cannot use.

    Args:
        message: One line with the place and the reason.
        setting: A config setting that may help, such as `data.csv.encoding=windows-1252`.
    """

    message: str
    setting: str = ""


@dataclass(frozen=True, slots=True)
class Values:
    """The values of a row in the requested columns.

    Args:
        texts: Text by column name, without missing values; `published` in ISO 8601.
        flaws: Name and message of each value that makes the row unusable.
        unused: Name and message of each value that was left out.
        repaired: Names of columns in which lone surrogates were replaced by U+FFFD.
    """

    texts: dict[str, str] = field(default_factory=dict)
    flaws: list[tuple[str, str]] = field(default_factory=list)
    unused: list[tuple[str, str]] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)


def read_values(
    row: Mapping[str, Any], columns: Iterable[tuple[str, str]], dates: str | None = None
) -> Values:
    """The texts of a row.

    Args:
        row: A JSON object or a table row.
        columns: Canonical name and name in the row of each requested column.
        dates: `day-first` or `month-first`, for dates such as 05/03/2019.

    >>> read_values({"id": 7.0, "body": None, "published": 1556877600}, [("id", "id")]).texts
    {'id': '7'}
    """
    read = Values()
    for name, column in columns:
        value = row.get(column)
        if type(value) is not str or name == "published":
            if missing(value):
                continue
            try:
                value = _read(name, value, dates)
            except ValueError as error:
                known = read.flaws if name in STRICT or name == "group" else read.unused
                known.append((name, str(error)))
                continue
        if value:
            if not value.isascii() and _SURROGATES.search(value):
                value = _SURROGATES.sub("\ufffd", value)
                read.repaired.append(name)
            read.texts[name] = value
    return read


def missing(value: Any) -> bool:
    """Whether a value is missing: None, NaN, or a missing value of NumPy or pandas."""
    return value is None or type(value).__name__ in ("NAType", "NaTType") or _is_nan(value)


def _is_nan(value: Any) -> bool:
    return isinstance(value, Real) and bool(value != value)


def _read(name: str, value: Any, dates: str | None) -> str:
    if name == "published":
        if isinstance(value, str) and not value.strip():
            return ""
        try:
            return parse_date(value, dates)
        except ValueError as error:
            raise ValueError(f"{shortened(value)}: {error}") from None
    if isinstance(value, str):
        return str(value)
    if name in STRICT:
        raise ValueError(f"expected text, got {type(value).__name__} {shortened(value)}")
    text = scalar(value)
    if text is None and isinstance(value, (list, tuple)) and name not in ("id", "group"):
        parts = [x for x in value if not missing(x)]
        if all(isinstance(x, str) for x in parts):
            return ", ".join(parts)  # authors
    if text is None:
        raise ValueError(f"expected text, got {type(value).__name__} {shortened(value)}")
    return text


def scalar(value: Any) -> str | None:
    """A number or boolean as text, whole numbers without a fraction; None for other values.

    >>> scalar(3.0), scalar(True), scalar(1.5), scalar({})
    ('3', 'true', '1.5', None)
    """
    if isinstance(value, bool) or type(value).__name__ in ("bool_", "bool"):
        return "true" if value else "false"
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, Real):
        number = float(value)
        return str(int(number)) if number.is_integer() and abs(number) < 1e16 else repr(number)
    return None


def shortened(value: Any) -> str:
    """A value as messages show it, with at most 60 characters."""
    text = repr(value[:60]) if isinstance(value, str) else reprlib.repr(value)
    return f"{text[:57]}…" if len(text) > 60 else text


def listing(names: Iterable[str]) -> str:
    """Names of columns on one line, shortened if they are too long."""
    text = " ".join(", ".join(names).split())
    return f"{text[:300]}…" if len(text) > 300 else text
