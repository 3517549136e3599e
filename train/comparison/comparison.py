"""Compares runs on the same test rows: metrics, differences, and the rows that they differ on."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix

from newsstand.train.comparison.matching import Matched
from newsstand.train.comparison.runs import SavedRun
from newsstand.train.evaluation.bootstrap import group_codes
from newsstand.train.evaluation.metrics import label_reports
from newsstand.train.evaluation.multiple_tests import holm
from newsstand.train.evaluation.result import Estimate
from newsstand.train.evaluation.rows import EvaluatedRows
from newsstand.train.evaluation.significance import (
    LEVEL,
    Difference,
    few_groups,
    metric_interval,
    paired_test,
)
from newsstand.types import Ints

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# Permutations of each pair, in multiples of the resamples: a corrected p-value is a multiple of the
# number of pairs, and must be able to fall below .05.
_MOST_PERMUTATIONS = 10
# Settings of a run that say nothing about its model.
_UNTOLD = ("tracking.",)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRun:
    """A run of a comparison.

    Args:
        letter: `A`, `B`, …: its name in the comparison.
        name: Its name in MLflow, or its path.
        run_id: Its id in MLflow; empty for files.
        experiment: Its experiment in MLflow; empty for files.
        value: The metric with its 95% interval.
        left_out: Number of its test rows that are not compared.
        settings: Settings with other values in other runs of the comparison.
        f1: F1 by label.
    """

    letter: str
    name: str
    run_id: str
    experiment: str
    value: Estimate
    left_out: int
    settings: Mapping[str, str]
    f1: Mapping[str, float]

    @property
    def title(self) -> str:
        """Name and beginning of the id."""
        return f"{self.name} ({self.run_id[:8]})" if self.run_id else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """A row that only one of two models gets right.

    Args:
        id: The row's id, or None.
        title: The article's title; empty if it has none.
        first_words: The beginning of its text.
        outlet: Its outlet, or None.
        target: The target of the stance, or None.
        label: The true label.
        first: The first model's label.
        second: The second model's label.
        first_probability: The first model's probability of its label.
        second_probability: That of the second model.
    """

    id: str | None
    title: str
    first_words: str
    outlet: str | None
    target: str | None
    label: str
    first: str
    second: str
    first_probability: float
    second_probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusions:
    """How often two models give rows of a true label a predicted one."""

    label: str
    predicted: str
    first: int
    second: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two runs of a comparison.

    Args:
        first: Letter of the first run.
        second: Letter of the second run.
        test: The difference, `second` minus `first`, and its uncorrected p-values.
        p: p-value of the difference, corrected for the number of pairs (Holm).
        p_mcnemar: p-value of McNemar's test, corrected likewise.
        better: Letter of the run that is significantly better by `p`, or None.
        only_first: Rows that only the first model gets right; those first of which the other one
            is most certain of its wrong label.
        only_second: Rows that only the second model gets right.
        confusions: Cells of the confusion matrices that differ, largest differences first.
    """

    first: str
    second: str
    test: Difference
    p: float
    p_mcnemar: float
    better: str | None
    only_first: Sequence[Disagreement]
    only_second: Sequence[Disagreement]
    confusions: Sequence[Confusions]

    @property
    def verdict(self) -> str:
        """The result in plain words."""
        return f"{self.better} is better" if self.better else "no significant difference"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Runs that are compared on the same rows.

    Args:
        task: `topic` or `stance`.
        metric: The metric's name in `METRICS`.
        rows: Number of rows.
        groups: Number of independent groups that are resampled.
        grouped_by: `group`, `target`, `outlet`, or None if each row is resampled by itself.
        few_groups: Name and number of the groups if there are too few to resample; or None.
        digest: Digest of the first run's test rows.
        common: Whether only shared rows are compared.
        resamples: Number of resamples.
        permutations: Number of permutations of each pair.
        labels: Label to readable name.
        support: Number of rows by label.
        runs: The runs; the best first if there are more than two.
        pairs: Every two of them.
        notes: What was left out of experiments.
    """

    task: str
    metric: str
    rows: int
    groups: int
    grouped_by: str | None
    few_groups: tuple[str, int] | None
    digest: str
    common: bool
    resamples: int
    permutations: int
    labels: Mapping[str, str]
    support: Mapping[str, int]
    runs: Sequence[ComparedRun]
    pairs: Sequence[Pair]
    notes: Sequence[str]

    def run(self, letter: str) -> ComparedRun:
        """The run of a letter."""
        return self.runs[_LETTERS.index(letter)]

    def main_pairs(self) -> list[Pair]:
        """The pairs to read first: all of up to three runs, else those with the best run."""
        if len(self.runs) <= 3:
            return list(self.pairs)
        return [pair for pair in self.pairs if pair.first == _LETTERS[0]]

    def to_dict(self) -> dict[str, Any]:
        """The comparison as JSON values."""
        return asdict(self)


def compare(
    matched: Matched, *, metric: str, common: bool = False, resamples: int = 1000, seed: int = 0
) -> Comparison:
    """Compares runs.

    p-values are corrected for all pairs of the runs, also where only those with the best run are
    shown: which one is best was seen on the same rows.

    Args:
        matched: The runs, with the same rows in the same order.
        metric: A name of `METRICS`.
        common: Whether only shared rows are compared.
        resamples: Number of resamples; permutations are as many for each pair, at most ten times.
        seed: Seed of both.
    """
    rows = [run.rows for run in matched.runs]
    pairs = list(combinations(range(len(rows)), 2))
    permutations = resamples * min(len(pairs), _MOST_PERMUTATIONS)
    tests = [
        paired_test(rows[i], rows[j], metric, resamples, seed, permutations=permutations)
        for i, j in pairs
    ]
    p = holm([test.p_bootstrap for test in tests])
    p_mcnemar = holm([test.p_mcnemar for test in tests])
    groups, grouped_by = group_codes(rows[0])
    labels = rows[0].labels
    support = np.bincount(rows[0].truth, minlength=len(labels)).tolist()
    return Comparison(
        task=rows[0].task,
        metric=metric,
        rows=len(rows[0]),
        groups=int(groups.max()) + 1,
        grouped_by=grouped_by,
        few_groups=few_groups(rows[0]) if grouped_by is None else None,
        digest=rows[0].digest,
        common=common,
        resamples=resamples,
        permutations=permutations,
        labels=labels,
        support=dict(zip(labels, support, strict=True)),
        runs=_runs(matched, metric, resamples, seed),
        pairs=[
            _pair(rows, place, test, p[number], p_mcnemar[number])
            for number, (place, test) in enumerate(zip(pairs, tests, strict=True))
        ],
        notes=matched.notes,
    )


def _runs(matched: Matched, metric: str, resamples: int, seed: int) -> list[ComparedRun]:
    differing = _differing([run.params for run in matched.runs])
    return [
        ComparedRun(
            letter=_LETTERS[place],
            name=run.name,
            run_id=run.run_id,
            experiment=run.experiment,
            value=metric_interval(run.rows, metric, resamples, seed),
            left_out=left_out,
            settings={key: run.params[key] for key in differing if key in run.params},
            f1=_f1(run),
        )
        for place, (run, left_out) in enumerate(zip(matched.runs, matched.left_out, strict=True))
    ]


def _differing(params: Sequence[Mapping[str, str]]) -> list[str]:
    """The settings that do not have the same value in all runs of MLflow."""
    known = [each for each in params if each]
    keys = dict.fromkeys(key for each in known for key in each)
    return [
        key
        for key in keys
        if len({each.get(key) for each in known}) > 1 and not key.startswith(_UNTOLD)
    ]


def _f1(run: SavedRun) -> dict[str, float]:
    rows = run.rows
    reports = label_reports(rows.probabilities, rows.truth, list(rows.labels))
    return {report.label: report.f1 for report in reports}


def _pair(
    rows: Sequence[EvaluatedRows],
    place: tuple[int, int],
    test: Difference,
    p: float,
    p_mcnemar: float,
) -> Pair:
    letters = [_LETTERS[number] for number in place]
    first, second = (rows[number] for number in place)
    right = [each.predicted == each.truth for each in (first, second)]
    better = None
    if p < LEVEL and test.gain:
        better = letters[1] if test.gain > 0 else letters[0]
    return Pair(
        first=letters[0],
        second=letters[1],
        test=test,
        p=p,
        p_mcnemar=p_mcnemar,
        better=better,
        only_first=_disagreements(first, second, np.flatnonzero(right[0] & ~right[1]), wrong=1),
        only_second=_disagreements(first, second, np.flatnonzero(~right[0] & right[1]), wrong=0),
        confusions=_confusions(first, second),
    )


def _disagreements(
    first: EvaluatedRows, second: EvaluatedRows, rows: Ints, *, wrong: int
) -> list[Disagreement]:
    """Some rows, sorted by the certainty of the model that is wrong."""
    highest = [each.probabilities.max(axis=1) for each in (first, second)]
    rows = rows[np.argsort(-highest[wrong][rows], kind="stable")]
    names, predicted = list(first.labels), [each.predicted for each in (first, second)]
    columns = {
        name: first.columns[name].take(rows).to_pylist()
        for name in ("id", "title", "first_words", "outlet", "target")
    }
    return [
        Disagreement(
            id=columns["id"][number],
            title=columns["title"][number] or "",
            first_words=columns["first_words"][number] or "",
            outlet=columns["outlet"][number],
            target=columns["target"][number],
            label=names[first.truth[row]],
            first=names[predicted[0][row]],
            second=names[predicted[1][row]],
            first_probability=float(highest[0][row]),
            second_probability=float(highest[1][row]),
        )
        for number, row in enumerate(rows.tolist())
    ]


def _confusions(first: EvaluatedRows, second: EvaluatedRows) -> list[Confusions]:
    """The errors that one of the models makes more often, largest differences first."""
    names = list(first.labels)
    counts = [
        confusion_matrix(each.truth, each.predicted, labels=range(len(names)))
        for each in (first, second)
    ]
    change = counts[1] - counts[0]
    np.fill_diagonal(change, 0)
    order = np.argsort(-np.abs(change), axis=None, kind="stable")
    return [
        Confusions(
            label=names[true],
            predicted=names[predicted],
            first=int(counts[0][true, predicted]),
            second=int(counts[1][true, predicted]),
        )
        for true, predicted in zip(*np.unravel_index(order, change.shape), strict=True)
        if change[true, predicted]
    ]
