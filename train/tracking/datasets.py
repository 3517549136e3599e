"""The data sets of a run in MLflow."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT

from newsstand.train.outcome import Outcome
from newsstand.train.run_summary import DATA

_SHOWN = 8  # digits of a digest, as of MLflow's own; the tags of the run have all
# The split of each context, as MLflow names it; the first is shown first.
_CONTEXTS = {"test": "test", "training": "train"}


def log_datasets(run_id: str, outcome: Outcome) -> Dataset:
    """Logs the test and the training rows with digests that no name of a file changes.

    Returns:
        The test rows.
    """
    found = {context: _dataset(outcome, split) for context, split in _CONTEXTS.items()}
    inputs = [
        DatasetInput(dataset, [InputTag(MLFLOW_DATASET_CONTEXT, context)])
        for context, dataset in found.items()
    ]
    MlflowClient().log_inputs(run_id, inputs)
    return found["test"]


def _dataset(outcome: Outcome, split: str) -> Dataset:
    """Rows of a split: name, digest, number and columns, and where they are from."""
    data = outcome.data
    # Folders that earlier versions saved know only the digest of all rows.
    rows: Mapping[str, Any] = outcome.splits.get(split) or {"digest": data["digest"]}
    origin = {"format": data["form"], "path": data["path"] or "part of newsstand"}
    columns = ["title", "body", *(["target"] if outcome.signature["stance"] else []), "label"]
    schema = [{"type": "string", "name": name, "required": name != "title"} for name in columns]
    return Dataset(
        name=f"{outcome.tags.get(DATA) or _name(data['path'])}, {split}",
        digest=str(rows["digest"])[:_SHOWN],
        source_type="code",
        source=json.dumps({"tags": {**origin, "split": split}}),
        schema=json.dumps({"mlflow_colspec": schema}),
        profile=json.dumps({"num_rows": rows["rows"]}) if "rows" in rows else None,
    )


def _name(path: str | None) -> str:
    return Path(path).name if path else "corpus"
