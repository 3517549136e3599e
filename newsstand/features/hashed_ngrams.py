"""Hashed n-grams: features of the linear models, with their positions in the text, in NumPy only.

There is no vocabulary: the bucket of an n-gram is a hash of its characters, so memory is bounded,
training can stream, and the features of a text do not depend on the other texts of a batch.

Texts are read in chunks that fit the processor's cache, each as one array with an element per
character and a separator around every text; a table lower-cases letters and zeroes separators.
The hash of the slice [s, e) is `sum(value[i] * BASE**(i - s))` modulo 2**64: a difference of two
prefix sums, times a power of the inverse of BASE (an odd number has one). So all words are hashed
at once; hashes are mixed, reduced to buckets, sorted with the index of their text, and counted as
runs.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from newsstand.features.char_tables import APOSTROPHE, lowercase
from newsstand.types import Bools, Float32s, Hashes, Ints

_Lengths: TypeAlias = tuple[int, int] | None
# Hashes, indices of the texts (after the last: n-grams across two texts), starts and ends.
_Grams: TypeAlias = tuple[Hashes, NDArray[np.uint32], Ints, Ints]

_WRAP = 2**64
_BASE = 0x9E3779B97F4A7C15  # odd, like those below; none has a pattern in its bits
_NEXT_WORD = np.uint64(0xD1B54A32D192ED03)
_CHARS_APART = np.uint64(0xA0761D6478BD642F)
_MIX = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)

_CHUNK = 1 << 16  # characters: with 8 bytes each, half of a 1 MiB cache
_SORTED = 1 << 11  # n-grams sorted at once, roughly
_EDGE = 1  # the edge of a word in character n-grams; no letter has this value


@dataclass(frozen=True, slots=True)
class Positions:
    """The positions of the n-grams of one text, with one entry per occurrence.

    Args:
        buckets: int64, shape (m,): the bucket of each occurrence.
        starts: int64, shape (m,): the offset of its first character.
        ends: int64, shape (m,): the offset after its last character. Between its words the text
            may contain any blanks and punctuation.
    """

    buckets: Ints
    starts: Ints
    ends: Ints


class HashedNgrams:
    """Counts the n-grams of texts in 2**bits buckets, and locates them in a text.

    Words are runs of one or more letters, marks, digits, underscores and emoji, lower-cased; an
    apostrophe between two of these belongs to the word ("don't"). In scripts without spaces, whole
    phrases count as words: use character n-grams there.

    Args:
        words: Shortest and longest word n-gram, or None.
        chars: Shortest and longest character n-gram, or None. They stay within a word and its
            two edge marks; a word shorter than the shortest, marks included, counts once as a
            whole.
        bits: 10 to 24; the matrix has 2**bits columns.
        seed: Seed of the hash; each seed assigns other buckets.

    Raises:
        ValueError: No or invalid lengths, or bits out of range.

    >>> text = "Grain prices fall."
    >>> ngrams = HashedNgrams(words=(1, 2))
    >>> ngrams.counts([text, ""]).sum(axis=1).tolist()
    [5.0, 0.0]
    >>> found = ngrams.positions(text)
    >>> [text[start:end] for start, end in zip(found.starts, found.ends)]
    ['Grain', 'prices', 'fall', 'Grain prices', 'prices fall']
    """

    def __init__(
        self, *, words: _Lengths = (1, 2), chars: _Lengths = None, bits: int = 20, seed: int = 0
    ) -> None:
        if words is None and chars is None:
            raise ValueError("words, chars: at least one of the two must be given")
        for name, lengths in (("words", words), ("chars", chars)):
            if lengths is not None and not 1 <= lengths[0] <= lengths[1]:
                raise ValueError(f"{name}: expected (lo, hi) with 1 <= lo <= hi, got {lengths}")
        if not 10 <= bits <= 24:
            raise ValueError(f"bits: expected 10 to 24, got {bits}")
        self.words, self.chars, self.bits, self.seed = words, chars, bits, seed

    def shortest(self) -> "HashedNgrams":
        """Returns a hasher of the shortest n-grams only: each longer one contains some of them."""
        words, chars = ((x[0], x[0]) if x else None for x in (self.words, self.chars))
        return HashedNgrams(words=words, chars=chars, bits=self.bits, seed=self.seed)

    def counts(self, texts: Sequence[str], keys: Hashes | None = None) -> csr_array[np.float32]:
        """Counts the n-grams in each bucket, for each text.

        Args:
            texts: Any texts, also empty ones; a row depends on its own text and keys only.
            keys: uint64, shape (len(texts), k), k >= 1: each n-gram of text i counts k times,
                once in its bucket under each key. None is the same as key 0 for each text.

        Returns:
            float32, shape (len(texts), 2**bits); indices int32, sorted, without duplicates.

        Raises:
            TypeError: `texts` is a single text.
            ValueError: `keys` has another shape.
        """
        if isinstance(texts, str):
            raise TypeError("texts: expected a sequence of texts, got a single one")
        salts = self._salts(len(texts), keys)
        chunks = [self._count(texts[rows], salts[rows]) for rows in self._chunks(texts)]
        indices, counts, sizes = (np.concatenate(arrays) for arrays in zip(*chunks, strict=True))
        # SciPy expects offsets of the same width as the indices, if that can hold their total.
        width = np.int32 if len(counts) < 2**31 else np.int64
        offsets = np.append(0, np.cumsum(sizes)).astype(width)
        matrix = csr_array((counts, indices, offsets), shape=(len(texts), 1 << self.bits))
        matrix.has_canonical_format = True
        return matrix

    def positions(self, text: str, key: int = 0) -> Positions:
        """Locates the n-grams of a text: words before characters, short before long.

        Args:
            text: A text, as passed to `counts`.
            key: Its key, as passed to `counts`, from 0 to 2**64 - 1.
        """
        found = [(x.buckets, x.starts, x.ends) for x in self.positions_by_length(text, key)]
        return Positions(*(np.concatenate(column) for column in zip(*found, strict=True)))

    def positions_by_length(self, text: str, key: int = 0) -> Iterator[Positions]:
        """Yields the positions of one n-gram length at a time, to save memory on long texts."""
        chunk = _Chunk.read([text])
        salt = self._salts(1, np.array([[key]], dtype=np.uint64))[0]
        for hashes, _, first, after in self._grams(chunk):
            # Edge marks are not in the text, nor is the separator before it, at index 0.
            starts = first + (chunk.values[first] == 0) - 1
            ends = after - (chunk.values[after - 1] == 0) - 1
            yield Positions(self._buckets(hashes, salt).astype(np.int64), starts, ends)

    def hashes(self, texts: Sequence[str]) -> tuple[Hashes, Ints, Ints]:
        """Returns the 64-bit hashes of the n-grams of texts, for comparing texts.

        Args:
            texts: Any texts, also empty ones.

        Returns:
            For each occurrence its hash, the index of its text, and the offset of its first
            character; in the order of the texts, and of `positions` for n-grams of one length.

        >>> pairs = HashedNgrams(words=(2, 2))
        >>> hashes, numbers, starts = pairs.hashes(["Grain prices fell.", "Oil", "So it fell."])
        >>> len(set(hashes.tolist())), numbers.tolist(), starts.tolist()
        (4, [0, 0, 2, 2], [0, 6, 0, 3])
        """
        salt = self._salts(1, None)[0]
        found = [(np.empty(0, np.uint64), np.empty(0, np.int64), np.empty(0, np.int64))]
        for rows in self._chunks(texts):
            columns = zip(*self._grams(_Chunk.read(texts[rows])), strict=True)
            hashes, owners, first, _ = (np.concatenate(column) for column in columns)
            inside = np.flatnonzero(owners < rows.stop - rows.start)  # not across two texts
            numbers, first = owners[inside].astype(np.int64), first[inside]
            lengths = np.array([len(text) + 1 for text in texts[rows]], dtype=np.int64)
            starts = first - 1 - (np.cumsum(lengths) - lengths)[numbers]
            found.append((_mix(hashes[inside] ^ salt), numbers + rows.start, starts))
        hashes, numbers, starts = (np.concatenate(column) for column in zip(*found, strict=True))
        return hashes, numbers, starts

    def _salts(self, texts: int, keys: Hashes | None) -> Hashes:
        """Mixes keys over 64 bits: two small keys would only swap buckets of similar hashes."""
        plain = np.zeros((texts, 1), dtype=np.uint64)
        keys = plain if keys is None else np.asarray(keys, dtype=np.uint64)
        if keys.ndim != 2 or len(keys) != texts or keys.shape[1] < 1:
            raise ValueError(f"keys: expected shape ({texts}, k), k >= 1, got {keys.shape}")
        return _mix(keys + _mix(np.array([(self.seed + 1) * _BASE % _WRAP], dtype=np.uint64)))

    def _chunks(self, texts: Sequence[str]) -> Iterator[slice]:
        """Yields runs of whole texts of about `_CHUNK` characters."""
        most = (1 << (32 - self.bits)) - 1  # text index and bucket are sorted as one 32-bit number
        start = size = 0
        for stop, text in enumerate(texts):
            if size >= _CHUNK or stop - start == most:
                yield slice(start, stop)
                start, size = stop, 0
            size += len(text)
        yield slice(start, len(texts))

    def _count(
        self, texts: Sequence[str], salts: Hashes
    ) -> tuple[NDArray[np.int32], Float32s, Ints]:
        """Returns the buckets of the texts, their counts, and the number of buckets per text."""
        chunk = _Chunk.read(texts)
        columns = [
            (
                self._buckets(hashes, salt.take(owners, mode="clip"))
                | (owners << np.uint32(self.bits)),
                first,
            )
            for hashes, owners, first, _ in self._grams(chunk)
            for salt in salts.T
        ]
        packed = _sorted(columns, chunk.edges)
        new = np.ones(len(packed) + 1, dtype=np.bool_)
        np.not_equal(packed[1:], packed[:-1], out=new[1:-1])
        runs = np.flatnonzero(new)
        distinct, counts = packed.take(runs[:-1]), np.diff(runs)
        # N-grams across two texts belong to neither.
        if len(texts) > 1 and self.words is not None and self.words[1] > 1:
            inside = np.flatnonzero(distinct < len(texts) << self.bits)
            distinct, counts = distinct.take(inside), counts.take(inside)
        rows = distinct.searchsorted(np.arange(len(texts) + 1, dtype=np.uint32) << self.bits)
        buckets = distinct & ((1 << self.bits) - 1)
        return buckets.astype(np.int32), counts.astype(np.float32), np.diff(rows)

    def _grams(self, chunk: "_Chunk") -> Iterator[_Grams]:
        if self.words is not None:
            yield from _word_grams(chunk, *self.words)
        if self.chars is not None:
            yield from _char_grams(chunk, *self.chars)

    def _buckets(self, hashes: Hashes, salts: Hashes) -> NDArray[np.uint32]:
        return (_mix(hashes ^ salts) >> np.uint64(64 - self.bits)).astype(np.uint32)


def text_key(text: str, seed: int = 0) -> int:
    """Returns a stable 64-bit hash of a text, to use as a key; ignores case and runs of blanks.

    >>> text_key("US troops  in Iraq ") == text_key("us troops in iraq")
    True
    """
    folded = " ".join(text.casefold().split()).encode("utf-8", "surrogatepass")
    salt = (seed % _WRAP).to_bytes(8, "little")
    return int.from_bytes(hashlib.blake2b(folded, digest_size=8, salt=salt).digest(), "little")


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Texts as one array, each with a separator before and after it, and their words.

    Args:
        values: Lower-case code points of the characters, 0 for separators.
        starts: Index of the first character of each word.
        ends: Index after the last character of each word.
        owners: Index of the text of each word.
        edges: Index of the start of each text, and of the end of the last one.
    """

    values: NDArray[np.uint32]
    starts: Ints
    ends: Ints
    owners: NDArray[np.uint32]
    edges: Ints

    @classmethod
    def read(cls, texts: Sequence[str]) -> "_Chunk":
        framed = "\n".join(["", *texts, ""])
        codes = np.frombuffer(framed.encode("utf-32-le", "surrogatepass"), dtype="<u4")
        values = lowercase(codes)
        quotes = np.flatnonzero(values == APOSTROPHE)
        alone = np.minimum(values[quotes - 1], values[quotes + 1]) <= APOSTROPHE
        values[quotes[alone]] = 0
        inside = values != 0
        turns = np.flatnonzero(inside[1:] != inside[:-1]) + 1
        starts, ends = turns[0::2], turns[1::2]
        edges = np.cumsum([0, *(len(text) + 1 for text in texts)])
        numbers = np.arange(len(texts), dtype=np.uint32)
        owners = np.repeat(numbers, np.diff(starts.searchsorted(edges)))
        return cls(values, starts, ends, owners, edges)


