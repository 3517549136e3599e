"""Names in plots: on few lines, and only with characters that an installed font has."""

import textwrap
import unicodedata
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

from matplotlib.font_manager import findfont, fontManager
from matplotlib.ft2font import FT2Font

from newsstand.cli.terminal import visible

_LINES = 2
# Fonts that systems have for the scripts that DejaVu, which comes with matplotlib, lacks.
_OTHERS = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Source Han Sans SC"),
    *("WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Microsoft YaHei", "SimHei", "PingFang SC"),
    *("Hiragino Sans", "Yu Gothic", "Malgun Gothic", "Apple SD Gothic Neo", "Noto Sans Devanagari"),
    *("Noto Sans Bengali", "Noto Sans Tamil", "Noto Sans Thai", "Noto Sans Ethiopic", "Nirmala UI"),
    "Arial Unicode MS",
)
_INSTALLED = {font.name for font in fontManager.ttflist}
# The fonts of names, in the order in which they are searched for a character.
FAMILIES = ("DejaVu Sans", *(name for name in _OTHERS if name in _INSTALLED))


def drawable(names: Sequence[str], width: int) -> list[str]:
    r"""Names as a plot can draw them, each different.

    A long name is wrapped, one too long for that is shortened; one in a script that no font of the
    plot has is replaced by its number.

    Args:
        names: Any texts.
        width: Characters of a line.

    >>> drawable(["economy", "an economy of very many words", " "], 12)
    ['economy', 'an economy\nof very many…', 'no. 3']
    """
    drawn: list[str] = []
    for number, name in enumerate(names, start=1):
        text = " ".join(visible(name).split())
        if not text or not _has_glyphs(text):
            text = f"no. {number}"
        text = _wrapped(text, width)
        drawn.append(text if text not in drawn else f"{text} ({number})")
    return drawn


def _wrapped(text: str, width: int) -> str:
    lines = textwrap.wrap(text, width, break_on_hyphens=False)
    if len(lines) > _LINES:
        lines = [*lines[: _LINES - 1], lines[_LINES - 1][: width - 1].rstrip() + "…"]
    return "\n".join(lines)


def _has_glyphs(text: str) -> bool:
    missing = {sign for sign in text if unicodedata.category(sign) != "Cf"}
    for family in FAMILIES:
        missing = {sign for sign in missing if ord(sign) not in _characters(family)}
        if not missing:
            return True
    return False


@cache
def _characters(family: str) -> frozenset[int]:
    """The characters of a font."""
    return frozenset(FT2Font(findfont(family)).get_charmap())


@contextmanager
def silent() -> Iterator[None]:
    """No warnings of matplotlib about single glyphs, in a `with` block."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        yield
