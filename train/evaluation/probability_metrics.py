"""Metrics of probabilities: log loss, Brier score and calibration error."""

import numpy as np
from scipy.sparse import csr_array, hstack
from scipy.stats import binomtest

from newsstand.train.evaluation.result import Reliability
from newsstand.train.evaluation.sums import (
    Predictions,
    Sums,
    equal_count_bins,
    one_hot,
    ratio,
    total,
)
from newsstand.types import Floats, Ints

_LEAST = 1e-12  # probability of a true label
_BINS = 15
_ROWS_PER_BIN = 10  # at least, where rows are too few for 15 bins
_SUMS = 3  # of a bin: rows, confidence, correct predictions


def log_losses(predictions: Predictions) -> Floats:
    """Negative natural logarithm of the true label's probability, at least 1e-12; (rows, 1)."""
    losses: Floats = -np.log(np.maximum(predictions.of_truth, _LEAST))
    return losses[:, None]


def brier_scores(predictions: Predictions) -> Floats:
    """Squared distance of the probabilities from the true label's indicator; (rows, 1).

    0 to 2, summed over all labels, as Brier defined it (1950, Verification of Forecasts Expressed
    in Terms of Probability).
    """
    squares: Floats = np.square(predictions.probabilities).sum(axis=1)
    return (squares - 2 * predictions.of_truth + 1)[:, None]


def calibration_bins(predictions: Predictions) -> csr_array:
    """Rows, confidence and correct predictions by bin; shape (rows, 3 * bins).

    The bins hold about the same number of rows: 15, or fewer such that each has at least 10.
    """
    bins = confidence_bins(predictions)
    width = int(bins.max(initial=-1)) + 1
    values = (None, predictions.confidence, predictions.correct.astype(np.float64))
    return csr_array(hstack([one_hot(bins, width, value) for value in values]))


def confidence_bins(predictions: Predictions) -> Ints:
    """The bin of each row by its confidence, ascending, shape (rows,)."""
    bins = min(_BINS, max(1, len(predictions.truth) // _ROWS_PER_BIN))
    return equal_count_bins(predictions.confidence, bins)


def calibration_error(sums: Sums) -> Floats:
    """Mean gap between confidence and accuracy over bins of equal count, weighted by rows.

    Nguyen and O'Connor 2015, Posterior Calibration and Exploratory Analysis for Natural Language
    Processing Models, section 3.
    """
    _, confidence, correct = _parts(sums.own)
    return ratio(np.abs(confidence - correct).sum(axis=-1), sums.rows)


def _parts(own: Floats) -> tuple[Floats, Floats, Floats]:
    """Rows, confidence and correct predictions of each bin, from their sums."""
    width = own.shape[-1] // _SUMS
    first, second, third = (own[..., k * width : (k + 1) * width] for k in range(_SUMS))
    return first, second, third


def reliability(predictions: Predictions) -> Reliability:
    """The bins of the calibration error, with 95% Wilson intervals of their accuracy."""
    rows, confidence, correct = _parts(total(calibration_bins(predictions)))
    counts = list(zip(correct.astype(int).tolist(), rows.astype(int).tolist(), strict=True))
    intervals = [binomtest(k, n).proportion_ci(method="wilson") for k, n in counts]
    return Reliability(
        confidence=(confidence / rows).tolist(),
        accuracy=(correct / rows).tolist(),
        low=[float(interval.low) for interval in intervals],
        high=[float(interval.high) for interval in intervals],
        rows=[n for _, n in counts],
    )
