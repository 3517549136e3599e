"""A page as elements and blocks of text, in document order.

A block is the text between two borders of block elements. An element's descendants, and the
blocks within it, are slices of the page's lists, so sums over elements need no recursion, and
elements may be nested to any depth.
"""

import re
from dataclasses import dataclass, field

from newsstand.page_tokens import RAW, Tag, tokens, word_set

_VOID = word_set(
    "area base basefont br col command embed frame hr img input keygen link meta param source "
    "track wbr"
)
# Elements within a line: they begin no block, and are no elements of a `Tree`.
_INLINE = word_set(
    "a abbr acronym b bdi bdo big blink cite code data del dfn em font i ins kbd label mark nobr "
    "q ruby rb rtc s samp slot small span strike strong sub sup time tt u var"
)
# Text in them is no text of the page. Block content ends them, as it ends foreign content in
# browsers, so that an unfinished one hides nothing.
_SILENT = word_set(
    "audio canvas datalist map math meter object optgroup option progress rp rt select svg video"
)
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_CELLS = ("td", "th", "caption")
_TABLE = ("table", "tbody", "thead", "tfoot", "tr", *_CELLS)
_BLOCKS = word_set(
    "address article aside blockquote body center dd details dialog div dl dt fieldset figure "
    "footer form header li main menu nav ol p pre section table tbody td tfoot th thead tr "
    "ul"
).union(_HEADINGS)
# What a start tag ends where it is open, unless it is outside of the elements of `_SCOPE`.
_ENDS: dict[str, tuple[str, ...]] = {
    "p": _HEADINGS,
    "li": ("li",),
    "dt": ("dt", "dd"),
    "dd": ("dt", "dd"),
    "tr": ("tr", "caption"),
    "td": ("td", "th", "caption"),
    "th": ("td", "th", "caption"),
    "tbody": ("thead", "tbody", "tr", "caption"),
    # What never holds the page's main part.
    "main": ("button", "header", "nav"),
    "article": ("button", "nav"),
    "body": ("head",),
    **dict.fromkeys(_HEADINGS, _HEADINGS),
}
_SCOPE: dict[str, tuple[str, ...]] = {
    "li": ("ul", "ol", "menu"),
    "dt": ("dl",),
    "dd": ("dl",),
    **dict.fromkeys(("tr", "td", "th", "tbody"), ("table",)),
}
_ONLY_FOR_READERS = re.compile(
    r"(?:^|[\s_-])(?:sr-only|visually-?hidden|screen-?reader(?:-text)?|off-?screen|"
    r"assistive-text|a11y-hidden|print-only)(?:$|[\s_-])",
    re.I,
)
_NOT_SHOWN = re.compile(r"display\s{0,9}:\s{0,9}none|visibility\s{0,9}:\s{0,9}hidden", re.I)
# A sentence's end and the next one's beginning, in elements that stand side by side.
_SENTENCE_END = re.compile(r"\w{2}[.!?][\"\u201d\u2019\u00bb]?$")


@dataclass(slots=True)
class Element:
    """A block element; `last` and `end` are one past its last descendant and its last block."""

    tag: str
    attributes: dict[str, str]
    parent: int
    begin: int
    last: int = 0
    end: int = 0


@dataclass(slots=True)
class Block:
    """Text between two borders, its owner's place, and how many of its letters are links."""

    text: str
    owner: int
    linked: int


@dataclass(slots=True)
class Tree:
    """A page: its elements and blocks, `<meta>` values by name, title, and JSON-LD scripts."""

    elements: list[Element] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    meta: dict[str, str] = field(default_factory=dict)
    title: str = ""
    data: list[str] = field(default_factory=list)
    tags: int = 0
    depth: int = 0


def read_tree(page: str) -> Tree:
    """Reads a page; any text is one, and the time is linear in its length."""
    builder = _Builder()
    for token in tokens(page):
        if isinstance(token, str):
            builder.text(token)
        elif token.close:
            builder.close(token.name)
        else:
            builder.open(token)
    builder.close("#page")
    return builder.tree


def not_shown(attributes: dict[str, str]) -> bool:
    """Whether browsers do not show an element, or only to readers of screens."""
    return bool(
        "hidden" in attributes
        or attributes.get("aria-hidden", "").lower() == "true"
        or _NOT_SHOWN.search(attributes.get("style", "")[:500])
        or _ONLY_FOR_READERS.search(attributes.get("class", "")[:500])
    )


