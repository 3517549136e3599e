"""Which passages of an article spoke for its label."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from newsstand.article import Article
from newsstand.embedding import EmbeddingModel
from newsstand.encode import Example
from newsstand.linear import LinearModel
from newsstand.segments import segments
from newsstand.sentences import sentence_spans
from newsstand.transformer import TransformerModel

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

Floats = NDArray[np.float64]
# A part, half-open offsets in its prepared text, and a weight.
Span: TypeAlias = tuple[Literal["title", "body"], int, int, float]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A passage that spoke for the label, or that the label is about.

    Args:
        part: `title` or `body`.
        start: Character offset in that part of the article as it was handed in.
        end: Half-open end.
        text: The passage itself.
        weight: What it added to the label's score over the mean of all labels, above 0.
        quoted: Whether it stands in quoted speech.
    """

    part: Literal["title", "body"]
    start: int
    end: int
    text: str
    weight: float
    quoted: bool


def find_evidence(
    model: LinearModel | EmbeddingModel | TransformerModel,
    article: Article,
    example: Example,
    label: int,
    limit: int = 3,
) -> tuple[Evidence, ...]:
    """The passages that added most to one label's score, strongest first.

    A linear model's are the runs of words within a sentence whose characters added most, as
    `LinearModel.gains` says; an embedding model's the title and sentences whose tokens added most,
    as `EmbeddingModel.gains` says; a transformer's those without which the label's score falls
    most.

    Args:
        model: The model that scored the example.
        article: The article as handed in, which the offsets refer to.
        example: The same article, prepared.
        label: Index of the label to explain.
        limit: How many passages at most.
    """
    if isinstance(model, TransformerModel):
        return tuple(_evidence(article, example, _left_out(model, example, label)[:limit]))
    if isinstance(model, EmbeddingModel):
        return tuple(
            _evidence(article, example, _best(example, model.gains(example, label), limit))
        )
    text = example.text
    bounds = chain.from_iterable(match.span() for match in _WORD.finditer(text))
    words = np.fromiter(bounds, dtype=np.int64).reshape(-1, 2)
    if not len(words):
        return ()
    total = np.concatenate([[0.0], np.cumsum(model.gains(example, label))])
    # Rounded: a running sum leaves traces of 1e-17 where nothing was added.
    gains = np.round(total[words[:, 1]] - total[words[:, 0]], 9)
    spans = [
        _span(example, int(words[first, 0]), int(words[last, 1]), weight)
        for first, last, weight in _strongest(text, words, gains, limit)
    ]
    return tuple(_evidence(article, example, spans))


def _evidence(
    article: Article,
    example: Example,
    spans: Iterable[Span],
) -> Iterator[Evidence]:
    """Spans of the prepared text, with weights, as passages of the article as handed in."""
    prepared = example.prepared
    quotes = [s for s in segments(prepared) if s.kind == "quote" and s.part == "body"]
    for part, start, end, weight in spans:
        if part == "title":
            low, high = prepared.title.source(start, end)
            quoted, original = False, article.title
        else:
            low, high = prepared.body.source(start, end)
            quoted = any(q.start < end and start < q.end for q in quotes)
            original = article.body
        yield Evidence(part, low, high, original[low:high], weight, quoted)


def _span(example: Example, start: int, end: int, weight: float) -> Span:
    """A stretch of the example's text as one of its title or its body."""
    shift = len(example.text) - len(example.prepared.body.text)
    if start < shift:
        return "title", start, end, weight
    return "body", start - shift, end - shift, weight


def _left_out(model: TransformerModel, example: Example, label: int) -> list[Span]:
    """The title and sentences that add to the label's score, the strongest first."""
    gains = model.gains(example, label)
    spans = [_span(example, start, end, weight) for (start, end), weight in gains if weight > 0]
    return sorted(spans, key=lambda span: -span[3])


def _best(example: Example, gains: Floats, limit: int) -> list[Span]:
    """The title and sentences that gained most, of those that gained at all."""
    total = np.concatenate([[0.0], np.cumsum(gains)])
    title, body = example.prepared.title.text, example.prepared.body.text
    shift = len(example.text) - len(body)
    spans: list[Span] = [("title", 0, len(title), float(total[len(title)]))]
    for start, end in sentence_spans(body):
        weight = float(total[shift + end] - total[shift + start])
        spans.append(("body", start, end, weight))
    # Rounded: a running sum leaves traces where nothing was added.
    kept = [span for span in spans if round(span[3], 9) > 0]
    return sorted(kept, key=lambda span: -span[3])[:limit]


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
