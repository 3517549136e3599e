"""What metrics are computed from: predictions, and sums over their rows.

A metric is a function of sums over rows: how often each label is true, predicted and correct, and
of columns of its own. So one definition gives its value, on the sums of all rows, and its values in
thousands of resamples, on weighted sums.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from scipy.sparse import csr_array

from newsstand.models.decision import MOST_PROBABLE
from newsstand.types import Bools, Floats, Ints

# Values of rows, shape (rows, columns).
Columns: TypeAlias = Floats | csr_array
_KINDS = 3  # of counts of labels: true, predicted, correct


@dataclass(frozen=True)
class Predictions:
    """The probabilities of a model beside the true labels.

    Args:
        probabilities: float64, shape (rows, labels); for metrics of predicted labels also any
            scores with the same order in each row.
        truth: int64, shape (rows,).
        labels: In the order of the columns.
    """

    probabilities: Floats
    truth: Ints
    labels: Sequence[str]

    @cached_property
    def predicted(self) -> Ints:
        """The predicted labels, int64, shape (rows,)."""
        return MOST_PROBABLE.predict(self.probabilities)

    @cached_property
    def confidence(self) -> Floats:
        """The probability of the predicted label, shape (rows,)."""
        values: Floats = self.probabilities.max(axis=1)
        return values

    @cached_property
    def correct(self) -> Bools:
        """Whether the predicted label is the true one, shape (rows,)."""
        correct: Bools = self.predicted == self.truth
        return correct

    @property
    def of_truth(self) -> Floats:
        """The probability of the true label, shape (rows,)."""
        return self.probabilities[np.arange(len(self.truth)), self.truth]

    def altered(self, *, correct: bool) -> "Predictions":
        """The same rows, all predicted correctly or all wrongly.

        Where the prediction has to change, the predicted label swaps its probability with the true
        label, or with the second most probable one.
        """
        rows = np.flatnonzero(self.correct != correct)
        first = self.predicted[rows]
        if correct:
            other = self.truth[rows]
        else:
            other = np.argsort(-self.probabilities[rows], axis=1, kind="stable")[:, 1]
        swapped = self.probabilities.copy()
        swapped[rows, first] = self.probabilities[rows, other]
        swapped[rows, other] = self.probabilities[rows, first]
        return Predictions(swapped, self.truth, self.labels)


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over all rows, or over those of each of several resamples (leading axes `…`).

    Args:
        labels: The labels.
        true: Rows with each true label, shape (…, labels).
        predicted: Rows with each predicted label, shape (…, labels).
        correct: Correct predictions of each label, shape (…, labels).
        own: Sums of a metric's own columns, shape (…, columns).
    """

    labels: Sequence[str]
    true: Floats
    predicted: Floats
    correct: Floats
    own: Floats

    @classmethod
    def of(cls, labels: Sequence[str], counts: Floats, own: Floats | None = None) -> "Sums":
        """From sums of the columns of `label_counts`, shape (…, 3 * labels)."""
        size = len(labels)
        true, predicted, correct = (
            counts[..., kind * size : (kind + 1) * size] for kind in range(_KINDS)
        )
        return cls(labels, true, predicted, correct, counts[..., :0] if own is None else own)

    @property
    def rows(self) -> Floats:
        """The number of rows, shape (…)."""
        rows: Floats = self.true.sum(axis=-1)
        return rows

    @property
    def f1(self) -> Floats:
        """F1 of each label, shape (…, labels); 0 for those neither true nor predicted."""
        return ratio(2 * self.correct, self.true + self.predicted)

    @property
    def precision(self) -> Floats:
        """Precision of each label, shape (…, labels); 0 for those not predicted."""
        return ratio(self.correct, self.predicted)

    @property
    def recall(self) -> Floats:
        """Recall of each label, shape (…, labels); 0 for those not true of any row."""
        return ratio(self.correct, self.true)

    @property
    def accuracy(self) -> Floats:
        """Share of correct predictions, shape (…)."""
        return ratio(self.correct.sum(axis=-1), self.rows)

    @property
    def macro_f1(self) -> Floats:
        """Mean F1 over the labels that occur in truth or predictions, shape (…)."""
        occurs = self.true + self.predicted > 0
        return ratio(self.f1.sum(axis=-1), occurs.sum(axis=-1))


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Divides; 0 where the denominator is 0."""
    shape = np.broadcast_shapes(np.shape(numerator), np.shape(denominator))
    out = np.zeros(shape, dtype=np.float64)
    return np.divide(numerator, denominator, out=out, where=np.asarray(denominator) > 0)


def one_hot(codes: Ints, width: int, values: Floats | None = None) -> csr_array:
    """One value (1 by default) in each row, in the column of its code; none for codes below 0."""
    rows = np.flatnonzero(codes >= 0)
    data = np.ones(len(codes)) if values is None else values
    starts = np.append(0, np.cumsum(codes >= 0))
    return csr_array((data[rows], codes[rows], starts), shape=(len(codes), width))


def total(columns: csr_array) -> Floats:
    """The sums of columns over all rows, shape (columns,)."""
    return np.asarray(columns.sum(axis=0), dtype=np.float64)


def label_counts(predictions: Predictions) -> csr_array:
    """Whether each label is true, predicted and correct in each row, shape (rows, 3 * labels)."""
    size, truth = len(predictions.labels), predictions.truth
    width = _KINDS * size
    correct = np.where(predictions.correct, truth + 2 * size, -1)
    parts = (truth, predictions.predicted + size, correct)
    true, predicted, both = (one_hot(codes, width) for codes in parts)
    return csr_array(true + predicted + both)


def equal_count_bins(values: Floats, most: int) -> Ints:
    """The bin of each value, ascending from 0, in at most `most` bins of about equal counts.

    Equal values are in the same bin.

    >>> equal_count_bins(np.array([0.9, 0.2, 0.2, 0.5]), 2).tolist()
    [1, 0, 0, 1]
    """
    ordered, most = np.sort(values), min(most, len(values))
    edges = ordered[np.arange(1, most) * len(values) // most] if most else ordered
    bins: Ints = np.searchsorted(np.unique(edges), values, side="right")
    return np.unique(bins, return_inverse=True)[1].astype(np.int64)
