"""The linear model: hashed n-grams, weighted, times one weight vector a label."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
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

_PARTS = ("title", "lead", "near", "target")

# A hashtag, and a word inside it: "#SaveTheNHS" is save, the and NHS.
_HASHTAG = re.compile(r"(?<!\w)#(\w+)")
_INSIDE = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")

# Words of the body that are its lead, at most: the first sentence or two of a report.
_LEAD_WORDS = 30
# Words on either side of the target's first mention that are near it.
_NEAR_WORDS = 8


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
        if not set(self.parts) <= set(_PARTS):
            raise ValueError(f"parts: expected some of {', '.join(_PARTS)}, got {self.parts}")
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
        """Learns from training examples which buckets occur, and their weights.

        The inverse document frequency is scikit-learn's: ln((1 + n) / (1 + df)) + 1.
        """
        return cls.fit_rows(spec, examples)[0]

    @classmethod
    def fit_rows(cls, spec: FeatureSpec, examples: Sequence[Example]) -> tuple[Self, csr_array]:
        """As `fit`, with the feature rows of the same examples: they are counted only once."""
        blocks, found = [], []
        for kind in spec.kinds:
            counts = _count(kind, spec, examples)
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
        return self._rows([_count(kind, self.spec, examples) for kind in self._kinds])

    def _rows(self, counts: Sequence[csr_array]) -> csr_array:
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
        values = (values * (length / lengths)[rows]).astype(np.float32)
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
        for kind, lookup, block in zip(self._kinds, self._columns, self.blocks, strict=True):
            for text, slots in _readings(kind.part, self.spec, example):
                for key in _keys(kind.part, self.spec, example):
                    places = kind.hasher.places(text, int(key))
                    columns = lookup[places.buckets]
                    known = columns >= 0
                    starts, ends = slots[places.starts[known]], slots[places.ends[known] - 1] + 1
                    found.append((columns[known] + offset, starts, ends))
            offset += len(block.buckets)
        return found


def _keys(part: str, spec: FeatureSpec, example: Example) -> list[int]:
    keys = [0]
    if spec.cross_target and part == "text":
        keys.append(text_key(example.target or ""))
    return keys


def _count(kind: Kind, spec: FeatureSpec, examples: Sequence[Example]) -> csr_array:
    if not examples:
        return kind.hasher.counts([])
    keys = np.array([_keys(kind.part, spec, example) for example in examples], dtype=np.uint64)
    counts = kind.hasher.counts([_stretch(kind.part, x)[0] for x in examples], keys)
    if spec.hashtags and kind.part == "text":
        counts = counts + kind.hasher.counts([_in_hashtags(x.text)[0] for x in examples], keys)
    return csr_array(counts)


def _readings(
    part: str, spec: FeatureSpec, example: Example
) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """The texts that are counted for a part, each character with its place in `example.text`."""
    text, start = _stretch(part, example)
    if start is not None:
        yield text, np.arange(start, start + len(text))
    if spec.hashtags and part == "text":
        yield _in_hashtags(text)


def _in_hashtags(text: str) -> tuple[str, NDArray[np.int64]]:
    """The words inside a text's hashtags, and where each character of them stands in the text."""
    if "#" not in text:
        return "", np.empty(0, dtype=np.int64)
    words = [
        (tag.start(1) + word.start(), tag.start(1) + word.end())
        for tag in _HASHTAG.finditer(text)
        for word in _INSIDE.finditer(tag[1])
    ]
    # One more place after each word, for the space there.
    places = [np.arange(start, end + 1) for start, end in words]
    slots = np.concatenate([np.empty(0, dtype=np.int64), *places])
    return "".join(f"{text[start:end]} " for start, end in words), slots


def _stretch(part: str, example: Example) -> tuple[str, int | None]:
    """A part of an example, and where it begins in `example.text`: None if it is not in there."""
    title, body, text = example.prepared.title.text, example.prepared.body.text, example.text
    if part == "title":
        return title, 0
    if part == "target":
        return example.target or "", None
    if part == "lead":
        return _words(body, _LEAD_WORDS), len(text) - len(body)
    if part == "near":
        return _near(text, example.target or "")
    return text, 0


def _words(text: str, most: int) -> str:
    """The first so many words."""
    rest = text.split(None, most)[most:]
    return text[: len(text) - len(rest[0])] if rest else text


def _near(text: str, target: str) -> tuple[str, int]:
    """The words around the target's first mention; nothing where it is not named.

    The mention itself is left blank: what is said near a target does not depend on who it is.
    """
    match = re.search(rf"(?<!\w){re.escape(target)}(?!\w)", text, re.IGNORECASE) if target else None
    if match is None:
        return "", 0
    before = text[: match.start()].rsplit(None, _NEAR_WORDS)
    start = len(before[0]) if len(before) > _NEAR_WORDS else 0
    end = match.end() + len(_words(text[match.end() :], _NEAR_WORDS))
    blank = " " * len(match[0])
    return text[start : match.start()] + blank + text[match.end() : end], start


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
                for number in range(len(spec.kinds))
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
