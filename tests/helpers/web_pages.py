"""Web pages with what is right of them, hostile markup, and the two readers by name."""

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from newsstand.text import html as page_module

READERS = ("trafilatura", "plain")


class Gold(NamedTuple):
    """A page's file, its headline if that is known, and what must and must not be in its text."""

    path: Path
    title: str | None
    must: list[str]
    must_not: list[str]

    def judged(self, body: str) -> tuple[list[str], list[str]]:
        """The snippets that a text lacks, and those that it should not have."""
        text = plain(body)
        return (
            [x for x in self.must if plain(x) not in text],
            [x for x in self.must_not if plain(x) in text],
        )


def plain(text: str) -> str:
    """A text with all blanks alike."""
    return re.sub(r"\s+", " ", text)


def gold(path: Path) -> list[Gold]:
    """The pages of a JSON Lines file; their files are named from its folder."""
    rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return [
        Gold(path.parent / row["page"], row.get("title"), row["must"], row["must_not"])
        for row in rows
    ]


@contextmanager
def reading_by(reader: str) -> Iterator[None]:
    """Pages are read by trafilatura, or as where it is not installed."""
    page_module._trafilatura.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        if reader == "plain":
            patch.setitem(sys.modules, "trafilatura", None)
        yield
    page_module._trafilatura.cache_clear()


_STORY = "<p>" + "The grain ships lay at the quay and nobody came to unload them. " * 6 + "</p>"
_PROSE = "Some words of a paragraph, enough of them to be counted as text."

# Markup whose repetition makes some reader's time grow as its square, or nest without end.
HOSTILE = (
    "<a ",
    "</",
    "<?",
    "<!--",
    "<!-->x",
    "<![CDATA[",
    "<",
    "<a b='",
    '<a b="c',
    "<a b=c ",
    "<a href=x>y",
    "&",
    "&#",
    "&#9999999999",
    "<b>",
    "<i><b>x</i>",
    "<span hidden>",
    "<p>",
    f"<p>{_PROSE}",
    "<div>",
    f"<div><p>{_PROSE}</p></div>",
    f"<section class=article-body><p>{_PROSE}",
    f"<article><p>{_PROSE}",
    f"<div class='comments related'>{_PROSE}",
    "<main>x",
    "<li>x",
    "<ul><li>x",
    "<table><tr><td>x",
    "<td>x",
    "<h1>x - y",
    "<h1>x | y</h1>",
    "<br>x",
    "<pre>\n\nx",
    "<svg><p>x",
    "<select><option>x",
    "<select><html>x<p>",
    "<button>x",
    "<form>",
    "<header>",
    "<x-y>",
    "<script>",
    "<style>",
    "<title>",
    "<title>x | y</title>",
    "<textarea>",
    "<meta property=og:title content='x - y'>",
    '<script type="application/ld+json">{"articleBody":"x y"}</script>',
    '<script type="application/ld+json">[',
    "</p></div>",
    " ",
    "x ",
    "字",
)
PREFIXES = ("", f"<html><head><title>A | B</title></head><body><article>{_STORY}")
SUFFIXES = ("", f"</div></article>{_STORY}</body></html>")


def hostile(pattern: str, length: int, prefix: str, suffix: str) -> str:
    """A page of a repeated pattern, of about that length."""
    return prefix + pattern * (length // len(pattern)) + suffix
