"""What MLflow would refuse at the end of a run, asked before anything is read or learned."""

import os
from pathlib import Path
from urllib.parse import unquote, urlparse

from newsstand.errors import NewsstandError
from newsstand.io.mlflow_settings import database, mlflow_settings
from newsstand.train import local_store
from newsstand.train.tracking import check_active, refused, store

with mlflow_settings():
    import mlflow
    from mlflow import MlflowClient
    from mlflow.entities import Experiment
    from mlflow.exceptions import MlflowException

from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

_DATABASES = ("postgresql", "mysql", "mssql")


def check_tracking(experiment: str, *, register_as: str | None, resume: str | None) -> None:
    """Asks MLflow whether a run can be logged; nothing is made or changed.

    Args:
        experiment: Its experiment.
        register_as: The registered model that it will be a version of, if any.
        resume: The run to go on with, if any.

    Raises:
        NewsstandError: Why it cannot, and what to do.
    """
    with mlflow_settings(asking=True):
        try:
            _check(experiment, register_as, resume)
        except NewsstandError:
            raise
        except Exception as error:  # MLflow's own, a database's, or a missing driver's
            raise refused(error) from error


def local_database() -> Path | None:
    """The file of the SQLite store that runs go to; None for any other store."""
    return database(mlflow.get_tracking_uri())


def _check(experiment: str, register_as: str | None, resume: str | None) -> None:
    uri = mlflow.get_tracking_uri()
    place = database(uri)
    if place is not None:
        local_store.check(place)
        if not place.is_file() or not place.stat().st_size:
            return  # it will be made
    elif uri.startswith(_DATABASES):
        create_engine(make_url(uri)).connect().close()  # MLflow would try ten times
    try:
        client = MlflowClient()  # opens the database
        found = client.get_experiment_by_name(experiment)
    except Exception as error:
        raise (place and local_store.ruin(place, error, opening=True)) or error from error
    if found is not None:
        check_active(experiment, found)
        _check_location(found, place)
    if place is None:
        _check_version(client, found)
    if register_as is not None:
        _registered(client, register_as)
    if resume is not None:
        client.get_run(resume)


def _check_location(experiment: Experiment, place: Path | None) -> None:
    """Refuses artifacts that would go to another folder's, or where nothing can be written."""
    name, location = experiment.name, experiment.artifact_location
    move = place and local_store.moved(place, name, location)
    if move:
        raise NewsstandError(
            f"MLflow experiment '{name}' in {place} keeps its artifacts in {move.old}/mlruns: the "
            "folder was moved or copied; to have them here: newsstand relocate"
        )
    parsed = urlparse(location)
    if parsed.scheme not in ("", "file"):
        return
    folder = Path(unquote(parsed.path) if parsed.scheme else location)
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(there, os.W_OK):
        raise NewsstandError(
            f"MLflow experiment '{name}' keeps its artifacts in {folder}, which cannot be written "
            "here; set tracking.experiment, or let the server take them (mlflow server "
            "--serve-artifacts)"
        )


def _check_version(client: MlflowClient, experiment: Experiment | None) -> None:
    """Refuses a server that is older than logged models."""
    try:
        client.search_logged_models([experiment.experiment_id if experiment else "0"])
    except MlflowException as error:
        if "404" in str(error) or error.error_code == "ENDPOINT_NOT_FOUND":
            raise NewsstandError(
                f"MLflow at {store()} is older than 3.0, without models of runs; a newer "
                "server is needed (MLFLOW_TRACKING_URI)"
            ) from error
        raise


def _registered(client: MlflowClient, name: str) -> None:
    """Asks for a registered model, which need not be there yet."""
    try:
        client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