def _sorted(columns: Sequence[tuple[NDArray[np.uint32], Ints]], edges: Ints) -> NDArray[np.uint32]:
    """Joins the columns' keys, sorted except for those across two texts.

    They are sorted in batches of one text or several short ones. Where NumPy's sort is slow, as
    with AVX-512 on some AMD processors, that takes half the time of sorting all at once.

    Args:
        columns: Keys, with the index of their text in the high bits, and the start of each.
        edges: Index of the start of each text, and of the end of the last one.
    """
    size = sum(len(keys) for keys, _ in columns)
    most = max(size // _SORTED, 1)
    wanted = np.arange(1, most) * (edges[-1] // most)
    bounds = sorted({0, *edges.take(edges.searchsorted(wanted)).tolist()})
    cuts = [[*first.searchsorted(bounds).tolist(), len(keys)] for keys, first in columns]
    packed = np.concatenate(
        [
            keys[cut[batch] : cut[batch + 1]]
            for batch in range(len(bounds))
            for (keys, _), cut in zip(columns, cuts, strict=True)
        ]
    )
    ends = [sum(indices) for indices in zip(*cuts, strict=True)]
    for start, end in pairwise(ends):
        packed[start:end].sort()
    return packed


def _word_grams(chunk: _Chunk, lo: int, hi: int) -> Iterator[_Grams]:
    """Yields the word n-grams of each length; hashes are rolled on from those one word shorter."""
    words = hashes = _hash(_sums(chunk.values), chunk.starts, chunk.ends)
    for more in range(hi):
        if more:
            hashes = hashes[:-1] * _NEXT_WORD + words[more:]
        if more + 1 >= lo:
            first, last = chunk.owners[: len(hashes)], chunk.owners[more:]
            owners = np.where(first == last, first, np.uint32(len(chunk.edges) - 1))
            yield hashes, owners, chunk.starts[: len(hashes)], chunk.ends[more:]


def _char_grams(chunk: _Chunk, lo: int, hi: int) -> Iterator[_Grams]:
    """Yields the character n-grams of each length: windows over each word and its edge marks.

    A word that is too short for the shortest length is one window.
    """
    sums = _sums(np.maximum(chunk.values, np.uint32(_EDGE)))
    texts = np.arange(len(chunk.edges) - 1, dtype=np.uint32).repeat(np.diff(chunk.edges))
    for length, begins in islice(enumerate(_begins(chunk.values != 0), start=1), lo - 1, hi):
        starts = np.flatnonzero(begins)
        ends = starts + length
        if length == lo:
            short = np.flatnonzero(chunk.ends - chunk.starts + 2 < length)
            firsts, afters = chunk.starts[short] - 1, chunk.ends[short] + 1
            at = starts.searchsorted(firsts)
            starts, ends = np.insert(starts, at, firsts), np.insert(ends, at, afters)
        hashes = _hash(sums, starts, ends) + _CHARS_APART
        yield hashes, texts.take(starts, mode="clip"), starts, ends


def _begins(inside: Bools) -> Iterator[Bools]:
    """Yields where windows of 1, 2, … characters may begin: they span no separator.

    A window of one character is a letter: an edge mark alone carries no information.
    """
    following = np.append(inside[1:], False)
    yield inside
    yield inside | following
    begins = following
    while True:
        yield begins
        begins = following & np.append(begins[1:], False)


def _sums(values: NDArray[np.uint32]) -> tuple[Hashes, Hashes]:
    """Returns the prefix sums of value times power, and the powers of the inverse of the base."""
    # One table of powers suffices for all texts except those far longer than a chunk.
    powers, inverses = _powers(max(2 * _CHUNK, 1 << len(values).bit_length()))
    sums = np.zeros(len(values) + 1, dtype=np.uint64)
    np.cumsum(values * powers[: len(values)], out=sums[1:])
    return sums, inverses


def _hash(sums: tuple[Hashes, Hashes], starts: Ints, ends: Ints) -> Hashes:
    """Returns the hashes of slices without zeros; trailing zeros would not change a hash."""
    before, inverses = sums
    hashes = before.take(ends, mode="clip")
    hashes -= before.take(starts, mode="clip")
    hashes *= inverses.take(starts, mode="clip")
    return hashes


def _mix(hashes: Hashes) -> Hashes:
    """Makes each bit affect the high ones, in place (Murmur3's finaliser without the last step)."""
    hashes ^= hashes >> np.uint64(33)
    hashes *= _MIX[0]
    hashes ^= hashes >> np.uint64(29)
    hashes *= _MIX[1]
    return hashes


@lru_cache(maxsize=1)
def _powers(size: int) -> Hashes:
    """Returns the powers of the base and of its inverse modulo 2**64, shape (2, size)."""
    powers = np.ones((2, size), dtype=np.uint64)
    powers[:, 1:] = [[_BASE], [pow(_BASE, -1, _WRAP)]]
    return np.multiply.accumulate(powers, axis=1, out=powers)
