"""Reads the headline and text of a web page, with trafilatura if it is installed.

Without trafilatura (`pip install 'newsstand[html]'`), the plain reader of `html_plain` is used,
with a warning.
"""

import json
import re
import warnings
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from newsstand.text.html_charset import page_text
from newsstand.text.html_plain import (
    DENSE,
    HEADINGS,
    Block,
    PlainPage,
    is_furniture,
    is_prose,
    paragraphs,
    read_plain,
    size,
    unescaped,
    word_set,
)

_PLAIN = (
    "the page was read by the plain reader, which separates the article less precisely; "
    "install newsstand[html] to use trafilatura"
)
# A body of fewer words is probably not a story: the page needs a browser or login, or has moved.
_FEWEST_WORDS = 25
_WORD = re.compile(rf"[{DENSE}]|[^\W{DENSE}]+")
# trafilatura is not used for pages with more tags or deeper nesting: there its time grows faster
# than the page, and libxml2 drops elements nested deeper than 256.
_MOST_TAGS = 20_000
_DEEPEST = 200
# With more texts, trafilatura is run without jusText, whose time grows with their square.
_MOST_TEXTS = 1_500


class Page(NamedTuple):
    """The headline of a page, its paragraphs separated by blank lines, and a warning or None."""

    title: str
    body: str
    warning: str | None


def read_page(page: str | bytes) -> Page:
    """Reads a page; accepts anything without an error."""
    text = page_text(page)
    plain = read_plain(text)
    story = plain.story()
    title = _title(plain, story)
    own = list(paragraphs(story, title))
    extracted = _filtered(_by_trafilatura(text, plain, title), plain, story)
    chosen = _better(extracted, own)
    data = _article_body(plain.data)
    # A page whose text is inserted by a script often has it as data for search engines.
    if size("".join(data)) > 2 * size("".join(chosen)):
        chosen = data
    body = "\n\n".join(chosen)
    warnings = [_few_words(body), None if _trafilatura() else _PLAIN]
    return Page(title, body, "; ".join(filter(None, warnings)) or None)


def words(text: str) -> int:
    """Returns the number of words; a Chinese, Japanese or Korean letter counts as a word."""
    return len(_WORD.findall(text))


def _few_words(body: str) -> str | None:
    number = words(body)
    if number >= _FEWEST_WORDS:
        return None
    if not number:
        return "no text was found in the page"
    count = "1 word of text was" if number == 1 else f"{number} words of text were"
    return f"only {count} found in the page"


def _filtered(extracted: list[str], plain: PlainPage, story: list[Block]) -> list[str]:
    """Removes trafilatura's paragraphs that, by their elements, are not part of the story.

    It extracts comments, related stories and captions if it does not know their class names. If
    it extracted the whole page including menus, as it does for short stories, the result is empty.
    """
    wrong, links = dict[str, bool](), set[str]()
    article = story[0].article if story else 0
    for block in plain.blocks:
        outside = block.apart or (article > 0 and block.article != article)
        for line in {block.text, *block.text.split("\n")}:
            key = _letters(line)
            wrong[key] = outside and wrong.get(key, True)
            if block.links > 0.7:
                links.add(key)
    if sum(_letters(text) in links for text in extracted) > max(2, len(extracted) / 5):
        return []
    return [x for x in extracted if not (wrong.get(_letters(x), False) or is_furniture(x))]


def _better(extracted: list[str], own: list[Block]) -> list[str]:
    """Returns trafilatura's paragraphs, or the plain reader's if these have much more text.

    On ordinary pages trafilatura is more accurate. It fails completely on some: it extracts the
    only `<p>` of a page with its text in `<div>`, or stops where libxml2 stopped.
    """
    texts = [paragraph.text for paragraph in own]
    if _letters("".join(extracted)) == _letters("".join(texts)):
        return texts  # trafilatura may have joined paragraphs
    length = size("".join(extracted))
    if words(" ".join(extracted)) < _FEWEST_WORDS or length < 0.4 * size("".join(texts)):
        return texts or extracted
    return _with_items(_trimmed(extracted, texts), own)


