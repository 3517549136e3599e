"""The steps that clean a text: markup, odd characters, blanks and hard-wrapped lines.

Each looks cheaply whether there is anything to do, and yields edits, sorted and disjoint.
"""

import html
import re
import unicodedata
from collections.abc import Iterator
from html.entities import html5
from itertools import groupby

from newsstand.boilerplate import Edit

_WIDTH = (45, 100)  # characters of a full line in hard-wrapped copy

_BLOCKS = (
    "p|div|h[1-6]|ul|ol|dl|table|tr|blockquote|section|article|header|footer|aside|nav|main|figure"
    "|figcaption|pre|form|hr|br|li|dt|dd|td|th"
)
_INLINE = (
    "a|abbr|b|button|center|cite|code|del|em|font|i|iframe|img|input|ins|label|mark|o:p|picture|q"
    "|s|script|small|source|span|strike|strong|style|sub|sup|svg|tbody|thead|time|u|video|wbr"
)
# Only known tags, with attributes only after an equals sign: 'a <b and c> d' is no tag. Every
# scan stops at the next '<', so that a text full of them costs one pass.
_TAG = re.compile(
    rf"<(?=[!/a-z])(?:!--[^<>]*+>|(script|style)\b[^<>]*+>[^<]*+</\1\s*+>"
    rf"|/?(?:(?P<block>{_BLOCKS})|{_INLINE})(?P<attributes>[\s/][^<>]*+)?>)",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:amp;)*(#\d{1,7};|#[xX][0-9a-fA-F]{1,6};|[a-zA-Z][a-zA-Z0-9]{1,31};)")
_BREAK = {"br": "\n", "li": "\n", "dt": "\n", "dd": "\n", "tr": "\n", "td": " ", "th": " "}


def markup(text: str) -> Iterator[Edit]:
    """Tags go, or become breaks; entities become their characters."""
    if "<" in text:
        matches = [m for m in _TAG.finditer(text) if _is_tag(m["attributes"])]
        for m in matches:
            block = m["block"]
            yield *m.span(), _BREAK.get(block.lower(), "\n\n") if block else ""
        if matches:  # entities wait for the next round: the edits of one step must be disjoint
            return
    if "&" in text:
        for m in _ENTITY.finditer(text):
            if m[1][0] == "#" or m[1] in html5:
                yield *m.span(), html.unescape(f"&{m[1]}")


def _is_tag(attributes: str | None) -> bool:
    return not attributes or "=" in attributes or not attributes.strip(" /\n\t")


# Joiners are spelling in Persian and Indic scripts and hold emoji together; elsewhere they are
# litter. A lone surrogate cannot be encoded.
_LATIN = r"[\x00-\u02ff\u061c\u1680\u180e\u2000-\u206f\u3000\ufeff\ufff9-\ufffb]"
_ODD = re.compile(
    r"(?P<breaks>(?:\r\n?|[\x0b\x0c\u2028\u2029])++)"
    r"|(?P<blanks>[\t\xa0\u1680\u2000-\u200a\u202f\u205f\u3000\x1c-\x1f]++)"
    r"|(?P<litter>[\x00-\x08\x0e-\x1b\x7f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    r"\ufeff\ufff9-\ufffb]++)"
    r"|(?P<broken>[\x80-\x9f\ud800-\udfff]++)"
    rf"|(?<!{_LATIN})(?<!^)[\u200c\u200d](?!{_LATIN}|$)(?P<joiner>)|(?P<loose>[\u200c\u200d])"
)
# C1 controls in news are Windows-1252 punctuation read as Latin-1, as HTML also has it.
_MENDED = {c: bytes([c]).decode("cp1252", "ignore") for c in range(0x80, 0xA0)}
_MENDED |= dict.fromkeys(range(0xD800, 0xE000), "\ufffd")


