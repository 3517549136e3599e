"""Pages of the MLflow UI, and how the table of an experiment's runs looks."""

import json
import time
from contextlib import suppress
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Experiment
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

from newsstand.train.run_summary import DATA, FAMILY, HEADLINE, KIND
from newsstand.train.tracking.store import store

# Where `mlflow ui` serves a local store by default.
_UI = "http://127.0.0.1:5000"
# MLflow 3.17 opens an experiment on pages for generative AI unless this is in the address, or has
# been chosen at the top left before; it reads no tag for that.
_TRAINING = "workflowType=machine_learning"
# A saved view of the runs table is a tag of the experiment, named by its key.
_VIEW = "newsstand"
_VIEW_TAG = f"mlflow.sharedViewState.{_VIEW}"
# Columns of the view with their widths in pixels.
_COLUMNS = {
    "attributes.`Run Name`": 190,
    "runDateAndNestInfo": 130,  # Created
    f"tags.`{HEADLINE}`": 160,
    "metrics.`test/rows`": 90,
    f"tags.`{FAMILY}`": 130,
    f"tags.`{DATA}`": 150,
    f"tags.`{KIND}`": 110,
    "duration": 80,
}


def run_page(experiment_id: str, run_id: str) -> str:
    """The address of a run's page; for a local store, in `mlflow ui` with default settings."""
    return f"{_host()}/#/experiments/{experiment_id}/runs/{run_id}?{_TRAINING}"


def runs_page(experiment_id: str) -> str:
    """The address of the table of an experiment's runs, with the columns of the saved view."""
    return f"{_host()}/{_runs_table(experiment_id)}"


def _host() -> str:
    uri = store()
    return uri.rstrip("/") if uri.startswith("http") else _UI


def _runs_table(experiment_id: str) -> str:
    return f"#/experiments/{experiment_id}/runs?{_TRAINING}&viewStateShareKey={_VIEW}"


def describe_experiment(experiment: Experiment) -> None:
    """Adds the view of the runs table and a link to it, unless the experiment has them.

    The description is the first thing on all pages of an experiment.
    """
    number = str(experiment.experiment_id)
    note = f"Classifiers trained by newsstand. [Table of all runs]({_runs_table(number)})"
    wanted = {
        "mlflow.experimentKind": "custom_model_development",  # other versions of the UI read it
        MLFLOW_RUN_NOTE: note,
        _VIEW_TAG: _view(),
    }
    with suppress(MlflowException):  # who may log a run may not change an experiment
        for key in wanted.keys() - experiment.tags.keys():
            MlflowClient().set_experiment_tag(number, key, wanted[key])


def _view() -> str:
    """The view in the format of MLflow's UI."""
    state: dict[str, Any] = {
        "selectedColumns": [key for key in _COLUMNS if "`" in key],
        "columnOrder": list(_COLUMNS),
        "columnWidths": _COLUMNS,
    }
    now = int(time.time() * 1000)
    view = {"name": "newsstand", "createdAt": now, "updatedAt": now, "state": json.dumps(state)}
    return json.dumps(view)
