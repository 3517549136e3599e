"""Finds the registered version that a command names, and registers the model of a run."""

import re
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlflow
from mlflow import MlflowClient
from mlflow.entities import ViewType
from mlflow.exceptions import MlflowException

from newsstand.config.loader import load_config
from newsstand.errors import NewsstandError, did_you_mean
from newsstand.io.mlflow_store import check_server, database
from newsstand.train import local_store
from newsstand.train.registry.pairing import one_line
from newsstand.train.registry.standing import Standing
from newsstand.train.registry.version import run_file
from newsstand.train.tracking import store, writing

_MODEL = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>\d+))/?")
_RUN = re.compile(r"(?:runs:/)?(?P<id>[\w-]+)(?:/model)?/?")
_LISTED = 5


def check_store() -> None:
    """Checks that there is a store and that it can be written.

    Raises:
        NewsstandError: There is none, or it is not writable.
    """
    for uri in {mlflow.get_tracking_uri(), mlflow.get_registry_uri()}:
        check_server(uri)
    place = database(mlflow.get_tracking_uri())
    if place is None:
        return
    if not place.is_file():
        raise NewsstandError(
            f"no MLflow database at {place}; go to the folder that has it, or set "
            "MLFLOW_TRACKING_URI"
        )
    local_store.check(place)


def find_version(text: str, name: str | None) -> tuple[str, str]:
    """The name and number of a registered version.

    Args:
        text: A run's id, the beginning of one, `runs:/RUN_ID` or `models:/NAME/VERSION`.
        name: The registered model, if the model of the run has, or is to have, several names.

    Raises:
        NewsstandError: There is no such run or version, or the run has no model.
    """
    model = _MODEL.fullmatch(text)
    if model:
        if name is not None and name != model["name"]:
            raise NewsstandError(f"--name {name}: {text} names another registered model")
        return model["name"], _version(text, model["name"], model["version"], model["alias"])
    wanted = _RUN.fullmatch(text)
    if wanted is None:
        raise NewsstandError(f"{text}: expected a run's id or models:/NAME/VERSION")
    return _registered(_find_run(wanted["id"]), name)


def known_model(name: str) -> None:
    """Refuses the name of a registered model that does not exist."""
    client = MlflowClient()
    try:
        client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        known = [model.name for model in client.search_registered_models(max_results=1000)]
        hint = did_you_mean(name, known, "registered")
        raise NewsstandError(f"no registered model '{name}' in MLflow at {store()}{hint}") from None


def _version(text: str, name: str, number: str | None, alias: str | None) -> str:
    known_model(name)
    client = MlflowClient()
    try:
        if number is None:
            return str(client.get_model_version_by_alias(name, str(alias)).version)
        return str(client.get_model_version(name, number).version)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        raise NewsstandError(
            f"{text}: there is no such version in MLflow at {store()}, or it is deleted"
        ) from None


def _find_run(text: str) -> Any:
    """The run with an id or the beginning of an id."""
    client = MlflowClient()
    try:
        run = client.get_run(text)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        run = client.get_run(_whole_id(text))
    if run.info.lifecycle_stage != "active":
        raise NewsstandError(
            f"run {run.info.run_id} is deleted; restore it (mlflow runs restore --run-id "
            f"{run.info.run_id}) or promote another one"
        )
    return run


def _whole_id(text: str) -> str:
    client = MlflowClient()
    experiments = [x.experiment_id for x in client.search_experiments(ViewType.ALL)]
    found = client.search_runs(
        experiments,
        f"attributes.run_id LIKE '{text}%'",
        run_view_type=ViewType.ALL,
        max_results=_LISTED,
    )
    ids = [str(run.info.run_id) for run in found if run.info.run_id.startswith(text)]
    if len(ids) > 1:
        raise NewsstandError(f"several runs begin with '{text}': {', '.join(ids)}")
    if not ids:
        raise NewsstandError(
            f"no run '{text}' in MLflow at {store()}; set MLFLOW_TRACKING_URI if it is in another "
            "store"
        )
    return ids[0]


def _registered(run: Any, name: str | None) -> tuple[str, str]:
    """The last registered version of a run's model; it is registered if it is not yet."""
    run_id = run.info.run_id
    client = MlflowClient()
    versions = [
        version
        for version in client.search_model_versions(f"run_id = '{run_id}'")
        if name is None or version.name == name
    ]
    names = sorted({str(version.name) for version in versions})
    if len(names) > 1:
        raise NewsstandError(
            f"run {run_id}: its model is registered as {' and '.join(names)}; choose with --name"
        )
    if names:
        return names[0], str(max(int(version.version) for version in versions))
    outputs = run.outputs.model_outputs if run.outputs else []
    if not outputs:
        raise NewsstandError(
            f"run {run_id} ({run.info.run_name}) has logged no model; it is "
            f"{run.info.status.lower()}"
        )
    name = name or _configured_name(run)
    standing = Standing.of_tags(run.data.tags)
    with writing(), redirect_stderr(StringIO()):  # MLflow prints two lines
        created = mlflow.register_model(
            f"models:/{outputs[-1].model_id}", name, tags=standing.tags() if standing else None
        )
    return name, str(created.version)


def _configured_name(run: Any) -> str:
    """The registered model that a run's config names."""
    run_id = run.info.run_id
    with TemporaryDirectory() as scratch:
        try:
            path: Path = run_file(run, "config.yaml", scratch)
            name = load_config(path).tracking.register_as
        except NewsstandError as error:
            raise NewsstandError(
                f"run {run_id}: its model is not registered, and its config cannot be read "
                f"({one_line(error)}); name the registered model with --name"
            ) from error
    if name is None:
        raise NewsstandError(
            f"run {run_id}: its model is not registered, and its config sets no "
            "tracking.register_as; name the registered model with --name"
        )
    return name
