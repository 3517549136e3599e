"""How balanced splits of whole groups are: newsstand's and scikit-learn's StratifiedGroupKFold.

    python tests/bench/splits.py FOLDER [NAME …]

FOLDER holds r8/, vast/, newsmtsc/ and semeval-2016/ in their publishers' files. Of each data set,
and of invented ones with skewed groups: the largest difference between a label's share of a split
and of the whole, the largest difference of a split's size from what was asked (both in points),
the seconds, whether the order of the rows makes a difference, how many rows change their split
when a hundredth of the groups is left out, and how many are in the same split with another seed.
The worst of the seeds; of seconds and changes the median.

For scikit-learn, groups are numbered in random order, so that neither the order of the rows nor the
machine decides; of 10 folds one is the test split, one validation, eight are to train on.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from newsstand.config.loader import load_config
from newsstand.data.load import load
from newsstand.data.splits.balance import assign_groups
from newsstand.data.splits.groups import codes, connected_groups, hashes, random_keys
from newsstand.types import Floats, Hashes, Ints

SEEDS = 5
SHARES = {"0.8/0.1/0.1": np.array([0.1, 0.1, 0.8]), "five folds": np.full(5, 0.2)}
DataSet = tuple[Ints, Hashes, Ints]  # the group of each row, the key of each group, labels
Way = Callable[[Ints, Hashes, Ints, Floats], Ints]


def ours(group: Ints, draw: Hashes, label: Ints, shares: Floats) -> Ints:
    """The part of each group; as in `splits.split`, validation is drawn from the rest."""
    if len(shares) > 3:
        return assign_groups(group, label, draw, shares.tolist())
    part = assign_groups(
        group, label, random_keys(draw, "test"), [shares[0], 1 - shares[0]], keep=2
    )
    rest = np.flatnonzero(part == 1)
    row = part[group] == 1
    again = np.searchsorted(rest, group[row])
    share = shares[1] / (1 - shares[0])
    part[rest] += assign_groups(
        again, label[row], random_keys(draw[rest], "validation"), [share, 1 - share]
    )
    return part


def scikit(group: Ints, draw: Hashes, label: Ints, shares: Floats) -> Ints:
    """The same by scikit-learn's greedy folds, merged."""
    folds = 10 if len(shares) == 3 else len(shares)
    rank = np.empty(len(draw), np.int64)
    rank[np.argsort(draw, kind="stable")] = np.arange(len(draw))
    part = np.full(len(draw), len(shares) - 1)
    cut = StratifiedGroupKFold(n_splits=folds).split(group, label, rank[group])
    for fold, (_, held) in enumerate(cut):
        part[group[held]] = min(fold, len(shares) - 1)
    return part


BENCHMARKS = "configs/benchmarks"
PLACES = {  # config, folder, and the column by which rows are grouped in place of their texts
    "corpus, topics": ("configs/topic-linear.yaml", "", ""),
    "corpus, stances": ("configs/stance-linear.yaml", "", ""),
    "r8": (f"{BENCHMARKS}/r8-linear.yaml", "r8", ""),
    "newsmtsc": (f"{BENCHMARKS}/newsmtsc-rw-linear.yaml", "newsmtsc", ""),
    "semeval-2016": (f"{BENCHMARKS}/semeval2016-linear.yaml", "semeval-2016", ""),
    "vast": ("configs/stance-linear.yaml", "vast", ""),
    "vast, targets": ("configs/stance-linear.yaml", "vast", "target"),
}
INVENTED = {  # rows of each group, and how many of them have the group's own label
    "30 groups, sizes as 1/rank": (2_000 / np.arange(1, 31), 0.95),
    "300 groups, sizes as 1/rank": (2_000 / np.arange(1, 301), 0.95),
    "3,000 groups, sizes as 1/rank": (2_000 / np.arange(1, 3_001), 0.5),
    "one group of half the rows": (np.array([3_000, *[15] * 200]), 0.7),
}


