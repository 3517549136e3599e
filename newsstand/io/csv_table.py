"""Reads delimited files: cells separated by comma, semicolon, tab or bar, with or without header.

Delimiter and quote character are detected by trial: each of the first lines must have as many cells
as the header. `CsvFormat` sets them if that fails.
"""

import contextlib
import csv
import io
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Self, TextIO

from newsstand.io.json_table import (
    LONGEST,
    LineTooLong,
    bounded_lines,
    duplicates,
    too_many_columns,
)
from newsstand.io.values import MOST_COLUMNS, Problem, Record, place

_MARKS = (",", ";", "\t", "|")
# Maximum number of characters of the sample and of a line in it, and of its lines.
_SAMPLE, _LINE, _LINES = 1 << 20, 1 << 18, 50
_SEPARATOR = re.compile(r"sep=(?P<mark>[^\r\n])[\r\n]*", re.IGNORECASE)  # first line by Excel
_ESCAPED = re.compile("[\udc80-\udcff]")
_LIMIT = threading.Lock()
_PLAIN_QUOTES = "if quotation marks are part of the text, set data.csv.quote: none"


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvFormat:
    """The dialect of a delimited file; None for what must be detected.

    Args:
        delimiter: Character between cells.
        quote: Character around cells; `none` if there is none.
        header: Whether the first row names the columns (otherwise `1`, `2`, …), or the names.
        encoding: Encoding of the text; None for UTF-8, or that of a byte order mark.
    """

    delimiter: str | None = None
    quote: str | None = None
    header: bool | Sequence[str] = True
    encoding: str | None = None


class _Reader:
    """A `csv.reader` of cells up to `LONGEST` characters.

    The limit of the csv module is one for the whole process, so it is raised for each row alone.
    """

    def __init__(self, lines: Iterator[str], **options: Any) -> None:
        self._rows = csv.reader(lines, **options)

    @property
    def line_num(self) -> int:
        """Lines read so far."""
        return self._rows.line_num

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> list[str]:
        with _LIMIT:
            usual = csv.field_size_limit(LONGEST)
            try:
                return next(self._rows)
            finally:
                csv.field_size_limit(usual)


@dataclass(frozen=True, slots=True)
class _Dialect:
    delimiter: str
    quote: str

    def reader(self, lines: Iterator[str], *, strict: bool = True) -> _Reader:
        if self.quote == "none":
            return _Reader(lines, delimiter=self.delimiter, quoting=csv.QUOTE_NONE, strict=strict)
        return _Reader(lines, delimiter=self.delimiter, quotechar=self.quote, strict=strict)


def read_cells(
    stream: BinaryIO,
    name: str,
    form: CsvFormat = CsvFormat(),
    *,
    usual: str = ",",
    most: int = MOST_COLUMNS,
    advise: bool = True,
) -> Iterator[Record | Problem]:
    """Yields the records of a delimited file.

    Bytes that are not UTF-8 are read as Windows-1252: the caller has reported them, and other
    problems of the file can be reported as well.

    Args:
        stream: The file, at its beginning.
        name: Name of the file in places.
        form: The known part of the dialect.
        usual: The delimiter to use if none fits.
        most: Maximum number of columns.
        advise: Whether a problem names a config setting that may help.
    """
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
    try:
        yield from _Cells(text, name, form, usual, most, advise).records()
    finally:
        text.detach()


