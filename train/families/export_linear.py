"""Makes a fitted linear model smaller: prunes features and rounds weights."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from newsstand.errors import DataError
from newsstand.features.weighting import Block, Features
from newsstand.models.linear import LinearModel
from newsstand.models.quantize import Stored, packed_buckets_size
from newsstand.text.example import Example
from newsstand.train.evaluation.metrics import accuracy, macro_f1

_BYTES = {"float32": 4, "float16": 2, "int8": 1}
_HEADER = 2000  # upper bound on the bytes of a weights file beside its numbers


def export_linear(model: LinearModel, *, weights: Stored, size_mb: float | None) -> LinearModel:
    """The model as its bundle stores it.

    Args:
        model: A fitted model.
        weights: Number format of the weights.
        size_mb: Maximum size of the weights file in megabytes (1,000,000 bytes); None for no limit.

    Raises:
        DataError: The maximum size is too small for any model.
    """
    if size_mb is not None:
        model = _pruned(model, weights, int(size_mb * 1e6) - _HEADER)
    return model.rounded(weights)


@dataclass(frozen=True, slots=True)
class LinearCost:
    """The effect of an export, measured on validation rows.

    Args:
        megabytes: Size of the weights before and after.
        accuracy: Before and after.
        macro_f1: Before and after.
    """

    megabytes: tuple[float, float]
    accuracy: tuple[float, float]
    macro_f1: tuple[float, float]

    @classmethod
    def measure(
        cls,
        before: LinearModel,
        after: LinearModel,
        examples: Sequence[Example],
        labels: NDArray[np.int64],
    ) -> Self:
        """Evaluates both models on the examples."""
        models = (before, after)
        first, second = (model.forward(examples) for model in models)
        sizes = tuple(sum(x.nbytes for x in y.tensors(y.stored).values()) / 1e6 for y in models)
        return cls(
            (sizes[0], sizes[1]),
            (accuracy(first, labels), accuracy(second, labels)),
            (macro_f1(first, labels), macro_f1(second, labels)),
        )

    def metrics(self) -> dict[str, float]:
        """The effect as metrics of the run, by name."""
        return {
            f"export/{when}_{name}": value
            for name, values in asdict(self).items()
            for when, value in zip(("before", "after"), values, strict=True)
        }

    def __str__(self) -> str:
        (small, large), (accuracy, now), (f1, f1_now) = (
            self.megabytes[::-1],
            self.accuracy,
            self.macro_f1,
        )
        return (
            f"{small:.2f} MB of {large:.2f}: validation accuracy {accuracy:.4f} to {now:.4f}, "
            f"macro-F1 {f1:.4f} to {f1_now:.4f}"
        )


def _pruned(model: LinearModel, stored: Stored, size: int) -> LinearModel:
    """The model with its most important features, as many as fit into `size` bytes."""
    features, labels = model.features, len(model.intercepts)
    block_of = np.repeat(
        np.arange(len(features.blocks)), [len(block.buckets) for block in features.blocks]
    )
    order = np.argsort(-_importance(model), kind="stable")

    def size_of(count: int) -> int:
        numbers = np.bincount(block_of[order[:count]], minlength=len(features.blocks))
        buckets = sum(packed_buckets_size(n, features.spec.bits) for n in numbers.tolist())
        bytes_per_feature = _BYTES[stored] * labels + (4 if stored == "float32" else 2)
        return buckets + bytes_per_feature * count + 8 * labels

    low, high = 0, len(order)  # bisection: `low` features fit, `high` + 1 do not
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if size_of(middle) <= size else (low, middle - 1)
    if low < labels:
        raise DataError("export.size_mb: too small, fewer features than labels would remain")
    return _only(model, np.sort(order[:low]), block_of)


def _importance(model: LinearModel) -> NDArray[np.float64]:
    """Importance of each feature: the squared distance of its coefficients from their mean.

    The mean does not change the order of the labels.
    """
    coefficients = model.coefficients.astype(np.float64)
    common = coefficients.mean(axis=1, keepdims=True)
    importance: NDArray[np.float64] = ((coefficients - common) ** 2).sum(axis=1)
    return importance


def _only(
    model: LinearModel, columns: NDArray[np.int64], block_of: NDArray[np.int64]
) -> LinearModel:
    """The model with only the given columns, which must be ascending."""
    blocks = []
    for number, block in enumerate(model.features.blocks):
        first = np.searchsorted(block_of, number)
        own = columns[block_of[columns] == number] - first
        blocks.append(Block(block.buckets[own], block.weights[own]))
    return LinearModel(
        Features(model.features.spec, blocks), model.coefficients[columns], model.intercepts
    )
