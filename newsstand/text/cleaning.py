"""The steps that clean a text: markup, special characters, blanks and hard-wrapped lines.

Each yields sorted and disjoint edits, after a fast test whether there is anything to do.
"""

import html
import re
import unicodedata
from collections.abc import Iterator
from html.entities import html5
from itertools import groupby

from newsstand.text.boilerplate import Edit

_WIDTH = (45, 100)  # characters of a full line in hard-wrapped copy

_BLOCKS = (
    "p|div|h[1-6]|ul|ol|dl|table|tr|blockquote|section|article|header|footer|aside|nav|main|figure"
    "|figcaption|pre|form|hr|br|li|dt|dd|td|th"
)
_INLINE = (
    "a|abbr|b|button|center|cite|code|del|em|font|i|iframe|img|input|ins|label|mark|o:p|picture|q"
    "|s|script|small|source|span|strike|strong|style|sub|sup|svg|tbody|thead|time|u|video|wbr"
)
# Only known tags, and attributes only with an equals sign: 'a <b and c> d' is not a tag. Every
# match stops at the next '<', so that a text full of them takes one pass.
_TAG = re.compile(
    rf"<(?=[!/a-z])(?:!--[^<>]*+>|(script|style)\b[^<>]*+>[^<]*+</\1\s*+>"
    rf"|/?(?:(?P<block>{_BLOCKS})|{_INLINE})(?P<attributes>[\s/][^<>]*+)?>)",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:amp;)*(#\d{1,7};|#[xX][0-9a-fA-F]{1,6};|[a-zA-Z][a-zA-Z0-9]{1,31};)")
_BREAK = {"br": "\n", "li": "\n", "dt": "\n", "dd": "\n", "tr": "\n", "td": " ", "th": " "}


def markup(text: str) -> Iterator[Edit]:
    """Removes tags or replaces them by breaks; decodes entities."""
    if "<" in text:
        matches = [m for m in _TAG.finditer(text) if _is_tag(m["attributes"])]
        for m in matches:
            block = m["block"]
            yield *m.span(), _BREAK.get(block.lower(), "\n\n") if block else ""
        if matches:  # entities are left to the next round: the edits of a step must be disjoint
            return
    if "&" in text:
        for m in _ENTITY.finditer(text):
            if m[1][0] == "#" or m[1] in html5:
                yield *m.span(), html.unescape(f"&{m[1]}")


def _is_tag(attributes: str | None) -> bool:
    return not attributes or "=" in attributes or not attributes.strip(" /\n\t")


# Joiners are part of the spelling in Persian and Indic scripts and of emoji; elsewhere they are
# removed. A lone surrogate cannot be encoded.
_LATIN = r"[\x00-\u02ff\u061c\u1680\u180e\u2000-\u206f\u3000\ufeff\ufff9-\ufffb]"
_ODD = re.compile(
    r"(?P<breaks>(?:\r\n?|[\x0b\x0c\u2028\u2029])++)"
    r"|(?P<blanks>[\t\xa0\u1680\u2000-\u200a\u202f\u205f\u3000\x1c-\x1f]++)"
    r"|(?P<litter>[\x00-\x08\x0e-\x1b\x7f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    r"\ufeff\ufff9-\ufffb]++)"
    r"|(?P<broken>[\x80-\x9f\ud800-\udfff]++)"
    rf"|(?<!{_LATIN})(?<!^)[\u200c\u200d](?!{_LATIN}|$)(?P<joiner>)|(?P<loose>[\u200c\u200d])"
)
# C1 controls in news are Windows-1252 punctuation decoded as Latin-1, as in HTML.
_REPAIRED = {c: bytes([c]).decode("cp1252", "ignore") for c in range(0x80, 0xA0)}
_REPAIRED |= dict.fromkeys(range(0xD800, 0xE000), "\ufffd")


