"""Files as `newsstand score -o` writes them, and models with reference data for them."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from newsstand.io.bundle import Bundle, bundle_hash
from newsstand.io.reference import NOT_GIVEN, Reference, hashed_words
from newsstand.types import Floats, Ints

WORDS = tuple(f"word{number}" for number in range(30))


def answers(truth: Ints, labels: int, seed: int = 0) -> Floats:
    """Probabilities of a model that errs, and calls the first label more often than it occurs."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(len(truth), labels))
    scores[np.arange(len(truth)), truth] += 1.5
    scores[:, 0] += 0.5
    shares = np.exp(scores)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def texts(rows: int, seed: int = 0, words: Sequence[str] = WORDS) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(words, 12 + rng.integers(0, 20))) for _ in range(rows)]


def model(
    bundle: Bundle, folder: Path, rows: int = 400, outlets: Sequence[str] = ("Post", "Times")
) -> str:
    """Saves a bundle with reference data; returns its hash."""
    rng = np.random.default_rng(3)
    labels = len(bundle.labels)
    truth = rng.integers(0, labels, rows)
    bodies = texts(rows, seed=1)
    outlet = rng.integers(0, len(outlets), rows) if outlets else np.full(rows, NOT_GIVEN)
    reference = Reference(
        probabilities=answers(truth, labels, seed=2),
        truth=truth,
        groups=np.arange(rows),
        words=np.array([len(text.split()) for text in bodies]),
        outlet=outlet,
        target=np.full(rows, NOT_GIVEN),
        outlets=tuple(outlets),
        targets=(),
        presence=hashed_words(bodies),
    )
    replace(bundle, reference=reference).save(folder)
    return bundle_hash(folder)


def scored(
    labels: Sequence[str],
    probabilities: Floats,
    folder: Path | str,
    digest: str,
    columns: Mapping[str, Sequence[Any]],
) -> list[dict[str, Any]]:
    """Rows of the given columns with their scores."""
    made = []
    for number, shares in enumerate(probabilities.tolist()):
        best = int(np.argmax(shares))
        made.append(
            {
                "id": f"a{number}",
                **{name: values[number] for name, values in columns.items()},
                "label": labels[best],
                "label_name": labels[best],
                "probability": shares[best],
                "probabilities": dict(zip(labels, shares, strict=True)),
                "warning": None,
                "model": str(folder),
                "model_digest": digest,
                "newsstand": "0.1.0",
            }
        )
    return made


def flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with a column for each probability, as CSV and Parquet have it."""
    shares = {f"p_{label}": value for label, value in row["probabilities"].items()}
    return {**{key: value for key, value in row.items() if key != "probabilities"}, **shares}


def write(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Writes rows as JSONL, CSV or Parquet, by the name of the file."""
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path
    table = [flat(row) for row in rows]
    if path.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(table), path)
        return path
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.DictWriter(stream, list(table[0]))
        writer.writeheader()
        writer.writerows(table)
    return path
