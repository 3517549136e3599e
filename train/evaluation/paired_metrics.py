"""Metrics of two models on many resamples of the same rows at once.

A metric is computed from sums over rows. The sums of a resample are those of its units (rows, or
groups of rows), so that thousands of resamples cost one product of matrices.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from newsstand.errors import NewsstandError, did_you_mean
from newsstand.train.evaluation.metrics import METRICS, MetricTable
from newsstand.train.evaluation.probability_metrics import calibration_bins
from newsstand.train.evaluation.risk_coverage import ranked
from newsstand.train.evaluation.rows import EvaluatedRows
from newsstand.train.evaluation.sums import Predictions, one_hot
from newsstand.types import Floats, Ints

# Metrics of which a lower value is better.
LOWER_IS_BETTER = frozenset({"log_loss", "brier", "ece", "mae", "aurc"})

# Columns whose values of a row depend on the other rows.
_OF_ALL_ROWS = (calibration_bins, ranked)


def check_metric(name: str, rows: EvaluatedRows) -> None:
    """Refuses a metric that is unknown or cannot be computed on rows.

    Raises:
        NewsstandError: With the known metrics, or the setting that is missing.
    """
    if name not in METRICS:
        near = did_you_mean(name, METRICS, listing=None)
        raise NewsstandError(f"metric '{name}' is not known{near} (known: {', '.join(METRICS)})")
    if METRICS[name].optional and not rows.settings.get(name):
        raise NewsstandError(
            f"metric '{name}' needs the setting evaluation.{name}, which the config of the first "
            "run does not have"
        )


def metric_value(rows: EvaluatedRows, name: str, settings: Mapping[str, Any]) -> float:
    """A metric of `METRICS` on all rows."""
    return float(_table(rows, name, settings).of_all()[0])


@dataclass(frozen=True, slots=True)
class PairedSums:
    """What a metric needs of each unit, for two models.

    Args:
        first: float64, shape (units, values): sums of the first model over the rows of each unit.
        second: Those of the second model.
        times: int64, shape (units,): how often a unit with these sums occurs.
        metric: From sums, shape (resamples, values), to values, shape (resamples,).
    """

    first: Floats
    second: Floats
    times: Ints
    metric: Callable[[Floats], Floats]

    def bootstrap(self, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """The metric of both models on resamples with replacement, each shape (count,)."""
        total = self.times.sum()
        weights = rng.multinomial(total, self.times / total, size=count).astype(np.float64)
        return self.metric(weights @ self.first), self.metric(weights @ self.second)

    def exchanged(self, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """The metric of both models after their predictions are exchanged in random units."""
        moved = rng.binomial(self.times, 0.5, size=(count, len(self.times))).astype(np.float64)
        change = moved @ (self.second - self.first)
        first = self.times @ self.first + change
        second = self.times @ self.second - change
        return self.metric(first), self.metric(second)


def paired_sums(
    first: EvaluatedRows, second: EvaluatedRows, groups: Ints, metric: str
) -> PairedSums | None:
    """The sums of a metric by group.

    Args:
        first: Rows with the first model's probabilities.
        second: The same rows with those of the second model.
        groups: int64, shape (rows,): numbers of groups, from 0.
        metric: A name of `METRICS`.

    Returns:
        None if what is summed of a row depends on the other rows, as for ECE.
    """
    if METRICS[metric].columns in _OF_ALL_ROWS:
        return None
    tables = [_table(rows, metric, first.settings) for rows in (first, second)]

    def of_sums(sums: Floats) -> Floats:
        values: Floats = tables[0].values(sums)[..., 0]
        return values

    columns = [table.columns for table in tables]
    if len(np.unique(groups)) == len(groups):  # rows with the same values are alike
        size = len(first.labels)
        cells = (first.truth * size + first.predicted) * size + second.predicted
        own = [values[:, 3 * size :].toarray() for values in columns]
        kinds = np.column_stack([cells, *own])
        _, places, times = np.unique(kinds, axis=0, return_index=True, return_counts=True)
        alike = [values[places].toarray() for values in columns]
        return PairedSums(alike[0], alike[1], times.astype(np.int64), of_sums)
    count = int(groups.max()) + 1
    by_group = [(one_hot(groups, count).T @ values).toarray() for values in columns]
    return PairedSums(by_group[0], by_group[1], np.ones(count, dtype=np.int64), of_sums)


def _table(rows: EvaluatedRows, metric: str, settings: Mapping[str, Any]) -> MetricTable:
    predictions = Predictions(rows.probabilities, rows.truth, list(rows.labels))
    return MetricTable(predictions, settings, names=[metric])
