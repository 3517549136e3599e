"""Measures a model's probabilities against the true labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score, precision_recall_fscore_support

from newsstand.models.decision import MOST_PROBABLE
from newsstand.types import Floats

_BINS = 15


@dataclass(frozen=True, slots=True)
class LabelReport:
    """Precision, recall and F1 (0 to 1) of one label, and how many rows truly have it."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int


def label_reports(
    probabilities: Floats, truth: NDArray[np.int64], labels: Sequence[str]
) -> list[LabelReport]:
    """One report a label, in the order of `labels`."""
    columns = precision_recall_fscore_support(
        truth, MOST_PROBABLE.predict(probabilities), labels=range(len(labels)), zero_division=0
    )
    return [
        LabelReport(label, float(p), float(r), float(f), int(n))
        for label, p, r, f, n in zip(labels, *columns, strict=True)
    ]


def quality(scores: Floats, truth: NDArray[np.int64]) -> tuple[float, float]:
    """Accuracy, and macro-F1 over the labels that occur in truth or predictions.

    Args:
        scores: float64, shape (rows, labels); the highest of a row is its prediction.
        truth: int64, shape (rows,).
    """
    predicted = MOST_PROBABLE.predict(scores)
    macro_f1 = f1_score(truth, predicted, average="macro", zero_division=0)
    return float(np.mean(predicted == truth)), float(macro_f1)


def metrics(
    probabilities: Floats,
    truth: NDArray[np.int64],
    labels: Sequence[str],
    f_avg: Sequence[str] = (),
    *,
    fnc: bool = False,
    mae: bool = False,
) -> dict[str, float]:
    """All figures of one split, by name.

    Args:
        probabilities: float64, shape (rows, labels).
        truth: int64, shape (rows,).
        labels: In the order of the columns.
        f_avg: Labels whose F1 scores are averaged into `f_avg`; empty leaves it out.
        fnc: Whether to add `fnc_score`.
        mae: Whether to add `mae`; the labels are an order.

    Returns:
        `accuracy`, `macro_f1` (over labels that occur in truth or predictions), `log_loss`
        (natural logarithm), `ece`, `f1/<label>` for each label, and what else was asked for.
    """
    predicted = MOST_PROBABLE.predict(probabilities)
    reports = label_reports(probabilities, truth, labels)
    accuracy, macro_f1 = quality(probabilities, truth)
    f1 = {report.label: report.f1 for report in reports}
    chosen = probabilities[np.arange(len(truth)), truth]
    values = {
        "accuracy": accuracy,
        "macro_f1": macro_f1,
        "log_loss": float(-np.mean(np.log(np.maximum(chosen, 1e-12)))),
        "ece": expected_calibration_error(probabilities, truth),
    }
    if f_avg:
        values["f_avg"] = float(np.mean([f1[label] for label in f_avg]))
    if fnc:
        values["fnc_score"] = fnc_score(predicted, truth, labels)
    if mae:
        values["mae"] = float(np.mean(np.abs(predicted - truth)))
    return values | {f"f1/{label}": value for label, value in f1.items()}


def by_source(
    probabilities: Floats, truth: NDArray[np.int64], sources: Mapping[str, NDArray[np.bool_]]
) -> dict[str, float]:
    """`source/NAME/accuracy`, `…/macro_f1` and `…/rows` for each source, if there are several.

    Args:
        probabilities: float64, shape (rows, labels).
        truth: int64, shape (rows,).
        sources: Which rows are of each; none of them has no rows.
    """
    found: dict[str, float] = {}
    for name, rows in sources.items() if len(sources) > 1 else ():
        accuracy, macro_f1 = quality(probabilities[rows], truth[rows])
        figures = {"accuracy": accuracy, "macro_f1": macro_f1, "rows": float(rows.sum())}
        found |= {f"source/{name}/{figure}": value for figure, value in figures.items()}
    return found


def fnc_score(
    predicted: NDArray[np.int64], truth: NDArray[np.int64], labels: Sequence[str]
) -> float:
    """The Fake News Challenge's score, 0 to 100.

    A quarter of a point for telling related from unrelated, three quarters more for the right
    label of a related pair; over the points that a perfect answer gets. Source: `score.py` of
    the challenge, which counts the same points.

    >>> labels = ["agree", "disagree", "discuss", "unrelated"]
    >>> fnc_score(np.array([2, 2, 3]), np.array([0, 2, 3]), labels)
    66.66666666666667
    """
    names = np.array(labels)
    related, told = (names[codes] != "unrelated" for codes in (truth, predicted))
    points = 0.25 * (related == told) + 0.75 * (related & (predicted == truth))
    return float(100 * points.sum() / (0.25 + 0.75 * related).sum())


@dataclass(frozen=True, slots=True)
class Reliability:
    """Bins of the reliability diagram: mean confidence, accuracy and rows in each."""

    confidence: Floats
    accuracy: Floats
    rows: NDArray[np.int64]


def reliability(probabilities: Floats, truth: NDArray[np.int64], bins: int = _BINS) -> Reliability:
    """Rows sorted into bins of equal width by the winning label's probability.

    Empty bins have confidence and accuracy 0.
    """
    confidence = probabilities.max(axis=1)
    right = MOST_PROBABLE.predict(probabilities) == truth
    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    rows = np.bincount(place, minlength=bins)
    size = np.maximum(rows, 1)
    return Reliability(
        np.bincount(place, weights=confidence, minlength=bins) / size,
        np.bincount(place, weights=right, minlength=bins) / size,
        rows,
    )


def expected_calibration_error(probabilities: Floats, truth: NDArray[np.int64]) -> float:
    """Mean gap between confidence and accuracy, weighted by rows, over 15 bins of equal width.

    Guo et al. 2017, On Calibration of Modern Neural Networks, equation 3.

    >>> import numpy as np
    >>> expected_calibration_error(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([0, 1]))
    0.5
    """
    found = reliability(probabilities, truth)
    gaps = np.abs(found.confidence - found.accuracy) * found.rows
    return float(gaps.sum() / found.rows.sum())
