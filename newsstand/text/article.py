"""The article: what a newsroom hands in, before any preparation."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self, TypeAlias

from newsstand.errors import InputError
from newsstand.io.values import listing, read_values
from newsstand.text.boilerplate import is_boilerplate

# Half-open character offsets [start, end) in a text.
Span: TypeAlias = tuple[int, int]

# A first line longer than this, in words, is a paragraph and not a headline.
_LONGEST_HEADLINE = 25
# The first line, when a blank line and some text follow it.
_FIRST_LINE = re.compile(r"[\ufeff\s]*+([^\r\n]++)\r?\n[ \t]*+\r?\n(?=\s*+\S)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """One news article, as published.

    Args:
        body: The text; paragraphs separated by line breaks where the source has them.
        title: The headline, or an empty string.
        id: The caller's own key; scores carry it back.
        outlet: The paper or agency.
        author: The byline, when the source keeps it apart from the text.
        published: Date in ISO 8601.
        url: Where it was published.
        language: BCP 47 tag, for instance `en`.
        mentions: Half-open places in `body` where the target of a stance is mentioned, by name or
            not, if they are known.
        warning: What the reader of a page noticed, such as that it holds hardly any text; scores
            carry it on. No column of that name is read.

    Raises:
        InputError: A title or body that is no text, or a place outside the body.

    >>> Article(title="Grain prices fall", body="ROTTERDAM - Wheat fell on Monday.").title
    'Grain prices fall'
    """

    body: str
    title: str = ""
    id: str | None = None
    outlet: str | None = None
    author: str | None = None
    published: str | None = None
    url: str | None = None
    language: str | None = None
    mentions: tuple[tuple[int, int], ...] = ()
    warning: str | None = None

    def __post_init__(self) -> None:
        for name in ("title", "body"):
            value = getattr(self, name)
            if not isinstance(value, str):
                raise InputError(f"article {name}: expected text, got {type(value).__name__}")
        if self.mentions:
            if not all(is_place(place, len(self.body)) for place in self.mentions):
                raise InputError(f"article mentions: {not_places(self.mentions)}")
            object.__setattr__(self, "mentions", tuple((x, y) for x, y in self.mentions))

    @classmethod
    def from_text(cls, text: str, *, id: str | None = None) -> Self:  # noqa: A002 - the column's name
        r"""An article from plain text; a short first line before a blank line is its headline.

        A line that ends in a full stop, or is boilerplate such as a byline or a dateline, is
        none. Offsets in scores refer to `title` and `body` as they come out here.

        >>> Article.from_text("Grain falls\n\nWheat fell on Monday.").title
        'Grain falls'
        """
        found = _FIRST_LINE.match(text)
        if found and len(found[1].split()) <= _LONGEST_HEADLINE:
            line = found[1].strip()
            if not line.endswith(".") and not is_boilerplate(line):
                return cls(title=line, body=text[found.end() :], id=id)
        return cls(body=text, id=id)

    @classmethod
    def from_mapping(cls, row: Mapping[str, Any]) -> Self:
        """An article from a JSON object or a table row; columns it does not know are ignored.

        What is accepted is what training accepts (`newsstand.io.values`): a missing body is an
        empty one, a date that is not understood is none, and of the other columns that describe the
        article, what is no text is left out. `mentions`, a list of `[start, end]`, are read where
        the row names their `target`.

        Raises:
            InputError: There is no column `body`, or title or body holds something other than text.
        """
        if "body" not in row:
            known = listing(sorted(map(str, row))) or "none"
            raise InputError(f"no column 'body' (columns here: {known})")
        found = read_values(row, _TEXTS)
        for name, flaw in found.flaws:
            raise InputError(f"column '{name}': {flaw}")
        values: dict[str, Any] = {"body": "", **found.texts}
        if "id" in values and isinstance(row["id"], str):
            values["id"] = row["id"]  # a key of the caller's comes back as it was
        mentions = row.get("mentions") if row.get("target") else None
        if mentions is not None:
            if not isinstance(mentions, (list, tuple)):
                raise InputError(f"column 'mentions': {not_places(mentions)}")
            values["mentions"] = tuple(mentions)
        return cls(**values)

    @classmethod
    def from_html(cls, page: str | bytes, *, id: str | None = None) -> Self:  # noqa: A002 - the column's name
        """An article from a web page: its headline and the paragraphs of its main text.

        trafilatura finds the text (`pip install 'newsstand[html]'`). Without it, a plain reader
        leaves out scripts, menus and the like, and each article has a `warning` that says so.
        Bytes are read by their byte order mark, as UTF-8 if they are, else by the encoding that
        the page declares. Any page gives an article; one with hardly any text has a `warning`.

        >>> Article.from_html("<h1>Grain falls</h1><p>Wheat fell on Monday.").body
        'Wheat fell on Monday.'
        """
        from newsstand.text.html import read_page  # a twentieth of what scoring one text takes

        found = read_page(page)
        return cls(title=found.title, body=found.body, id=id, warning=found.warning)


# The fields that tables have as columns: all but what reading a page has found.
COLUMNS = tuple(field.name for field in fields(Article) if field.name != "warning")
_TEXTS = [(name, name) for name in COLUMNS if name != "mentions"]


def is_place(value: Any, length: int) -> bool:
    """Whether a value is `[start, end]`, of a stretch that a text of that length has."""
    if not (isinstance(value, (list, tuple)) and len(value) == 2):
        return False
    start, end = value
    return type(start) is int and type(end) is int and 0 <= start < end <= length


def not_places(value: Any) -> str:
    """What is wrong with a value that is no list of places."""
    return f"{value!r:.60}: expected [[start, end], …], the target's places in the body"
