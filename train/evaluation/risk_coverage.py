"""Selective prediction: how accurate a model is where it is most confident.

El-Yaniv and Wiener 2010, On the Foundations of Noise-free Selective Classification.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.sparse import csr_array, hstack

from newsstand.train.evaluation.result import RiskCoverage
from newsstand.train.evaluation.sums import Predictions, Sums, equal_count_bins, one_hot, ratio
from newsstand.types import Floats

_STEPS = 1000  # of confidence; with up to that many rows, each distinct value is one
_POINTS = 200  # of the curve


def ranked(predictions: Predictions) -> csr_array:
    """Rows and correct predictions by step of confidence, highest first; (rows, 2 * steps)."""
    steps = equal_count_bins(-predictions.confidence, _STEPS)
    width = int(steps.max(initial=-1)) + 1
    correct = predictions.correct.astype(np.float64)
    return csr_array(hstack([one_hot(steps, width), one_hot(steps, width, correct)]))


def risk_coverage_area(sums: Sums, _setting: Any = None) -> Floats:
    """Area under the risk-coverage curve: the mean, over all rows, of a row's risk.

    The risk of a row is the error rate of the rows with at least its confidence.
    """
    rows, correct = np.split(sums.own, 2, axis=-1)
    risk = ratio((rows - correct).cumsum(axis=-1), rows.cumsum(axis=-1))
    return ratio((rows * risk).sum(axis=-1), sums.rows)


def accuracy_at(coverage: float) -> Callable[[Sums, Any], Floats]:
    """The accuracy of the share `coverage` of the rows with the highest confidence.

    Of rows with equal confidence that are only partly covered, each counts with the covered part.
    """

    def compute(sums: Sums, _setting: Any = None) -> Floats:
        rows, correct = np.split(sums.own, 2, axis=-1)
        wanted = coverage * sums.rows
        before = rows.cumsum(axis=-1) - rows
        covered = np.clip(wanted[..., None] - before, 0, rows)
        return ratio((correct * ratio(covered, rows)).sum(axis=-1), wanted)

    return compute


def risk_coverage(predictions: Predictions) -> RiskCoverage:
    """The curve, at up to 200 shares of the rows."""
    order = np.argsort(-predictions.confidence, kind="stable")
    confidence, size = predictions.confidence[order], len(order)
    accuracy = np.cumsum(predictions.correct[order]) / np.arange(1, size + 1)
    # Rows with equal confidence are covered together.
    last = np.append(np.flatnonzero(np.diff(confidence)), size - 1)
    wanted = np.ceil(np.linspace(0, size, min(_POINTS, size) + 1)[1:]) - 1
    ends = np.unique(last[np.searchsorted(last, wanted)])
    return RiskCoverage(
        coverage=((ends + 1) / size).tolist(),
        accuracy=accuracy[ends].tolist(),
        threshold=confidence[ends].tolist(),
    )
