"""Features of the linear models: hashed n-grams of examples, counted and weighted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack

from newsstand.features.coverage import first_words_known, in_buckets
from newsstand.features.fields import FIELDS, field_text, hashtag_words, located_texts
from newsstand.features.hashed_ngrams import HashedNgrams, text_key
from newsstand.text.example import Example
from newsstand.types import Bools, Float32s, Ints

# Entries of a matrix weighted at once, roughly: intermediate results stay in the cache.
_BATCH = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSpec:
    """Which n-grams are counted, and how counts are weighted.

    Args:
        words: Shortest and longest word n-gram; None for no word n-grams.
        chars: Shortest and longest character n-gram within words; None for none.
        bits: N-grams of each kind are hashed to 2**bits buckets.
        fields: Weight of each field (`title`, `lead`, `near`, `target`) whose n-grams are counted
            again as features of their own. The whole text always counts, with weight 1.
        hashtags: Count the words inside a hashtag as words of the text, too.
        cross_target: Count each n-gram a second time as a feature of its target.
        sublinear_tf: Replace a count by 1 + ln(count).
        idf: Multiply by the inverse document frequency in the training examples.
        min_df: Ignore n-grams that occur in fewer training examples.
    """

    words: tuple[int, int] | None = (1, 2)
    chars: tuple[int, int] | None = None
    bits: int = 20
    fields: Mapping[str, float] = field(default_factory=dict)
    hashtags: bool = False
    cross_target: bool = False
    sublinear_tf: bool = True
    idf: bool = True
    min_df: int = 1

    @property
    def kinds(self) -> tuple["Kind", ...]:
        """The kind of each block: n-grams of the whole text, then of each field; words first."""
        words = [HashedNgrams(words=self.words, bits=self.bits)] if self.words else []
        chars = [HashedNgrams(words=None, chars=self.chars, bits=self.bits)] if self.chars else []
        if not set(self.fields) <= set(FIELDS):
            raise ValueError(f"fields: expected some of {', '.join(FIELDS)}, got {self.fields}")
        weights = {"text": 1.0, **self.fields}
        return tuple(
            Kind(hasher, name, weight)
            for name, weight in weights.items()
            for hasher in (*words, *chars)
        )


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of n-gram of one field; its features are scaled to the Euclidean norm `weight`."""

    hasher: HashedNgrams
    field: str
    weight: float


@dataclass(frozen=True, slots=True)
class Block:
    """The fitted features of one kind of n-gram.

    Args:
        buckets: int32, ascending: the bucket of each column; these occurred in training.
        weights: float32: the inverse document frequency of each column, or ones.
    """

    buckets: NDArray[np.int32]
    weights: Float32s


