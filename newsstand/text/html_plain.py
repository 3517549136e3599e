"""A plain reader of web pages: blocks of text in order, without menus, asides and scripts.

It reads pages where trafilatura is not installed; where it is, its blocks tell which of
trafilatura's paragraphs are none of the story. It finds tags by one regular expression, as the
standard library's `html.parser` is quadratic on pages such as `<a <a <a` in Python 3.11.
"""

import html
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

from newsstand.text.boilerplate_rules import RULES, compiled

# Letters of scripts without spaces, each worth about three of an alphabet.
DENSE = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff"
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_DENSE = re.compile(f"[{DENSE}]")
_SENTENCE_END = re.compile(r"[.!?…。！？؟।॥:;][\"'”’»)\]」』]*$")  # noqa: RUF001
_MARKUP = re.compile(
    r"<(?:(?P<close>/?)(?P<name>[a-z][^\s/>]*+)"
    r"(?P<attributes>(?:[^>=]++|=\s*+(?:\"[^\"]*+\"|'[^']*+')?+)*+)>?|[!?/][^>]*+>?)",
    re.I,
)
_ATTRIBUTE = re.compile(r"([^\s/>=]++)(?:\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s>]*+)))?+")
# A consent note without a name that says so.
_CONSENT = re.compile(
    r"(?:(?:this|our) (?:web)?site|we(?: and our .{0,30}partners)? (?:use|store|set))\b.{0,80}"
    r"\b(?:cookies|on (?:a|your) (?:device|computer|browser))\b.{0,80}",
    re.I,
)
# A number of thousands of digits is an error of Python's; no letter has more than seven.
_LONG_NUMBER = re.compile(r"&#(?:0*+[0-9]{8,}+|[xX]0*+[0-9a-fA-F]{7,}+);?")
_NOT_SHOWN = re.compile(r"display\s{0,9}:\s{0,9}none|visibility\s{0,9}:\s{0,9}hidden", re.I)
_NAME_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
# Names that tell of the page and not of the element: `has-sidebar`, `tag-comments`.
_STATE = re.compile(r"(?:has|with|no|is|tag|category|post|author|page|single)(?=[-_])", re.I)


