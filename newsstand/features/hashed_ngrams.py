"""Hashed n-grams: features of the linear models, with their places in the text, in NumPy only.

No vocabulary: an n-gram's bucket is a hash of its characters, so memory is bounded, training can
stream, and a text has the same features wherever, whenever and beside whatever it is counted.

Texts are read in chunks that fit the processor's cache, each as one array with a slot a character
and a separator around every text; one table lower-cases letters and zeroes what is between words.
The hash of the span [s, e) is `sum(value[i] * BASE**(i - s))` modulo 2**64: a difference of two
prefix sums, times a power of BASE's inverse (an odd number has one). So all words are hashed at
once; hashes are mixed, cut to buckets, sorted with their text's number, and counted as runs.
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

from newsstand.features.char_tables import APOSTROPHE, lowered
from newsstand.types import Hashes

_Lengths: TypeAlias = tuple[int, int] | None
_Slots: TypeAlias = NDArray[np.int64]
# Hashes, numbers of the texts (past the last: across two of them), first slots, slots after.
_Grams: TypeAlias = tuple[Hashes, NDArray[np.uint32], _Slots, _Slots]

_WRAP = 2**64
_BASE = 0x9E3779B97F4A7C15  # odd; so are those below, and none has a pattern in its bits
_NEXT_WORD = np.uint64(0xD1B54A32D192ED03)
_CHARS_APART = np.uint64(0xA0761D6478BD642F)
_MIX = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)

_CHUNK = 1 << 16  # characters: 8 bytes for each are half of a 1 MiB cache
_PIECE = 1 << 11  # n-grams that are sorted at once, roughly
_MARK = 1  # the edge of a word in character n-grams; no letter has this value


@dataclass(frozen=True, slots=True)
class Places:
    """Where the n-grams of one text stand: one entry an occurrence.

    Args:
        buckets: int64, shape (m,): the feature that each occurrence counts for.
        starts: int64, shape (m,): its first character.
        ends: int64, shape (m,): the character after its last. Between its words the text may
            hold any spaces and punctuation.
    """

    buckets: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]


class HashedNgrams:
    """Counts the n-grams of texts in 2**bits buckets, and tells where each of them stands.

    Words are runs of letters, marks, digits, underscores and emoji, lower-cased, be they of one
    character; an apostrophe between two of those belongs to the word ("don't"). Scripts without
    spaces give whole phrases as words: use character n-grams there.

    Args:
        words: Shortest and longest word n-gram, or None.
        chars: Shortest and longest character n-gram, or None. They stay within a word and its
            two edge marks; a word shorter than the shortest, marks included, counts once, whole.
        bits: 10 to 24; the matrix has 2**bits columns.
        seed: Another seed puts the n-grams into other buckets.

    Raises:
        ValueError: Neither or impossible lengths, or bits out of range.

    >>> text = "Grain prices fall."
    >>> ngrams = HashedNgrams(words=(1, 2))
    >>> ngrams.counts([text, ""]).sum(axis=1).tolist()
    [5.0, 0.0]
    >>> places = ngrams.places(text)
    >>> [text[start:end] for start, end in zip(places.starts, places.ends)]
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
        """The same for the shortest n-grams alone: each longer one holds some of them."""
        words, chars = ((x[0], x[0]) if x else None for x in (self.words, self.chars))
        return HashedNgrams(words=words, chars=chars, bits=self.bits, seed=self.seed)

    def counts(self, texts: Sequence[str], keys: Hashes | None = None) -> csr_array[np.float32]:
        """How often the n-grams of each bucket stand in each text.

        Args:
            texts: Any texts, empty ones too; a row depends on its own text and keys only.
            keys: uint64, shape (len(texts), k), k >= 1: each n-gram of text i counts k times,
                once in its bucket under each key; key 0 is the plain one. None is key 0 alone.

        Returns:
            float32, shape (len(texts), 2**bits); indices int32, sorted, without duplicates.

        Raises:
            TypeError: `texts` is a single text.
            ValueError: `keys` has another shape.
        """
        if isinstance(texts, str):
            raise TypeError("texts: expected a sequence of texts, got a single one")
        salts = self._salts(len(texts), keys)
        parts = [self._count(texts[part], salts[part]) for part in self._parts(texts)]
        indices, counts, sizes = (np.concatenate(found) for found in zip(*parts, strict=True))
        # SciPy wants the offsets in the width of the indices, as long as that holds their total.
        width = np.int32 if len(counts) < 2**31 else np.int64
        offsets = np.append(0, np.cumsum(sizes)).astype(width)
        matrix = csr_array((counts, indices, offsets), shape=(len(texts), 1 << self.bits))
        matrix.has_canonical_format = True
        return matrix

    def places(self, text: str, key: int = 0) -> Places:
        """Where the n-grams of a text stand: words before characters, short before long.

        Args:
            text: The string that `counts` gets; places are characters of it.
            key: The key that `counts` gets with it, from 0 to 2**64 - 1.
        """
        found = [(x.buckets, x.starts, x.ends) for x in self.places_by_length(text, key)]
        return Places(*(np.concatenate(column) for column in zip(*found, strict=True)))

    def places_by_length(self, text: str, key: int = 0) -> Iterator[Places]:
        """The same, the n-grams of one length at a time: of a long text, all take much memory."""
        chunk = _Chunk.read([text])
        salt = self._salts(1, np.array([[key]], dtype=np.uint64))[0]
        for hashes, _, first, after in self._grams(chunk):
            # Edge marks aren't in the text, nor is the separator in slot 0, before it.
            starts = first + (chunk.values[first] == 0) - 1
            ends = after - (chunk.values[after - 1] == 0) - 1
            yield Places(self._buckets(hashes, salt).astype(np.int64), starts, ends)

    def hashes(self, texts: Sequence[str]) -> tuple[Hashes, _Slots, _Slots]:
        """The n-grams of texts by their 64-bit hashes, for comparing texts with each other.

        Args:
            texts: Any texts, empty ones too.

        Returns:
            Of each occurrence the hash, the number of its text, and its first character there;
            in the order of the texts, and of the places for n-grams of one length.

        >>> pairs = HashedNgrams(words=(2, 2))
        >>> hashes, numbers, starts = pairs.hashes(["Grain prices fell.", "Oil", "So it fell."])
        >>> len(set(hashes.tolist())), numbers.tolist(), starts.tolist()
        (4, [0, 0, 2, 2], [0, 6, 0, 3])
        """
        salt = self._salts(1, None)[0]
        found = [(np.empty(0, np.uint64), np.empty(0, np.int64), np.empty(0, np.int64))]
        for part in self._parts(texts):
            columns = zip(*self._grams(_Chunk.read(texts[part])), strict=True)
            hashes, owners, first, _ = (np.concatenate(column) for column in columns)
            inside = np.flatnonzero(owners < part.stop - part.start)  # not across two texts
            numbers, first = owners[inside].astype(np.int64), first[inside]
            lengths = np.array([len(text) + 1 for text in texts[part]], dtype=np.int64)
            starts = first - 1 - (np.cumsum(lengths) - lengths)[numbers]
            found.append((_mix(hashes[inside] ^ salt), numbers + part.start, starts))
        hashes, numbers, starts = (np.concatenate(column) for column in zip(*found, strict=True))
        return hashes, numbers, starts

    def _salts(self, texts: int, keys: Hashes | None) -> Hashes:
        """Keys spread over 64 bits, lest two small ones only swap the buckets of like hashes."""
        plain = np.zeros((texts, 1), dtype=np.uint64)
        keys = plain if keys is None else np.asarray(keys, dtype=np.uint64)
        if keys.ndim != 2 or len(keys) != texts or keys.shape[1] < 1:
            raise ValueError(f"keys: expected shape ({texts}, k), k >= 1, got {keys.shape}")
        return _mix(keys + _mix(np.array([(self.seed + 1) * _BASE % _WRAP], dtype=np.uint64)))

    def _parts(self, texts: Sequence[str]) -> Iterator[slice]:
        """Cuts the texts into runs of about `_CHUNK` characters; a text stays whole."""
        most = (1 << (32 - self.bits)) - 1  # text number and bucket are sorted as one 32-bit number
        start = size = 0
        for stop, text in enumerate(texts):
            if size >= _CHUNK or stop - start == most:
                yield slice(start, stop)
                start, size = stop, 0
            size += len(text)
        yield slice(start, len(texts))

    def _count(
        self, texts: Sequence[str], salts: Hashes
    ) -> tuple[NDArray[np.int32], NDArray[np.float32], _Slots]:
        """The buckets of the texts, their counts, and how many of them each text has."""
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
        # What lies across two texts stands in none of them.
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
    """A stable 64-bit hash of a text, for use as a key; case and runs of space don't matter.

    >>> text_key("US troops  in Iraq ") == text_key("us troops in iraq")
    True
    """
    folded = " ".join(text.casefold().split()).encode("utf-8", "surrogatepass")
    salt = (seed % _WRAP).to_bytes(8, "little")
    return int.from_bytes(hashlib.blake2b(folded, digest_size=8, salt=salt).digest(), "little")


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Some texts as one array, each with a separator before and after it, and their words."""

    values: NDArray[np.uint32]  # lower-case letters, zeros between words
    starts: _Slots  # of each word: its first slot, the slot after its last, its text's number
    ends: _Slots
    owners: NDArray[np.uint32]
    edges: _Slots  # where each text begins, and the last one ends

    @classmethod
    def read(cls, texts: Sequence[str]) -> "_Chunk":
        framed = "\n".join(["", *texts, ""])
        codes = np.frombuffer(framed.encode("utf-32-le", "surrogatepass"), dtype="<u4")
        values = lowered(codes)
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


def _sorted(
    columns: Sequence[tuple[NDArray[np.uint32], _Slots]], edges: _Slots
) -> NDArray[np.uint32]:
    """The columns' keys as one, sorted but for those across two texts.

    They are sorted in pieces, of one text or of several short ones. Where NumPy's sort is slow,
    as its AVX-512 one on some AMD processors, that takes half as long as all at once.

    Args:
        columns: Keys, led by the number of their text, and the first slot of each.
        edges: Where each text begins, and the last one ends.
    """
    size = sum(len(keys) for keys, _ in columns)
    most = max(size // _PIECE, 1)
    wanted = np.arange(1, most) * (edges[-1] // most)
    bounds = sorted({0, *edges.take(edges.searchsorted(wanted)).tolist()})
    cuts = [[*first.searchsorted(bounds).tolist(), len(keys)] for keys, first in columns]
    packed = np.concatenate(
        [
            keys[cut[piece] : cut[piece + 1]]
            for piece in range(len(bounds))
            for (keys, _), cut in zip(columns, cuts, strict=True)
        ]
    )
    ends = [sum(places) for places in zip(*cuts, strict=True)]
    for start, end in pairwise(ends):
        packed[start:end].sort()
    return packed


def _word_grams(chunk: _Chunk, lo: int, hi: int) -> Iterator[_Grams]:
    """Rolls each length's hashes on from those of one word less."""
    words = hashes = _hash(_sums(chunk.values), chunk.starts, chunk.ends)
    for more in range(hi):
        if more:
            hashes = hashes[:-1] * _NEXT_WORD + words[more:]
        if more + 1 >= lo:
            first, last = chunk.owners[: len(hashes)], chunk.owners[more:]
            owners = np.where(first == last, first, np.uint32(len(chunk.edges) - 1))
            yield hashes, owners, chunk.starts[: len(hashes)], chunk.ends[more:]


