"""The parts of an example whose n-grams are counted, and where they stand in its text."""

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from newsstand.features.coverage import first_words
from newsstand.text.example import Example

PARTS = ("title", "lead", "near", "target")

# A hashtag, and a word inside it: "#SaveTheNHS" is save, the and NHS.
_HASHTAG = re.compile(r"(?<!\w)#(\w+)")
_INSIDE = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")

# Words of the body that are its lead, at most: the first sentence or two of a report.
_LEAD_WORDS = 30
# Words on either side of the target's first mention that are near it.
_NEAR_WORDS = 8


def readings(
    part: str, example: Example, *, hashtags: bool
) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """The texts that are counted for a part, each character with its place in `example.text`."""
    text, start = stretch(part, example)
    if start is not None:
        yield text, np.arange(start, start + len(text))
    if hashtags and part == "text":
        yield in_hashtags(text)


def in_hashtags(text: str) -> tuple[str, NDArray[np.int64]]:
    """The words inside a text's hashtags, and where each character of them stands in the text."""
    if "#" not in text:
        return "", np.empty(0, dtype=np.int64)
    words = [
        (tag.start(1) + word.start(), tag.start(1) + word.end())
        for tag in _HASHTAG.finditer(text)
        for word in _INSIDE.finditer(tag[1])
    ]
    # One more place after each word, for the space there.
    places = [np.arange(start, end + 1) for start, end in words]
    slots = np.concatenate([np.empty(0, dtype=np.int64), *places])
    return "".join(f"{text[start:end]} " for start, end in words), slots


def stretch(part: str, example: Example) -> tuple[str, int | None]:
    """A part of an example, and where it begins in `example.text`: None if it is not in there."""
    title, body, text = example.prepared.title.text, example.prepared.body.text, example.text
    if part == "title":
        return title, 0
    if part == "target":
        return example.target or "", None
    if part == "lead":
        return first_words(body, _LEAD_WORDS), len(text) - len(body)
    if part == "near":
        return _near(text, example.target or "")
    return text, 0


def _near(text: str, target: str) -> tuple[str, int]:
    """The words around the target's first mention; nothing where it is not named.

    The mention itself is left blank: what is said near a target does not depend on who it is.
    """
    match = re.search(rf"(?<!\w){re.escape(target)}(?!\w)", text, re.IGNORECASE) if target else None
    if match is None:
        return "", 0
    before = text[: match.start()].rsplit(None, _NEAR_WORDS)
    start = len(before[0]) if len(before) > _NEAR_WORDS else 0
    end = match.end() + len(first_words(text[match.end() :], _NEAR_WORDS))
    blank = " " * len(match[0])
    return text[start : match.start()] + blank + text[match.end() : end], start
