"""Bootstrap confidence intervals of functions of sums, resampled by group.

Groups of rows that depend on each other (a story, a target, an outlet) are drawn with replacement
as a whole. Three corrections make the intervals cover the true value on small test sets, with few
groups, and for scores near their limit, where the percentiles of the resamples are too narrow:

- Percentiles are those of the t distribution with the effective number of groups (Hesterberg 2015,
  What Teachers Should Know About the Bootstrap, section 5.3; Kish 1965 for the effective number).
- They are accelerated, as in the BCa interval (Efron 1987, Better Bootstrap Confidence Intervals),
  by the skewness of the jackknife.
- Each resample has one virtual row more, half of it correct, half wrong, with random weights. A
  proportion then has about the interval of Jeffreys' prior (Brown, Cai and DasGupta 2001, Interval
  Estimation for a Binomial Proportion), and a score without any error a lower end below 1.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute
from scipy.sparse import csr_array
from scipy.special import ndtr
from scipy.stats import t as student_t

from newsstand.train.evaluation.result import Estimate
from newsstand.train.evaluation.rows import EvaluatedRows
from newsstand.train.evaluation.sums import one_hot, ratio, total
from newsstand.types import Bools, Floats, Ints

CONFIDENCE = 0.95
MIN_GROUPS = 5  # with fewer, a column does not give the groups
_MIN_KNOWN = 0.5  # share of the rows that must have a value in the column
_BY_TASK = {"topic": ("group", "outlet"), "stance": ("group", "target", "outlet")}
_JACKKNIFE = 400  # most leave-outs of the jackknife; more groups are left out in blocks
_CHUNK = 4_000_000  # most numbers in an array of a chunk of resamples
_MOST_SKEW = 0.5  # of the acceleration times the quantile
# The mean absolute value of noise, divided by its increase when as much noise is added again.
_NOISE = 1 + 2**0.5
_HALF = 0.5  # shape of the gamma weights of the virtual row's halves


def group_codes(rows: EvaluatedRows) -> tuple[Ints, str | None]:
    """The groups of rows that are resampled together.

    They are given by the first of the columns `group` (a story), `target` (of stance) and `outlet`
    that has a value in at least half of the rows and at least 5 different ones. Rows without a
    value are groups of their own.

    Returns:
        The group number of each row, from 0, and the column; None if each row is its own group.
    """
    for name in _BY_TASK[rows.task]:
        column = rows.columns[name]
        known = len(column) - column.null_count
        if known < _MIN_KNOWN * len(column) or len(column.unique().drop_null()) < MIN_GROUPS:
            continue
        codes = codes_of(column)
        alone = codes < 0
        codes[alone] = codes.max() + 1 + np.arange(alone.sum())
        return codes, name
    return np.arange(len(rows)), None


def codes_of(column: pa.Array) -> Ints:
    """Numbers from 0, equal for equal values, in the order of their first rows; -1 for null."""
    encoded = compute.dictionary_encode(column)
    codes: Ints = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return codes


def resample_weights(groups: Ints, count: int, seed: int) -> NDArray[np.int32]:
    """How often each group is drawn in each resample.

    Args:
        groups: The group number of each row, as of `group_codes`.
        count: Number of resamples.
        seed: Of the draws.

    Returns:
        Shape (count, groups).
    """
    size = int(groups.max()) + 1
    return np.concatenate(list(_draws(size, count, seed, width=size)))


def _draws(size: int, count: int, seed: int, width: int) -> Iterator[NDArray[np.int32]]:
    """The weights of `resample_weights` in chunks, for arrays with `width` numbers a resample."""
    random = np.random.default_rng(seed)
    chunk = max(1, _CHUNK // max(width, size))
    for start in range(0, count, chunk):
        for_now = min(chunk, count - start)
        drawn = random.integers(size, size=(for_now, size))
        drawn += size * np.arange(for_now)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=for_now * size)
        yield counts.reshape(for_now, size).astype(np.int32)


def effective_groups(groups: Ints, support: csr_array) -> Floats:
    """The effective number of groups of figures, at most that of their groups.

    That of n groups of equal size is n (Kish 1965, Survey Sampling).

    Args:
        groups: The group number of each row.
        support: How much each row counts in each figure, shape (rows, figures).

    Returns:
        Shape (figures,); 0 for those without rows.
    """
    sizes = _by_group(groups, support)
    return ratio(total(sizes) ** 2, total(csr_array(sizes.power(2))))


def _by_group(groups: Ints, columns: csr_array) -> csr_array:
    """The sums of columns by group, shape (groups, columns)."""
    return csr_array(one_hot(groups, int(groups.max()) + 1).T @ columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Figures that are functions of sums over rows.

    Args:
        columns: Values of rows, shape (rows, columns).
        values: Takes sums of the columns, shape (…, columns); returns shape (…, figures).
        virtual: Columns of a correct and a wrong virtual row, shape (2, columns).
        effective: Effective number of groups of each figure, shape (figures,).
        biased: Whether noise alone increases a figure, shape (figures,). Its lower end is shifted
            by the bias that it has if all of it is noise, its upper end by that of the resamples.
    """

    columns: csr_array
    values: Callable[[Floats], Floats]
    virtual: csr_array
    effective: Floats
    biased: Bools | None = None