def read(root: Path, config: str, folder: str, by: str) -> DataSet:
    """The groups of a data set."""
    told = [f"data.path={root / folder}"] if folder else []
    if folder == "vast":
        told += ["data.format=vast", "data.empty_bodies=drop"]
    news = load(load_config(config, told).loading())
    label = news.rows.data.column("label").to_numpy()
    if by:
        group, known = codes(news.column(by))
        return group, hashes(known), label
    assert news.near_duplicates is not None
    cluster = [str(name) for name in news.near_duplicates.cluster.tolist()]
    return *connected_groups(news.column("text_key"), [news.column("group"), cluster]), label


def invented(sizes: Floats, pure: float) -> DataSet:
    """Groups of very different size, each with a label of its own that most of its rows have."""
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(len(sizes)), sizes.astype(int) + 1)
    shares = [0.4, 0.3, 0.15, 0.1, 0.05]
    own, any_label = rng.choice(5, len(sizes), p=shares), rng.choice(5, len(group), p=shares)
    label = np.where(rng.random(len(group)) < pure, own[group], any_label)
    return group, hashes(map(str, range(len(sizes)))), label


def off(group: Ints, label: Ints, part: Ints, shares: Floats) -> tuple[float, float]:
    """The worst difference of label shares, and of sizes, in points."""
    counts = np.zeros((len(shares), label.max() + 1))
    np.add.at(counts, (part[group], label), 1)
    sizes = counts.sum(axis=1, keepdims=True)
    gaps = np.abs(counts / np.maximum(sizes, 1) - counts.sum(axis=0) / len(label))
    return 100 * gaps.max(), 100 * np.abs(sizes[:, 0] / len(label) - shares).max()


def changed(way: Way, data: DataSet, draw: Hashes, shares: Floats, part: Ints) -> float:
    """The share of rows in another split when a hundredth of the groups is left out, in %."""
    group, _, label = data
    kept = random_keys(draw, "left out") >= np.uint64(2**64 // 100)
    row, numbers = kept[group], np.flatnonzero(kept)
    again = np.searchsorted(numbers, group[row])
    found = way(again, draw[numbers], label[row], shares)
    return float(100 * (found[again] != part[group[row]]).mean())


def measured(way: Way, data: DataSet, shares: Floats) -> str:
    """One line of figures."""
    group, keys, label = data
    parts, found, seconds, moved = [], [], [], []
    for seed in range(SEEDS):
        draw = random_keys(keys, str(seed))
        start = time.perf_counter()
        part = way(group, draw, label, shares)
        seconds.append(time.perf_counter() - start)
        found.append(off(group, label, part, shares))
        parts.append(part)
        if seed < 2:
            moved.append(changed(way, data, draw, shares, part))
    order = np.random.default_rng(0).permutation(len(group))
    same = (way(group[order], draw, label[order], shares) == part).all()
    gaps, sizes = np.max(found, axis=0)
    alike = np.mean([(part[group] == parts[0][group]).mean() for part in parts[1:]])
    return (
        f"label shares {gaps:5.2f}  sizes {sizes:5.2f}  {np.median(seconds):6.2f} s  "
        f"order {'no' if same else 'YES'}  changed {np.median(moved):5.1f} %  "
        f"alike over seeds {100 * alike:5.1f} %"
    )


def main() -> None:
    """Figures of the data sets that are named, else of all."""
    root, *names = sys.argv[1:]
    for name in names or [*PLACES, *INVENTED]:
        data = read(Path(root), *PLACES[name]) if name in PLACES else invented(*INVENTED[name])
        print(f"{name}: {len(data[0]):,} rows, {len(data[1]):,} groups", flush=True)
        for asked, shares in SHARES.items():
            for way in (ours, scikit):
                print(f"  {asked:12} {way.__name__:7} {measured(way, data, shares)}", flush=True)


if __name__ == "__main__":
    main()
