"""Finds a registered model in a local MLflow database without MLflow, which is slow to import."""

import os
import re
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, unquote, urlparse

_REGISTERED = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>\d+))/?")

# Environment variables that make MLflow use another store.
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
    """The folder with the artifacts of a registered model.

    Args:
        uri: `models:/NAME@ALIAS` or `models:/NAME/VERSION`.

    Returns:
        None if MLflow itself must be used: for other URIs, stores other than a SQLite file,
        unexpected tables, unknown models (MLflow gives the reason), and artifacts that are not in
        a local folder; also if MLflow is already imported, as it may be set to another store.
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
            rows = connection.execute(query, (wanted["name"], which)).fetchall()
    except sqlite3.Error:
        return None
    if len(rows) != 1:  # several workspaces can have the same name
        return None
    return _folder(rows[0][0] or rows[0][1])


def _database() -> Path | None:
    """The SQLite file that MLflow would read, if there is one."""
    if "mlflow" in sys.modules or any(map(os.environ.get, _ELSEWHERE)):
        return None
    store = os.environ.get("MLFLOW_TRACKING_URI")
    if not store:
        # MLflow reads runs of the old kind, in folders, if there are some.
        if any(Path("mlruns").glob("[0-9]*/meta.yaml")):
            return None
        store = "sqlite:///mlflow.db"
    name = store.removeprefix("sqlite:///")
    if name == store or re.search(r"[?%#]", name):
        return None
    path = Path(name).absolute()
    return path if path.is_file() else None


def _folder(location: str) -> Path | None:
    """The local folder of an artifact location."""
    parsed = urlparse(location)
    if parsed.scheme not in ("", "file") or parsed.netloc:
        return None
    path = Path(unquote(parsed.path) if parsed.scheme else location)
    return path if path.is_dir() else None
