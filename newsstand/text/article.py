"""The article, as published and before any preparation."""

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
# The first line, if a blank line and some text follow it.
_FIRST_LINE = re.compile(r"[\ufeff\s]*+([^\r\n]++)\r?\n[ \t]*+\r?\n(?=\s*+\S)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """One news article, as published.

    Args:
        body: The text, with paragraphs separated by line breaks where the source has them.
        title: The headline, or an empty string.
        id: A key of the caller; scores include it.
        outlet: The newspaper, site or agency.
        author: The byline, if the source separates it from the text.
        published: Date in ISO 8601.
        url: Address of publication.
        language: BCP 47 tag, for instance `en`.
        mentions: Spans in `body` where the target of a stance is mentioned, by name or otherwise,
            if known.
        warning: A problem found when reading a web page, such as hardly any text; scores include
            it. It is never read from a column.

    Raises:
        InputError: Title or body is not text, or a mention is outside the body.

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
    mentions: tuple[Span, ...] = ()
    warning: str | None = None

    def __post_init__(self) -> None:
        for name in ("title", "body"):
            value = getattr(self, name)
            if not isinstance(value, str):
                raise InputError(f"article {name}: expected text, got {type(value).__name__}")
        if self.mentions:
            if not all(is_span(span, len(self.body)) for span in self.mentions):
                raise InputError(f"article mentions: {_invalid_mentions(self.mentions)}")
            object.__setattr__(self, "mentions", tuple((x, y) for x, y in self.mentions))

    @classmethod
    def from_text(cls, text: str, *, id: str | None = None) -> Self:  # noqa: A002 - the column's name
        r"""Creates an article from text; a short first line before a blank line is its headline.

        A line that ends in a full stop, or is boilerplate such as a byline or a dateline, is not
        a headline. Offsets in scores refer to the `title` and `body` of this article.

        >>> Article.from_text("Grain falls\n\nWheat fell on Monday.").title
        'Grain falls'
        """
        match = _FIRST_LINE.match(text)
        if match and len(match[1].split()) <= _LONGEST_HEADLINE:
            line = match[1].strip()
            if not line.endswith(".") and not is_boilerplate(line):
                return cls(title=line, body=text[match.end() :], id=id)
        return cls(body=text, id=id)

    @classmethod
    def from_mapping(cls, row: Mapping[str, Any]) -> Self:
        """Creates an article from a JSON object or a table row; unknown columns are ignored.

        The same values are accepted as in training (`newsstand.io.values`): a missing body is
        empty, and an unreadable date or a value that is not text is left out in the columns other
        than title and body. `mentions`, a list of `[start, end]`, are read if the row has a
        `target`.

        Raises:
            InputError: There is no column `body`, or title or body is not text.
        """
        if "body" not in row:
            known = listing(sorted(map(str, row))) or "none"
            raise InputError(f"no column 'body' (columns here: {known})")
        read = read_values(row, _TEXTS)
        for name, flaw in read.flaws:
            raise InputError(f"column '{name}': {flaw}")
        values: dict[str, Any] = {"body": "", **read.texts}
        if "id" in values and isinstance(row["id"], str):
            values["id"] = row["id"]  # returned unchanged
        mentions = row.get("mentions") if row.get("target") else None
        if mentions is not None:
            if not isinstance(mentions, (list, tuple)):
                raise InputError(f"column 'mentions': {_invalid_mentions(mentions)}")
            values["mentions"] = tuple(mentions)
        return cls(**values)

    @classmethod
    def from_html(cls, page: str | bytes, *, id: str | None = None) -> Self:  # noqa: A002 - the column's name
        """Creates an article from a web page: its headline and the paragraphs of its main text.

        trafilatura extracts the text (`pip install 'newsstand[html]'`). Without it, a simple
        parser leaves out scripts, menus and the like, and each article has a `warning` about it.
        Bytes are decoded by their byte order mark, else as UTF-8 if valid, else by the encoding
        that the page declares. Any page gives an article; one with hardly any text has a
        `warning`.

        >>> Article.from_html("<h1>Grain falls</h1><p>Wheat fell on Monday.").body
        'Wheat fell on Monday.'
        """
        from newsstand.text.html import read_page  # imported here: 5% of scoring one text

        read = read_page(page)
        return cls(title=read.title, body=read.body, id=id, warning=read.warning)


# The fields that tables have as columns.
COLUMNS = tuple(field.name for field in fields(Article) if field.name != "warning")
_TEXTS = [(name, name) for name in COLUMNS if name != "mentions"]


def is_span(value: Any, length: int) -> bool:
    """Whether a value is a nonempty `[start, end]` within a text of a length."""
    if not (isinstance(value, (list, tuple)) and len(value) == 2):
        return False
    start, end = value
    return type(start) is int and type(end) is int and 0 <= start < end <= length


def _invalid_mentions(value: Any) -> str:
    return f"{value!r:.60}: expected [[start, end], …], the target's offsets in the body"
