"""The loader: labelled news in any known format to validated, split `datasets`."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

import datasets

from newsstand.data.formats import FORMATS, SPLITS, Source
from newsstand.data.split import assign_splits
from newsstand.data.validate import COLUMNS, Row, validate
from newsstand.errors import DataError
from newsstand.labels import LabelSet


@dataclass(frozen=True, slots=True)
class NewsData:
    """Labelled rows, ready for training.

    Args:
        splits: `train`, `validation` and `test`, each a Dataset with the canonical columns;
            `label` is a ClassLabel over `labels`.
        labels: The labels that occur, in the order of the scheme.
        digest: 32 hexadecimal digits; the same for the same rows in the same order and splits.
    """

    splits: datasets.DatasetDict
    labels: LabelSet
    digest: str


def load(
    *,
    format: str,  # noqa: A002 - the config's own word
    task: str,
    labels: str | tuple[str, ...],
    path: str | None = None,
    files: Mapping[str, str | None] | None = None,
    columns: Mapping[str, str] | None = None,
    label_names: Mapping[str, str] | None = None,
    validation: float = 0.1,
    test: float = 0.2,
    stratify: bool = True,
    seed: int = 0,
) -> NewsData:
    """Reads, validates and splits labelled news.

    Args:
        format: A key of `FORMATS`.
        task: `topic` or `stance`.
        labels: A scheme's name, `from-data`, or a list of labels.
        path: File, folder or `hf:NAME[:CONFIG]`; None for the embedded corpus.
        files: Split to file or glob under `path`.
        columns: Canonical column to its name in the files.
        label_names: Label in the files to label of the scheme.
        validation: Share of the training rows drawn for validation, when none are given.
        test: Share of all rows drawn for testing, when no split is given.
        stratify: Draw each label's share apart.
        seed: Seed of the draw.

    Raises:
        DataError: Files or rows that cannot be used, all problems at once.
    """
    source = Source(task=task, path=path, files=files or {})
    rows, found = validate(
        FORMATS[format](source),
        task=task,
        scheme=labels,
        columns=columns or {},
        label_names=label_names or {},
        name=path or "the corpus",
    )
    splits = assign_splits(rows, validation=validation, test=test, stratify=stratify, seed=seed)
    by_split: dict[str, list[Row]] = {name: [] for name in SPLITS}
    for row, name in zip(rows, splits, strict=True):
        row.split = name
        by_split[name].append(row)
    _check_splits(by_split, found)
    features = datasets.Features(
        {
            name: datasets.ClassLabel(names=list(found.labels))
            if name == "label"
            else datasets.Value("string")
            for name in COLUMNS
        }
    )
    built = {
        name: datasets.Dataset.from_dict(
            {column: [getattr(row, column) for row in part] for column in COLUMNS},
            features=features,
        )
        for name, part in by_split.items()
    }
    ordered = [row for name in SPLITS for row in by_split[name]]
    return NewsData(datasets.DatasetDict(built), found, data_digest(ordered))


def data_digest(rows: list[Row]) -> str:
    """32 hexadecimal digits of the rows' content in their order.

    >>> row = Row(id="1", title="", body="Wheat fell.", label="economy")
    >>> len(data_digest([row])), data_digest([row]) == data_digest([row, row])
    (32, False)
    """
    digest = hashlib.sha256()
    for row in rows:
        values = [getattr(row, name) for name in COLUMNS]
        digest.update(json.dumps(values, ensure_ascii=True).encode() + b"\n")
    return digest.hexdigest()[:32]


def _check_splits(by_split: Mapping[str, list[Row]], labels: LabelSet) -> None:
    sizes = {name: len(part) for name, part in by_split.items()}
    problems = [
        f"no {name} rows: name their file or set data.split" for name in SPLITS if not sizes[name]
    ]
    if not problems:
        trained = {row.label for row in by_split["train"]}
        problems = [
            f"label '{labels.names[x]}' occurs in the data, "
            f"but in none of the {sizes['train']} training rows"
            for x in labels.labels
            if x not in trained
        ]
    if problems:
        raise DataError(problems)
