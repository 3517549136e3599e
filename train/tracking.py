"""Runs, their models and registered versions in MLflow."""

import logging
import re
import time
import warnings
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, redirect_stderr, suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from newsstand.errors import NewsstandError
from newsstand.io.bundle_uri import reason, without_password
from newsstand.io.mlflow_settings import database, mlflow_settings
from newsstand.labels import score_columns

with mlflow_settings():  # no telemetry from its import on
    import mlflow
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.meta_dataset import MetaDataset
    from mlflow.entities import Experiment
    from mlflow.exceptions import MlflowException
    from mlflow.models import ModelSignature
    from mlflow.models.model import ModelInfo
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
    from mlflow.tracking.context.registry import resolve_tags
    from mlflow.types import ColSpec, DataType, Schema, TensorSpec
    from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from sqlalchemy.engine import URL

from newsstand.train import local_store
from newsstand.train.champion import Standing
from newsstand.train.outcome import Finished, Outcome
from newsstand.version import __version__

_log = logging.getLogger(__name__)

# MLflow refuses longer parameter values and names of metrics.
_LONGEST_PARAM = 6000
_LONGEST_METRIC = 250
_UI = "http://127.0.0.1:5000"
# Seconds until a store that did not take a point of a curve is asked again.
_PAUSE = 60.0


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
    """An MLflow run; marked as failed or killed when the block raises.

    Args:
        experiment: Its experiment, made when it does not exist.
        name: The run's name.
        params: Settings, by dotted key.
        tags: Tags of the run.
        started: Seconds since the epoch at which the work began.
        resume: A run to go on with, instead of a new one.
        parent: The run in progress that this one is a part of, if any.

    The tracking server is `MLFLOW_TRACKING_URI`, else MLflow's own default, `mlflow.db` in
    the working directory. A local SQLite store has its artifacts under `mlruns/` beside it.

    Raises:
        NewsstandError: MLflow cannot be used, with its reason.
    """
    with mlflow_settings():
        with _refusals(), _writing(making=True):
            experiment_id = _experiment(experiment)
            run_id = resume
            if run_id is None:
                part_of = {} if parent is None else {MLFLOW_PARENT_RUN_ID: parent}
                created = mlflow.MlflowClient().create_run(
                    experiment_id,
                    start_time=int(started * 1000),
                    run_name=name,
                    tags=resolve_tags({**tags, **part_of}),  # and who, from which source, commit
                )
                run_id = created.info.run_id
            mlflow.start_run(run_id=run_id, nested=parent is not None)
        try:
            with _refusals():
                shown = {key: str(value)[:_LONGEST_PARAM] for key, value in params.items()}
                mlflow.log_params(shown)
            yield Run(experiment_id, run_id)
        except BaseException as error:
            # A store that takes nothing any more must not hide, or hold up, what has happened.
            with suppress(Exception), mlflow_settings(asking=True):
                mlflow.end_run("FAILED" if isinstance(error, Exception) else "KILLED")
            raise
        with _refusals():
            mlflow.end_run("FINISHED")


def refused(error: Exception) -> NewsstandError:
    """What MLflow, a database or its driver said, as one line."""
    place = database(mlflow.get_tracking_uri())
    ruin = place and local_store.ruin(place, error)
    return ruin or NewsstandError(f"MLflow at {store()}: {reason(error)}")


def store() -> str:
    """The tracking URI, fit to be shown."""
    return without_password(mlflow.get_tracking_uri())


@contextmanager
def _refusals() -> Iterator[None]:
    """Turns whatever MLflow raises into a `NewsstandError`."""
    try:
        yield
    except NewsstandError:
        raise
    except Exception as error:  # MLflow's own, a database's, a disk's, or a missing driver's
        raise refused(error) from error


@contextmanager
def _writing(*, making: bool = False) -> Iterator[None]:
    """One run at a time writes into a local store, which does not wait for others by itself."""
    place = database(mlflow.get_tracking_uri())
    with nullcontext() if place is None else local_store.locked(place):
        if making and place is not None:
            local_store.make(place, initialise)
        yield


def initialise(place: Path) -> None:
    """Makes a database of MLflow in a file: its opening does."""
    uri = URL.create("sqlite", database=str(place)).render_as_string()
    opened: Any = SqlAlchemyStore  # untyped
    opened(uri, str(place.parent / "mlruns")).engine.dispose()


def _experiment(name: str) -> str:
    found = mlflow.get_experiment_by_name(name)
    if found is None:
        place = database(mlflow.get_tracking_uri())
        # MLflow's default is relative to the working directory: a later run elsewhere loses it.
        location = None if place is None else local_store.artifacts(place, name).resolve().as_uri()
        # The kind that makes the UI open on training runs, not on its chat tools.
        tags = {"mlflow.experimentKind": "custom_model_development"}
        try:
            return str(mlflow.create_experiment(name, artifact_location=location, tags=tags))
        except MlflowException:  # another run may have made it meanwhile
            found = mlflow.get_experiment_by_name(name)
            if found is None:
                raise
    check_active(name, found)
    return str(found.experiment_id)


def check_active(name: str, found: Experiment) -> None:
    """Refuses an experiment that is in MLflow's trash."""
    if found.lifecycle_stage != "active":
        raise NewsstandError(
            f"MLflow experiment '{name}' is deleted; restore it (mlflow experiments restore "
            f"--experiment-id {found.experiment_id}) or set tracking.experiment"
        )


