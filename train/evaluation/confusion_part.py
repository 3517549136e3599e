"""The part of a confusion matrix that can be shown: all of it, or the labels with most errors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from newsstand.types import Floats, Ints

REST = "any other label"  # the last column of a part
_ALL = 30  # most labels of a matrix that is shown whole
_MOST = 20  # columns of a part


@dataclass(frozen=True, slots=True)
class ConfusionPart:
    """A confusion matrix, or its labels with most errors.

    Args:
        rows: The labels of the rows, as places; of a part only those that have rows.
        columns: The labels of the columns, as places.
        counts: int64, shape (rows, columns), and a last column for all other labels if it is a
            part.
        shares: `counts` as shares of all rows of the true label.
    """

    rows: Ints
    columns: Ints
    counts: Ints
    shares: Floats

    @property
    def whole(self) -> bool:
        """Whether it has all labels."""
        return bool(self.counts.shape[1] == len(self.columns))


def confusion_part(confusion: Sequence[Sequence[int]]) -> ConfusionPart:
    """The whole matrix of up to 30 labels, or that of the 20 with most errors, false or missed.

    Args:
        confusion: Rows by true label (outer) and predicted label (inner).

    >>> part = confusion_part([[3, 1], [0, 2]])
    >>> part.whole, part.shares.tolist()
    (True, [[0.75, 0.25], [0.0, 1.0]])
    """
    counts = np.array(confusion, dtype=np.int64)
    totals = counts.sum(axis=1)
    rows = columns = np.arange(len(counts))
    if len(counts) > _ALL:
        errors = counts.sum(axis=0) + totals - 2 * counts.diagonal()
        columns = np.sort(np.argsort(-errors, kind="stable")[:_MOST])
        rows = columns[totals[columns] > 0]
        rest = np.delete(counts[rows], columns, axis=1).sum(axis=1, keepdims=True)
        counts = np.hstack([counts[np.ix_(rows, columns)], rest])
    shares: Floats = counts / np.maximum(totals[rows, None], 1)
    return ConfusionPart(rows, columns, counts, shares)
