"""Checks before a run that MLflow can log it."""

import os
from pathlib import Path
from urllib.parse import unquote, urlparse

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Experiment
from mlflow.exceptions import MlflowException
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

from newsstand.errors import NewsstandError
from newsstand.io.mlflow_store import check_server, database
from newsstand.train import local_store
from newsstand.train.tracking import check_active, refused, store

_DATABASES = ("postgresql", "mysql", "mssql")


def check_tracking(experiment: str, *, register_as: str | None, resume: str | None) -> None:
    """Checks that a run can be logged, without creating or changing anything.

    Args:
        experiment: The run's experiment.
        register_as: The registered model to add a version to, if any.
        resume: The run to resume, if any.

    Raises:
        NewsstandError: The reason why it cannot be logged, and what to do.
    """
    try:
        _check(experiment, register_as, resume)
    except NewsstandError:
        raise
    except Exception as error:  # MLflow's own, a database's, or a missing driver's
        raise refused(error) from error


def local_database() -> Path | None:
    """The file of the local SQLite store; None for any other store."""
    return database(mlflow.get_tracking_uri())


def _check(experiment: str, register_as: str | None, resume: str | None) -> None:
    uri = mlflow.get_tracking_uri()
    check_server(uri)
    place = database(uri)
    if place is not None:
        local_store.check(place)
        if not place.is_file() or not place.stat().st_size:
            return  # it will be created
    elif uri.startswith(_DATABASES):
        create_engine(make_url(uri)).connect().close()  # MLflow would try ten times
    try:
        client = MlflowClient()  # opens the database
        existing = client.get_experiment_by_name(experiment)
    except Exception as error:
        raise (place and local_store.damage(place, error, opening=True)) or error from error
    if existing is not None:
        check_active(experiment, existing)
        _check_location(existing, place)
    if place is None:
        _check_version(client, existing)
    if register_as is not None:
        check_server(mlflow.get_registry_uri())
        _check_registry(client, register_as)
    if resume is not None:
        client.get_run(resume)


def _check_location(experiment: Experiment, place: Path | None) -> None:
    """Refuses an artifact location that is in another folder's store or is not writable."""
    name, location = experiment.name, experiment.artifact_location
    move = place and local_store.moved(place, name, location)
    if move:
        raise NewsstandError(
            f"MLflow experiment '{name}' in {place} has its artifacts in {move.old}/mlruns: the "
            "folder was moved or copied; update the locations with: newsstand relocate"
        )
    parsed = urlparse(location)
    if parsed.scheme not in ("", "file"):
        return
    folder = Path(unquote(parsed.path) if parsed.scheme else location)
    parent = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(parent, os.W_OK):
        raise NewsstandError(
            f"MLflow experiment '{name}' has its artifacts in {folder}, which is not writable; set "
            "tracking.experiment, or have the server store artifacts (mlflow server "
            "--serve-artifacts)"
        )


def _check_version(client: MlflowClient, experiment: Experiment | None) -> None:
    """Refuses a server that does not support logged models."""
    try:
        client.search_logged_models([experiment.experiment_id if experiment else "0"])
    except MlflowException as error:
        if "404" in str(error) or error.error_code == "ENDPOINT_NOT_FOUND":
            raise NewsstandError(
                f"MLflow at {store()} is older than 3.0 and does not support logged models; use "
                "a newer server (MLFLOW_TRACKING_URI)"
            ) from error
        raise


def _check_registry(client: MlflowClient, name: str) -> None:
    """Checks that the model registry responds; the model need not exist."""
    try:
        client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
