"""Columns that a table lacks, what it may call them, and what is written on the command line."""

import difflib
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache

from newsstand.io.values import listing, shortened

# What other tables call our columns: lower case, with a blank for each sign between words; the
# likelier first.
_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "body": (
        *("text", "article text", "article body", "full text", "fulltext", "body text", "content"),
        *("article", "article content", "maintext", "main text", "story", "news", "news text"),
        *("document", "contents", "paragraph", "sentence", "tweet", "description", "summary"),
    ),
    "label": (
        *("labels", "category", "categories", "class", "topic", "topics", "section", "stance"),
        *("label name", "label text", "class name", "target label", "sentiment", "bias", "genre"),
        *("annotation", "tag", "desk", "leaning", "code", "klass", "kategorie", "rubrik"),
    ),
    "title": ("headline", "head line", "article title", "heading", "header", "subject", "head"),
    "target": ("claim", "entity", "target name", "stance target", "topic", "headline", "about"),
    "published": (
        *("date", "publish date", "published date", "publication date", "pub date", "pubdate"),
        *("published at", "published on", "date published", "datetime", "timestamp", "day", "time"),
        *("created at", "created"),
    ),
    "outlet": (
        *("source", "publisher", "newspaper", "paper", "publication", "source name", "outlet name"),
        *("news source", "media", "site", "agency", "domain"),
    ),
    "id": ("article id", "doc id", "document id", "uid", "guid", "uuid", "key", "nr", "no"),
    "author": ("authors", "byline", "by", "writer", "journalist"),
    "url": ("link", "href", "permalink", "web address", "source url", "article url"),
    "language": ("lang",),
    "group": ("story id", "cluster", "cluster id", "event", "event id"),
    "split": ("set", "subset", "fold", "partition"),
}
_LONGEST_NAME = 60  # characters; what is longer is no name
_CLOSE = 200  # names that one is compared with
_DATA_LIKE = 6  # words of a first row's cell that is no name of a column


def suggested(names: Sequence[str], wanted: Iterable[str]) -> dict[str, str]:
    """Canonical column to the name that it seems to have in a table, each name once.

    A column that is needed may also be named among other words.

    >>> suggested(["Headline", "Article text", "Category, desk"], ["body", "label", "title"])
    {'body': 'Article text', 'title': 'Headline', 'label': 'Category, desk'}
    """
    wanted = list(wanted)
    plain: dict[str, str] = {}
    for name in names:
        if len(name) <= _LONGEST_NAME:
            plain.setdefault(" ".join(name.casefold().translate(_SIGNS).split()), name)
    found: dict[str, str] = {}
    for column in wanted:
        known = (column, *_SYNONYMS.get(column, ()))
        choice = next((x for x in known if x in plain and plain[x] not in found.values()), None)
        if choice is not None:
            found[column] = plain[choice]
    for column in wanted:
        if column in _NEEDED and column not in found:
            free = {x: y for x, y in plain.items() if y not in found.values()}
            choice = _among(free, (column, *_SYNONYMS[column]))
            if choice is not None:
                found[column] = free[choice]
    return found


def _among(names: Iterable[str], known: Iterable[str]) -> str | None:
    """The name that has the likeliest of the known ones among its words."""
    spaced = [(f" {name} ", name) for name in names if _OTHERS.isdisjoint(name.split())]
    return next((name for x in known for words, name in spaced if f" {x} " in words), None)


_NEEDED = ("body", "label", "target")
# Words of names of columns that tell about a text, a label or a target, and are none.
_OTHERS = frozenset(
    [
        *("id", "nr", "no", "number", "url", "link", "date", "time"),
        *("length", "count", "words", "score", "version"),
    ]
)
_SIGNS = str.maketrans(dict.fromkeys("_-./:,;()[]", " "))


def as_setting(columns: Mapping[str, str | Sequence[str]]) -> str:
    r"""The setting `data.columns` as a shell takes it.

    >>> as_setting({"body": "Article text", "label": "Category"})
    '\'data.columns={body: "Article text", label: "Category"}\''
    """
    told = ", ".join(f"{name}: {_quoted(column)}" for name, column in columns.items())
    return shlex.quote(f"data.columns={{{told}}}")


def _quoted(value: str | Sequence[str]) -> str:
    if not isinstance(value, str):
        return f"[{', '.join(map(_quoted, value))}]"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def no_column(file: str, column: str, here: Sequence[str], suggestion: str | None = None) -> str:
    """One line: a file has no such column, what it has, and what may be meant."""
    names = [name for name in here[:_CLOSE] if len(name) <= _LONGEST_NAME]
    near = [suggestion] if suggestion else difflib.get_close_matches(column, names, n=1)
    hint = f"; did you mean {shortened(near[0])}? (data.columns)" if near else ""
    if any(len(name.split()) > _DATA_LIKE for name in here):
        hint = "; is there no header? Name the columns: 'data.csv.header=[…, …]'"
    elif len(here) == 1:
        hint = "; are its cells separated by commas, semicolons or tabs? (data.csv.delimiter)"
    return f"{file}: no column '{column}' (columns here: {listing(here)}){hint}"


def one_slip(name: str, columns: Collection[str]) -> list[str]:
    """The columns from which one letter, or two that are swapped, tell a name apart."""
    if len(name) > _LONGEST_NAME:
        return []
    return [column for column in columns if not _shorter(name).isdisjoint(_shorter(column))]


@lru_cache(maxsize=4096)
def _shorter(name: str) -> frozenset[str]:
    return frozenset({name, *(name[:at] + name[at + 1 :] for at in range(len(name)))})
