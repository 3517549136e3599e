"""Reads and scores the articles of files of any supported kind, in the order given."""

import re
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import tee
from pathlib import Path
from typing import Any, NamedTuple

from newsstand.article import Article
from newsstand.errors import InputError
from newsstand.records import (
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
from newsstand.serve.score import Score, ScoreError
from newsstand.serve.scorer import Scorer

_STDIN = "stdin"
_TEXTS = (".txt", ".html", ".htm")
# Where in a file something is, behind the file's name: `:3, column 9`, `, row 12`.
_WHERE = re.compile(r"(?::\d+|(?:, |: )(?:row|item|line|column) \d+(?:,\d{3})*)+")
_ROW = re.compile(r": row [\d,]+, line ")


class Row(NamedTuple):
    """An article to score.

    Args:
        article: The article, or why it cannot be read.
        target: What its row names as the target, unchecked, or None.
        place: Its file, or of a row `file.csv:12`.
    """

    article: Article | ScoreError
    target: Any
    place: str


def score_files(
    scorer: Scorer, paths: Iterable[str], targets: Sequence[str], *, explain: bool, workers: int
) -> Iterator[Score | ScoreError]:
    """Yields the score of each article of each file, or why it has none and where it is.

    An article whose row names no target has a score for each of the targets given.

    Args:
        scorer: The model.
        paths: As `read_articles` takes them.
        targets: Of rows that name none, for stance.
        explain: Find the evidence too.
        workers: Processes that score.
    """
    rows, read = tee(_toward(read_articles(paths), targets))
    wanted = None
    if scorer.task == "stance":  # else nobody would take from this reader, and all be kept
        rows, again = tee(rows)
        wanted = (row.target for row in again)
    scores = scorer.score_many(
        (row.article for row in rows),
        target=wanted,
        explain=explain,
        workers=workers,
        errors="yield",
    )
    for found, row in zip(scores, read, strict=True):
        if isinstance(found, ScoreError) and not isinstance(row.article, ScoreError):
            yield replace(found, place=row.place)  # the scorer knows no files
        else:
            yield found


def _toward(rows: Iterable[Row], targets: Sequence[str]) -> Iterator[Row]:
    """Rows that name no target once for each of the targets."""
    for row in rows:
        own = row.target is not None or not targets or isinstance(row.article, ScoreError)
        yield from [row] if own else (row._replace(target=target) for target in targets)


def read_articles(paths: Iterable[str]) -> Iterator[Row]:
    """Yields each article of each file, with the target its row names, or None.

    An article without an id gets its place: the file, or for a row `file.csv:12`. What cannot be
    read, a row or a file, takes its place with the reason, and reading goes on behind it.

    Args:
        paths: Files; `.txt` and `.html` hold one article, `.json`, `.jsonl`, `.csv` and
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
        if "expected UTF-8 text (" in str(error):  # no binary file
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
    """A row for what cannot be read; its flaw begins with the file, and where in it."""
    file = next((x for x in (name, str(Path(name))) if flaw.startswith(x)), "")
    found = _WHERE.match(flaw, len(file))
    place = flaw[: found.end()] if found else file
    message = flaw[len(place) :].removeprefix(": ")
    key = _ROW.sub(":", place).partition(", column ")[0] or name  # as a row without an id has it
    return Row(ScoreError(message=message, place=place or name, id=key), None, key)
