"""Tests of whether two models differ on the same rows.

The interval is that of a paired bootstrap, its p-value that of a paired permutation test; both draw
whole groups of rows, as rows of one story, target or outlet are not independent. McNemar's exact
test compares the rows that only one of the models gets right.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy.stats import binomtest, norm
from scipy.stats import t as student

from newsstand.train.evaluation.bootstrap import MIN_GROUPS, group_codes
from newsstand.train.evaluation.evaluation import metric_estimates
from newsstand.train.evaluation.metrics import MetricTable
from newsstand.train.evaluation.paired_metrics import (
    LOWER_IS_BETTER,
    PairedSums,
    check_metric,
    metric_value,
    paired_sums,
)
from newsstand.train.evaluation.result import Estimate
from newsstand.train.evaluation.rows import EvaluatedRows
from newsstand.train.evaluation.sums import Predictions
from newsstand.types import Floats, Ints

LEVEL = 0.05
_SAME = 1e-10  # differences that differ less are the same but for rounding
_CHUNK_CELLS = 4_000_000  # numbers in memory at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The difference of two models on the same rows.

    Args:
        metric: The metric's name in `METRICS`.
        first: Its value for the first model.
        second: Its value for the second model.
        difference: `second` minus `first`.
        low: Lower end of the 95% interval of the difference.
        high: Upper end.
        p_bootstrap: Two-sided p-value of the difference, from random exchanges of groups.
        p_mcnemar: p-value of McNemar's exact test of the accuracy.
        rows: Number of rows.
        groups: Number of independent groups that are drawn; the number of rows if each row is.
        grouped_by: `group`, `target`, `outlet`, or None if each row is drawn by itself.
        only_first: Number of rows that only the first model gets right.
        only_second: Number of rows that only the second model gets right.
    """

    metric: str
    first: float
    second: float
    difference: float
    low: float
    high: float
    p_bootstrap: float
    p_mcnemar: float
    rows: int
    groups: int
    grouped_by: str | None = None
    only_first: int = 0
    only_second: int = 0

    @property
    def gain(self) -> float:
        """By how much the second model is better: the difference, or its negative for losses."""
        return -self.difference if self.metric in LOWER_IS_BETTER else self.difference

    def significant(self, p: float | None = None) -> bool:
        """Whether the models differ at the level of .05.

        Args:
            p: The corrected p-value if there are several comparisons; None for `p_bootstrap`.
        """
        return (self.p_bootstrap if p is None else p) < LEVEL


def paired_test(
    first: EvaluatedRows,
    second: EvaluatedRows,
    metric: str = "macro_f1",
    resamples: int = 1000,
    seed: int = 0,
    *,
    permutations: int | None = None,
) -> Difference:
    """Tests whether two models differ in a metric.

    The interval is that of a paired bootstrap: percentiles of the difference on resamples of groups
    with replacement (Efron and Tibshirani 1993, chapter 13), a little further out than 2.5 and 97.5
    if groups are few (`interval`). The p-value is that of a permutation test that exchanges the
    predictions of the two models in random groups (Yeh 2000; Dror et al. 2018, section 3.2):
    two-sided, counting half of the permutations with the same difference (mid-p: Lancaster 1961).
    With few groups its level is right where that of the bootstrap's own p-values is up to twice
    what it should be; `tests/bench/comparisons.py` measures it.

    Args:
        first: Rows with the first model's probabilities.
        second: The same rows in the same order, with those of the second model.
        metric: A name of `METRICS`; its setting is that of the first rows.
        resamples: Number of resamples.
        seed: Seed of resamples and permutations.
        permutations: Number of permutations; None for as many as resamples. The least p-value is
            half of its inverse, so that several comparisons need more.

    Raises:
        NewsstandError: The metric is not known, or lacks its setting.
        ValueError: The rows differ in number, labels or true labels, or there are none.
    """
    check_metric(metric, first)
    _check_paired(first, second)
    groups, grouped_by = group_codes(first)
    paired, rng = _Paired.of(first, second, groups, metric), np.random.default_rng(seed)
    values = paired.values()
    difference = values[1] - values[0]
    low, high = interval(_minus(*paired.resampled(resamples, rng)), paired.count)
    permuted = _minus(*paired.exchanged(permutations or resamples, rng))
    right = [rows.predicted == rows.truth for rows in (first, second)]
    only = [int(np.sum(a & ~b)) for a, b in (right, right[::-1])]
    return Difference(
        metric=metric,
        first=values[0],
        second=values[1],
        difference=difference,
        low=low,
        high=high,
        p_bootstrap=_mid_p(permuted, difference),
        p_mcnemar=mcnemar(*only),
        rows=len(first),
        groups=paired.count,
        grouped_by=grouped_by,
        only_first=only[0],
        only_second=only[1],
    )


def metric_interval(
    rows: EvaluatedRows, metric: str, resamples: int = 1000, seed: int = 0
) -> Estimate:
    """A metric of one model with its 95% interval, as in its evaluation.

    Args:
        rows: Rows with the model's probabilities.
        metric: A name of `METRICS`.
        resamples: Number of resamples.
        seed: Seed of the resamples.

    Raises:
        NewsstandError: The metric is not known, or lacks its setting.
    """
    check_metric(metric, rows)
    predictions = Predictions(rows.probabilities, rows.truth, list(rows.labels))
    table = MetricTable(predictions, rows.settings, names=[metric])
    groups, _ = group_codes(rows)
    return metric_estimates(table, groups, count=resamples, seed=seed)[metric]