def _char_grams(chunk: _Chunk, lo: int, hi: int) -> Iterator[_Grams]:
    """Slides windows over each word and its edge marks; one that is too short gets one window."""
    sums = _sums(np.maximum(chunk.values, np.uint32(_MARK)))
    texts = np.arange(len(chunk.edges) - 1, dtype=np.uint32).repeat(np.diff(chunk.edges))
    for length, begins in islice(enumerate(_begins(chunk.values != 0), start=1), lo - 1, hi):
        starts = np.flatnonzero(begins)
        ends = starts + length
        if length == lo:
            short = np.flatnonzero(chunk.ends - chunk.starts + 2 < length)
            firsts, afters = chunk.starts[short] - 1, chunk.ends[short] + 1
            places = starts.searchsorted(firsts)
            starts, ends = np.insert(starts, places, firsts), np.insert(ends, places, afters)
        hashes = _hash(sums, starts, ends) + _CHARS_APART
        yield hashes, texts.take(starts, mode="clip"), starts, ends


def _begins(inside: NDArray[np.bool_]) -> Iterator[NDArray[np.bool_]]:
    """Where windows of 1, 2, … slots may begin: all between their two ends is in one word.

    A window of one slot is a letter: an edge mark alone says nothing.
    """
    following = np.append(inside[1:], False)
    yield inside
    yield inside | following
    begins = following
    while True:
        yield begins
        begins = following & np.append(begins[1:], False)


