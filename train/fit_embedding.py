"""Fits the embedding family: a head by scikit-learn on a frozen encoder's vectors."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from newsstand.data.kept import cache_root
from newsstand.embedding import EmbeddingModel, features
from newsstand.encode import Example
from newsstand.encoder import Encoder, Vectors
from newsstand.encoders import find_encoder, fingerprint
from newsstand.long_text import LongText
from newsstand.train.fit_linear import both_sides, unconverged_too
from newsstand.train.vector_cache import CachedVectors, Progress

_ITERATIONS = 5000


def open_encoder(
    name: str,
    *,
    sha256: str | None,
    max_tokens: int,
    long_text: LongText,
    device: Literal["auto", "cpu", "cuda"],
    progress: Progress | None = None,
) -> tuple[Encoder, CachedVectors]:
    """An encoder, and its vectors, which the cache folder of `datasets` keeps.

    Raises:
        NewsstandError: The encoder cannot be had or read.
    """
    folder = find_encoder(name, sha256)
    encoder = Encoder.open(folder, max_tokens=max_tokens, long_text=long_text, device=device)
    place = cache_root() / "vectors" / f"{fingerprint(folder)}-{max_tokens}-checked"
    return encoder, CachedVectors(encoder, place, progress)


def fit_embedding(
    examples: Sequence[Example],
    labels: NDArray[np.int64],
    *,
    encoder: Encoder,
    vectors: Callable[[Sequence[str]], Vectors],
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
