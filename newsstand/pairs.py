"""The pair model: a small neural network over what article and target have in common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from scipy.sparse import csr_array

from newsstand.encode import Example
from newsstand.errors import BundleError
from newsstand.known import Flags
from newsstand.matches import Matches
from newsstand.tensors import Header, read_tensors

WEIGHTS_FILE = "pairs.safetensors"

Floats = NDArray[np.float64]
Weights = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Network:
    """One hidden layer of rectified units.

    Args:
        hidden: float32, shape (features, units).
        hidden_bias: float32, shape (units,).
        output: float32, shape (units, scores).
        output_bias: float32, shape (scores,).
    """

    hidden: Weights
    hidden_bias: Weights
    output: Weights
    output_bias: Weights

    def __call__(self, rows: csr_array) -> Floats:
        """Scores, shape (rows, scores).

        Both layers are products of a sparse row and a dense matrix, which add up in the order of
        the row's columns whatever else is in the batch; a dense product would not.
        """
        units = np.maximum(rows @ self.hidden + self.hidden_bias, 0)
        return np.asarray(csr_array(units) @ self.output + self.output_bias, dtype=np.float64)

    @classmethod
    def mean(cls, networks: Sequence["Network"]) -> Self:
        """One network whose scores are the mean of several: their units side by side."""
        return cls(
            np.hstack([x.hidden for x in networks]),
            np.concatenate([x.hidden_bias for x in networks]),
            np.vstack([x.output for x in networks]) / np.float32(len(networks)),
            np.mean([x.output_bias for x in networks], axis=0, dtype=np.float32),
        )


@dataclass(frozen=True, slots=True)
class PairModel:
    """Scores of each label for each pair of article and target.

    Args:
        matches: From example to features.
        network: From features to scores.
    """

    matches: Matches
    network: Network

    kind = "pairs"

    @property
    def outputs(self) -> int:
        """Scores that an example gets."""
        return len(self.network.output_bias)

    def forward(self, examples: Sequence[Example]) -> Floats:
        """Uncalibrated scores, shape (examples, labels); the same to the last bit in any batch."""
        return self.network(self.matches(examples))

    def knows(self, examples: Sequence[Example]) -> Flags:
        """Whether the model has learned any word of each article, shape (examples,)."""
        return self.matches.knows(examples)

    def save(self, folder: Path) -> dict[str, Any]:
        """Writes the weights into a folder; returns the settings for `load`, fit for JSON."""
        tensors: dict[str, NDArray[Any]] = dict(self.matches.tensors())
        tensors |= {f"network.{name}": getattr(self.network, name) for name in Network.__slots__}
        contiguous = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
        save_file(contiguous, folder / WEIGHTS_FILE)
        return {}

    @classmethod
    def load(cls, folder: Path, settings: Mapping[str, Any]) -> Self:
        """The inverse of `save`.

        Raises:
            BundleError: The weights do not fit the settings.
        """
        try:
            if settings:
                raise ValueError(f"unknown settings {', '.join(settings)}")
            tensors = read_tensors(folder / WEIGHTS_FILE, _expected)
            matches = Matches.of_tensors(tensors)
            network = Network(*(tensors[f"network.{name}"] for name in Network.__slots__))
            return cls(matches, network)
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(
                f"{folder / WEIGHTS_FILE}: not weights of this model ({error})"
            ) from error


def _expected(found: Header) -> Header:
    """What the file of a model holds: of so many terms, units and labels as this one says."""
    units, scores = found["network.output"][1]
    expected = Matches.expected(found)
    columns = expected["mean"][1][0] + expected["terms"][1][0]
    shapes = (columns, units), (units,), (units, scores), (scores,)
    names = Network.__slots__
    return expected | {f"network.{x}": ("F32", y) for x, y in zip(names, shapes, strict=True)}
