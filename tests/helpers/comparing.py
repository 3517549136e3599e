"""Predictions made by hand, to compare."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from newsstand.train.evaluation.rows import COLUMNS, EvaluatedRows

LABELS = {"sport": "Sport", "economy": "Economy", "weather": "Weather"}


def predictions(
    truth: Sequence[int],
    predicted: Sequence[int],
    *,
    labels: dict[str, str] = LABELS,
    task: str = "topic",
    digest: str = "0123456789abcdef",
    certainty: float = 0.8,
    settings: dict[str, Any] | None = None,
    **columns: Sequence[Any],
) -> EvaluatedRows:
    """Rows with the given labels; those columns that are not given are null, but for `key`."""
    count, size = len(truth), len(labels)
    probabilities = np.full((count, size), (1 - certainty) / (size - 1))
    probabilities[np.arange(count), list(predicted)] = certainty
    given = {"key": [f"key {row}" for row in range(count)], **columns}
    return EvaluatedRows(
        task=task,
        labels=labels,
        truth=np.array(truth, dtype=np.int64),
        probabilities=probabilities,
        columns={
            name: pa.array(given[name], kind) if name in given else pa.nulls(count, kind)
            for name, kind in COLUMNS.items()
        },
        digest=digest,
        settings=settings or {},
    )


def drawn(
    rng: np.random.Generator, rows: int, groups: int | None = None, size: int = 3
) -> tuple[EvaluatedRows, EvaluatedRows]:
    """Two models that are equal by construction, whose errors depend on rows and groups."""
    group = np.arange(rows) if groups is None else rng.integers(0, groups, rows)
    truth = rng.choice(size, rows, p=[0.5, 0.3, 0.2])
    hard, pair = rng.normal(size=rows), []
    for _ in range(2):
        skill = np.zeros(rows) if groups is None else rng.normal(scale=0.7, size=groups)
        right = hard + skill[group] + rng.normal(size=rows) > -1
        predicted = np.where(right, truth, (truth + rng.integers(1, size, rows)) % size)
        named: dict[str, Any] = {}
        if groups is not None:
            named["group"] = [f"g{number}" for number in group]
        pair.append(predictions(truth.tolist(), predicted.tolist(), **named))
    return pair[0], pair[1]
