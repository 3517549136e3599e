"""Groups of rows that must stay in one split, with keys that depend only on content."""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from newsstand.types import Hashes, Ints


def codes(values: Sequence[str | None]) -> tuple[Ints, list[str]]:
    """Encodes values as numbers in order of first occurrence; -1 for None and for blank text.

    Returns:
        The number of each value, and the distinct values.

    >>> codes(["Wire", None, "Post", "Wire"])
    (array([ 0, -1,  1,  0]), ['Wire', 'Post'])
    """
    seen: dict[str, int] = {}
    numbers = (seen.setdefault(value, len(seen)) if value else -1 for value in values)
    return np.fromiter(numbers, np.int64, len(values)), list(seen)


def hashes(values: Iterable[str]) -> Hashes:
    """Returns a 64-bit hash of each value, the same on every machine."""
    digests = (
        hashlib.blake2b(value.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        for value in values
    )
    return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)


def random_keys(keys: Hashes, draw: str) -> Hashes:
    """Returns a pseudo-random number for each key, different in each draw.

    Args:
        keys: From `hashes`.
        draw: Name of the draw, including the seed.
    """
    # The finaliser of SplitMix64 (Steele, Lea and Flood 2014); the product wraps on purpose.
    mixed = keys ^ hashes([draw])
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def connected_groups(
    text: Sequence[str], others: Iterable[Sequence[str | None]]
) -> tuple[Ints, Hashes]:
    """Groups rows that share a text or a value of another column, directly or through other rows.

    Args:
        text: Key of the text of each row; equal for equal texts.
        others: Further columns; None and blank values connect no rows.

    Returns:
        The group of each row, and a key of each group that depends only on its texts.

    >>> stories, clusters = ["story", None, None, None], [None, "x", "y", "x"]
    >>> connected_groups(["a", "b", "c", "a"], [stories, clusters])[0]
    array([0, 0, 1, 0])
    """
    first, texts = codes([f"text {value}" for value in text])
    rows, columns, nodes = [first], [first], len(texts)
    for values in others:
        number, known = codes(values)
        rows.append(first[number >= 0])
        columns.append(number[number >= 0] + nodes)
        nodes += len(known)
    places = np.concatenate(rows), np.concatenate(columns)
    graph = coo_array((np.ones(len(places[0]), np.int8), places), shape=(nodes, nodes))
    count, group = connected_components(graph, directed=False)
    # The minimum does not depend on the order of rows, and a further row rarely changes it.
    keys = np.full(count, np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(keys, group[: len(texts)], hashes(texts))
    return group[first].astype(np.int64), keys
