"""Whether a model knows anything of a text, or answers by what it says of an empty one."""

from collections.abc import Callable, Sequence

import numpy as np

from newsstand.features.hashed_ngrams import HashedNgrams
from newsstand.types import Bools

NOTHING_KNOWN = "nothing in this text is known to the model"

# Words at the beginning of a text, which tell of nearly all texts.
_BEGINNING = 60
# From so many n-grams on that fall in a used bucket by chance, more than chance is asked for.
_BY_CHANCE = 10.0


def by_beginning(texts: Sequence[str], knows: Callable[[Sequence[str]], Bools]) -> Bools:
    """What `knows` says of texts, shape (texts,): of their first words, else of all of them."""
    if not texts:
        return np.zeros(0, dtype=np.bool_)
    found = knows([first_words(text, _BEGINNING) for text in texts])
    if len(rest := np.flatnonzero(~found)):
        found[rest] = knows([texts[row] for row in rest.tolist()])
    return found


def in_buckets(texts: Sequence[str], hasher: HashedNgrams, used: Bools) -> Bools:
    """Whether n-grams of each text fall in buckets that are used.

    A model of much text uses many buckets, so that a text of a language it has never seen hits
    some, too: three standard deviations more than that are asked for where it is to be expected.

    Args:
        texts: The texts.
        hasher: Of n-grams of one length.
        used: Shape (2**bits,).

    Returns:
        Shape (texts,).
    """
    counts = hasher.counts(texts)
    distinct = np.diff(counts.indptr)
    rows = np.repeat(np.arange(len(texts)), distinct)
    hits = np.bincount(rows[used[counts.indices]], minlength=len(texts))
    share = float(used.mean())
    chance = distinct * share
    most = np.where(chance < _BY_CHANCE, 0, chance + 3 * np.sqrt(chance * (1 - share)))
    flags: Bools = hits > most
    return flags


def first_words(text: str, most: int) -> str:
    """The text up to the end of so many words.

    >>> first_words("Rye fell on Monday.", 2)
    'Rye fell '
    """
    rest = text.split(None, most)[most:]
    return text[: len(text) - len(rest[0])] if rest else text
