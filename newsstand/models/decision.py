"""From probabilities to the labels that are given out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Decision:
    """Gives each row its most probable label; of equal ones the first."""

    def predict(self, probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
        """Labels as places in their order, shape (rows,).

        Args:
            probabilities: Shape (rows, labels). Scores that are in the same order will do.
        """
        predicted: NDArray[np.int64] = probabilities.argmax(axis=1)
        return predicted


MOST_PROBABLE = Decision()
