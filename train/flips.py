"""Flip pairs: two rows of one text with opposite labels, each toward its own target.

A model that does not read the target predicts the same label for both rows of a pair, so at most
one of them is correct, whatever its accuracy.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from newsstand.labels import opposites
from newsstand.models.decision import MOST_PROBABLE
from newsstand.types import Ints


def flip_metrics(
    texts: Sequence[Any] | NDArray[Any],
    truth: Ints,
    predictions: NDArray[Any],
    labels: Sequence[str],
) -> dict[str, float]:
    """Metrics of the flip pairs among some rows.

    A flip pair is two rows of one text whose true labels are the two opposite labels (sides) that
    `opposites` gives; if a text has several rows on a side, each is paired with each of the other
    side.

    Args:
        texts: A key of each row's text, equal for equal texts.
        truth: int64, shape (rows,): the true labels, as indices into `labels`.
        predictions: Predicted labels, integers of shape (rows,), or scores or probabilities of
            shape (rows, labels), of which the highest of a row is its prediction.
        labels: The labels.

    Returns:
        `flip_accuracy`: the share of flip pairs with both rows correct. `side_change`: the share
        whose two predictions are on different sides, correct or swapped. `flip_pairs`: the number
        of pairs. Empty if there are none.

    >>> names = ["favor", "against", "neutral"]
    >>> truth, predicted = np.array([0, 1, 0, 1]), np.array([0, 1, 1, 0])
    >>> flip_metrics(["a", "a", "b", "b"], truth, predicted, names)
    {'flip_accuracy': 0.5, 'side_change': 1.0, 'flip_pairs': 2.0}
    >>> flip_metrics(["a", "b", "c", "d"], truth, predicted, names)
    {}
    """
    sides = opposites(labels)
    if sides is None:
        return {}
    predicted = MOST_PROBABLE.predict(predictions) if predictions.ndim > 1 else predictions
    number = np.unique(np.asarray(texts), return_inverse=True)[1]
    size = int(number.max(initial=-1)) + 1

    def count(true: int, prediction: int | None = None) -> Ints:
        """Rows of each text with a true label and, if given, a predicted one."""
        chosen = truth == true
        if prediction is not None:
            chosen &= predicted == prediction
        return np.bincount(number[chosen], minlength=size)

    one, other = sides
    pairs = int((count(one) * count(other)).sum())
    if not pairs:
        return {}
    correct = int((count(one, one) * count(other, other)).sum())
    swapped = int((count(one, other) * count(other, one)).sum())
    return {
        "flip_accuracy": correct / pairs,
        "side_change": (correct + swapped) / pairs,
        "flip_pairs": float(pairs),
    }
