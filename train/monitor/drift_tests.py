"""Tests whether two samples of articles differ: held-out rows and new ones.

The choice follows Rabanser, Günnemann and Lipton, "Failing loudly" (2019): tests of single
properties, a domain classifier, and a correction for their number.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array, vstack
from scipy.stats import chi2_contingency, ks_2samp, mannwhitneyu

from newsstand.types import Floats, Ints

PERMUTATIONS = 500
_AT_ONCE = 50  # permutations
_LEAST_TEXTS = 5  # with a hashed word, to compare its frequency
_LEAST_EXPECTED = 5.0  # rows of a cell in a table, for the χ² distribution to hold
_TABLES = 2_000
_LEAST_TOLD = 10  # texts of each sample


@dataclass(frozen=True, slots=True)
class Tested:
    """The result of a test.

    Args:
        value: How much the samples differ, on the scale of the test.
        p: p-value of the hypothesis that they do not.
    """

    value: float
    p: float


def ks(reference: Floats | Ints, new: Floats | Ints) -> Tested:
    """Kolmogorov and Smirnov's test: the largest difference of the two distribution functions."""
    found = ks_2samp(reference, new)
    return Tested(float(found.statistic), float(found.pvalue))


def chi2(reference: Ints, new: Ints, rng: np.random.Generator) -> Tested:
    """Pearson's test of equal shares.

    Where a category has few rows, the p-value is that of random tables with the same totals
    (a permutation test), and not that of the χ² distribution.

    Args:
        reference: Number of rows of each category.
        new: The same of the new rows.
        rng: Draws the tables.

    Returns:
        Cramér's V, from 0 to 1, and the p-value; 0 and 1 with a single category.
    """
    table = np.array([reference, new], dtype=np.int64)
    table = table[:, table.sum(axis=0) > 0]
    sizes = table.sum(axis=1)
    if table.shape[1] < 2 or not sizes.all():
        return Tested(0.0, 1.0)
    found: Any = chi2_contingency(table, correction=False)
    statistic, p = float(found.statistic), float(found.pvalue)
    if found.expected_freq.min() < _LEAST_EXPECTED:
        totals = table.sum(axis=0)
        drawn = rng.multivariate_hypergeometric(totals, int(sizes[1]), _TABLES, method="marginals")
        expected = found.expected_freq
        squares = (drawn - expected[1]) ** 2  # those of the other row are the same
        statistics = (squares / expected[0] + squares / expected[1]).sum(axis=1)
        as_far = int((statistics >= statistic - 1e-9).sum())
        p = (1 + as_far) / (1 + _TABLES)
    return Tested(float(np.sqrt(statistic / sizes.sum())), p)


def unseen(reference: Ints, new: Ints, rng: np.random.Generator) -> tuple[Tested, float]:
    """Whether more new rows than expected are of categories that the reference lacks.

    Some always are where categories are rare: how many is found by tables with the same totals, in
    which rows of both samples are exchanged at random (a permutation test, one-sided).

    Args:
        reference: Number of rows of each category of either sample.
        new: The same of the new rows.
        rng: Draws the tables.

    Returns:
        The share of new rows of categories that the reference lacks, and its mean in the tables.
    """
    size = int(new.sum())
    drawn = rng.multivariate_hypergeometric(reference + new, size, _TABLES, method="marginals")
    shares = (drawn * (drawn == reference + new)).sum(axis=1) / size
    share = float(new[reference == 0].sum() / size)
    as_many = int((shares >= share - 1e-12).sum())
    return Tested(share, (1 + as_many) / (1 + _TABLES)), float(shares.mean())


