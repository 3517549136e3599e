"""Metrics of a model's probabilities against the true labels.

A metric is an entry of `METRICS`; an optional one also needs a setting of its name in the config's
`evaluation` section.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack, vstack

from newsstand.train.evaluation.probability_metrics import (
    brier_scores,
    calibration_bins,
    calibration_error,
    log_losses,
)
from newsstand.train.evaluation.risk_coverage import accuracy_at, ranked, risk_coverage_area
from newsstand.train.evaluation.sums import (
    Columns,
    Predictions,
    Sums,
    label_counts,
    ratio,
    total,
)
from newsstand.types import Floats, Ints


@dataclass(frozen=True, slots=True)
class Metric:
    """An entry of `METRICS`.

    Args:
        compute: Takes sums over rows, with any leading axes, and the setting of the config's
            `evaluation` section that has the metric's name; returns a value for each.
        columns: Takes the predictions; returns the values of rows whose sums are `own` of the
            sums, shape (rows, columns). None if the counts of labels suffice.
        optional: Whether it is computed only where that setting is neither false nor empty.
        calibration: Whether it depends on calibration, so that a run also reports it before.
        biased: Whether noise alone increases it, so that resamples exceed the value itself.
    """

    compute: Callable[[Sums, Any], Floats]
    columns: Callable[[Predictions], Columns] | None = None
    optional: bool = False
    calibration: bool = False
    biased: bool = False


def _mean(sums: Sums, _setting: Any) -> Floats:
    return ratio(sums.own[..., 0], sums.rows)


def balanced_accuracy(sums: Sums, _setting: Any = None) -> Floats:
    """Mean recall over the labels that are true of any row."""
    return ratio(sums.recall.sum(axis=-1), (sums.true > 0).sum(axis=-1))


def matthews_correlation(sums: Sums, _setting: Any = None) -> Floats:
    """Matthews' correlation coefficient for any number of labels, -1 to 1; 0 if undefined.

    Gorodkin 2004, Comparing two K-category assignments by a K-category correlation coefficient.
    """
    rows, correct = sums.rows, sums.correct.sum(axis=-1)
    covariance = correct * rows - (sums.true * sums.predicted).sum(axis=-1)
    spreads = (rows**2 - np.square(x).sum(axis=-1) for x in (sums.true, sums.predicted))
    first, second = (np.maximum(spread, 0) for spread in spreads)
    return ratio(covariance, np.sqrt(first * second))


def mean_f1(sums: Sums, averaged: Sequence[str]) -> Floats:
    """Mean F1 of some of the labels."""
    chosen = [list(sums.labels).index(label) for label in averaged]
    mean: Floats = sums.f1[..., chosen].mean(axis=-1)
    return mean


def fnc_points(predictions: Predictions) -> Floats:
    """The points of each row in the Fake News Challenge, and the most it can have; (rows, 2)."""
    related = np.array(predictions.labels) != "unrelated"
    truth, predicted = related[predictions.truth], related[predictions.predicted]
    points = 0.25 * (truth == predicted) + 0.75 * (truth & predictions.correct)
    return np.stack([points, 0.25 + 0.75 * truth], axis=1)


def _distance(predictions: Predictions) -> Floats:
    distance: Floats = np.abs(predictions.predicted - predictions.truth).astype(np.float64)
    return distance[:, None]


# The metrics of a split, in the order in which they are logged.
METRICS: dict[str, Metric] = {
    "accuracy": Metric(lambda sums, _: sums.accuracy),
    "macro_f1": Metric(lambda sums, _: sums.macro_f1),
    "balanced_accuracy": Metric(balanced_accuracy),
    "mcc": Metric(matthews_correlation),
    "f_avg": Metric(mean_f1, optional=True),
    "fnc_score": Metric(
        lambda sums, _: 100 * ratio(sums.own[..., 0], sums.own[..., 1]), fnc_points, optional=True
    ),
    "mae": Metric(_mean, _distance, optional=True),
    "log_loss": Metric(_mean, log_losses, calibration=True),
    "brier": Metric(_mean, brier_scores, calibration=True),
    "ece": Metric(
        lambda sums, _: calibration_error(sums), calibration_bins, calibration=True, biased=True
    ),
    "aurc": Metric(risk_coverage_area, ranked),
    "accuracy_at_80": Metric(accuracy_at(0.80), ranked),
    "accuracy_at_90": Metric(accuracy_at(0.90), ranked),
    "accuracy_at_95": Metric(accuracy_at(0.95), ranked),
}


class MetricTable:
    """The columns of some metrics, and the metrics of sums over their rows.

    Args:
        predictions: The rows.
        settings: Those of the config's `evaluation` section, which request optional metrics.
        names: Metrics of `METRICS`; by default all that are not optional or are requested.
    """

    def __init__(
        self,
        predictions: Predictions,
        settings: Mapping[str, Any] | None = None,
        names: Sequence[str] | None = None,
    ) -> None:
        self._predictions, self._settings = predictions, settings or {}
        self.names = [
            name
            for name, metric in METRICS.items()
            if (self._settings.get(name) or not metric.optional) and (not names or name in names)
        ]
        self.biased: NDArray[np.bool_] = np.array([METRICS[name].biased for name in self.names])
        self._places: dict[Any, slice] = {}
        self.columns = self._columns(predictions)

    def _columns(self, predictions: Predictions) -> csr_array:
        """The counts of labels, then the columns of each metric, shared by those with the same."""
        parts = [label_counts(predictions)]
        start = parts[0].shape[1]
        for make in dict.fromkeys(METRICS[name].columns for name in self.names):
            if make is not None:
                parts.append(csr_array(make(predictions)))
                self._places[make] = slice(start, start + parts[-1].shape[1])
                start += parts[-1].shape[1]
        return csr_array(hstack(parts))

    def values(self, sums: Floats) -> Floats:
        """The metrics of sums of the columns.

        Args:
            sums: Shape (…, columns).

        Returns:
            Shape (…, metrics), in the order of `names`.
        """
        values = []
        for name in self.names:
            metric = METRICS[name]
            own = sums[..., self._places[metric.columns]] if metric.columns else None
            of = Sums.of(self._predictions.labels, sums, own)
            values.append(metric.compute(of, self._settings.get(name)))
        return np.stack(values, axis=-1)

    def of_all(self) -> Floats:
        """The metrics of all rows, shape (metrics,)."""
        return self.values(total(self.columns))

    def virtual(self) -> csr_array:
        """The columns of a correct and a wrong virtual row, for bootstrap intervals.

        Each is the mean over the true labels of the mean of their rows, all predicted correctly, or
        all wrongly.

        Returns:
            Shape (2, columns).
        """
        truth = self._predictions.truth
        counts = np.bincount(truth)
        shares = csr_array(1 / (counts[truth] * np.count_nonzero(counts))[None, :])
        altered = (self._predictions.altered(correct=x) for x in (True, False))
        return csr_array(vstack([shares @ self._columns(x) for x in altered]))


@dataclass(frozen=True, slots=True)
class LabelReport:
    """Precision, recall and F1 (0 to 1) of one label, and the number of its true rows (support)."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int


