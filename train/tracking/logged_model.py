"""The bundle of a run as a model that MLflow can load."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlparse

import mlflow
from mlflow import MlflowClient
from mlflow.models import Model, ModelSignature
from mlflow.models.model import ModelInfo
from mlflow.tracking.context.registry import resolve_tags
from mlflow.types import ColSpec, DataType, Schema, TensorSpec
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

from newsstand.labels import score_columns
from newsstand.train.outcome import Outcome
from newsstand.train.tracking.names import model_name
from newsstand.version import __version__


@dataclass(frozen=True, slots=True)
class Logged:
    """Where a logged model is.

    Args:
        model: URI of the logged model, for `newsstand.load`.
        bundle: Local path of the bundle in the artifacts, or its URI if remote.
    """

    model: str
    bundle: str


def log_model(experiment_id: str, run_id: str, outcome: Outcome, bundle: Path) -> ModelInfo:
    """Logs a run's bundle as a pyfunc model."""
    import pandas as pd

    client = MlflowClient()
    model = client.create_logged_model(
        experiment_id,
        name=model_name(outcome.name),
        source_run_id=run_id,
        tags=resolve_tags(
            {**outcome.tags, **outcome.standing, MLFLOW_RUN_NOTE: outcome.description}
        ),
        params=client.get_run(run_id).data.params,
    )
    package = f"newsstand[{outcome.extra}]" if outcome.extra else "newsstand"
    with warnings.catch_warnings(action="ignore"):  # of MLflow's own calls of pandas
        # As `mlflow.pyfunc.log_model`, which logs to the active run only.
        info: ModelInfo = Model.log(
            artifact_path=None,
            flavor=mlflow.pyfunc,
            run_id=run_id,
            model_id=model.model_id,
            loader_module="newsstand.serve.mlflow_model",
            data_path=str(bundle),
            signature=_signature(**outcome.signature),
            input_example=pd.DataFrame([dict(outcome.example)]),
            pip_requirements=[f"{package}=={__version__}", "pandas"],
        )
    return info


def _signature(labels: list[str], stance: bool) -> ModelSignature:
    text, number = DataType.string, DataType.double
    inputs: list[ColSpec | TensorSpec] = [
        ColSpec(text, "title", required=False),
        ColSpec(text, "body"),
    ]
    if stance:
        inputs.append(ColSpec(text, "target"))
    outputs: list[ColSpec | TensorSpec] = [
        ColSpec(number if name.startswith("p") else text, name) for name in score_columns(labels)
    ]
    return ModelSignature(inputs=Schema(inputs), outputs=Schema(outputs))


def local_path(uri: str) -> str:
    """The path of a local artifact; the URI of any other."""
    parsed = urlparse(uri)
    return unquote(parsed.path) if parsed.scheme in ("", "file") else uri
