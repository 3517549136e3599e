"""Calibration: converts scores of a model to probabilities; fitted in training."""

from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np

from newsstand.types import Floats


@dataclass(frozen=True, slots=True)
class Calibration:
    """A fitted calibration.

    Args:
        method: `temperature`: softmax of `slope * score` (Guo et al. 2017; slope is the
            inverse temperature). `sigmoid`: a logistic curve for each label, normalized to sum
            to 1 (Platt 1999, one against the rest).
        slope: One value for `temperature`; one per label for `sigmoid`.
        offset: One value per label for `sigmoid`; empty for `temperature`.
    """

    method: Literal["temperature", "sigmoid"]
    slope: tuple[float, ...]
    offset: tuple[float, ...] = ()

    def apply(self, scores: Floats) -> Floats:
        """Converts scores to probabilities, shape (rows, labels); each row sums to 1.

        The result of a row is bit-identical in any batch: sums are computed label by label, so
        that the order of additions does not depend on the number of rows.

        >>> Calibration("temperature", (1.0,)).apply(np.zeros((1, 4))).tolist()
        [[0.25, 0.25, 0.25, 0.25]]
        """
        scaled = np.asarray(scores, dtype=np.float64) * np.asarray(self.slope)
        if self.method == "temperature":
            odds = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        else:
            odds = 1.0 / (1.0 + np.exp(-np.clip(scaled + np.asarray(self.offset), -500.0, 500.0)))
        total = np.zeros(len(odds))
        for label in range(odds.shape[1]):
            total += odds[:, label]
        probabilities: Floats = odds / total[:, None]
        return probabilities

    @classmethod
    def none(cls) -> Self:
        """Softmax of the scores as they are."""
        return cls("temperature", (1.0,))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"method": self.method, "slope": list(self.slope), "offset": list(self.offset)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        return cls(values["method"], tuple(values["slope"]), tuple(values["offset"]))
