"""The headline of a page."""

import re
from urllib.parse import urlsplit

from newsstand.page_layout import DENSE, HEADINGS, Layout
from newsstand.page_tokens import word_set

_PARTS = re.compile(
    r" [|\-\u2013\u2014\u00b7\u2022\u00bb\u00ab:]{1,2} | ?\| ?|: "
    rf"|(?<=[{DENSE}])[-_\u2013\u2014]{{1,2}}(?=[{DENSE}])"
)
_NOT_LETTERS = re.compile(r"[\W_]+")
# What is a heading on a page of any site.
_FURNITURE = word_set(
    "login signin signup register menu mainmenu navigation mainnavigation search searchform home "
    "homepage subscribe newsletter news latestnews breakingnews comments advertisement contact "
    "contactus aboutus sitemap weather cookies cookiepolicy privacy logout myaccount welcome "
    "anmelden suche startseite connexion recherche accueil iniciarsesion buscar inicio"
)
_OUTSIDE = frozenset({"nav", "aside", "footer", "dialog", "template", "noscript"})
_LONGEST = 300  # letters of a headline that are compared


def find_title(layout: Layout, part: int) -> tuple[str, int]:
    """The headline, and the place of its element, or 0 if it is that of no `<h1>`.

    An `<h1>` inside the story's `<article>` or `<main>` comes first, then `og:title`, then
    `<title>`, then any `<h1>`; the site's name and words such as "Log in" are no headline.

    Args:
        layout: The page.
        part: The place of the element that holds the story.
    """
    headings = _headings(layout)
    sites = _sites(layout, headings)
    headings = [item for item in headings if _plain(item[0]) not in sites]
    lines = (block.text.split("\n")[0] for block in layout.tree.blocks)
    seen = {_plain(line) for line in lines if len(line) < _LONGEST} - sites
    announced = [
        title
        for text in (layout.tree.meta.get("og:title", ""), layout.tree.title)
        if _plain(title := _stripped(text, sites, seen)) not in sites
    ]
    inside = _inside(layout, part, headings)
    agreed = [x for x in inside or headings if any(_alike(x[0], other) for other in announced)]
    first = agreed or inside
    if first and not (announced and 3 * len(first[0][0]) < len(announced[0])):
        return first[0]
    if announced:
        return announced[0], 0
    return headings[0] if headings else ("", 0)


def _headings(layout: Layout) -> list[tuple[str, int]]:
    """The text and place of each `<h1>` outside menus and asides, those set apart last."""
    elements, blocks = layout.tree.elements, layout.tree.blocks
    outside = [False] * len(elements)
    found = []
    for place, element in enumerate(elements):
        outside[place] = outside[element.parent] or element.tag in _OUTSIDE
        if element.tag == "h1" and not outside[place] and element.end > element.begin:
            text = " ".join(block.text for block in blocks[element.begin : element.end][:3])
            found.append((" ".join(text.split()), place))
    return sorted(found, key=lambda item: layout.apart[item[1]])


def _inside(layout: Layout, part: int, headings: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """The headings in the story's part of the page, or in the article around it."""
    elements = layout.tree.elements
    while part and elements[part].tag not in ("article", "main"):
        part = elements[part].parent
    last = elements[part].last if part else 0
    return [item for item in headings if part < item[1] < last and not layout.apart[item[1]]]


def _sites(layout: Layout, headings: list[tuple[str, int]]) -> set[str]:
    """What is no headline: the site's names, in plain letters, and words such as "Log in"."""
    meta = layout.tree.meta
    keys = ("og:site_name", "application-name", "apple-mobile-web-app-title")
    sites = {_plain(meta.get(key, "")) for key in keys}
    for key in ("og:url", "twitter:url"):
        try:
            host = urlsplit(meta.get(key, "")).hostname or ""
        except ValueError:
            continue
        sites |= {_plain(name) for name in host.split(".") if len(name) > 3}
        sites.add(_plain(host.removeprefix("www.")))
    return sites | _mastheads(layout, headings) | _FURNITURE | {""}


def _mastheads(layout: Layout, headings: list[tuple[str, int]]) -> set[str]:
    """The parts of `<title>` that are an `<h1>` above the headline.

    The headline is the other part, if that is far longer, or is a lower heading further down, or
    comes first, as it mostly does, and is not much shorter.
    """
    elements, blocks = layout.tree.elements, layout.tree.blocks
    lower = {
        _plain(block.text): block.owner
        for block in blocks
        if elements[block.owner].tag in HEADINGS[1:] and len(block.text) < _LONGEST
    }
    parts = [_plain(part) for part in _PARTS.split(layout.tree.title[:_LONGEST])]
    found = set()
    for text, place in headings:
        plain = _plain(text)
        others = [part for part in parts if part != plain]
        longest = 1.2 if plain == parts[-1] else 0.5
        if plain in parts and any(
            len(plain) <= longest * len(other) or lower.get(other, 0) > place for other in others
        ):
            found.add(plain)
    return found


def _stripped(text: str, sites: set[str], seen: set[str]) -> str:
    """A title without the site's name before or after it, where that is sure to be one.

    Args:
        text: The title.
        sites: Names of the site, in plain letters.
        seen: The short texts of the page; the headline is one.
    """
    breaks = list(_PARTS.finditer(text[:_LONGEST]))
    start, end = 0, len(text)
    while breaks:
        head, tail = text[start : breaks[-1].start()], text[breaks[-1].end() : end]
        shown = _plain(head) in seen and len(head) > len(tail)
        if not (shown or _plain(tail) in sites):
            break
        end = breaks.pop().start()
    while breaks:
        head, tail = text[start : breaks[0].start()], text[breaks[0].end() : end]
        shown = _plain(tail) in seen and len(tail) > len(head)
        if not (shown or _plain(head) in sites):
            break
        start = breaks.pop(0).end()
    return text[start:end].strip()


def _plain(text: str) -> str:
    """The letters of a text, for comparison."""
    return _NOT_LETTERS.sub("", text[:_LONGEST]).casefold()


def _alike(one: str, other: str) -> bool:
    """Whether one headline is in the other."""
    short, long = sorted((_plain(one), _plain(other)), key=len)
    return len(short) > 8 and short in long