class Run:
    """The run in progress.

    Args:
        experiment_id: MLflow's number of its experiment.
        run_id: Its own id.
    """

    def __init__(self, experiment_id: str, run_id: str) -> None:
        self.experiment_id = experiment_id
        self.run_id = run_id
        self._points: deque[tuple[dict[str, float], int]] = deque()
        self._refused = 0.0

    @property
    def url(self) -> str:
        """The run's page in the UI; for a local store, of `mlflow ui` with its defaults."""
        shown = store()
        host = shown.rstrip("/") if shown.startswith("http") else _UI
        return f"{host}/#/experiments/{self.experiment_id}/runs/{self.run_id}"

    def log_step(self, metrics: Mapping[str, float], step: int, group: str = "fit") -> None:
        """Adds a point to a group of the run's curves; later, where MLflow does not take it now."""
        self._points.append(({f"{group}/{k}": v for k, v in metrics.items()}, step))
        if time.monotonic() - self._refused < _PAUSE:
            return
        try:
            with mlflow_settings(asking=True):
                self._log_points()
        except Exception as error:  # hours of learning do not end for a point of a curve
            self._refused = time.monotonic()
            _log.warning("%s; its curves are logged later", refused(error))

    def _log_points(self) -> None:
        while self._points:
            figures, step = self._points[0]
            mlflow.log_metrics(figures, step=step)
            self._points.popleft()

    def tag(self, name: str, value: str) -> None:
        """Adds a tag to the run."""
        with _refusals():
            mlflow.set_tag(name, value)

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        """Notes what came of the run."""
        with _refusals():
            mlflow.log_metrics({_metric_name(name): value for name, value in metrics.items()})

    def log(self, outcome: Outcome, finished: Finished) -> Logged:
        """Logs what came of a training: data, figures, files, and the bundle as a pyfunc model."""
        with _refusals(), _writing():
            self._log_points()
            mlflow.set_tags(dict(outcome.standing))
            _log_dataset(**outcome.data)
            mlflow.log_artifacts(str(finished.artifacts))
            info = _log_model(outcome, finished.bundle)
            named = {_metric_name(name): value for name, value in outcome.metrics.items()}
            mlflow.log_metrics(named, model_id=info.model_id)
        place = f"{info.artifact_path}/data/{finished.bundle.name}"
        return Logged(info.model_uri, _local(place))

    def register(self, outcome: Outcome, logged: Logged) -> tuple[Logged, str]:
        """Registers the logged model, and moves the alias if the model has earned it.

        Returns:
            The model by its registered name, and what was done.
        """
        name, alias = outcome.register_as, outcome.alias
        assert name is not None  # noqa: S101 - the caller has asked
        with _refusals(), _writing(), redirect_stderr(StringIO()):  # MLflow announces each
            made = mlflow.register_model(logged.model, name, tags=dict(outcome.standing))
            version, said = f"models:/{name}/{made.version}", f"{name} version {made.version}"
            if alias is None:
                return Logged(version, logged.bundle), said
            moves, why = _alias_moves(outcome, name, alias, str(made.version))
            if moves:
                client = mlflow.MlflowClient()
                client.set_registered_model_alias(name, alias, made.version)
        model = f"models:/{name}@{alias}" if moves else version
        return Logged(model, logged.bundle), f"{said}; {why}"


def _alias_moves(outcome: Outcome, name: str, alias: str, version: str) -> tuple[bool, str]:
    """Whether the alias moves to a new version, and a line that says so, or why not."""
    client, called = mlflow.MlflowClient(), f"{name}@{alias}"
    present = client.get_registered_model(name).aliases.get(alias)
    if present is None:
        return True, f"{called} is version {version}, there was none"
    if outcome.alias_force:
        return True, f"{called} moves from version {present} to {version} (tracking.alias_force)"
    mine = Standing.of_tags(outcome.standing)
    theirs = Standing.of_tags(client.get_model_version(name, present).tags)
    why_not = mine.not_better(theirs) if mine else "this run has no note of its test rows"
    if why_not is None:
        return True, f"{called} moves from version {present} to {version}"
    told = f"{called} stays at version {present}: {why_not}; tracking.alias_force=true moves it"
    return False, told


def known(run_id: str | None) -> str | None:
    """The id of a run that is in the store; None if it is not, or there is none."""
    if run_id is None:
        return None
    with mlflow_settings(asking=True):
        try:
            return str(mlflow.MlflowClient().get_run(run_id).info.run_id)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise refused(error) from error


def _log_dataset(*, form: str | None, path: str | None, digest: str | None) -> None:
    """Notes the training data: where it is, and our own digest of its rows."""
    name = Path(path).name if path else "newsstand corpus"
    source = CodeDatasetSource({"format": form, "path": path or "part of newsstand"})
    dataset = MetaDataset(source, name=name, digest=digest)  # type: ignore[abstract]
    mlflow.log_input(dataset, context="training")


def _log_model(outcome: Outcome, bundle: Path) -> ModelInfo:
    import pandas as pd

    package = f"newsstand[{outcome.extra}]" if outcome.extra else "newsstand"
    # MLflow announces the model on stderr, and warns of its own calls to pandas.
    with redirect_stderr(StringIO()), warnings.catch_warnings(action="ignore"):
        info: ModelInfo = mlflow.pyfunc.log_model(
            name="model",
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
    """A name that MLflow takes, whatever the labels in it are called."""
    return re.sub(r"[^\w.\- /]|(?<=/)[./]|/$", "_", name[:_LONGEST_METRIC])


def _local(uri: str) -> str:
    parsed = urlparse(uri)
    return unquote(parsed.path) if parsed.scheme in ("", "file") else uri
