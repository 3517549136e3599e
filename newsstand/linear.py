"""The linear model: hashed n-grams, weighted, times one weight vector a label."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from scipy.sparse import csr_array, hstack

from newsstand.encode import Example
from newsstand.errors import BundleError
from newsstand.ngrams import HashedNgrams, text_key

WEIGHTS_FILE = "linear.safetensors"

# Keys that set the n-grams of one part apart from the same n-grams elsewhere.
_TITLE = text_key("part: title")
_TARGET = text_key("part: target")


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSpec:
    """What is counted, and how counts are weighted. The config documents each setting."""

    words: tuple[int, int] | None = (1, 2)
    chars: tuple[int, int] | None = None
    bits: int = 20
    title: str = "joined"
    cross_target: bool = False
    sublinear_tf: bool = True
    idf: bool = True
    min_df: int = 1

    @property
    def blocks(self) -> tuple[HashedNgrams, ...]:
        """One hasher for each kind of n-gram; each block is scaled to length 1 by itself."""
        words = [HashedNgrams(words=self.words, bits=self.bits)] if self.words else []
        chars = [HashedNgrams(words=None, chars=self.chars, bits=self.bits)] if self.chars else []
        return (*words, *chars)


@dataclass(frozen=True, slots=True)
class Block:
    """The fitted features of one kind of n-gram.

    Args:
        buckets: int32, ascending: the hash buckets that occurred in training, one a column.
        weights: float32, one a column: inverse document frequency, or ones.
    """

    buckets: NDArray[np.int32]
    weights: NDArray[np.float32]


class Features:
    """Turns examples into weighted n-gram features.

    Args:
        spec: What is counted.
        blocks: The fitted columns of each kind of n-gram, in the order of `spec.blocks`.
    """

    def __init__(self, spec: FeatureSpec, blocks: Sequence[Block]) -> None:
        self.spec = spec
        self.blocks = tuple(blocks)
        self._hashers = spec.blocks
        self._columns = []
        for block in self.blocks:
            columns = np.full(1 << spec.bits, -1, dtype=np.int32)
            columns[block.buckets] = np.arange(len(block.buckets), dtype=np.int32)
            self._columns.append(columns)

    @classmethod
    def fit(cls, spec: FeatureSpec, examples: Sequence[Example]) -> Self:
        """Learns from training examples which buckets occur, and their weights.

        The inverse document frequency is scikit-learn's: ln((1 + n) / (1 + df)) + 1.
        """
        return cls.fit_rows(spec, examples)[0]

    @classmethod
    def fit_rows(cls, spec: FeatureSpec, examples: Sequence[Example]) -> tuple[Self, csr_array]:
        """As `fit`, with the feature rows of the same examples: they are counted only once."""
        blocks, found = [], []
        for hasher in spec.blocks:
            counts = _count(hasher, spec, examples)
            found.append(counts)
            df = np.bincount(counts.indices, minlength=counts.shape[1])
            buckets = np.flatnonzero(df >= spec.min_df).astype(np.int32)
            weights = np.ones(len(buckets))
            if spec.idf:
                weights = np.log((1 + len(examples)) / (1 + df[buckets])) + 1
            blocks.append(Block(buckets, weights.astype(np.float32)))
        features = cls(spec, blocks)
        return features, features._rows(found)

    def __call__(self, examples: Sequence[Example]) -> csr_array:
        """float32, shape (examples, columns of all blocks); an example's row is its alone."""
        return self._rows([_count(hasher, self.spec, examples) for hasher in self._hashers])

    def _rows(self, counts: Sequence[csr_array]) -> csr_array:
        parts = [
            self._weigh(found, columns, block)
            for found, columns, block in zip(counts, self._columns, self.blocks, strict=True)
        ]
        return parts[0] if len(parts) == 1 else csr_array(hstack(parts, format="csr"))

    def _weigh(self, counts: csr_array, lookup: NDArray[np.int32], block: Block) -> csr_array:
        columns = lookup[counts.indices]
        known = columns >= 0
        rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))[known]
        columns, values = columns[known], counts.data[known]
        if self.spec.sublinear_tf:
            values = np.log(values) + np.float32(1)
        values = values * block.weights[columns]
        # bincount adds in order, so a row's length is the same in any batch.
        squares = np.bincount(rows, weights=values * values, minlength=counts.shape[0])
        lengths = np.sqrt(squares)
        lengths[lengths == 0] = 1.0
        values = (values / lengths[rows]).astype(np.float32)
        ends = np.cumsum(np.bincount(rows, minlength=counts.shape[0]))
        indptr = np.concatenate([[0], ends]).astype(np.int32)
        return csr_array((values, columns, indptr), shape=(counts.shape[0], len(block.buckets)))

    def places(
        self, example: Example
    ) -> list[tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]]:
        """Where the features of an example stand in `example.text`.

        Returns:
            For each block and each key its n-grams are counted under: columns, starts and
            ends, one entry an occurrence, character offsets half-open.
        """
        found = []
        offset = 0
        for hasher, lookup, block in zip(self._hashers, self._columns, self.blocks, strict=True):
            for key in _keys(self.spec, example):
                places = hasher.places(example.text, int(key))
                columns = lookup[places.buckets]
                known = columns >= 0
                found.append((columns[known] + offset, places.starts[known], places.ends[known]))
            offset += len(block.buckets)
        return found


