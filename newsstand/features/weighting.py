"""Features of the linear models: hashed n-grams of an example, counted and weighted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack

from newsstand.features.coverage import by_beginning, in_buckets
from newsstand.features.fields import PARTS, in_hashtags, readings, stretch
from newsstand.features.hashed_ngrams import HashedNgrams, text_key
from newsstand.text.example import Example
from newsstand.types import Bools

# Entries of a matrix that are weighed at once, roughly: what is in between stays in the cache.
_WEIGHED = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSpec:
    """What is counted, and how counts are weighted. The config documents each setting."""

    words: tuple[int, int] | None = (1, 2)
    chars: tuple[int, int] | None = None
    bits: int = 20
    parts: Mapping[str, float] = field(default_factory=dict)
    hashtags: bool = False
    cross_target: bool = False
    sublinear_tf: bool = True
    idf: bool = True
    min_df: int = 1

    @property
    def kinds(self) -> tuple["Kind", ...]:
        """What each block counts: n-grams of the whole text, then of each part; words first."""
        words = [HashedNgrams(words=self.words, bits=self.bits)] if self.words else []
        chars = [HashedNgrams(words=None, chars=self.chars, bits=self.bits)] if self.chars else []
        if not set(self.parts) <= set(PARTS):
            raise ValueError(f"parts: expected some of {', '.join(PARTS)}, got {self.parts}")
        weights = {"text": 1.0, **self.parts}
        return tuple(
            Kind(hasher, part, weight)
            for part, weight in weights.items()
            for hasher in (*words, *chars)
        )


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of n-gram of one part; its features are scaled to the length `weight`."""

    hasher: HashedNgrams
    part: str
    weight: float


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
        blocks: The fitted columns of each kind of n-gram, in the order of `spec.kinds`.
    """

    def __init__(self, spec: FeatureSpec, blocks: Sequence[Block]) -> None:
        self.spec = spec
        self.blocks = tuple(blocks)
        self._kinds = spec.kinds
        self._columns = []
        for block in self.blocks:
            columns = np.full(1 << spec.bits, -1, dtype=np.int32)
            columns[block.buckets] = np.arange(len(block.buckets), dtype=np.int32)
            self._columns.append(columns)

    @classmethod
    def fit(cls, spec: FeatureSpec, examples: Sequence[Example]) -> Self:
        """Learns from training examples which buckets occur, and their weights."""
        counts = count(spec, examples)
        return cls.learn(spec, [frequencies(found) for found in counts], len(examples))

    @classmethod
    def learn(
        cls, spec: FeatureSpec, frequency: Sequence[NDArray[np.int64]], examples: int
    ) -> Self:
        """As `fit`, from how many of so many examples hold each bucket, for each kind.

        The inverse document frequency is scikit-learn's: ln((1 + n) / (1 + df)) + 1.
        """
        blocks = []
        for df in frequency:
            buckets = np.flatnonzero(df >= spec.min_df).astype(np.int32)
            weights = np.ones(len(buckets))
            if spec.idf:
                weights = np.log((1 + examples) / (1 + df[buckets])) + 1
            blocks.append(Block(buckets, weights.astype(np.float32)))
        return cls(spec, blocks)

    def __call__(self, examples: Sequence[Example]) -> csr_array:
        """float32, shape (examples, columns of all blocks); an example's row is its alone."""
        return self.weigh(count(self.spec, examples))

    def weigh(self, counts: Sequence[csr_array]) -> csr_array:
        """The feature rows of examples by their counts, as `count` gives them."""
        parts = [
            self._weigh(found, columns, block, kind.weight)
            for found, columns, block, kind in zip(
                counts, self._columns, self.blocks, self._kinds, strict=True
            )
        ]
        return parts[0] if len(parts) == 1 else csr_array(hstack(parts, format="csr"))

    def _weigh(
        self, counts: csr_array, lookup: NDArray[np.int32], block: Block, length: float
    ) -> csr_array:
        cuts = counts.indptr.searchsorted(np.arange(0, counts.nnz, _WEIGHED)).tolist()
        bounds = [*sorted({0, *cuts}), counts.shape[0]]
        parts = [
            self._weigh_rows(counts.indptr[start : end + 1], counts, lookup, block, length)
            for start, end in pairwise(bounds)
        ]
        columns, values, sizes = (np.concatenate(found) for found in zip(*parts, strict=True))
        indptr = np.append(0, np.cumsum(sizes)).astype(np.int32)
        return csr_array((values, columns, indptr), shape=(counts.shape[0], len(block.buckets)))

    def _weigh_rows(
        self,
        indptr: NDArray[Any],
        counts: csr_array,
        lookup: NDArray[np.int32],
        block: Block,
        length: float,
    ) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.int64]]:
        """Columns and values of some rows, and how many each has."""
        part = slice(indptr[0], indptr[-1])
        size = len(indptr) - 1
        columns, values = lookup.take(counts.indices[part], mode="clip"), counts.data[part]
        rows = np.repeat(np.arange(size), np.diff(indptr))
        known = np.flatnonzero(columns >= 0)
        if len(known) < len(columns):
            columns, values, rows = columns.take(known), values.take(known), rows.take(known)
        if self.spec.sublinear_tf:
            values = np.log(values) + np.float32(1)
        values = values * block.weights.take(columns, mode="clip")
        # bincount adds in order, so a row's length is the same in any batch.
        squares = np.bincount(rows, weights=values * values, minlength=size)
        lengths = np.sqrt(squares)
        lengths[lengths == 0] = 1.0
        values = (values * (length / lengths).take(rows)).astype(np.float32)
        return columns, values, np.bincount(rows, minlength=size)

    def knows(self, examples: Sequence[Example]) -> Bools:
        """Whether n-grams of each text have columns, shape (examples,).

        Those of its parts and those together with a target have columns only if the text's do.
        """
        texts = [x.text for x in examples]
        if self.spec.hashtags:
            texts = [f"{text} {in_hashtags(text)[0]}" for text in texts]
        found = np.zeros(len(texts), dtype=np.bool_)
        for kind, lookup in zip(self._kinds, self._columns, strict=True):
            rest = np.flatnonzero(~found).tolist()  # the first n-grams, words, tell of nearly all
            if kind.part == "text" and rest:
                hasher, used = kind.hasher.shortest(), lookup >= 0
                known = partial(in_buckets, hasher=hasher, used=used)
                found[rest] = by_beginning([texts[row] for row in rest], known)
        return found

    def places(
        self, example: Example
    ) -> list[tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]]:
        """Where the features of an example stand in `example.text`.

        Returns:
            For each block, each key its n-grams are counted under, and each length of them:
            columns, starts and ends, one entry an occurrence, character offsets half-open.
        """
        found = []
        offset = 0
        for kind, lookup, block in zip(self._kinds, self._columns, self.blocks, strict=True):
            for text, slots in readings(kind.part, example, hashtags=self.spec.hashtags):
                for key in _keys(kind.part, self.spec, example):
                    for places in kind.hasher.places_by_length(text, int(key)):
                        columns = lookup[places.buckets]
                        known = columns >= 0
                        starts = slots[places.starts[known]].astype(np.int32)
                        ends = slots[places.ends[known] - 1].astype(np.int32) + np.int32(1)
                        found.append((columns[known] + np.int32(offset), starts, ends))
            offset += len(block.buckets)
        return found


