"""What belongs together: rows as units, named by their content and never by their place."""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from newsstand.types import Hashes, Ints


def codes(values: Sequence[str | None]) -> tuple[Ints, list[str]]:
    """Each value as a number, and the value of each number; -1 for None and for blank text.

    >>> codes(["Wire", None, "Post", "Wire"])
    (array([ 0, -1,  1,  0]), ['Wire', 'Post'])
    """
    seen: dict[str, int] = {}
    numbers = (seen.setdefault(value, len(seen)) if value else -1 for value in values)
    return np.fromiter(numbers, np.int64, len(values)), list(seen)


def hashes(values: Iterable[str]) -> Hashes:
    """64 bits of each value, the same on every machine."""
    digests = (
        hashlib.blake2b(value.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        for value in values
    )
    return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)


def lots(keys: Hashes, draw: str) -> Hashes:
    """A lot for each key: the same key gets another one in each draw.

    Args:
        keys: From `hashes`.
        draw: Name of the draw, the seed included.
    """
    # The finaliser of SplitMix64 (Steele, Lea and Flood 2014); the product wraps on purpose.
    mixed = keys ^ hashes([draw])
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def join(text: Sequence[str], others: Iterable[Sequence[str | None]]) -> tuple[Ints, Hashes]:
    """The unit of each row, and a key of each unit that depends on its texts alone.

    Rows with the same text, or the same value of another column, are in one unit, at any
    remove. Rows without a value are not joined by that column.

    Args:
        text: Of each row; equal for rows that say the same.
        others: Further columns that join rows.

    >>> join(["a", "b", "c", "a"], [["story", None, None, None], [None, "x", "y", "x"]])[0]
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
    count, unit = connected_components(graph, directed=False)
    # A minimum does not depend on the order, and a row more rarely changes it.
    keys = np.full(count, np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(keys, unit[: len(texts)], hashes(texts))
    return unit[first].astype(np.int64), keys
