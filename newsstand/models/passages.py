"""Passages of an example whose characters contribute most to a label's score."""

import re
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from newsstand.models.base import Passage
from newsstand.text.example import Example
from newsstand.text.sentences import sentence_spans
from newsstand.types import Floats

# Maximum number of words in a passage.
_MOST_WORDS = 10
# Repeated phrases are skipped; at most this many phrases are tried per requested passage.
_TRIES = 5
# English function words, which a passage does not begin or end with.
_FUNCTION_WORDS = frozenset(
    """a about after again all also am an and any are as at be because been before being but by can
    could did do does down for from had has have he her here him his how i if in into is it its just
    like may me more most my no nor not now of off on once only or other our out over own said same
    say says she should so some such than that the their them then there these they this those to
    too under up us very was we were what when where which while who whom why will with would you
    your""".split()  # noqa: SIM905 - as a list it would fill a page
)
# Ends of sentences and lines; "Mr. " splits, too, which shortens a passage by a word at most.
_END = re.compile(r"[.!?…]['\"\u2019”»)\]]*\s|\n")
_WORD = re.compile(r"\w+(?:['\u2019]\w+)*")


def phrases(example: Example, gains: Floats, limit: int) -> list[Passage]:
    """The runs of words within a sentence that contribute most, strongest first.

    Args:
        example: The example.
        gains: Contribution of each character of `example.text`, shape (characters,).
        limit: Maximum number of passages.
    """
    text = example.text
    bounds = chain.from_iterable(match.span() for match in _WORD.finditer(text))
    words = np.fromiter(bounds, dtype=np.int64).reshape(-1, 2)
    if not len(words):
        return []
    total = np.concatenate([[0.0], np.cumsum(gains)])
    # Rounded: cumulative sums leave rounding errors of 1e-17 where nothing was added.
    sums = np.round(total[words[:, 1]] - total[words[:, 0]], 9)
    return [
        passage(example, int(words[first, 0]), int(words[last, 1]), weight)
        for first, last, weight in _strongest(text, words, sums, limit)
    ]


def sentences(example: Example, gains: Floats, limit: int) -> list[Passage]:
    """The title and sentences with the largest contributions above 0, strongest first.

    Args:
        example: The example.
        gains: Contribution of each character of `example.text`, shape (characters,).
        limit: Maximum number of passages.
    """
    total = np.concatenate([[0.0], np.cumsum(gains)])
    title, body = example.prepared.title.text, example.prepared.body.text
    shift = len(example.text) - len(body)
    passages = [Passage("title", 0, len(title), float(total[len(title)]))]
    for start, end in sentence_spans(body):
        weight = float(total[shift + end] - total[shift + start])
        passages.append(Passage("body", start, end, weight))
    # Rounded: cumulative sums leave rounding errors where nothing was added.
    kept = [one for one in passages if round(one.weight, 9) > 0]
    return sorted(kept, key=lambda one: -one.weight)[:limit]


def passage(example: Example, start: int, end: int, weight: float) -> Passage:
    """A span of `example.text` as a passage of its title or body."""
    shift = len(example.text) - len(example.prepared.body.text)
    if start < shift:
        return Passage("title", start, end, weight)
    return Passage("body", start - shift, end - shift, weight)


def _strongest(
    text: str, words: NDArray[np.int64], gains: Floats, limit: int
) -> list[tuple[int, int, float]]:
    """First word, last word and sum of the strongest runs of words, without overlaps."""
    breaks = np.fromiter((match.start() for match in _END.finditer(text)), dtype=np.int64)
    sentence = np.searchsorted(breaks, words[:, 0])
    # A word must contribute as much as the average positive word; otherwise passages would grow to
    # their maximum length with weak words. (0.999: a single word equals the average, but for
    # rounding.)
    positive = gains[gains > 0]
    worth = gains - (0.999 * positive.mean() if len(positive) else 0.0)
    folded = [text[start:end].casefold() for start, end in words.tolist()]
    # Below 0, so that no passage begins or ends with a function word or has no other words.
    function = np.fromiter((word in _FUNCTION_WORDS for word in folded), dtype=np.bool_)
    worth[function] = np.minimum(worth[function], -1e-9)
    total = np.concatenate([[0.0], np.cumsum(worth)])
    free = np.ones(len(words), dtype=np.int64)
    strongest: list[tuple[int, int, float]] = []
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
        phrase = " ".join(folded[first : last + 1])
        if phrase not in seen:
            seen.add(phrase)
            strongest.append((first, last, float(gains[first : last + 1].sum())))
        if len(strongest) == limit:
            break
    return sorted(strongest, key=lambda span: -span[2])