class _Builder:
    """Builds a tree from tags and text, closing what browsers close."""

    def __init__(self) -> None:
        self.tree = Tree()
        self._stack: list[int] = []
        self._depths: dict[str, list[int]] = {}  # of the open elements of each name
        self._pieces: list[tuple[str, bool]] = []  # text and whether linked; "" is <br>
        self._link = 0  # the stack's depth where an open link began
        self._raw = ""
        self._silent = ""
        self._silences = 0  # open elements of that name
        self._push("#page", {})

    def open(self, tag: Tag) -> None:
        self.tree.tags += 1
        name, attributes = tag.name, tag.attributes
        if name in RAW:
            script = name == "script" and "ld+json" in attributes.get("type", "").lower()
            self._raw = "data" if script else name
        elif self._silent and name not in _BLOCKS:
            self._silences += name == self._silent
        elif name in _VOID:
            self._void(name, attributes)
        elif name in _SILENT or (name in _INLINE and not_shown(attributes)):
            self._silent, self._silences = name, 1
        elif name == "a":
            self._link = len(self._stack) if attributes.get("href") else 0
        elif name not in _INLINE:
            self._block(name, attributes)

    def close(self, name: str) -> None:
        if name in RAW:
            self._raw = ""
        elif name == self._silent:
            self._silences -= 1
            self._silent = self._silent if self._silences else ""
        elif name == "a":
            self._link = 0
        elif name == "br":
            self._pieces.append(("", False))
        elif self._depths.get(name) and name not in ("html", "body"):
            self._end((name,), () if name in (*_TABLE, "#page") else _CELLS)

    def text(self, text: str) -> None:
        if self._raw == "data":
            self.tree.data.append(text)
        elif self._raw == "title":
            if not self._silent:
                self.tree.title = self.tree.title or " ".join(text.split())
        elif not (self._raw or self._silent):
            if self._depths.get("pre"):
                for line in text.split("\n"):
                    self._pieces += (line, self._link > 0), ("", False)
                self._pieces.pop()
            else:
                self._pieces.append((text, self._link > 0))

    def _void(self, name: str, attributes: dict[str, str]) -> None:
        if name == "br":
            self._pieces.append(("", False))
        elif name == "hr":
            self._flush()
        elif name == "meta":
            key = attributes.get("property") or attributes.get("name") or ""
            value = " ".join(attributes.get("content", "").split())
            if key and value:
                self.tree.meta.setdefault(key.strip().lower(), value)

    def _block(self, name: str, attributes: dict[str, str]) -> None:
        self._silent = ""
        if name in _BLOCKS:
            self._end(("p",), (*_CELLS, "button"))
        self._end(_ENDS.get(name, ()), _SCOPE.get(name, ()))
        if name == "html" or (name == "body" and self._depths.get("body")):
            return
        self._push(name, attributes)

    def _push(self, name: str, attributes: dict[str, str]) -> None:
        self._flush()
        tree, parent = self.tree, self._stack[-1] if self._stack else 0
        self._depths.setdefault(name, []).append(len(self._stack))
        self._stack.append(len(tree.elements))
        tree.elements.append(Element(name, attributes, parent, len(tree.blocks)))
        tree.depth = max(tree.depth, len(self._stack))

    def _end(self, names: tuple[str, ...], scope: tuple[str, ...]) -> None:
        """Ends the innermost element of these names, unless one of the scope is within it."""
        place = max((self._depths[x][-1] for x in names if self._depths.get(x)), default=-1)
        border = max((self._depths[x][-1] for x in scope if self._depths.get(x)), default=-1)
        if place < 0 or place < border:
            return
        self._flush()
        self._silent = ""
        while len(self._stack) > place:
            element = self.tree.elements[self._stack.pop()]
            self._depths[element.tag].pop()
            element.last, element.end = len(self.tree.elements), len(self.tree.blocks)
        if self._link > len(self._stack):
            self._link = 0

    def _flush(self) -> None:
        """Makes blocks of the text so far; an empty line parts two."""
        if not self._pieces:
            return
        lines: list[tuple[str, int]] = []
        line: list[str] = []
        linked = 0
        for text, in_link in (*self._pieces, ("", False)):
            if text:
                if line and text[0].isupper() and _SENTENCE_END.search(line[-1][-4:]):
                    line.append(" ")
                line.append(text)
                linked += len("".join(text.split())) if in_link else 0
            else:
                lines.append((" ".join("".join(line).split()), linked))
                line, linked = [], 0
        self._pieces.clear()
        self._add(lines)

    def _add(self, lines: list[tuple[str, int]]) -> None:
        texts: list[str] = []
        linked = 0
        for text, links in (*lines, ("", 0)):
            if text:
                texts.append(text)
                linked += links
            elif texts:
                self.tree.blocks.append(Block("\n".join(texts), self._stack[-1], linked))
                texts, linked = [], 0