def word_set(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


_VOID = word_set("area base br col embed hr img input link meta param source track wbr")
_INLINE = word_set(
    "a abbr acronym b bdi bdo big blink cite code data del dfn em font i ins kbd label mark nobr q "
    "ruby s samp small span strike strong sub sup time tt u var"
)
# Their content is text, up to their own end tag.
_RAW = word_set("script style title textarea iframe noembed noframes xmp")
# Text in them is no text of the page; the next block ends them, should nothing else.
_SILENT = _RAW | word_set(
    "audio canvas datalist math meter object progress rp rt select svg video option"
)
# An element that is no block, but for what authors make up.
_LINE = _INLINE | _SILENT
_LINES = word_set("p li blockquote dd dt pre th")
_ENDS_SILENCE = _LINES | word_set("article body div header main section table td tr ul ol h1 h2 h3")
# What a block ends where it is the innermost open element.
_ENDS = {
    "li": word_set("p li"),
    **dict.fromkeys(("dt", "dd"), word_set("p dt dd")),
    **dict.fromkeys(("td", "th"), word_set("p td th")),
    "tr": word_set("p td th tr"),
    "body": word_set("head"),
}
_OTHERS = frozenset({"p", *HEADINGS})
# Elements and roles that are no part of a story, and words of a class or id that say so.
_APART = word_set(
    "nav footer aside noscript template dialog figure figcaption button form fieldset menu head "
    "navigation banner contentinfo complementary search alertdialog alert menubar toolbar tablist"
)
_NAMES = word_set(
    "share sharing social related recommended trending popular mostread newsletter subscribe "
    "cookie cookies consent gdpr ad ads advert advertisement sponsored promo outbrain taboola "
    "breadcrumb breadcrumbs sidebar nav navbar navigation menu toolbar banner popup modal login "
    "signin search pager pagination teaser teasers widget player skip tools poll hidden toc "
    "byline caption credit email icon tags keywords"
)
_COMMENTS = word_set("comment comments comentarios commentaires kommentare disqus respond")


class Block(NamedTuple):
    """A text between the borders of elements, with what it is in.

    Args:
        text: The text; `<br>` parts its lines.
        tag: The heading or list item that it is in, or else its own element.
        links: The share of its letters that are links.
        apart: Whether it is in a menu, a comment, or the like.
        article: The number of its outermost `<article>`, 0 for none.
        main: Whether it is in `<main>`.
        prose: Its size if it is a paragraph, else 0.
    """

    text: str
    tag: str
    links: float
    apart: bool
    article: int
    main: bool
    prose: int


@dataclass(slots=True)
class _Region:
    """An element that may be no part of the story; the first is the page."""

    parent: int
    comments: bool
    weight: int = 0
    apart: bool = False


@dataclass(slots=True)
class PlainPage:
    """A page's blocks, `<meta>` values by name, title, and JSON-LD scripts."""

    blocks: list[Block] = field(default_factory=list)
    meta: dict[str, str] = field(default_factory=dict)
    title: str = ""
    data: list[str] = field(default_factory=list)
    tags: int = 0
    depth: int = 0

    def story(self) -> list[Block]:
        """The blocks of the largest article, or else of `<main>` or the page."""
        blocks = [block for block in self.blocks if not block.apart]
        weights = Counter[int]()
        for block in blocks:
            weights[block.article] += block.prose
        outside = weights.pop(0, 0)
        best = max(weights, key=weights.__getitem__, default=0)
        weight = weights[best]
        several = weight < 150 or len(weights) > 1
        if weight and not (several and outside > 2.5 * weight):
            return [block for block in blocks if block.article == best]
        blocks = [block for block in blocks if not (weight and block.article)]
        main = [block for block in blocks if block.main]
        return main if sum(x.prose for x in main) > 0.3 * outside else blocks


class _Open(NamedTuple):
    """An open element, with what text in it is in."""

    name: str = ""
    tag: str = ""
    region: int = 0
    article: int = 0
    main: bool = False
    linked: bool = False
    silent: bool = False
    block: int = 0  # the place on the stack of the block that it is in


def paragraphs(story: list[Block], title: str) -> Iterator[Block]:
    """The paragraphs, subheads and list items of a story, in order, without its headline."""
    places = [place for place, block in enumerate(story) if block.prose]
    first, last = (places[0], places[-1]) if places else (-1, len(story))
    heads: list[Block] = []
    for place, block in enumerate(story):
        text = block.text.removeprefix(f"{title}\n")
        if block.tag == "h1" or text == title or block.links > 0.5 or is_furniture(text):
            continue
        if block.tag in HEADINGS:
            heads.append(block)
        elif block.prose or (block.tag in _LINES and first < place < last):
            yield from (*heads, block._replace(text=text))
            heads = []


def is_furniture(text: str) -> bool:
    """Whether a short text is a label, prompt or credit of the page."""
    rule = compiled(tuple(RULES)).line
    return len(text) < 200 and bool(_CONSENT.fullmatch(text) or rule(text))


def size(text: str) -> int:
    """The length of a text in letters, those of scripts without spaces worth three."""
    return len(text) if text.isascii() else len(text) + 2 * len(_DENSE.findall(text))


def is_prose(text: str) -> bool:
    """Whether a text is long enough for a paragraph; less is, if it ends as a sentence does."""
    return size(text) >= (25 if _SENTENCE_END.search(text[-4:]) else 60)


def unescaped(text: str) -> str:
    """Text with its character references read."""
    return html.unescape(_LONG_NUMBER.sub("\ufffd", text)) if "&" in text else text


def read_plain(page: str) -> PlainPage:
    """Reads a page; any text is one, and the time is linear in its length."""
    reader = _Reader()
    for name, close, text in _tokens(page):
        if not name:
            reader.text(text)
        elif close:
            reader.close(name)
        else:
            reader.open(name, text)
    return reader.finished()


def _tokens(page: str) -> Iterator[tuple[str, bool, str]]:
    """Yields name, whether it is an end tag, and attributes of tags; texts have no name."""
    place, last_comment = 0, page.rfind("-->")
    unfinished = set[str]()
    while found := _MARKUP.search(page, place):
        yield "", False, page[place : found.start()]
        place = found.end()
        if not found["name"]:
            if found[0].startswith("<!--") and found.start() + 2 <= last_comment:
                place = page.find("-->", found.start() + 2) + 3
            continue
        name = found["name"].lower()
        yield name, bool(found["close"]), found["attributes"]
        if name in _RAW and not found["close"]:
            end = None
            if name not in unfinished:
                end = re.compile(rf"</{name}(?=[\s/>])", re.I).search(page, place)
            # An unfinished script is all code; an unfinished title must not hide the page.
            stop = end.start() if end else len(page) if name in ("script", "style") else place
            yield "", False, page[place:stop]
            place = stop
            if not end:
                unfinished.add(name)
                yield name, True, ""
    yield "", False, page[place:]


def _attributes(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(text):
        found.setdefault(name.lower(), unescaped(double or single or bare))
    return found


def _is_hidden(attributes: dict[str, str]) -> bool:
    hidden = "hidden" in attributes or attributes.get("aria-hidden", "").lower() == "true"
    return hidden or bool(_NOT_SHOWN.search(attributes.get("style", "")[:500]))


def _kind(name: str, attributes: dict[str, str], inside: bool) -> str:
    """Whether an element is named as `comments` or as standing `apart`, or an empty string."""
    if name in ("html", "body"):
        return ""
    names = f"{attributes.get('class', '')} {attributes.get('id', '')}".split()[:20]
    texts = (" ".join(_NAME_WORDS.findall(x[:80])) for x in names if not _STATE.match(x))
    words = word_set(" ".join(texts).lower())
    if words & _COMMENTS:
        return "comments"
    role = attributes.get("role", "").lower()
    named = not _APART.isdisjoint((name, role)) or not _NAMES.isdisjoint(words)
    header = name == "header" and not inside
    return "apart" if named or header or _is_hidden(attributes) else ""


class _Reader:
    """Makes blocks of tags and text."""

    def __init__(self) -> None:
        self.page = PlainPage()
        self._stack = [_Open()]
        self._places = defaultdict[str, list[int]](list)  # of the open elements of each name
        self._regions = [_Region(0, False)]
        self._region: list[int] = []  # of each block
        self._articles = 0
        self._pieces: list[tuple[str, bool]] = []  # texts, and whether they are linked

    def open(self, name: str, text: str) -> None:
        self.page.tags += 1
        attributes = _attributes(text)
        if name == "br":
            self._pieces.append(("\n", False))
        elif name == "hr":
            self._flush()
        elif name == "meta":
            key = attributes.get("property") or attributes.get("name") or ""
            value = " ".join(attributes.get("content", "").split())
            if key and value:
                self.page.meta.setdefault(key.strip().lower(), value)
        elif name in _LINE or (self._stack[-1].silent and name not in _ENDS_SILENCE):
            if name == "a":
                self.close("a")
            top = self._stack[-1]
            silent = top.silent or name in _SILENT or _is_hidden(attributes)
            linked = top.linked or (name == "a" and bool(attributes.get("href")))
            data = "data" if name == "script" and "ld+json" in text.lower() else ""
            self._push(top._replace(name=name, linked=linked, silent=silent, tag=data or top.tag))
        elif name not in _VOID:
            self._block(name, attributes)

    def close(self, name: str) -> None:
        """Ends the innermost element of that name, and what is in it."""
        places = self._places[name]
        if name in ("html", "body") or not places:
            return
        if name not in _LINE or places[-1] < self._stack[-1].block:
            if name in _LINE and name != "a":
                return  # it ends no block
            self._flush()
        self._end(places[-1])

    def _end(self, place: int) -> None:
        """Ends the element at a place of the stack, and what is in it."""
        while len(self._stack) > place:
            self._places[self._stack.pop().name].pop()

    def text(self, text: str) -> None:
        top = self._stack[-1]
        if not top.silent:
            text = unescaped(text)
            text = text if self._places["pre"] else text.replace("\n", " ")
            self._pieces.append((text, top.linked))
        elif top.name == "script" and top.tag == "data":
            self.page.data.append(text)
        elif top.name == "title" and not self._stack[-2].silent and not self.page.title:
            self.page.title = " ".join(unescaped(text).split())

    def _block(self, name: str, attributes: dict[str, str]) -> None:
        self._flush()
        ends = _ENDS.get(name, _OTHERS)
        while (top := self._stack[-1]).silent or top.name in ends:
            self._end(len(self._stack) - 1)
        if self._places[name] and name in ("html", "body"):
            return
        tag = top.tag if top.name in (*HEADINGS, "li") else name
        article, region, main = top.article, top.region, top.main or name == "main"
        if name == "article" and not article:
            self._articles += 1
            article = self._articles
        if kind := _kind(name, attributes, bool(article) or main):
            self._regions.append(_Region(region, kind == "comments"))
            region = len(self._regions) - 1
        place = len(self._stack)
        self._push(_Open(name, tag, region, article, main, top.linked, block=place))

    def _push(self, element: _Open) -> None:
        self._places[element.name].append(len(self._stack))
        self._stack.append(element)
        self.page.depth = max(self.page.depth, len(self._stack))

    def _flush(self) -> None:
        """Makes blocks of the text so far; an empty line parts two."""
        if not self._pieces:
            return
        top = self._stack[-1]
        text = "".join(text for text, _ in self._pieces)
        linked = sum(len("".join(text.split())) for text, link in self._pieces if link)
        links = linked / max(1, len("".join(text.split())))
        self._pieces.clear()
        lines = [" ".join(line.split()) for line in text.split("\n")]
        for full, group in groupby(lines, bool):
            if full:
                text = "\n".join(group)
                prose = links <= 0.35 and top.tag not in HEADINGS and is_prose(text)
                places = False, top.article, top.main, size(text) if prose else 0
                self.page.blocks.append(Block(text, top.tag, links, *places))
                self._region.append(top.region)

    def finished(self) -> PlainPage:
        """The page; its regions stand apart unless they hold nearly all of the text."""
        self._flush()
        page, regions = self.page, self._regions
        if not any(block.prose for block in page.blocks):  # a few words: all of them count
            page.blocks = [x._replace(prose=size(x.text) * (x.links <= 0.5)) for x in page.blocks]
        for block, place in zip(page.blocks, self._region, strict=True):
            regions[place].weight += block.prose
        for region in reversed(regions[1:]):
            regions[region.parent].weight += region.weight
        for region in regions[1:]:
            most = 1 if region.comments else 0.8
            inside = region.weight > most * regions[0].weight
            region.apart = regions[region.parent].apart or not inside
        page.blocks = [
            block._replace(apart=regions[place].apart)
            for block, place in zip(page.blocks, self._region, strict=True)
        ]
        return page
