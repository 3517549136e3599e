"""A plain reader of web pages: blocks of text in order, without menus, asides and scripts.

It is used where trafilatura is not installed, and otherwise to remove paragraphs of trafilatura's
that are not part of the story. Tags are found by one regular expression, because the standard
library's `html.parser` takes quadratic time on pages such as `<a <a <a` in Python 3.11.
"""

import html
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

from newsstand.text.boilerplate_rules import RULES, compiled

# Letters of scripts without spaces, each of which counts as three letters.
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
# A consent note in an element without a telling name.
_CONSENT = re.compile(
    r"(?:(?:this|our) (?:web)?site|we(?: and our .{0,30}partners)? (?:use|store|set))\b.{0,80}"
    r"\b(?:cookies|on (?:a|your) (?:device|computer|browser))\b.{0,80}",
    re.I,
)
# Python refuses numbers of thousands of digits; no character has more than seven.
_LONG_NUMBER = re.compile(r"&#(?:0*+[0-9]{8,}+|[xX]0*+[0-9a-fA-F]{7,}+);?")
_NOT_SHOWN = re.compile(r"display\s{0,9}:\s{0,9}none|visibility\s{0,9}:\s{0,9}hidden", re.I)
_NAME_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
# Class names that describe the page instead of the element: `has-sidebar`, `tag-comments`.
_STATE = re.compile(r"(?:has|with|no|is|tag|category|post|author|page|single)(?=[-_])", re.I)


def word_set(text: str) -> frozenset[str]:
    """Returns the words of a text."""
    return frozenset(text.split())