def interval(drawn: Floats, groups: int) -> tuple[float, float]:
    """The 95% interval of a value from resamples of groups, by expanded percentiles.

    Percentiles of the bootstrap are too narrow for few groups, by the factor between the normal and
    Student's t distribution, and that between n and n - 1 (Hesterberg 2015, section 3.3).

    Args:
        drawn: The value on each resample.
        groups: Number of groups.
    """
    if groups < 2:
        return float(drawn.min()), float(drawn.max())
    wider = np.sqrt(groups / (groups - 1)) * student.ppf(LEVEL / 2, groups - 1)
    tail = 100 * norm.cdf(wider)
    low, high = np.percentile(drawn, (tail, 100 - tail))
    return float(low), float(high)


def mcnemar(only_first: int, only_second: int) -> float:
    """p-value of McNemar's exact test, two-sided.

    Args:
        only_first: Number of rows that only the first model gets right.
        only_second: Number of rows that only the second model gets right.

    >>> mcnemar(1, 9)
    0.021484375
    """
    if not only_first + only_second:
        return 1.0
    return float(binomtest(only_first, only_first + only_second).pvalue)


def _check_paired(first: EvaluatedRows, second: EvaluatedRows) -> None:
    if not len(first):
        raise ValueError("no rows")
    if list(first.labels) != list(second.labels):
        raise ValueError("the two models have different labels")
    if not np.array_equal(first.truth, second.truth):
        raise ValueError("the rows are not the same, in the same order")


def _mid_p(permuted: Floats, difference: float) -> float:
    """The share of permutations with a larger difference, and half of those with the same."""
    least = abs(difference)
    if least < _SAME:
        return 1.0
    size = np.abs(permuted)
    same = np.isclose(size, least, rtol=_SAME, atol=_SAME)
    larger = (size > least) & ~same
    # The difference itself is one of the permutations, so that p is never 0.
    return float((larger.sum() + 0.5 * (same.sum() + 1)) / (len(permuted) + 1))


def few_groups(rows: EvaluatedRows) -> tuple[str, int] | None:
    """The column by which rows would be grouped if it had more values, and their number."""
    return next(((name, n) for name, n in _group_columns(rows) if n < MIN_GROUPS), None)


def _group_columns(rows: EvaluatedRows) -> Iterator[tuple[str, int]]:
    """Columns whose equal values make rows dependent, and the number of their values."""
    for name in ("group", "target", "outlet") if rows.task == "stance" else ("group", "outlet"):
        column = rows.columns[name]
        if len(column) and column.null_count <= len(column) / 2:
            yield name, len(column.unique().drop_null())


@dataclass(frozen=True, slots=True)
class _Paired:
    """Two models on the same rows, to be resampled by group.

    Args:
        pair: The rows with the predictions of each model.
        groups: The group of each row, from 0.
        metric: The metric's name.
        sums: What the metric needs of each group; None if it needs the rows themselves.
    """

    pair: tuple[EvaluatedRows, EvaluatedRows]
    groups: Ints
    metric: str
    sums: PairedSums | None

    @classmethod
    def of(cls, first: EvaluatedRows, second: EvaluatedRows, groups: Ints, metric: str) -> Self:
        return cls((first, second), groups, metric, paired_sums(first, second, groups, metric))

    @property
    def count(self) -> int:
        """The number of groups."""
        return int(self.groups.max()) + 1

    def values(self) -> tuple[float, float]:
        """The metric of both models on all rows."""
        if self.sums is None:
            settings = self.pair[0].settings
            first, second = (metric_value(each, self.metric, settings) for each in self.pair)
            return first, second
        sums = self.sums
        both = (sums.metric(sums.times[None] @ each) for each in (sums.first, sums.second))
        first, second = (float(values[0]) for values in both)
        return first, second

    def resampled(self, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """The metric of both models on resamples with replacement, each shape (count,)."""
        if self.sums is None:
            return self._resampled_rows(count, rng)
        return _joined([self.sums.bootstrap(size, rng) for size in _chunks(self.sums, count)])

    def exchanged(self, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """As `resampled`, after the predictions of random groups are exchanged."""
        if self.sums is None:
            return self._exchanged_rows(count, rng)
        return _joined([self.sums.exchanged(size, rng) for size in _chunks(self.sums, count)])

    def _resampled_rows(self, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        values = np.empty((count, 2))
        for number in range(count):
            drawn = rng.integers(0, self.count, size=self.count)
            times = np.bincount(drawn, minlength=self.count)
            rows = np.repeat(np.arange(len(self.groups)), times[self.groups])
            for place, each in enumerate(self.pair):
                values[number, place] = self._computed(each.probabilities[rows], each.truth[rows])
        return values[:, 0], values[:, 1]

    def _exchanged_rows(self, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        values = np.empty((count, 2))
        first, second = (each.probabilities for each in self.pair)
        truth = self.pair[0].truth
        for number in range(count):
            moved = (rng.random(self.count) < 0.5)[self.groups, None]
            values[number, 0] = self._computed(np.where(moved, second, first), truth)
            values[number, 1] = self._computed(np.where(moved, first, second), truth)
        return values[:, 0], values[:, 1]

    def _computed(self, probabilities: Floats, truth: Ints) -> float:
        rows = self.pair[0]
        changed = replace(rows, probabilities=probabilities, truth=truth)
        return metric_value(changed, self.metric, rows.settings)


def _joined(parts: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    first, second = (np.concatenate(values) for values in zip(*parts, strict=True))
    return first, second


def _minus(first: Floats, second: Floats) -> Floats:
    return second - first


def _chunks(sums: PairedSums, count: int) -> Iterator[int]:
    """Sizes of the parts in which resamples are drawn."""
    most = max(1, _CHUNK_CELLS // (len(sums.times) + sums.first.shape[1]))
    while count > 0:
        yield min(most, count)
        count -= most
