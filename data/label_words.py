"""Labels as tables write them: words and codes for stances, several votes in a cell."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from newsstand.io.values import missing, scalar

# What tables call the sides of a question, in lower case.
STANCES: Mapping[str, str] = {
    **dict.fromkeys(("favor", "favour", "in favor", "in favour", "pro", "for"), "favor"),
    **dict.fromkeys(("support", "supports", "supportive", "supporting", "dafür", "1"), "favor"),
    **dict.fromkeys(("against", "anti", "con", "contra", "oppose", "opposes"), "against"),
    **dict.fromkeys(("opposed", "opposing", "dagegen", "-1"), "against"),
    **dict.fromkeys(("neutral", "none", "neither", "no stance", "0"), "neutral"),
}
_FNC = frozenset({"agree", "disagree", "discuss", "unrelated"})


def stance_scheme(labels: Iterable[str]) -> str | None:
    """The label scheme that fits labels of stances, or None."""
    folded = {label.casefold() for label in labels}
    if {"agree", "disagree"} <= folded <= _FNC:
        return "agree-disagree-discuss-unrelated"
    sides = {STANCES.get(label) for label in folded}
    if {"favor", "against"} <= sides and None not in sides:
        return "favor-against-neutral"
    return None


def cell_labels(value: Any) -> Iterator[tuple[str, bool]]:
    """The labels in a cell, one or several annotators', each with whether it is a code."""
    if isinstance(value, (list, tuple)):
        for vote in value:
            yield from cell_labels(vote)
        return
    if missing(value):
        return
    text = value.strip() if isinstance(value, str) else scalar(value)
    if text:
        whole = text.removesuffix(".0")
        if whole.lstrip("+-").isdecimal():
            yield whole, True
        else:
            yield text, not isinstance(value, str)
