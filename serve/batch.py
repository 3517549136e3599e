"""Reads articles to score from files of any supported kind, in the order given."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from newsstand.article import Article
from newsstand.errors import InputError
from newsstand.records import (
    TABLES,
    Problem,
    Record,
    file_flaw,
    is_table,
    read_jsonl,
    read_records,
    read_text,
)

_TEXTS = (".txt", ".html", ".htm")


def read_articles(paths: Iterable[str]) -> Iterator[tuple[Article, str | None]]:
    """Yields each article of each file, with the target its row names, or None.

    An article without an id gets its place: the file, or for a row `file.csv:12`.

    Args:
        paths: Files; `.txt` and `.html` hold one article, `.json`, `.jsonl`, `.csv` and
            `.parquet` rows with the canonical columns; `-` is JSON Lines on standard input.

    Raises:
        InputError: At the first file or row that cannot be read, naming it.
    """
    for name in paths:
        if name == "-":
            yield from _rows(read_jsonl(sys.stdin.buffer, "stdin"), "stdin")
            continue
        path = Path(name)
        kind = path.suffix.lower()
        if kind in _TEXTS:
            text = read_text(path)
            read = Article.from_text if kind == ".txt" else Article.from_html
            yield read(text, id=name), None
        elif is_table(path):
            yield from _rows(read_records(path), name)
        else:
            known = ", ".join((*_TEXTS, *TABLES))
            raise InputError(
                file_flaw(path) or f"{name}: unknown kind of file '{kind}', expected {known}"
            )


def _rows(items: Iterable[Record | Problem], name: str) -> Iterator[tuple[Article, str | None]]:
    item = None
    for item in items:
        if isinstance(item, Problem):
            raise InputError(item.message)
        try:
            article = Article.from_mapping(item.values)
            if not article.id:
                article = replace(article, id=item.where)
        except InputError as error:
            raise InputError(f"{item.place}: {error}") from None
        target = item.values.get("target")
        if target is not None and not isinstance(target, str):
            got = f"{type(target).__name__} {target!r:.40}"
            raise InputError(f"{item.place}: column 'target': expected text, got {got}")
        yield article, target or None
    if item is None:
        raise InputError(f"{name}: no articles")
