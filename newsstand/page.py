"""A web page's headline and text, read by trafilatura where it is installed.

Without trafilatura (`pip install 'newsstand[html]'`) the small reader of `page_story` does it.
"""

import json
import logging
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from newsstand.page_charset import page_text
from newsstand.page_layout import DENSE, Layout, is_prose, size
from newsstand.page_story import Paragraph, find_story, is_furniture, story_paragraphs
from newsstand.page_title import find_title
from newsstand.page_tokens import unescaped
from newsstand.page_tree import Tree, read_tree

# A body of fewer words is hardly a story: a page that needs a browser, a login, a moved page.
_FEWEST_WORDS = 25
_WORD = re.compile(rf"[{DENSE}]|[^\W{DENSE}]+")
# trafilatura is asked about no page with more tags, or with elements nested deeper: its time
# grows faster than the page there, and libxml2 drops what is nested deeper than 256.
_MOST_TAGS = 20_000
_DEEPEST = 200
# With more texts than these it is asked without jusText, whose time grows as their square.
_MOST_TEXTS = 1_500


class Page(NamedTuple):
    """What was read of a page: headline, paragraphs parted by blank lines, and a doubt."""

    title: str
    body: str
    warning: str | None


def read_page(page: str | bytes) -> Page:
    """Reads a page; anything is a page, and none is an error."""
    text = page_text(page)
    tree = read_tree(text)
    layout = Layout(tree)
    story = find_story(layout)
    title, heading = find_title(layout, story[1])
    own = story_paragraphs(layout, story, title, heading)
    theirs = _weeded(_by_trafilatura(text, tree, title), layout, story[0])
    paragraphs = _better(theirs, own)
    told = _told(tree)
    # A page whose text a script puts in place still tells it to search engines.
    if size("".join(told)) > 2 * size("".join(paragraphs)):
        paragraphs = told
    body = "\n\n".join(paragraphs)
    return Page(title, body, _warning(body))


def words(text: str) -> int:
    """The number of words; a letter of Chinese, Japanese or Korean counts as one."""
    return len(_WORD.findall(text))


def _warning(body: str) -> str | None:
    found = words(body)
    if found >= _FEWEST_WORDS:
        return None
    if not found:
        return "no text was found in the page"
    count = "1 word of text was" if found == 1 else f"{found} words of text were"
    return f"only {count} found in the page"


def _weeded(theirs: list[str], layout: Layout, base: int) -> list[str]:
    """Trafilatura's paragraphs without those that the page says are no part of the story.

    It takes comments, related stories and captions for text where their names are not among
    those it knows; none are left of a page that it took as a whole, menus and all, as it does
    where the story is short.
    """
    elements, wrong, links = layout.tree.elements, dict[str, bool](), set[str]()
    article = elements[base].tag == "article"
    for number, block in enumerate(layout.tree.blocks):
        outside = article and not base <= block.owner < elements[base].last
        outside = outside or layout.is_apart(number)
        for line in {block.text, *block.text.split("\n")}:
            key = _letters(line)
            wrong[key] = outside and wrong.get(key, True)
            if layout.links(number) > 0.7:
                links.add(key)
    if sum(_letters(text) in links for text in theirs) > max(2, len(theirs) / 5):
        return []
    return [x for x in theirs if not (wrong.get(_letters(x), False) or is_furniture(x))]


def _better(theirs: list[str], own: list[Paragraph]) -> list[str]:
    """Trafilatura's paragraphs, or those of the small reader where it found far more.

    On ordinary pages trafilatura is right more often. It fails on some kinds as a whole: it
    takes the one `<p>` of a page whose text is in `<div>`, or stops where libxml2 stopped.
    """
    texts = [paragraph.text for paragraph in own]
    if _letters("".join(theirs)) == _letters("".join(texts)):
        return texts  # it may have joined paragraphs
    found = size("".join(theirs))
    if words(" ".join(theirs)) < _FEWEST_WORDS or found < 0.4 * size("".join(texts)):
        return texts or theirs
    return _with_items(_trimmed(theirs, texts), own)


