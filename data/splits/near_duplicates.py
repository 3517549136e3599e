"""Finds near-duplicates among news texts: reprints with cuts, new headlines, shuffling or merging.

Each sequence of five words is hashed. A sample of the hashes (all of them for few texts) is sorted,
and neighbouring texts under a hash are candidates: a story printed a thousand times costs thousands
of links, not a million. Candidates are verified on all their hashes: a word of the shorter text is
shared if it is in a long passage that the other text contains at any place. So shuffled paragraphs
count in full, a changed word does not break a passage, and scattered phrases do not make a reprint.

Two stories about one speech are not reprints, nor are two with the same sign-up form or gallery.
Therefore, unless nearly all of the shorter text is shared, enough of it must be shared without
borrowed words (quotations, posts, captions) and without passages that occur in many texts.

Memory is bounded: the more texts, the sparser the sample; all hashes of the texts, four bytes a
word, are kept in a temporary file for the verification.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from newsstand.config.data_specs import NearDuplicateSpec
from newsstand.data.splits.shingles import ROW, WORDS, Shingles, short_hashes
from newsstand.types import Bools, Float32s, Floats, Hashes, Ints

_UInt32s: TypeAlias = NDArray[np.uint32]

_GAP = 3  # most words between two shared shingles of one passage, taken for an edit
_PASSAGE = 30  # least words of a passage; a shorter one may be a sentence that two stories share
_WHOLE = 0.9  # shared part of the shorter text from which on it is always a reprint
_OWN = 0.92  # part of the share needed without borrowed words and common passages
_COMMON = 5  # texts with a shingle from which on it may belong to a common passage
_LIKELY = 0.3  # part of the share needed in the sample to be worth verifying

_RUN = 6  # most texts under one hash for comparing all pairs; beyond, each with the next two
_BLOCK = 1 << 20  # hashes processed at a time
_PAIRS = 1 << 12  # candidates verified at a time
_HALF = np.uint64(32)


@dataclass(frozen=True, slots=True)
class NearDuplicates:
    """Clusters and pairs of near-duplicates.

    Args:
        cluster: int64, shape (n,): the smallest row of each text's cluster, its own row if it
            has no near-duplicate.
        pairs: int64, shape (m, 2), sorted, the smaller row first: the verified pairs. Two texts
            of a cluster may also be linked through others.
        shared: float32, shape (m,): share of the shorter text's words that both texts contain.
    """

    cluster: Ints
    pairs: Ints
    shared: Float32s


def near_duplicates(
    batches: Iterable[Sequence[str]],
    spec: NearDuplicateSpec,
    *,
    published: Sequence[str | None] | None = None,
    progress: Callable[[int], None] | None = None,
) -> NearDuplicates:
    """Finds pairs of texts that share enough of the shorter text's words.

    Shared words are words in common passages of at least 30 words, with few edits. So a text of
    fewer than 30 words has no near-duplicates, not even an exact copy. Words are those of
    `HashedNgrams`: in scripts without spaces, whole phrases. The result does not depend on the
    sizes of the batches, and clusters do not depend on the order of the texts.

    Args:
        batches: Batches of texts in order; read once.
        spec: The least share, and the longest time between publications.
        published: Date of each text, ISO 8601; None where unknown.
        progress: Called after each batch with the number of texts in it.

    Raises:
        ValueError: Invalid options, an invalid date, a wrong number of dates, or more than 2**24
            texts.

    >>> story = " ".join(f"word{number}" for number in range(60))
    >>> batches = [[story, "An unrelated text."], ["Editor's note. " + story]]
    >>> near = near_duplicates(batches, NearDuplicateSpec())
    >>> near.cluster.tolist(), near.pairs.tolist(), near.shared.tolist()
    ([0, 1, 0], [[0, 2]], [1.0])
    """
    share, window_days = spec.share, spec.window_days
    if not 0 < share <= 1:
        raise ValueError(f"share: expected a number above 0, at most 1, got {share!r}")
    if window_days is not None and (window_days < 0 or published is None):
        raise ValueError("window_days: expected 0 or more, and the dates in `published`")
    with tempfile.TemporaryFile() as file:
        texts = Shingles(file)
        for batch in batches:
            texts.add(batch)
            if progress is not None:
                progress(len(batch))
        days = None if window_days is None else _days(published, texts.rows)
        candidates, common = _candidates(texts, share, days)
        if days is not None and window_days is not None:
            first, second = days[candidates].T
            close = np.abs(first - second) <= window_days
            candidates = candidates[close | (first < 0) | (second < 0)]
        return _verified(texts, candidates, common, share)


def _days(published: Sequence[str | None] | None, rows: int) -> Ints:
    """Returns the number of days since the year 1; -1 where unknown."""
    if published is None or len(published) != rows:
        raise ValueError(f"published: expected a date or None for each of {rows} texts")
    days = [-1 if day is None else date.fromisoformat(day[:10]).toordinal() for day in published]
    return np.array(days, dtype=np.int64)


def _candidates(texts: Shingles, share: float, days: Ints | None) -> tuple[Ints, _UInt32s]:
    """Returns possible near-duplicates, the likeliest first, and hashes common to many texts."""
    size, key = texts.size, texts.key
    # By date, length and content: similar texts are neighbours, independent of their order.
    order = np.lexsort((key, size) if days is None else (key, size, days))
    links, counts, common = _links(_by_hash(texts, order))
    ranks = np.stack([links >> _HALF, links & np.uint64(2**32 - 1)], axis=1)
    pairs = order[ranks.astype(np.int64)]
    shorter = size[pairs].min(axis=1)
    estimate = counts * int(texts.every) / np.maximum(shorter, 1)
    likely = np.flatnonzero((estimate >= _LIKELY * share) & (shorter > _PASSAGE - WORDS))
    return pairs[likely[np.argsort(-estimate[likely], kind="stable")]], common


def _by_hash(texts: Shingles, order: Ints) -> Hashes:
    """Sorts the sample in place by hash and then by the rank of the text."""
    rank = np.empty(len(order), dtype=np.uint64)
    rank[order] = np.arange(len(order), dtype=np.uint64)
    sample = texts.sample[: texts.kept]
    for start in range(0, len(sample), _BLOCK):
        block = sample[start : start + _BLOCK]
        block[:] = (block & ~ROW) | rank[(block & ROW).astype(np.int64)]
    sample.sort()
    return sample


def _links(sample: Hashes) -> tuple[Hashes, Ints, _UInt32s]:
    """Returns pairs of ranks packed in one number, their shared hashes, and the common hashes."""
    pairs, common = [np.empty(0, np.uint64)], [np.empty(0, np.uint32)]
    start = 0
    while start < len(sample):
        stop = min(start + _BLOCK, len(sample))
        stop = int(sample.searchsorted(sample[stop - 1] | ROW, side="right"))
        block = sample[start:stop]
        block = block[_starts(block)]  # a repeated hash counts once per text
        hashes, start = block & ~ROW, stop
        texts = np.diff(np.append(np.flatnonzero(_starts(hashes)), len(hashes)))
        texts = np.repeat(texts, texts)
        common.append(short_hashes(hashes[texts >= _COMMON]))
        several = texts > 1
        pairs += _neighbours(hashes[several], block[several] & ROW, texts[several])
    links = np.concatenate(pairs)
    pairs.clear()
    links.sort()
    first = np.flatnonzero(_starts(links))
    return links[first], np.diff(np.append(first, len(links))), _distinct(np.concatenate(common))


def _neighbours(hashes: Hashes, ranks: Hashes, texts: Ints) -> Iterator[Hashes]:
    for ahead in range(1, _RUN):
        linked = hashes[ahead:] == hashes[:-ahead]
        if ahead > 2:
            linked &= texts[ahead:] <= _RUN
        at = np.flatnonzero(linked)
        yield ranks[at] << _HALF | ranks[at + ahead]


def _starts(numbers: NDArray[np.unsignedinteger]) -> Bools:
    """Returns where a number differs from the one before it."""
    return np.append(True, numbers[1:] != numbers[:-1])[: len(numbers)]


def _verified(texts: Shingles, candidates: Ints, common: _UInt32s, share: float) -> NearDuplicates:
    size, key = texts.size, texts.key
    cluster = np.arange(texts.rows)
    pairs, shares = [np.empty((0, 2), np.int64)], [np.empty(0)]
    for start in range(0, len(candidates), _PAIRS):
        first, second = candidates[start : start + _PAIRS].T
        unlinked = cluster[first] != cluster[second]  # else the pair changes no cluster
        first, second = first[unlinked], second[unlinked]
        tied = size[first] == size[second]
        swapped = np.where(tied, key[first] > key[second], size[first] > size[second])
        short, long = np.where(swapped, second, first), np.where(swapped, first, second)
        shared, own = _shared(texts.read(short), texts.read(long), common, texts.every)
        linked = (shared >= share) & ((own >= _OWN * share) | (shared >= _WHOLE))
        pairs.append(np.sort(np.stack([short, long], axis=1)[linked], axis=1))
        shares.append(shared[linked])
        cluster = _merge_clusters(pairs[-1], cluster)
    verified = np.concatenate(pairs)
    order = np.lexsort(verified.T[::-1])
    return NearDuplicates(
        cluster, verified[order], np.concatenate(shares)[order].astype(np.float32)
    )


def _shared(
    short: list[_UInt32s], long: list[_UInt32s], common: _UInt32s, every: np.uint32
) -> tuple[Floats, Floats]:
    """Returns the shared part of each shorter text: of all its words, and of its own words."""
    words, owners = _concatenated(short)
    hashes, borrowed = words >> np.uint32(1), np.cumsum(words & np.uint32(1), dtype=np.int64)
    borrowed = np.append(0, borrowed)
    ends = np.cumsum([len(text) for text in short], dtype=np.int64)
    sizes = np.diff(ends, prepend=0)
    at = _shared_places(hashes, owners, *_concatenated(long))
    first, last = _passages(at, owners)
    length = at[last] - at[first] + WORDS
    long_enough = length >= _PASSAGE
    first, last, length = first[long_enough], last[long_enough], length[long_enough]
    # Estimated from sampled hashes, as only their number of texts is known.
    in_sample = hashes[at] % every == 0
    in_many = np.zeros(len(at), np.bool_)
    in_many[in_sample] = _among(hashes[at[in_sample]], common)
    sampled, often = (np.append(0, np.cumsum(mask)) for mask in (in_sample, in_many))
    in_common = 2 * (often[last + 1] - often[first]) > sampled[last + 1] - sampled[first]
    foreign = borrowed[at[last] + 1] - borrowed[at[first]]

    def total(words: NDArray[np.integer]) -> Floats:
        sums = np.bincount(owners[at[first]], weights=words, minlength=len(short))
        return sums.astype(np.float64)

    size = sizes + WORDS - 1
    shared = total(length)
    others = borrowed[ends] - borrowed[ends - sizes] + total((length - foreign) * in_common)
    own = total((length - foreign) * ~in_common)
    return shared / size, own / np.maximum(size - others, 1)


def _concatenated(texts: list[_UInt32s]) -> tuple[_UInt32s, Ints]:
    """Concatenates the hashes of texts; also returns the number of the text of each hash."""
    sizes = [len(text) for text in texts]
    return np.concatenate([np.empty(0, np.uint32), *texts]), np.repeat(np.arange(len(texts)), sizes)


def _distinct(numbers: _UInt32s) -> _UInt32s:
    """Sorts numbers in place and drops repeated ones; `np.unique` hashes and is far slower."""
    numbers.sort()
    return numbers[_starts(numbers)]


def _among(numbers: _UInt32s, known: _UInt32s) -> Bools:
    """Returns whether each number is among the known ones, which are sorted."""
    if not len(known):
        return np.zeros(len(numbers), np.bool_)
    among: Bools = known.take(known.searchsorted(numbers), mode="clip") == numbers
    return among


def _shared_places(hashes: _UInt32s, owners: Ints, words: _UInt32s, numbers: Ints) -> Ints:
    """Returns the places of the hashes that the text with the same number also contains."""
    known = numbers.astype(np.uint64) << _HALF | words >> np.uint32(1)
    known.sort()
    wanted = owners.astype(np.uint64) << _HALF | hashes
    at = known.searchsorted(wanted)
    return np.flatnonzero((at < len(known)) & (known.take(at, mode="clip") == wanted))


def _passages(at: Ints, owners: Ints) -> tuple[Ints, Ints]:
    """Returns the first and last index of each run of close places in one text."""
    new = np.append(True, np.diff(at) > WORDS + _GAP)[: len(at)]
    new[1:] |= np.diff(owners[at]) != 0
    first = np.flatnonzero(new)
    return first, np.append(first[1:], len(at))[: len(first)] - 1


def _merge_clusters(pairs: Ints, cluster: Ints) -> Ints:
    """Merges the clusters of linked rows; each cluster is named by its smallest row.

    The graph has only the clusters of the linked rows: a graph of all rows for each block of
    candidates would take quadratic time in total.
    """
    touched, ends = np.unique(cluster[pairs], return_inverse=True)
    ends = ends.reshape(-1, 2)
    size = len(touched)
    links = coo_array((np.ones(len(ends), dtype=np.bool_), ends.T), shape=(size, size))
    count, names = connected_components(links, directed=False)
    smallest = np.full(count, len(cluster), dtype=np.int64)
    np.minimum.at(smallest, names, touched)
    renamed = np.arange(len(cluster))
    renamed[touched] = smallest[names]
    return renamed[cluster]
