"""The two plots of a run: confusion matrix and reliability diagram."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from newsstand.models.decision import MOST_PROBABLE
from newsstand.train.evaluation.metrics import expected_calibration_error, reliability
from newsstand.types import Floats

_DPI = 110


def confusion_matrix(
    path: Path, probabilities: Floats, truth: NDArray[np.int64], names: Sequence[str]
) -> None:
    """Writes the confusion matrix: rows are true labels, the shade is the share of the row."""
    size = len(names)
    counts = np.zeros((size, size), dtype=np.int64)
    np.add.at(counts, (truth, MOST_PROBABLE.predict(probabilities)), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    short = [name if len(name) <= 28 else name[:27] + "…" for name in names]
    side = 2.6 + 0.42 * min(size, 60)  # inches; limited by memory
    figure = Figure(figsize=(side + 1.6, side), dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    # Labels may contain dollar signs, which would be parsed as mathematics.
    style: dict[str, Any] = {"fontsize": 8, "parse_math": False}
    axes.set_xticks(range(size), short, rotation=45, ha="right", rotation_mode="anchor", **style)
    axes.set_yticks(range(size), short, **style)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_title(f"Confusion matrix, {len(truth):,} test rows")
    for row, column in zip(*np.nonzero(counts), strict=True):
        shade = "white" if shares[row, column] > 0.5 else "black"
        axes.text(
            column,
            row,
            f"{counts[row, column]:,}",
            ha="center",
            va="center",
            fontsize=8,
            color=shade,
        )
    with warnings.catch_warnings():
        # Characters that the font lacks are drawn as boxes.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(path)


def reliability_diagram(path: Path, probabilities: Floats, truth: NDArray[np.int64]) -> None:
    """Writes accuracy against predicted probability, and the number of rows of each bin."""
    bins = reliability(probabilities, truth)
    used = bins.rows > 0
    figure = Figure(figsize=(5, 5.6), dpi=_DPI, layout="constrained")
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    axes.plot([0, 1], [0, 1], color="grey", linestyle="--", linewidth=1, label="perfect")
    axes.plot(
        bins.confidence[used], bins.accuracy[used], marker="o", color="tab:blue", label="model"
    )
    axes.set_ylabel("accuracy")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    axes.legend(loc="upper left", frameon=False)
    error = expected_calibration_error(probabilities, truth)
    axes.set_title(f"Reliability, {len(truth):,} test rows, ECE {error:.3f}")
    edges = np.linspace(0, 1, len(bins.rows) + 1)
    below.bar(
        edges[:-1], bins.rows, width=np.diff(edges), align="edge", color="tab:blue", alpha=0.6
    )
    below.set_ylabel("rows")
    below.set_xlabel("probability of the predicted label")
    figure.savefig(path)
