"""Folds and seeds as one: their rows pooled, their metrics averaged."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev

import numpy as np
import pyarrow as pa

from newsstand.errors import NewsstandError
from newsstand.train.evaluation.rows import COLUMNS, EvaluatedRows

_OF_PARTS = re.compile(r"f1/|source/|_(?:low|high|mean|std|rows)$")


def pooled(folds: Sequence[EvaluatedRows]) -> EvaluatedRows:
    """The evaluated rows of several folds, in order.

    Args:
        folds: Rows with the same labels.

    Raises:
        NewsstandError: The labels differ.
    """
    first = folds[0]
    if any(list(fold.labels) != list(first.labels) for fold in folds):
        raise NewsstandError("folds: their labels differ, so their rows cannot be evaluated as one")
    raw = [fold.uncalibrated for fold in folds if fold.uncalibrated is not None]
    columns = {
        name: pa.concat_arrays([fold.columns[name].cast(kind) for fold in folds])
        for name, kind in COLUMNS.items()
    }
    return EvaluatedRows(
        task=first.task,
        labels=first.labels,
        truth=np.concatenate([fold.truth for fold in folds]),
        probabilities=np.concatenate([fold.probabilities for fold in folds]),
        columns=columns,
        digest=_digest(columns["key"].to_pylist()),
        settings=first.settings,
        uncalibrated=np.concatenate(raw) if len(raw) == len(folds) else None,
    )


def _digest(keys: Sequence[str]) -> str:
    """As of `LabelledRows.digest`."""
    return hashlib.sha256("".join(sorted(keys)).encode()).hexdigest()[:32]


def mean_and_deviation(metrics: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean and sample standard deviation of each metric of several fits, as `…_mean`, `…_std`.

    Metrics of labels, sources and intervals are left out.

    Args:
        metrics: Of at least two fits, by name.
    """
    names = [name for name in metrics[0] if all(name in one for one in metrics)]
    names = [name for name in names if not _OF_PARTS.search(name)]
    values = {name: [one[name] for one in metrics] for name in names}
    means = {f"{name}_mean": fmean(x) for name, x in values.items()}
    return means | {f"{name}_std": stdev(x) for name, x in values.items()}
