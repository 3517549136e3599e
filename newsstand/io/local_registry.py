"""Finds a registered model in a local MLflow database without MLflow, which is slow to import."""

import os
import re
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, unquote, urlparse

_REGISTERED = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>\d+))/?")

# Settings by which MLflow would look elsewhere.
_ELSEWHERE = ("MLFLOW_REGISTRY_URI", "MLFLOW_WORKSPACE")

_BY_ALIAS = """
    SELECT storage_location, source FROM model_versions NATURAL JOIN registered_model_aliases
    WHERE name = ? AND alias = ? AND current_stage <> 'Deleted_Internal'
"""
_BY_VERSION = """
    SELECT storage_location, source FROM model_versions
    WHERE name = ? AND version = ? AND current_stage <> 'Deleted_Internal'
"""


def local_artifact(uri: str) -> Path | None:
    """The folder that a registered model's artifacts are in.

    Args:
        uri: `models:/NAME@ALIAS` or `models:/NAME/VERSION`.

    Returns:
        None wherever MLflow itself should be asked: any other URI, a store that is no SQLite file,
        tables that are not as expected, a model that is not there (MLflow says why), artifacts
        that are not in a local folder; and where MLflow is imported already, as it may have been
        told of another store, and costs nothing more.
    """
    wanted = _REGISTERED.fullmatch(uri)
    database = _database()
    if wanted is None or database is None or wanted["alias"] == "latest":
        return None
    query, which = _BY_ALIAS, wanted["alias"]
    if which is None:
        query, which = _BY_VERSION, int(wanted["version"])
    try:
        place = f"file:{quote(str(database))}?mode=ro"
        with closing(sqlite3.connect(place, uri=True)) as connection:
            found = connection.execute(query, (wanted["name"], which)).fetchall()
    except sqlite3.Error:
        return None
    if len(found) != 1:  # of several workspaces, perhaps
        return None
    return _folder(found[0][0] or found[0][1])


def _database() -> Path | None:
    """The SQLite file that MLflow would read, if it is one, and there."""
    if "mlflow" in sys.modules or any(map(os.environ.get, _ELSEWHERE)):
        return None
    store = os.environ.get("MLFLOW_TRACKING_URI")
    if not store:
        # Where there are runs of the old kind, in folders, MLflow reads those.
        if any(Path("mlruns").glob("[0-9]*/meta.yaml")):
            return None
        store = "sqlite:///mlflow.db"
    name = store.removeprefix("sqlite:///")
    if name == store or re.search(r"[?%#]", name):
        return None
    path = Path(name).absolute()
    return path if path.is_file() else None


def _folder(location: str) -> Path | None:
    """A local folder that a place of artifacts stands for."""
    parsed = urlparse(location)
    if parsed.scheme not in ("", "file") or parsed.netloc:
        return None
    path = Path(unquote(parsed.path) if parsed.scheme else location)
    return path if path.is_dir() else None
