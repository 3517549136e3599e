"""Fits the embedding family: a head by scikit-learn on a frozen encoder's vectors, and n-grams."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from newsstand.data.sealed import cache_root
from newsstand.encoders.hub import find_encoder, fingerprint
from newsstand.encoders.libraries import use_bf16
from newsstand.encoders.long_text import LongText
from newsstand.encoders.torch_encoder import Encoder
from newsstand.features.weighting import FeatureSpec, count
from newsstand.models.embedding import EmbeddingModel, features
from newsstand.models.linear import LinearModel
from newsstand.text.example import Example
from newsstand.train.families.linear_solver import both_sides, fit_linear, unconverged_too
from newsstand.train.families.vector_cache import CachedVectors, Progress
from newsstand.types import Float32s

_ITERATIONS = 5000


def open_encoder(
    name: str,
    *,
    sha256: str | None,
    max_tokens: int,
    long_text: LongText,
    device: Literal["auto", "cpu", "cuda"],
    precision: Literal["auto", "fp32", "bf16"] = "fp32",
    progress: Progress | None = None,
) -> tuple[Encoder, CachedVectors]:
    """An encoder, and its vectors, which the cache folder of `datasets` keeps.

    Raises:
        NewsstandError: The encoder is not found or unreadable.
    """
    folder = find_encoder(name, sha256)
    encoder = Encoder.open(folder, max_tokens=max_tokens, long_text=long_text, device=device)
    half = use_bf16(precision, encoder.network.device.type)
    kind = f"{fingerprint(folder)}-{max_tokens}-{'bf16' if half else 'fp32'}"
    return encoder, CachedVectors(encoder, cache_root() / "vectors" / kind, progress, half=half)


def fit_embedding(
    examples: Sequence[Example],
    labels: NDArray[np.int64],
    *,
    encoder: Encoder,
    vectors: Callable[[Sequence[str]], Float32s],
    cross_target: bool,
    classifier: Literal["svc", "logistic"],
    C: float,  # noqa: N803 - scikit-learn's name
    class_weight: Literal["balanced"] | None,
    seed: int,
    weights: NDArray[np.float64] | None = None,
) -> EmbeddingModel:
    """Fits the weights.

    Args:
        examples: Training examples.
        labels: int64, shape (examples,); every label from 0 to the highest must occur.
        encoder: What the model will compute vectors with.
        vectors: The same encoder's vectors, from a cache.
        cross_target: Whether to read the target, too.
        classifier: LinearSVC or LogisticRegression.
        C: Inverse strength of the L2 penalty.
        class_weight: `balanced` or None.
        seed: Seed of the solver.
        weights: What each example counts in the loss; None: all the same.
    """
    estimator: Any
    if classifier == "svc":
        estimator = LinearSVC(
            C=C, class_weight=class_weight, random_state=seed, max_iter=_ITERATIONS
        )
    else:
        estimator = LogisticRegression(C=C, class_weight=class_weight, max_iter=_ITERATIONS)
    rows = features(examples, encoder, vectors, cross_target=cross_target)
    with unconverged_too():
        estimator.fit(rows, labels, sample_weight=weights)
    coefficients, intercepts = both_sides(estimator.coef_, estimator.intercept_)
    return EmbeddingModel(encoder, coefficients, intercepts, vectors)


def fit_ngrams(
    examples: Sequence[Example],
    labels: NDArray[np.int64],
    *,
    words: tuple[int, int] | None,
    chars: tuple[int, int] | None,
    bits: int,
    cross_target: bool,
    C: float,  # noqa: N803 - scikit-learn's name
    weight: float,
    class_weight: Literal["balanced"] | None,
    seed: int,
    weights: NDArray[np.float64] | None = None,
) -> LinearModel:
    """Fits the n-grams beside the vectors, by themselves.

    One classifier over both would leave the n-grams, which are many and rare, to its penalty
    (docs/experiments.md).

    Args:
        examples: Training examples.
        labels: As in `fit_embedding`.
        words: Shortest and longest word n-gram, or None.
        chars: Shortest and longest character n-gram, or None.
        bits: They are hashed to 2 to the power of this many buckets.
        cross_target: Whether to read the target, too.
        C: Inverse strength of the L2 penalty of LinearSVC.
        weight: Scores are multiplied by this.
        class_weight: `balanced` or None.
        seed: Seed of the solver.
        weights: What each example counts in the loss; None: all the same.

    Raises:
        DataError: No n-gram occurs in the examples.
    """
    spec = FeatureSpec(words=words, chars=chars, bits=bits, cross_target=cross_target)
    found = fit_linear(
        count(spec, examples),
        labels,
        spec=spec,
        classifier="svc",
        C=C,
        class_weight=class_weight,
        seed=seed,
        weights=weights,
    )
    times = np.float32(weight)
    return replace(
        found, coefficients=found.coefficients * times, intercepts=found.intercepts * times
    )
