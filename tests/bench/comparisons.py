"""How often `paired_test` finds a difference between models that are equal by construction.

Prints, for each setting, the share of simulations with p < .05, which should be .03 to .07, of the
permutation test and of two p-values from the bootstrap, and how often the 95% interval has 0.

    python tests/bench/comparisons.py [SIMULATIONS]
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from newsstand.train.evaluation import significance
from newsstand.train.evaluation.rows import COLUMNS, EvaluatedRows
from newsstand.types import Floats, Ints

_SHARES = (0.4, 0.3, 0.2, 0.1)  # of the true labels


@dataclass(frozen=True)
class Setting:
    """Simulated test sets.

    Args:
        rows: Number of rows.
        groups: Number of groups of rows; None if rows are independent.
        exchangeable: Whether the two models make errors in the same way. If not, they have the same
            metrics, but the second one confuses labels that the first one keeps apart.
    """

    rows: int
    groups: int | None = None
    exchangeable: bool = True


SETTINGS = [
    Setting(100),
    Setting(300),
    Setting(1000),
    Setting(300, groups=6),
    Setting(300, groups=15),
    Setting(300, groups=30),
    Setting(1000, groups=100),
    Setting(300, exchangeable=False),
    Setting(1000, groups=50, exchangeable=False),
]


def simulated(setting: Setting, rng: np.random.Generator) -> tuple[EvaluatedRows, EvaluatedRows]:
    """Two models with the same expected metrics on new rows."""
    count = setting.rows
    groups = rng.integers(0, setting.groups, count) if setting.groups else np.arange(count)
    shares = _SHARES if setting.exchangeable else (0.25,) * 4
    truth = rng.choice(4, size=count, p=shares)
    hard = rng.normal(size=count)  # rows that both models find hard
    pair = []
    for place in range(2):
        skill = rng.normal(scale=0.7, size=groups.max() + 1) if setting.groups else np.zeros(count)
        right = hard + skill[groups] + rng.normal(size=count) > -1.0
        offset = rng.integers(1, 4, count)  # an error falls on any other label
        if not setting.exchangeable:  # on the neighbour's label, or on that of the pair
            offset = np.ones(count, dtype=np.int64) if place else np.full(count, 2)
        predicted = np.where(right, truth, (truth + offset) % 4)
        pair.append(_rows(truth, predicted, groups if setting.groups else None, rng))
    return pair[0], pair[1]


def _rows(
    truth: Ints, predicted: Ints, groups: Ints | None, rng: np.random.Generator
) -> EvaluatedRows:
    probabilities: Floats = np.full((len(truth), 4), 0.1) + rng.random((len(truth), 4)) * 0.05
    probabilities[np.arange(len(truth)), predicted] += 0.5
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    columns: dict[str, Any] = {name: pa.nulls(len(truth), kind) for name, kind in COLUMNS.items()}
    if groups is not None:
        columns["group"] = pa.array([f"g{number}" for number in groups])
    labels = {name: name for name in "abcd"}
    return EvaluatedRows(
        task="topic",
        labels=labels,
        truth=truth.astype(np.int64),
        probabilities=probabilities,
        columns=columns,
        digest="",
    )


def p_values(
    first: EvaluatedRows, second: EvaluatedRows, metric: str, seed: int
) -> Iterator[float]:
    """Of the permutation test, and of the bootstrap: percentiles, and centred differences."""
    groups, _ = significance.group_codes(first)
    paired = significance._Paired.of(first, second, groups, metric)
    rng = np.random.default_rng(seed)
    drawn = significance._minus(*paired.resampled(1000, rng))
    permuted = significance._minus(*paired.exchanged(1000, rng))
    values = paired.values()
    difference = values[1] - values[0]
    yield significance._mid_p(permuted, difference)
    yield min(1.0, 2 * min(float(np.mean(drawn <= 0)), float(np.mean(drawn >= 0))))
    yield float(np.mean(np.abs(drawn - difference) >= abs(difference) - 1e-12))
    low, high = significance.interval(drawn, paired.count)
    yield 1.0 if low <= 0 <= high else 0.0


def main() -> None:
    count = int(sys.argv[1]) if sys.argv[1:] else 500
    print(f"p < .05 in {count} simulations, 1,000 resamples each")
    print(f"{'rows':>5} {'groups':>6} {'errors':<10} {'metric':<9}", end="")
    print(f"{'permutation':>12} {'percentile':>11} {'centred':>8} {'interval has 0':>15}")
    for setting in SETTINGS:
        for metric in ("accuracy", "macro_f1"):
            found = np.array(
                [
                    list(p_values(*simulated(setting, np.random.default_rng(n)), metric, n))
                    for n in range(count)
                ]
            )
            shares = (found[:, :3] < significance.LEVEL).mean(axis=0)
            errors = "alike" if setting.exchangeable else "different"
            print(f"{setting.rows:>5} {setting.groups or '-':>6} {errors:<10} {metric:<9}", end="")
            print(f"{shares[0]:>12.3f} {shares[1]:>11.3f} {shares[2]:>8.3f}", end="")
            print(f"{found[:, 3].mean():>15.3f}", flush=True)


if __name__ == "__main__":
    main()
