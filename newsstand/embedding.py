"""The embedding model: a frozen encoder's vectors, and one weight vector a label."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from newsstand.encode import Example
from newsstand.encoder import Encoder, Vectors
from newsstand.errors import BundleError

WEIGHTS_FILE = "embedding.safetensors"
ENCODER_FOLDER = "encoder"

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """Scores of each label for each example.

    Args:
        encoder: From text to vector.
        coefficients: float32, shape (features, labels), for what `features` gives.
        intercepts: float32, shape (labels,).
        vectors: What computes vectors in place of the encoder, which it must agree with: a cache.
    """

    encoder: Encoder
    coefficients: Vectors
    intercepts: Vectors
    vectors: Callable[[Sequence[str]], Vectors] | None = None

    kind = "embedding"

    @property
    def cross_target(self) -> bool:
        """Whether the target is read, too."""
        return len(self.coefficients) > self.encoder.width

    def forward(self, examples: Sequence[Example]) -> Floats:
        """Uncalibrated scores, shape (examples, labels); in any batch the same within 1e-5."""
        vectors = self.vectors or self.encoder.vectors
        rows = features(examples, vectors, cross_target=self.cross_target)
        return np.asarray(rows @ self.coefficients + self.intercepts, dtype=np.float64)

    def gains(self, example: Example, label: int) -> Floats:
        """What each character of `example.text` adds to a label's score over all labels' mean.

        The features are linear in the text's vector (the absolute difference is, as long as no
        sign changes), and that is the mean of its tokens' vectors: so the score is a sum over
        tokens, a token's share spread over its characters. A token's vector has read the tokens
        around it. What special tokens and the target add is no character's.

        Returns:
            float64, shape (characters,).
        """
        weights = self.coefficients[:, label] - self.coefficients.mean(axis=1)
        weights = weights.reshape(-1, self.encoder.width).astype(np.float64)
        states, places = self.encoder.states(example.text)
        mean = states.mean(axis=0)
        length = np.linalg.norm(mean)
        scale = np.sqrt(self.encoder.width)
        slope = weights[0]
        if self.cross_target:
            text = mean / length * scale
            target = self.encoder.vectors([example.target or ""])[0] * scale
            slope = slope + weights[2] * target + weights[3] * np.sign(text - target)
        shares = states @ slope * (scale / length / len(states))
        steps = np.zeros(len(example.text) + 1)
        for share, (start, end) in zip(shares, places, strict=True):
            steps[start] += share / max(end - start, 1)
            steps[end] -= share / max(end - start, 1)
        gains: Floats = np.cumsum(steps)[:-1]
        return gains

    def save(self, folder: Path) -> dict[str, Any]:
        """Writes encoder and weights into a folder; returns the settings for `load`."""
        self.encoder.save(folder / ENCODER_FOLDER)
        tensors = {"coefficients": self.coefficients, "intercepts": self.intercepts}
        contiguous = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
        save_file(contiguous, folder / WEIGHTS_FILE)
        return {"max_tokens": self.encoder.max_tokens}

    @classmethod
    def load(cls, folder: Path, settings: Mapping[str, Any]) -> Self:
        """The inverse of `save`.

        Raises:
            BundleError: The weights do not fit the encoder.
            NewsstandError: torch or transformers are not installed.
        """
        encoder = Encoder.open(folder / ENCODER_FOLDER, **settings)
        try:
            tensors = load_file(folder / WEIGHTS_FILE)
            model = cls(encoder, tensors["coefficients"], tensors["intercepts"])
            known = {(count * encoder.width, len(model.intercepts)) for count in (1, 4)}
            if model.coefficients.shape not in known:
                raise ValueError(f"shapes do not fit, expected one of {sorted(known)}")
            return model
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise BundleError(
                f"{folder / WEIGHTS_FILE}: not weights of this model ({error})"
            ) from error


def features(
    examples: Sequence[Example],
    vectors: Callable[[Sequence[str]], Vectors],
    *,
    cross_target: bool,
) -> Vectors:
    """What the head reads, float32, shape (examples, width), or (examples, 4 x width).

    The text's vector; with `cross_target` also the target's, their product and their absolute
    difference, as InferSent (Conneau et al. 2017) compares two sentences. Scaled so that numbers
    are about 1 in size. Each text and each target is encoded once.
    """
    text = _once([example.text for example in examples], vectors)
    if not cross_target:
        return text
    target = _once([example.target or "" for example in examples], vectors)
    return np.hstack([text, target, text * target, np.abs(text - target)])


def _once(texts: Sequence[str], vectors: Callable[[Sequence[str]], Vectors]) -> Vectors:
    numbers = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    found = vectors(list(numbers))
    scaled: Vectors = found * np.float32(np.sqrt(found.shape[1]))
    return scaled[[numbers[text] for text in texts]]
