"""Near-duplicates among news texts: reprints that were cut, re-headed, prefixed, shuffled, merged.

Every run of five words is hashed. A sample of the hashes (all of them in a small set) is sorted,
and texts that stand next to each other under a hash are candidates: a story printed a thousand
times costs thousands of links, not a million. Candidates are then verified on all their hashes: a
word of the shorter text is shared when it lies in a long passage that the other text has too,
wherever that stands there. So shuffled paragraphs count in full, a changed word breaks no passage,
and scattered phrases don't add up to a reprint.

Two stories about one speech are no reprints, nor are two with the same sign-up form or gallery.
So, unless nearly all of the shorter text is shared, it must also hold without borrowed words
(quotations, posts, captions) and without passages that stand in many texts.

Memory is bounded: the sample gets sparser as the texts grow in number, and all hashes of the texts,
four bytes a word, wait for the verification in a temporary file.
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
from newsstand.types import Floats, Hashes, Ints

_Shorts: TypeAlias = NDArray[np.uint32]

_GAP = 3  # words between two shingles found that are taken for an edit inside a passage
_PASSAGE = 30  # words; what is shorter may be a sentence that two stories share
_WHOLE = 0.9  # so much of the shorter text shared is a reprint, whatever it is made of
_OWN = 0.92  # of the share asked for, without borrowed words and standing passages
_COMMON = 5  # texts that hold a shingle: from here on it may be a standing passage
_LIKELY = 0.3  # of the share asked for, by the sample: less is not worth verifying

_RUN = 6  # texts under one hash that are compared each with each; beyond, with the next two
_BLOCK = 1 << 20  # hashes worked on at a time
_PAIRS = 1 << 12  # candidates verified at a time
_HALF = np.uint64(32)


@dataclass(frozen=True, slots=True)
class Near:
    """Texts that are near-duplicates.

    Args:
        cluster: int64, shape (n,): of each text the smallest row in its cluster, its own when
            it has no near-duplicate.
        pairs: int64, shape (m, 2), sorted, the smaller row first: the verified links. Between
            two texts of a cluster there need not be one: they may be linked through others.
        shared: float32, shape (m,): share of the shorter text's words that both have.
    """

    cluster: Ints
    pairs: Ints
    shared: NDArray[np.float32]


def near_duplicates(
    batches: Iterable[Sequence[str]],
    spec: NearDuplicateSpec,
    *,
    published: Sequence[str | None] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Near:
    """Finds texts that share enough of the shorter one's words.

    Shared are words in passages of 30 words or more, but for an edit here and there. So a text of
    fewer than 30 words has no near-duplicates, not even an exact copy. Words are those of
    `HashedNgrams`: scripts without spaces give whole phrases as words. The sizes of the batches
    make no difference, nor does the order of the texts to which of them are together.

    Args:
        batches: The texts in order, some at a time; read once.
        spec: How much is enough, and how far apart they may be published.
        published: Date of each text, ISO 8601; None where unknown.
        progress: Called after each batch with the number of texts in it.

    Raises:
        ValueError: Impossible options, a date that is none, dates for more or fewer texts, or
            more than 2**24 texts.

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
    """Days since the year 1; -1 where unknown."""
    if published is None or len(published) != rows:
        raise ValueError(f"published: expected a date or None for each of {rows} texts")
    days = [-1 if day is None else date.fromisoformat(day[:10]).toordinal() for day in published]
    return np.array(days, dtype=np.int64)


def _candidates(texts: Shingles, share: float, days: Ints | None) -> tuple[Ints, _Shorts]:
    """Pairs that may be near-duplicates, likeliest first, and hashes that stand in many texts."""
    size, key = texts.size, texts.key
    # By date, length and content: the most alike are neighbours, whatever order they came in.
    order = np.lexsort((key, size) if days is None else (key, size, days))
    links, counts, common = _links(_by_hash(texts, order))
    ranks = np.stack([links >> _HALF, links & np.uint64(2**32 - 1)], axis=1)
    pairs = order[ranks.astype(np.int64)]
    shorter = size[pairs].min(axis=1)
    estimate = counts * int(texts.every) / np.maximum(shorter, 1)
    likely = np.flatnonzero((estimate >= _LIKELY * share) & (shorter > _PASSAGE - WORDS))
    return pairs[likely[np.argsort(-estimate[likely], kind="stable")]], common


def _by_hash(texts: Shingles, order: Ints) -> Hashes:
    """The sample, sorted by hash and then by the rank of the text; in place."""
    rank = np.empty(len(order), dtype=np.uint64)
    rank[order] = np.arange(len(order), dtype=np.uint64)
    sample = texts.sample[: texts.kept]
    for start in range(0, len(sample), _BLOCK):
        block = sample[start : start + _BLOCK]
        block[:] = (block & ~ROW) | rank[(block & ROW).astype(np.int64)]
    sample.sort()
    return sample


def _links(sample: Hashes) -> tuple[Hashes, Ints, _Shorts]:
    """Two ranks as one number, how many hashes link them, and the hashes in many texts."""
    found, common = [np.empty(0, np.uint64)], [np.empty(0, np.uint32)]
    start = 0
    while start < len(sample):
        stop = min(start + _BLOCK, len(sample))
        stop = int(sample.searchsorted(sample[stop - 1] | ROW, side="right"))
        block = sample[start:stop]
        block = block[_starts(block)]  # a hash that stands twice in a text counts once
        hashes, start = block & ~ROW, stop
        texts = np.diff(np.append(np.flatnonzero(_starts(hashes)), len(hashes)))
        texts = np.repeat(texts, texts)
        common.append(short_hashes(hashes[texts >= _COMMON]))
        several = texts > 1
        found += _neighbours(hashes[several], block[several] & ROW, texts[several])
    links = np.concatenate(found)
    found.clear()
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


