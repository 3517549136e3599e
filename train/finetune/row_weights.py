"""Row weights in the loss of fine-tuning."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

# Takes a network's outputs, the labels of a batch, and the Trainer's `num_items_in_batch`.
LossFunction = Callable[[Any, Any, Any], Any]


def with_weights(
    targets: NDArray[Any], weights: NDArray[np.float64], labels: int
) -> NDArray[np.float32]:
    """Targets with the weight of each row as their first column.

    Args:
        targets: As in `TrainingTargets`.
        weights: Shape (rows,).
        labels: Number of labels.

    Returns:
        float32, shape (rows, 1 + labels), or with a teacher (rows, 1 + 2 x labels).
    """
    shares = np.eye(labels)[targets] if targets.ndim == 1 else targets
    return np.column_stack([weights, shares]).astype(np.float32)


class WeightedLoss:
    """A loss with weighted rows.

    Args:
        loss: The unweighted loss: a sum over the rows of a batch, divided by the size of the step's
            labels.
    """

    def __init__(self, loss: LossFunction) -> None:
        self._loss = loss

    def __call__(self, outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
        """The loss of a batch, computed for each distinct weight.

        Args:
            outputs: With `logits`, shape (rows, labels).
            labels: From `with_weights`; padding rows are all `NO_LABEL`.
            num_items_in_batch: Size of `labels` in all batches of the step.
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
