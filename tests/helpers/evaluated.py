"""Evaluated rows made up for tests."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from newsstand.train.evaluation.rows import COLUMNS, EvaluatedRows
from newsstand.types import Floats, Ints

LABELS = ("favor", "against", "neutral")


def drawn(count: int, *, right: float = 0.7, labels: int = 3, seed: int = 0) -> tuple[Floats, Ints]:
    """Random probabilities, and true labels that they predict for a share of the rows."""
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.ones(labels), count)
    other = probabilities.argmax(axis=1) + random.integers(1, labels, count)
    truth = np.where(random.random(count) < right, probabilities.argmax(axis=1), other % labels)
    return probabilities, truth.astype(np.int64)


def evaluated(
    probabilities: Floats,
    truth: Ints,
    *,
    task: str = "topic",
    labels: Sequence[str] = LABELS,
    uncalibrated: Floats | None = None,
    settings: dict[str, Any] | None = None,
    **columns: Sequence[Any],
) -> EvaluatedRows:
    """Rows with some columns; the others are null."""
    size = len(truth)
    return EvaluatedRows(
        task=task,
        labels={label: label.title() for label in labels},
        truth=truth,
        probabilities=probabilities,
        columns={
            name: pa.array(columns.get(name, [None] * size), kind) for name, kind in COLUMNS.items()
        },
        digest="0" * 32,
        settings=settings or {},
        uncalibrated=uncalibrated,
    )
