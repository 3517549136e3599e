"""Fits calibration on validation rows."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, log_softmax

from newsstand.models.calibration import Calibration
from newsstand.types import Floats


def fit_calibration(
    method: Literal["temperature", "sigmoid"], scores: Floats, labels: NDArray[np.int64]
) -> Calibration:
    """Fits the calibration with the lowest log loss on validation rows.

    The true labels are smoothed by one virtual row (Platt 1999), so that a model without errors on
    few validation rows does not become certain.

    Args:
        method: As in `Calibration`.
        scores: float64, shape (rows, labels), from the model.
        labels: int64, shape (rows,).
    """
    if method == "temperature":
        return _temperature(scores, labels)
    curves = [_sigmoid(scores[:, k], labels == k) for k in range(scores.shape[1])]
    slopes, offsets = zip(*curves, strict=True)
    return Calibration("sigmoid", slopes, offsets)


def _temperature(scores: Floats, labels: NDArray[np.int64]) -> Calibration:
    rows, width = scores.shape
    truth = np.full((rows, width), 1.0 / width / (rows + 1))
    truth[np.arange(rows), labels] += rows / (rows + 1)

    def loss(log_slope: float) -> float:
        return -float(np.sum(truth * log_softmax(np.exp(log_slope) * scores, axis=1)))

    fit = minimize_scalar(loss, bounds=(-6.0, 6.0), method="bounded", options={"xatol": 1e-6})
    return Calibration("temperature", (float(np.exp(fit.x)),))


def _sigmoid(scores: Floats, positive: NDArray[np.bool_]) -> tuple[float, float]:
    positives, negatives = int(positive.sum()), int((~positive).sum())
    truth = np.where(positive, (positives + 1) / (positives + 2), 1 / (negatives + 2))

    def loss(curve: Floats) -> tuple[float, Floats]:
        logits = curve[0] * scores + curve[1]
        value = float(np.sum(np.logaddexp(0, logits) - truth * logits))
        residual = expit(logits) - truth
        return value, np.array([residual @ scores, residual.sum()])

    fit = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B")
    return float(fit.x[0]), float(fit.x[1])
