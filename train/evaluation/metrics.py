"""Metrics of a model's probabilities against the true labels.

A metric is an entry of `METRICS`; an optional one also needs a setting of its name in the config's
`evaluation` section.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score, precision_recall_fscore_support

from newsstand.models.decision import MOST_PROBABLE
from newsstand.types import Floats

_BINS = 15


@dataclass(frozen=True, slots=True)
class LabelReport:
    """Precision, recall and F1 (0 to 1) of one label, and the number of its true rows (support)."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int


def label_reports(
    probabilities: Floats, truth: NDArray[np.int64], labels: Sequence[str]
) -> list[LabelReport]:
    """One report per label, in the order of `labels`."""
    columns = precision_recall_fscore_support(
        truth, MOST_PROBABLE.predict(probabilities), labels=range(len(labels)), zero_division=0
    )
    return [
        LabelReport(label, float(p), float(r), float(f), int(n))
        for label, p, r, f, n in zip(labels, *columns, strict=True)
    ]


def accuracy(scores: Floats, truth: NDArray[np.int64]) -> float:
    """Share of the rows whose highest score is that of their true label.

    Args:
        scores: float64, shape (rows, labels).
        truth: int64, shape (rows,).
    """
    return float(np.mean(MOST_PROBABLE.predict(scores) == truth))


def macro_f1(scores: Floats, truth: NDArray[np.int64]) -> float:
    """Mean F1 over the labels that occur in truth or predictions.

    Args:
        scores: float64, shape (rows, labels); the highest of a row is its prediction.
        truth: int64, shape (rows,).
    """
    predicted = MOST_PROBABLE.predict(scores)
    return float(f1_score(truth, predicted, average="macro", zero_division=0))


def log_loss(probabilities: Floats, truth: NDArray[np.int64]) -> float:
    """Mean negative natural logarithm of the true label's probability, which is at least 1e-12."""
    chosen = probabilities[np.arange(len(truth)), truth]
    return float(-np.mean(np.log(np.maximum(chosen, 1e-12))))


@dataclass(frozen=True, slots=True)
class Predictions:
    """What metrics are computed from.

    Args:
        probabilities: float64, shape (rows, labels).
        truth: int64, shape (rows,).
        labels: In the order of the columns.
    """

    probabilities: Floats
    truth: NDArray[np.int64]
    labels: Sequence[str]

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The predicted labels, int64, shape (rows,)."""
        return MOST_PROBABLE.predict(self.probabilities)

    def f1(self) -> dict[str, float]:
        """F1 of each label."""
        reports = label_reports(self.probabilities, self.truth, self.labels)
        return {report.label: report.f1 for report in reports}


@dataclass(frozen=True, slots=True)
class Metric:
    """An entry of `METRICS`.

    Args:
        compute: Takes the predictions and the setting of the config's `evaluation` section that has
            the metric's name.
        optional: Whether it is computed only where that setting is neither false nor empty.
    """

    compute: Callable[[Predictions, Any], float]
    optional: bool = False


# The metrics of a split, in the order in which they are logged.
METRICS: dict[str, Metric] = {
    "accuracy": Metric(lambda of, _: accuracy(of.probabilities, of.truth)),
    "macro_f1": Metric(lambda of, _: macro_f1(of.probabilities, of.truth)),
    "log_loss": Metric(lambda of, _: log_loss(of.probabilities, of.truth)),
    "ece": Metric(lambda of, _: expected_calibration_error(of.probabilities, of.truth)),
    "f_avg": Metric(
        lambda of, averaged: float(np.mean([of.f1()[label] for label in averaged])), optional=True
    ),
    "fnc_score": Metric(lambda of, _: fnc_score(of.predicted, of.truth, of.labels), optional=True),
    "mae": Metric(lambda of, _: float(np.mean(np.abs(of.predicted - of.truth))), optional=True),
}


def metrics(
    probabilities: Floats,
    truth: NDArray[np.int64],
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
    predictions, settings = Predictions(probabilities, truth, labels), settings or {}
    values = {
        name: metric.compute(predictions, settings.get(name))
        for name, metric in METRICS.items()
        if settings.get(name) or not metric.optional
    }
    return values | {f"f1/{label}": value for label, value in predictions.f1().items()}


def by_source(
    probabilities: Floats, truth: NDArray[np.int64], sources: Mapping[str, NDArray[np.bool_]]
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


def fnc_score(
    predicted: NDArray[np.int64], truth: NDArray[np.int64], labels: Sequence[str]
) -> float:
    """The Fake News Challenge's score, 0 to 100.

    A row scores 0.25 points for the right side of related and unrelated, and 0.75 more for the
    right label of a related pair; the sum is divided by that of perfect predictions. Source:
    `score.py` of the challenge.

    >>> labels = ["agree", "disagree", "discuss", "unrelated"]
    >>> fnc_score(np.array([2, 2, 3]), np.array([0, 2, 3]), labels)
    66.66666666666667
    """
    names = np.array(labels)
    related, predicted_related = (names[codes] != "unrelated" for codes in (truth, predicted))
    points = 0.25 * (related == predicted_related) + 0.75 * (related & (predicted == truth))
    return float(100 * points.sum() / (0.25 + 0.75 * related).sum())


@dataclass(frozen=True, slots=True)
class Reliability:
    """Bins of the reliability diagram: mean confidence, accuracy and rows in each."""

    confidence: Floats
    accuracy: Floats
    rows: NDArray[np.int64]


def reliability(probabilities: Floats, truth: NDArray[np.int64], bins: int = _BINS) -> Reliability:
    """Bins of equal width over the predicted label's probability.

    Empty bins have confidence and accuracy 0.
    """
    confidence = probabilities.max(axis=1)
    correct = MOST_PROBABLE.predict(probabilities) == truth
    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    rows = np.bincount(place, minlength=bins)
    size = np.maximum(rows, 1)
    return Reliability(
        np.bincount(place, weights=confidence, minlength=bins) / size,
        np.bincount(place, weights=correct, minlength=bins) / size,
        rows,
    )


def expected_calibration_error(probabilities: Floats, truth: NDArray[np.int64]) -> float:
    """Mean gap between confidence and accuracy, weighted by rows, over 15 bins of equal width.

    Guo et al. 2017, On Calibration of Modern Neural Networks, equation 3.

    >>> import numpy as np
    >>> expected_calibration_error(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([0, 1]))
    0.5
    """
    bins = reliability(probabilities, truth)
    gaps = np.abs(bins.confidence - bins.accuracy) * bins.rows
    return float(gaps.sum() / bins.rows.sum())
