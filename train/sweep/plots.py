"""The plots of a sweep: history, importance of the settings, and parallel coordinates."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from optuna.trial import FrozenTrial, TrialState

from newsstand.train.sweep.space import Choice, Integers, Parameter, text_of
from newsstand.train.sweep.trial import SETTINGS
from newsstand.types import Floats

_DPI = 110
_MAP = "viridis"  # for colour-blind readers and in grey
_BLUE, _ORANGE, _GREY = "#0072b2", "#d55e00", "#8a8a8a"
_APART = 0.06  # least distance of two labels, as a share of an axis
_LONGEST = 22  # characters of a value


@dataclass(frozen=True, slots=True)
class Shown:
    """What the plots show.

    Args:
        trials: All trials that count, by number.
        parameters: The searched settings, by dotted key.
        metric: The metric of the sweep.
        minimizes: Whether less of it is better.
        importance: Of each setting, as shares of 1; empty if it is not known.
    """

    trials: Sequence[FrozenTrial]
    parameters: Mapping[str, Parameter]
    metric: str
    minimizes: bool
    importance: Mapping[str, float]

    @property
    def finished(self) -> list[FrozenTrial]:
        """The trials with a value."""
        return [trial for trial in self.trials if trial.state == TrialState.COMPLETE]


def write_plots(folder: Path, shown: Shown) -> None:
    """Writes `history.png`, `parallel.png` and, if it is known, `importance.png` to a folder."""
    with warnings.catch_warnings():
        # Characters that the font lacks are drawn as boxes.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        _history(shown).savefig(folder / "history.png")
        _parallel(shown).savefig(folder / "parallel.png")
        if shown.importance:
            _importance(shown).savefig(folder / "importance.png")


def _history(shown: Shown) -> Figure:
    """The metric of each trial, and the best one so far."""
    figure = Figure(figsize=(7, 4.2), dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    numbers = [trial.number for trial in shown.finished]
    values = np.array([trial.value for trial in shown.finished], dtype=np.float64)
    best = (np.minimum if shown.minimizes else np.maximum).accumulate(values)
    axes.scatter(numbers, values, s=24, color=_BLUE, label="finished trial", zorder=3)
    axes.step(numbers, best, where="post", color=_ORANGE, label="best so far")
    pruned = [
        (trial.number, trial.intermediate_values[max(trial.intermediate_values)])
        for trial in shown.trials
        if trial.state == TrialState.PRUNED and trial.intermediate_values
    ]
    if pruned:
        places, last = zip(*pruned, strict=True)
        axes.scatter(places, last, s=28, marker="x", color=_GREY, label="pruned", zorder=3)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("trial")
    axes.set_ylabel(f"{shown.metric} on the validation rows")
    axes.set_title(f"{len(numbers):,} finished trials" + _count(shown))
    axes.grid(axis="y", color="#dddddd", linewidth=0.8)
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return figure


def _count(shown: Shown) -> str:
    stopped = len(shown.trials) - len(shown.finished)
    return f", {stopped:,} pruned or failed" if stopped else ""


def _importance(shown: Shown) -> Figure:
    """The share of each setting in the variance of the metric."""
    shares = dict(sorted(shown.importance.items(), key=lambda item: item[1]))
    height = 1.4 + 0.38 * len(shares)
    figure = Figure(figsize=(7, height), dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    bars = axes.barh(list(shares), list(shares.values()), color=_BLUE)
    axes.bar_label(bars, [f"{share:.0%}" for share in shares.values()], padding=4)
    axes.set_xlim(0, max(1e-9, *shares.values()) * 1.12)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xlabel(f"share of the variance of {shown.metric}")
    axes.set_title(f"Importance of the settings, {len(shown.finished):,} trials")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _parallel(shown: Shown) -> Figure:
    """A line for each trial, through its settings to its metric; the best one is drawn on top."""
    columns = len(shown.parameters) + 1
    figure = Figure(figsize=(2.4 + 1.7 * columns, 4.8), dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    values = np.array([trial.value for trial in shown.finished], dtype=np.float64)
    settings = [trial.user_attrs[SETTINGS] for trial in shown.finished]
    heights = []
    for place, (key, parameter) in enumerate(shown.parameters.items()):
        chosen = [setting[key] for setting in settings]
        heights.append(_setting_axis(axes, place, parameter, chosen))
    low, high = float(values.min()), float(values.max())
    span = high - low or 1.0
    heights.append((values - low) / span)
    ticks = np.linspace(low, high, 5) if high > low else np.array([low])
    _axis(axes, columns - 1, (ticks - low) / span, [f"{tick:.3f}" for tick in ticks])
    points = np.stack(heights, axis=1)
    colours = Normalize(low, low + span)
    shades = ScalarMappable(colours, _MAP)
    sign = -1 if shown.minimizes else 1
    order = sorted(range(len(values)), key=lambda row: (sign * values[row], -row))
    for row in order:
        best = row == order[-1]
        axes.plot(
            range(columns),
            points[row],
            color=_ORANGE if best else shades.to_rgba(values[row]),
            linewidth=2.6 if best else 1.1,
            alpha=1.0 if best else 0.75,
            zorder=4 if best else 2,
            label=_best(shown.finished[row], shown.metric) if best else None,
        )
    axes.set_xticks(range(columns), [*shown.parameters, shown.metric])
    axes.xaxis.tick_top()
    axes.tick_params(axis="x", length=0, pad=8)
    axes.set_yticks([])
    axes.set_xlim(-0.35, columns - 1 + 0.5)
    axes.set_ylim(-0.06, 1.06)
    axes.spines[:].set_visible(False)
    axes.set_title(f"{len(values):,} finished trials, coloured by {shown.metric}", pad=16)
    figure.legend(loc="outside lower center", frameon=False)
    return figure


def _best(trial: FrozenTrial, metric: str) -> str:
    return f"best: trial {trial.number}, {metric} {trial.value:.4f}"


def _setting_axis(axes: Axes, place: int, parameter: Parameter, values: Sequence[Any]) -> Floats:
    """Draws the axis of a setting; the height of each value on it, 0 to 1."""
    if isinstance(parameter, Choice):
        texts = parameter.texts
        steps = np.linspace(0, 1, len(texts))
        _axis(axes, place, steps, [_short(text) for text in texts])
        return np.array([steps[texts.index(text_of(value))] for value in values])
    low, high = float(parameter.low), float(parameter.high)
    if parameter.log:
        low, high = np.log10(low), np.log10(high)
        powers = np.arange(np.ceil(low), high)
        inside = (powers > low + _APART * (high - low)) & (powers < high - _APART * (high - low))
        ticks = np.array([low, *powers[inside], high])
        labels = [f"{10**tick:.4g}" for tick in ticks]
        drawn = np.log10(np.array(values, dtype=np.float64))
    else:
        ticks = np.linspace(low, high, 5)
        if isinstance(parameter, Integers):
            ticks = np.unique(np.linspace(low, high, min(int(high - low), 6) + 1).round())
        labels = [f"{tick:.4g}" for tick in ticks]
        drawn = np.array(values, dtype=np.float64)
    _axis(axes, place, (ticks - low) / (high - low), labels)
    heights: Floats = (drawn - low) / (high - low)
    return heights


def _axis(axes: Axes, place: int, heights: Floats, labels: Sequence[str]) -> None:
    axes.axvline(place, color="black", linewidth=0.9, zorder=1)
    for height, label in zip(heights.tolist(), labels, strict=True):
        axes.plot([place - 0.02, place + 0.02], [height] * 2, color="black", linewidth=0.9)
        # Settings may contain dollar signs, which would be parsed as mathematics.
        style: dict[str, Any] = {"fontsize": 8, "va": "center", "zorder": 5, "parse_math": False}
        box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 1}
        axes.text(place + 0.05, height, label, bbox=box, **style)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
