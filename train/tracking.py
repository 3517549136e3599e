"""Runs, their models and registered versions in MLflow."""

import json
import logging
import re
import time
import warnings
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, Experiment, InputTag
from mlflow.environment_variables import MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.models.model import ModelInfo
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.tracking.context.registry import resolve_tags
from mlflow.types import ColSpec, DataType, Schema, TensorSpec
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT, MLFLOW_PARENT_RUN_ID
from sqlalchemy.engine import URL

from newsstand.errors import NewsstandError
from newsstand.io.bundle_uri import reason, without_password
from newsstand.io.mlflow_store import check_server, database
from newsstand.labels import score_columns
from newsstand.train import local_store
from newsstand.train.champion import Standing
from newsstand.train.outcome import Finished, Outcome
from newsstand.version import __version__

_log = logging.getLogger(__name__)

# The longest parameter values and metric names that MLflow accepts.
_LONGEST_PARAM = 6000
_LONGEST_METRIC = 250
_UI = "http://127.0.0.1:5000"
# Seconds after which a store that rejected a point of a curve is tried again.
_PAUSE = 60.0


@dataclass(frozen=True, slots=True)
class Logged:
    """Where a logged model is.

    Args:
        model: URI of the logged model, for `newsstand.load`.
        bundle: Local path of the bundle in the artifacts, or its URI if remote.
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
    """Starts an MLflow run; it is marked as failed or killed if the block raises.

    It does not become MLflow's active run, which may be one of the calling program.

    Args:
        experiment: The experiment, created if it does not exist.
        name: The run's name.
        params: Settings, by dotted key.
        tags: Tags of the run.
        started: Seconds since the epoch at which the work began.
        resume: A run to resume, instead of a new one.
        parent: The run that this one is nested in, if any.

    The tracking server is `MLFLOW_TRACKING_URI`, else MLflow's default, `mlflow.db` in the working
    directory. A local SQLite store has its artifacts in `mlruns/` beside it.

    Raises:
        NewsstandError: MLflow fails, with the reason.
    """
    with _refusals(), _writing(create=True):
        _check_server()
        experiment_id = _experiment(experiment)
        run_id = resume
        if run_id is None:
            nesting = {} if parent is None else {MLFLOW_PARENT_RUN_ID: parent}
            created = MlflowClient().create_run(
                experiment_id,
                start_time=int(started * 1000),
                run_name=name,
                tags=resolve_tags({**tags, **nesting}),  # adds user, source and commit
            )
            run_id = created.info.run_id
        else:
            MlflowClient().update_run(run_id, status="RUNNING")
    try:
        with _refusals():
            logged = {key: str(value)[:_LONGEST_PARAM] for key, value in params.items()}
            mlflow.log_params(logged, synchronous=True, run_id=run_id)
        with _system_metrics(run_id, resume=resume is not None):
            yield Run(experiment_id, run_id)
    except BaseException as error:
        # A store that fails must not hide or delay the error.
        with suppress(Exception):
            _check_server()
            _end(run_id, "FAILED" if isinstance(error, Exception) else "KILLED")
        raise
    with _refusals():
        _end(run_id, "FINISHED")


def _end(run_id: str, status: str) -> None:
    # MLflow prints two links for a run on a server; only an environment variable prevents it.
    with redirect_stdout(StringIO()):
        MlflowClient().set_terminated(run_id, status)


@contextmanager
def _system_metrics(run_id: str, *, resume: bool) -> Iterator[None]:
    """Logs system metrics to the run if they are enabled in MLflow."""
    enabled: Any = MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING  # untyped, as the monitor
    if not enabled.get():
        yield
        return
    from mlflow.system_metrics import system_metrics_monitor  # needs psutil

    untyped: Any = system_metrics_monitor
    monitor = untyped.SystemMetricsMonitor(run_id, resume_logging=resume)
    monitor.start()
    try:
        yield
    finally:
        monitor.finish()


def _check_server() -> None:
    check_server(mlflow.get_tracking_uri())


def refused(error: Exception) -> NewsstandError:
    """An error of MLflow, a database or its driver as a `NewsstandError` of one line."""
    place = database(mlflow.get_tracking_uri())
    damage = place and local_store.damage(place, error)
    return damage or NewsstandError(f"MLflow at {store()}: {reason(error)}")


def store() -> str:
    """The tracking URI without its password."""
    return without_password(mlflow.get_tracking_uri())


@contextmanager
def _refusals() -> Iterator[None]:
    """Converts all errors of MLflow to `NewsstandError`."""
    try:
        yield
    except NewsstandError:
        raise
    except Exception as error:  # of MLflow, a database, a disk, or a missing driver
        raise refused(error) from error


@contextmanager
def _writing(*, create: bool = False) -> Iterator[None]:
    """Locks a local store for one writing run; with `create`, creates it if it does not exist."""
    place = database(mlflow.get_tracking_uri())
    with nullcontext() if place is None else local_store.locked(place):
        if create and place is not None:
            local_store.make(place, initialise)
        yield


def initialise(place: Path) -> None:
    """Creates a database of MLflow in a file by opening it as a store."""
    uri = URL.create("sqlite", database=str(place)).render_as_string()
    untyped: Any = SqlAlchemyStore
    untyped(uri, str(place.parent / "mlruns")).engine.dispose()


def _experiment(name: str) -> str:
    experiment = mlflow.get_experiment_by_name(name)
    if experiment is None:
        place = database(mlflow.get_tracking_uri())
        # MLflow's default is relative to the working directory of each run.
        location = None if place is None else local_store.artifacts(place, name).resolve().as_uri()
        # With this kind, the UI opens on training runs.
        tags = {"mlflow.experimentKind": "custom_model_development"}
        try:
            return str(mlflow.create_experiment(name, artifact_location=location, tags=tags))
        except MlflowException:  # another run may have created it meanwhile
            experiment = mlflow.get_experiment_by_name(name)
            if experiment is None:
                raise
    check_active(name, experiment)
    return str(experiment.experiment_id)


def check_active(name: str, experiment: Experiment) -> None:
    """Refuses a deleted experiment."""
    if experiment.lifecycle_stage != "active":
        raise NewsstandError(
            f"MLflow experiment '{name}' is deleted; restore it (mlflow experiments restore "
            f"--experiment-id {experiment.experiment_id}) or set tracking.experiment"
        )


class Run:
    """A run that has not ended.

    Args:
        experiment_id: MLflow's id of the experiment.
        run_id: MLflow's id of the run.
    """

    def __init__(self, experiment_id: str, run_id: str) -> None:
        self.experiment_id = experiment_id
        self.run_id = run_id
        self._points: deque[tuple[dict[str, float], int]] = deque()
        self._failed_at = 0.0

    @property
    def url(self) -> str:
        """The run's page in the UI; for a local store, in `mlflow ui` with default settings."""
        uri = store()
        host = uri.rstrip("/") if uri.startswith("http") else _UI
        return f"{host}/#/experiments/{self.experiment_id}/runs/{self.run_id}"

    def log_step(self, metrics: Mapping[str, float], step: int, group: str = "fit") -> None:
        """Logs a point of the curves of a group; if MLflow fails, it is logged later."""
        self._points.append(({f"{group}/{k}": v for k, v in metrics.items()}, step))
        if time.monotonic() - self._failed_at < _PAUSE:
            return
        try:
            _check_server()
            self._log_points()
        except Exception as error:  # must not end a fit
            self._failed_at = time.monotonic()
            _log.warning("%s; the points are logged later", refused(error))

    def _log_points(self) -> None:
        while self._points:
            metrics, step = self._points[0]
            self._log_metrics(metrics, step=step)
            self._points.popleft()

    def tag(self, name: str, value: str) -> None:
        """Adds a tag to the run."""
        with _refusals():
            MlflowClient().set_tag(self.run_id, name, value)

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        """Logs metrics of the run."""
        with _refusals():
            self._log_metrics({_metric_name(name): value for name, value in metrics.items()})

    def _log_metrics(self, metrics: dict[str, float], **options: Any) -> None:
        mlflow.log_metrics(metrics, synchronous=True, run_id=self.run_id, **options)

    def log(self, outcome: Outcome, finished: Finished) -> Logged:
        """Logs the outcome: data, metrics, files, and the bundle as a pyfunc model."""
        with _refusals(), _writing():
            _check_server()
            self._log_points()
            for key, value in outcome.standing.items():
                MlflowClient().set_tag(self.run_id, key, value)
            _log_dataset(self, **outcome.data)
            mlflow.log_artifacts(str(finished.artifacts), run_id=self.run_id)
            info = _log_model(self, outcome, finished.bundle)
            metrics = {_metric_name(name): value for name, value in outcome.metrics.items()}
            self._log_metrics(metrics, model_id=info.model_id)
        location = f"{info.artifact_path}/data/{finished.bundle.name}"
        return Logged(info.model_uri, _local(location))

    def register(self, outcome: Outcome, logged: Logged) -> tuple[Logged, str]:
        """Registers the logged model, and moves the alias if the model is better.

        Returns:
            The model by its registered name, and a note on version and alias.
        """
        name, alias = outcome.register_as, outcome.alias
        assert name is not None  # noqa: S101 - the caller has checked
        with _refusals(), _writing():
            with redirect_stderr(StringIO()):  # MLflow prints two lines, which no setting prevents
                created = mlflow.register_model(logged.model, name, tags=dict(outcome.standing))
            uri, note = f"models:/{name}/{created.version}", f"{name} version {created.version}"
            if alias is None:
                return Logged(uri, logged.bundle), note
            moves, why = _alias_moves(outcome, name, alias, str(created.version))
            if moves:
                MlflowClient().set_registered_model_alias(name, alias, created.version)
        model = f"models:/{name}@{alias}" if moves else uri
        return Logged(model, logged.bundle), f"{note}; {why}"


