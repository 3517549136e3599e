"""Config and rows of a run that takes a second, and its MLflow runs."""

import csv
from pathlib import Path
from typing import Any

import mlflow
from mlflow import MlflowClient

CONFIG = """
task: topic
labels: from-data
data: {format: table, path: rows.csv}
model: {kind: linear, words: [1, 1], bits: 12, C: 10.0}
tracking: {experiment: quick, register_as: quick, alias: champion}
"""
WORDS = {"sport": "goal", "economy": "shares"}


ROWS = {"train": 3, "validation": 3, "test": 15}  # of each label


def write_rows(path: Path, words: dict[str, str]) -> None:
    """Rows of each label in each split; `zebra` is in the second label's validation rows.

    Of two labels, there are as many test rows as a model needs for an alias.
    """
    with path.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["id", "body", "label", "split"])
        for split, rows in ROWS.items():
            for number, (label, word) in enumerate(words.items()):
                more = "zebra" if split == "validation" and number == 1 else ""
                for i in range(rows):
                    body = f"the {word} {word} {split} {i} {more}"
                    table.writerow([f"{split}-{label}-{i}", body, label, split])


def runs(experiment: str) -> list[Any]:
    found = mlflow.get_experiment_by_name(experiment)
    assert found is not None
    return list(MlflowClient().search_runs([found.experiment_id]))
