"""Reads articles from files of any supported format, in the given order."""

import re
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from newsstand.errors import InputError
from newsstand.io.records import (
    TABLES,
    CsvFormat,
    Problem,
    Record,
    file_flaw,
    is_table,
    read_jsonl,
    read_page_bytes,
    read_records,
    read_text,
)
from newsstand.io.values import listing
from newsstand.text.article import Article

STDIN = "stdin"
_TEXTS = (".txt", ".html", ".htm")
# A place in a file, after its name: `:3, column 9`, `, row 12`.
_WHERE = re.compile(r"(?::\d+|(?:, |: )(?:row|item|line|column) \d+(?:,\d{3})*)+")
_ROW = re.compile(r": row [\d,]+, line ")
_NUMBER = re.compile(r"(?:(row|item|line|column) |:)([\d,]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreError:
    """The reason why one of several articles could not be scored.

    Args:
        message: The reason.
        place: The article: `article 3`, `article 'its id'`, or a place in a file.
        id: The article's id.
    """

    message: str
    place: str
    id: str | None = None

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, id first; `error` is place and reason."""
        return {"id": self.id, "error": str(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFormat:
    """How the tables of articles are read, as `data.columns` and `data.csv` are in training.

    Args:
        columns: Name in the files of each canonical column that is named differently there.
        csv: The known part of the dialect of CSV and TSV files.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    csv: CsvFormat = field(default_factory=CsvFormat)


class Position(NamedTuple):
    """The position of a row in the input.

    Args:
        file: Its file.
        number: Number of the row in the file, from 1, in JSON Lines that of the line; None for an
            article that is a file of its own, and for the problem of a file.
        line: The last line read, or the number of the row in files without lines; None if unknown.
    """

    file: str = ""
    number: int | None = None
    line: int | None = None


class Row(NamedTuple):
    """An article to score.

    Args:
        article: The article, or the reason why it cannot be read.
        target: The target in its row, unchecked, or None.
        place: Its file, or for a row `file.csv:12`.
        values: The columns of its row as the file has them; empty for an article that is a file of
            its own, and for a row that cannot be read.
        position: Its position in the input.
    """

    article: Article | ScoreError
    target: Any
    place: str
    values: Mapping[str, Any] = MappingProxyType({})
    position: Position = Position()


def read_articles(paths: Iterable[str], form: TableFormat | None = None) -> Iterator[Row]:
    """Yields each article of each file, with the target in its row, or None.

    The id of an article without one is its place: the file, or for a row `file.csv:12`. For a row
    or file that cannot be read, the reason is yielded, and reading continues.

    Args:
        paths: Files; `.txt` and `.html` contain one article, `.json`, `.jsonl`, `.csv` and
            `.parquet` rows with the canonical columns; `-` is JSON Lines on standard input.
        form: How tables are read; None for the canonical columns and a detected dialect.
    """
    form = form or TableFormat()
    for path in paths:
        name = STDIN if path == "-" else path
        try:
            yield from _stdin(form) if path == "-" else _file(path, form)
        except InputError as error:
            yield _unread(str(error), name)
        except OSError as error:
            yield _unread(f"{name}: cannot be read ({error.strerror})", name)


def _stdin(form: TableFormat) -> Iterator[Row]:
    if sys.stdin is None:
        raise InputError(f"{STDIN}: closed")
    return _rows(read_jsonl(sys.stdin.buffer, STDIN), STDIN, form)


def _file(name: str, form: TableFormat) -> Iterator[Row]:
    path = Path(name)
    kind = path.suffix.lower()
    at = Position(name)
    if kind == ".txt":
        yield Row(Article.from_text(_text(path), id=name), None, name, position=at)
    elif kind in _TEXTS:
        page = Article.from_html(read_page_bytes(path), id=name)
        yield Row(page, None, name, position=at)
    elif is_table(path):
        yield from _rows(read_records(path, form.csv, advise=False), name, form)
    else:
        known = ", ".join((*_TEXTS, *TABLES))
        raise InputError(
            file_flaw(path) or f"{name}: unknown kind of file '{kind}', expected {known}"
        )


def _text(path: Path) -> str:
    try:
        return read_text(path)
    except InputError as error:
        hint = ""
        if "expected UTF-8 text (" in str(error):  # not a binary file
            hint = f"; from Windows-1252: iconv -f WINDOWS-1252 -t UTF-8 {shlex.quote(str(path))}"
        raise InputError(f"{error}{hint}") from None


def _rows(items: Iterable[Record | Problem], name: str, form: TableFormat) -> Iterator[Row]:
    item = None
    for item in items:
        if isinstance(item, Problem):
            # A setting of training is an option here.
            flaw = item.message.replace("data.csv.encoding=", "--encoding ")
            yield _unread(flaw, name)
        else:
            yield _row(item, name, form.columns)
    if item is None:
        yield _unread(f"{name}: no articles", name)


def _row(item: Record, name: str, columns: Mapping[str, str]) -> Row:
    at = _position(name, item.place[len(item.file) :])
    try:
        values = _canonical(item.values, columns)
        article = Article.from_mapping(values)
    except InputError as error:
        own = item.values.get(columns.get("id", "id"))
        key = str(own) if isinstance(own, (str, int)) else ""
        place = _place(item, key)
        failed = ScoreError(message=str(error), place=place, id=key or item.where)
        return Row(failed, None, place, item.values, at)
    target = values.get("target")
    named = replace(article, id=article.id or item.where)
    wanted = None if target == "" else target
    return Row(named, wanted, _place(item, article.id), item.values, at)


def _canonical(values: dict[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    """The columns of a row and, under their canonical names, those named differently.

    Raises:
        InputError: A column is missing.
    """
    if not columns:
        return values
    missing = [name for name in columns.values() if name not in values]
    if missing:
        here = listing(sorted(map(str, values))) or "none"
        raise InputError(f"no column '{missing[0]}' (columns here: {here})")
    return {**values, **{ours: values[name] for ours, name in columns.items()}}


def _place(item: Record, key: str | None) -> str:
    return f"{item.place}, id '{key:.60}'" if key else item.place


def _position(file: str, place: str) -> Position:
    """The position that a place names, such as `: row 9, line 12`."""
    match = _WHERE.match(place)
    found = {
        kind: int(x.replace(",", "")) for kind, x in _NUMBER.findall(match[0] if match else "")
    }
    number = found.get("row") or found.get("item") or found.get("")
    return Position(file, number, found.get("line") or number)


def _unread(flaw: str, name: str) -> Row:
    """The row of an error; the message begins with the file and the place in it."""
    file = next((x for x in (name, str(Path(name))) if flaw.startswith(x)), "")
    match = _WHERE.match(flaw, len(file))
    place = flaw[: match.end()] if match else file
    message = flaw[len(place) :].removeprefix(": ")
    key = _ROW.sub(":", place).partition(", column ")[0] or name  # as for rows without an id
    error = ScoreError(message=message, place=place or name, id=key)
    return Row(error, None, key, position=_position(name, place[len(file) :]))
