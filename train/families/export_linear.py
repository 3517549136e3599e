"""Makes a fitted linear model smaller: features that matter least go, weights are rounded."""

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
from newsstand.train.evaluate import quality

_BYTES = {"float32": 4, "float16": 2, "int8": 1}
_HEADER = 2000  # bytes of a weights file beside its numbers, at most


def export_linear(model: LinearModel, *, weights: Stored, size_mb: float | None) -> LinearModel:
    """The model as its bundle is to keep it.

    Args:
        model: A fitted model.
        weights: In which numbers.
        size_mb: Megabytes (of 1,000,000 bytes) that its weights file may have; None: any.

    Raises:
        DataError: The file cannot be so small.
    """
    if size_mb is not None:
        model = _pruned(model, weights, int(size_mb * 1e6) - _HEADER)
    return model.rounded(weights)


@dataclass(frozen=True, slots=True)
class LinearCost:
    """What an export changed, measured on validation rows.

    Args:
        megabytes: Of the weights, before and after.
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
        """Scores the examples with both models."""
        models = (before, after)
        first, second = (quality(model.forward(examples), labels) for model in models)
        sizes = tuple(sum(x.nbytes for x in y.tensors(y.stored).values()) / 1e6 for y in models)
        return cls((sizes[0], sizes[1]), (first[0], second[0]), (first[1], second[1]))

    def metrics(self) -> dict[str, float]:
        """By name, for the run."""
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
    """The features that matter most, as many as fit into so many bytes."""
    features, labels = model.features, len(model.intercepts)
    block_of = np.repeat(
        np.arange(len(features.blocks)), [len(block.buckets) for block in features.blocks]
    )
    order = np.argsort(-_worth(model), kind="stable")

    def size_of(count: int) -> int:
        numbers = np.bincount(block_of[order[:count]], minlength=len(features.blocks))
        buckets = sum(packed_buckets_size(n, features.spec.bits) for n in numbers.tolist())
        a_feature = _BYTES[stored] * labels + (4 if stored == "float32" else 2)
        return buckets + a_feature * count + 8 * labels

    low, high = 0, len(order)  # the first so many fit; one more than the last do not
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if size_of(middle) <= size else (low, middle - 1)
    if low < labels:
        raise DataError("export.size_mb: too small, not even one feature a label would be left")
    return _only(model, np.sort(order[:low]), block_of)


def _worth(model: LinearModel) -> NDArray[np.float64]:
    """How far apart a feature sets the labels: its coefficients' squared distance from their mean.

    What they have in common moves no label before another.
    """
    coefficients = model.coefficients.astype(np.float64)
    common = coefficients.mean(axis=1, keepdims=True)
    worth: NDArray[np.float64] = ((coefficients - common) ** 2).sum(axis=1)
    return worth


def _only(
    model: LinearModel, columns: NDArray[np.int64], block_of: NDArray[np.int64]
) -> LinearModel:
    """The model with these of its columns, ascending."""
    blocks = []
    for number, block in enumerate(model.features.blocks):
        first = np.searchsorted(block_of, number)
        own = columns[block_of[columns] == number] - first
        blocks.append(Block(block.buckets[own], block.weights[own]))
    return LinearModel(
        Features(model.features.spec, blocks), model.coefficients[columns], model.intercepts
    )
