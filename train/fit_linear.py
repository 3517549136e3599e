"""Fits the linear family with scikit-learn."""

import warnings
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.svm import LinearSVC

from newsstand.encode import Example
from newsstand.errors import DataError
from newsstand.linear import Features, FeatureSpec, LinearModel

_ITERATIONS = 5000
# Halves the time of a fit against scikit-learn's 1e-4 with the same cross-validated scores.
_TOLERANCE = 1e-2


def fit_linear(
    examples: Sequence[Example],
    labels: NDArray[np.int64],
    *,
    spec: FeatureSpec,
    classifier: Literal["svc", "logistic", "sgd"],
    C: float,  # noqa: N803 - scikit-learn's name
    class_weight: Literal["balanced"] | None,
    seed: int,
    outlets: Sequence[str | None] | None = None,
    outlet_balance: float = 0.0,
) -> LinearModel:
    """Fits features and weights.

    Args:
        examples: Training examples.
        labels: int64, shape (examples,); every label from 0 to the highest must occur.
        spec: What is counted.
        classifier: LinearSVC, LogisticRegression, or averaged SGD with hinge loss.
        C: Inverse strength of the L2 penalty.
        class_weight: `balanced` or None.
        seed: Seed of the solver; the same seed gives the same weights.
        outlets: Each example's outlet; examples without one count as one outlet.
        outlet_balance: A row weighs as its outlet's number of rows to the power of minus this.

    Raises:
        DataError: No n-gram occurs often enough to be a feature.
    """
    features, rows = Features.fit_rows(spec, examples)
    if not any(len(block.buckets) for block in features.blocks):
        raise DataError(
            f"no n-gram occurs in at least {spec.min_df:,} of the {len(examples):,} training rows "
            "(model.min_df)"
        )
    estimator: Any
    if classifier == "svc":
        estimator = LinearSVC(
            C=C,
            class_weight=class_weight,
            random_state=seed,
            max_iter=_ITERATIONS,
            tol=_TOLERANCE,
        )
    elif classifier == "logistic":
        estimator = LogisticRegression(
            C=C, class_weight=class_weight, random_state=seed, max_iter=_ITERATIONS
        )
    else:
        estimator = SGDClassifier(
            loss="hinge",
            alpha=1.0 / (C * len(examples)),
            average=True,
            max_iter=50,
            class_weight=class_weight,
            random_state=seed,
        )
    with warnings.catch_warnings():
        # A solver that stops at its limit has still found weights; validation judges them.
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimator.fit(rows, labels, sample_weight=_row_weights(outlets, outlet_balance))
    coefficients, intercepts = both_sides(estimator.coef_.T, estimator.intercept_)
    return LinearModel(features, coefficients, intercepts)


def both_sides(
    coefficients: NDArray[Any], intercepts: NDArray[Any]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights for each label, float32; of two labels, scikit-learn keeps the second's only."""
    if coefficients.shape[1] == 1:
        coefficients = np.hstack([-coefficients, coefficients]) / 2
        intercepts = np.concatenate([-intercepts, intercepts]) / 2
    return np.ascontiguousarray(coefficients, dtype=np.float32), intercepts.astype(np.float32)


def _row_weights(
    outlets: Sequence[str | None] | None, balance: float
) -> NDArray[np.float64] | None:
    """A weight for each row, 1 on average; None where all weigh the same."""
    if outlets is None or not balance:
        return None
    _, numbers, sizes = np.unique(
        [outlet or "" for outlet in outlets], return_inverse=True, return_counts=True
    )
    weights = np.power(sizes[numbers], -balance)
    normalised: NDArray[np.float64] = weights / weights.mean()
    return normalised
