"""Reference data of a bundle: what its model answered on held-out rows, and what these were like.

`newsstand prevalence` corrects shares of labels by it, and `newsstand drift` compares new articles
with it. It contains no text. Scoring does not read the file.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from scipy.sparse import csr_array

from newsstand.errors import BundleError
from newsstand.features.hashed_ngrams import HashedNgrams
from newsstand.io.tensors import Header, read_tensors
from newsstand.types import Floats, Ints

# Limits of the file, which together keep it below 1.5 MB.
MOST_ROWS = 2_000
MOST_PROBABILITIES = 120_000  # of all rows and labels
MOST_WORDS = 200_000  # distinct hashed words, summed over the rows
LONGEST_NAME = 100  # characters; longer names count as others
# Of outlets, all are named, so that new ones can be told from them. Targets may be headlines.
MOST_NAMES = {"outlets": MOST_ROWS, "targets": 200}

BITS = 14
FIRST_WORDS = 500  # words of a text that are hashed
NOT_GIVEN = -1  # code of a row without an outlet or target
OTHER = -2  # code of a row whose outlet or target is not among the names


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Held-out rows with the model's probabilities; the model has not been fitted on any of them.

    Args:
        probabilities: Calibrated, float64, shape (rows, labels).
        truth: int64, shape (rows,): true labels, as columns of `probabilities`.
        groups: int64, shape (rows,): rows with the same number are not independent (versions of a
            story, say).
        words: int64, shape (rows,): words of each prepared text.
        outlet: int64, shape (rows,): index into `outlets`, `NOT_GIVEN` or `OTHER`.
        target: int64, shape (rows,): index into `targets`, `NOT_GIVEN` or `OTHER`.
        outlets: The outlets, the most frequent first.
        targets: The most frequent targets.
        presence: Whether each hashed word (see `hashed_words`) occurs in a text: shape
            (texts, 2**BITS), of the first rows only, as many as the file has room for. Rows are in
            random order, so these are a random sample too.
    """

    probabilities: Floats
    truth: Ints
    groups: Ints
    words: Ints
    outlet: Ints
    target: Ints
    outlets: tuple[str, ...]
    targets: tuple[str, ...]
    presence: "csr_array[np.float32]"

    def __len__(self) -> int:
        return len(self.truth)

    def save(self, path: Path) -> None:
        """Writes the data as safetensors; equal data gives equal bytes."""
        names = json.dumps(
            {key: list(getattr(self, key)) for key in MOST_NAMES}, ensure_ascii=False
        )
        tensors: dict[str, NDArray[Any]] = {
            "probabilities": self.probabilities.astype(np.float32),
            "truth": self.truth.astype(np.int32),
            "groups": self.groups.astype(np.int32),
            "words": np.minimum(self.words, np.iinfo(np.int32).max).astype(np.int32),
            "outlet": self.outlet.astype(np.int16),
            "target": self.target.astype(np.int16),
            "names": np.frombuffer(names.encode("utf-8", "replace"), dtype=np.uint8),
            "presence.offsets": self.presence.indptr.astype(np.int32),
            "presence.buckets": self.presence.indices.astype(np.uint16),
        }
        save_file({name: np.ascontiguousarray(values) for name, values in tensors.items()}, path)

    @classmethod
    def load(cls, path: Path, labels: int) -> Self:
        """Reads a file that `save` has written.

        Args:
            path: The file.
            labels: Number of labels of the model.

        Raises:
            BundleError: It is unreadable or holds values that no training writes.
        """
        tensors = read_tensors(
            path, lambda header: _expected(header, labels), what="reference data of this model"
        )
        try:
            names = _names(tensors["names"])
            _check(tensors, labels, names)
        except (ValueError, TypeError, RecursionError) as error:
            raise BundleError(f"{path}: not reference data of this model ({error})") from None
        offsets, buckets = tensors["presence.offsets"], tensors["presence.buckets"]
        ones = np.ones(len(buckets), dtype=np.float32)
        shape = (len(offsets) - 1, 1 << BITS)
        whole = {
            key: tensors[key].astype(np.int64)
            for key in ("truth", "groups", "words", "outlet", "target")
        }
        return cls(
            probabilities=tensors["probabilities"].astype(np.float64),
            outlets=names["outlets"],
            targets=names["targets"],
            presence=csr_array((ones, buckets.astype(np.int32), offsets), shape=shape),
            **whole,
        )


