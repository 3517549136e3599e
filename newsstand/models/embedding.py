"""The embedding model: a linear classifier over vectors of an encoder, with optional n-grams."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from pydantic_core import core_schema as cs
from safetensors.numpy import save_file

from newsstand.encoders.long_text import joined, sources
from newsstand.encoders.onnx_encoder import ExportedEncoder, open_bundled
from newsstand.encoders.torch_encoder import Encoder
from newsstand.errors import BundleError
from newsstand.io.schemas import encoder_fields, fields, typed
from newsstand.io.tensors import Header, read_tensors
from newsstand.models.base import Passage
from newsstand.models.linear import LinearModel
from newsstand.models.passages import sentences
from newsstand.text.example import Example
from newsstand.types import Bools, Device, Float32s, Floats

WEIGHTS_FILE = "embedding.safetensors"


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """A linear classifier over vectors of texts.

    Args:
        encoder: Computes the vectors.
        coefficients: float32, shape (features, labels), for the rows of `features`.
        intercepts: float32, shape (labels,).
        vectors: Computes vectors in place of the encoder, with the same result: a cache.
        ngrams: A linear model whose scores are added, or None.
    """

    encoder: Encoder | ExportedEncoder
    coefficients: Float32s
    intercepts: Float32s
    vectors: Callable[[Sequence[str]], Float32s] | None = None
    ngrams: LinearModel | None = None

    kind: ClassVar[str] = "embedding"

    @property
    def requires(self) -> str:
        """The extra that scoring needs."""
        return self.encoder.requires

    @property
    def tolerance(self) -> float:
        """How far probabilities may differ between machines and batches."""
        return self.encoder.tolerance

    @property
    def cross_target(self) -> bool:
        """Whether the model reads the target."""
        return len(self.coefficients) > self.encoder.width

    @property
    def outputs(self) -> int:
        """Number of labels."""
        return len(self.intercepts)

    def forward(self, examples: Sequence[Example]) -> Floats:
        """Uncalibrated scores, shape (examples, labels); equal in any batch within 1e-5."""
        vectors = self.vectors or self.encoder.vectors
        rows = features(examples, self.encoder, vectors, cross_target=self.cross_target)
        scores = np.asarray(rows @ self.coefficients + self.intercepts, dtype=np.float64)
        return scores if self.ngrams is None else scores + self.ngrams.forward(examples)

    def knows(self, examples: Sequence[Example]) -> Bools:
        """Whether the encoder has a token for anything in each text, shape (examples,)."""
        return self.encoder.knows([x.text for x in examples])

    def similarity(self, examples: Sequence[Example]) -> Floats:
        """Cosine similarity of each text and its target, shape (examples,)."""
        if not examples:
            return np.zeros(0)
        width = self.encoder.width
        vectors = self.vectors or self.encoder.vectors
        rows = features(examples, self.encoder, vectors, cross_target=True)
        products = rows[:, 2 * width : 3 * width]
        return np.asarray(products.sum(axis=1) / width, dtype=np.float64)

    def explain(self, example: Example, label: int, limit: int) -> list[Passage]:
        """The title and sentences whose tokens added most; see `gains`."""
        return sentences(example, self.gains(example, label), limit)

    def uncached(self) -> Self:
        """The model without its cache of vectors."""
        return replace(self, vectors=None)

    def summary(self) -> str:
        """The number of features."""
        columns = len(self.coefficients)
        if self.ngrams is not None:
            columns += len(self.ngrams.coefficients)
        return f"{columns:,} features"

    def gains(self, example: Example, label: int) -> Floats:
        """Contribution of each character of `example.text` to a label's score, minus the mean.

        The mean is that over all labels. The features are linear in the vector of the text (the
        absolute difference is, while no sign changes), and this vector is the mean of the token
        vectors: so the score is a sum over tokens. The contribution of a token, whose vector
        depends on the tokens around it, is divided equally among its characters. Contributions of
        special tokens and of the target belong to no character. Those of n-grams are added as in
        `LinearModel.gains`.

        Returns:
            float64, shape (characters,).
        """
        weights = self.coefficients[:, label] - self.coefficients.mean(axis=1)
        weights = weights.reshape(-1, self.encoder.width).astype(np.float64)
        read = self.encoder.excerpts(example)
        read_states = [self.encoder.states(joined(example, excerpt)) for excerpt in read]
        means = [states.mean(axis=0) for states, _ in read_states]
        lengths = [float(np.linalg.norm(mean)) for mean in means]
        whole = np.mean([x / y for x, y in zip(means, lengths, strict=True)], axis=0)
        scale = np.sqrt(self.encoder.width) / np.linalg.norm(whole)
        slope = weights[0]
        if self.cross_target:
            target = self.encoder.vectors([example.target or ""])[0] * np.sqrt(len(whole))
            slope = slope + weights[2] * target + weights[3] * np.sign(whole * scale - target)
        steps = np.zeros(len(example.text) + 1)
        for excerpt, (states, places), length in zip(read, read_states, lengths, strict=True):
            shares = states @ slope * (scale / length / len(states) / len(read))
            for share, (start, end) in zip(shares, sources(excerpt, places), strict=True):
                steps[start] += share / max(end - start, 1)
                steps[end] -= share / max(end - start, 1)
        gains: Floats = np.cumsum(steps)[:-1]
        return gains if self.ngrams is None else gains + self.ngrams.gains(example, label)

    def save(self, folder: Path) -> dict[str, Any]:
        """Writes encoder and weights into a folder; returns the settings for `load`."""
        settings = self.encoder.save(folder)
        tensors = {"coefficients": self.coefficients, "intercepts": self.intercepts}
        contiguous = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
        save_file(contiguous, folder / WEIGHTS_FILE)
        if self.ngrams is not None:
            settings = settings | {"ngrams": self.ngrams.save(folder)}
        return settings

    @classmethod
    def load(cls, folder: Path, settings: Mapping[str, Any], device: Device = "auto") -> Self:
        """The inverse of `save`.

        Args:
            folder: Where it was saved.
            settings: What `save` returned.
            device: Where an encoder runs.

        Raises:
            BundleError: The weights do not match the encoder.
            NewsstandError: torch or transformers are not installed.
        """
        of_encoder = dict(settings)
        of_ngrams = of_encoder.pop("ngrams", None)
        encoder = open_bundled(folder, device=device, **of_encoder)

        def expected(header: Header) -> Header:
            rows, labels = header["coefficients"][1]
            width = 4 * encoder.width if rows > encoder.width else encoder.width
            return {"coefficients": ("F32", (width, labels)), "intercepts": ("F32", (labels,))}

        tensors = read_tensors(folder / WEIGHTS_FILE, expected)
        ngrams = None if of_ngrams is None else LinearModel.load(folder, of_ngrams)
        if ngrams is not None and ngrams.outputs != len(tensors["intercepts"]):
            raise BundleError(
                f"{folder / WEIGHTS_FILE}: {len(tensors['intercepts'])} labels, but the n-gram "
                f"weights have {ngrams.outputs}"
            )
        return cls(encoder, tensors["coefficients"], tensors["intercepts"], ngrams=ngrams)

    @classmethod
    def settings_schema(cls) -> dict[str, cs.TypedDictField]:
        """The pydantic-core schema of each setting that `save` returns."""
        ngrams = typed(LinearModel.settings_schema())
        return encoder_fields() | fields({"ngrams": ngrams}, optional=("ngrams",))


def features(
    examples: Sequence[Example],
    encoder: Encoder | ExportedEncoder,
    vectors: Callable[[Sequence[str]], Float32s],
    *,
    cross_target: bool,
) -> Float32s:
    """The input of the classifier, float32, shape (examples, width) or (examples, 4 x width).

    It is the vector of the text (for several windows, their mean, normalized) and, with
    `cross_target`, also that of the target, their product and their absolute difference, as in
    InferSent (Conneau et al. 2017). Values are scaled to a size of about 1.

    Args:
        examples: The examples.
        encoder: Selects the excerpts of each article that are read.
        vectors: Computes the vectors; it is called with each distinct text once.
        cross_target: Whether to read the target, too.
    """
    read = [
        [joined(example, excerpt) for excerpt in encoder.excerpts(example)] for example in examples
    ]
    targets = [example.target or "" for example in examples] if cross_target else []
    every = list(dict.fromkeys([*chain.from_iterable(read), *targets]))
    number = {text: row for row, text in enumerate(every)}
    every_vector = vectors(every)
    scale = np.float32(np.sqrt(encoder.width))
    text = np.zeros((len(examples), encoder.width), dtype=np.float32)
    for row, parts in enumerate(read):
        mean = every_vector[[number[part] for part in parts]].mean(axis=0)
        text[row] = mean / np.linalg.norm(mean) if len(parts) > 1 else mean
    text *= scale
    if not cross_target:
        return text
    target = every_vector[[number[x] for x in targets]] * scale
    return np.hstack([text, target, text * target, np.abs(text - target)])
