"""The word sequences of many texts, hashed: all of them in a file, a sample in memory.

The sample is what candidates are found by; it gets sparser as the texts grow in number, so that
memory is bounded. Each hash in the file also tells whether its words are borrowed: quoted, or in a
post or a caption.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import IO, TypeAlias

import numpy as np
from numpy.typing import NDArray

from newsstand.features.hashed_ngrams import HashedNgrams
from newsstand.types import Hashes, Ints

_Shorts: TypeAlias = NDArray[np.uint32]

WORDS = 5  # a shingle
_KEPT = 1 << 25  # hashes in the sample at most, 8 bytes each
_ROW_BITS = 24  # of 64; 40 bits of hash are left, and chance meetings fail the verification
ROW = np.uint64((1 << _ROW_BITS) - 1)

# A quotation ends with its line at the latest. A line is borrowed as a whole when it is a post, or
# a caption: one that counts itself, or one that the page gives twice, to see and to be read out.
_QUOTED = re.compile(r"„[^“”\n]*+[“”]?|“[^”\n]*+”?|«[^»\n]*+»?|\"[^\"\n]*+\"?")
_POST = re.compile(r"\(@\w+\)\s\w+\s\d+,\s\d{4}")
_CAPTION = "Hide Caption "


class Shingles:
    """The hashes of all texts: in full in a file, and a sample in memory.

    Args:
        file: Open for reading and writing bytes, four a word.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.ngrams = HashedNgrams(words=(WORDS, WORDS))
        self.rows = self.kept = 0
        self.every = np.uint32(1)  # the sample has the hashes that this divides
        self.sample = np.empty(_KEPT, dtype=np.uint64)  # memory is taken as it is filled
        self._sizes, self._keys = [np.empty(0, np.int64)], [np.empty(0, np.uint32)]

    def add(self, texts: Sequence[str]) -> None:
        """Reads further texts.

        Raises:
            ValueError: More texts in all than there are numbers for.
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

    def _keep(self, packed: Hashes) -> None:
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

    def _sampled(self, packed: Hashes) -> NDArray[np.bool_]:
        kept: NDArray[np.bool_] = short_hashes(packed) % self.every == 0
        return kept

    # The three below are of all texts: they are first asked for when the last one is added.

    @cached_property
    def size(self) -> Ints:
        """Shingles of each text."""
        return np.concatenate(self._sizes)

    @cached_property
    def key(self) -> _Shorts:
        """The same for texts with the same shingles."""
        return np.concatenate(self._keys)

    @cached_property
    def _start(self) -> Ints:
        return np.cumsum(self.size) - self.size

    def read(self, rows: Ints) -> list[_Shorts]:
        """The short hashes of some texts in the order of their words; the last bit is borrowed."""
        found = []
        places = self._start[rows].tolist(), self.size[rows].tolist()
        for first, length in zip(*places, strict=True):
            self.file.seek(4 * first)
            found.append(np.frombuffer(self.file.read(4 * length), dtype=np.uint32))
        return found


def short_hashes(hashes: Hashes) -> _Shorts:
    """31 bits of each."""
    return (hashes >> np.uint64(33)).astype(np.uint32)


def _borrowed(texts: Sequence[str], rows: Ints, starts: Ints) -> _Shorts:
    """1 for each shingle that starts in words which are not the author's."""
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