def characters(text: str) -> Iterator[Edit]:
    """Normalises line breaks and blanks; removes invisible characters."""
    if text.replace("\n", "").isprintable():
        return
    for m in _ODD.finditer(text):
        kind, old = m.lastgroup, m[0]
        if kind == "breaks":
            pages = {"\x0c", "\u2029"}.intersection(old)
            yield *m.span(), "\n\n" if pages or len(old.replace("\r\n", "\n")) > 1 else "\n"
        elif kind == "broken":
            yield *m.span(), old.translate(_REPAIRED)
        elif kind != "joiner":
            yield *m.span(), " " if kind == "blanks" else ""


# More consecutive marks than any language needs: "significantly beyond what is required for any
# linguistic or technical usage" (Unicode Standard Annex 15, Stream-Safe Text Format). Ordering a
# run of marks takes quadratic time.
_MOST_MARKS = 30
_MARK = r"[^\x00-\u02ff\w\s]"  # or other sign
_MARKS = re.compile(
    rf"{_MARK}(?:{_MARK}{{{_MOST_MARKS},}}+)"
)  # in two parts: a search for the first is fast


def limit_marks(text: str) -> Iterator[Edit]:
    """Limits runs of combining marks to a number that no letter exceeds."""
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
    """Composes letters and their marks into single characters (Unicode NFC)."""
    if text.isascii() or unicodedata.is_normalized("NFC", text):
        return
    # The distinct characters determine what can combine; the regex then finds the clusters.
    distinct = [char for char in set(text) if char > "\u02ff"]
    marks = [c for c in distinct if unicodedata.category(c)[0] == "M" or "\u1160" <= c <= "\u11ff"]
    alone = [c for c in distinct if unicodedata.normalize("NFC", c) != c]
    some = "".join(map(re.escape, marks)) or "\u0300"
    for m in re.finditer(f"[^{some}]?[{some}]+|[{''.join(map(re.escape, alone)) or some}]", text):
        yield *m.span(), unicodedata.normalize("NFC", m[0])


# Variants of plain letters and digits, as half-open ranges of code points. Listed here because
# `unicodedata` changes with the Python version, and a saved model must always see the same text.
_LETTER_FORMS = (
    *((0x132, 0x134), (0x13F, 0x141), (0x149, 0x14A), (0x17F, 0x180)),  # ĳ, ŀ, ŉ, long s
    *((0x1C4, 0x1CD), (0x1F1, 0x1F4)),  # ǆ, ǉ, ǌ, ǳ
    *((0x3D0, 0x3D7), (0x3F0, 0x3F3), (0x3F4, 0x3F6), (0x3F9, 0x3FA), (0x1E9B, 0x1E9C)),  # Greek
    *((0x2B0, 0x2B9), (0x2E0, 0x2E5), (0x1D2C, 0x1D6B), (0x2071, 0x2072), (0x207F, 0x2080)),  # 1ˢᵗ
    *((0x2080, 0x208A), (0x2090, 0x209D)),  # CO₂
    *((0x2102, 0x2103), (0x210A, 0x2114), (0x2115, 0x2116), (0x2119, 0x211E)),  # mathematical
    *((0x2124, 0x2125), (0x2128, 0x2129), (0x212C, 0x212E), (0x212F, 0x213A)),
    *((0x213C, 0x2140), (0x2145, 0x214A), (0x1D400, 0x1D800), (0x1EE00, 0x1EEF0)),
    *((0x1FBF0, 0x1FBFA), (0x2160, 0x2180), (0x24B6, 0x24EA), (0x1F130, 0x1F14A)),  # Ⅳ, Ⓐ, 🄰
    *((0x2E9F, 0x2EA0), (0x2EF3, 0x2EF4), (0x2F00, 0x2FD6)),  # ideographs drawn as radicals
    *((0xFB00, 0xFB50), (0xFB50, 0xFDFD), (0xFE70, 0xFEFD)),  # ligatures, Hebrew, Arabic
    *((0xFF10, 0xFF1A), (0xFF21, 0xFF3B), (0xFF41, 0xFF5B), (0xFF61, 0xFFDD)),  # wide, half-width
)
# Wide and small punctuation, which is kept in Chinese, Japanese and Korean lines. Without <, > and
# &, which would become markup that the text does not have.
_WIDE_MARKS = (
    *((0xFF01, 0xFF06), (0xFF07, 0xFF10), (0xFF1A, 0xFF1C), (0xFF1D, 0xFF1E), (0xFF1F, 0xFF21)),
    *((0xFF3B, 0xFF41), (0xFF5B, 0xFF61), (0xFE50, 0xFE53), (0xFE54, 0xFE60), (0xFE61, 0xFE64)),
    *((0xFE66, 0xFE67), (0xFE68, 0xFE6C)),
)
# (Compiled on first use, which takes 5 ms for so many characters.)
_EAST_ASIAN = "[\u3041-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff]"
# Invisible in a word, where they select a glyph at most; after an emoji, a digit of a keycap or in
# Mongolian they matter.
_INVISIBLE = "\u034f" + "".join(map(chr, range(0xFE00, 0xFE10)))
_VARIATION = rf"(?<=\w)[{_INVISIBLE}\U000e0100-\U000e01ef]++(?!\u20e3)"


