"""The two charts of the report, as coordinates that its template draws in SVG."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from newsstand.train.evaluation.result import Evaluation
from newsstand.types import Floats

# The plane of a chart, in the units of its picture.
LEFT, TOP, WIDTH, HEIGHT = 44.0, 10.0, 300.0, 230.0
_BARS = 20
_BAR_HEIGHT = 52.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A point with its interval, and the words that describe it."""

    x: float
    y: float
    low: float
    high: float
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A bar of the histogram, and the words that describe it."""

    x: float
    width: float
    height: float
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart.

    Args:
        points: The points.
        line: The points of a line, as SVG writes them; empty for none.
        ticks_x: Place and text of each tick.
        ticks_y: Place and text of each tick.
        bars: Bars of a histogram below the chart.
        most: The most rows of a bar.
    """

    points: Sequence[Point]
    line: str
    ticks_x: Sequence[tuple[float, str]]
    ticks_y: Sequence[tuple[float, str]]
    bars: Sequence[Bar] = ()
    most: int = 0


def reliability_chart(evaluation: Evaluation, confidence: Floats) -> Chart:
    """Accuracy against probability, with a histogram of the probabilities.

    Args:
        evaluation: With the bins and their intervals.
        confidence: The probability of the predicted label of each row.
    """
    bins = evaluation.reliability
    columns = zip(bins.confidence, bins.accuracy, bins.low, bins.high, bins.rows, strict=True)
    points = [
        Point(
            x=_x(x),
            y=_y(y, 0.0),
            low=_y(low, 0.0),
            high=_y(high, 0.0),
            words=(
                f"{rows:,} rows: mean probability {x:.3f}, "
                f"accuracy {y:.3f} ({low:.3f} to {high:.3f})"
            ),
        )
        for x, y, low, high, rows in columns
    ]
    counts, edges = np.histogram(confidence, bins=_BARS, range=(0, 1))
    most = int(counts.max())
    bars = [
        Bar(
            x=_x(float(start)) + 0.5,
            width=WIDTH / _BARS - 1,
            height=_BAR_HEIGHT * count / most,
            words=f"probability {start:.2f} to {end:.2f}: {count:,} rows",
        )
        for count, start, end in zip(counts.tolist(), edges[:-1], edges[1:], strict=True)
        if count
    ]
    shares = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    return Chart(
        points=points,
        line="",
        ticks_x=[(_x(share), f"{share:.1f}") for share in shares],
        ticks_y=[(_y(share, 0.0), f"{share:.1f}") for share in shares],
        bars=bars,
        most=most,
    )


def coverage_chart(evaluation: Evaluation) -> Chart:
    """Accuracy on the most confident rows, with intervals at 80, 90, 95 and 100%."""
    curve = evaluation.risk_coverage
    metrics = evaluation.metrics
    marks = [(share, metrics.get(f"accuracy_at_{share}")) for share in (80, 90, 95)]
    marked = [(share, x) for share, x in (*marks, (100, metrics["accuracy"])) if x is not None]
    ends = [x.value if x.low is None else x.low for _, x in marked]
    # The first rows of the curve are too few to scale the axis by.
    settled = [y for x, y in zip(curve.coverage, curve.accuracy, strict=True) if x >= 0.05]
    bottom = max(int(min([*ends, *settled, 0.9]) * 10 - 0.1) / 10, 0.0)
    points = [
        Point(
            x=_x(share / 100),
            y=_y(x.value, bottom),
            low=_y(x.value if x.low is None else x.low, bottom),
            high=_y(x.value if x.high is None else x.high, bottom),
            words=f"{share}% of the rows: accuracy {x.value:.3f}",
        )
        for share, x in marked
    ]
    line = " ".join(
        f"{_x(x):.1f},{_y(y, bottom):.1f}"
        for x, y in zip(curve.coverage, curve.accuracy, strict=True)
    )
    steps = round((1 - bottom) * 10)
    shares = [1 - step / 10 for step in range(0, steps + 1, 1 if steps <= 6 else 2)]
    return Chart(
        points=points,
        line=line,
        ticks_x=[(_x(share), f"{share:.0%}") for share in (0, 0.2, 0.4, 0.6, 0.8, 1)],
        ticks_y=[(_y(share, bottom), f"{share:.1f}") for share in shares],
    )


def _x(share: float) -> float:
    return LEFT + WIDTH * share


def _y(value: float, bottom: float) -> float:
    inside = min(max(value, bottom), 1.0)
    return TOP + HEIGHT * (1 - (inside - bottom) / (1 - bottom))
