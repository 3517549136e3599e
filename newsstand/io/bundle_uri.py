"""Finds the bundle of a URI: a folder, or a model in MLflow."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote, urlparse

from newsstand.errors import BundleError
from newsstand.io.bundle import MANIFEST
from newsstand.io.mlflow_store import check_server, database

# Prefixes of URIs of models in MLflow.
MLFLOW = ("runs:/", "models:/")
_ANY = "model"  # names the model of a run, whatever it is called


@contextmanager
def located(uri: str | Path) -> Iterator[Path]:
    """The local bundle folder of a URI, for a `with` statement; a download is deleted at its end.

    Args:
        uri: A folder, or a URI that `newsstand.load` accepts.

    Raises:
        BundleError: There is no bundle, with MLflow's reason if the model is in MLflow.
    """
    if not isinstance(uri, (str, Path)):
        raise BundleError(f"expected a bundle folder or a URI, got {type(uri).__name__}")
    text = str(uri)
    if text.startswith(MLFLOW):
        from newsstand.io.local_registry import local_artifact  # imports SQLite

        local = local_artifact(text)
        if local is not None:
            yield _inside(local, text)
            return
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
    """The bundle itself, which MLflow stores in `data/` of a model's folder."""
    if not (folder / MANIFEST).is_file():
        for manifest in folder.glob(f"data/*/{MANIFEST}"):
            return manifest.parent
    if (folder / "MLmodel").is_file():
        raise BundleError(f"{uri}: a model of MLflow, but not one of newsstand")
    return folder


def _download(uri: str, scratch: str) -> Path:
    try:
        import mlflow

        wanted = _artifact(uri)
        downloaded = mlflow.artifacts.download_artifacts(artifact_uri=wanted, dst_path=scratch)
    except ModuleNotFoundError as error:
        if error.name != "mlflow":
            raise _not_found(uri, error) from None  # a database's driver
        raise BundleError(
            f"{uri}: needs MLflow (pip install mlflow); a bundle folder does not"
        ) from None
    except BundleError:
        raise
    except Exception as error:  # MLflow's own, or a database's
        raise _not_found(uri, error) from None
    return Path(downloaded)


def _artifact(uri: str) -> str:
    """The URI to download, after checking that MLflow has it."""
    import mlflow

    for store in {mlflow.get_tracking_uri(), mlflow.get_registry_uri()}:
        check_server(store)
    _check_database(uri, mlflow.get_tracking_uri())
    scheme, _, name = uri.rstrip("/").partition(":/")
    if scheme == "runs" and "/" not in name:
        return _of_run(uri, name, _ANY)
    if scheme == "runs" and name.count("/") == 1:
        return _of_run(uri, *name.split("/"))
    if scheme == "models":
        from mlflow.store.artifact.models_artifact_repo import ModelsArtifactRepository

        repository: Any = ModelsArtifactRepository  # untyped
        root, _ = repository.split_models_uri(uri)
        _check_there(uri, repository.get_underlying_uri(root))
    return uri.rstrip("/")


def _of_run(uri: str, run_id: str, name: str) -> str:
    """The URI of the model that a run logged under a name, or of its last one for `model`.

    All models had that name before they were named after their runs.
    """
    import mlflow

    client = mlflow.MlflowClient()
    run = client.get_run(run_id)
    outputs = run.outputs.model_outputs if run.outputs else []
    models = [client.get_logged_model(output.model_id) for output in outputs]
    named = [model for model in models if model.name == name]
    logged = next(reversed(named or (models if name == _ANY else [])), None)
    if logged is None:
        raise BundleError(
            f"{uri}: the run has logged no model '{name}'; it is {run.info.status.lower()}"
        )
    _check_there(uri, logged.artifact_location)
    return f"models:/{logged.model_id}"


def _check_database(uri: str, store: str) -> None:
    place = database(store)
    if place is None:
        return
    if not place.is_file():
        # MLflow would create an empty database here, and not find the model in it.
        raise BundleError(
            f"{uri}: no MLflow database at {place}; go to the folder that has it, or set "
            "MLFLOW_TRACKING_URI"
        )
    if not os.access(place, os.R_OK):
        raise BundleError(f"{uri}: MLflow's database {place} cannot be read")


def _check_there(uri: str, location: str) -> None:
    parsed = urlparse(location)
    path = Path(unquote(parsed.path) if parsed.scheme else location)
    if parsed.scheme in ("", "file") and not path.is_dir():
        raise BundleError(
            f"{uri}: its artifact {path} does not exist; if the folder was moved or copied, "
            "`newsstand relocate` corrects the paths in MLflow's database"
        )


def _not_found(uri: str, error: Exception) -> BundleError:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
        return BundleError(f"{uri}: cannot be copied out of MLflow ({error.strerror})")
    scheme, _, name = uri.partition(":/")
    hint = ""
    if scheme == "models" and not {"/", "@"} & set(name):
        hint = f"; for a registered model, add its alias or version: {uri}@ALIAS, {uri}/1"
    return BundleError(f"{uri}: not found in MLflow ({reason(error)}){hint}")


def reason(error: Exception) -> str:
    """The first line of an error message, without passwords."""
    lines = str(error).split("\n")
    return without_password(next(filter(None, map(str.strip, lines)), type(error).__name__))


def without_password(text: str) -> str:
    """The text with user names and passwords removed from URIs."""
    return re.sub(r"(?<=\w://)[^/\s]*@", "", text)
