"""Reads tables of all supported formats, one record at a time, with its place.

Training data and articles to score are in the same formats, and both are read here. A reader does
not raise exceptions about single records: it yields a `Problem` and continues, so that all problems
of a file can be reported at once.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from newsstand.errors import InputError
from newsstand.io.csv_table import CsvFormat, read_cells
from newsstand.io.json_table import (
    LineTooLong,
    begins_json,
    bounded_lines,
    duplicates,
    parse_json,
    read_json,
    read_jsonl,
    too_many_columns,
)
from newsstand.io.unpack import PACKED, Unreadable, opened, table_suffix
from newsstand.io.values import MOST_COLUMNS, Problem, Record

__all__ = [
    "PACKED",
    "TABLES",
    "CsvFormat",
    "LineTooLong",
    "Problem",
    "Record",
    "bounded_lines",
    "file_flaw",
    "is_table",
    "parse_json",
    "read_csv",
    "read_jsonl",
    "read_page_bytes",
    "read_records",
    "read_text",
    "text_flaw",
]

TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet")
_OTHERS = {
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "a zip archive",
    b"PAR1": "Parquet",
    b"%PDF": "PDF",
}
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")
_APART = re.compile(r"[\s,;|\"]")
_CELLS = {".csv": ",", ".tsv": "\t"}
_OFFICE = (".xlsx", ".xlsm", ".xls", ".ods", ".numbers", ".docx", ".doc", ".odt", ".pdf", ".rtf")


def is_table(path: Path) -> bool:
    """Whether a file's name is that of a table, compressed or not."""
    return table_suffix(path) in (*TABLES, ".zip")


def read_records(
    path: Path,
    form: CsvFormat | None = None,
    *,
    most: int = MOST_COLUMNS,
    advise: bool = True,
    flatten: bool = True,
) -> Iterator[Record | Problem]:
    """Yields the records of a CSV, TSV, JSONL, JSON or Parquet file in order, compressed or not.

    Places are `file.csv:12` (a line, from 1) in formats with lines, otherwise
    `file.parquet, row 12`.

    Args:
        path: The file. Its content determines the format; its name distinguishes CSV and JSON.
        form: The known part of the dialect of a CSV or TSV file.
        most: Maximum number of columns.
        advise: Whether a problem names a config setting that may help.
        flatten: Whether tasks of labelling tools in JSON become plain columns.
    """
    form = form or CsvFormat()
    flaw = file_flaw(path)
    if flaw:
        yield Problem(flaw)
        return
    cells = table_suffix(path) in (*_CELLS, ".zip")
    try:
        with opened(path, form.encoding if cells else None) as file:
            if file.parquet or file.suffix == ".parquet":
                yield from _parquet(file.stream, path, most)
            elif file.suffix in _CELLS and not begins_json(file.stream):
                usual = _CELLS[file.suffix]
                yield from _cells(file.stream, path, form, usual, most, advise=advise)
            elif file.suffix in TABLES:  # also .csv and .tsv: JSON is saved under any name
                yield from _json(file.stream, path, file.suffix, most, flatten=flatten)
            else:
                yield Problem(_unknown(path, file.suffix))
    except Unreadable as error:
        yield Problem(f"{path}: {error}")


def _unknown(path: Path, suffix: str) -> str:
    advice = "; save it as CSV (UTF-8)" if suffix in _OFFICE else ""
    return f"{path}: unknown kind of table '{suffix}', expected one of {', '.join(TABLES)}{advice}"


def read_csv(path: Path) -> Iterator[Record | Problem]:
    """Yields the records of a delimited file with a header, whatever its suffix."""
    flaw = file_flaw(path)
    if flaw:
        yield Problem(flaw)
        return
    try:
        with opened(path) as file:
            yield from _cells(file.stream, path, CsvFormat(), ",", MOST_COLUMNS, advise=False)
    except Unreadable as error:
        yield Problem(f"{path}: {error}")


def _cells(
    stream: BinaryIO,
    path: Path,
    form: CsvFormat,
    usual: str,
    most: int,
    *,
    advise: bool = True,
) -> Iterator[Record | Problem]:
    flaw = _flaw(stream)
    if flaw:
        yield _not_utf8(path, flaw)
        if not flaw.word:
            return
    stream.seek(0)
    yield from read_cells(stream, str(path), form, usual=usual, most=most, advise=advise)


def _json(
    stream: BinaryIO, path: Path, suffix: str, most: int, *, flatten: bool
) -> Iterator[Record | Problem]:
    flaw = _flaw(stream)
    if flaw:
        yield Problem(f"{path}: byte {flaw.byte}, line {flaw.line}: {flaw}; save it as UTF-8")
        return
    stream.seek(0)
    lines = suffix != ".json"
    yield from read_json(stream, str(path), lines=lines, most=most, flatten=flatten)


