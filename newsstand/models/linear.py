"""The linear model: a linear classifier over weighted hashed n-grams."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Self, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic_core import core_schema as cs
from safetensors.numpy import save_file

from newsstand.errors import BundleError
from newsstand.features.fields import FIELDS
from newsstand.features.weighting import Block, Features, FeatureSpec
from newsstand.io.schemas import SPAN, fields
from newsstand.io.tensors import Header, check_buckets, check_finite, read_tensors
from newsstand.models.base import Passage
from newsstand.models.passages import phrases
from newsstand.models.quantize import (
    Stored,
    Tensors,
    pack,
    pack_buckets,
    packed,
    packed_buckets,
    unpack,
    unpack_buckets,
)
from newsstand.text.example import Example
from newsstand.types import Bools, Device

WEIGHTS_FILE = "linear.safetensors"

# Examples that are transformed at a time, to bound memory.
_CHUNK = 2048


@dataclass(frozen=True, slots=True)
class LinearModel:
    """A linear classifier over n-grams.

    Args:
        features: Transforms examples to feature rows.
        coefficients: float32, shape (columns, labels).
        intercepts: float32, shape (labels,).
        stored: The number format of the weights in a bundle; `rounded` has rounded them to it.
    """

    features: Features
    coefficients: NDArray[np.float32]
    intercepts: NDArray[np.float32]
    stored: Stored = "float32"

    kind: ClassVar[str] = "linear"
    requires: ClassVar[None] = None
    tolerance: ClassVar[float] = 0.0

    @property
    def outputs(self) -> int:
        """Number of labels."""
        return len(self.intercepts)

    def forward(self, examples: Sequence[Example]) -> NDArray[np.float64]:
        """Uncalibrated scores, shape (examples, labels).

        A sparse row times a dense matrix is summed in the order of the row's columns, whatever
        the batch: scores of single and batched examples are bit-identical.
        """
        scores = [
            self.features(examples[start : start + _CHUNK]) @ self.coefficients
            for start in range(0, max(1, len(examples)), _CHUNK)
        ]
        return np.asarray(np.concatenate(scores) + self.intercepts, dtype=np.float64)

    def knows(self, examples: Sequence[Example]) -> Bools:
        """Whether any n-gram of each text has a weight, shape (examples,)."""
        return self.features.knows(examples)

    def similarity(self, examples: Sequence[Example]) -> None:
        """None: not supported for n-grams."""

    def explain(self, example: Example, label: int, limit: int) -> list[Passage]:
        """The runs of words within a sentence that contribute most; see `gains`."""
        return phrases(example, self.gains(example, label), limit)

    def uncached(self) -> Self:
        """The model itself."""
        return self

    def summary(self) -> str:
        """The number of features."""
        return f"{len(self.coefficients):,} features"

    def gains(self, example: Example, label: int) -> NDArray[np.float64]:
        """Contribution of each character of `example.text` to a label's score, minus the mean.

        The contribution of an n-gram is its value in the feature row times the difference of its
        coefficient for the label and the mean coefficient of all labels. It is divided equally
        among the occurrences of the n-gram, and in each among its characters.

        Returns:
            float64, shape (characters,).
        """
        row = self.features([example])
        weights = self.coefficients
        values = np.zeros(weights.shape[0])
        used = row.indices
        values[used] = row.data * (weights[used, label] - weights[used].mean(axis=1))
        places = self.features.positions(example)
        occurrences = np.zeros(len(values), dtype=np.int64)
        for columns, _, _ in places:
            np.add.at(occurrences, columns, 1)
        # A contribution is added at the start of an n-gram and subtracted at its end: the
        # cumulative sum is the gain of each character.
        steps = np.zeros(len(example.text) + 1)
        for columns, starts, ends in places:
            share = values[columns] / occurrences[columns] / np.maximum(ends - starts, 1)
            np.add.at(steps, starts, share)
            np.add.at(steps, ends, -share)
        gains: NDArray[np.float64] = np.cumsum(steps)[:-1]
        return gains

    def rounded(self, stored: Stored) -> "LinearModel":
        """The model with weights rounded to a number format, as after saving and loading."""
        return LinearModel.of_tensors(self.features.spec, stored, self.tensors(stored))

    def tensors(self, stored: Stored) -> Tensors:
        """The weights by tensor name, in a number format."""
        tensors = pack("coefficients", self.coefficients, stored) | {"intercepts": self.intercepts}
        for number, block in enumerate(self.features.blocks):
            tensors |= pack_buckets(f"buckets.{number}", block.buckets, self.features.spec.bits)
            tensors |= pack(f"weights.{number}", block.weights, _weighted(stored))
        return {name: np.ascontiguousarray(values) for name, values in tensors.items()}

    @classmethod
    def of_tensors(cls, spec: FeatureSpec, stored: Stored, tensors: Tensors) -> Self:
        """The inverse of `tensors`.

        Raises:
            KeyError: A tensor is missing.
            ValueError: The shapes of the tensors do not match.
        """
        blocks = [
            Block(
                unpack_buckets(f"buckets.{number}", tensors), unpack(f"weights.{number}", tensors)
            )
            for number in range(len(spec.kinds))
        ]
        coefficients, intercepts = unpack("coefficients", tensors), tensors["intercepts"]
        shape = (sum(len(block.buckets) for block in blocks), len(intercepts))
        if coefficients.shape != shape or any(
            block.buckets.shape != block.weights.shape for block in blocks
        ):
            raise ValueError(f"shapes do not match, expected {shape} coefficients")
        for number, block in enumerate(blocks):
            check_buckets(f"buckets.{number}", block.buckets, spec.bits)
            check_finite({f"weights.{number}": block.weights})
        check_finite({"coefficients": coefficients, "intercepts": intercepts})
        return cls(Features(spec, blocks), coefficients, intercepts, stored)

    def save(self, folder: Path) -> dict[str, Any]:
        """Writes the weights into a folder; returns the settings for `load`, as JSON values."""
        save_file(self.tensors(self.stored), folder / WEIGHTS_FILE)
        return asdict(self.features.spec) | {"stored": self.stored}

    @classmethod
    def load(
        cls,
        folder: Path,
        settings: Mapping[str, Any],
        device: Device = "auto",  # noqa: ARG003 - computed by NumPy
    ) -> Self:
        """The inverse of `save`.

        Raises:
            BundleError: The weights do not match the settings.
        """
        try:
            values = dict(settings)
            stored = values.pop("stored", "float32")  # missing in bundles of format 2
            spans = {k: tuple(values[k]) if values[k] else None for k in ("words", "chars")}
            spec = FeatureSpec(**{**values, **spans})
            if not spec.kinds:
                raise ValueError("expected words or chars, both are null")
            tensors = read_tensors(
                folder / WEIGHTS_FILE, lambda header: _expected(spec, stored, header)
            )
            return cls.of_tensors(spec, stored, tensors)
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(
                f"{folder / WEIGHTS_FILE}: not weights of this model ({error})"
            ) from error

    @classmethod
    def settings_schema(cls) -> dict[str, cs.TypedDictField]:
        """The pydantic-core schema of each setting of `save`; format 2 has no `stored`."""
        return fields(_SCHEMAS, optional=("stored",))


_SCHEMAS: dict[str, cs.CoreSchema] = {
    "words": SPAN,
    "chars": SPAN,
    "bits": cs.int_schema(ge=10, le=24),
    "fields": cs.dict_schema(
        cs.literal_schema(list(FIELDS)), cs.float_schema(ge=0, le=1e6, allow_inf_nan=False)
    ),
    "hashtags": cs.bool_schema(),
    "cross_target": cs.bool_schema(),
    "sublinear_tf": cs.bool_schema(),
    "idf": cs.bool_schema(),
    "min_df": cs.int_schema(ge=1, le=2**31 - 1),
    "stored": cs.literal_schema(list(get_args(Stored))),
}


def _weighted(stored: Stored) -> Stored:
    """The number format of document frequencies: int8 has too few digits for them."""
    return "float16" if stored == "int8" else stored


def _expected(spec: FeatureSpec, stored: Stored, header: Header) -> Header:
    """The header of a model's file, with the numbers of labels and columns of this file."""
    [labels] = header["intercepts"][1]
    columns = [header[f"weights.{number}"][1][0] for number in range(len(spec.kinds))]
    if any(size > 1 << spec.bits for size in columns):
        raise ValueError(f"more than 2**{spec.bits} columns of a kind")
    expected = packed("coefficients", (sum(columns), labels), stored)
    for number, size in enumerate(columns):
        expected |= packed_buckets(f"buckets.{number}", size, spec.bits, header)
        expected |= packed(f"weights.{number}", (size,), _weighted(stored))
    return {**expected, "intercepts": ("F32", (labels,))}
