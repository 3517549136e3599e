"""Labels chosen by `newsstand suggest` against labels at random, on topics of article-bias.

    python tests/bench/suggest.py FOLDER [--draws 5] [--start 100] [--count 300] [--pool 8000]
        [--split test] [--ways random suggest margin diverse]

FOLDER holds the unpacked jsons/ and splits/ of Article-Bias-Prediction, whose articles have 108
topics. In each draw, a linear model is fitted to `--start` random articles; it chooses `--count`
more from the pool, and a second model is fitted to both. The ways to choose: `random`; `suggest`,
as the command does; `margin`, the most uncertain alone; `diverse`, the same clusters with equal
weights among random candidates. All ways share the first articles of a draw. Intervals are those
of Student's t over the draws; differences are paired by draw.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array
from scipy.stats import t as student
from sklearn.metrics import accuracy_score, f1_score

from newsstand.data.readers.formats import reader
from newsstand.data.readers.sources import Source
from newsstand.features.weighting import FeatureSpec, count
from newsstand.io.records import Record
from newsstand.models.calibration import Calibration
from newsstand.models.linear import LinearModel
from newsstand.text.article import Article
from newsstand.text.example import Example, encode
from newsstand.text.normalize import TextSpec
from newsstand.train.calibrate import fit_calibration
from newsstand.train.families.linear_solver import fit_linear
from newsstand.train.monitor.choose import CANDIDATES, choose, uncertainty
from newsstand.types import Floats, Ints

SPEC = FeatureSpec(words=(1, 2), bits=18)
FOLDS = 5


@dataclass(frozen=True)
class Rows:
    """Articles with their topics, numbered over all splits."""

    examples: list[Example]
    counts: Sequence[csr_array]
    topics: Ints


@dataclass(frozen=True)
class Fitted:
    """A calibrated model of the topics that its rows have."""

    model: LinearModel
    topics: Ints
    calibration: Calibration

    def probabilities(self, examples: Sequence[Example]) -> Floats:
        """Shape (examples, topics of this model)."""
        return self.calibration.apply(self.model.forward(examples))


def read(folder: Path, most: dict[str, int]) -> dict[str, Rows]:
    """A random sample of the articles of each split."""
    lists = {"train": "train", "validation": "valid", "test": "test"}
    files = {name: f"splits/random/{short}.tsv" for name, short in lists.items()}
    source = Source(task="topic", path=str(folder), files=files)
    found: dict[str, list[Record]] = {name: [] for name in most}
    for split, item in reader("article-bias")(source):
        if split in found and isinstance(item, Record):
            found[split].append(item)
    topics = sorted({str(x.values["topic"]) for items in found.values() for x in items})
    number = {topic: place for place, topic in enumerate(topics)}
    rng = np.random.default_rng(0)
    rows = {}
    for split, items in found.items():
        chosen = rng.permutation(len(items))[: most[split]]
        examples = [
            encode(Article.from_mapping(items[x].values), None, TextSpec(max_characters=1 << 25))
            for x in chosen
        ]
        own = np.array([number[str(items[x].values["topic"])] for x in chosen], dtype=np.int64)
        rows[split] = Rows(examples, count(SPEC, examples) if split == "train" else [], own)
    return rows


def fit(rows: Rows, chosen: Ints, seed: int, *, calibrate: bool) -> Fitted:
    """Fits a model to some rows; its temperature to scores of models without the row's fold."""
    present, labels = np.unique(rows.topics[chosen], return_inverse=True)
    model = _linear(rows, chosen, labels, seed)
    calibration = Calibration("temperature", (1.0,))
    if calibrate:
        fold = np.random.default_rng(seed).permutation(len(chosen)) % FOLDS
        scores, known = [], []
        for number in range(FOLDS):
            inside, out = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
            here, own = np.unique(labels[inside], return_inverse=True)
            found = _linear(rows, chosen[inside], own, seed).forward(
                [rows.examples[x] for x in chosen[out]]
            )
            full = np.full((len(out), len(present)), found.min())
            full[:, here] = found
            kept = np.isin(labels[out], here)
            scores.append(full[kept])
            known.append(labels[out][kept])
        calibration = fit_calibration("temperature", np.concatenate(scores), np.concatenate(known))
    return Fitted(model, present, calibration)


