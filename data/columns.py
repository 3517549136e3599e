"""Suggestions for missing columns: likely names in a table, and the setting that maps them."""

import difflib
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache

from newsstand.io.values import listing, shortened

# Common names of our columns in other tables, the likelier first: lower case, with a space for
# each separator.
_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "body": (
        *("text", "article text", "article body", "full text", "fulltext", "body text", "content"),
        *("article", "article content", "maintext", "main text", "story", "news", "news text"),
        *("document", "contents", "paragraph", "sentence", "tweet", "description", "summary"),
        *("volltext", "artikeltext", "artikel", "inhalt", "comment"),
    ),
    "label": (
        *("labels", "category", "categories", "class", "topic", "topics", "section", "stance"),
        *("label name", "label text", "class name", "target label", "sentiment", "bias", "genre"),
        *("annotation", "tag", "desk", "leaning", "code", "klass", "kategorie", "rubrik"),
        *("ressort", "thema", "haltung"),
    ),
    "title": (
        *("headline", "head line", "article title", "heading", "header", "subject", "head"),
        *("titel", "überschrift", "schlagzeile"),
    ),
    "target": (
        *("claim", "entity", "target name", "stance target", "topic", "headline", "about"),
        *("these", "aussage", "thema"),
    ),
    "published": (
        *("date", "publish date", "published date", "publication date", "pub date", "pubdate"),
        *("published at", "published on", "date published", "datetime", "timestamp", "day", "time"),
        *("created at", "created", "datum", "erscheinungsdatum", "veröffentlicht"),
    ),
    "outlet": (
        *("source", "publisher", "newspaper", "paper", "publication", "source name", "outlet name"),
        *("news source", "media", "site", "agency", "domain", "quelle", "zeitung", "medium"),
    ),
    "id": ("article id", "doc id", "document id", "uid", "guid", "uuid", "key", "nr", "no"),
    "author": ("authors", "byline", "by", "writer", "journalist", "autor"),
    "url": ("link", "href", "permalink", "web address", "source url", "article url"),
    "language": ("lang", "sprache"),
    "group": ("story id", "cluster", "cluster id", "event", "event id"),
    "genre": ("article type", "content type", "text type", "textsorte"),
    "split": ("set", "subset", "fold", "partition"),
}
_LONGEST_NAME = 60  # characters; longer texts are not names
_CLOSE = 200  # names compared with a missing one
_DATA_LIKE = 6  # words; a header with a longer cell is probably a row of data


def suggest_columns(names: Sequence[str], wanted: Iterable[str]) -> dict[str, str]:
    """Maps canonical columns to the names that they probably have in a table, each name once.

    The name of a required column may also contain other words.

    >>> suggest_columns(["Headline", "Article text", "Category, desk"], ["body", "label", "title"])
    {'body': 'Article text', 'title': 'Headline', 'label': 'Category, desk'}
    """
    wanted = list(wanted)
    plain: dict[str, str] = {}  # normalised name to name
    for name in names:
        if len(name) <= _LONGEST_NAME:
            plain.setdefault(" ".join(name.casefold().translate(_SIGNS).split()), name)
    mapping: dict[str, str] = {}
    for column in wanted:
        known = (column, *_SYNONYMS.get(column, ()))
        choice = next((x for x in known if x in plain and plain[x] not in mapping.values()), None)
        if choice is not None:
            mapping[column] = plain[choice]
    for column in wanted:
        if column in _NEEDED and column not in mapping:
            free = {x: y for x, y in plain.items() if y not in mapping.values()}
            choice = _containing(free, (column, *_SYNONYMS[column]))
            if choice is not None:
                mapping[column] = free[choice]
    return mapping


def _containing(names: Iterable[str], known: Iterable[str]) -> str | None:
    """Returns the name that contains the likeliest of the known names."""
    spaced = [(f" {name} ", name) for name in names if _OTHERS.isdisjoint(name.split())]
    return next((name for x in known for words, name in spaced if f" {x} " in words), None)


_NEEDED = ("body", "label", "target")
# Words in names of columns that describe a text, label or target but do not contain it.
_OTHERS = frozenset(
    [
        *("id", "nr", "no", "number", "url", "link", "date", "time"),
        *("length", "count", "words", "score", "version"),
    ]
)
_SIGNS = str.maketrans(dict.fromkeys("_-./:,;()[]", " "))


def as_setting(columns: Mapping[str, str | Sequence[str]]) -> str:
    r"""Returns the setting `data.columns`, quoted for a shell.

    >>> as_setting({"body": "Article text", "label": "Category"})
    '\'data.columns={body: "Article text", label: "Category"}\''
    """
    mapping = ", ".join(f"{name}: {_quoted(column)}" for name, column in columns.items())
    return shlex.quote(f"data.columns={{{mapping}}}")


def _quoted(value: str | Sequence[str]) -> str:
    if not isinstance(value, str):
        return f"[{', '.join(map(_quoted, value))}]"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def missing_column(
    file: str, column: str, here: Sequence[str], suggestion: str | None = None
) -> str:
    """Returns the message that a file lacks a column: its columns, and a suggestion."""
    names = [name for name in here[:_CLOSE] if len(name) <= _LONGEST_NAME]
    near = [suggestion] if suggestion else difflib.get_close_matches(column, names, n=1)
    hint = f"; did you mean {shortened(near[0])}? (data.columns)" if near else ""
    if any(len(name.split()) > _DATA_LIKE for name in here):
        hint = "; is the header missing? Name the columns: 'data.csv.header=[…, …]'"
    elif len(here) == 1:
        hint = "; are its cells separated by commas, semicolons or tabs? (data.csv.delimiter)"
    return f"{file}: no column '{column}' (columns here: {listing(here)}){hint}"


def one_edit_away(name: str, columns: Collection[str]) -> list[str]:
    """Returns the columns that differ from a name by one letter or by two swapped letters."""
    if len(name) > _LONGEST_NAME:
        return []
    return [column for column in columns if not _shorter(name).isdisjoint(_shorter(column))]


@lru_cache(maxsize=4096)
def _shorter(name: str) -> frozenset[str]:
    return frozenset({name, *(name[:at] + name[at + 1 :] for at in range(len(name)))})
