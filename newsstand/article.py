"""The article: what a newsroom hands in, before any preparation."""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any, Self

from newsstand.boilerplate import is_boilerplate
from newsstand.errors import InputError
from newsstand.values import listing, read_values

# The columns of a row that an article is made of.
_COLUMNS = [
    (name, name)
    for name in ("title", "body", "id", "outlet", "author", "published", "url", "language")
]
# A first line longer than this, in words, is a paragraph and not a headline.
_LONGEST_HEADLINE = 25
# The first line, when a blank line and some text follow it.
_FIRST_LINE = re.compile(r"[\ufeff\s]*([^\r\n]+)\r?\n[ \t]*\r?\n(?=\s*\S)")


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

        What is accepted is what training accepts (`newsstand.values`): a missing body is an empty
        one, a date that is not understood is none, and of the other columns that describe the
        article, what is no text is left out. `mentions`, a list of `[start, end]`, are read where
        the row names their `target`.

        Raises:
            InputError: There is no column `body`, or title or body holds something other than text.
        """
        if "body" not in row:
            known = listing(sorted(map(str, row))) or "none"
            raise InputError(f"no column 'body' (columns here: {known})")
        found = read_values(row, _COLUMNS)
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
    def from_html(cls, page: str, *, id: str | None = None) -> Self:  # noqa: A002 - the column's name
        """An article from a web page: its title and the paragraphs of its main text.

        Takes the paragraphs, subheads and list items inside `<article>` or `<main>`, or, where
        they hold more text, all paragraphs outside navigation, headers, footers, asides and
        forms; else those in forms, as some publishing systems wrap the whole page in one; a page
        without paragraphs gives all its visible text.
        """
        reader = _Page()
        reader.feed(page)
        reader.close()
        # A page of a list of stories has small articles inside; the story itself is longer.
        paragraphs = max(reader.inside, reader.outside, key=lambda found: sum(map(len, found)))
        paragraphs = paragraphs or reader.in_form or reader.loose
        title = reader.headline or reader.og_title or reader.title
        return cls(title=title, body="\n\n".join(paragraphs), id=id)


def is_place(value: Any, length: int) -> bool:
    """Whether a value is `[start, end]`, of a stretch that a text of that length has."""
    if not (isinstance(value, (list, tuple)) and len(value) == 2):
        return False
    start, end = value
    return type(start) is int and type(end) is int and 0 <= start < end <= length


def not_places(value: Any) -> str:
    """What is wrong with a value that is no list of places."""
    return f"{value!r:.60}: expected [[start, end], …], the target's places in the body"


_BREAK = "\x1e"  # stands for <br>; the line breaks of the page's source are blanks


class _Page(HTMLParser):
    """Collects headline and paragraphs of a page; forgiving, as browsers are."""

    _SKIP = frozenset(
        {"script", "style", "nav", "footer", "aside", "header", "form", "noscript", "template"}
        | {"svg", "figure", "button", "select", "iframe"}
    )
    _MAIN = frozenset({"article", "main"})
    _BLOCKS = frozenset({"p", "h1", "h2", "h3", "h4", "li", "blockquote", "div", "section", "td"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title = self.og_title = self.headline = ""
        self.inside: list[str] = []
        self.outside: list[str] = []
        self.in_form: list[str] = []
        self.loose: list[str] = []
        self._skip = 0
        self._main = 0
        self._form = 0
        self._tag = ""
        self._text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._BLOCKS or tag in self._SKIP or tag == "title":
            self._flush()
            self._tag = tag
        if tag == "br":
            self._text.append(_BREAK)
        elif tag == "meta" and ("property", "og:title") in attrs:
            self.og_title = (dict(attrs).get("content") or "").strip()
        self._skip += self._skips(tag)
        self._form += tag == "form"
        self._main += tag in self._MAIN

    def handle_endtag(self, tag: str) -> None:
        if tag in self._BLOCKS or tag in self._SKIP or tag in self._MAIN or tag == "title":
            self._flush()
            self._tag = ""
        if self._skips(tag):
            self._skip = max(0, self._skip - 1)
        if tag == "form":
            self._form = max(0, self._form - 1)
        if tag in self._MAIN:
            self._main = max(0, self._main - 1)

    def _skips(self, tag: str) -> bool:
        if tag == "header":
            # The article's own holds its headline; the page's holds the menu.
            return self._main == 0
        if tag == "form":
            # One around the article may hold the whole page; one inside asks for an address.
            return self._main > 0
        return tag in self._SKIP

    def handle_data(self, data: str) -> None:
        if not self._skip:
            self._text.append(data)

    def close(self) -> None:
        super().close()
        self._flush()

    def _flush(self) -> None:
        lines = (" ".join(line.split()) for line in "".join(self._text).split(_BREAK))
        text = "\n".join(line for line in lines if line)
        self._text.clear()
        if not text:
            return
        if self._tag == "title":
            self.title = self.title or html.unescape(text)
        elif self._tag == "h1":
            self.headline = self.headline or text
        elif self._tag in {"p", "blockquote"}:
            apart = self.in_form if self._form else self.outside
            (self.inside if self._main else apart).append(text)
        elif self._main and self._tag in {"li", "h2", "h3", "h4"}:
            self.inside.append(text)
        else:
            self.loose.append(text)