class _Cells:
    """One pass through a file."""

    def __init__(
        self, text: TextIO, name: str, form: CsvFormat, usual: str, most: int, advise: bool
    ) -> None:
        self._text, self._name, self._most, self._advise = text, name, most, advise
        self._skipped, stated = 0, _SEPARATOR.fullmatch(text.readline(_LINE))
        text.seek(0)
        lines = _sample(text)
        if stated:
            self._skipped, usual, lines = 1, stated["mark"], lines[1:]
            form = CsvFormat(
                delimiter=form.delimiter or usual, quote=form.quote, header=form.header
            )
        self._dialect = _dialect(lines, form, usual)
        self._header: list[str] | None = None
        if not isinstance(form.header, bool):
            self._header = list(form.header)
        self._numbered = form.header is False
        self._row = 0

    def records(self) -> Iterator[Record | Problem]:
        self._text.seek(0)
        lines = bounded_lines(self._text)
        for _ in range(self._skipped):
            next(lines)
        reader = self._dialect.reader(map(_readable, lines))
        line = 1
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                break
            except (csv.Error, LineTooLong) as error:
                number = reader.line_num + isinstance(error, LineTooLong)
                yield self._unreadable(error, number, line)
                return
            where, line = f"{self._name}:{line + self._skipped}", reader.line_num + 1
            if not cells or (self._header is None and not "".join(cells).strip()):
                continue
            item = self._record(cells, where)
            if item is not None:
                yield item
            if isinstance(item, Problem) and self._row == 0:
                return  # the problem is in the header
        if self._header is None:
            yield Problem(f"{self._name}: nothing but blank lines")

    def _record(self, cells: list[str], where: str) -> Record | Problem | None:
        if self._header is None:
            numbers = [str(number) for number in range(1, len(cells) + 1)]
            self._header = numbers if self._numbered else [cell.strip() for cell in cells]
            flaw = self._header_flaw()
            if flaw:
                return Problem(f"{where}: {flaw}")
            if not self._numbered:
                return None
        self._row += 1
        if len(cells) != len(self._header):
            expected = f"expected {len(self._header)} cells as in the header, got {len(cells)}"
            return Problem(f"{place(self._name, self._row, where)}: {expected}")
        values = dict(zip(self._header, cells, strict=True))
        values.pop("", None)  # no setting can name this column
        return Record(values, self._name, where, self._row)

    def _header_flaw(self) -> str | None:
        assert self._header is not None  # noqa: S101 - narrows the type
        if len(self._header) > self._most:
            return too_many_columns(len(self._header), self._most)
        named = duplicates(name for name in self._header if name)
        return f"columns named twice: {named}" if named else None

    def _unreadable(self, error: Exception, number: int, begun: int) -> Problem:
        begins = f", in the record that begins in line {begun + self._skipped}"
        quoted = isinstance(error, csv.Error) and self._dialect.quote != "none" and self._advise
        where = place(self._name, self._row + 1, f":{number + self._skipped}")
        return Problem(
            f"{where}: not readable as CSV ({error}){begins * (number > begun)}"
            f"{f'; {_PLAIN_QUOTES}' * quoted}"
        )


def _readable(line: str) -> str:
    if not line.isascii() and _ESCAPED.search(line):
        return _ESCAPED.sub(_as_windows, line)
    return line


def _as_windows(byte: re.Match[str]) -> str:
    return bytes([ord(byte[0]) - 0xDC00]).decode("cp1252", "replace")


def _sample(text: TextIO) -> list[str]:
    """The first lines that are not blank, up to one that is too long."""
    lines: list[str] = []
    size = 0
    while len(lines) < _LINES and size < _SAMPLE:
        line = text.readline(LONGEST)
        if not line or len(line) > (_LINE if lines else _SAMPLE):
            break
        if line.strip():
            lines.append(line)
        size += len(line)
    return lines


def _dialect(lines: Sequence[str], form: CsvFormat, usual: str) -> _Dialect:
    marks = (form.delimiter,) if form.delimiter else dict.fromkeys((usual, *_MARKS))
    quote = form.quote or '"'
    choices = [_Dialect(mark, quote) for mark in marks]
    if form.quote is None:
        single = [_Dialect(mark, "'") for mark in marks]
        choices = [x for x in single if _is_single_quoted(lines, x)] or choices
    return max(choices, key=lambda dialect: _fit(lines, dialect))


def _fit(lines: Sequence[str], dialect: _Dialect) -> tuple[bool, float, int]:
    """How well the lines agree on the number of cells; with equal agreement, more cells win."""
    widths = [len(cells) for cells in _parsed(lines, dialect)]
    if not widths or widths[0] < 2:
        return False, 0.0, 0
    alike = sum(width == widths[0] for width in widths[1:]) / max(len(widths) - 1, 1)
    return True, alike, widths[0]


def _parsed(lines: Sequence[str], dialect: _Dialect) -> list[list[str]]:
    """The rows up to the first unreadable one."""
    rows: list[list[str]] = []
    with contextlib.suppress(csv.Error):
        rows.extend(dialect.reader(iter(lines), strict=False))
    return rows


def _is_single_quoted(lines: Sequence[str], dialect: _Dialect) -> bool:
    """Whether each row has a cell in single quotes, and all rows have as many cells."""
    reader = dialect.reader(iter(lines))
    widths, quoted = [], []
    while True:
        first = reader.line_num
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error:
            return False
        widths.append(len(cells))
        line = lines[first]
        quoted.append(line.startswith("'") or f"{dialect.delimiter}'" in line)
    return len(widths) > 2 and min(widths) == max(widths) > 1 and all(quoted[1:])
