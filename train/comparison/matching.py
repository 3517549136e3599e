"""Which runs can be compared, on which rows, and which of them are."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from newsstand.errors import NewsstandError
from newsstand.train.comparison.runs import Found, SavedRun
from newsstand.train.evaluation.paired_metrics import LOWER_IS_BETTER, check_metric, metric_value
from newsstand.train.evaluation.rows import EvaluatedRows
from newsstand.types import Ints

# With more runs, corrected p-values are hardly ever significant, and the page is hard to read.
MOST = 12


@dataclass(frozen=True, slots=True)
class Matched:
    """Runs with the same rows in the same order.

    Args:
        runs: The runs; the best first if there are more than two.
        left_out: Number of rows of each run that are not compared, in the order of `runs`.
        notes: What was left out of experiments.
    """

    runs: Sequence[SavedRun]
    left_out: Sequence[int]
    notes: Sequence[str]

    @property
    def experiment(self) -> str:
        """The experiment of the first run; empty unless all runs are in MLflow."""
        named = [run.experiment for run in self.runs]
        return named[0] if all(named) else ""


def match(found: Found, *, metric: str, common: bool, top: int | None) -> Matched:
    """Chooses the runs and the rows to compare.

    Of experiments, only runs on the test rows of the first run are taken, unless `common` is set.

    Args:
        found: The runs that the arguments name.
        metric: A name of `METRICS`, by which the best runs are chosen.
        common: Compare the rows that all runs share, where their test rows differ.
        top: Number of runs of experiments to take, the best by the metric; None for all.

    Raises:
        NewsstandError: The runs cannot be compared, with the reason.
    """
    runs, notes = _chosen(found, metric=metric, common=common, top=top)
    if len(runs) < 2:
        raise NewsstandError("; ".join(["expected at least two different runs, got one", *notes]))
    if len(runs) > MOST:
        raise NewsstandError(
            f"{len(runs)} runs: at most {MOST} can be compared; --top 5 takes the best five"
        )
    if not common:
        _check_same_rows(runs)
    first = runs[0].rows
    runs = [_in_order_of_labels(run, first) for run in runs]
    shared = _shared(runs)
    if not len(shared[0]):
        raise NewsstandError("the runs share no test row: none has the same text, target and label")
    matched = [
        (
            replace(run, rows=replace(run.rows.select(rows), settings=first.settings)),
            len(run.rows) - len(rows),
        )
        for run, rows in zip(runs, shared, strict=True)
    ]
    if len(matched) > 2:
        matched.sort(key=lambda each: _loss(each[0], metric))
    return Matched([run for run, _ in matched], [left for _, left in matched], notes)


def _chosen(
    found: Found, *, metric: str, common: bool, top: int | None
) -> tuple[list[SavedRun], list[str]]:
    """The runs to compare, and notes on what was left out."""
    if top is not None and not found.listed:
        raise NewsstandError("--top chooses among the runs of experiment:NAME, and none is given")
    listed, notes = list(found.listed), list(found.notes)
    first = next(iter([*found.named, *listed]))
    check_metric(metric, first.rows)
    if not common:
        listed, left_out = _on_same_rows(listed, first)
        notes += left_out
    for run in (*found.named, *listed):
        _check_alike(first, run)
    if top is not None:
        listed = sorted(listed, key=lambda run: _loss(run, metric))[:top]
    return [*found.named, *listed], notes


def _on_same_rows(runs: Sequence[SavedRun], first: SavedRun) -> tuple[list[SavedRun], list[str]]:
    """The runs of experiments with the first run's test rows and task, and a note on the others."""
    same = [run for run in runs if run.rows.digest == first.rows.digest]
    others = len(runs) - len(same)
    if not others:
        return same, []
    return same, [
        f"{others} of {len(runs)} runs of the experiment left out, whose test rows are not those "
        f"of {title(first)}; --common compares the rows that all runs share"
    ]


def title(run: SavedRun) -> str:
    """The name of a run in messages."""
    return f"{run.name} ({run.run_id[:8]})" if run.run_id else run.name


def _check_alike(first: SavedRun, run: SavedRun) -> None:
    """Refuses runs of another task or with other labels."""
    if run.rows.task != first.rows.task:
        raise NewsstandError(
            f"{title(run)} is a {run.rows.task} model and {title(first)} a {first.rows.task} "
            "model; they cannot be compared"
        )
    ours, others = set(first.rows.labels), set(run.rows.labels)
    if ours != others:
        parts = [
            f"only {title(each)} has {_some(sorted(labels))}"
            for each, labels in ((first, ours - others), (run, others - ours))
            if labels
        ]
        raise NewsstandError(f"different labels: {'; '.join(parts)}")


def _some(labels: Sequence[str]) -> str:
    shown = ", ".join(f"'{label}'" for label in labels[:5])
    return shown + (f" and {len(labels) - 5} more" if len(labels) > 5 else "")


def _check_same_rows(runs: Sequence[SavedRun]) -> None:
    """Refuses runs with different test rows."""
    first = runs[0]
    for run in runs[1:]:
        if run.rows.digest != first.rows.digest:
            shared = len(_shared([first, run])[0])
            raise NewsstandError(
                f"different test rows: {title(first)} has {len(first.rows):,} rows (digest "
                f"{first.rows.digest[:8]}), {title(run)} has {len(run.rows):,} (digest "
                f"{run.rows.digest[:8]}), and they share {shared:,}; newsstand compare … --common "
                "compares the shared rows"
            )


def _loss(run: SavedRun, metric: str) -> float:
    """The metric, with its sign changed if a higher value is better."""
    value = metric_value(run.rows, metric, run.rows.settings)
    return value if metric in LOWER_IS_BETTER else -value


def _shared(runs: Sequence[SavedRun]) -> list[Ints]:
    """The rows that all runs have, in the order of the first run; of equal rows, pair by pair."""
    keys = [run.rows.columns["key"].to_pylist() for run in runs]
    counts = [Counter(each) for each in keys]
    places: list[dict[str, list[int]]] = []
    for each in keys:
        found: dict[str, list[int]] = defaultdict(list)
        for place, key in enumerate(each):
            found[key].append(place)
        places.append(found)
    taken: Counter[str] = Counter()
    chosen: list[list[int]] = [[] for _ in runs]
    for key in keys[0]:
        if taken[key] < min(count[key] for count in counts):
            for rows, found in zip(chosen, places, strict=True):
                rows.append(found[key][taken[key]])
            taken[key] += 1
    return [np.array(rows, dtype=np.int64) for rows in chosen]


def _in_order_of_labels(run: SavedRun, first: EvaluatedRows) -> SavedRun:
    """The run with the labels in the first run's order."""
    rows = run.rows
    if list(rows.labels) == list(first.labels):
        return run
    own = list(rows.labels)
    order = np.array([own.index(label) for label in first.labels])
    back = np.argsort(order)  # from the run's own place of a label to the first run's
    return replace(
        run,
        rows=replace(
            rows,
            labels=first.labels,
            truth=back[rows.truth],
            probabilities=rows.probabilities[:, order],
            uncalibrated=None,
        ),
    )
