"""The plot of shares of labels by cell: a panel for each label, with intervals."""

import warnings
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from newsstand.train.monitor.prevalence import Cell, Prevalence
from newsstand.train.monitor.scored import MONTH

_DPI = 110
_MOST_PANELS = 9
_MOST_CELLS = 40
_MOST_LINES = 6
# Okabe and Ito's colours, which the colour-blind can tell apart.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_LONGEST = 32


def plot(path: Path, found: Prevalence, form: str = "png") -> str | None:
    """Writes the plot of shares; with months, lines over time.

    Args:
        path: The file.
        found: The shares.
        form: `png`, `svg` or `pdf`.

    Returns:
        What the plot leaves out, or None.
    """
    labels = _labels(found)
    months = MONTH in found.by and len({cell.values[MONTH] for cell in found.cells}) > 1
    lines = _lines(found) if months else [("", list(found.cells))]
    most = _MOST_LINES if months else 1
    shown = lines[:most] if months else [("", lines[0][1][:_MOST_CELLS])]
    columns = min(3, len(labels))
    rows = -(-len(labels) // columns)
    height = 3.0 if months else 1.2 + 0.24 * len(shown[0][1])
    figure = Figure(
        figsize=(4.2 * columns + 1, height * rows + 1.2), dpi=_DPI, layout="constrained"
    )
    grid = figure.subplots(rows, columns, squeeze=False, sharex=months, sharey=not months)
    panels: list[Axes] = grid.ravel().tolist()
    limit = min(1.0, 1.08 * max(x.high for cell in found.cells for x in cell.shares)) + 0.01
    for panel, label in zip(panels, labels, strict=False):
        (_over_time if months else _beside)(panel, shown, label, limit)
        name = next(x.name for x in found.cells[0].shares if x.label == label)
        panel.set_title(_short(name), fontsize=10, parse_math=False)
    for panel in panels[len(labels) :]:
        panel.set_visible(False)
    if months and len(shown) > 1:
        handles, names = panels[0].get_legend_handles_labels()
        legend = figure.legend(handles, names, loc="outside lower center", ncols=3, frameon=False)
        for text in legend.get_texts():
            text.set_parse_math(False)
    counted = "" if months else "; grey: counted"
    title = (
        f"Share of articles by label ({found.method}), {found.confidence:.0%} intervals{counted}"
    )
    figure.suptitle(title, fontsize=11)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(path, format=form)
    return _left_out(found, len(labels), len(lines), most if months else _MOST_CELLS, months)


def _left_out(found: Prevalence, labels: int, lines: int, most: int, months: bool) -> str | None:
    parts = []
    every = len(found.cells[0].shares)
    if labels < every:
        parts.append(f"{every - labels} labels with the smallest shares")
    total = lines if months else len(found.cells)
    if total > most:
        parts.append(f"{total - most:,} of {total:,} values of {', '.join(found.by)}")
    return f"the plot leaves out {' and '.join(parts)}" if parts else None


def _labels(found: Prevalence) -> list[str]:
    """The labels with the largest mean shares, in the model's order."""
    first = found.cells[0].shares
    mean = {
        x.label: sum(cell.shares[place].share for cell in found.cells)
        for place, x in enumerate(first)
    }
    kept = sorted(mean, key=lambda label: -mean[label])[:_MOST_PANELS]
    return [x.label for x in first if x.label in kept]


def _lines(found: Prevalence) -> list[tuple[str, list[Cell]]]:
    """The cells of each value of the other columns, the one with most rows first."""
    lines: dict[str, list[Cell]] = {}
    for cell in found.cells:
        lines.setdefault(_named(cell, without=MONTH), []).append(cell)
    return sorted(lines.items(), key=lambda line: -sum(cell.rows for cell in line[1]))


def _named(cell: Cell, without: str | None = None) -> str:
    return " · ".join(_short(value) for name, value in cell.values.items() if name != without)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _over_time(
    panel: Axes, lines: Sequence[tuple[str, list[Cell]]], label: str, limit: float
) -> None:
    months = sorted({cell.values[MONTH] for _, cells in lines for cell in cells})
    place = {month: number for number, month in enumerate(months)}
    for number, (name, cells) in enumerate(lines):
        found = [next(x for x in cell.shares if x.label == label) for cell in cells]
        shift = (number - (len(lines) - 1) / 2) * 0.08
        panel.errorbar(
            [place[cell.values[MONTH]] + shift for cell in cells],
            [x.share for x in found],
            [[x.share - x.low for x in found], [x.high - x.share for x in found]],
            marker="o",
            markersize=4,
            linewidth=1.2,
            elinewidth=1,
            capsize=2,
            color=_COLOURS[number],
            label=name,
        )
    step = max(1, len(months) // 8)
    panel.set_xticks(
        range(0, len(months), step), months[::step], rotation=45, ha="right", fontsize=8
    )
    panel.set_ylim(-0.02 * limit, limit)
    panel.grid(axis="y", alpha=0.3)


def _beside(panel: Axes, lines: Sequence[tuple[str, list[Cell]]], label: str, limit: float) -> None:
    cells = lines[0][1]
    found = [next(x for x in cell.shares if x.label == label) for cell in cells]
    places = list(range(len(cells)))
    panel.errorbar(
        [x.share for x in found],
        places,
        xerr=[[x.share - x.low for x in found], [x.high - x.share for x in found]],
        fmt="o",
        markersize=4,
        elinewidth=1.2,
        capsize=2,
        color=_COLOURS[0],
    )
    panel.plot([x.counted for x in found], places, "|", color="grey", markersize=9)
    names = [(_named(cell) or "all rows") + " *" * cell.few_rows for cell in cells]
    panel.set_yticks(places, names, fontsize=8, parse_math=False)
    panel.set_ylim(len(cells) - 0.5, -0.5)
    panel.set_xlim(-0.02 * limit, limit)
    panel.grid(axis="x", alpha=0.3)