def _keys(spec: FeatureSpec, example: Example) -> list[int]:
    keys = [0]
    if spec.cross_target:
        keys.append(text_key(example.target or ""))
    return keys


def _count(hasher: HashedNgrams, spec: FeatureSpec, examples: Sequence[Example]) -> csr_array:
    keys = np.array([_keys(spec, example) for example in examples], dtype=np.uint64)
    counts = hasher.counts([example.text for example in examples], keys)
    if spec.title == "apart":
        titles = [example.prepared.title.text for example in examples]
        counts = counts + hasher.counts(titles, np.full((len(titles), 1), _TITLE, np.uint64))
    if spec.cross_target:
        targets = [example.target or "" for example in examples]
        counts = counts + hasher.counts(targets, np.full((len(targets), 1), _TARGET, np.uint64))
    return csr_array(counts)


@dataclass(frozen=True, slots=True)
class LinearModel:
    """Scores of each label for each example.

    Args:
        features: From example to feature row.
        coefficients: float32, shape (columns, labels).
        intercepts: float32, shape (labels,).
    """

    features: Features
    coefficients: NDArray[np.float32]
    intercepts: NDArray[np.float32]

    kind = "linear"

    def forward(self, examples: Sequence[Example]) -> NDArray[np.float64]:
        """Uncalibrated scores, shape (examples, labels).

        A sparse row times a dense matrix adds up in the order of the row's columns, whatever
        else is in the batch: single and batched scores are the same to the last bit.
        """
        scores = self.features(examples) @ self.coefficients + self.intercepts
        return np.asarray(scores, dtype=np.float64)

    def save(self, folder: Path) -> dict[str, Any]:
        """Writes the weights into a folder; returns the settings for `load`, fit for JSON."""
        tensors: dict[str, NDArray[Any]] = {
            "coefficients": self.coefficients,
            "intercepts": self.intercepts,
        }
        for number, block in enumerate(self.features.blocks):
            tensors[f"buckets.{number}"] = block.buckets
            tensors[f"weights.{number}"] = block.weights
        contiguous = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
        save_file(contiguous, folder / WEIGHTS_FILE)
        return asdict(self.features.spec)

    @classmethod
    def load(cls, folder: Path, settings: Mapping[str, Any]) -> Self:
        """The inverse of `save`.

        Raises:
            BundleError: The weights do not fit the settings.
        """
        try:
            spans = {k: tuple(settings[k]) if settings[k] else None for k in ("words", "chars")}
            tensors = load_file(folder / WEIGHTS_FILE)
            spec = FeatureSpec(**{**settings, **spans})
            blocks = [
                Block(tensors[f"buckets.{number}"], tensors[f"weights.{number}"])
                for number in range(len(spec.blocks))
            ]
            model = cls(Features(spec, blocks), tensors["coefficients"], tensors["intercepts"])
            columns = sum(len(block.buckets) for block in blocks)
            shape = (columns, len(model.intercepts))
            if model.coefficients.shape != shape or any(
                block.buckets.shape != block.weights.shape for block in blocks
            ):
                raise ValueError(f"shapes do not fit, expected {shape} coefficients")
            return model
        except (SafetensorError, KeyError, TypeError, ValueError, IndexError) as error:
            raise BundleError(
                f"{folder / WEIGHTS_FILE}: not weights of this model ({error})"
            ) from error
