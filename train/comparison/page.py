"""Renders a comparison as one self-contained HTML page."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from newsstand.cli.terminal import visible
from newsstand.train.comparison import wording
from newsstand.train.comparison.comparison import Comparison, Pair
from newsstand.train.evaluation.paired_metrics import LOWER_IS_BETTER

_CONFUSIONS = 12  # shown before all others are opened
_TICKS = 5
_MARGIN = 0.08  # of the width of the plot, on both sides


def html(comparison: Comparison) -> str:
    """Returns the page: runs, differences with intervals, and the articles that they differ on.

    Args:
        comparison: The comparison.
    """
    pairs = comparison.main_pairs()
    metric = comparison.metric
    return _template().render(
        comparison=comparison,
        metric=metric,
        metric_name=wording.metric_name(metric),
        drawn=wording.drawn(comparison),
        limits=wording.limits(comparison),
        headline=_headline(comparison),
        tone="ok" if any(pair.better for pair in comparison.pairs) else "note",
        settings=_settings(comparison),
        plot=_plot(pairs),
        sides=_sides(pairs, metric),
        pairs=pairs,
        most_confusions=_CONFUSIONS,
        names=comparison.labels,
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
        "figure": wording.figure,
        "grouped": "{:,}".format,
        "p": wording.p_value,
        "signed": wording.signed,
        "subtraction": wording.subtraction,
    }
    return environment.get_template("comparison.html.jinja")


def _shown(value: object) -> Markup:
    """Escapes a value and spells out its control characters; leaves results of macros as is."""
    return value if isinstance(value, Markup) else escape(visible(str(value)))


def _headline(comparison: Comparison) -> str:
    """The result in one line."""
    pairs = comparison.main_pairs()
    if len(comparison.pairs) == 1:
        verdict = comparison.pairs[0].verdict
        return f"{verdict[:1].upper()}{verdict[1:]}"
    better = [pair for pair in pairs if pair.better]
    if not better:
        return "No significant difference between the best run and the others"
    best, rest = comparison.runs[0].letter, len(comparison.runs) - 1
    beaten = [pair.second for pair in better if pair.better == best]
    if not beaten:
        return f"{len(better)} of {len(pairs)} differences are significant"
    if len(beaten) == rest:
        return f"{best} is better than all {rest} others"
    return f"{best} is better than {_listed(beaten)}; no significant difference from the others"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _sides(pairs: Sequence[Pair], metric: str) -> tuple[str, str]:
    """Which run is better left and right of zero."""
    firsts, seconds = ({getattr(pair, end) for pair in pairs} for end in ("first", "second"))
    if len(firsts) > 1:
        sides = "the run after the minus sign is better", "the run before it is better"
    else:
        other = min(seconds) if len(seconds) == 1 else "the other run"
        sides = f"{min(firsts)} is better", f"{other} is better"
    return sides[::-1] if metric in LOWER_IS_BETTER else sides


def _settings(comparison: Comparison) -> list[str]:
    """The settings that differ, each once."""
    return list(dict.fromkeys(key for run in comparison.runs for key in run.settings))


class _Bar(NamedTuple):
    """A difference and its interval, as percentages of the plot's width."""

    pair: Pair
    low: float
    middle: float
    high: float


class _Plot(NamedTuple):
    """A forest plot; positions are percentages of its width."""

    bars: list[_Bar]
    zero: float
    ticks: list[tuple[float, str]]


def _plot(pairs: Sequence[Pair]) -> _Plot:
    ends = [value for pair in pairs for value in (pair.test.low, pair.test.high)]
    low, high = min(0.0, *ends), max(0.0, *ends)
    width = (high - low) or 1.0
    low, high = low - _MARGIN * width, high + _MARGIN * width

    def place(value: float) -> float:
        return 100 * (value - low) / (high - low)

    step = _step((high - low) / _TICKS)
    marks = np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step
    digits = max(0, -int(np.floor(np.log10(step))))
    return _Plot(
        bars=[
            _Bar(pair, place(pair.test.low), place(pair.test.difference), place(pair.test.high))
            for pair in pairs
        ],
        zero=place(0.0),
        ticks=[
            (place(mark), wording.with_sign(f"{abs(mark):.{digits}f}", mark))
            for mark in marks.tolist()
        ],
    )


def _step(least: float) -> float:
    """The smallest 1, 2 or 5 times a power of ten that is at least a number."""
    power = 10 ** np.floor(np.log10(least))
    return float(next(power * times for times in (1, 2, 5, 10) if power * times >= least * 0.999))
