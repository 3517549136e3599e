"""Reads articles from files of any supported format, in the given order."""

import re
import shlex
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from newsstand.errors import InputError
from newsstand.io.records import (
    TABLES,
    Problem,
    Record,
    file_flaw,
    is_table,
    read_jsonl,
    read_page_bytes,
    read_records,
    read_text,
)
from newsstand.text.article import Article

_STDIN = "stdin"
_TEXTS = (".txt", ".html", ".htm")
# A place in a file, after its name: `:3, column 9`, `, row 12`.
_WHERE = re.compile(r"(?::\d+|(?:, |: )(?:row|item|line|column) \d+(?:,\d{3})*)+")
_ROW = re.compile(r": row [\d,]+, line ")


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


class Row(NamedTuple):
    """An article to score.

    Args:
        article: The article, or the reason why it cannot be read.
        target: The target in its row, unchecked, or None.
        place: Its file, or for a row `file.csv:12`.
    """

    article: Article | ScoreError
    target: Any
    place: str


def read_articles(paths: Iterable[str]) -> Iterator[Row]:
    """Yields each article of each file, with the target in its row, or None.

    The id of an article without one is its place: the file, or for a row `file.csv:12`. For a row
    or file that cannot be read, the reason is yielded, and reading continues.

    Args:
        paths: Files; `.txt` and `.html` contain one article, `.json`, `.jsonl`, `.csv` and
            `.parquet` rows with the canonical columns; `-` is JSON Lines on standard input.
    """
    for path in paths:
        name = _STDIN if path == "-" else path
        try:
            yield from _stdin() if path == "-" else _file(path)
        except InputError as error:
            yield _unread(str(error), name)
        except OSError as error:
            yield _unread(f"{name}: cannot be read ({error.strerror})", name)


def _stdin() -> Iterator[Row]:
    if sys.stdin is None:
        raise InputError(f"{_STDIN}: closed")
    return _rows(read_jsonl(sys.stdin.buffer, _STDIN), _STDIN)


def _file(name: str) -> Iterator[Row]:
    path = Path(name)
    kind = path.suffix.lower()
    if kind == ".txt":
        yield Row(Article.from_text(_text(path), id=name), None, name)
    elif kind in _TEXTS:
        yield Row(Article.from_html(read_page_bytes(path), id=name), None, name)
    elif is_table(path):
        yield from _rows(read_records(path, advise=False), name)
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


def _rows(items: Iterable[Record | Problem], name: str) -> Iterator[Row]:
    item = None
    for item in items:
        yield _unread(item.message, name) if isinstance(item, Problem) else _row(item)
    if item is None:
        yield _unread(f"{name}: no articles", name)


def _row(item: Record) -> Row:
    try:
        article = Article.from_mapping(item.values)
    except InputError as error:
        own = item.values.get("id")
        key = str(own) if isinstance(own, (str, int)) else ""
        place = _place(item, key)
        return Row(ScoreError(message=str(error), place=place, id=key or item.where), None, place)
    target = item.values.get("target")
    named = replace(article, id=article.id or item.where)
    return Row(named, None if target == "" else target, _place(item, article.id))


def _place(item: Record, key: str | None) -> str:
    return f"{item.place}, id '{key:.60}'" if key else item.place


def _unread(flaw: str, name: str) -> Row:
    """The row of an error; the message begins with the file and the place in it."""
    file = next((x for x in (name, str(Path(name))) if flaw.startswith(x)), "")
    match = _WHERE.match(flaw, len(file))
    place = flaw[: match.end()] if match else file
    message = flaw[len(place) :].removeprefix(": ")
    key = _ROW.sub(":", place).partition(", column ")[0] or name  # as for rows without an id
    return Row(ScoreError(message=message, place=place or name, id=key), None, key)
