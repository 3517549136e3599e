"""Simulated rows with the probabilities of a model, and their evaluation."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from newsstand.train.evaluation.evaluation import evaluate
from newsstand.train.evaluation.result import Agreement, Estimate, Evaluation
from newsstand.train.evaluation.rows import COLUMNS, EvaluatedRows
from newsstand.train.report.description import RunDescription
from newsstand.types import Floats

ABOUT = RunDescription(
    name="topic-linear",
    task="topic",
    kind="linear",
    summary="A linear classifier over hashed n-grams.",
    tested_on="articles.csv",
    trained_on="articles.csv",
    data_format="table",
    data_digest="d1" * 16,
    sizes={"train": 800, "validation": 100, "test": 300},
    splits="stratified",
    commit="0123456789ab",
    date="2026-03-01T10:00:00+00:00",
    settings={"model.C": "0.5"},
    bundle_hash="b2" * 32,
)
_RESAMPLES = 60
OUTLETS = ("The Courier", "Morning Star", "Le Soir", "El País", "Die Zeit")


def made_rows(
    names: Sequence[str] | Mapping[str, str] = ("sport", "economy", "weather"),
    rows: int = 300,
    *,
    task: str = "topic",
    sharpness: float = 2.0,
    seed: int = 0,
    **columns: Sequence[Any],
) -> EvaluatedRows:
    """Rows of a model that is right more often the higher `sharpness` is.

    Args:
        names: The labels, or label to readable name.
        rows: Number of rows.
        task: `topic` or `stance`.
        sharpness: Of the model.
        seed: Of the draws.
        columns: Values of columns of `COLUMNS`, in place of the simulated ones.
    """
    random = np.random.default_rng(seed)
    labels = dict(names) if isinstance(names, Mapping) else {name: name for name in names}
    truth = random.integers(0, len(labels), rows)
    scores = random.normal(size=(rows, len(labels)))
    scores[np.arange(rows), truth] += sharpness
    raw = np.exp(1.5 * scores)
    outlet = random.integers(0, len(OUTLETS), rows)
    stance = task == "stance"
    values: dict[str, Sequence[Any]] = {
        "key": [f"{number:064x}" for number in range(rows)],
        "id": [f"row-{number}" for number in range(rows)],
        "title": [f"Headline of article {number}" for number in range(rows)],
        "first_words": [
            f"The first words of article {number}, and more." for number in range(rows)
        ],
        "outlet": [OUTLETS[number] for number in outlet],
        "published": [f"2024-{1 + number % 12:02d}-03" for number in range(rows)],
        "genre": ["opinion" if number % 4 == 0 else "news" for number in range(rows)],
        "target": [f"target {number % 7}" if stance else None for number in range(rows)],
        "language": ["en"] * rows,
        "words": random.integers(20, 900, rows).tolist(),
        "quote_share": random.random(rows).tolist(),
        "outlet_seen": [bool(number % 2) for number in outlet],
        "target_seen": [number % 7 > 2 if stance else None for number in range(rows)],
        "votes": [None] * rows,
    }
    values |= columns
    return EvaluatedRows(
        task=task,
        labels=labels,
        truth=truth,
        probabilities=_shares(np.exp(scores)),
        columns={x: pa.array(values.get(x, [None] * rows), kind) for x, kind in COLUMNS.items()},
        digest="0123456789abcdef" * 2,
        uncalibrated=_shares(raw),
    )


def _shares(values: Floats) -> Floats:
    shares: Floats = values / values.sum(axis=1, keepdims=True)
    return shares


def made_evaluation(rows: EvaluatedRows, /, **changes: Any) -> Evaluation:
    """The evaluation of rows with few resamples, with the given fields replaced."""
    return replace(evaluate(rows, resamples=_RESAMPLES), **changes)


def made_agreement() -> Agreement:
    """Annotators that agree a little more often than the model does with them."""
    return Agreement(
        rows=180,
        annotators=Estimate(0.82, 0.79, 0.85),
        model=Estimate(0.77, 0.72, 0.81),
        alpha=0.61,
    )
