"""The transformer model: a fine-tuned encoder with a classifier on top."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from pydantic_core import PydanticCustomError
from pydantic_core import core_schema as cs

from newsstand.encoders.long_text import Excerpt
from newsstand.encoders.onnx_encoder import ExportedEncoder, open_bundled
from newsstand.encoders.tokenizer import Tokens
from newsstand.encoders.torch_encoder import Encoder
from newsstand.errors import NewsstandError
from newsstand.io.schemas import MOST_LABELS, encoder_fields, fields, line, typed
from newsstand.models.base import Passage
from newsstand.models.hypotheses import CLASSES, TARGET, Hypotheses
from newsstand.models.passages import passage
from newsstand.text.article import Span
from newsstand.text.example import Example
from newsstand.text.sentences import sentence_spans
from newsstand.types import Bools, Device, Floats


@dataclass(frozen=True, slots=True)
class Inputs:
    """The input of the network for some examples.

    Args:
        tokens: Tokens of all windows in order; of each window, with each hypothesis.
        windows: Number of windows of each example.
    """

    tokens: Tokens
    windows: list[int]


@dataclass(frozen=True, slots=True)
class TransformerModel:
    """A network that classifies articles, read in one or several windows.

    Args:
        encoder: A network for sequence classification, with an output per label or NLI class.
        mark_target: Whether mentions of the target are marked in the text.
        target_as: Template of the text read with the article, with `{target}` for the target.
        hypotheses: The hypotheses for an NLI network; None for a network with label outputs.
    """

    encoder: Encoder | ExportedEncoder
    mark_target: bool = False
    target_as: str = TARGET
    hypotheses: Hypotheses | None = None

    kind: ClassVar[str] = "transformer"

    @property
    def requires(self) -> str:
        """The extra that scoring needs."""
        return self.encoder.requires

    @property
    def tolerance(self) -> float:
        """How far probabilities may differ between machines and batches."""
        return self.encoder.tolerance

    @property
    def outputs(self) -> int:
        """Number of labels."""
        return len(self.hypotheses.wordings) if self.hypotheses else self.encoder.labels

    @property
    def passes(self) -> int:
        """How often a window is read: once, or once with each hypothesis."""
        return len(self.hypotheses.asked) if self.hypotheses else 1

    def forward(self, examples: Sequence[Example]) -> Floats:
        """Uncalibrated scores, shape (examples, labels); equal in any batch within 1e-5.

        The score of an article with several windows is the mean of theirs.
        """
        return self.pooled(self.inputs(examples))

    def knows(self, examples: Sequence[Example]) -> Bools:
        """Whether the encoder has a token for anything in each text, shape (examples,)."""
        return self.encoder.knows([x.text for x in examples])

    def similarity(self, examples: Sequence[Example]) -> Floats | None:
        """Similarity of each text and its target by input embeddings, shape (examples,).

        None for an exported network without input embeddings.
        """
        if not self.encoder.has_embeddings:
            return None
        return np.array([self.encoder.similarity(example) for example in examples])

    def explain(self, example: Example, label: int, limit: int) -> list[Passage]:
        """The title and sentences whose removal lowers the label's score most; see `gains`."""
        passages = [
            passage(example, start, end, weight)
            for (start, end), weight in self.gains(example, label)
            if weight > 0
        ]
        return sorted(passages, key=lambda one: -one.weight)[:limit]

    def uncached(self) -> Self:
        """The model itself."""
        return self

    def summary(self) -> str:
        """A short description of the model."""
        return "a fine-tuned network"

    def inputs(self, examples: Sequence[Example]) -> "Inputs":
        """The input of the network for each example; it does not change during a fit."""
        read = [self.window_texts(example) for example in examples]
        pairs = [
            pair
            for example, texts in zip(examples, read, strict=True)
            for pair in self._pairs(example, texts)
        ]
        return Inputs(self._tokens(pairs), [len(texts) for texts in read])

    def pooled(self, inputs: "Inputs") -> Floats:
        """The same as `forward`, for the result of `inputs`."""
        scores = self._scores(inputs.tokens)
        owner = np.repeat(np.arange(len(inputs.windows)), inputs.windows)
        pooled = np.zeros((len(inputs.windows), scores.shape[1]))
        np.add.at(pooled, owner, scores)
        pooled /= np.array(inputs.windows).reshape(-1, 1)
        return pooled

    def gains(self, example: Example, label: int) -> list[tuple[Span, float]]:
        """Contributions of the title and of each sentence to a label's score, minus the mean.

        The mean is that over all labels. The contribution of a sentence is the decrease of the
        score when it is removed; that of a sentence which is not read is 0.

        Returns:
            Half-open offsets in `example.text` and contribution of each span.
        """
        text, title = example.text, len(example.prepared.title.text)
        shift = len(text) - len(example.prepared.body.text)
        spans = [(0, title)] if title else []
        spans += [(a + shift, b + shift) for a, b in sentence_spans(example.prepared.body.text)]
        starts, ends = [start for start, _ in spans], [end for _, end in spans]
        excerpts = self.encoder.excerpts(example, beside=self._beside(example))
        places = self._places(example)
        whole = [_text(example, part, places) for part in excerpts]
        read = {  # sentence and number of each excerpt that contains some of it
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
        scores = self._scores(self._tokens(self._pairs(example, texts)))
        over = scores[:, label] - scores.mean(axis=1)
        gains = dict.fromkeys((span for span, _ in owners), 0.0)
        for (span, number), value in zip(owners, over[len(whole) :], strict=True):
            gains[span] += float(over[number] - value) / len(whole)
        return list(gains.items())

    def window_texts(self, example: Example) -> list[str]:
        """The text of each window of an article, as the network reads it."""
        excerpts = self.encoder.excerpts(example, beside=self._beside(example))
        places = self._places(example)
        return [_text(example, excerpt, places) for excerpt in excerpts]

    def _beside(self, example: Example) -> list[str]:
        """The texts read with an article: the worded target, or each hypothesis."""
        if self.hypotheses is None and not example.target:
            return []
        wordings = self.hypotheses.asked if self.hypotheses else (self.target_as,)
        return [self.encoder.worded(wording, example.target or "") for wording in wordings]

    def _pairs(self, example: Example, texts: Sequence[str]) -> list[tuple[str, str]]:
        """Each text paired with each text of `_beside`, or with an empty text if there are none."""
        beside = self._beside(example) or [""]
        return [(text, other) for text in texts for other in beside]

    def _places(self, example: Example) -> list[Span]:
        """The places where the target is marked."""
        return _places(example) if self.mark_target and example.target else []

    def _tokens(self, pairs: Sequence[tuple[str, str]]) -> Tokens:
        texts, beside = [text for text, _ in pairs], [other for _, other in pairs]
        return self.encoder.tokens(texts, beside if any(beside) else None)

    def _scores(self, tokens: Tokens) -> Floats:
        """A score for each label, shape (windows, labels)."""
        logits = self.encoder.scores(tokens)
        if self.hypotheses is None:
            return logits
        scores: Floats = self.hypotheses.scores(
            logits.reshape(-1, self.passes, self.encoder.labels)
        )
        return scores

    def save(self, folder: Path) -> dict[str, Any]:
        """Writes the network into a folder; returns the settings for `load`."""
        settings = self.encoder.save(folder) | {"labels": self.outputs}
        if self.mark_target:
            settings["mark_target"] = True
        if self.target_as != TARGET:
            settings["target_as"] = self.target_as
        if self.hypotheses:
            asked = {"wordings": self.hypotheses.wordings, "classes": self.hypotheses.classes}
            settings["hypotheses"] = {name: list(values) for name, values in asked.items()}
        return settings

    @classmethod
    def load(cls, folder: Path, settings: Mapping[str, Any], device: Device = "auto") -> Self:
        """The inverse of `save`.

        Args:
            folder: Where it was saved.
            settings: What `save` returned.
            device: Where an encoder runs.

        Raises:
            NewsstandError: The network is not readable, its outputs are not the NLI classes, or
                torch or transformers are not installed.
        """
        kept = dict(settings)
        mark_target, target_as = kept.pop("mark_target", False), kept.pop("target_as", TARGET)
        asked = kept.pop("hypotheses", None)
        if asked is None:
            return cls(open_bundled(folder, device=device, **kept), mark_target, target_as)
        hypotheses = Hypotheses(tuple(asked["wordings"]), tuple(asked["classes"]))
        kept["labels"] = len(hypotheses.classes)
        encoder = open_bundled(folder, device=device, **kept)
        if encoder.labels != kept["labels"]:
            raise NewsstandError(
                f"{folder}: the network has {encoder.labels} outputs, expected one for each of "
                f"{', '.join(hypotheses.classes)}"
            )
        return cls(encoder, mark_target, target_as, hypotheses)

    @classmethod
    def settings_schema(cls) -> dict[str, cs.TypedDictField]:
        """The pydantic-core schema of each setting that `save` returns."""
        own = {
            "labels": cs.int_schema(ge=1, le=MOST_LABELS),
            "mark_target": cs.bool_schema(),
            "target_as": cs.no_info_after_validator_function(_wording, line(500)),
            "hypotheses": typed(
                fields(
                    {
                        "wordings": cs.no_info_after_validator_function(
                            _wordings,
                            cs.list_schema(cs.nullable_schema(line(500)), max_length=MOST_LABELS),
                        ),
                        "classes": cs.no_info_after_validator_function(
                            _classes, cs.list_schema(line(100), max_length=3)
                        ),
                    }
                )
            ),
        }
        return encoder_fields() | fields(own, optional=("mark_target", "target_as", "hypotheses"))


def _wording(value: str) -> str:
    if TARGET not in value:
        raise PydanticCustomError("wording", "expected text with {target}")
    return value


def _classes(names: list[str]) -> list[str]:
    if set(names) not in CLASSES or len(set(names)) < len(names):
        raise PydanticCustomError("classes", "expected the classes of an NLI network")
    return names


def _wordings(values: list[str | None]) -> list[str | None]:
    if len(values) == values.count(None) or values.count(None) > 1:
        raise PydanticCustomError(
            "wordings", "expected a hypothesis for all labels, or all but one"
        )
    return values


def _without(stretch: Span, span: Span) -> list[Span]:
    """The rest of a stretch after removing a span."""
    start, end = stretch
    if span[1] <= start or end <= span[0]:
        return [stretch]
    return [(a, b) for a, b in ((start, span[0]), (span[1], end)) if a < b]


def _places(example: Example) -> list[Span]:
    """Spans of the target in an example's text: its known mentions, or else its words."""
    if example.mentions:
        shift = len(example.text) - len(example.prepared.body.text)
        return [(start + shift, end + shift) for start, end in sorted(example.mentions)]
    named = rf"(?<!\w){re.escape(example.target or '')}(?!\w)"
    return [match.span() for match in re.finditer(named, example.text)]


def _text(example: Example, excerpt: Excerpt, places: Sequence[Span]) -> str:
    """The text of an excerpt, with the places of the target marked."""
    text = example.text
    return " ".join(_marked(text, stretch, places) for stretch in excerpt)


def _marked(text: str, stretch: Span, places: Sequence[Span]) -> str:
    """A stretch of a text with @ before and after the places that it contains whole."""
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
