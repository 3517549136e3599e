"""Hashed word sequences of many texts: all of them in a file, a sample in memory.

Candidates are found by the sample, which gets sparser with the number of texts, so that memory is
bounded. Each hash in the file has a bit for borrowed words: quoted, or in a post or a caption.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import IO, TypeAlias

import numpy as np
from numpy.typing import NDArray

from newsstand.features.hashed_ngrams import HashedNgrams
from newsstand.types import Ints

_Ints: TypeAlias = NDArray[np.int64]
_UInt32s: TypeAlias = NDArray[np.uint32]
_UInt64s: TypeAlias = NDArray[np.uint64]

WORDS = 5  # of a shingle
_KEPT = 1 << 25  # most hashes in the sample, 8 bytes each
_ROW_BITS = 24  # of 64; 40 bits of hash are left, and collisions fail the verification
ROW = np.uint64((1 << _ROW_BITS) - 1)

# A quotation ends at the latest with its line. A whole line is borrowed if it is a post or a
# caption: a numbered one, or one that the page repeats for screen readers.
_QUOTED = re.compile(r"„[^“”\n]*+[“”]?|“[^”\n]*+”?|«[^»\n]*+»?|\"[^\"\n]*+\"?")
_POST = re.compile(r"\(@\w+\)\s\w+\s\d+,\s\d{4}")
_CAPTION = "Hide Caption "


class Shingles:
    """The hashes of all texts: all of them in a file, and a sample in memory.

    Args:
        file: Binary file open for reading and writing; takes four bytes a word.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.ngrams = HashedNgrams(words=(WORDS, WORDS))
        self.rows = self.kept = 0
        self.every = np.uint32(1)  # hashes divisible by this are sampled
        self.sample = np.empty(_KEPT, dtype=np.uint64)  # memory is allocated as it is filled
        self._sizes, self._keys = [np.empty(0, np.int64)], [np.empty(0, np.uint32)]

    def add(self, texts: Sequence[str]) -> None:
        """Adds further texts.

        Raises:
            ValueError: More than 2**24 texts in total.
        """
        if self.rows + len(texts) > 1 << _ROW_BITS:
            raise ValueError(f"expected at most {1 << _ROW_BITS} texts")
        hashes, rows, starts = self.ngrams.hashes(texts)
        short = short_hashes(hashes)
        self.file.write((short << np.uint32(1) | _borrowed(texts, rows, starts)).tobytes())
        sizes = np.bincount(rows, minlength=len(texts))
        sums = np.append(np.uint32(0), np.cumsum(short, dtype=np.uint32))
        ends = np.cumsum(sizes)
        self._sizes.append(sizes)
        self._keys.append(sums[ends] - sums[ends - sizes])
        packed = (hashes & ~ROW) | (rows + self.rows).astype(np.uint64)
        for start in range(0, len(packed), _KEPT // 4):
            self._keep(packed[start : start + _KEPT // 4])
        self.rows += len(texts)

    def _keep(self, packed: _UInt64s) -> None:
        packed = packed[self._sampled(packed)]
        while self.kept + len(packed) > _KEPT:
            self.every *= np.uint32(2)
            held = self.sample[: self.kept]
            held = held[self._sampled(held)]
            self.kept = len(held)
            self.sample[: self.kept] = held
            packed = packed[self._sampled(packed)]
        self.sample[self.kept : self.kept + len(packed)] = packed
        self.kept += len(packed)

    def _sampled(self, packed: _UInt64s) -> NDArray[np.bool_]:
        kept: NDArray[np.bool_] = short_hashes(packed) % self.every == 0
        return kept

    # The three properties below are cached, so use them only after the last text was added.

    @cached_property
    def size(self) -> _Ints:
        """Number of shingles of each text."""
        return np.concatenate(self._sizes)

    @cached_property
    def key(self) -> _UInt32s:
        """A key of the shingles of each text; equal for equal shingles."""
        return np.concatenate(self._keys)

    @cached_property
    def _start(self) -> Ints:
        return np.cumsum(self.size) - self.size

    def read(self, rows: _Ints) -> list[_UInt32s]:
        """Reads the short hashes of some texts in word order; the last bit marks borrowed words."""
        hashes = []
        places = self._start[rows].tolist(), self.size[rows].tolist()
        for first, length in zip(*places, strict=True):
            self.file.seek(4 * first)
            hashes.append(np.frombuffer(self.file.read(4 * length), dtype=np.uint32))
        return hashes


def short_hashes(hashes: _UInt64s) -> _UInt32s:
    """Returns the upper 31 bits of each hash."""
    return (hashes >> np.uint64(33)).astype(np.uint32)


def _borrowed(texts: Sequence[str], rows: _Ints, starts: _Ints) -> _UInt32s:
    """Returns 1 for each shingle that starts in borrowed words, else 0."""
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    before = np.cumsum(lengths) - lengths
    spans: list[tuple[int, int]] = []
    for text, start in zip(texts, before.tolist(), strict=True):
        spans += [(start + match.start(), start + match.end()) for match in _QUOTED.finditer(text)]
        spans += [(start + first, start + after) for first, after in _foreign_lines(text)]
    turns = np.sort(np.array(spans, dtype=np.int64).reshape(-1, 2), axis=0)
    places = before[rows] + starts
    opened, closed = (np.searchsorted(column, places, side="right") for column in turns.T)
    return np.greater(opened, closed).astype(np.uint32)


def _foreign_lines(text: str) -> Iterator[tuple[int, int]]:
    at = 0
    last, last_at = "", 0
    for line in text.split("\n"):
        if line:
            if line == last:
                yield last_at, at + len(line)
            elif _CAPTION in line or ("(@" in line and _POST.search(line)):
                yield at, at + len(line)
            last, last_at = line, at
        at += len(line) + 1