def _starts(numbers: NDArray[np.unsignedinteger]) -> NDArray[np.bool_]:
    """Where another number begins."""
    return np.append(True, numbers[1:] != numbers[:-1])[: len(numbers)]


def _verified(texts: Shingles, candidates: Ints, common: _Shorts, share: float) -> Near:
    size, key = texts.size, texts.key
    cluster = np.arange(texts.rows)
    pairs, shares = [np.empty((0, 2), np.int64)], [np.empty(0)]
    for start in range(0, len(candidates), _PAIRS):
        first, second = candidates[start : start + _PAIRS].T
        apart = cluster[first] != cluster[second]  # else the link would change nothing
        first, second = first[apart], second[apart]
        even = size[first] == size[second]
        turned = np.where(even, key[first] > key[second], size[first] > size[second])
        short, long = np.where(turned, second, first), np.where(turned, first, second)
        shared, own = _shared(texts.read(short), texts.read(long), common, texts.every)
        linked = (shared >= share) & ((own >= _OWN * share) | (shared >= _WHOLE))
        pairs.append(np.sort(np.stack([short, long], axis=1)[linked], axis=1))
        shares.append(shared[linked])
        cluster = _joined_by(pairs[-1], cluster)
    found = np.concatenate(pairs)
    order = np.lexsort(found.T[::-1])
    return Near(cluster, found[order], np.concatenate(shares)[order].astype(np.float32))


def _shared(
    short: list[_Shorts], long: list[_Shorts], common: _Shorts, every: np.uint32
) -> tuple[Floats, Floats]:
    """Of each pair the shared words of the shorter text: of all, and of those that are its own."""
    words, owners = _joined(short)
    hashes, borrowed = words >> np.uint32(1), np.cumsum(words & np.uint32(1), dtype=np.int64)
    borrowed = np.append(0, borrowed)
    ends = np.cumsum([len(text) for text in short], dtype=np.int64)
    sizes = np.diff(ends, prepend=0)
    at = _found(hashes, owners, *_joined(long))
    first, last = _passages(at, owners)
    length = at[last] - at[first] + WORDS
    long_enough = length >= _PASSAGE
    first, last, length = first[long_enough], last[long_enough], length[long_enough]
    # Judged by the hashes of the sample: only of them it's known how many texts have them.
    in_sample = hashes[at] % every == 0
    in_many = np.zeros(len(at), np.bool_)
    in_many[in_sample] = _among(hashes[at[in_sample]], common)
    sampled, often = (np.append(0, np.cumsum(mask)) for mask in (in_sample, in_many))
    standing = 2 * (often[last + 1] - often[first]) > sampled[last + 1] - sampled[first]
    foreign = borrowed[at[last] + 1] - borrowed[at[first]]

    def total(words: NDArray[np.integer]) -> Floats:
        sums = np.bincount(owners[at[first]], weights=words, minlength=len(short))
        return sums.astype(np.float64)

    size = sizes + WORDS - 1
    shared = total(length)
    others = borrowed[ends] - borrowed[ends - sizes] + total((length - foreign) * standing)
    own = total((length - foreign) * ~standing)
    return shared / size, own / np.maximum(size - others, 1)


def _joined(texts: list[_Shorts]) -> tuple[_Shorts, Ints]:
    """Texts as one array, and the number of the text at each place."""
    sizes = [len(text) for text in texts]
    return np.concatenate([np.empty(0, np.uint32), *texts]), np.repeat(np.arange(len(texts)), sizes)


def _distinct(numbers: _Shorts) -> _Shorts:
    """Each number once, sorted; in place. NumPy's `unique` hashes, which takes far longer."""
    numbers.sort()
    return numbers[_starts(numbers)]


def _among(numbers: _Shorts, known: _Shorts) -> NDArray[np.bool_]:
    """Which of the numbers are among sorted ones."""
    if not len(known):
        return np.zeros(len(numbers), np.bool_)
    found: NDArray[np.bool_] = known.take(known.searchsorted(numbers), mode="clip") == numbers
    return found


def _found(hashes: _Shorts, owners: Ints, words: _Shorts, numbers: Ints) -> Ints:
    """The places of the hashes that the text with the same number has too."""
    known = numbers.astype(np.uint64) << _HALF | words >> np.uint32(1)
    known.sort()
    wanted = owners.astype(np.uint64) << _HALF | hashes
    at = known.searchsorted(wanted)
    return np.flatnonzero((at < len(known)) & (known.take(at, mode="clip") == wanted))


def _passages(at: Ints, owners: Ints) -> tuple[Ints, Ints]:
    """First and last of each run of places that lie close together in one text."""
    new = np.append(True, np.diff(at) > WORDS + _GAP)[: len(at)]
    new[1:] |= np.diff(owners[at]) != 0
    first = np.flatnonzero(new)
    return first, np.append(first[1:], len(at))[: len(first)] - 1


def _joined_by(pairs: Ints, cluster: Ints) -> Ints:
    """The clusters, each named by its smallest row, once these rows are linked, too.

    Only the clusters that the links touch make the graph: one of all rows for each block of
    candidates would cost the square of their number.
    """
    touched, ends = np.unique(cluster[pairs], return_inverse=True)
    ends = ends.reshape(-1, 2)
    size = len(touched)
    links = coo_array((np.ones(len(ends), dtype=np.bool_), ends.T), shape=(size, size))
    parts, names = connected_components(links, directed=False)
    smallest = np.full(parts, len(cluster), dtype=np.int64)
    np.minimum.at(smallest, names, touched)
    renamed = np.arange(len(cluster))
    renamed[touched] = smallest[names]
    return renamed[cluster]
