"""Fits the embedding family: scikit-learn classifiers on a frozen encoder's vectors and n-grams."""

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
from newsstand.train.families.linear_solver import (
    both_sides,
    fit_linear,
    ignore_convergence_warnings,
)
from newsstand.train.families.vector_cache import CachedVectors, Progress
from newsstand.types import Device, Float32s

_ITERATIONS = 5000


def open_encoder(
    name: str,
    *,
    sha256: str | None,
    max_tokens: int,
    long_text: LongText,
    device: Device,
    precision: Literal["auto", "fp32", "bf16"] = "fp32",
    progress: Progress | None = None,
) -> tuple[Encoder, CachedVectors]:
    """An encoder, and its vectors with a cache in the cache folder of `datasets`.

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
        encoder: The encoder that the model uses.
        vectors: Computes the same encoder's vectors, with a cache.
        cross_target: Whether to read the target, too.
        classifier: LinearSVC or LogisticRegression.
        C: Inverse strength of the L2 penalty.
        class_weight: `balanced` or None.
        seed: Seed of the solver.
        weights: float64, shape (examples,): sample weights; None for equal ones.
    """
    estimator: Any
    if classifier == "svc":
        estimator = LinearSVC(
            C=C, class_weight=class_weight, random_state=seed, max_iter=_ITERATIONS
        )
    else:
        estimator = LogisticRegression(C=C, class_weight=class_weight, max_iter=_ITERATIONS)
    rows = features(examples, encoder, vectors, cross_target=cross_target)
    with ignore_convergence_warnings():
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
    """Fits a separate linear model of n-grams, whose scores are added to those of the vectors.

    A joint classifier would suppress the n-grams, which are many and rare, by its penalty
    (docs/experiments.md).

    Args:
        examples: Training examples.
        labels: As in `fit_embedding`.
        words: Shortest and longest word n-gram, or None.
        chars: Shortest and longest character n-gram, or None.
        bits: N-grams are hashed to 2**bits buckets.
        cross_target: Whether to read the target, too.
        C: Inverse strength of the L2 penalty of LinearSVC.
        weight: Factor of the scores.
        class_weight: `balanced` or None.
        seed: Seed of the solver.
        weights: float64, shape (examples,): sample weights; None for equal ones.

    Raises:
        DataError: No n-gram occurs in the examples.
    """
    spec = FeatureSpec(words=words, chars=chars, bits=bits, cross_target=cross_target)
    model = fit_linear(
        count(spec, examples),
        labels,
        spec=spec,
        classifier="svc",
        C=C,
        class_weight=class_weight,
        seed=seed,
        weights=weights,
    )
    factor = np.float32(weight)
    return replace(
        model, coefficients=model.coefficients * factor, intercepts=model.intercepts * factor
    )
