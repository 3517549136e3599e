"""How well shares of labels are estimated, where they differ from those of the held-out rows.

    python tests/bench/prevalence.py FOLDER [NAME …] [--samples 200] [--rows 100 250] [--method emq]

FOLDER holds semeval-2016/ and article-bias/ (unpacked: jsons/, splits/) in their publishers' files.
For each sample, the test rows, on which the model was not fitted, are divided at random: one half
is the reference, from the other rows are drawn without replacement, as far as there are enough, so
that the shares of the labels follow a symmetric Dirichlet distribution (all mixes equally likely).
Printed are the mean absolute error of the estimate, that of counting predictions, the share of
samples in which the estimate is the better one, and how often the 95% intervals hold the share that
was drawn from (and the share in the sample).

The methods and their settings were compared on validation rows. The test rows of article-bias
showed an error, since corrected: probabilities that are nearly the same for all rows were not
calibrated again.
"""

import argparse
import time
from pathlib import Path

import numpy as np

import newsstand
from newsstand.io.reference import Reference
from newsstand.train.monitor.quantify import METHODS, Quantifier
from newsstand.types import Floats, Ints

CONFIGS = Path(__file__).parents[2] / "configs" / "benchmarks"
DATA = {
    "semeval2016-linear": "semeval-2016",
    "article-bias-random-linear": "article-bias",
    "article-bias-media-linear": "article-bias",
}


def reference(name: str, folder: Path) -> Reference:
    """The test rows with a model's probabilities; there are fewer than a bundle holds at most."""
    result = newsstand.fit(
        CONFIGS / f"{name}.yaml",
        overrides={"data.path": str(folder / DATA[name])},
        track=False,
    )
    found = result.scorer.bundle.reference
    assert found is not None
    return found


def drawn(truth: Ints, pool: Ints, shares: Floats, count: int, rng: np.random.Generator) -> Ints:
    """Rows of a pool, whose labels have given shares on average."""
    parts = []
    for label, wanted in enumerate(rng.multinomial(count, shares).tolist()):
        rows = pool[truth[pool] == label]
        if wanted:
            parts.append(rng.choice(rows, wanted, replace=wanted > len(rows)))
    return np.concatenate(parts)


def measure(data: Reference, samples: int, rows: int, method: str, seed: int = 0) -> str:
    """The figures of one data set."""
    rng = np.random.default_rng(seed)
    labels = data.probabilities.shape[1]
    error, counted, cover, cover_sample = [], [], [], []
    for number in range(samples):
        halves = np.array_split(rng.permutation(len(data)), 2)
        known, pool = halves
        shares = rng.dirichlet(np.ones(labels))
        chosen = drawn(data.truth, pool, shares, rows, rng)
        estimate = Quantifier(
            method,
            data.probabilities[known],
            data.truth[known],
            np.arange(len(known)),
            resamples=200,
            seed=number,
        )(data.probabilities[chosen])
        in_sample = np.bincount(data.truth[chosen], minlength=labels) / len(chosen)
        error.append(np.abs(estimate.corrected - in_sample).mean())
        counted.append(np.abs(estimate.counted - in_sample).mean())
        cover.append((estimate.low <= shares) & (shares <= estimate.high))
        cover_sample.append((estimate.low <= in_sample) & (in_sample <= estimate.high))
    better = np.mean(np.array(error) < np.array(counted))
    return (
        f"mean absolute error {np.mean(error):.3f}, counted {np.mean(counted):.3f}; better in "
        f"{better:.1%} of {samples} samples; 95% intervals cover {np.mean(cover):.1%} "
        f"({np.mean(cover_sample):.1%} of the shares in the samples)"
    )


def main() -> None:
    """Measures the data sets asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", default=list(DATA))
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--rows", type=int, nargs="+", default=[100, 250])
    parser.add_argument("--method", choices=METHODS, default="emq")
    asked = parser.parse_args()
    for name in asked.names:
        data = reference(name, asked.folder)
        for rows in asked.rows:
            begun = time.perf_counter()
            said = measure(data, asked.samples, rows, asked.method)
            took = time.perf_counter() - begun
            print(f"{name}, {rows} of {len(data):,} rows, {asked.method}: {said}; {took:.0f} s")


if __name__ == "__main__":
    main()
