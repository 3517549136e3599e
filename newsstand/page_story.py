"""The story in a page: which part of the page it is, and which blocks of that part."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from newsstand.boilerplate_rules import RULES, compiled
from newsstand.page_layout import HEADINGS, SENTENCE_END, Layout, is_story
from newsstand.page_names import names_a_story

# Headings, or lines like them, of what stands below a story.
_MORE = re.compile(
    r"(?:\d* ?comments?|leave a (?:reply|comment)|join the (?:conversation|discussion)|"
    r"post a comment|reader comments|related\b.{0,40}|recommended\b.{0,30}|"
    r"more (?:from|on|stories|news|about)\b.{0,60}|most (?:read|popular|viewed|shared).{0,30}|"
    r"(?:top|latest|trending|popular) (?:stories|news|articles|posts|now).{0,20}|"
    r"(?:you (?:may|might) )?also (?:like|read|in).{0,40}|read (?:more|next|also).{0,60}|"
    r"editor.{0,3}s.? picks?|don.t miss.{0,20}|share this.{0,30}|about the author.{0,20}|"
    r"sign up.{0,60}|newsletter.{0,40}|subscribe.{0,60}|advertisement|sponsored.{0,30}|"
    r"end of (?:article|story)|tags|topics|keywords|see also|further reading|"
    r"anzeige|werbung|kommentare|mehr zum thema|publicit[ée]|commentaires|"
    r"sur le m[êe]me sujet|publicidad|comentarios|noticias relacionadas|te puede interesar|"
    r"pubblicit[àa]|publicidade|реклама)"
    r"\s*:?",
    re.I,
)
# A consent note without a name that says so.
_CONSENT = re.compile(
    r"(?:(?:this|our) (?:web)?site|we(?: and our .{0,30}partners)? (?:use|store|set))\b.{0,80}"
    r"\b(?:cookies|on (?:a|your) (?:device|computer|browser))\b.{0,80}",
    re.I,
)
_COMMENTS = re.compile(r"\d* ?comments?|leave a (?:reply|comment)|kommentare|commentaires", re.I)
_LEAST_STORY = 150  # letters that make the text of an <article> a story
_SHORT = 200  # letters; a longer block is prose
_LINE_TAGS = frozenset({"p", "li", "blockquote", "dd", "dt", "pre", "th"})


def find_story(layout: Layout) -> tuple[int, int]:
    """The places of the elements with the page's story, and of the story's text in it.

    An `<article>` or `<main>` that holds a real text comes first, then what is named as a
    story's text, then the element with most paragraphs close below it. Cards of other stories
    are set apart in the layout.
    """
    base = _article(layout) or _main(layout)
    return base, _narrowed(layout, base)


def _article(layout: Layout) -> int:
    """The place of the `<article>` with the story, or 0."""
    elements = layout.tree.elements
    articles = [
        place
        for place, element in enumerate(elements)
        if (element.tag == "article" or element.attributes.get("role") == "article")
        and layout.weight(place)
    ]
    if not articles:
        return 0
    own, outermost = _own_weights(layout, articles)
    best = max(articles, key=own.__getitem__)
    if own[best] < layout.weight(outermost[best]) / 2:
        best = outermost[best]  # a live page: an article of articles
    last = elements[best].last
    weight, outer = layout.weight(best), set(outermost.values())
    rest = layout.weight(0) - sum(map(layout.weight, outer))
    if (weight < _LEAST_STORY or len(outer) > 1) and rest > 2.5 * weight:
        layout.set_apart(outer)
        return 0
    # An article of headline and summary only, before or after the text.
    beside = (x for x in _named(layout, 0) if x >= last or elements[x].last <= best)
    if any(layout.weight(x) > 2 * weight for x in beside):
        return 0
    layout.set_apart([x for x in articles if best < x < last and layout.weight(x) < own[best] / 4])
    return best


def _main(layout: Layout) -> int:
    """The place of the `<main>` with the story, or 0, the whole page."""
    elements = layout.tree.elements
    mains = [
        place
        for place, element in enumerate(elements)
        if element.tag == "main" or element.attributes.get("role") == "main"
    ]
    best = max(mains, key=layout.weight, default=0)
    return best if layout.weight(best) > 0.3 * layout.weight(0) else 0


def _own_weights(layout: Layout, articles: list[int]) -> tuple[dict[int, int], dict[int, int]]:
    """The prose of each article without that of articles inside it, and its outermost article."""
    own = {place: layout.weight(place) for place in articles}
    outermost: dict[int, int] = {}
    around: list[int] = []
    for place in articles:
        while around and layout.tree.elements[around[-1]].last <= place:
            around.pop()
        if around:
            own[around[-1]] -= layout.weight(place)
        outermost[place] = around[0] if around else place
        around.append(place)
    return own, outermost


def _narrowed(layout: Layout, base: int) -> int:
    """The smallest part of an element that has nearly all of its story."""
    elements, whole = layout.tree.elements, layout.weight(base)
    named = _named(layout, base)
    best = max(named, key=layout.weight, default=0)
    if named and layout.weight(best) >= (0.5 if base else 0.35) * whole:
        enough = 0.85 * layout.weight(best)
        return max(place for place in named if layout.weight(place) >= enough)
    if is_story(elements[base]) and elements[base].tag != "main":
        return base
    return _cluster(layout, base)


def _named(layout: Layout, base: int) -> list[int]:
    """The places in an element of what is named as a story's text."""
    elements = layout.tree.elements
    return [
        place
        for place in range(base + 1, elements[base].last)
        if not layout.apart[place]
        and elements[place].tag != "body"
        and (
            "articlebody" in elements[place].attributes.get("itemprop", "").lower()
            or any(names_a_story(elements[place].attributes.get(x, "")) for x in ("class", "id"))
        )
    ]


