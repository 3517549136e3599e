"""The rows that a model was evaluated on, with their true labels and its probabilities.

A run saves them as `predictions.parquet`, from which runs are compared later.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from newsstand.errors import NewsstandError
from newsstand.models.decision import MOST_PROBABLE
from newsstand.text.example import Example
from newsstand.text.segments import segments
from newsstand.train.dataset import LabelledRows
from newsstand.types import Floats, Ints

FILE = "predictions.parquet"
FORMAT = 1
_FIRST_WORDS = 30
_METADATA = b"newsstand"
_PROBABILITY = "p_"
_TEXT, _FLAG = pa.string(), pa.bool_()
# Columns of rows, with their types; values are null where they are not known.
COLUMNS: dict[str, pa.DataType] = {
    "key": _TEXT,  # digest of title, body, target and label: equal rows of two runs
    "id": _TEXT,
    "title": _TEXT,
    "first_words": _TEXT,
    "target": _TEXT,
    "outlet": _TEXT,
    "published": _TEXT,
    "language": _TEXT,
    "author": _TEXT,
    "genre": _TEXT,
    "group": _TEXT,
    "source": _TEXT,
    "text_key": _TEXT,
    "words": pa.int64(),
    "quote_share": pa.float64(),  # of the characters of the text
    "outlet_seen": _FLAG,  # whether training rows have the outlet
    "target_seen": _FLAG,
    "votes": pa.list_(_TEXT),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatedRows:
    """Rows with true labels and the probabilities of a model.

    Args:
        task: `topic` or `stance`.
        labels: Label to readable name, in the order of the columns of `probabilities`.
        truth: int64, shape (rows,): true labels, as indices into `labels`.
        probabilities: Calibrated, float64, shape (rows, labels).
        columns: The columns of `COLUMNS`, one value per row.
        digest: Digest of the rows, as of `LabelledRows.digest`; equal for equal test sets.
        settings: The settings of the config's `evaluation` section.
        uncalibrated: The probabilities before calibration, or None; not saved.
    """

    task: str
    labels: Mapping[str, str]
    truth: Ints
    probabilities: Floats
    columns: Mapping[str, pa.Array]
    digest: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    uncalibrated: Floats | None = None

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def predicted(self) -> Ints:
        """The predicted labels, int64, shape (rows,)."""
        return MOST_PROBABLE.predict(self.probabilities)

    def table(self) -> pa.Table:
        """The rows as saved: the columns, `label`, `predicted`, `probability` and `p_<label>`."""
        names = np.array(list(self.labels))
        columns: dict[str, Any] = {
            **{name: self.columns[name].cast(kind) for name, kind in COLUMNS.items()},
            "label": names[self.truth],
            "predicted": names[self.predicted],
            "probability": self.probabilities.max(axis=1),
        }
        for place, label in enumerate(self.labels):
            columns[_PROBABILITY + label] = self.probabilities[:, place]
        metadata = {
            "format": FORMAT,
            "task": self.task,
            "labels": dict(self.labels),
            "digest": self.digest,
            "settings": dict(self.settings),
        }
        table = pa.table(columns)
        return table.replace_schema_metadata({_METADATA: json.dumps(metadata).encode()})

    def save(self, folder: Path) -> None:
        """Writes `predictions.parquet` into a folder."""
        parquet.write_table(self.table(), folder / FILE)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads a file that `save` has written.

        Raises:
            NewsstandError: It is missing, damaged, or of an older version without the columns.
        """
        try:
            table = parquet.read_table(path)
        except FileNotFoundError:
            raise NewsstandError(f"{path}: no such file") from None
        except (OSError, pa.ArrowException) as error:
            raise NewsstandError(f"{path}: damaged, not a Parquet file ({error})") from None
        try:
            metadata = json.loads((table.schema.metadata or {})[_METADATA])
            if metadata["format"] != FORMAT:
                raise ValueError(f"format {metadata['format']!r}")
            labels: dict[str, str] = metadata["labels"]
            places = {label: place for place, label in enumerate(labels)}
            truth = [places[label] for label in table.column("label").to_pylist()]
            shares = [table.column(_PROBABILITY + label).to_numpy() for label in labels]
            return cls(
                task=metadata["task"],
                labels=labels,
                truth=np.array(truth, dtype=np.int64),
                probabilities=np.stack(shares, axis=1).astype(np.float64),
                columns={name: table.column(name).combine_chunks() for name in COLUMNS},
                digest=metadata["digest"],
                settings=metadata["settings"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise NewsstandError(
                f"{path}: expected predictions of this version of newsstand ({error!r}); train or "
                "evaluate the model again"
            ) from None

    def select(self, rows: Ints) -> Self:
        """Some of the rows, by number, in the given order."""
        taken = {name: column.take(pa.array(rows)) for name, column in self.columns.items()}
        raw = self.uncalibrated
        return type(self)(
            task=self.task,
            labels=self.labels,
            truth=self.truth[rows],
            probabilities=self.probabilities[rows],
            columns=taken,
            digest=self.digest,
            settings=self.settings,
            uncalibrated=None if raw is None else raw[rows],
        )


def evaluated_rows(
    rows: LabelledRows,
    train_rows: LabelledRows,
    *,
    task: str,
    labels: Mapping[str, str],
    probabilities: Floats,
    uncalibrated: Floats | None,
    settings: Mapping[str, Any],
) -> EvaluatedRows:
    """Labelled rows with a model's probabilities.

    Args:
        rows: The rows.
        train_rows: The rows that the model was fitted on, for whether outlet and target were seen.
        task: `topic` or `stance`.
        labels: Label to readable name, in the order of the columns.
        probabilities: Calibrated, float64, shape (rows, labels).
        uncalibrated: Before calibration, or None.
        settings: The settings of the config's `evaluation` section.
    """
    bodies = rows.column("body").to_pylist()
    sources = np.full(len(rows), None, dtype=object)
    for name, mask in rows.by_source().items():
        sources[mask] = name
    made: dict[str, Any] = {
        "key": rows.keys(),
        "first_words": [" ".join(body.split()[:_FIRST_WORDS]) for body in bodies],
        "source": sources.tolist(),
        "words": rows.column("words"),
        "quote_share": [_quote_share(example) for example in rows.examples],
        "outlet_seen": _seen(rows, train_rows, "outlet"),
        "target_seen": _seen(rows, train_rows, "target"),
    }
    return EvaluatedRows(
        task=task,
        labels=labels,
        truth=rows.labels,
        probabilities=probabilities,
        columns={
            name: pa.array(made[name] if name in made else rows.column(name), kind)
            for name, kind in COLUMNS.items()
        },
        digest=rows.digest(),
        settings=settings,
        uncalibrated=uncalibrated,
    )


def _seen(rows: LabelledRows, train_rows: LabelledRows, column: str) -> list[bool | None]:
    """Whether training rows have the value of each row; None for rows without a value."""
    known = set(train_rows.column(column).to_pylist())
    values = rows.column(column).to_pylist()
    return [None if value is None else value in known for value in values]


def _quote_share(example: Example) -> float:
    parts = segments(example.prepared)
    quoted, total = (
        sum(part.end - part.start for part in chosen)
        for chosen in ([part for part in parts if part.kind == "quote"], parts)
    )
    return quoted / total if total else 0.0
