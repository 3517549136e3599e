"""Selects what is read of an article that is longer than an encoder's maximum length."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Literal, TypeAlias, get_args

import numpy as np

from newsstand.text.article import Span
from newsstand.text.example import Example
from newsstand.text.sentences import sentence_spans
from newsstand.types import Floats

LongText: TypeAlias = Literal["head", "head_tail", "windows", "relevant"]
CHOICES: tuple[LongText, ...] = get_args(LongText)
# What is read at once: spans of `Example.text`, in order.
Excerpt: TypeAlias = tuple[Span, ...]


def excerpts(
    example: Example,
    *,
    how: LongText,
    room: int,
    places: Sequence[Span],
    similarity: Callable[[Sequence[Span]], Sequence[float]],
) -> list[Excerpt]:
    """Selects what is read of an article: one excerpt, or with `windows` several.

    Args:
        example: The article.
        how: `head`: the start. `head_tail`: the start and the end, half each. `windows`: all
            sentences, in consecutive windows. `relevant`: the sentences most similar to the
            target, in their order. Every excerpt includes the title.
        room: Maximum number of tokens in an excerpt.
        places: Spans of the tokens of the whole text.
        similarity: Returns the similarity of spans of the text to the target; called with
            `relevant` only.
    """
    whole = len(example.text)
    if len(places) <= room:
        return [((0, whole),)]
    if how == "head":
        return [((0, places[room - 1][1]),)]
    if how == "head_tail":
        tail = room // 2
        # From the start of a word: the end of a word alone may have other tokens.
        words = (x for x, _ in places[-tail:] if example.text[x - 1].isspace())
        return [((0, places[room - tail - 1][1]), (next(words, places[-tail][0]), whole))]
    starts = [start for start, _ in places]

    def tokens(span: Span) -> int:
        return bisect_left(starts, span[1]) - bisect_left(starts, span[0])

    title = len(example.prepared.title.text)
    if tokens((0, title)) > room // 2:  # no more than half of the room
        title = places[room // 2 - 1][1]
    head: Excerpt = ((0, title),) if title else ()
    room -= tokens((0, title))
    pieces = list(_pieces(example, starts, room))
    if how == "windows":
        return [(*head, *window) for window in _windows(pieces, room, tokens)]
    similarities = similarity(pieces)
    chosen = []
    for index in sorted(range(len(pieces)), key=lambda index: -similarities[index]):
        if tokens(pieces[index]) <= room:
            chosen.append(pieces[index])
            room -= tokens(pieces[index])
    return [(*head, *sorted(chosen))]


def similarities_to(target: Floats, text: Floats, bounds: Sequence[int]) -> list[float]:
    """Computes the similarity of pieces of a text to a target, at most 1.

    Each token of the target is matched with the most similar token of the piece, by the cosine of
    their input embeddings, which depend on no context: 1 for the same token. The cosines are
    averaged over the target's tokens, with more weight on those rare in this text. This is the
    recall of BERTScore (Zhang et al. 2020) on input embeddings, which cost very little.

    Args:
        target: Embeddings of the target's tokens, of norm 1, shape (tokens, width).
        text: Embeddings of the text's tokens, of norm 1, shape (tokens, width).
        bounds: Index of the first token of each piece, and of the end of the last.

    >>> same, other = np.eye(2)
    >>> similarities_to(np.array([same]), np.array([other, other, same]), [0, 2, 3])
    [0.0, 1.0]
    """
    count = len(bounds) - 1
    if not len(target) or not count:
        return [0.0] * count
    cosines = text @ target.T
    best = np.array([cosines[start:end].max(axis=0) for start, end in pairwise(bounds)])
    weights = np.log1p(count / np.maximum((best > 0.999).sum(axis=0), 1))
    similarities: list[float] = (best @ weights / weights.sum()).tolist()
    return similarities


def joined(example: Example, excerpt: Excerpt) -> str:
    """Returns the text of an excerpt: its spans, joined by blanks."""
    return " ".join(example.text[start:end] for start, end in excerpt)


def sources(excerpt: Excerpt, places: Sequence[Span]) -> list[Span]:
    """Maps spans of an excerpt's text to the article's text; those of joining blanks are empty."""
    mapped: list[Span] = []
    offset, number = 0, 0
    for start, end in places:
        while (
            number < len(excerpt) - 1 and start > offset + excerpt[number][1] - excerpt[number][0]
        ):
            offset += excerpt[number][1] - excerpt[number][0] + 1
            number += 1
        shift = excerpt[number][0] - offset
        mapped.append((start + shift, min(end + shift, excerpt[number][1])))
    return mapped


def _pieces(example: Example, starts: Sequence[int], most: int) -> Iterator[Span]:
    """Yields the sentences of the body; those of more than `most` tokens in several pieces."""
    shift = len(example.text) - len(example.prepared.body.text)
    for start, end in sentence_spans(example.prepared.body.text):
        first, last = bisect_left(starts, start + shift), bisect_left(starts, end + shift)
        cuts = [start + shift, *starts[first + most : last : most], end + shift]
        yield from pairwise(cuts)


def _windows(
    pieces: Sequence[Span], room: int, tokens: Callable[[Span], int]
) -> Iterator[list[Span]]:
    """Groups consecutive pieces into windows of at most `room` tokens."""
    window: list[Span] = []
    used = 0
    for piece in pieces:
        size = tokens(piece)
        if window and used + size > room:
            yield window
            window, used = [], 0
        window.append(piece)
        used += size
    if window:
        yield window
