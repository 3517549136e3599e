"""Evaluates a model on labelled rows: metrics with intervals, slices, calibration, agreement."""

from collections.abc import Mapping

import numpy as np
from scipy.sparse import csr_array

from newsstand.train.evaluation.agreement import agreement
from newsstand.train.evaluation.bootstrap import (
    CONFIDENCE,
    Figures,
    effective_groups,
    group_codes,
    intervals,
)
from newsstand.train.evaluation.metrics import METRICS, MetricTable
from newsstand.train.evaluation.probability_metrics import reliability
from newsstand.train.evaluation.result import Estimate, Evaluation, LabelMetrics
from newsstand.train.evaluation.risk_coverage import risk_coverage
from newsstand.train.evaluation.rows import EvaluatedRows
from newsstand.train.evaluation.slices import slice_metrics
from newsstand.train.evaluation.sums import Predictions, Sums, label_counts, total
from newsstand.types import Floats, Ints

RESAMPLES = 1000
_BEFORE_CALIBRATION = [name for name, metric in METRICS.items() if metric.calibration]
_NONE: Mapping[str, float] = {}


def evaluate(
    rows: EvaluatedRows,
    *,
    controls: Mapping[str, float] = _NONE,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Evaluation:
    """Evaluates a model on labelled rows.

    Args:
        rows: The rows with the model's probabilities, at least one.
        controls: Metrics of the controls, by name.
        resamples: Number of bootstrap resamples.
        seed: Of the bootstrap's draws.
    """
    predictions = Predictions(rows.probabilities, rows.truth, list(rows.labels))
    groups, grouped_by = group_codes(rows)
    uncalibrated = {}
    if rows.uncalibrated is not None:
        before = Predictions(rows.uncalibrated, rows.truth, predictions.labels)
        table = MetricTable(before, names=_BEFORE_CALIBRATION)
        uncalibrated = metric_estimates(table, groups, count=resamples, seed=seed)
    table = MetricTable(predictions, rows.settings)
    return Evaluation(
        task=rows.task,
        rows=len(rows),
        groups=int(groups.max()) + 1,
        grouped_by=grouped_by,
        resamples=resamples,
        confidence=CONFIDENCE,
        metrics=metric_estimates(table, groups, count=resamples, seed=seed),
        uncalibrated=uncalibrated,
        labels=label_metrics(predictions, rows.labels, groups, resamples, seed),
        slices=slice_metrics(rows, groups, grouped_by, count=resamples, seed=seed),
        confusion=confusion(predictions).tolist(),
        reliability=reliability(predictions),
        risk_coverage=risk_coverage(predictions),
        agreement=agreement(rows, groups, count=resamples, seed=seed),
        controls=dict(controls),
    )


def metric_estimates(
    table: MetricTable, groups: Ints, *, count: int, seed: int
) -> dict[str, Estimate]:
    """The metrics of a table with their intervals, by name.

    Args:
        table: The metrics.
        groups: The group number of each row.
        count: Number of resamples.
        seed: Of the draws.
    """
    every_row = csr_array(np.ones((len(groups), 1)))
    figures = Figures(
        columns=table.columns,
        values=table.values,
        virtual=table.virtual(),
        effective=np.repeat(effective_groups(groups, every_row), len(table.names)),
        biased=table.biased,
    )
    found = intervals(figures, groups, count, seed)
    return {name: found.estimate(place) for place, name in enumerate(table.names)}


def label_metrics(
    predictions: Predictions, names: Mapping[str, str], groups: Ints, count: int, seed: int
) -> list[LabelMetrics]:
    """Precision, recall and F1 of each label; without interval where it has no rows."""
    columns, size = label_counts(predictions), len(names)
    counted = Sums.of(predictions.labels, total(columns))

    def values(sums: Floats) -> Floats:
        of = Sums.of(predictions.labels, sums)
        return np.concatenate([of.precision, of.recall, of.f1], axis=-1)

    one, zero = np.ones(size), np.zeros(size)
    true, predicted, _ = (columns[:, k * size : (k + 1) * size] for k in range(3))
    figures = Figures(
        columns=columns,
        values=values,
        virtual=csr_array(np.array([[one, one, one], [one, one, zero]]).reshape(2, -1)),
        effective=np.tile(effective_groups(groups, csr_array(true + predicted)), 3),
    )
    found = intervals(figures, groups, count, seed)

    def estimate(kind: int, label: int, rows: Floats) -> Estimate:
        of = found.estimate(kind * size + label)
        return of if rows[label] else Estimate(of.value)

    return [
        LabelMetrics(
            label=label,
            name=name,
            precision=estimate(0, place, counted.predicted),
            recall=estimate(1, place, counted.true),
            f1=estimate(2, place, counted.true + counted.predicted),
            support=int(counted.true[place]),
        )
        for place, (label, name) in enumerate(names.items())
    ]


def confusion(predictions: Predictions) -> Ints:
    """Rows by true label (first axis) and predicted label, int64, shape (labels, labels)."""
    size = len(predictions.labels)
    cells = predictions.truth * size + predictions.predicted
    return np.bincount(cells, minlength=size * size).reshape(size, size).astype(np.int64)


def logged(evaluation: Evaluation) -> dict[str, float]:
    """The ends of the intervals and the metrics before calibration, as a run logs them.

    `<metric>_low` and `<metric>_high`, and `uncalibrated/<metric>`.
    """
    values: dict[str, float] = {}
    for name, estimate in evaluation.metrics.items():
        if estimate.low is not None and estimate.high is not None:
            values |= {f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    for name, estimate in evaluation.uncalibrated.items():
        values[f"uncalibrated/{name}"] = estimate.value
    return values


def summary(evaluation: Evaluation) -> str:
    """Accuracy and macro-F1 with their intervals, and the calibration error, in one line."""
    shown = [
        f"{name} {of.value:.3f} ({of.low:.3f}\u2013{of.high:.3f})"
        for name, of in (
            ("accuracy", evaluation.metrics["accuracy"]),
            ("macro-F1", evaluation.metrics["macro_f1"]),
        )
    ]
    error = f"ECE {evaluation.metrics['ece'].value:.3f}"
    if "ece" in evaluation.uncalibrated:
        error += f" ({evaluation.uncalibrated['ece'].value:.3f} uncalibrated)"
    return ", ".join([*shown, error])
