"""Flip pairs: rows of one text that are on opposite sides, each toward a target of its own.

A model that does not read the target gives both rows of a pair the same answer, so it is right
for at most one of them, whatever its accuracy.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from newsstand.labels import opposites
from newsstand.models.decision import MOST_PROBABLE
from newsstand.types import Ints


def flip_figures(
    texts: Sequence[Any] | NDArray[Any],
    truth: Ints,
    answers: NDArray[Any],
    labels: Sequence[str],
) -> dict[str, float]:
    """How a model does on the flip pairs among some rows.

    A flip pair is two rows of one text, one truly on each of the two sides that `opposites`
    finds among the labels; of a text with several rows on a side, each one makes a pair with each
    one on the other.

    Args:
        texts: Of each row a key of its text, equal for equal texts.
        truth: int64, shape (rows,): the true labels, as places in `labels`.
        answers: Predicted labels, integers of shape (rows,), or scores or probabilities of shape
            (rows, labels), the highest of a row being its prediction.
        labels: The labels.

    Returns:
        `flip_accuracy`: the share of flip pairs with both rows right. `side_change`: the share
        whose two predictions are on different sides, be they right or the wrong way round.
        `flip_pairs`: how many pairs there are. Empty where there are none.

    >>> names = ["favor", "against", "neutral"]
    >>> truth, predicted = np.array([0, 1, 0, 1]), np.array([0, 1, 1, 0])
    >>> flip_figures(["a", "a", "b", "b"], truth, predicted, names)
    {'flip_accuracy': 0.5, 'side_change': 1.0, 'flip_pairs': 2.0}
    >>> flip_figures(["a", "b", "c", "d"], truth, predicted, names)
    {}
    """
    sides = opposites(labels)
    if sides is None:
        return {}
    predicted = MOST_PROBABLE.predict(answers) if answers.ndim > 1 else answers
    number = np.unique(np.asarray(texts), return_inverse=True)[1]
    size = int(number.max(initial=-1)) + 1

    def count(true: int, said: int | None = None) -> Ints:
        """Of each text the rows that are truly on a side, or of these those that are put on one."""
        which = truth == true if said is None else (truth == true) & (predicted == said)
        return np.bincount(number[which], minlength=size)

    one, other = sides
    pairs = int((count(one) * count(other)).sum())
    if not pairs:
        return {}
    right = int((count(one, one) * count(other, other)).sum())
    wrong = int((count(one, other) * count(other, one)).sum())
    return {
        "flip_accuracy": right / pairs,
        "side_change": (right + wrong) / pairs,
        "flip_pairs": float(pairs),
    }