def _class(*ranges: tuple[int, int]) -> str:
    return f"[{''.join(f'{chr(start)}-{chr(end - 1)}' for start, end in ranges)}]"


_FORM = re.compile(f"{_class(*_LETTER_FORMS)}|{_VARIATION}")
_FORM_OR_MARK = re.compile(f"{_class(*_LETTER_FORMS, *_WIDE_MARKS)}|{_VARIATION}")


def fold(text: str) -> Iterator[Edit]:
    """Replaces variants of letters and digits by plain ones (a subset of Unicode NFKC).

    These are ligatures, Arabic and Hebrew presentation forms, wide, half-width, mathematical,
    circled, superscript and subscript letters, Roman numerals, subscript digits; and wide
    punctuation in lines without East Asian letters. Invisible characters in words are removed.

    Characters with a meaning of their own are kept: superscript digits and fractions (10² is not
    102), signs (№, ™, …, ª), units and other words in a square (㎏), numbers in circles or brackets
    (①), and regular letters of a language (Thai ำ, Armenian և, Korean ㅋ).
    """
    if text.isascii() or not _may_fold(text):
        return
    at = 0
    for line in text.split("\n"):
        for m in (_FORM if re.search(_EAST_ASIAN, line) else _FORM_OR_MARK).finditer(line):
            plain = "" if m[0][0] in _INVISIBLE or m[0] >= "\U000e0100" else _plain(m[0])
            yield at + m.start(), at + m.end(), plain
        at += len(line) + 1


def _may_fold(text: str) -> bool:
    """Whether a text may have characters to fold; takes 10% of the time of a search for them."""
    return (
        not unicodedata.is_normalized("NFKC", text.replace("…", ""))
        or any(char in text for char in _INVISIBLE)
        or len(text.encode("utf-16-le", "surrogatepass")) > 2 * len(text)
    )


def _plain(form: str) -> str:
    """Returns the plain letters of a variant; an isolated Arabic mark loses its carrier."""
    plain = unicodedata.normalize("NFKC", form)
    return plain.lstrip(" \u0640") if len(plain) > 1 else plain


_RUN = re.compile(r"[ \n]{2,}+")


def blanks(text: str) -> Iterator[Edit]:
    """Collapses runs of blanks, separates paragraphs by one empty line, and strips the ends."""
    start, end = len(text) - len(text.lstrip(" \n")), len(text.rstrip(" \n"))
    if start:
        yield 0, start, ""
    if "  " in text or " \n" in text or "\n " in text or text.find("\n\n\n", start, end) >= 0:
        for m in _RUN.finditer(text, start, max(start, end)):
            yield *m.span(), "\n" * min(m[0].count("\n"), 2) or " "
    if start < end < len(text):
        yield end, len(text), ""


def has_single_breaks(text: str) -> bool:
    """Whether any line break does not separate paragraphs."""
    return text.count("\n") != 2 * text.count("\n\n")


def unwrap(text: str) -> Iterator[Edit]:
    """Replaces the line breaks of hard-wrapped paragraphs by blanks."""
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
