"""What has changed most between held-out rows and new ones."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from newsstand.io.reference import Reference, first_words, word_hasher
from newsstand.types import Floats, Ints

_SHOWN = 5  # outlets and labels
_WORDS = 12
_SEARCHED = 500  # texts in which the words of a bucket are looked up


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A share that has changed.

    Args:
        what: `word`, of texts that have it; `outlet` or `label`, of rows.
        name: Which.
        before: Its share of the held-out rows.
        now: Its share of the new rows.
    """

    what: str
    name: str
    before: float
    now: float


def word_changes(
    reference: "csr_array[np.float32]", new: "csr_array[np.float32]", texts: Sequence[str]
) -> list[Change]:
    """The words whose share of texts has changed most, in standard errors.

    Reference data holds hashed words only: they are named by the words that the new texts have in
    their place, so words that no longer occur have no name, and are left out.

    Args:
        reference: Whether each hashed word occurs in a text, shape (texts, words).
        new: The same of new texts.
        texts: These.
    """
    counts, counts_now = (np.asarray(x.sum(axis=0), dtype=np.float64) for x in (reference, new))
    size, size_now = reference.shape[0], new.shape[0]
    before, now = counts / size, counts_now / size_now
    pooled = (counts + counts_now) / (size + size_now)
    error = np.sqrt(pooled * (1 - pooled) * (1 / size + 1 / size_now))
    moved = np.divide(np.abs(now - before), error, out=np.zeros_like(error), where=error > 0)
    order: Ints = np.argsort(-moved, kind="stable")[: 4 * _WORDS]
    names = _names(set(order.tolist()), texts)
    return [
        Change(
            what="word", name=names[bucket], before=float(before[bucket]), now=float(now[bucket])
        )
        for bucket in order.tolist()
        if bucket in names
    ][:_WORDS]


def _names(buckets: set[int], texts: Sequence[str]) -> dict[int, str]:
    """The word that most texts have in each bucket."""
    hasher = word_hasher()
    found: dict[int, Counter[str]] = {bucket: Counter() for bucket in buckets}
    for text in texts[:_SEARCHED]:
        beginning = first_words(text)
        places = hasher.positions(beginning)
        inside = np.isin(places.buckets, list(buckets))
        columns = (places.buckets, places.starts, places.ends)
        spans = zip(*(x[inside].tolist() for x in columns), strict=True)
        words = {(bucket, beginning[start:end].lower()) for bucket, start, end in spans}
        for bucket, word in words:
            found[bucket][word] += 1
    return {
        bucket: max(counts.items(), key=lambda item: (item[1], item[0]))[0]
        for bucket, counts in found.items()
        if counts
    }


def outlet_changes(reference: Reference, outlets: Sequence[str | None]) -> list[Change]:
    """The outlets whose share has changed most."""
    before = Counter(reference.outlets[code] for code in reference.outlet.tolist() if code >= 0)
    now = Counter(outlet for outlet in outlets if outlet is not None)
    names = [*before, *(name for name in now if name not in before)]
    shares, shares_now = (
        np.array([counts[name] / counts.total() for name in names]) for counts in (before, now)
    )
    return _most("outlet", names, shares, shares_now)


def label_changes(names: Sequence[str], before: Ints, now: Ints) -> list[Change]:
    """The predicted labels whose share has changed most."""
    return _most("label", names, before / before.sum(), now / now.sum())


def _most(what: str, names: Sequence[str], before: Floats, now: Floats) -> list[Change]:
    order = np.argsort(-np.abs(now - before), kind="stable")[:_SHOWN]
    return [
        Change(what=what, name=names[place], before=float(before[place]), now=float(now[place]))
        for place in order.tolist()
        if before[place] != now[place]
    ]