def _sums(values: NDArray[np.uint32]) -> tuple[Hashes, Hashes]:
    """Sums of value times power before each slot, and the powers of the base's inverse."""
    # One table of powers serves all but texts far longer than a chunk.
    powers, inverses = _powers(max(2 * _CHUNK, 1 << len(values).bit_length()))
    sums = np.zeros(len(values) + 1, dtype=np.uint64)
    np.cumsum(values * powers[: len(values)], out=sums[1:])
    return sums, inverses


def _hash(sums: tuple[Hashes, Hashes], starts: _Slots, ends: _Slots) -> Hashes:
    """The hashes of spans that hold no zeros; as last values those would go unseen."""
    before, inverses = sums
    hashes = before.take(ends, mode="clip")
    hashes -= before.take(starts, mode="clip")
    hashes *= inverses.take(starts, mode="clip")
    return hashes


def _mix(hashes: Hashes) -> Hashes:
    """Lets every bit sway the high ones, in place (Murmur3's finaliser but for its last step)."""
    hashes ^= hashes >> np.uint64(33)
    hashes *= _MIX[0]
    hashes ^= hashes >> np.uint64(29)
    hashes *= _MIX[1]
    return hashes


@lru_cache(maxsize=1)
def _powers(slots: int) -> Hashes:
    """Powers of the base, and of its inverse, modulo 2**64: shape (2, slots)."""
    powers = np.ones((2, slots), dtype=np.uint64)
    powers[:, 1:] = [[_BASE], [pow(_BASE, -1, _WRAP)]]
    return np.multiply.accumulate(powers, axis=1, out=powers)
