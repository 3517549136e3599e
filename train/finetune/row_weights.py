"""Rows that count more or less in the loss of a fine-tuning, each as its source says."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

# From a network's outputs and the labels of a batch to its loss, as the Trainer calls it.
LossFunction = Callable[[Any, Any, Any], Any]


def with_weights(
    targets: NDArray[Any], weights: NDArray[np.float64], labels: int
) -> NDArray[np.float32]:
    """Targets with the weight of each row before them.

    Args:
        targets: As in `TrainingTargets`.
        weights: Shape (rows,).
        labels: How many there are.

    Returns:
        float32, shape (rows, 1 + labels), or with a teacher (rows, 1 + 2 x labels).
    """
    shares = np.eye(labels)[targets] if targets.ndim == 1 else targets
    return np.column_stack([weights, shares]).astype(np.float32)


class WeightedLoss:
    """Another loss, times the weight of each row.

    Args:
        loss: Sums over the rows of a batch, and divides by how many numbers the step's labels have.
    """

    def __init__(self, loss: LossFunction) -> None:
        self._loss = loss

    def __call__(self, outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
        """The loss of a batch; rows of one weight are taken together.

        Args:
            outputs: With `logits`, shape (rows, labels).
            labels: As `with_weights` gives them; rows that only fill up the batch have
                `NO_LABEL` throughout.
            num_items_in_batch: How many numbers `labels` has in all batches of the step.
        """
        items = labels.numel() if num_items_in_batch is None else num_items_in_batch
        items = items * (labels.shape[1] - 1) / labels.shape[1]  # without the weights
        weights, rest = labels[:, 0], labels[:, 1:]
        total = outputs["logits"].sum() * 0.0
        for weight in torch.unique(weights[weights > 0]):
            rows = weights == weight
            part = self._loss({"logits": outputs["logits"][rows]}, rest[rows], items)
            total = total + weight * part
        return total
