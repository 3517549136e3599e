"""What is where in a page: how much prose each element holds, and what stands apart."""

import re
from collections.abc import Iterable, Iterator
from itertools import accumulate

from newsstand.page_names import APART_ROLES, APART_TAGS, kind_of_name
from newsstand.page_tree import Element, Tree, not_shown

# Letters of scripts without spaces, each worth about three of an alphabet.
DENSE = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff"
_DENSE = re.compile(f"[{DENSE}]")
SENTENCE_END = re.compile(r"[.!?…。！？؟।॥:;][\"'”’»)\]」』]*$")  # noqa: RUF001
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_LEAST_PROSE = 60  # letters of a paragraph that counts as text without its full stop


def size(text: str) -> int:
    """The length of a text in letters, those of scripts without spaces worth three."""
    return len(text) if text.isascii() else len(text) + 2 * len(_DENSE.findall(text))


def is_prose(text: str) -> bool:
    """Whether a text is long enough for a paragraph; less is, if it ends as a sentence does."""
    return size(text) >= (25 if SENTENCE_END.search(text[-4:]) else _LEAST_PROSE)


class Layout:
    """What is where in a page: the letters of prose in each element, and what stands apart."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.sizes = [size(block.text) for block in tree.blocks]
        prose = [x if self._prose(i) else 0 for i, x in enumerate(self.sizes)]
        if not any(prose):  # a page of a few words: all of them count
            prose = [0 if self.links(i) > 0.5 else x for i, x in enumerate(self.sizes)]
        self.prose = prose
        self._all = [0, *accumulate(prose)]
        self.h1 = [0, *accumulate(self._count("h1"))]
        self.apart = self._apart()
        self._keep()

    def _keep(self) -> None:
        kept = (0 if self.is_apart(i) else x for i, x in enumerate(self.prose))
        self._kept = [0, *accumulate(kept)]

    def set_apart(self, places: Iterable[int]) -> None:
        """Sets elements apart with all that is in them, such as the cards of other stories."""
        for place in places:
            if self.apart[place]:
                continue
            last = self.tree.elements[place].last
            self.apart[place:last] = [True] * (last - place)
        self._keep()

    def links(self, block: int) -> float:
        """The share of a block's letters that are links."""
        item = self.tree.blocks[block]
        return item.linked / max(1, len(item.text) - item.text.count(" "))

    def _prose(self, block: int) -> bool:
        item = self.tree.blocks[block]
        if self.links(block) > 0.35 or self.tree.elements[item.owner].tag in HEADINGS:
            return False
        return is_prose(item.text)

    def _count(self, tag: str) -> Iterator[int]:
        return (int(element.tag == tag) for element in self.tree.elements)

    def weight(self, place: int) -> int:
        """Letters of prose in an element, of what does not stand apart."""
        element = self.tree.elements[place]
        return self._kept[element.end] - self._kept[element.begin]

    def is_apart(self, block: int) -> bool:
        """Whether a block is in a menu, a comment, or the like."""
        return self.apart[self.tree.blocks[block].owner]

    def _apart(self) -> list[bool]:
        elements = self.tree.elements
        inside = [False] * len(elements)
        apart = [False] * len(elements)
        stories = [0, *accumulate(int(is_story(element)) for element in elements)]
        for place, element in enumerate(elements):
            parent = element.parent
            inside[place] = inside[parent] or element.tag in ("article", "main")
            kind = _kind(element, inside[place])
            story = stories[element.last] > stories[place + 1]
            apart[place] = (place > 0 and apart[parent]) or (
                bool(kind) and self._stays_apart(place, kind, story)
            )
        return apart

    def _stays_apart(self, place: int, kind: str, story: bool) -> bool:
        """Whether what its name sets apart is not the page's text under a name that misleads."""
        element = self.tree.elements[place]
        inside = self._all[element.end] - self._all[element.begin]
        share = inside / max(1, self._all[-1])
        headline = self.h1[element.last] > self.h1[place]
        if kind == "small":
            return inside <= 400 and share < 0.5
        if kind == "hidden":
            return share < 0.8
        if kind == "comments":
            return not (story and headline and share > 0.5)
        if element.tag == "button" and inside > 200:
            return False
        return not (share > 0.8 or (share > 0.5 and (headline or story)))


def is_story(element: Element) -> bool:
    """Whether an element is marked as a story's text."""
    return (
        element.tag in ("article", "main")
        or "articlebody" in element.attributes.get("itemprop", "").lower()
        or element.attributes.get("role", "").lower() in ("article", "main")
    )


def _kind(element: Element, inside: bool) -> str:
    """Why an element's text is set apart, or an empty string."""
    attributes = element.attributes
    if element.tag in ("body", "#page", "html"):
        return ""
    if element.tag in APART_TAGS or attributes.get("role", "").lower() in APART_ROLES:
        return "apart"
    if element.tag == "header" and not inside:
        return "apart"
    if not attributes:
        return ""
    if not_shown(attributes):
        return "hidden"
    names = [attributes.get(key, "") for key in ("class", "id", "data-testid", "data-component")]
    kinds = {kind_of_name(name) for name in names if name}
    return next((kind for kind in ("comments", "apart", "small") if kind in kinds), "")
