"""Everything MLflow: the only module of the training room that imports it."""

import logging
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlparse

# Set before MLflow is imported: it would announce itself over the network, and try for minutes
# to reach a server that is not there.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")

import mlflow
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.data.meta_dataset import MetaDataset
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.tracking.context.registry import resolve_tags
from mlflow.types import ColSpec, DataType, Schema, TensorSpec
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from newsstand.errors import NewsstandError
from newsstand.serve.locate import reason, without_password
from newsstand.serve.mlflow_model import ANSWER
from newsstand.version import __version__

# MLflow refuses longer parameter values and names of metrics.
_LONGEST_PARAM = 6000
_LONGEST_METRIC = 250
_UI = "http://127.0.0.1:5000"


@dataclass(frozen=True, slots=True)
class Logged:
    """Where a run is to be found.

    Args:
        model: URI of the logged model, for `newsstand.load`.
        bundle: Local path of the bundle's copy there, or the artifact's URI when remote.
    """

    model: str
    bundle: str


@contextmanager
def run(
    experiment: str,
    *,
    name: str,
    params: Mapping[str, Any],
    tags: Mapping[str, str],
    started: float,
    resume: str | None = None,
    parent: str | None = None,
) -> Iterator["Run"]:
    """An MLflow run; marked as failed when the block raises.

    Args:
        experiment: Its experiment, made when it does not exist.
        name: The run's name.
        params: Settings, by dotted key.
        tags: Tags of the run.
        started: Seconds since the epoch at which the work began.
        resume: A run to go on with, instead of a new one.
        parent: The run in progress that this one is a part of, if any.

    The tracking server is `MLFLOW_TRACKING_URI`, else MLflow's own default, `mlflow.db` in
    the working directory, with artifacts under `mlruns/` beside it.

    Raises:
        NewsstandError: MLflow cannot be used, with its reason.
    """
    for logger in ("mlflow", "alembic"):
        logging.getLogger(logger).setLevel(logging.ERROR)
    _check_writable(_store())
    try:
        experiment_id = _experiment(experiment)
        run_id = resume
        if run_id is None:
            part_of = {} if parent is None else {MLFLOW_PARENT_RUN_ID: parent}
            created = mlflow.MlflowClient().create_run(
                experiment_id,
                start_time=int(started * 1000),
                run_name=name,
                tags=resolve_tags({**tags, **part_of}),  # and who, from which source and commit
            )
            run_id = created.info.run_id
        mlflow.start_run(run_id=run_id, nested=parent is not None)
    except NewsstandError:
        raise
    except Exception as error:  # MLflow's own, a database's, or a missing driver's
        raise _refused(error) from error
    try:
        mlflow.log_params({key: str(value)[:_LONGEST_PARAM] for key, value in params.items()})
        yield Run(experiment_id, run_id)
    except BaseException as error:
        # A database that cannot be written, on a full disk, must not hide what has happened.
        logging.getLogger("mlflow").setLevel(logging.CRITICAL)
        with suppress(Exception):
            mlflow.end_run("FAILED")
        if isinstance(error, MlflowException):
            raise _refused(error) from error
        raise
    mlflow.end_run("FINISHED")


def _refused(error: Exception) -> NewsstandError:
    return NewsstandError(f"MLflow at {_store()}: {reason(error)}")


def _store() -> str:
    return without_password(mlflow.get_tracking_uri())


def _check_writable(store: str) -> None:
    """MLflow would try for minutes to open an SQLite database that it cannot write."""
    if not store.startswith("sqlite:///"):
        return
    path = Path(store.removeprefix("sqlite:///")).resolve()
    if not path.parent.exists():
        path = Path(unquote(str(path)))  # MLflow's default has escapes
    for place in (path.parent, path):
        if place.exists() and not os.access(place, os.W_OK):
            raise NewsstandError(
                f"MLflow at {store}: {place} is not writable; train in a folder that is, "
                "or set MLFLOW_TRACKING_URI"
            )


def _experiment(name: str) -> str:
    found = mlflow.get_experiment_by_name(name)
    if found is None:
        local = mlflow.get_tracking_uri().startswith("sqlite:")
        # Relative to the working directory by default, so that a later run elsewhere loses it.
        folder = "mlruns" / Path(quote(name, safe="").replace("..", "%2E%2E"))
        place = folder.resolve().as_uri() if local else None
        # The kind that makes the UI open on training runs, not on its chat tools.
        tags = {"mlflow.experimentKind": "custom_model_development"}
        return str(mlflow.create_experiment(name, artifact_location=place, tags=tags))
    if found.lifecycle_stage != "active":
        raise NewsstandError(
            f"MLflow experiment '{name}' is deleted; restore it (mlflow experiments restore "
            f"--experiment-id {found.experiment_id}) or set tracking.experiment"
        )
    return str(found.experiment_id)