_VOID = word_set("area base br col embed hr img input link meta param source track wbr")
_INLINE = word_set(
    "a abbr acronym b bdi bdo big blink cite code data del dfn em font i ins kbd label mark nobr q "
    "ruby s samp small span strike strong sub sup time tt u var"
)
# Elements whose content is text up to their own end tag.
_RAW = word_set("script style title textarea iframe noembed noframes xmp")
# Elements whose text is not displayed as text; the next block ends them at the latest.
_SILENT = _RAW | word_set(
    "audio canvas datalist math meter object progress rp rt select svg video option"
)
# Elements that are not blocks; unknown elements are blocks.
_LINE = _INLINE | _SILENT
_LINES = word_set("p li blockquote dd dt pre th")
_ENDS_SILENCE = _LINES | word_set("article body div header main section table td tr ul ol h1 h2 h3")
# The innermost open elements that a block ends.
_ENDS = {
    "li": word_set("p li"),
    **dict.fromkeys(("dt", "dd"), word_set("p dt dd")),
    **dict.fromkeys(("td", "th"), word_set("p td th")),
    "tr": word_set("p td th tr"),
    "body": word_set("head"),
}
_OTHERS = frozenset({"p", *HEADINGS})
# Elements and roles that are not part of a story, and words of a class or id with this meaning.
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
    """A text between element boundaries, with its context.

    Args:
        text: The text, with a line break for each `<br>`.
        tag: The heading or list item that contains it, else its own element.
        links: Share of its letters that are in links.
        apart: Whether it is in a menu, a comment or the like.
        article: Number of its outermost `<article>`, from 1; 0 for none.
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
    """An element that may not be part of the story; the first region is the page."""

    parent: int
    comments: bool
    weight: int = 0
    apart: bool = False


@dataclass(slots=True)
class PlainPage:
    """The content of a page.

    Args:
        blocks: Its blocks of text, in order.
        meta: The values of `<meta>` elements by name.
        title: Its `<title>`.
        data: Its JSON-LD scripts.
        tags: Number of its start tags.
        depth: Maximum number of nested elements.
    """

    blocks: list[Block] = field(default_factory=list)
    meta: dict[str, str] = field(default_factory=dict)
    title: str = ""
    data: list[str] = field(default_factory=list)
    tags: int = 0
    depth: int = 0

    def story(self) -> list[Block]:
        """Returns the blocks of the largest article, or else of `<main>` or the page."""
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
    """An open element, with the context of text in it."""

    name: str = ""
    tag: str = ""
    region: int = 0
    article: int = 0
    main: bool = False
    linked: bool = False
    silent: bool = False
    block: int = 0  # index on the stack of the block that contains it


def paragraphs(story: list[Block], title: str) -> Iterator[Block]:
    """Yields the paragraphs, subheads and list items of a story, in order, without its headline."""
    prose = [index for index, block in enumerate(story) if block.prose]
    first, last = (prose[0], prose[-1]) if prose else (-1, len(story))
    heads: list[Block] = []
    for index, block in enumerate(story):
        text = block.text.removeprefix(f"{title}\n")
        if block.tag == "h1" or text == title or block.links > 0.5 or is_furniture(text):
            continue
        if block.tag in HEADINGS:
            heads.append(block)
        elif block.prose or (block.tag in _LINES and first < index < last):
            yield from (*heads, block._replace(text=text))
            heads = []


def is_furniture(text: str) -> bool:
    """Whether a text is a label, prompt or credit of the page."""
    rule = compiled(tuple(RULES)).line
    return len(text) < 200 and bool(_CONSENT.fullmatch(text) or rule(text))


def size(text: str) -> int:
    """Returns the length of a text; letters of scripts without spaces count as three."""
    return len(text) if text.isascii() else len(text) + 2 * len(_DENSE.findall(text))


def is_prose(text: str) -> bool:
    """Whether a text is long enough for a paragraph; less is needed if it ends like a sentence."""
    return size(text) >= (25 if _SENTENCE_END.search(text[-4:]) else 60)


def unescaped(text: str) -> str:
    """Decodes the character references of a text."""
    return html.unescape(_LONG_NUMBER.sub("\ufffd", text)) if "&" in text else text


def read_plain(page: str) -> PlainPage:
    """Reads a page, which may be any text, in linear time."""
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
    """Yields name, whether it is an end tag, and attributes of tags; for texts, "", False, text."""
    at, last_comment = 0, page.rfind("-->")
    unfinished = set[str]()
    while match := _MARKUP.search(page, at):
        yield "", False, page[at : match.start()]
        at = match.end()
        if not match["name"]:
            if match[0].startswith("<!--") and match.start() + 2 <= last_comment:
                at = page.find("-->", match.start() + 2) + 3
            continue
        name = match["name"].lower()
        yield name, bool(match["close"]), match["attributes"]
        if name in _RAW and not match["close"]:
            end = None
            if name not in unfinished:
                end = re.compile(rf"</{name}(?=[\s/>])", re.I).search(page, at)
            # An unclosed script extends to the end; an unclosed title must not hide the page.
            stop = end.start() if end else len(page) if name in ("script", "style") else at
            yield "", False, page[at:stop]
            at = stop
            if not end:
                unfinished.add(name)
                yield name, True, ""
    yield "", False, page[at:]


def _attributes(text: str) -> dict[str, str]:
    attributes: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(text):
        attributes.setdefault(name.lower(), unescaped(double or single or bare))
    return attributes


def _is_hidden(attributes: dict[str, str]) -> bool:
    hidden = "hidden" in attributes or attributes.get("aria-hidden", "").lower() == "true"
    return hidden or bool(_NOT_SHOWN.search(attributes.get("style", "")[:500]))


def _kind(name: str, attributes: dict[str, str], inside: bool) -> str:
    """Returns `comments` or `apart` for an element with such a name or role, else ""."""
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
    """Collects blocks from tags and text."""

    def __init__(self) -> None:
        self.page = PlainPage()
        self._stack = [_Open()]
        self._open = defaultdict[str, list[int]](list)  # stack indices of open elements by name
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
        """Ends the innermost element of a name, and the elements in it."""
        indices = self._open[name]
        if name in ("html", "body") or not indices:
            return
        if name not in _LINE or indices[-1] < self._stack[-1].block:
            if name in _LINE and name != "a":
                return  # it cannot end a block
            self._flush()
        self._end(indices[-1])

    def _end(self, index: int) -> None:
        """Ends the element at an index of the stack, and the elements in it."""
        while len(self._stack) > index:
            self._open[self._stack.pop().name].pop()

    def text(self, text: str) -> None:
        top = self._stack[-1]
        if not top.silent:
            text = unescaped(text)
            text = text if self._open["pre"] else text.replace("\n", " ")
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
        if self._open[name] and name in ("html", "body"):
            return
        tag = top.tag if top.name in (*HEADINGS, "li") else name
        article, region, main = top.article, top.region, top.main or name == "main"
        if name == "article" and not article:
            self._articles += 1
            article = self._articles
        if kind := _kind(name, attributes, bool(article) or main):
            self._regions.append(_Region(region, kind == "comments"))
            region = len(self._regions) - 1
        index = len(self._stack)
        self._push(_Open(name, tag, region, article, main, top.linked, block=index))

    def _push(self, element: _Open) -> None:
        self._open[element.name].append(len(self._stack))
        self._stack.append(element)
        self.page.depth = max(self.page.depth, len(self._stack))

    def _flush(self) -> None:
        """Turns the text so far into blocks, separated at empty lines."""
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
                context = False, top.article, top.main, size(text) if prose else 0
                self.page.blocks.append(Block(text, top.tag, links, *context))
                self._region.append(top.region)

    def finished(self) -> PlainPage:
        """Returns the page; regions are set apart unless they contain nearly all of the text."""
        self._flush()
        page, regions = self.page, self._regions
        if not any(block.prose for block in page.blocks):  # few words: all count as prose
            page.blocks = [x._replace(prose=size(x.text) * (x.links <= 0.5)) for x in page.blocks]
        for block, index in zip(page.blocks, self._region, strict=True):
            regions[index].weight += block.prose
        for region in reversed(regions[1:]):
            regions[region.parent].weight += region.weight
        for region in regions[1:]:
            most = 1 if region.comments else 0.8
            inside = region.weight > most * regions[0].weight
            region.apart = regions[region.parent].apart or not inside
        page.blocks = [
            block._replace(apart=regions[index].apart)
            for block, index in zip(page.blocks, self._region, strict=True)
        ]
        return page
