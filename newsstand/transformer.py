"""The transformer model: an encoder that was fine-tuned with a classifier on top."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from newsstand.encode import Example
from newsstand.encoder import Encoder
from newsstand.exported import ExportedEncoder, open_bundled
from newsstand.known import Flags
from newsstand.likeness import sentence_spans
from newsstand.long_text import Excerpt, Span
from newsstand.token_reader import Tokens

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the network reads of some examples.

    Args:
        tokens: Of all their windows, one after another.
        windows: How many each example has.
    """

    tokens: Tokens
    windows: list[int]


@dataclass(frozen=True, slots=True)
class TransformerModel:
    """Scores of each label for each example.

    Args:
        encoder: A network for sequence classification, its outputs the labels.
        mark_target: Whether the target is marked where the text names it.
    """

    encoder: Encoder | ExportedEncoder
    mark_target: bool = False

    kind = "transformer"

    @property
    def outputs(self) -> int:
        """Scores that an example gets."""
        return self.encoder.labels

    def forward(self, examples: Sequence[Example]) -> Floats:
        """Uncalibrated scores, shape (examples, labels); in any batch the same within 1e-5.

        Of an article that is read in several windows, the mean of their scores.
        """
        return self.pooled(self.inputs(examples))

    def knows(self, examples: Sequence[Example]) -> Flags:
        """Whether the encoder has a token for anything in each text, shape (examples,)."""
        return self.encoder.knows([x.text for x in examples])

    def likeness(self, examples: Sequence[Example]) -> Floats:
        """How like its target each text is, by input embeddings, shape (examples,)."""
        return np.array([self.encoder.likeness(example) for example in examples])

    def inputs(self, examples: Sequence[Example]) -> "Inputs":
        """What the network reads of each example; the same however often it learns."""
        read = [self.read_as(example) for example in examples]
        texts = [text for parts in read for text in parts]
        targets = [
            example.target for example, parts in zip(examples, read, strict=True) for _ in parts
        ]
        return Inputs(self._tokens(texts, targets), [len(parts) for parts in read])

    def pooled(self, inputs: "Inputs") -> Floats:
        """As `forward`, of what `inputs` gave."""
        scores = self.encoder.scores(inputs.tokens)
        owner = np.repeat(np.arange(len(inputs.windows)), inputs.windows)
        pooled = np.zeros((len(inputs.windows), scores.shape[1]))
        np.add.at(pooled, owner, scores)
        pooled /= np.array(inputs.windows).reshape(-1, 1)
        return pooled

    def gains(self, example: Example, label: int) -> list[tuple[Span, float]]:
        """What the title and each sentence add to a label's score over all labels' mean.

        By leaving them out, one after another: the score falls by what they add. A sentence that
        is not read adds nothing.

        Returns:
            Half-open offsets in `example.text`, and what they add.
        """
        text, title = example.text, len(example.prepared.title.text)
        shift = len(text) - len(example.prepared.body.text)
        spans = [(0, title)] if title else []
        spans += [(a + shift, b + shift) for a, b in sentence_spans(example.prepared.body.text)]
        starts, ends = [start for start, _ in spans], [end for _, end in spans]
        excerpts = self.encoder.excerpts(example, paired=example.target is not None)
        places = self._places(example)
        whole = [_text(example, part, places) for part in excerpts]
        read = {  # which sentences are in which excerpts
            (at, number)
            for number, part in enumerate(excerpts)
            for a, b in part
            for at in range(bisect_right(ends, a), bisect_left(starts, b))
        }
        owners = [(spans[at], number) for at, number in sorted(read)]
        texts = list(whole)
        for span, number in owners:
            kept = [piece for stretch in excerpts[number] for piece in _without(stretch, span)]
            texts.append(_text(example, tuple(kept), places))
        scores = self.encoder.scores(self._tokens(texts, [example.target] * len(texts)))
        over = scores[:, label] - scores.mean(axis=1)
        found = dict.fromkeys((span for span, _ in owners), 0.0)
        for (span, number), value in zip(owners, over[len(whole) :], strict=True):
            found[span] += float(over[number] - value) / len(whole)
        return list(found.items())

    def read_as(self, example: Example) -> list[str]:
        """The texts that stand for an article, one a window."""
        found = self.encoder.excerpts(example, paired=example.target is not None)
        places = self._places(example)
        return [_text(example, excerpt, places) for excerpt in found]

    def _places(self, example: Example) -> list[Span]:
        """Where the target is to be marked."""
        return _places(example) if self.mark_target and example.target else []

    def _tokens(self, texts: Sequence[str], targets: Sequence[str | None]) -> Tokens:
        paired = [target or "" for target in targets] if any(targets) else None
        return self.encoder.tokens(texts, paired)

    def save(self, folder: Path) -> dict[str, Any]:
        """Writes the network into a folder; returns the settings for `load`."""
        marks = {"mark_target": True} if self.mark_target else {}
        return self.encoder.save(folder) | {"labels": self.encoder.labels} | marks

    @classmethod
    def load(cls, folder: Path, settings: Mapping[str, Any]) -> Self:
        """The inverse of `save`.

        Raises:
            NewsstandError: The network cannot be read, or torch or transformers are not installed.
        """
        kept = dict(settings)
        mark_target = kept.pop("mark_target", False)
        return cls(open_bundled(folder, **kept), mark_target)


def _without(stretch: Span, span: Span) -> list[Span]:
    """What is left of a stretch when a span is taken out of it."""
    start, end = stretch
    if span[1] <= start or end <= span[0]:
        return [stretch]
    return [(a, b) for a, b in ((start, span[0]), (span[1], end)) if a < b]


def _places(example: Example) -> list[Span]:
    """Where the target is in an example's text: as is known of it, else by its words."""
    if example.mentions:
        shift = len(example.text) - len(example.prepared.body.text)
        return [(start + shift, end + shift) for start, end in sorted(example.mentions)]
    named = rf"(?<!\w){re.escape(example.target or '')}(?!\w)"
    return [found.span() for found in re.finditer(named, example.text)]


def _text(example: Example, excerpt: Excerpt, places: Sequence[Span]) -> str:
    """What is read of an excerpt, with places of the target marked."""
    text = example.text
    return " ".join(_marked(text, stretch, places) for stretch in excerpt)


def _marked(text: str, stretch: Span, places: Sequence[Span]) -> str:
    """A stretch of a text with @ before and after the places that it has in whole."""
    at, end = stretch
    pieces = []
    for number in range(bisect_left(places, (at, 0)), len(places)):
        first, last = places[number]
        if first >= end:
            break
        if at <= first and last <= end:  # not inside the one before, either
            pieces += [text[at:first], "@ ", text[first:last], " @"]
            at = last
    return "".join([*pieces, text[at:end]])
