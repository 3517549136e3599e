"""The fields of an example whose n-grams are counted, and their offsets in its text."""

import re
from collections.abc import Iterator

import numpy as np

from newsstand.features.coverage import first_words
from newsstand.text.example import Example
from newsstand.types import Ints

FIELDS = ("title", "lead", "near", "target")

# A hashtag, and the words in it: "#SaveTheNHS" has Save, The and NHS.
_HASHTAG = re.compile(r"(?<!\w)#(\w+)")
_HASHTAG_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")

# Words of the body in the field `lead`: about the first two sentences of a report.
_LEAD_WORDS = 30
# Words in the field `near` on either side of the first mention of the target.
_NEAR_WORDS = 8


def located_texts(field: str, example: Example, *, hashtags: bool) -> Iterator[tuple[str, Ints]]:
    """Yields the texts counted for a field, with each character's offset in `example.text`."""
    text, start = field_text(field, example)
    if start is not None:
        yield text, np.arange(start, start + len(text))
    if hashtags and field == "text":
        yield hashtag_words(text)


def hashtag_words(text: str) -> tuple[str, Ints]:
    """Returns the words in the hashtags of a text, and each character's offset in the text."""
    if "#" not in text:
        return "", np.empty(0, dtype=np.int64)
    spans = [
        (tag.start(1) + word.start(), tag.start(1) + word.end())
        for tag in _HASHTAG.finditer(text)
        for word in _HASHTAG_WORD.finditer(tag[1])
    ]
    # One more offset after each word, for the blank there.
    ranges = [np.arange(start, end + 1) for start, end in spans]
    offsets = np.concatenate([np.empty(0, dtype=np.int64), *ranges])
    return "".join(f"{text[start:end]} " for start, end in spans), offsets


def field_text(field: str, example: Example) -> tuple[str, int | None]:
    """Returns a field of an example, and its start in `example.text`; None if it isn't in it."""
    title, body, text = example.prepared.title.text, example.prepared.body.text, example.text
    if field == "title":
        return title, 0
    if field == "target":
        return example.target or "", None
    if field == "lead":
        return first_words(body, _LEAD_WORDS), len(text) - len(body)
    if field == "near":
        return _near(text, example.target or "")
    return text, 0


def _near(text: str, target: str) -> tuple[str, int]:
    """Returns the words around the first mention of the target; empty if it is not mentioned.

    The mention itself is replaced by blanks, so that these features do not depend on the target.
    """
    match = re.search(rf"(?<!\w){re.escape(target)}(?!\w)", text, re.IGNORECASE) if target else None
    if match is None:
        return "", 0
    before = text[: match.start()].rsplit(None, _NEAR_WORDS)
    start = len(before[0]) if len(before) > _NEAR_WORDS else 0
    end = match.end() + len(first_words(text[match.end() :], _NEAR_WORDS))
    blank = " " * len(match[0])
    return text[start : match.start()] + blank + text[match.end() : end], start
