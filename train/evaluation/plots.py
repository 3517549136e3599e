"""The plots of an evaluation, as PNG files for papers and slides; the report draws its own.

Colours are those of Okabe and Ito (2008, Color Universal Design), which readers with any colour
vision can tell apart; what matters is also shown by shape or in words.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from newsstand.train.evaluation.confusion_part import REST, confusion_part
from newsstand.train.evaluation.plot_text import FAMILIES, drawable, silent
from newsstand.train.evaluation.result import Estimate, Evaluation, SliceMetrics
from newsstand.types import Floats

_DPI = 110
_BLUE, _RED, _GREY = "#0072B2", "#D55E00", "#6b6b6b"
_PERCENT = 12  # most labels of a confusion matrix whose cells have shares, too
_MOST_LABELS = 120  # of the plot of F1, limited by memory
_OF_A_KIND = 12  # slices by one column in the plot of slices
_HISTOGRAM = 20  # bars
# Labels and outlets may contain dollar signs, which would be parsed as mathematics.
_PLAIN: dict[str, Any] = {"parse_math": False, "fontfamily": FAMILIES}


def confusion_matrix(path: Path, evaluation: Evaluation) -> None:
    """Writes the confusion matrix: rows are true labels, the shade is the share of the row.

    Of many labels it has those with most errors, and a last column for the predictions of all
    others.
    """
    part = confusion_part(evaluation.confusion)
    names = drawable([label.name for label in evaluation.labels], 44)
    rows, columns = ([names[place] for place in places] for places in (part.rows, part.columns))
    title = f"Confusion matrix, {evaluation.rows:,} test rows"
    if not part.whole:
        title += f"\nthe {len(columns)} of {len(names)} labels with most errors"
        columns.append(REST)
    figure = _matrix_figure(len(rows), len(columns))
    axes = figure.add_subplot()
    image = axes.imshow(part.shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(
        range(len(columns)), columns, rotation=45, ha="right", rotation_mode="anchor", **_PLAIN
    )
    axes.set_yticks(range(len(rows)), rows, **_PLAIN)
    axes.tick_params(labelsize=8, length=0)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_title(title, fontsize=11)
    for (row, column), count in np.ndenumerate(part.counts):
        if count:
            share = part.shares[row, column]
            percent = f"\n{share:.0%}" if len(names) <= _PERCENT else ""
            colour = "white" if share > 0.65 else "black"
            text = f"{count:,}{percent}"
            axes.text(column, row, text, ha="center", va="center", fontsize=7.5, color=colour)
    bar = figure.colorbar(image, fraction=0.035, pad=0.02)
    bar.set_label("share of the true label's rows", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    _save(figure, path)


def reliability_diagram(path: Path, evaluation: Evaluation, confidence: Floats) -> None:
    """Writes accuracy against predicted probability, and below it how many rows have it.

    Args:
        path: The file.
        evaluation: With the bins and their intervals.
        confidence: The probability of the predicted label of each row.
    """
    bins = evaluation.reliability
    figure = Figure(figsize=(5.6, 6.0), dpi=_DPI, layout="constrained")
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    axes.plot([0, 1], [0, 1], color=_GREY, linestyle="--", linewidth=1, label="perfect")
    interval = f"model, {evaluation.confidence:.0%} interval"
    _points(axes, bins.confidence, bins.accuracy, bins.low, bins.high, label=interval)
    axes.set_ylabel("accuracy")
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.legend(loc="upper left", frameon=False)
    error = f"ECE {evaluation.metrics['ece'].value:.3f}"
    if "ece" in evaluation.uncalibrated:
        error += f" ({evaluation.uncalibrated['ece'].value:.3f} before calibration)"
    axes.set_title(f"Reliability, {evaluation.rows:,} test rows in {_bins(bins.rows)}\n{error}")
    axes.title.set_fontsize(11)
    below.hist(confidence, bins=_HISTOGRAM, range=(0, 1), color=_BLUE, alpha=0.6)
    below.set_ylabel("rows")
    below.set_xlabel("probability of the predicted label")
    _save(figure, path)


def _bins(rows: Sequence[int]) -> str:
    least, most = min(rows), max(rows)
    each = f"{most:,}" if least == most else f"{least:,} to {most:,}"
    return f"{len(rows)} bins of {each}"


def risk_coverage(path: Path, evaluation: Evaluation) -> None:
    """Writes accuracy on the most confident rows against their share."""
    curve = evaluation.risk_coverage
    figure = Figure(figsize=(5.6, 4.6), dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.step(curve.coverage, curve.accuracy, where="post", color=_BLUE, linewidth=1.5)
    marks = [(share / 100, evaluation.metrics.get(f"accuracy_at_{share}")) for share in (80, 90)]
    marks.append((1.0, evaluation.metrics["accuracy"]))
    for share, estimate in marks:
        if estimate is None:
            continue
        low, high = _ends(estimate)
        _points(axes, [share], [estimate.value], [low], [high], label=None)
        axes.annotate(
            f"{estimate.value:.3f}",
            (share, high),
            xytext=(0, 4),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )
    lows = [_ends(x)[0] for _, x in marks if x is not None]
    # The first few rows make the curve jump, so the axis is that of the rest.
    settled = [y for x, y in zip(curve.coverage, curve.accuracy, strict=True) if x >= 0.05]
    bottom = min(*lows, *settled, 0.95) - 0.03
    axes.set_ylim(max(bottom, 0), 1.02)
    axes.set_xlim(0, 1.04)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xlabel("coverage: share of the rows, the most confident first")
    axes.set_ylabel("accuracy on them (1 - risk)")
    area = evaluation.metrics.get("aurc")
    more = "" if area is None else f", AURC {area.value:.3f}"
    axes.set_title(f"Risk and coverage, {evaluation.rows:,} test rows{more}", fontsize=11)
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    _save(figure, path)


def label_f1(path: Path, evaluation: Evaluation) -> None:
    """Writes the F1 of each label that has rows, with its interval and their number."""
    tested = [label for label in evaluation.labels if label.support]
    labels = sorted(tested, key=lambda label: (-label.f1.value, -label.support))
    left_out = len(labels) - _MOST_LABELS
    title = f"F1 by label, {evaluation.confidence:.0%} intervals"
    if len(labels) < len(evaluation.labels):
        title += f"\n{len(labels)} of {len(evaluation.labels)} labels have test rows"
    if left_out > 0:
        labels = labels[left_out:]
        title += f"\nthe {_MOST_LABELS} lowest of {len(tested)} labels"
    names = drawable([label.name for label in labels], 44)
    _forest(
        path,
        names,
        [label.f1 for label in labels],
        [f"{label.support:,}" for label in labels],
        title=title,
        axis="F1",
        reference=(evaluation.metrics["macro_f1"].value, "macro-F1"),
    )


def slice_forest(path: Path, evaluation: Evaluation) -> None:
    """Writes the accuracy on parts of the rows; red squares are significantly below the others."""
    slices = shown_slices(evaluation.slices, _OF_A_KIND)
    title = f"Accuracy on parts of the rows, {evaluation.confidence:.0%} intervals"
    left_out = len(evaluation.slices) - len(slices)
    if left_out:
        title += f"\nwithout {left_out} smaller ones"
    values = drawable([x.value for x in slices], 34)
    names = [f"{x.by}: {value}" for x, value in zip(slices, values, strict=True)]
    _forest(
        path,
        names,
        [x.accuracy for x in slices],
        [f"{x.rows:,}" for x in slices],
        title=title,
        axis="accuracy",
        reference=(evaluation.metrics["accuracy"].value, "all rows"),
        below=[x.below for x in slices],
    )


def shown_slices(slices: Sequence[SliceMetrics], of_a_kind: int) -> list[SliceMetrics]:
    """Slices in their order, with at most so many by one column, but all that are below.

    Args:
        slices: All slices.
        of_a_kind: The most slices by one column; those with most rows are kept.
    """
    kept: set[int] = set()
    for by in dict.fromkeys(x.by for x in slices):
        places = [place for place, x in enumerate(slices) if x.by == by]
        places.sort(key=lambda place: (not slices[place].below, -slices[place].rows))
        below = sum(slices[place].below for place in places)
        kept.update(places[: min(max(of_a_kind, below), 2 * of_a_kind)])
    return [x for place, x in enumerate(slices) if place in kept]


def learning_curve(path: Path, sizes: Sequence[int], estimates: Sequence[Estimate]) -> None:
    """Writes test macro-F1 against the number of training rows.

    Args:
        path: The file.
        sizes: Numbers of training rows, ascending.
        estimates: The macro-F1 of the model of each.
    """
    figure = Figure(figsize=(5.6, 4.2), dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    low, high = zip(*map(_ends, estimates), strict=True)
    values = [estimate.value for estimate in estimates]
    axes.plot(sizes, values, color=_BLUE, linewidth=1.5)
    _points(axes, sizes, values, low, high, label=None)
    axes.set_xscale("log")
    axes.set_xticks(list(sizes), [f"{size:,}" for size in sizes], rotation=30, ha="right")
    axes.minorticks_off()
    axes.set_xlabel("training rows (logarithmic)")
    axes.set_ylabel("macro-F1 on the test rows")
    axes.set_title("Learning curve", fontsize=11)
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    _save(figure, path)


def _forest(
    path: Path,
    names: Sequence[str],
    estimates: Sequence[Estimate],
    counts: Sequence[str],
    *,
    title: str,
    axis: str,
    reference: tuple[float, str],
    below: Sequence[bool] = (),
) -> None:
    """One line a name: an estimate with its interval, and its number of rows on the right."""
    size = len(names)
    lines = sum(name.count("\n") + 1 for name in names)
    height = 1.5 + 0.14 * lines + 0.1 * size
    figure = Figure(figsize=(8.4, max(height, 2.4)), dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    values = np.array([estimate.value for estimate in estimates])
    ends = np.array([_ends(estimate) for estimate in estimates])
    marked = np.array(below or [False] * size, dtype=np.bool_)
    for chosen, colour, marker in ((~marked, _BLUE, "o"), (marked, _RED, "s")):
        places = np.flatnonzero(chosen)
        axes.hlines(places, ends[chosen, 0], ends[chosen, 1], color=colour, linewidth=1.5)
        axes.plot(values[chosen], places, linestyle="", marker=marker, color=colour, markersize=5)
    value, name = reference
    axes.axvline(value, color=_GREY, linestyle="--", linewidth=1)
    axes.annotate(
        f"{name} {value:.3f}",
        (value, 1),
        xycoords=("data", "axes fraction"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center",
        fontsize=8,
        color=_GREY,
    )
    axes.set_yticks(range(size), names, **_PLAIN)
    axes.tick_params(labelsize=8)
    axes.set_ylim(size - 0.4, -0.6)
    axes.set_xlim(-0.01, 1.01)
    axes.set_xlabel(axis)
    axes.set_title(title, fontsize=11, pad=18)
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    style: dict[str, Any] = {"fontsize": 8, "transform": axes.get_yaxis_transform()}
    for place, count in enumerate(("rows", *counts), start=-1):
        axes.text(1.015, place, count, va="center", **style)
    _save(figure, path)


def _points(
    axes: Axes,
    x: Sequence[float],
    y: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
    label: str | None,
) -> None:
    """Points with their intervals; an interval may lie to one side of its point."""
    beside = [
        [max(b - a, 0) for a, b in zip(low, y, strict=True)],
        [max(b - a, 0) for a, b in zip(y, high, strict=True)],
    ]
    style: dict[str, Any] = {"fmt": "o", "color": _BLUE, "markersize": 5, "capsize": 3}
    axes.errorbar(x, y, yerr=beside, label=label, elinewidth=1.2, **style)


def _ends(estimate: Estimate) -> tuple[float, float]:
    """The interval of an estimate, or its value twice if it has none."""
    low = estimate.value if estimate.low is None else estimate.low
    high = estimate.value if estimate.high is None else estimate.high
    return low, high


def _matrix_figure(rows: int, columns: int) -> Figure:
    height, width = (2.9 + 0.44 * size + 1.2 / math.sqrt(size) for size in (rows, columns))
    return Figure(figsize=(width + 2.4, height + 0.6), dpi=_DPI, layout="constrained")


def _save(figure: Figure, path: Path) -> None:
    with silent():
        figure.savefig(path)
