"""Converts probabilities to predicted labels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Decision:
    """Predicts the most probable label, the first one of ties."""

    def predict(self, probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
        """Indices of the predicted labels, shape (rows,).

        Args:
            probabilities: Shape (rows, labels); or any scores with the same order in each row.
        """
        predicted: NDArray[np.int64] = probabilities.argmax(axis=1)
        return predicted


MOST_PROBABLE = Decision()