def _not_utf8(path: Path, flaw: "_Flaw") -> Problem:
    message = f"{path}: byte {flaw.byte}, line {flaw.line}: {flaw}"
    if flaw.wide:
        setting = f"data.csv.encoding={flaw.wide}"
        return Problem(f"{message}; it looks like {flaw.wide} ({setting})", setting)
    if flaw.word:
        setting = "data.csv.encoding=windows-1252"
        reads = f"as windows-1252 it reads {flaw.word!r}"
        return Problem(f"{message}; {reads} ({setting}, or save it as UTF-8)", setting)
    return Problem(message)


def file_flaw(path: Path) -> str | None:
    """Why a path is not a readable file with content, or None."""
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
    """Why a file is not UTF-8 text, with the byte offset, or None; in bounded memory."""
    with path.open("rb") as stream:
        other = _other_encoding(stream.read(4))
        if other:
            return f"{path}: byte 0: expected UTF-8 text, this looks like {other}"
        stream.seek(0)
        flaw = _flaw(stream)
    return f"{path}: byte {flaw.byte}: {flaw}" if flaw else None


@dataclass(frozen=True, slots=True)
class _Flaw:
    """The first byte of a file that is not UTF-8 text.

    Args:
        byte: Its offset.
        line: Its line, from 1.
        reason: The reason.
        word: The word around it in Windows-1252, if that encoding is likely.
        wide: The likely encoding, if characters have two bytes.
    """

    byte: int
    line: int
    reason: str
    word: str = ""
    wide: str = ""

    def __str__(self) -> str:
        return f"expected UTF-8 text{self.reason}"


def _flaw(stream: BinaryIO) -> _Flaw | None:
    offset, line = 0, 1
    decoder = codecs.getincrementaldecoder("utf-8")()
    while True:
        chunk = stream.read(1 << 20)
        nul = chunk.find(b"\0")
        if nul >= 0:
            at = line + chunk.count(b"\n", 0, nul)
            return _Flaw(offset + nul, at, ", found a NUL byte", wide=_wide(chunk))
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            start = error.start - pending
            at = line + chunk.count(b"\n", 0, max(start, 0))
            word = _word(chunk, start) if start >= 0 else ""
            return _Flaw(offset + start, at, f" ({error.reason})", word)
        if not chunk:
            return None
        offset += len(chunk)
        line += chunk.count(b"\n")


def _wide(chunk: bytes) -> str:
    head = chunk[:200]
    if len(head) > 3 and head[1::2].count(0) > len(head) / 4:
        return "utf-16-le"
    return "utf-16-be" if len(head) > 3 and head[::2].count(0) > len(head) / 4 else ""


def _word(chunk: bytes, at: int) -> str:
    """The word around a byte in Windows-1252; empty if that encoding is not likely."""
    if _BINARY.search(chunk):
        return ""
    try:
        before, after = (
            x.decode("cp1252") for x in (chunk[max(0, at - 20) : at], chunk[at : at + 20])
        )
    except UnicodeDecodeError:
        return ""
    return _APART.split(before)[-1] + _APART.split(after)[0]


def _other_encoding(head: bytes) -> str | None:
    return next((name for mark, name in _OTHERS.items() if head.startswith(mark)), None)


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, with or without a byte order mark.

    Raises:
        InputError: The file is missing, empty or not UTF-8; with the byte offset.
    """
    flaw = file_flaw(path) or text_flaw(path)
    if flaw:
        raise InputError(flaw)
    return path.read_text(encoding="utf-8-sig")


def read_page_bytes(path: Path) -> bytes:
    """The bytes of a web page's file, whatever its encoding.

    Raises:
        InputError: The file is missing, empty, or of another kind, such as an archive.
    """
    flaw = file_flaw(path)
    if flaw:
        raise InputError(flaw)
    page = path.read_bytes()
    other = next((name for mark, name in _OTHERS.items() if page.startswith(mark)), None)
    if other not in (None, "UTF-16"):
        raise InputError(f"{path}: byte 0: expected a web page, this looks like {other}")
    return page


def _parquet(stream: BinaryIO, path: Path, most: int) -> Iterator[Record | Problem]:
    try:
        import pyarrow.parquet as pq
    except ModuleNotFoundError:
        yield Problem(f"{path}: reading Parquet needs pyarrow: pip install 'newsstand[parquet]'")
        return
    import pyarrow as pa

    try:
        row = 0
        # Checksums, if a file has them, are the only sign of a changed byte within a text. With
        # pre-buffering, everything that was read would stay in memory.
        with pq.ParquetFile(stream, page_checksum_verification=True, pre_buffer=False) as table:
            names = table.schema_arrow.names
            double = duplicates(iter(names))
            if double or len(names) > most:
                flaw = f"columns named twice: {double}" if double else ""
                yield Problem(f"{path}: {flaw or too_many_columns(len(names), most)}")
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
