"""Fits the linear family in memory, with scikit-learn's solvers."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from newsstand.errors import DataError
from newsstand.features.weighting import Features, FeatureSpec, document_frequencies
from newsstand.models.linear import LinearModel

_ITERATIONS = 5000
# Halves the time of a fit against scikit-learn's 1e-4 with the same cross-validated scores.
_TOLERANCE = 1e-2


def fit_linear(
    counts: Sequence[csr_array],
    labels: NDArray[np.int64],
    *,
    spec: FeatureSpec,
    classifier: Literal["svc", "logistic"],
    C: float,  # noqa: N803 - scikit-learn's name
    class_weight: Literal["balanced"] | None,
    seed: int,
    weights: NDArray[np.float64] | None = None,
) -> LinearModel:
    """Fits features and weights.

    Args:
        counts: Features of the training examples, from `newsstand.features.weighting.count`.
        labels: int64, shape (examples,); every label from 0 to the highest must occur.
        spec: Which features were counted.
        classifier: LinearSVC or LogisticRegression.
        C: Inverse strength of the L2 penalty.
        class_weight: `balanced` or None.
        seed: Seed of the solver; the same seed gives the same weights.
        weights: float64, shape (examples,): sample weights; None for equal ones.

    Raises:
        DataError: No n-gram occurs often enough to be a feature.
    """
    frequency = [document_frequencies(block) for block in counts]
    check_features(spec, frequency, len(labels))
    features = Features.from_frequencies(spec, frequency, len(labels))
    estimator: Any
    if classifier == "svc":
        estimator = LinearSVC(
            C=C,
            class_weight=class_weight,
            random_state=seed,
            max_iter=_ITERATIONS,
            tol=_TOLERANCE,
        )
    else:
        estimator = LogisticRegression(
            C=C, class_weight=class_weight, random_state=seed, max_iter=_ITERATIONS
        )
    with ignore_convergence_warnings():
        estimator.fit(features.transform_counts(counts), labels, sample_weight=weights)
    return linear_model(features, estimator.coef_, estimator.intercept_)


@contextmanager
def ignore_convergence_warnings() -> Iterator[None]:
    """Silences scikit-learn's warning about a solver that reached its iteration limit.

    Its weights are usable, and are evaluated on validation rows.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def check_features(
    spec: FeatureSpec, frequency: Sequence[NDArray[np.int64]], examples: int
) -> None:
    """Checks that some bucket occurs in at least `spec.min_df` examples.

    Raises:
        DataError: None does.
    """
    if not any((df >= spec.min_df).any() for df in frequency):
        raise DataError(
            f"no n-gram occurs in at least {spec.min_df:,} of the {examples:,} training rows "
            "(model.min_df)"
        )


def linear_model(
    features: Features, coefficients: NDArray[np.floating], intercepts: NDArray[np.floating]
) -> LinearModel:
    """The model with the weights of one of scikit-learn's linear classifiers.

    Args:
        features: Computes feature rows of examples.
        coefficients: Shape (labels, columns), or (1, columns) for two labels.
        intercepts: Shape (labels,), or (1,) for two labels.
    """
    return LinearModel(features, *both_sides(coefficients, intercepts))


def both_sides(
    coefficients: NDArray[np.floating], intercepts: NDArray[np.floating]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights for each label, from scikit-learn's, which has only one row for two labels.

    Returns:
        Coefficients, float32, shape (columns, labels), and intercepts, float32, shape (labels,).
    """
    coefficients = coefficients.T
    if coefficients.shape[1] == 1:
        coefficients = np.hstack([-coefficients, coefficients]) / 2
        intercepts = np.concatenate([-intercepts, intercepts]) / 2
    return np.ascontiguousarray(coefficients, dtype=np.float32), intercepts.astype(np.float32)


def outlet_weights(outlets: NDArray[np.int64], balance: float) -> NDArray[np.float64]:
    """Row weights with mean 1, proportional to the outlet's number of rows to the power -balance.

    Args:
        outlets: int64, shape (rows,): the outlet of each row, as a number from 0.
        balance: 0 for equal weights of all rows, 1 for equal total weights of all outlets.
    """
    weights = np.power(np.bincount(outlets)[outlets].astype(np.float64), -balance)
    normalised: NDArray[np.float64] = weights / weights.mean()
    return normalised