def vocabulary(
    reference: "csr_array[np.float32]", new: "csr_array[np.float32]", rng: np.random.Generator
) -> Tested:
    """Whether words occur in as many texts; by a permutation test.

    Args:
        reference: Whether each hashed word occurs in a text, shape (texts, words).
        new: The same of new texts.
        rng: Draws the permutations.

    Returns:
        The Jensen-Shannon distance of the two distributions of words over texts, from 0 to 1.
    """
    pooled = csr_array(vstack([reference, new], format="csr"))
    texts: Floats = np.asarray(pooled.sum(axis=0), dtype=np.float64)
    pooled = pooled[:, np.flatnonzero(texts >= _LEAST_TEXTS)]
    if not pooled.shape[1]:
        return Tested(0.0, 1.0)
    first = np.zeros(pooled.shape[0], dtype=np.float32)
    first[: reference.shape[0]] = 1
    total = np.asarray(pooled.sum(axis=0), dtype=np.float64)
    [observed] = _distances(pooled, total, first[None])
    as_far = 0
    for start in range(0, PERMUTATIONS, _AT_ONCE):
        count = min(_AT_ONCE, PERMUTATIONS - start)
        drawn = rng.permuted(np.tile(first, (count, 1)), axis=1)
        as_far += int((_distances(pooled, total, drawn) >= observed - 1e-12).sum())
    return Tested(float(observed), (1 + as_far) / (1 + PERMUTATIONS))


def _distances(
    pooled: "csr_array[np.float32]", total: Floats, masks: "np.ndarray[Any, Any]"
) -> Floats:
    """Jensen-Shannon distances between the texts of each mask and the others."""
    one = np.asarray((pooled.T @ masks.T).T, dtype=np.float64)
    other = total - one
    one /= np.maximum(one.sum(axis=1, keepdims=True), 1)
    other /= np.maximum(other.sum(axis=1, keepdims=True), 1)
    middle = (one + other) / 2
    divergence = np.zeros(len(masks))
    for part in (one, other):
        ratio = np.divide(part, middle, out=np.ones_like(part), where=part > 0)
        divergence += (part * np.log2(ratio)).sum(axis=1) / 2
    distances: Floats = np.sqrt(np.maximum(divergence, 0))
    return distances


def domain_classifier(
    reference: "csr_array[np.float32]", new: "csr_array[np.float32]", seed: int
) -> Tested:
    """Whether a classifier can tell new texts from reference texts.

    Logistic regression on hashed words is fitted on one half of both samples and tested on the
    other, and the other way round. In each half, a one-sided Mann-Whitney test of the scores is
    valid, whatever the classifier has learnt from the other half; the smaller p-value, doubled,
    holds for both. (The AUC of a cross-validation of more folds has no such simple test: its folds
    share most of what they are fitted on.)

    Args:
        reference: Whether each hashed word occurs in a text, shape (texts, words).
        new: The same of new texts.
        seed: Of the halves.

    Returns:
        The mean AUC: .5 if the samples cannot be told apart, 1 if they always can.
    """
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold

    if min(reference.shape[0], new.shape[0]) < _LEAST_TOLD:
        return Tested(0.5, 1.0)
    texts: Any = TfidfTransformer().fit_transform(csr_array(vstack([reference, new], format="csr")))
    is_new = np.arange(texts.shape[0]) >= reference.shape[0]
    halves = StratifiedKFold(2, shuffle=True, random_state=seed)
    p, areas = [], []
    for fitted, tested in halves.split(np.zeros(len(is_new)), is_new):
        model = LogisticRegression(max_iter=300).fit(texts[fitted], is_new[fitted])
        scores = model.decision_function(texts[tested])
        old, recent = scores[~is_new[tested]], scores[is_new[tested]]
        found = mannwhitneyu(recent, old, alternative="greater")
        p.append(float(found.pvalue))
        areas.append(float(found.statistic) / (len(old) * len(recent)))
    return Tested(float(np.mean(areas)), min(1.0, 2 * min(p)))


def holm(p: Sequence[float]) -> list[float]:
    """p-values corrected for their number by Holm's method.

    >>> [round(x, 3) for x in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p, kind="stable")
    factors = len(p) - np.arange(len(p))
    stepped = np.maximum.accumulate(np.asarray(p, dtype=np.float64)[order] * factors)
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(stepped, 1)
    return [float(value) for value in corrected]
