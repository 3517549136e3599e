"""Runs in MLflow, from their start to their end."""

import logging
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from typing import Any

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Dataset, Metric, RunTag
from mlflow.environment_variables import MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING
from mlflow.tracking.context.registry import resolve_tags
from mlflow.utils.git_utils import get_git_branch, get_git_commit, get_git_repo_url
from mlflow.utils.mlflow_tags import (
    MLFLOW_GIT_BRANCH,
    MLFLOW_GIT_COMMIT,
    MLFLOW_GIT_REPO_URL,
    MLFLOW_PARENT_RUN_ID,
    MLFLOW_RUN_NOTE,
)

from newsstand.train.outcome import Finished, Outcome
from newsstand.train.tracking.datasets import log_datasets
from newsstand.train.tracking.logged_model import Logged, local_path, log_model
from newsstand.train.tracking.names import metric_names
from newsstand.train.tracking.pages import describe_experiment, run_page, runs_page
from newsstand.train.tracking.registration import register
from newsstand.train.tracking.store import (
    check_server,
    open_experiment,
    refusals,
    refused,
    writing,
)

_log = logging.getLogger(__name__)

# The longest parameter values that MLflow accepts.
_LONGEST_PARAM = 6000
# Seconds after which a store that rejected a point of a curve is tried again.
_PAUSE = 60.0


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
    with refusals(), writing(create=True):
        check_server()
        opened = open_experiment(experiment)
        describe_experiment(opened)
        experiment_id = str(opened.experiment_id)
        if resume is None:
            run_id = _created(experiment_id, name, tags, started, parent)
        else:
            run_id = resume
            MlflowClient().update_run(run_id, status="RUNNING")
    try:
        with refusals():
            _log_params(run_id, params, resumed=resume is not None)
        with _system_metrics(run_id, resume=resume is not None):
            yield Run(experiment_id, run_id)
    except BaseException as error:
        # A store that fails must not hide or delay the error.
        with suppress(Exception):
            check_server()
            _end(run_id, "FAILED" if isinstance(error, Exception) else "KILLED")
        raise
    with refusals():
        _end(run_id, "FINISHED")


def _created(
    experiment_id: str, name: str, tags: Mapping[str, str], started: float, parent: str | None
) -> str:
    """The id of a new run."""
    nesting = {} if parent is None else {MLFLOW_PARENT_RUN_ID: parent}
    created = MlflowClient().create_run(
        experiment_id,
        start_time=int(started * 1000),
        run_name=name,
        tags=resolve_tags({**source_tags(), **tags, **nesting}),  # adds user and source
    )
    return str(created.info.run_id)


def _log_params(run_id: str, params: Mapping[str, Any], *, resumed: bool) -> None:
    """Logs the parameters that the run does not have."""
    before = MlflowClient().get_run(run_id).data.params if resumed else {}
    logged = {
        key: str(value)[:_LONGEST_PARAM] for key, value in params.items() if key not in before
    }
    mlflow.log_params(logged, synchronous=True, run_id=run_id)


def source_tags() -> dict[str, str]:
    """Commit, branch and address of the git repository that the working directory is in, as tags.

    It is that of the configs. MLflow's own is that of the program, often none or the environment's.
    """
    found = {
        MLFLOW_GIT_COMMIT: get_git_commit("."),
        MLFLOW_GIT_BRANCH: get_git_branch("."),
        MLFLOW_GIT_REPO_URL: get_git_repo_url("."),
    }
    return {key: value for key, value in found.items() if value} if found[MLFLOW_GIT_COMMIT] else {}


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
        return run_page(self.experiment_id, self.run_id)

    @property
    def runs_url(self) -> str:
        """The page of all runs of the experiment, as a table with their test macro-F1."""
        return runs_page(self.experiment_id)

    def log_step(self, metrics: Mapping[str, float], step: int, group: str = "fit") -> None:
        """Logs a point of the curves of a group; if MLflow fails, it is logged later."""
        self._points.append(({f"{group}/{k}": v for k, v in metrics.items()}, step))
        if time.monotonic() - self._failed_at < _PAUSE:
            return
        try:
            check_server()
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
        with refusals():
            MlflowClient().set_tag(self.run_id, name, value)

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        """Logs metrics of the run."""
        with refusals():
            self._log_metrics(metric_names(metrics))

    def _log_metrics(self, metrics: dict[str, float], **options: Any) -> None:
        mlflow.log_metrics(metrics, synchronous=True, run_id=self.run_id, **options)

    def log_files(self, folder: Path) -> None:
        """Logs the files of a folder as artifacts."""
        with refusals(), writing():
            check_server()
            mlflow.log_artifacts(str(folder), run_id=self.run_id)

    def log(self, outcome: Outcome, finished: Finished) -> Logged:
        """Logs the outcome: data, metrics, files, and the bundle as a pyfunc model."""
        with refusals(), writing():
            check_server()
            self._log_points()
            self._log_tags(outcome)
            tested_on = log_datasets(self.run_id, outcome)
            mlflow.log_artifacts(str(finished.artifacts), run_id=self.run_id)
            info = log_model(self.experiment_id, self.run_id, outcome, finished.bundle)
            self._log_of_model(outcome.metrics, info.model_id, tested_on)
        location = f"{info.artifact_path}/data/{finished.bundle.name}"
        return Logged(info.model_uri, local_path(location))

    def _log_tags(self, outcome: Outcome) -> None:
        tags = {**outcome.tags, **outcome.standing, MLFLOW_RUN_NOTE: outcome.description}
        named = [RunTag(key, value) for key, value in tags.items() if value]
        MlflowClient().log_batch(self.run_id, tags=named)

    def _log_of_model(self, metrics: Mapping[str, float], model_id: str, test: Dataset) -> None:
        """Logs metrics of the run and its model; those of the test rows with their data set."""
        now = int(time.time() * 1000)
        made = [
            Metric(
                name,
                value,
                timestamp=now,
                step=0,
                model_id=model_id,
                dataset_name=test.name if name.startswith("test/") else None,
                dataset_digest=test.digest if name.startswith("test/") else None,
                run_id=self.run_id,
            )
            for name, value in metric_names(metrics).items()
        ]
        MlflowClient().log_batch(self.run_id, metrics=made)

    def register(self, outcome: Outcome, logged: Logged) -> tuple[Logged, str]:
        """Registers the logged model, and moves the alias if the model is better."""
        return register(outcome, logged)
