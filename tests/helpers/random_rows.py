"""Evaluated rows made by hand."""

import numpy as np
import pyarrow as pa

from newsstand.train.evaluation.rows import COLUMNS, EvaluatedRows


def some_rows(rows: int, labels: int, seed: int = 0, **columns: pa.Array) -> EvaluatedRows:
    """Rows of random labels, for which a model is right most of the time.

    Args:
        rows: The number of rows.
        labels: The number of labels, `a`, `b`, …
        seed: Of the labels.
        columns: Columns that are not null.
    """
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, labels, rows)
    scores = rng.normal(size=(rows, labels))
    scores[np.arange(rows), truth] += 2
    shares = np.exp(scores)
    given = {"words": pa.array(rng.integers(5, 500, rows)), **columns}
    return EvaluatedRows(
        task="topic",
        labels={chr(97 + label): chr(97 + label).upper() for label in range(labels)},
        truth=truth,
        probabilities=shares / shares.sum(axis=1, keepdims=True),
        columns={name: given.get(name, pa.nulls(rows, kind)) for name, kind in COLUMNS.items()},
        digest="0" * 32,
    )