class Features:
    """Transforms examples to weighted n-gram features.

    Args:
        spec: What is counted and how it is weighted.
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
        """Fits the columns and their weights on training examples."""
        counts = count(spec, examples)
        return cls.from_frequencies(
            spec, [document_frequencies(block) for block in counts], len(examples)
        )

    @classmethod
    def from_frequencies(cls, spec: FeatureSpec, frequency: Sequence[Ints], examples: int) -> Self:
        """Fits on document frequencies; the same as `fit` on the examples counted in them.

        The inverse document frequency is that of scikit-learn: ln((1 + n) / (1 + df)) + 1.

        Args:
            spec: What is counted and how it is weighted.
            frequency: For each kind, the number of examples with each bucket, shape (2**bits,).
            examples: The number of examples, n.
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
        """Transforms examples: float32, shape (examples, columns of all blocks).

        A row depends on its own example only.
        """
        return self.transform_counts(count(self.spec, examples))

    def transform_counts(self, counts: Sequence[csr_array]) -> csr_array:
        """Transforms the counts of examples, as `count` returns them, to features."""
        blocks = [
            self._weigh(matrix, columns, block, kind.weight)
            for matrix, columns, block, kind in zip(
                counts, self._columns, self.blocks, self._kinds, strict=True
            )
        ]
        return blocks[0] if len(blocks) == 1 else csr_array(hstack(blocks, format="csr"))

    def _weigh(
        self, counts: csr_array, lookup: NDArray[np.int32], block: Block, norm: float
    ) -> csr_array:
        cuts = counts.indptr.searchsorted(np.arange(0, counts.nnz, _BATCH)).tolist()
        bounds = [*sorted({0, *cuts}), counts.shape[0]]
        batches = [
            self._weigh_rows(counts.indptr[start : end + 1], counts, lookup, block, norm)
            for start, end in pairwise(bounds)
        ]
        columns, values, sizes = (np.concatenate(arrays) for arrays in zip(*batches, strict=True))
        indptr = np.append(0, np.cumsum(sizes)).astype(np.int32)
        return csr_array((values, columns, indptr), shape=(counts.shape[0], len(block.buckets)))

    def _weigh_rows(
        self,
        indptr: NDArray[Any],
        counts: csr_array,
        lookup: NDArray[np.int32],
        block: Block,
        norm: float,
    ) -> tuple[NDArray[np.int32], Float32s, Ints]:
        """Returns the columns and values of some rows, and the number of values in each row."""
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
        # bincount adds in order, so the norm of a row is the same in any batch.
        squares = np.bincount(rows, weights=values * values, minlength=size)
        norms = np.sqrt(squares)
        norms[norms == 0] = 1.0
        values = (values * (norm / norms).take(rows)).astype(np.float32)
        return columns, values, np.bincount(rows, minlength=size)

    def knows(self, examples: Sequence[Example]) -> Bools:
        """Whether n-grams of each text have columns, shape (examples,).

        Only n-grams of the whole text are tested: those of a field or crossed with a target have
        columns only if these have.
        """
        texts = [x.text for x in examples]
        if self.spec.hashtags:
            texts = [f"{text} {hashtag_words(text)[0]}" for text in texts]
        known = np.zeros(len(texts), dtype=np.bool_)
        for kind, lookup in zip(self._kinds, self._columns, strict=True):
            rest = np.flatnonzero(~known).tolist()  # few texts are left after the words
            if kind.field == "text" and rest:
                hasher, used = kind.hasher.shortest(), lookup >= 0
                test = partial(in_buckets, hasher=hasher, used=used)
                known[rest] = first_words_known([texts[row] for row in rest], test)
        return known

    def positions(
        self, example: Example
    ) -> list[tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]]:
        """Returns the positions of the features of an example in `example.text`.

        Returns:
            For each block, each hash key and each n-gram length: columns, starts and ends, with
            one entry per occurrence; starts and ends are half-open character offsets.
        """
        located = []
        offset = 0
        for kind, lookup, block in zip(self._kinds, self._columns, self.blocks, strict=True):
            for text, offsets in located_texts(kind.field, example, hashtags=self.spec.hashtags):
                for key in _keys(kind.field, self.spec, example):
                    for ngrams in kind.hasher.positions_by_length(text, int(key)):
                        columns = lookup[ngrams.buckets]
                        known = columns >= 0
                        starts = offsets[ngrams.starts[known]].astype(np.int32)
                        ends = offsets[ngrams.ends[known] - 1].astype(np.int32) + np.int32(1)
                        located.append((columns[known] + np.int32(offset), starts, ends))
            offset += len(block.buckets)
        return located


def _keys(name: str, spec: FeatureSpec, example: Example) -> list[int]:
    """Returns the hash keys that n-grams of a field are counted under."""
    keys = [0]
    if spec.cross_target and name == "text":
        keys.append(text_key(example.target or ""))
    return keys


def count(spec: FeatureSpec, examples: Sequence[Example]) -> list[csr_array]:
    """Counts the n-grams in each bucket, for each kind and each example.

    Returns:
        float32, each of shape (examples, 2**bits), in the order of `spec.kinds`.
    """
    return [_count(kind, spec, examples) for kind in spec.kinds]


def merge_buckets(counts: csr_array, bits: int) -> csr_array:
    """Merges buckets into 2**bits of them; the result is the same as counting with `bits`."""
    if counts.shape[1] == 1 << bits:
        return counts
    shift = (counts.shape[1] >> bits).bit_length() - 1
    merged = csr_array(
        (counts.data.copy(), counts.indices >> shift, counts.indptr.copy()),
        shape=(counts.shape[0], 1 << bits),
    )
    merged.sum_duplicates()
    return merged


def document_frequencies(counts: csr_array) -> Ints:
    """Returns the number of examples in which each bucket occurs, shape (2**bits,)."""
    return np.bincount(counts.indices, minlength=counts.shape[1])


def _count(kind: Kind, spec: FeatureSpec, examples: Sequence[Example]) -> csr_array:
    if not examples:
        return kind.hasher.counts([])
    keys = np.array([_keys(kind.field, spec, example) for example in examples], dtype=np.uint64)
    counts = kind.hasher.counts([field_text(kind.field, x)[0] for x in examples], keys)
    if spec.hashtags and kind.field == "text":
        counts = counts + kind.hasher.counts([hashtag_words(x.text)[0] for x in examples], keys)
    return csr_array(counts)
