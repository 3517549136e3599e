"""How often drift is reported where there is none, and where topics or outlets have shifted.

    python tests/bench/drift.py [--draws 200] [--shifted 50] [CONFIG [data.path=…]]

A model is trained (by default on the embedded corpus), and its test rows are divided at random
into disjoint halves: one is the reference, the other is new. Drawn without a shift, drift should be
reported in at most 5% of the draws. In the shifted draws, the new half has the rows of a third of
the labels, or of the outlets, ten times as often as others, as far as there are enough.
"""

import argparse
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

import newsstand
from newsstand.io.reference import Reference
from newsstand.text.normalize import TextSpec
from newsstand.train.monitor.drift import NewRows, compare
from newsstand.train.monitor.scored import KnownModel
from newsstand.types import Floats, Ints

CONFIG = Path(__file__).parents[2] / "configs" / "topic-linear.yaml"
TIMES = 10.0


def part(whole: Reference, rows: Ints) -> Reference:
    """Some rows of reference data."""
    taken = {
        name: getattr(whole, name)[rows]
        for name in ("probabilities", "truth", "groups", "words", "outlet", "target", "presence")
    }
    return replace(whole, **taken)


def new_rows(whole: Reference, rows: Ints) -> NewRows:
    """Some rows of reference data, as if they had been scored; their texts have no words."""
    names = [*whole.outlets, None]  # code -1 counts from the end
    return NewRows(
        probabilities=whole.probabilities[rows],
        outlets=[names[code] for code in whole.outlet[rows].tolist()],
        texts=[""] * len(rows),
        words=whole.words[rows],
        presence=whole.presence[rows],
    )


def drawn(whole: Reference, weights: Floats, rng: np.random.Generator) -> tuple[Reference, NewRows]:
    """Two halves of the rows whose words are known; the new one by weight."""
    known = whole.presence.shape[0]
    halves = np.array_split(rng.permutation(known), 2)
    chance = weights[halves[1]] / weights[halves[1]].sum()
    if np.ptp(chance):  # fewer rows, so that the frequent ones are there without repeats
        size = len(halves[1]) // 2
        new = rng.choice(halves[1], size, replace=False, p=chance)
    else:
        new = halves[1]
    return part(whole, halves[0]), new_rows(whole, new)


def measure(
    known: KnownModel, weights: list[Floats], draws: int, seed: int
) -> tuple[int, Counter[str]]:
    """How many draws drift is reported in, and by which tests."""
    rng = np.random.default_rng(seed)
    alarms, signs = 0, Counter[str]()
    for number in range(draws):
        reference, new = drawn(known.reference, weights[number % len(weights)], rng)
        found = compare(replace(known, reference=reference), new, number)
        alarms += found.drifted
        signs.update(sign.name for sign in found.signs if sign.moved)
    return alarms, signs


def shifts(codes: Ints, rng: np.random.Generator) -> list[Floats]:
    """Weights of rows by which a third of the values is more frequent, in several ways."""
    values = np.unique(codes)
    return [
        np.where(np.isin(codes, rng.permutation(values)[: max(1, len(values) // 3)]), TIMES, 1.0)
        for _ in range(10)
    ]


def main() -> None:
    """Measures a config."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", nargs="?", type=Path, default=CONFIG)
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--shifted", type=int, default=50)
    asked = parser.parse_args()
    overrides = dict(setting.split("=", 1) for setting in asked.overrides)
    result = newsstand.fit(asked.config, overrides=overrides, track=False)
    bundle = result.scorer.bundle
    whole = bundle.reference
    assert whole is not None
    known = KnownModel(
        uri="",
        digest="",
        task=bundle.task,
        labels=bundle.labels.names,
        text=TextSpec(),
        reference=whole,
    )
    print(f"{asked.config.stem}: {len(whole):,} test rows, words of {whole.presence.shape[0]:,}")
    rng = np.random.default_rng(0)
    same = [np.ones(len(whole))]
    ways = {"no shift": same, "labels shifted": shifts(whole.truth, rng)}
    if whole.outlets:
        ways["outlets shifted"] = shifts(whole.outlet, rng)
    for name, weights in ways.items():
        begun = time.perf_counter()
        draws = asked.draws if weights is same else asked.shifted
        alarms, signs = measure(known, weights, draws, seed=len(name))
        by = ", ".join(f"{sign} {count}" for sign, count in signs.most_common())
        took = time.perf_counter() - begun
        print(f"  {name}: drift in {alarms} of {draws} draws ({by}); {took:.0f} s", flush=True)


if __name__ == "__main__":
    main()
