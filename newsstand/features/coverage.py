"""Tests whether a model knows any n-gram of a text, or would score it like an empty one."""

from collections.abc import Callable, Sequence

import numpy as np

from newsstand.features.hashed_ngrams import HashedNgrams
from newsstand.types import Bools

NOTHING_KNOWN = "nothing in this text is known to the model"

# Words at the beginning of a text; they suffice to recognise nearly all texts.
_FIRST_WORDS = 60
# From this expected number of n-grams in used buckets on, more hits than chance are required.
_EXPECTED_HITS = 10.0


def first_words_known(texts: Sequence[str], knows: Callable[[Sequence[str]], Bools]) -> Bools:
    """Applies `knows` to the first words of texts, and where that is false to the whole texts.

    Returns:
        Shape (texts,).
    """
    if not texts:
        return np.zeros(0, dtype=np.bool_)
    known = knows([first_words(text, _FIRST_WORDS) for text in texts])
    if len(rest := np.flatnonzero(~known)):
        known[rest] = knows([texts[row] for row in rest.tolist()])
    return known


def in_buckets(texts: Sequence[str], hasher: HashedNgrams, used: Bools) -> Bools:
    """Whether n-grams of each text fall in used buckets, more often than by chance.

    A model fitted on much text uses many buckets, so that a text in an unseen language hits some
    by chance. Where such hits are expected, three standard deviations more are required.

    Args:
        texts: The texts.
        hasher: A hasher of n-grams of one length.
        used: Whether each bucket is used, shape (2**bits,).

    Returns:
        Shape (texts,).
    """
    counts = hasher.counts(texts)
    distinct = np.diff(counts.indptr)
    rows = np.repeat(np.arange(len(texts)), distinct)
    hits = np.bincount(rows[used[counts.indices]], minlength=len(texts))
    share = float(used.mean())
    expected = distinct * share
    limit = np.where(expected < _EXPECTED_HITS, 0, expected + 3 * np.sqrt(expected * (1 - share)))
    known: Bools = hits > limit
    return known


def first_words(text: str, count: int) -> str:
    """Returns the first `count` words of a text, with the blanks after them.

    >>> first_words("Rye fell on Monday.", 2)
    'Rye fell '
    """
    rest = text.split(None, count)[count:]
    return text[: len(text) - len(rest[0])] if rest else text