def _alias_moves(outcome: Outcome, name: str, alias: str, version: str) -> tuple[bool, str]:
    """Whether the alias moves to a new version, and a note with the reason."""
    client, full_name = MlflowClient(), f"{name}@{alias}"
    current = client.get_registered_model(name).aliases.get(alias)
    if current is None:
        return True, f"{full_name} set to version {version}"
    moved = f"{full_name} moves from version {current} to {version}"
    if outcome.alias_force:
        return True, f"{moved} (tracking.alias_force)"
    new = Standing.of_tags(outcome.standing)
    champion = Standing.of_tags(client.get_model_version(name, current).tags)
    why_not = new.not_better(champion) if new else "the test rows of this run are not recorded"
    if why_not is None:
        return True, moved
    return False, (
        f"{full_name} stays at version {current}: {why_not}; tracking.alias_force=true moves it"
    )


def known(run_id: str | None) -> str | None:
    """The id of a run if it is in the store; else None."""
    if run_id is None:
        return None
    try:
        _check_server()
        return str(MlflowClient().get_run(run_id).info.run_id)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise refused(error) from error


def _log_dataset(run: Run, *, form: str | None, path: str | None, digest: str | None) -> None:
    """Logs the training data: its location, and newsstand's digest of its rows."""
    dataset = Dataset(
        name=Path(path).name if path else "newsstand corpus",
        digest=str(digest),
        source_type="code",
        source=json.dumps({"tags": {"format": form, "path": path or "part of newsstand"}}),
    )
    context = [InputTag(MLFLOW_DATASET_CONTEXT, "training")]
    MlflowClient().log_inputs(run.run_id, [DatasetInput(dataset, context)])


def _log_model(run: Run, outcome: Outcome, bundle: Path) -> ModelInfo:
    import pandas as pd

    client = MlflowClient()
    model = client.create_logged_model(
        run.experiment_id,
        name="model",
        source_run_id=run.run_id,
        tags=resolve_tags(),
        params=client.get_run(run.run_id).data.params,
    )
    package = f"newsstand[{outcome.extra}]" if outcome.extra else "newsstand"
    with warnings.catch_warnings(action="ignore"):  # of MLflow's own calls of pandas
        # As `mlflow.pyfunc.log_model`, which logs to the active run only.
        info: ModelInfo = Model.log(
            artifact_path=None,
            flavor=mlflow.pyfunc,
            run_id=run.run_id,
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


def _metric_name(name: str) -> str:
    """The name with characters that MLflow does not accept replaced by underscores."""
    return re.sub(r"[^\w.\- /]|(?<=/)[./]|/$", "_", name[:_LONGEST_METRIC])


def _local(uri: str) -> str:
    parsed = urlparse(uri)
    return unquote(parsed.path) if parsed.scheme in ("", "file") else uri