def hashed_words(texts: Sequence[str]) -> "csr_array[np.float32]":
    """Which hashed words occur among the first `FIRST_WORDS` words of texts.

    Args:
        texts: Prepared texts.

    Returns:
        float32, shape (texts, 2**BITS): 1 where a word of the bucket occurs.

    >>> hashed_words(["Rain fell, and rain again.", ""]).sum(axis=1).tolist()
    [4.0, 0.0]
    """
    found = word_hasher().counts([first_words(text) for text in texts])
    found.data[:] = 1
    return found


def first_words(text: str) -> str:
    """The part of a text that is hashed."""
    return " ".join(text.split(maxsplit=FIRST_WORDS)[:FIRST_WORDS])


def word_hasher() -> HashedNgrams:
    """What assigns a word to its bucket."""
    return HashedNgrams(words=(1, 1), bits=BITS)


def _expected(header: Header, labels: int) -> Header:
    """The header of a file with as many rows, words and characters as this one has."""

    def length(name: str, most: int) -> int:
        shape = header[name][1] if name in header else ()
        if len(shape) != 1 or not 0 < shape[0] <= most:
            raise ValueError(f"'{name}': expected 1 to {most:,} values")
        return shape[0]

    rows = length("truth", MOST_ROWS)
    buckets = header.get("presence.buckets", ("", ()))[1] != (0,)
    words = length("presence.buckets", MOST_WORDS) if buckets else 0
    return {
        "probabilities": ("F32", (rows, labels)),
        **dict.fromkeys(("truth", "groups", "words"), ("I32", (rows,))),
        **dict.fromkeys(("outlet", "target"), ("I16", (rows,))),
        "names": ("U8", (length("names", 1 << 20),)),
        "presence.offsets": ("I32", (length("presence.offsets", rows + 1),)),
        "presence.buckets": ("U16", (words,)),
    }


def _names(values: NDArray[np.uint8]) -> dict[str, tuple[str, ...]]:
    names = json.loads(values.tobytes().decode("utf-8"))
    if not isinstance(names, dict) or set(names) != set(MOST_NAMES):
        raise ValueError("'names': expected outlets and targets")
    for key, given in names.items():
        if not isinstance(given, list) or len(given) > MOST_NAMES[key]:
            raise ValueError(f"'names': {key}: expected a list of at most {MOST_NAMES[key]:,}")
        if not all(isinstance(name, str) and len(name) <= LONGEST_NAME for name in given):
            raise ValueError(f"'names': {key}: expected texts of at most {LONGEST_NAME} characters")
    return {key: tuple(names[key]) for key in MOST_NAMES}


def _check(
    tensors: dict[str, NDArray[Any]], labels: int, names: dict[str, tuple[str, ...]]
) -> None:
    """Checks values, of which the types and shapes are known.

    Raises:
        ValueError: Some are out of bounds.
    """
    probabilities = tensors["probabilities"]
    if (np.abs(probabilities.sum(axis=1, dtype=np.float64) - 1) > 1e-3).any() or (
        probabilities < 0
    ).any():
        raise ValueError("'probabilities': expected rows that sum to 1")
    for name, least, most in (
        ("truth", 0, labels),
        ("groups", 0, np.iinfo(np.int32).max),
        ("words", 0, np.iinfo(np.int32).max + 1),
        ("outlet", OTHER, len(names["outlets"])),
        ("target", OTHER, len(names["targets"])),
        ("presence.buckets", 0, 1 << BITS),
    ):
        values = tensors[name].astype(np.int64)
        if len(values) and (values.min() < least or values.max() >= most):
            raise ValueError(f"'{name}': expected numbers from {least} to {most - 1}")
    offsets, buckets = tensors["presence.offsets"], tensors["presence.buckets"].astype(np.int64)
    if offsets[0] != 0 or offsets[-1] != len(buckets) or (np.diff(offsets) < 0).any():
        raise ValueError("'presence.offsets': expected ascending numbers up to the last word")
    within = np.ones(max(len(buckets) - 1, 0), dtype=np.bool_)
    starts = offsets[1:-1][(offsets[1:-1] > 0) & (offsets[1:-1] < len(buckets))]
    within[starts - 1] = False  # where the next text begins
    if (np.diff(buckets)[within] <= 0).any():
        raise ValueError("'presence.buckets': expected ascending numbers in each text")