def _trimmed(theirs: list[str], own: list[str]) -> list[str]:
    """Trafilatura's paragraphs without labels before and after all that both readers found."""
    known = {_letters(line) for text in own for line in (text, *text.split("\n"))}

    def is_text(text: str) -> bool:
        lines = (text, *text.split("\n"))
        return is_prose(text) or any(_letters(line) in known for line in lines)

    told = [place for place, text in enumerate(theirs) if is_text(text)]
    return theirs[told[0] : told[-1] + 1] if told else theirs


def _with_items(theirs: list[str], own: list[Paragraph]) -> list[str]:
    """Trafilatura's paragraphs with the subheads and list items that it lost between them.

    Outside of an `<article>` it often takes paragraphs only.
    """
    places = {_letters(text): place for place, text in enumerate(theirs)}
    lost: dict[int, list[str]] = {}
    before, between = -1, list[Paragraph]()
    for paragraph in own:
        place = places.get(_letters(paragraph.text))
        if place is None:
            between.append(paragraph)
            continue
        if before >= 0 and place == before + 1 and all(x.item for x in between):
            lost[place] = [x.text for x in between]
        before, between = place, []
    return [text for place, one in enumerate(theirs) for text in (*lost.get(place, ()), one)]


def _letters(text: str) -> str:
    return "".join(text.split())


@lru_cache(maxsize=1)
def _trafilatura() -> Callable[..., Any] | None:
    """Its extraction, or None where it is not installed."""
    try:
        from trafilatura import bare_extraction
    except ImportError:
        return None
    # It warns of each page that it finds nothing in, which is printed where the host has set up
    # no logging; a handler of the host still gets it.
    logging.getLogger("trafilatura").addHandler(logging.NullHandler())
    found: Callable[..., Any] = bare_extraction
    return found


def _by_trafilatura(text: str, tree: Tree, title: str) -> list[str]:
    """The paragraphs that trafilatura finds; none where it is not installed or fails."""
    extract = _trafilatura()
    if extract is None or tree.tags > _MOST_TAGS or tree.depth > _DEEPEST:
        return []
    # It takes a text for a page only where the word is near the start.
    page = text if "html" in text[:50].lower() else f"<html>{text}"
    fast = len(tree.blocks) > _MOST_TEXTS
    try:
        # Its memory of texts seen (`deduplicate`) would make a page's text depend on others.
        found = extract(
            page, include_comments=False, include_tables=True, deduplicate=False, fast=fast
        )
    except Exception:  # of libxml2 or of any of its heuristics; the small reader reads the page
        return []
    paragraphs = list(_paragraphs(found.body)) if found else []
    if paragraphs and paragraphs[0].casefold() == title.casefold():
        del paragraphs[0]
    return paragraphs


_BORDERS = frozenset(
    {"p", "head", "item", "list", "quote", "row", "cell", "table", "div", "code", "body"}
)


def _paragraphs(body: Any) -> Iterator[str]:
    """The texts of the blocks of trafilatura's tree, in order."""
    from lxml.etree import iterwalk

    pieces: list[str] = []
    for event, element in iterwalk(body, events=("start", "end")):
        if element.tag in _BORDERS:
            pieces.append("\n\n")
        elif element.tag == "lb" and event == "start":
            pieces.append("\n")
        pieces.append((element.text if event == "start" else element.tail) or "")
    for paragraph in re.split(r"\n[^\S\n]*\n\s*", "".join(pieces)):
        lines = (" ".join(line.split()) for line in paragraph.split("\n"))
        if text := "\n".join(line for line in lines if line):
            yield text


def _told(tree: Tree) -> list[str]:
    """The paragraphs of `articleBody` in a page's JSON-LD, the longest of several."""
    texts: list[str] = []
    for script in tree.data:
        try:
            texts += _article_bodies(json.loads(script, strict=False))
        except (ValueError, RecursionError):
            continue
    longest = max(texts, key=len, default="")
    if "<" in longest:
        longest = "\n".join(block.text for block in read_tree(longest).blocks)
    return [" ".join(line.split()) for line in longest.split("\n") if line.strip()]


def _article_bodies(value: Any) -> Iterator[str]:
    """Each `articleBody` in a JSON value: of an object, a list of them, or a `@graph`."""
    values = [value]
    while values:
        item = values.pop()
        if isinstance(item, list):
            values += item
        elif isinstance(item, dict):
            if isinstance(item.get("articleBody"), str):
                yield unescaped(item["articleBody"])
            values += [item[key] for key in ("@graph", "mainEntity") if key in item]
