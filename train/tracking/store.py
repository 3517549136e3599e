"""The tracking store: its errors, locks and experiments."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Experiment
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy.engine import URL

from newsstand.errors import NewsstandError
from newsstand.io import mlflow_store
from newsstand.io.bundle_uri import reason, without_password
from newsstand.io.mlflow_store import database
from newsstand.train import local_store


def check_server() -> None:
    """Checks that a tracking server responds."""
    mlflow_store.check_server(mlflow.get_tracking_uri())


def refused(error: Exception) -> NewsstandError:
    """An error of MLflow, a database or its driver as a `NewsstandError` of one line."""
    place = database(mlflow.get_tracking_uri())
    damage = place and local_store.damage(place, error)
    return damage or NewsstandError(f"MLflow at {store()}: {reason(error)}")


def store() -> str:
    """The tracking URI without its password."""
    return without_password(mlflow.get_tracking_uri())


@contextmanager
def refusals() -> Iterator[None]:
    """Converts all errors of MLflow to `NewsstandError`."""
    try:
        yield
    except NewsstandError:
        raise
    except Exception as error:  # of MLflow, a database, a disk, or a missing driver
        raise refused(error) from error


@contextmanager
def writing(*, create: bool = False) -> Iterator[None]:
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


def open_experiment(name: str) -> Experiment:
    """An experiment, which is created if it does not exist."""
    experiment = mlflow.get_experiment_by_name(name)
    if experiment is None:
        place = database(mlflow.get_tracking_uri())
        # MLflow's default is relative to the working directory of each run.
        location = None if place is None else local_store.artifacts(place, name).resolve().as_uri()
        try:
            mlflow.create_experiment(name, artifact_location=location)
        except MlflowException:  # another run may have created it meanwhile
            if mlflow.get_experiment_by_name(name) is None:
                raise
        experiment = mlflow.get_experiment_by_name(name)
    assert experiment is not None  # noqa: S101 - it was created above
    check_active(name, experiment)
    return experiment


def check_active(name: str, experiment: Experiment) -> None:
    """Refuses a deleted experiment."""
    if experiment.lifecycle_stage != "active":
        raise NewsstandError(
            f"MLflow experiment '{name}' is deleted; restore it (mlflow experiments restore "
            f"--experiment-id {experiment.experiment_id}) or set tracking.experiment"
        )


def known(run_id: str | None) -> str | None:
    """The id of a run if it is in the store; else None."""
    if run_id is None:
        return None
    try:
        check_server()
        return str(MlflowClient().get_run(run_id).info.run_id)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise refused(error) from error
