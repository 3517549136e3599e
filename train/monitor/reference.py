"""Makes the reference data of a bundle from the held-out rows of a run."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
from pyarrow import compute
from scipy.sparse import csr_array

from newsstand.io.reference import (
    BITS,
    LONGEST_NAME,
    MOST_NAMES,
    MOST_PROBABILITIES,
    MOST_ROWS,
    MOST_WORDS,
    NOT_GIVEN,
    OTHER,
    Reference,
    hashed_words,
)
from newsstand.text.example import Example
from newsstand.train.evaluation.rows import EvaluatedRows
from newsstand.types import Ints

# Columns by which rows belong together, as in the intervals of an evaluation: the first that has
# values. Rows without a value are groups of their own.
_GROUPS = ("group", "target", "outlet")
_TEXTS = 256  # whose words are hashed at a time


def make_reference(rows: EvaluatedRows, examples: Sequence[Example], seed: int) -> Reference:
    """The reference data of a model: at most `MOST_ROWS` of its test rows, in random order.

    Args:
        rows: The test rows, which neither the model nor its calibration was fitted on.
        examples: Their prepared texts.
        seed: Decides which rows are drawn.
    """
    most = min(MOST_ROWS, max(1, MOST_PROBABILITIES // len(rows.labels)))
    drawn = np.random.default_rng(seed).permutation(len(rows))[:most].astype(np.int64)
    outlet, outlets = _codes(rows.columns["outlet"], drawn, MOST_NAMES["outlets"])
    target, targets = _codes(rows.columns["target"], drawn, MOST_NAMES["targets"])
    words = compute.fill_null(rows.columns["words"], 0).to_numpy(zero_copy_only=False)
    return Reference(
        probabilities=rows.probabilities[drawn],
        truth=rows.truth[drawn],
        groups=_groups(rows)[drawn],
        words=words[drawn].astype(np.int64),
        outlet=outlet,
        target=target,
        outlets=outlets,
        targets=targets,
        presence=_presence(examples, drawn),
    )


def _codes(column: pa.Array, drawn: Ints, most: int) -> tuple[Ints, tuple[str, ...]]:
    """The values of the drawn rows as indices into the most frequent ones, and these."""
    values = [column[row].as_py() for row in drawn.tolist()]
    counts = Counter(value for value in values if value is not None and len(value) <= LONGEST_NAME)
    ordered = sorted(counts, key=lambda name: (-counts[name], name))[:most]
    place = {name: number for number, name in enumerate(ordered)}
    codes = [NOT_GIVEN if value is None else place.get(value, OTHER) for value in values]
    return np.array(codes, dtype=np.int64), tuple(ordered)


def _groups(rows: EvaluatedRows) -> Ints:
    """The group of each row as a number; see `_GROUPS`."""
    for name in _GROUPS:
        column = rows.columns[name]
        if column.null_count == len(column):
            continue
        codes = compute.dictionary_encode(column).indices
        alone = pa.array(np.arange(len(column), dtype=np.int64) + len(column))
        numbers = compute.coalesce(compute.cast(codes, pa.int64()), alone)
        return np.asarray(numbers.to_numpy(zero_copy_only=False), dtype=np.int64)
    return np.arange(len(rows), dtype=np.int64)


def _presence(examples: Sequence[Example], drawn: Ints) -> "csr_array[np.float32]":
    """The hashed words of as many of the first drawn rows as there is room for, at least one."""
    parts, room = [], MOST_WORDS
    edges = [*range(0, len(drawn), _TEXTS), len(drawn)]
    for start, end in pairwise(edges):
        found = hashed_words([examples[row].text for row in drawn[start:end].tolist()])
        kept = int(np.searchsorted(found.indptr, room, side="right")) - 1
        parts.append(found[:kept])
        room -= int(found.indptr[kept])
        if kept < found.shape[0]:
            break
    indices = np.concatenate([part.indices for part in parts])
    sizes = np.concatenate([np.diff(part.indptr) for part in parts])
    offsets = np.append(0, np.cumsum(sizes)).astype(np.int32)
    ones = np.ones(len(indices), dtype=np.float32)
    return csr_array((ones, indices, offsets), shape=(len(sizes), 1 << BITS))
