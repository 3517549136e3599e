"""Reads tables of any of the supported kinds, one record at a time, with its place.

Training data and articles to score come in the same files, so both rooms read them here.
A reader never raises for what one record holds: it yields a `Problem` and goes on, so that
a caller can report all of a file's problems at once.
"""

import codecs
import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, AnyStr, BinaryIO, TextIO

from newsstand.errors import InputError

TABLES = (".csv", ".jsonl", ".ndjson", ".json", ".parquet")

# No line and no cell is longer: far beyond any article, and little beside a machine's memory.
# (The csv module's own limit for a cell, 128 KiB, is below a long read.)
_LONGEST = 1 << 25


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its values, the file it comes from, and where in it."""

    values: dict[str, Any]
    file: str
    where: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Something a reader could not use, as one line that names the place."""

    message: str


def read_records(path: Path) -> Iterator[Record | Problem]:
    """Yields the records of a CSV, JSONL, JSON or Parquet file in order.

    Places read `file.csv:12` (a line, counted from 1) where the format has lines, else
    `file.parquet, row 12`.
    """
    kind = path.suffix.lower()
    flaw = file_flaw(path) or (text_flaw(path) if kind != ".parquet" else None)
    if flaw:
        yield Problem(flaw)
    elif kind == ".parquet":
        yield from _parquet(path)
    elif kind == ".csv":
        yield from _csv(path)
    elif kind == ".json":
        yield from _json(path)
    elif kind in (".jsonl", ".ndjson"):
        yield from _jsonl(path)
    else:
        yield Problem(
            f"{path}: unknown kind of table '{kind}', expected one of {', '.join(TABLES)}"
        )


def read_csv(path: Path) -> Iterator[Record | Problem]:
    """Yields the records of a file of cells with a header, whatever its name ends in."""
    flaw = file_flaw(path) or text_flaw(path)
    if flaw:
        yield Problem(flaw)
    else:
        yield from _csv(path)


def file_flaw(path: Path) -> str | None:
    """Why a path cannot be read as a file at all, or None."""
    try:
        with path.open("rb") as stream:
            return None if stream.read(1) else f"{path}: the file is empty"
    except FileNotFoundError:
        return f"{path}: no such file"
    except IsADirectoryError:
        return f"{path}: expected a file, this is a folder"
    except OSError as error:
        return f"{path}: cannot be read ({error.strerror})"
    except ValueError as error:  # a path with a NUL
        return f"{str(path)!r}: cannot be read ({error})"


def text_flaw(path: Path) -> str | None:
    """Why a file is not UTF-8 text, with the byte offset, or None. Memory stays bounded."""
    offset = 0
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as stream:
        while True:
            chunk = stream.read(1 << 20)
            if offset == 0:
                other = _other_encoding(chunk)
                if other:
                    return f"{path}: byte 0: expected UTF-8 text, this looks like {other}"
            nul = chunk.find(b"\0")
            if nul >= 0:
                return f"{path}: byte {offset + nul}: expected UTF-8 text, found a NUL byte"
            pending = len(decoder.getstate()[0])
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                place = offset - pending + error.start
                return f"{path}: byte {place}: expected UTF-8 text ({error.reason})"
            if not chunk:
                return None
            offset += len(chunk)


def _other_encoding(head: bytes) -> str | None:
    marks = {
        codecs.BOM_UTF16_LE: "UTF-16",
        codecs.BOM_UTF16_BE: "UTF-16",
        b"\x1f\x8b": "gzip",
        b"PK\x03\x04": "a zip archive",
        b"PAR1": "Parquet",
        b"%PDF": "PDF",
    }
    return next((name for mark, name in marks.items() if head.startswith(mark)), None)


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, with or without a byte order mark.

    Raises:
        InputError: Missing, empty or not UTF-8, with the byte offset.
    """
    flaw = file_flaw(path) or text_flaw(path)
    if flaw:
        raise InputError(flaw)
    return path.read_text(encoding="utf-8-sig")


def read_page_bytes(path: Path) -> bytes:
    """The bytes of a web page's file, whatever its encoding.

    Raises:
        InputError: Missing, empty, or a file of another kind, such as an archive.
    """
    flaw = file_flaw(path)
    if flaw:
        raise InputError(flaw)
    page = path.read_bytes()
    other = _other_encoding(page[:8])
    if other not in (None, "UTF-16"):
        raise InputError(f"{path}: byte 0: expected a web page, this looks like {other}")
    return page


class LineTooLong(Exception):  # noqa: N818 - a problem of a file, turned into a `Problem`
    """A line that no record can be: what a damaged file holds may be gigabytes."""

    def __init__(self) -> None:
        super().__init__(f"a line of more than {_LONGEST:,} characters; is a line end missing?")


def bounded_lines(stream: IO[AnyStr]) -> Iterator[AnyStr]:
    """The lines of a stream with their ends.

    Raises:
        LineTooLong: Instead of reading it into memory.
    """
    while line := stream.readline(_LONGEST):
        if len(line) == _LONGEST:
            raise LineTooLong
        yield line


def _jsonl(path: Path) -> Iterator[Record | Problem]:
    blank = True
    with path.open("rb") as lines:
        for item in read_jsonl(lines, str(path)):
            blank = False
            yield item
    if blank:
        yield Problem(f"{path}: nothing but blank lines")


def read_jsonl(lines: BinaryIO, name: str) -> Iterator[Record | Problem]:
    """Yields the objects of a JSON Lines stream; blank lines are passed over."""
    number = 0
    try:
        for number, raw in enumerate(bounded_lines(lines), start=1):
            if raw.strip():
                yield _json_line(raw, number, name)
    except LineTooLong as error:
        yield Problem(f"{name}:{number + 1}: {error}")


def _json_line(raw: bytes, number: int, name: str) -> Record | Problem:
    where = f"{name}:{number}"
    try:
        line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        return Problem(f"{where}: byte {error.start} of the line: expected UTF-8 ({error.reason})")
    try:
        value = parse_json(line)
    except (ValueError, RecursionError) as error:
        place, reason = _json_flaw(error)
        return Problem(f"{where}{place}: expected a JSON object a line ({reason})")
    return _object(value, name, where)


def _object(value: Any, file: str, where: str) -> Record | Problem:
    if isinstance(value, dict):
        return Record(value, file, where)
    return Problem(f"{where}: expected a JSON object, got {type(value).__name__}")


def parse_json(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: No JSON, or an object that has a key twice, of which one would be lost.
        RecursionError: Nested too deeply.
    """
    return _DECODER.decode(text)