def _trimmed(extracted: list[str], own: list[str]) -> list[str]:
    """Removes labels before the first and after the last text that both readers found."""
    known = {_letters(line) for text in own for line in (text, *text.split("\n"))}

    def is_text(text: str) -> bool:
        lines = (text, *text.split("\n"))
        return is_prose(text) or any(_letters(line) in known for line in lines)

    indices = [index for index, text in enumerate(extracted) if is_text(text)]
    return extracted[indices[0] : indices[-1] + 1] if indices else extracted


def _with_items(extracted: list[str], own: list[Block]) -> list[str]:
    """Inserts the subheads and list items that trafilatura lost between its paragraphs.

    Outside an `<article>` it often extracts paragraphs only.
    """
    indices = {_letters(text): index for index, text in enumerate(extracted)}
    lost: dict[int, list[str]] = {}
    before, between = -1, list[Block]()
    for paragraph in own:
        index = indices.get(_letters(paragraph.text))
        if index is None:
            between.append(paragraph)
            continue
        if before >= 0 and index == before + 1 and all(x.tag in (*HEADINGS, "li") for x in between):
            lost[index] = [x.text for x in between]
        before, between = index, []
    return [text for index, one in enumerate(extracted) for text in (*lost.get(index, ()), one)]


def _letters(text: str) -> str:
    """Returns a text without blanks, for comparison."""
    return "".join(text.split())


@lru_cache(maxsize=1)
def _trafilatura() -> Callable[..., Any] | None:
    """Returns trafilatura's extraction function, or None if it is not installed."""
    try:
        # Its import turns off warnings of urllib3, as of requests that are not verified.
        with warnings.catch_warnings():
            from trafilatura import bare_extraction
    except ImportError:
        return None
    extract: Callable[..., Any] = bare_extraction
    return extract


def _by_trafilatura(text: str, plain: PlainPage, title: str) -> list[str]:
    """Returns the paragraphs that trafilatura extracts; none if it is not installed or fails."""
    extract = _trafilatura()
    if extract is None or plain.tags > _MOST_TAGS or plain.depth > _DEEPEST:
        return []
    # It recognises a page only with this word near the start.
    page = text if "html" in text[:50].lower() else f"<html>{text}"
    fast = len(plain.blocks) > _MOST_TEXTS
    try:
        # With `deduplicate`, the text of a page would depend on earlier pages.
        document = extract(
            page, include_comments=False, include_tables=True, deduplicate=False, fast=fast
        )
    except Exception:  # in libxml2 or its heuristics; the plain reader is used instead
        return []
    paragraphs = list(_paragraphs(document.body)) if document else []
    if paragraphs and paragraphs[0].casefold() == title.casefold():
        del paragraphs[0]
    return paragraphs


_BORDERS = word_set("p head item list quote row cell table div code body")


def _paragraphs(body: Any) -> Iterator[str]:
    """Yields the texts of the blocks in trafilatura's tree, in order."""
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


def _article_body(scripts: list[str]) -> list[str]:
    """Returns the paragraphs of the longest `articleBody` in a page's JSON-LD."""
    texts: list[str] = []
    for script in scripts:
        try:
            texts += _article_bodies(json.loads(script, strict=False))
        except (ValueError, RecursionError):
            continue
    longest = max(texts, key=len, default="")
    if "<" in longest:
        longest = "\n".join(block.text for block in read_plain(longest).blocks)
    return [" ".join(line.split()) for line in longest.split("\n") if line.strip()]


def _article_bodies(value: Any) -> Iterator[str]:
    """Yields each `articleBody` in a JSON value: an object, a list of objects, or a `@graph`."""
    values = [value]
    while values:
        item = values.pop()
        if isinstance(item, list):
            values += item
        elif isinstance(item, dict):
            if isinstance(item.get("articleBody"), str):
                yield unescaped(item["articleBody"])
            values += [item[key] for key in ("@graph", "mainEntity") if key in item]