@dataclass(frozen=True, slots=True)
class Run:
    """The run in progress."""

    experiment_id: str
    run_id: str

    @property
    def url(self) -> str:
        """The run's page in the UI; for a local store, of `mlflow ui` with its defaults."""
        store = _store()
        host = store.rstrip("/") if store.startswith("http") else _UI
        return f"{host}/#/experiments/{self.experiment_id}/runs/{self.run_id}"

    def log_step(self, figures: Mapping[str, float], step: int, group: str = "fit") -> None:
        """Adds a point to a group of the run's curves."""
        mlflow.log_metrics({f"{group}/{k}": v for k, v in figures.items()}, step=step)

    def tag(self, name: str, value: str) -> None:
        """Adds a tag to the run."""
        mlflow.set_tag(name, value)

    def log_figures(self, figures: Mapping[str, float]) -> None:
        """Notes what came of the run."""
        mlflow.log_metrics({_metric_name(name): value for name, value in figures.items()})

    def log_dataset(self, *, form: str, path: str | None, digest: str) -> None:
        """Notes the training data: where it is, and our own digest of its rows."""
        name = Path(path).name if path else "newsstand corpus"
        source = CodeDatasetSource({"format": form, "path": path or "part of newsstand"})
        dataset = MetaDataset(source, name=name, digest=digest)  # type: ignore[abstract]
        mlflow.log_input(dataset, context="training")

    def log_files(self, folder: Path) -> None:
        """Logs every file of a folder as an artifact of the run."""
        mlflow.log_artifacts(str(folder))

    def log_bundle(
        self,
        bundle: Path,
        *,
        labels: list[str],
        stance: bool,
        example: Mapping[str, str],
        metrics: Mapping[str, float],
        extra: str | None,
        register_as: str | None,
        alias: str | None,
    ) -> Logged:
        """Logs the bundle as a pyfunc model with its metrics, and registers it if asked to."""
        import pandas as pd

        # MLflow announces each registration on stderr, and warns of its own calls to pandas.
        package = f"newsstand[{extra}]" if extra else "newsstand"
        with redirect_stderr(StringIO()), warnings.catch_warnings(action="ignore"):
            info = mlflow.pyfunc.log_model(
                name="model",
                loader_module="newsstand.serve.mlflow_model",
                data_path=str(bundle),
                signature=_signature(labels, stance),
                input_example=pd.DataFrame([dict(example)]),
                pip_requirements=[f"{package}=={__version__}", "pandas"],
                registered_model_name=register_as,
            )
        named = {_metric_name(name): value for name, value in metrics.items()}
        mlflow.log_metrics(named, model_id=info.model_id)
        if register_as and alias:
            version = info.registered_model_version
            mlflow.MlflowClient().set_registered_model_alias(register_as, alias, version)
        model = f"models:/{register_as}@{alias}" if register_as and alias else info.model_uri
        return Logged(model, _local(f"{info.artifact_path}/data/{bundle.name}"))


def _signature(labels: list[str], stance: bool) -> ModelSignature:
    text, number = DataType.string, DataType.double
    inputs: list[ColSpec | TensorSpec] = [
        ColSpec(text, "title", required=False),
        ColSpec(text, "body"),
    ]
    if stance:
        inputs.append(ColSpec(text, "target"))
    kinds = {"probability": number} | {f"p_{label}": number for label in labels}
    names = (*ANSWER, *(f"p_{label}" for label in labels))
    outputs: list[ColSpec | TensorSpec] = [ColSpec(kinds.get(name, text), name) for name in names]
    return ModelSignature(inputs=Schema(inputs), outputs=Schema(outputs))


def _metric_name(name: str) -> str:
    """A name that MLflow takes, whatever the labels in it are called."""
    return re.sub(r"[^\w.\- /]|(?<=/)[./]|/$", "_", name[:_LONGEST_METRIC])


def _local(uri: str) -> str:
    parsed = urlparse(uri)
    return unquote(parsed.path) if parsed.scheme in ("", "file") else uri