def _object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"key twice: {_twice(names)}")
    return values


_DECODER = json.JSONDecoder(object_pairs_hook=_object_of)


def _json_flaw(error: Exception) -> tuple[str, str]:
    """Where a text is no JSON (`, column 9`), where that is known, and why."""
    if isinstance(error, json.JSONDecodeError):
        return f", column {error.colno}", error.msg
    if isinstance(error, RecursionError):
        return "", "nested too deeply"
    return "", str(error).partition(";")[0]  # an integer beyond Python's limit of digits


def _json(path: Path) -> Iterator[Record | Problem]:
    try:
        value = parse_json(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        place, reason = _json_flaw(error)
        line = f":{error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        yield Problem(f"{path}{line}{place}: expected a JSON object or a list of them ({reason})")
        return
    if isinstance(value, list):
        for number, item in enumerate(value, start=1):
            yield _object(item, str(path), f"{path}, item {number}")
    else:
        yield _object(value, str(path), str(path))


def _csv(path: Path) -> Iterator[Record | Problem]:
    csv.field_size_limit(_LONGEST)
    with path.open(encoding="utf-8-sig", newline="") as stream:
        delimiter = _delimiter(stream)
        reader = csv.reader(bounded_lines(stream), delimiter=delimiter, strict=True)
        header: list[str] | None = None
        line = 1
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                break
            except (csv.Error, LineTooLong) as error:
                number = reader.line_num + isinstance(error, LineTooLong)
                begins = f", in the record that begins in line {line}" * (number > line)
                yield Problem(f"{path}:{number}: not readable as CSV ({error}){begins}")
                return
            where, line = f"{path}:{line}", reader.line_num + 1
            if not cells or (header is None and not "".join(cells).strip()):
                continue
            if header is None:
                header = [cell.strip() for cell in cells]
                flaw = _header_flaw(header)
                if flaw:
                    yield Problem(f"{where}: {flaw}")
                    return
            elif len(cells) != len(header):
                yield Problem(
                    f"{where}: expected {len(header)} cells as in the header, got {len(cells)}"
                )
            else:
                yield Record(dict(zip(header, cells, strict=True)), str(path), where)
    if header is None:
        yield Problem(f"{path}: nothing but blank lines")


def _delimiter(stream: TextIO) -> str:
    """Comma, or what a header without commas has instead: many Excels write semicolons."""
    head = next((line for line in iter(lambda: stream.readline(_LONGEST), "") if line.strip()), "")
    stream.seek(0)
    return next((mark for mark in ",;\t" if mark in head), ",")


def _header_flaw(header: list[str]) -> str | None:
    twice = _twice(header)
    return f"columns named twice: {twice}" if twice else None


def _twice(names: list[str]) -> str:
    return ", ".join(sorted({repr(name) for name in names if names.count(name) > 1}))


def _parquet(path: Path) -> Iterator[Record | Problem]:
    try:
        import pyarrow.parquet as pq
    except ModuleNotFoundError:
        yield Problem(f"{path}: reading Parquet needs pyarrow: pip install 'newsstand[parquet]'")
        return
    import pyarrow as pa

    try:
        row = 0
        # Checksums, where a file has them, are the only sign of a byte changed inside a text.
        # Buffered ahead, all that was read of the file would stay in memory.
        with pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False) as table:
            flaw = _header_flaw(table.schema_arrow.names)
            if flaw:
                yield Problem(f"{path}: {flaw}")
                return
            for batch in table.iter_batches(batch_size=1024):
                for values in batch.to_pylist():
                    row += 1
                    yield Record(values, str(path), f"{path}, row {row}")
    # ValueError and OverflowError: text that is not UTF-8, dates beyond Python's calendar.
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        reason = str(error).splitlines()[0]
        place = f"{path}, after row {row}" if row else str(path)
        yield Problem(f"{place}: not readable as Parquet ({reason})")