def _keys(part: str, spec: FeatureSpec, example: Example) -> list[int]:
    keys = [0]
    if spec.cross_target and part == "text":
        keys.append(text_key(example.target or ""))
    return keys


def count(spec: FeatureSpec, examples: Sequence[Example]) -> list[csr_array]:
    """Of each kind, how often the n-grams of each bucket stand in each example.

    Returns:
        float32, each of shape (examples, 2**bits), in the order of `spec.kinds`.
    """
    return [_count(kind, spec, examples) for kind in spec.kinds]


def coarser(counts: csr_array, bits: int) -> csr_array:
    """The counts in 2**bits buckets, fewer than they have: as if counted so."""
    if counts.shape[1] == 1 << bits:
        return counts
    shift = (counts.shape[1] >> bits).bit_length() - 1
    found = csr_array(
        (counts.data.copy(), counts.indices >> shift, counts.indptr.copy()),
        shape=(counts.shape[0], 1 << bits),
    )
    found.sum_duplicates()
    return found


def frequencies(counts: csr_array) -> NDArray[np.int64]:
    """In how many of the counted examples each bucket occurs: shape (2**bits,)."""
    return np.bincount(counts.indices, minlength=counts.shape[1])


def _count(kind: Kind, spec: FeatureSpec, examples: Sequence[Example]) -> csr_array:
    if not examples:
        return kind.hasher.counts([])
    keys = np.array([_keys(kind.part, spec, example) for example in examples], dtype=np.uint64)
    counts = kind.hasher.counts([stretch(kind.part, x)[0] for x in examples], keys)
    if spec.hashtags and kind.part == "text":
        counts = counts + kind.hasher.counts([in_hashtags(x.text)[0] for x in examples], keys)
    return csr_array(counts)