def _cluster(layout: Layout, base: int) -> int:
    """The element with most prose close below it, and what of its surroundings is alike."""
    elements = layout.tree.elements
    scores: defaultdict[int, float] = defaultdict(float)
    for number in range(elements[base].begin, elements[base].end):
        if layout.is_apart(number) or not layout.prose[number]:
            continue
        place = layout.tree.blocks[number].owner
        if elements[place].tag in _LINE_TAGS:
            place = elements[place].parent
        for part in (1.0, 0.5, 0.25):
            scores[place] += layout.prose[number] * part
            if place <= base:
                break
            place = elements[place].parent
    if not scores:
        return base
    best = max(scores, key=lambda place: (scores[place], place))
    alike = _alike(layout, base)
    place = best
    while place > base:
        parent = elements[place].parent
        extra = layout.weight(parent) - layout.weight(place)
        brothers = alike[_signature(layout, place)] - layout.weight(place)
        alone = elements[place].tag in ("td", "th") or brothers < extra / 2
        if alone and extra > 0.1 * layout.weight(place):
            break
        place = parent
        best = place if extra else best
    return max(best, base)


def _signature(layout: Layout, place: int) -> tuple[int, str, str]:
    element = layout.tree.elements[place]
    return element.parent, element.tag, element.attributes.get("class", "")


def _alike(layout: Layout, base: int) -> Counter[tuple[int, str, str]]:
    """The prose of all children of an element that have the same tag and class."""
    found: Counter[tuple[int, str, str]] = Counter()
    for place in range(base + 1, layout.tree.elements[base].last):
        found[_signature(layout, place)] += layout.weight(place)
    return found


class Paragraph(NamedTuple):
    """A block of a story, and whether it is a subhead or list item."""

    text: str
    item: bool


def story_paragraphs(
    layout: Layout, story: tuple[int, int], title: str, heading: int
) -> list[Paragraph]:
    """The paragraphs, subheads and list items of a page's story, in order.

    Args:
        layout: The page.
        story: What `find_story` gave.
        title: The headline, which is left out.
        heading: The place of the headline's element, or 0; text before it is no story.
    """
    base, part = story
    numbers = [*_standfirst(layout, base, part, heading), *_numbers(layout, part, heading)]
    if not any(layout.prose[number] for number in numbers):
        numbers = [i for i in range(len(layout.sizes)) if not layout.is_apart(i)]
    return list(_chosen(layout, numbers, title))


def _numbers(layout: Layout, part: int, heading: int) -> Iterator[int]:
    elements = layout.tree.elements
    element, start = elements[part], elements[part].begin
    if part < heading < element.last:
        start = elements[heading].end
    return (i for i in range(start, element.end) if not layout.is_apart(i))


def _standfirst(layout: Layout, base: int, part: int, heading: int) -> Iterable[int]:
    """The summary between headline and text."""
    elements = layout.tree.elements
    if not heading or part == base or heading > part:
        return []
    numbers = range(elements[heading].end, elements[part].begin)
    found = [i for i in numbers if layout.prose[i] and not layout.is_apart(i)]
    return found if len(found) <= 2 else []


def is_furniture(text: str) -> bool:
    """Whether a short text is a label, prompt or credit of the page."""
    if len(text) >= _SHORT:
        return False
    rule = compiled(tuple(RULES)).line
    return bool(_announces(text) or _CONSENT.fullmatch(text) or rule(text))


def _announces(text: str) -> bool:
    """Whether a line announces what is no part of the story; a sentence does not."""
    return len(text) < _SHORT and text[-1] not in ".!?" and bool(_MORE.fullmatch(text))


def _chosen(layout: Layout, numbers: list[int], title: str) -> Iterator[Paragraph]:
    """The texts of blocks that are a story's, of those in its part of the page."""
    tree = layout.tree
    last = max((i for i in numbers if layout.prose[i]), default=-1)
    started, skipping = False, False
    heads: list[str] = []
    seen: set[str] = {title}
    for i in numbers:
        text, tag = tree.blocks[i].text.removeprefix(f"{title}\n"), _tag(layout, i)
        prose = bool(layout.prose[i])
        if _announces(text):
            if started and _COMMENTS.fullmatch(text):
                return
            skipping, heads = True, []
            continue
        if skipping and not (prose and tag != "li"):
            continue
        skipping = False
        if text in seen or tag == "h1" or is_furniture(text):
            continue
        if tag in HEADINGS:
            if layout.links(i) < 0.5:
                heads.append(text)
            continue
        if layout.links(i) > (0.5 if tag == "li" or not prose else 0.6):
            continue
        if not prose and not _belongs(text, tag, started, i > last):
            continue
        if prose:
            seen.add(text)
        yield from (Paragraph(head, True) for head in heads)
        yield Paragraph(text, tag == "li")
        heads, started = [], started or prose


def _belongs(text: str, tag: str, started: bool, after: bool) -> bool:
    """Whether a short text without a full stop is a line of the story."""
    if SENTENCE_END.search(text[-4:]):
        return True
    if tag == "li":
        return len(text) > 20 or (started and " " in text)
    return started and not after and tag in _LINE_TAGS


def _tag(layout: Layout, number: int) -> str:
    """The heading that a block is in, or its own element's tag."""
    elements = layout.tree.elements
    place = layout.tree.blocks[number].owner
    own = elements[place].tag
    for _ in range(2):
        if elements[place].tag in HEADINGS or elements[place].tag == "li":
            return elements[place].tag
        place = elements[place].parent
    return own
