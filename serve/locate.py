"""Finds the bundle that a URI stands for: a folder, or a model in MLflow."""

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote

from newsstand.bundle import MANIFEST
from newsstand.errors import BundleError


@contextmanager
def located(uri: str | Path) -> Iterator[Path]:
    """The local bundle folder that a URI stands for; a download is deleted afterwards.

    Args:
        uri: As `newsstand.load` takes it.

    Raises:
        BundleError: Nothing there, or MLflow's own reason.
    """
    if not isinstance(uri, (str, Path)):
        raise BundleError(f"expected a bundle folder or a URI, got {type(uri).__name__}")
    text = str(uri)
    if text.startswith(("runs:/", "models:/")):
        with TemporaryDirectory() as scratch:
            yield _inside(_download(text, scratch), text)
        return
    folder = Path(uri).expanduser()
    if not folder.is_dir():
        raise BundleError(
            f"{text}: no such bundle folder (models in MLflow are runs:/RUN_ID, models:/NAME@ALIAS)"
        )
    yield _inside(folder, text)


def _inside(folder: Path, uri: str) -> Path:
    """The bundle itself, which MLflow keeps in `data/` beside its own description."""
    if not (folder / MANIFEST).is_file():
        for manifest in folder.glob(f"data/*/{MANIFEST}"):
            return manifest.parent
    if (folder / "MLmodel").is_file():
        raise BundleError(f"{uri}: a model of MLflow, but not one of newsstand")
    return folder


def _download(uri: str, scratch: str) -> Path:
    # Set before MLflow is imported: it would announce itself over the network, and copies of
    # models on standard error, and try for minutes to reach a server that is not there.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
    try:
        import mlflow
    except ModuleNotFoundError:
        raise BundleError(
            f"{uri}: needs MLflow (pip install mlflow); a bundle folder does not"
        ) from None
    for logger in ("mlflow", "alembic"):
        logging.getLogger(logger).setLevel(logging.ERROR)
    store = mlflow.get_tracking_uri()
    if store.startswith("sqlite:///"):
        # As MLFLOW_TRACKING_URI has it, or with the escapes of MLflow's own default.
        place = Path(store.removeprefix("sqlite:///"))
        if not place.is_file():
            place = Path(unquote(str(place)))
        if place.is_file() and not os.access(place, os.R_OK):
            raise BundleError(f"{uri}: MLflow's database {place} cannot be read")
        if not place.is_file():
            # MLflow would make an empty database here, and then not find the model in it.
            raise BundleError(
                f"{uri}: no MLflow database at {place}; go to the folder that has it, or set "
                "MLFLOW_TRACKING_URI"
            )
    scheme, _, name = uri.partition(":/")
    bare = not {"/", "@"} & set(name)
    try:
        wanted = f"{uri}/model" if scheme == "runs" and bare else uri
        return Path(mlflow.artifacts.download_artifacts(artifact_uri=wanted, dst_path=scratch))
    except Exception as error:  # its own, a database's, or a missing driver's
        hint = ""
        if scheme == "models" and bare:
            hint = f"; for a registered model, add its alias or version: {uri}@ALIAS, {uri}/1"
        raise BundleError(f"{uri}: not found in MLflow ({reason(error)}){hint}") from None


def reason(error: Exception) -> str:
    """The first line of an error's message, fit to be shown."""
    lines = str(error).split("\n")
    return without_password(next(filter(None, map(str.strip, lines)), type(error).__name__))


def without_password(text: str) -> str:
    """The same text, its URIs without user names and passwords."""
    return re.sub(r"(?<=\w://)[^/\s]*@", "", text)
