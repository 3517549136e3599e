"""Reads tables of any of the supported kinds, one record at a time, with its place.

Training data and articles to score come in the same files, so both rooms read them here.
A reader never raises for what one record holds: it yields a `Problem` and goes on, so that
a caller can report all of a file's problems at once.
"""

import codecs
import csv
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from newsstand.errors import InputError

TABLES = (".csv", ".jsonl", ".ndjson", ".json", ".parquet")

# One article a cell: the csv module's own limit of 128 KiB is below a long read.
_LARGEST_CELL = 1 << 28


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
    flaw = file_flaw(path)
    if flaw:
        yield Problem(flaw)
        return
    kind = path.suffix.lower()
    if kind == ".parquet":
        yield from _parquet(path)
        return
    flaw = text_flaw(path)
    if flaw:
        yield Problem(flaw)
    elif kind == ".csv":
        yield from _csv(path)
    elif kind == ".json":
        yield from _json(path)
    elif kind in (".jsonl", ".ndjson"):
        with path.open("rb") as lines:
            yield from read_jsonl(lines, str(path))
    else:
        yield Problem(
            f"{path}: unknown kind of table '{kind}', expected one of {', '.join(TABLES)}"
        )


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


def read_jsonl(lines: BinaryIO, name: str) -> Iterator[Record | Problem]:
    """Yields the objects of a JSON Lines stream; blank lines are passed over."""
    for number, raw in enumerate(lines, start=1):
        where = f"{name}:{number}"
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            yield Problem(
                f"{where}: byte {error.start} of the line: expected UTF-8 ({error.reason})"
            )
            continue
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            place, reason = _json_flaw(error)
            yield Problem(f"{where}{place}: expected a JSON object a line ({reason})")
            continue
        yield _object(value, name, where)


def _object(value: Any, file: str, where: str) -> Record | Problem:
    if isinstance(value, dict):
        return Record(value, file, where)
    return Problem(f"{where}: expected a JSON object, got {type(value).__name__}")


def _json_flaw(error: Exception) -> tuple[str, str]:
    """The column, where it is known, and the reason."""
    if isinstance(error, json.JSONDecodeError):
        return f", column {error.colno}", error.msg
    if isinstance(error, RecursionError):
        return "", "nested too deeply"
    return "", str(error).partition(";")[0]  # an integer beyond Python's limit of digits


def _json(path: Path) -> Iterator[Record | Problem]:
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
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
    csv.field_size_limit(min(_LARGEST_CELL, sys.maxsize))
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream, strict=True)
        header: list[str] | None = None
        line = 1
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                begins = f", in the record that begins in line {line}" * (reader.line_num > line)
                yield Problem(f"{path}:{reader.line_num}: not readable as CSV ({error}){begins}")
                return
            where, line = f"{path}:{line}", reader.line_num + 1
            if not cells:
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


def _header_flaw(header: list[str]) -> str | None:
    twice = sorted({name for name in header if header.count(name) > 1})
    return f"columns named twice: {', '.join(map(repr, twice))}" if twice else None


def _parquet(path: Path) -> Iterator[Record | Problem]:
    try:
        import pyarrow.parquet as pq
    except ModuleNotFoundError:
        yield Problem(f"{path}: reading Parquet needs pyarrow: pip install 'newsstand[parquet]'")
        return
    import pyarrow as pa

    try:
        row = 0
        with pq.ParquetFile(path) as table:
            flaw = _header_flaw(table.schema_arrow.names)
            if flaw:
                yield Problem(f"{path}: {flaw}")
                return
            for batch in table.iter_batches():
                for values in batch.to_pylist():
                    row += 1
                    yield Record(values, str(path), f"{path}, row {row}")
    # ValueError and OverflowError: text that is not UTF-8, dates beyond Python's calendar.
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        reason = str(error).splitlines()[0]
        place = f"{path}, after row {row}" if row else str(path)
        yield Problem(f"{place}: not readable as Parquet ({reason})")
