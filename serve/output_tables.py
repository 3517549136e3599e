"""Writes the rows of an output as JSON Lines, CSV or Parquet, in bounded memory."""

import csv
import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from newsstand.errors import InputError, NewsstandError
from newsstand.serve.output_columns import Kind

SUFFIXES = (".jsonl", ".csv", ".parquet")
_ROWS = 1024  # of a row group, also in memory
# What spreadsheets take for a formula; a signed number is none.
_FORMULA = re.compile(r"[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?[\d.,]+(?:[eE][+-]?\d+)?%?")
_SURROGATES = re.compile("[\ud800-\udfff]")


def check_suffix(path: Path) -> str:
    """The suffix of an output's name.

    Raises:
        InputError: It is none of `SUFFIXES`.
        NewsstandError: It is `.parquet`, and pyarrow is not installed.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        known = ", ".join(SUFFIXES)
        raise InputError(f"{path}: unknown kind of output '{suffix}', expected one of {known}")
    if suffix == ".parquet":
        try:
            import pyarrow.parquet  # noqa: F401
        except ModuleNotFoundError:
            raise NewsstandError(
                f"{path}: writing Parquet needs pyarrow: pip install 'newsstand[parquet]'"
            ) from None
    return suffix


def json_line(values: Mapping[str, Any]) -> bytes:
    """A line of JSON in UTF-8; a lone surrogate is escaped as JSON does."""
    try:
        return f"{json.dumps(values, ensure_ascii=False, allow_nan=False)}\n".encode()
    except UnicodeEncodeError:
        return f"{json.dumps(values, allow_nan=False)}\n".encode()


def write_table(rows: Path, to: Path, suffix: str, kinds: Mapping[str, Kind]) -> None:
    """Writes rows in the format of a suffix.

    Args:
        rows: The rows as JSON Lines.
        to: The file to write.
        suffix: One of `SUFFIXES`.
        kinds: The kind of each column, in order; used for CSV and Parquet.

    Raises:
        OSError: The file cannot be written.
    """
    if suffix == ".jsonl":
        shutil.copyfile(rows, to)
    elif suffix == ".csv":
        _write_csv(rows, to, kinds)
    else:
        _write_parquet(rows, to, kinds)


def _read(rows: Path) -> Iterator[dict[str, Any]]:
    with rows.open("rb") as stream:
        for line in stream:
            yield json.loads(line)


def _write_csv(rows: Path, to: Path, kinds: Mapping[str, Kind]) -> None:
    # With a byte order mark, Excel reads UTF-8.
    with to.open("w", encoding="utf-8-sig", newline="", errors="replace") as stream:
        writer = csv.writer(stream)
        writer.writerow([_cell(name) for name in kinds])
        for row in _read(rows):
            writer.writerow([_cell(row.get(name)) for name in kinds])


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        formula = _FORMULA.match(value) and not _NUMBER.fullmatch(value)
        return f"'{value}" if formula else value
    if isinstance(value, float):
        return repr(value)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    return json.dumps(value, ensure_ascii=False)


def _write_parquet(rows: Path, to: Path, kinds: Mapping[str, Kind]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types: dict[Kind, Any] = {
        "bool": pa.bool_(),
        "int": pa.int64(),
        "float": pa.float64(),
        "date": pa.date32(),
        "time": pa.timestamp("us"),
        "zoned time": pa.timestamp("us", tz="UTC"),
    }
    fields = [(name, types.get(kind, pa.string())) for name, kind in kinds.items()]
    schema = pa.schema(fields)
    values: dict[str, Callable[[Any], Any]] = {
        name: _CONVERTERS.get(kind, _text) for name, kind in kinds.items()
    }
    read = _read(rows)
    with pq.ParquetWriter(to, schema, write_page_checksum=True) as stream:
        while batch := list(islice(read, _ROWS)):
            columns = {
                name: [convert(row.get(name)) for row in batch] for name, convert in values.items()
            }
            stream.write_table(pa.table(columns, schema=schema))


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return value if value.isascii() else _SURROGATES.sub("\ufffd", value)


def _converter(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else convert(value)


_CONVERTERS: dict[Kind, Callable[[Any], Any]] = {
    "bool": _converter(bool),
    "int": _converter(int),
    "float": _converter(float),
    "date": _converter(date.fromisoformat),
    "time": _converter(datetime.fromisoformat),
    "zoned time": _converter(datetime.fromisoformat),
}