def characters(text: str) -> Iterator[Edit]:
    """Line breaks and blanks of all kinds become plain ones; what cannot be seen goes."""
    if text.replace("\n", "").isprintable():
        return
    for m in _ODD.finditer(text):
        kind, old = m.lastgroup, m[0]
        if kind == "breaks":
            pages = {"\x0c", "\u2029"}.intersection(old)
            yield *m.span(), "\n\n" if pages or len(old.replace("\r\n", "\n")) > 1 else "\n"
        elif kind == "broken":
            yield *m.span(), old.translate(_MENDED)
        elif kind != "joiner":
            yield *m.span(), " " if kind == "blanks" else ""


# Marks in a row that no language comes near to: "significantly beyond what is required for any
# linguistic or technical usage" (Unicode Standard Annex 15, Stream-Safe Text Format). Ordering a
# run of marks takes the square of its length.
_MOST_MARKS = 30
_MARK = r"[^\x00-\u02ff\w\s]"  # or other sign
_MARKS = re.compile(
    rf"{_MARK}(?:{_MARK}{{{_MOST_MARKS},}}+)"
)  # in two: a search for the first is fast


def pruned(text: str) -> Iterator[Edit]:
    """Of more combining marks in a row than any letter has, the first stay."""
    if text.isascii():
        return
    for m in _MARKS.finditer(text):
        at = m.start()
        for is_mark, run in groupby(m[0], key=lambda char: unicodedata.combining(char) > 0):
            end = at + sum(1 for _ in run)
            if is_mark and end - at > _MOST_MARKS:
                yield at + _MOST_MARKS, end, ""
            at = end


def compose(text: str) -> Iterator[Edit]:
    """Letters and their marks become single characters (Unicode NFC)."""
    if text.isascii() or unicodedata.is_normalized("NFC", text):
        return
    # The few distinct characters tell what can combine; the regex then finds the clusters.
    distinct = [char for char in set(text) if char > "\u02ff"]
    marks = [c for c in distinct if unicodedata.category(c)[0] == "M" or "\u1160" <= c <= "\u11ff"]
    alone = [c for c in distinct if unicodedata.normalize("NFC", c) != c]
    some = "".join(map(re.escape, marks)) or "\u0300"
    for m in re.finditer(f"[^{some}]?[{some}]+|[{''.join(map(re.escape, alone)) or some}]", text):
        yield *m.span(), unicodedata.normalize("NFC", m[0])


_RUN = re.compile(r"[ \n]{2,}+")


def blanks(text: str) -> Iterator[Edit]:
    """Runs of blanks become one, paragraphs are one empty line apart, the ends are bare."""
    start, end = len(text) - len(text.lstrip(" \n")), len(text.rstrip(" \n"))
    if start:
        yield 0, start, ""
    if "  " in text or " \n" in text or "\n " in text or text.find("\n\n\n", start, end) >= 0:
        for m in _RUN.finditer(text, start, max(start, end)):
            yield *m.span(), "\n" * min(m[0].count("\n"), 2) or " "
    if start < end < len(text):
        yield end, len(text), ""


def has_single_breaks(text: str) -> bool:
    """Whether any line break is not that of a paragraph."""
    return text.count("\n") != 2 * text.count("\n\n")


def unwrap(text: str) -> Iterator[Edit]:
    """The line breaks of hard-wrapped paragraphs become blanks."""
    if not has_single_breaks(text):
        return
    at = 0
    for block in text.split("\n\n"):
        lines = block.split("\n")
        full = [_WIDTH[0] <= len(line) <= _WIDTH[1] for line in lines]
        goes_on = [line[:1].islower() for line in lines[1:]]
        wrapped = any(a and b for a, b in zip(full, goes_on, strict=False))
        if wrapped and max(map(len, lines)) <= _WIDTH[1]:
            end = at - 1
            for i, line in enumerate(lines[:-1]):
                end += len(line) + 1
                if full[i] or goes_on[i]:
                    yield end, end + 1, " "
        at += len(block) + 2
