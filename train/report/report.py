"""Writes what people read of an evaluation: the report as a page, model card, table and plots."""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from newsstand.cli.terminal import visible
from newsstand.io.files import write_whole
from newsstand.train.evaluation import plots
from newsstand.train.evaluation.confusion_part import REST, confusion_part
from newsstand.train.evaluation.result import Estimate, Evaluation
from newsstand.train.evaluation.rows import EvaluatedRows
from newsstand.train.report import charts
from newsstand.train.report.description import RunDescription
from newsstand.train.report.errors import worst_errors
from newsstand.train.report.metric_words import MetricWords, words_of
from newsstand.train.report.model_card import write_model_card
from newsstand.train.report.predictions_csv import write_predictions
from newsstand.train.report.summary import (
    column_word,
    confused_pairs,
    control_rows,
    count,
    percent,
    summarize,
    with_interval,
)

FILE = "report.html"
_PAIRS = 10
_OF_A_KIND = 12  # slices by one column
_LABELS = 40  # labels that are shown at once


def write_report(
    folder: Path, rows: EvaluatedRows, evaluation: Evaluation, about: RunDescription
) -> None:
    """Writes `report.html`, `MODEL_CARD.md`, `predictions.csv` and the plots into a folder.

    Args:
        folder: The folder, which must exist.
        rows: The evaluated rows.
        evaluation: Of the rows.
        about: What was trained and evaluated.
    """
    write_whole(folder / FILE, report_html(rows, evaluation, about))
    write_model_card(folder, rows, evaluation, about)
    write_predictions(folder, rows)
    write_plots(folder, rows, evaluation)


def write_plots(folder: Path, rows: EvaluatedRows, evaluation: Evaluation) -> None:
    """Writes the plots as PNG files; that of slices only if there are any."""
    confidence = rows.probabilities.max(axis=1)
    plots.confusion_matrix(folder / "confusion_matrix.png", evaluation)
    plots.reliability_diagram(folder / "reliability.png", evaluation, confidence)
    plots.risk_coverage(folder / "risk_coverage.png", evaluation)
    plots.label_f1(folder / "label_f1.png", evaluation)
    if evaluation.slices:
        plots.slice_forest(folder / "slices.png", evaluation)


def report_html(rows: EvaluatedRows, evaluation: Evaluation, about: RunDescription) -> str:
    """The report as one page that needs no other file.

    Args:
        rows: The evaluated rows.
        evaluation: Of the rows.
        about: What was trained and evaluated.
    """
    labels = sorted(evaluation.labels, key=lambda label: (label.f1.value, -label.support))
    tested = [label for label in labels if label.support]
    slices = plots.shown_slices(evaluation.slices, _OF_A_KIND)
    return _template().render(
        about=about,
        evaluation=evaluation,
        summary=summarize(rows, evaluation, about),
        metrics=_metrics(evaluation),
        labels=tested,
        untested=[label for label in labels if not label.support],
        shown_labels=_LABELS,
        matrix=_matrix(evaluation),
        pairs=confused_pairs(evaluation, _PAIRS),
        slices={
            by: [x for x in slices if x.by == by] for by in dict.fromkeys(x.by for x in slices)
        },
        slices_left_out=len(evaluation.slices) - len(slices),
        controls=control_rows(evaluation),
        errors=worst_errors(rows),
        wrong=int((rows.predicted != rows.truth).sum()),
        reliability=charts.reliability_chart(evaluation, rows.probabilities.max(axis=1)),
        coverage=charts.coverage_chart(evaluation),
        curve=_at_coverage(evaluation),
        digest=rows.digest,
        sizes=", ".join(f"{number:,} {split}" for split, number in about.sizes.items()),
        plane=charts,
    )


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True,
        finalize=_shown,
        keep_trailing_newline=True,
        loader=FileSystemLoader(Path(__file__).parent),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {
        "column": column_word,
        "count": count,
        "grouped": "{:,}".format,
        "percent": percent,
        "interval": with_interval,
        "ends": _ends,
        "probability": _probability,
    }
    return environment.get_template("report.html.jinja")


def _shown(value: object) -> Markup:
    """Escapes a value and spells out its control characters; leaves results of macros as is."""
    return value if isinstance(value, Markup) else escape(visible(str(value)))


def _probability(value: float) -> str:
    return f"{value:.3f}" if value >= 0.0005 else "<0.001"


def _ends(estimate: Estimate) -> tuple[float, float, float]:
    """Value and interval of a share in percent, within 0 and 100."""
    low = estimate.value if estimate.low is None else estimate.low
    high = estimate.value if estimate.high is None else estimate.high
    value, low, high = (100 * min(max(x, 0.0), 1.0) for x in (estimate.value, low, high))
    return value, low, high


class _Metric(NamedTuple):
    """A row of the table of metrics: after and before calibration."""

    words: MetricWords
    value: Estimate
    before: Estimate | None
    digits: int


def _metrics(evaluation: Evaluation) -> list[_Metric]:
    found = []
    for name, value in evaluation.metrics.items():
        words = words_of(name)
        found.append(_Metric(words, value, evaluation.uncalibrated.get(name), words.digits))
    return found


class _Matrix(NamedTuple):
    """The confusion matrix, or that of the labels with most errors.

    `rows` has the name of each label, its place among the columns, and count and share of each
    column. Of a part, the last column is all other labels.
    """

    columns: list[str]
    rows: list[tuple[str, int, list[tuple[int, float]]]]
    whole: bool


def _matrix(evaluation: Evaluation) -> _Matrix:
    part = confusion_part(evaluation.confusion)
    names = [label.name for label in evaluation.labels]
    places = part.columns.tolist()
    rows = [
        (names[label], places.index(label), list(zip(counts, shares, strict=True)))
        for label, counts, shares in zip(
            part.rows.tolist(), part.counts.tolist(), part.shares.tolist(), strict=True
        )
    ]
    columns = [names[place] for place in places]
    return _Matrix(columns if part.whole else [*columns, REST], rows, part.whole)


def _at_coverage(evaluation: Evaluation) -> list[tuple[str, float, Estimate]]:
    """Coverage, least probability and accuracy, where the accuracy has an interval."""
    curve = evaluation.risk_coverage
    found = []
    for share in (80, 90, 95, 100):
        name = "accuracy" if share == 100 else f"accuracy_at_{share}"
        estimate = evaluation.metrics.get(name)
        place = int(np.searchsorted(np.array(curve.coverage), share / 100 - 1e-9))
        if estimate is not None and place < len(curve.threshold):
            found.append((f"{share}%", curve.threshold[place], estimate))
    return found
