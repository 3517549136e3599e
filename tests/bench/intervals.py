"""How often the 95% intervals of an evaluation contain the true score, on simulated test sets.

    python tests/bench/intervals.py [SIMULATIONS [NAME …]]

A test set is drawn from a population of rows with 5 labels (40, 25, 20, 10 and 5%) whose true
scores are computed from 400,000 rows. Where rows are grouped, each group has its own mix of labels
and its own difficulty, and sizes vary from 1 to 40 (geometric) or 80 (log-normal) rows. Printed are
the share of the intervals that contain the true score, the share below it and above it, and their
mean width; of labels, those of the most frequent and the rarest one. Then: how often slices of rows
that do not differ are called significantly below the rest, at least one in a test set; 2.5% are
expected. NAME is a set of `WORLDS`; without, all of them, and the slices.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from scipy.special import softmax

from newsstand.train.evaluation.evaluation import label_metrics, metric_estimates
from newsstand.train.evaluation.metrics import MetricTable
from newsstand.train.evaluation.result import Estimate
from newsstand.train.evaluation.rows import COLUMNS, EvaluatedRows
from newsstand.train.evaluation.slices import slice_metrics
from newsstand.train.evaluation.sums import Predictions
from newsstand.types import Floats, Ints

LABELS = ("a", "b", "c", "d", "e")
SHARES = np.array([0.4, 0.25, 0.2, 0.1, 0.05])
POPULATION = 400_000  # rows
RESAMPLES = 1000
Sizes = Callable[[int, np.random.Generator], Ints]


def single(count: int, random: np.random.Generator) -> Ints:
    return np.ones(count, dtype=np.int64)


def varied(count: int, random: np.random.Generator) -> Ints:
    return np.minimum(random.geometric(1 / 7.5, count), 40)


def skewed(count: int, random: np.random.Generator) -> Ints:
    return np.minimum(np.ceil(random.lognormal(1.4, 1.0, count)).astype(np.int64), 80)


@dataclass(frozen=True)
class World:
    """A population of rows.

    Args:
        groups: Number of groups in a test set.
        sizes: Draws the sizes of groups.
        skill: Mean score of the true label, in standard deviations of the other scores.
        spread: Standard deviation of the skill between groups.
    """

    groups: int
    sizes: Sizes = single
    skill: float = 1.6
    spread: float = 0.0

    def draw(self, groups: int, random: np.random.Generator) -> tuple[Predictions, Ints]:
        group = np.repeat(np.arange(groups), self.sizes(groups, random))
        mixes = random.dirichlet(20 * SHARES, groups) if self.spread else SHARES[None, :]
        mix = mixes[group if self.spread else np.zeros(len(group), dtype=np.int64)]
        truth = (random.random(len(group))[:, None] > mix.cumsum(axis=1)[:, :-1]).sum(axis=1)
        scores = random.standard_normal((len(group), len(LABELS))) + 0.4 * np.log(SHARES)
        skill = self.skill + self.spread * random.standard_normal(groups)
        scores[np.arange(len(group)), truth] += skill[group]
        return Predictions(softmax(1.5 * scores, axis=1), truth, LABELS), group


WORLDS = {
    "300 rows": World(300),
    "300 rows, accuracy .95": World(300, skill=3.0),
    "300 rows, accuracy .99": World(300, skill=4.0),
    "80 rows": World(80),
    "1,000 rows": World(1000),
    "40 groups": World(40, varied, spread=0.5),
    "40 groups, very different": World(40, varied, spread=1.0),
    "40 groups, skewed sizes": World(40, skewed, spread=0.5),
    "40 groups, accuracy .94": World(40, varied, spread=0.5, skill=3.0),
    "40 groups, accuracy .97, very different": World(40, varied, spread=1.0, skill=4.0),
    "15 groups": World(15, varied, spread=0.5),
}


def found(predictions: Predictions, group: Ints, count: int) -> dict[str, Estimate]:
    table = MetricTable(predictions)
    estimates = metric_estimates(table, group, count=count, seed=0)
    names = dict.fromkeys(LABELS, "")
    for report in label_metrics(predictions, names, group, count, 0)[:: len(LABELS) - 1]:
        for name in ("precision", "recall", "f1"):
            estimates[f"{name} of {report.label}"] = getattr(report, name)
    return estimates


def coverage(world: World, simulations: int) -> dict[str, Floats]:
    """Covered, too high, too low, and width, by metric; shape (simulations, 4)."""
    random = np.random.default_rng(1)
    per_group = world.sizes(10_000, random).mean()
    true = found(*world.draw(int(POPULATION / per_group), random), 2)
    rows: dict[str, list[list[float]]] = {name: [] for name in true}
    for _ in range(simulations):
        for name, got in found(*world.draw(world.groups, random), RESAMPLES).items():
            if got.low is None or got.high is None:
                continue
            value = true[name].value
            inside = got.low <= value <= got.high
            rows[name].append([inside, got.low > value, got.high < value, got.high - got.low])
    return {name: np.array(values, dtype=np.float64) for name, values in rows.items()}


def false_alarms(world: World, simulations: int) -> tuple[float, float]:
    """How often at least one of some 20 slices is below the rest; and how many slices there are."""
    random = np.random.default_rng(2)
    alarms, slices = 0, 0
    for _ in range(simulations):
        predictions, group = world.draw(world.groups, random)
        size = len(group)
        columns = {name: pa.nulls(size, kind) for name, kind in COLUMNS.items()}
        for name, values in (("genre", 8), ("outlet", 6), ("language", 3)):
            # Of half of the groups all rows have one value.
            of_group = random.integers(values, size=world.groups)[group]
            of_row = random.integers(values, size=size)
            whole = random.random(world.groups)[group] < 0.5
            columns[name] = pa.array([f"{x}" for x in np.where(whole, of_group, of_row)])
        columns["words"] = pa.array(random.integers(1, 1000, size))
        rows = EvaluatedRows(
            task="topic",
            labels=dict.fromkeys(LABELS, ""),
            truth=predictions.truth,
            probabilities=predictions.probabilities,
            columns=columns,
            digest="",
        )
        parts = slice_metrics(rows, group, "group", count=RESAMPLES, seed=0)
        alarms += any(part.below for part in parts)
        slices += len(parts)
    return alarms / simulations, slices / simulations


def main() -> None:
    simulations = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    names = sys.argv[2:]
    for name in names or WORLDS:
        print(f"\n{name}")
        for metric, values in coverage(WORLDS[name], simulations).items():
            inside, above, below, width = values.mean(axis=0)
            print(f"  {metric:20}{inside:7.1%}{below:7.1%}{above:7.1%}{width:8.3f}", flush=True)
    if names:
        return
    print("\nslices below the rest that do not differ")
    for name in ("1,000 rows", "40 groups", "40 groups, very different"):
        share, slices = false_alarms(WORLDS[name], simulations)
        print(f"  {name}: {share:.1%} of {simulations} test sets with {slices:.0f} slices each")


if __name__ == "__main__":
    main()
