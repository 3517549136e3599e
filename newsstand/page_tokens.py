"""A page's tags and text in order, in one pass whose time is linear in the page's length.

The standard library's `html.parser` looks again for the end of each unfinished tag and is
quadratic on pages such as `<a <a <a`. This reader takes what browsers take, but for the letters
of the standard (https://html.spec.whatwg.org/#tokenization): an unfinished comment ends at the
next `>` and does not swallow the page.
"""

import html
import re
from collections.abc import Iterator
from typing import NamedTuple


def word_set(words: str) -> frozenset[str]:
    """The words of a text, for the readers' tables of names."""
    return frozenset(words.split())


# Their content is text, up to their own end tag.
RAW = frozenset(
    {"script", "style", "title", "textarea", "iframe", "noembed", "noframes", "xmp", "plaintext"}
)
_NAME = re.compile(r"[^\s/>]+")
_ATTRIBUTE = re.compile(
    r"""[\s/]*+(?P<name>[^\s/>][^\s/>=]*+)"""
    r"""(?:\s*+=\s*+(?:"(?P<double>[^"]*+)"|'(?P<single>[^']*+)'|(?P<bare>[^\s>]*+)))?+"""
)
_BLANK = re.compile(r"[\s/]*+")
# A number of thousands of digits is an error of Python's; no letter has more than seven.
_LONG_NUMBER = re.compile(r"&#(?:0*+[0-9]{8,}+|[xX]0*+[0-9a-fA-F]{7,}+);?")


class Tag(NamedTuple):
    """A tag: `close` for an end tag, which has no attributes."""

    name: str
    attributes: dict[str, str]
    close: bool


class _Finder:
    """`str.find` that does not look twice for what is not there."""

    def __init__(self, page: str) -> None:
        self._page = page
        self._missing: set[str] = set()

    def __call__(self, wanted: str, start: int) -> int:
        if wanted in self._missing:
            return -1
        place = self._page.find(wanted, start)
        if place < 0:
            self._missing.add(wanted)
        return place


def tokens(page: str) -> Iterator[Tag | str]:
    """Yields the tags of a page and the text between them, with character references read.

    Comments and declarations are left out. The content of a raw element, such as `<script>`, is
    one text between its tags.
    """
    find = _Finder(page)
    endings: dict[str, re.Pattern[str] | None] = {}
    start = place = 0
    while (place := page.find("<", place)) >= 0:
        kind = page[place + 1 : place + 2]
        closing = kind == "/" and page[place + 2 : place + 3].isalpha()
        if not (closing or kind.isalpha() or (kind and kind in "!?/")):
            place += 1  # a lone "less than"
            continue
        if start < place:
            yield unescaped(page[start:place])
        if closing or kind.isalpha():
            name, attributes, end = _tag(page, place + 1 + closing)
            yield Tag(name, {} if closing else attributes, closing)
            if name in RAW and not closing:
                text, end = _raw(page, end, name, endings)
                yield text if name in ("script", "style") else unescaped(text)
                yield Tag(name, {}, True)
        else:
            end = _past_comment(page, place, find)
            if end < 0:  # no tag follows
                return
        start = place = end
    if start < len(page):
        yield unescaped(page[start:])


def unescaped(text: str) -> str:
    """Text with its character references read."""
    if "&" not in text:
        return text
    return html.unescape(_LONG_NUMBER.sub("\ufffd", text))


def _tag(page: str, place: int) -> tuple[str, dict[str, str], int]:
    """Name and attributes of the tag whose name starts there, and where the tag ends."""
    found = _NAME.match(page, place)
    name = found[0].lower() if found else ""
    place += len(name)
    attributes: dict[str, str] = {}
    while found := _ATTRIBUTE.match(page, place):
        value = found["double"] or found["single"] or found["bare"] or ""
        attributes.setdefault(found["name"].lower(), unescaped(value))
        place = found.end()
    blank = _BLANK.match(page, place)
    place = blank.end() if blank else place
    return name, attributes, min(place + 1, len(page))


def _raw(
    page: str, start: int, name: str, endings: dict[str, re.Pattern[str] | None]
) -> tuple[str, int]:
    """The text of a raw element, and where its end tag begins; an unfinished one has none."""
    ending = endings.setdefault(name, re.compile(rf"</{name}(?=[\s/>])", re.I))
    found = ending.search(page, start) if ending else None
    if found:
        close = page.find(">", found.end())
        return page[start : found.start()], close + 1 if close >= 0 else len(page)
    endings[name] = None
    # An unfinished script is all code; an unfinished title or frame must not hide the page.
    if name in ("script", "style"):
        return page[start:], len(page)
    return "", start


def _past_comment(page: str, place: int, find: _Finder) -> int:
    """Where a comment, declaration or instruction ends, or -1."""
    for empty in ("<!-->", "<!--->"):
        if page.startswith(empty, place):
            return place + len(empty)
    if page.startswith("<!--", place):
        end = find("-->", place + 4)
        if end >= 0:
            return end + 3
    elif page.startswith("<![CDATA[", place):
        end = find("]]>", place)
        if end >= 0:
            return end + 3
    end = find(">", place)
    return end + 1 if end >= 0 else -1
