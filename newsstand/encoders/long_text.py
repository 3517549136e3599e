"""What is read of an article that is longer than an encoder reads."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from newsstand.text.example import Example
from newsstand.text.sentences import sentence_spans

LongText: TypeAlias = Literal["head", "head_tail", "windows", "relevant"]
CHOICES: tuple[LongText, ...] = get_args(LongText)
# Half-open character offsets in `Example.text`.
Span: TypeAlias = tuple[int, int]
# What is read at once: stretches of the text, in order.
Excerpt: TypeAlias = tuple[Span, ...]


def excerpts(
    example: Example,
    *,
    how: LongText,
    room: int,
    places: Sequence[Span],
    likeness: Callable[[Sequence[Span]], Sequence[float]],
) -> list[Excerpt]:
    """What is read of an article: one excerpt, or with `windows` as many as it takes.

    Args:
        example: The article.
        how: `head`: from the start. `head_tail`: the start and the end, half each. `windows`: all,
            sentence after sentence. `relevant`: the sentences most like the target, in their
            order. The title is kept in every excerpt.
        room: Tokens that an excerpt may have.
        places: Where the tokens of the whole text stand.
        likeness: How like the target stretches of the text are; asked for `relevant` only.
    """
    whole = len(example.text)
    if len(places) <= room:
        return [((0, whole),)]
    if how == "head":
        return [((0, places[room - 1][1]),)]
    if how == "head_tail":
        tail = room // 2
        # From the start of a word: a word's end by itself may be other tokens.
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
    found = likeness(pieces)
    chosen = []
    for number in sorted(range(len(pieces)), key=lambda number: -found[number]):
        if tokens(pieces[number]) <= room:
            chosen.append(pieces[number])
            room -= tokens(pieces[number])
    return [(*head, *sorted(chosen))]


def likeness_to(
    target: NDArray[np.float64], text: NDArray[np.float64], bounds: Sequence[int]
) -> list[float]:
    """How like a target the pieces of a text are, up to 1.

    Each token of the target meets the nearest token of the piece, by the cosine of embeddings that
    have read no context: 1 for the same token, less for one of like use. Averaged over the
    target's tokens, those rare in this text weighing more. As BERTScore's recall (Zhang et al.
    2020), but with input embeddings, so that it costs next to nothing.

    Args:
        target: Embeddings of the target's tokens, of length 1; shape (tokens, width).
        text: The same of the text's tokens.
        bounds: The first token of each piece, and the end of the last.

    >>> same, other = np.eye(2)
    >>> likeness_to(np.array([same]), np.array([other, other, same]), [0, 2, 3])
    [0.0, 1.0]
    """
    count = len(bounds) - 1
    if not len(target) or not count:
        return [0.0] * count
    cosines = text @ target.T
    best = np.array([cosines[start:end].max(axis=0) for start, end in pairwise(bounds)])
    weights = np.log1p(count / np.maximum((best > 0.999).sum(axis=0), 1))
    found: list[float] = (best @ weights / weights.sum()).tolist()
    return found


def joined(example: Example, excerpt: Excerpt) -> str:
    """The text of an excerpt, its stretches one after another."""
    return " ".join(example.text[start:end] for start, end in excerpt)


def sources(excerpt: Excerpt, places: Sequence[Span]) -> list[Span]:
    """Where stretches of an excerpt's text stand in the article's; empty if in no stretch."""
    found: list[Span] = []
    offset, number = 0, 0
    for start, end in places:
        while (
            number < len(excerpt) - 1 and start > offset + excerpt[number][1] - excerpt[number][0]
        ):
            offset += excerpt[number][1] - excerpt[number][0] + 1
            number += 1
        shift = excerpt[number][0] - offset
        found.append((start + shift, min(end + shift, excerpt[number][1])))
    return found


def _pieces(example: Example, starts: Sequence[int], most: int) -> Iterator[Span]:
    """The sentences of the body; one of more tokens than `most` in several pieces."""
    shift = len(example.text) - len(example.prepared.body.text)
    for start, end in sentence_spans(example.prepared.body.text):
        first, last = bisect_left(starts, start + shift), bisect_left(starts, end + shift)
        cuts = [start + shift, *starts[first + most : last : most], end + shift]
        yield from pairwise(cuts)


def _windows(
    pieces: Sequence[Span], room: int, tokens: Callable[[Span], int]
) -> Iterator[list[Span]]:
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
