"""Passages of an example whose characters added most to a label's score."""

import re
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from newsstand.models.base import Passage
from newsstand.text.example import Example
from newsstand.text.sentences import sentence_spans
from newsstand.types import Floats

# A passage is a phrase to read, not a paragraph.
_MOST_WORDS = 10
# A phrase that was found already is passed over, this many times for each passage wanted.
_TRIES = 5
# Words that say nothing by themselves, in English; other languages go without this nicety.
_FUNCTION_WORDS = frozenset(
    """a about after again all also am an and any are as at be because been before being but by can
    could did do does down for from had has have he her here him his how i if in into is it its just
    like may me more most my no nor not now of off on once only or other our out over own said same
    say says she should so some such than that the their them then there these they this those to
    too under up us very was we were what when where which while who whom why will with would you
    your""".split()  # noqa: SIM905 - as a list it would fill a page
)
# Ends of sentences and lines; "Mr. " splits too, which costs a passage a word at most.
_END = re.compile(r"[.!?…]['\"\u2019”»)\]]*\s|\n")
_WORD = re.compile(r"\w+(?:['\u2019]\w+)*")


def phrases(example: Example, gains: Floats, limit: int) -> list[Passage]:
    """The runs of words within a sentence that gained most, strongest first.

    Args:
        example: The example.
        gains: What each character of `example.text` adds, shape (characters,).
        limit: How many passages at most.
    """
    text = example.text
    bounds = chain.from_iterable(match.span() for match in _WORD.finditer(text))
    words = np.fromiter(bounds, dtype=np.int64).reshape(-1, 2)
    if not len(words):
        return []
    total = np.concatenate([[0.0], np.cumsum(gains)])
    # Rounded: a running sum leaves traces of 1e-17 where nothing was added.
    sums = np.round(total[words[:, 1]] - total[words[:, 0]], 9)
    return [
        passage(example, int(words[first, 0]), int(words[last, 1]), weight)
        for first, last, weight in _strongest(text, words, sums, limit)
    ]


def sentences(example: Example, gains: Floats, limit: int) -> list[Passage]:
    """The title and sentences that gained most, of those that gained at all, strongest first.

    Args:
        example: The example.
        gains: What each character of `example.text` adds, shape (characters,).
        limit: How many passages at most.
    """
    total = np.concatenate([[0.0], np.cumsum(gains)])
    title, body = example.prepared.title.text, example.prepared.body.text
    shift = len(example.text) - len(body)
    passages = [Passage("title", 0, len(title), float(total[len(title)]))]
    for start, end in sentence_spans(body):
        weight = float(total[shift + end] - total[shift + start])
        passages.append(Passage("body", start, end, weight))
    # Rounded: a running sum leaves traces where nothing was added.
    kept = [one for one in passages if round(one.weight, 9) > 0]
    return sorted(kept, key=lambda one: -one.weight)[:limit]


def passage(example: Example, start: int, end: int, weight: float) -> Passage:
    """A stretch of `example.text` as one of its title or its body."""
    shift = len(example.text) - len(example.prepared.body.text)
    if start < shift:
        return Passage("title", start, end, weight)
    return Passage("body", start - shift, end - shift, weight)


def _strongest(
    text: str, words: NDArray[np.int64], gains: Floats, limit: int
) -> list[tuple[int, int, float]]:
    """First word, last word and sum of the best runs of words, none overlapping another."""
    breaks = np.fromiter((match.start() for match in _END.finditer(text)), dtype=np.int64)
    sentence = np.searchsorted(breaks, words[:, 0])
    # A word must add as much as an average word that speaks for the label to be worth reading,
    # else passages would grow to full length on faint words. (As much, but for rounding: where
    # one word speaks, it is its own average.)
    positive = gains[gains > 0]
    worth = gains - (0.999 * positive.mean() if len(positive) else 0.0)
    said = [text[start:end].casefold() for start, end in words.tolist()]
    # Below 0, so that no passage begins or ends with a function word, or is nothing else.
    function = np.fromiter((word in _FUNCTION_WORDS for word in said), dtype=np.bool_)
    worth[function] = np.minimum(worth[function], -1e-9)
    total = np.concatenate([[0.0], np.cumsum(worth)])
    free = np.ones(len(words), dtype=np.int64)
    found: list[tuple[int, int, float]] = []
    seen: set[str] = set()
    for _ in range(_TRIES * limit):
        taken = np.concatenate([[0], np.cumsum(1 - free)])
        best = (0.0, 0, 0)
        for size in range(1, min(_MOST_WORDS, len(words)) + 1):
            sums = total[size:] - total[:-size]
            allowed = (taken[size:] == taken[:-size]) & (
                sentence[size - 1 :] == sentence[: len(sentence) - size + 1]
            )
            if not allowed.any():
                continue
            first = int(np.where(allowed, sums, -np.inf).argmax())
            best = max(best, (float(sums[first]), first, first + size - 1))
        if best[0] <= 0:
            break
        _, first, last = best
        free[first : last + 1] = 0
        phrase = " ".join(said[first : last + 1])
        if phrase not in seen:
            seen.add(phrase)
            found.append((first, last, float(gains[first : last + 1].sum())))
        if len(found) == limit:
            break
    return sorted(found, key=lambda span: -span[2])