def _linear(rows: Rows, chosen: Ints, labels: Ints, seed: int) -> LinearModel:
    return fit_linear(
        [block[chosen] for block in rows.counts],
        labels,
        spec=SPEC,
        classifier="svc",
        C=1.0,
        class_weight="balanced",
        seed=seed,
    )


def _suggest(examples: Sequence[Example], probabilities: Floats, most: int, seed: int) -> Ints:
    unsure = uncertainty(probabilities)
    candidates = np.argsort(-unsure, kind="stable")[: CANDIDATES * most]
    texts = [examples[x].text for x in candidates]
    weights = unsure[candidates]
    return candidates[choose(texts, [""] * len(texts), weights, count=most, seed=seed)]


def _margin(examples: Sequence[Example], probabilities: Floats, most: int, seed: int) -> Ints:
    return np.argsort(-uncertainty(probabilities), kind="stable")[:most]


def _diverse(examples: Sequence[Example], probabilities: Floats, most: int, seed: int) -> Ints:
    candidates = np.random.default_rng(seed).permutation(len(examples))[: CANDIDATES * most]
    texts = [examples[x].text for x in candidates]
    equal = np.ones(len(texts))
    return candidates[choose(texts, [""] * len(texts), equal, count=most, seed=seed)]


def _random(examples: Sequence[Example], probabilities: Floats, most: int, seed: int) -> Ints:
    return np.random.default_rng(seed).permutation(len(examples))[:most]


WAYS: dict[str, Callable[[Sequence[Example], Floats, int, int], Ints]] = {
    "random": _random,
    "suggest": _suggest,
    "margin": _margin,
    "diverse": _diverse,
}


def measure(fitted: Fitted, rows: Rows) -> tuple[float, float]:
    """Macro-F1 over the topics of the rows, and accuracy."""
    found = fitted.topics[fitted.model.forward(rows.examples).argmax(axis=1)]
    labels = np.unique(rows.topics)
    macro = f1_score(rows.topics, found, labels=labels, average="macro", zero_division=0)
    return float(macro), float(accuracy_score(rows.topics, found))


def interval(values: Floats) -> str:
    """Mean of the draws with its 95% interval."""
    half = student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():+.3f} [{values.mean() - half:+.3f}, {values.mean() + half:+.3f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--start", type=int, default=100)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--pool", type=int, default=8000)
    parser.add_argument("--split", choices=("validation", "test"), default="test")
    parser.add_argument("--ways", nargs="+", choices=tuple(WAYS), default=["random", "suggest"])
    given = parser.parse_args()
    rows = read(given.folder, {"train": given.pool, given.split: 2500})
    pool, judged = rows["train"], rows[given.split]
    print(f"{len(pool.topics):,} articles, {len(judged.topics):,} of {given.split}")
    results: dict[str, list[tuple[float, float]]] = {way: [] for way in given.ways}
    for draw in range(given.draws):
        order = np.random.default_rng(draw).permutation(len(pool.topics))
        first, rest = order[: given.start], np.sort(order[given.start :])
        start = fit(pool, first, draw, calibrate=True)
        examples = [pool.examples[x] for x in rest]
        probabilities = start.probabilities(examples)
        for way in given.ways:
            began = time.perf_counter()
            chosen = rest[WAYS[way](examples, probabilities, given.count, draw + 1)]
            seconds = time.perf_counter() - began
            fitted = fit(pool, np.concatenate([first, chosen]), draw, calibrate=False)
            results[way].append(measure(fitted, judged))
            macro, accuracy = results[way][-1]
            print(
                f"draw {draw} {way:8} macro-F1 {macro:.3f} accuracy {accuracy:.3f}, "
                f"{len(fitted.topics)} topics, chosen in {seconds:.0f} s",
                flush=True,
            )
    for place, metric in enumerate(("macro-F1", "accuracy")):
        values = {way: np.array(found)[:, place] for way, found in results.items()}
        for way, own in values.items():
            line = f"{metric:8} {way:8} {interval(own)}"
            if way != "random" and "random" in values:
                line += f", less random {interval(own - values['random'])}"
            print(line)


if __name__ == "__main__":
    main()