def label_reports(probabilities: Floats, truth: Ints, labels: Sequence[str]) -> list[LabelReport]:
    """One report per label, in the order of `labels`."""
    sums = _counted(probabilities, truth, labels)
    columns = (x.tolist() for x in (sums.precision, sums.recall, sums.f1, sums.true.astype(int)))
    return [LabelReport(*row) for row in zip(labels, *columns, strict=True)]


def _counted(scores: Floats, truth: Ints, labels: Sequence[str] = ()) -> Sums:
    labels = labels or [str(place) for place in range(scores.shape[1])]
    counts = label_counts(Predictions(scores, truth, labels))
    return Sums.of(labels, total(counts))


def accuracy(scores: Floats, truth: Ints) -> float:
    """Share of the rows whose highest score is that of their true label.

    Args:
        scores: float64, shape (rows, labels).
        truth: int64, shape (rows,).
    """
    return float(_counted(scores, truth).accuracy)


def macro_f1(scores: Floats, truth: Ints) -> float:
    """Mean F1 over the labels that occur in truth or predictions.

    Args:
        scores: float64, shape (rows, labels); the highest of a row is its prediction.
        truth: int64, shape (rows,).
    """
    return float(_counted(scores, truth).macro_f1)


def expected_calibration_error(probabilities: Floats, truth: Ints) -> float:
    """The calibration error of `calibration_error`, 0 to 1.

    >>> expected_calibration_error(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([0, 1]))
    0.5
    """
    labels = [str(place) for place in range(probabilities.shape[1])]
    table = MetricTable(Predictions(probabilities, truth, labels), names=["ece"])
    return float(table.of_all()[0])


def metrics(
    probabilities: Floats,
    truth: Ints,
    labels: Sequence[str],
    settings: Mapping[str, Any] | None = None,
) -> dict[str, float]:
    """The metrics of one split, by name.

    Args:
        probabilities: float64, shape (rows, labels).
        truth: int64, shape (rows,).
        labels: In the order of the columns.
        settings: Those of the config's `evaluation` section, which request optional metrics.

    Returns:
        Those of `METRICS` that are not optional or are requested, and `f1/<label>` for each label.
    """
    table = MetricTable(Predictions(probabilities, truth, labels), settings)
    values = dict(zip(table.names, table.of_all().tolist(), strict=True))
    f1 = _counted(probabilities, truth, labels).f1.tolist()
    return values | {f"f1/{label}": value for label, value in zip(labels, f1, strict=True)}


def by_source(
    probabilities: Floats, truth: Ints, sources: Mapping[str, NDArray[np.bool_]]
) -> dict[str, float]:
    """`source/NAME/accuracy`, `…/macro_f1` and `…/rows` of each source; empty with one source.

    Args:
        probabilities: float64, shape (rows, labels).
        truth: int64, shape (rows,).
        sources: A mask of the rows of each source, with at least one row.
    """
    values: dict[str, float] = {}
    for name, rows in sources.items() if len(sources) > 1 else ():
        values[f"source/{name}/accuracy"] = accuracy(probabilities[rows], truth[rows])
        values[f"source/{name}/macro_f1"] = macro_f1(probabilities[rows], truth[rows])
        values[f"source/{name}/rows"] = float(rows.sum())
    return values