_TITLE_SEPARATOR = re.compile(
    r" [|\-\u2013\u2014\u00b7\u2022\u00bb\u00ab:]{1,2} | ?\| ?|: "
    rf"|(?<=[{DENSE}])[-_\u2013\u2014]{{1,2}}(?=[{DENSE}])"
)
_NOT_LETTERS = re.compile(r"[\W_]+")
# Headings on pages of any site that are not headlines.
_NO_TITLES = word_set(
    "login signin signup register menu mainmenu navigation mainnavigation search searchform home "
    "homepage subscribe newsletter news latestnews breakingnews comments advertisement contact "
    "contactus aboutus sitemap weather cookies cookiepolicy privacy logout myaccount welcome "
    "anmelden suche startseite connexion recherche accueil iniciarsesion buscar inicio"
)
_LONGEST = 300  # characters of a headline that are compared


def _title(plain: PlainPage, story: list[Block]) -> str:
    """Returns the headline: an `<h1>` in the story's article or main, else `og:title` or `<title>`.

    An `<h1>` elsewhere is the last choice; the site's name and words such as "Log in" are not
    headlines.
    """
    blocks = sorted((x for x in plain.blocks if x.tag == "h1"), key=lambda x: x.apart)
    sites = _sites(plain, blocks)
    lines = (block.text.split("\n")[0] for block in plain.blocks)
    seen = {_plain(line) for line in lines if len(line) < _LONGEST} - sites
    texts = (plain.meta.get("og:title", ""), plain.title)
    titles = [x for text in texts if _plain(x := _stripped(text, sites, seen)) not in sites]
    blocks = [x for x in blocks if _plain(x.text) not in sites]
    inside = [x for x in story if x.tag == "h1" and (x.article or x.main)]
    inside = [x for x in inside if _plain(x.text) not in sites]
    agreed = [x for x in inside or blocks if any(_alike(x.text, title) for title in titles)]
    for block in (agreed or inside)[:1]:
        if not (titles and 3 * len(block.text) < len(titles[0])):
            return " ".join(block.text.split())
    return (*titles, *(" ".join(x.text.split()) for x in blocks), "")[0]


def _sites(plain: PlainPage, headings: list[Block]) -> set[str]:
    """Returns texts that are not headlines, in plain letters: names of the site, "Log in" etc.

    A part of `<title>` that is an `<h1>` is a name of the site if another part is much longer, or
    is a lower heading, or precedes it and is not much shorter.
    """
    keys = ("og:site_name", "application-name", "apple-mobile-web-app-title")
    sites = {_plain(plain.meta.get(key, "")) for key in keys} | _NO_TITLES | {""}
    for key in ("og:url", "twitter:url"):
        host = re.match(r"\s*https?://(?:www\.)?([^\s/:]{1,250})", plain.meta.get(key, ""))
        if host:
            sites |= {_plain(host[1]), *(_plain(x) for x in host[1].split(".") if len(x) > 3)}
    lower = {_plain(x.text) for x in plain.blocks if x.tag in HEADINGS[1:]}
    parts = [_plain(part) for part in _TITLE_SEPARATOR.split(plain.title[:_LONGEST])]
    for name in {_plain(x.text) for x in headings}.intersection(parts):
        most = 1.2 if name == parts[-1] else 0.5
        others = [part for part in parts if part != name]
        if any(len(name) <= most * len(other) or other in lower for other in others):
            sites.add(name)
    return sites


def _stripped(text: str, sites: set[str], seen: set[str]) -> str:
    """Removes the site's name before or after a title, if it is certain to be one.

    Args:
        text: The title.
        sites: Names of the site, in plain letters.
        seen: The short texts of the page in plain letters, among them the headline.
    """
    for last in (True, False):
        while breaks := list(_TITLE_SEPARATOR.finditer(text[:_LONGEST])):
            at = breaks[-1 if last else 0]
            sides = text[: at.start()].strip(), text[at.end() :].strip()
            title, site = sides if last else sides[::-1]
            shown = _plain(title) in seen and len(title) > len(site)
            if not (shown or _plain(site) in sites):
                break
            text = title
    return text


def _plain(text: str) -> str:
    """Returns the letters of a text in lower case, for comparison."""
    return _NOT_LETTERS.sub("", text[:_LONGEST]).casefold()


def _alike(one: str, other: str) -> bool:
    """Whether one headline contains the other."""
    short, long = sorted((_plain(one), _plain(other)), key=len)
    return len(short) > 8 and short in long