@dataclass(frozen=True, slots=True)
class Intervals:
    """Figures with confidence intervals, each of shape (figures,).

    Args:
        value: The figures of all rows.
        low: Lower ends.
        high: Upper ends.
        error: Standard errors.
    """

    value: Floats
    low: Floats
    high: Floats
    error: Floats

    def estimate(self, place: int) -> Estimate:
        """One of the figures."""
        return Estimate(*(float(x[place]) for x in (self.value, self.low, self.high)))


def intervals(figures: Figures, groups: Ints, count: int, seed: int) -> Intervals:
    """Computes figures and their 95% intervals.

    Args:
        figures: The figures.
        groups: The group number of each row.
        count: Number of resamples.
        seed: Of the draws.
    """
    by_group = _by_group(groups, figures.columns)
    value = figures.values(total(by_group))
    resampled = _resampled(figures, by_group, count, seed)
    effective = np.maximum(figures.effective, 2.0)
    spread = np.sqrt(effective / (effective - 1))
    quantile = spread * student_t.ppf((1 + CONFIDENCE) / 2, effective - 1)
    most = _MOST_SKEW / quantile
    skew = np.clip(_acceleration(figures, by_group), -most, most)
    ordered = np.sort(resampled, axis=0)
    low, high = (
        _at(ordered, ndtr(sign * quantile / (1 - sign * skew * quantile))) for sign in (-1, 1)
    )
    if figures.biased is not None:
        bias = np.maximum(resampled.mean(axis=0) - value, 0) * figures.biased
        low = np.where(figures.biased, np.maximum(low - (1 + _NOISE) * bias, 0), low)
        high -= 2 * bias
    error = spread * resampled.std(axis=0)
    return Intervals(value, np.minimum(low, value), np.maximum(high, value), error)


def _resampled(figures: Figures, by_group: csr_array, count: int, seed: int) -> Floats:
    """The figures of each resample, shape (count, figures)."""
    transposed, virtual = csr_array(by_group.T), csr_array(figures.virtual.T)
    random = np.random.default_rng([seed, 1])
    parts = []
    for weights in _draws(by_group.shape[0], count, seed, width=by_group.shape[1]):
        halves = random.gamma(_HALF, size=(2, len(weights)))
        sums = transposed @ weights.T.astype(np.float64) + virtual @ halves
        parts.append(figures.values(np.ascontiguousarray(sums.T)))
    return np.concatenate(parts)


def _acceleration(figures: Figures, by_group: csr_array) -> Floats:
    """The acceleration of each figure, from the jackknife; 0 where all leave-outs are equal."""
    size = by_group.shape[0]
    blocks = _by_group(np.arange(size) % _JACKKNIFE, by_group).toarray()
    left_out = figures.values(total(by_group) - blocks)
    influence = left_out.mean(axis=0) - left_out
    squares = np.square(influence).sum(axis=0)
    return ratio((influence**3).sum(axis=0), 6 * squares**1.5)


def _at(ordered: Floats, level: Floats) -> Floats:
    """The quantile of each column of sorted values at its own level."""
    size = len(ordered)
    place = np.clip(level * (size + 1) - 1, 0, size - 1)
    below = np.floor(place).astype(np.int64)
    columns = np.arange(ordered.shape[1])
    first, second = ordered[below, columns], ordered[np.minimum(below + 1, size - 1), columns]
    quantiles: Floats = first + (place - below) * (second - first)
    return quantiles
