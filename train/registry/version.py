"""A registered version: its model, and what its run has logged."""

import re
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote, urlparse

import mlflow
from mlflow import MlflowClient

from newsstand.config.loader import load_config
from newsstand.config.schema import Config
from newsstand.errors import NewsstandError
from newsstand.io.bundle_uri import located, reason
from newsstand.train.evaluation.rows import FILE, EvaluatedRows
from newsstand.train.registry.standing import Standing

_LOGGED = re.compile(r"models:/(m-\w+)/?")
_CONFIG = "config.yaml"
_DATA_DIGEST = "newsstand.data_digest"
_MOVED = "if the folder was moved or copied, `newsstand relocate` corrects the paths in MLflow"


class RegisteredVersion:
    """A version of a registered model.

    Its files are read where they are if they are local, and are downloaded otherwise.

    Args:
        name: The registered model.
        number: The version.
        stack: Deletes downloaded files when it is closed.
    """

    def __init__(self, name: str, number: str, stack: ExitStack) -> None:
        self.name = name
        self.number = number
        self._stack = stack
        self._version: Any = MlflowClient().get_model_version(name, number)

    def __str__(self) -> str:
        return f"{self.name} version {self.number}"

    @property
    def run_id(self) -> str:
        """The run that logged the model.

        Raises:
            NewsstandError: The version was registered without a run.
        """
        if not self._version.run_id:
            raise NewsstandError(f"{self} was registered without a run, so not by newsstand")
        return str(self._version.run_id)

    @property
    def standing(self) -> Standing | None:
        """What the model was tested on; None if that is not recorded."""
        return Standing.of_tags(self._version.tags)

    @property
    def data_digest(self) -> str | None:
        """The digest of the run's rows and their splits; None if it is not recorded."""
        digest = self._run.data.tags.get(_DATA_DIGEST)
        return None if digest is None else str(digest)

    @cached_property
    def rows(self) -> EvaluatedRows:
        """The test rows of the run with the model's probabilities.

        Raises:
            NewsstandError: The run has no such file, or that of another version of newsstand.
        """
        return EvaluatedRows.load(self._file(FILE))

    @cached_property
    def config(self) -> Config:
        """The config of the run.

        Raises:
            NewsstandError: The run has none, or it is not valid in this version of newsstand.
        """
        return load_config(self._file(_CONFIG))

    @cached_property
    def bundle(self) -> Path:
        """The folder of the bundle.

        Raises:
            NewsstandError: The logged model is missing, or is not a bundle.
        """
        logged = _LOGGED.fullmatch(self._version.source or "")
        place: Path | None = None
        if logged:
            place = local_folder(MlflowClient().get_logged_model(logged[1]).artifact_location)
        if place is not None and not place.is_dir():
            raise NewsstandError(f"{self}: its model {place} does not exist; {_MOVED}")
        return self._stack.enter_context(located(place or f"models:/{self.name}/{self.number}"))

    @cached_property
    def _run(self) -> Any:
        return MlflowClient().get_run(self.run_id)

    def _file(self, name: str) -> Path:
        scratch = self._stack.enter_context(TemporaryDirectory())
        return run_file(self._run, name, scratch)


def run_file(run: Any, name: str, scratch: str) -> Path:
    """A file that a run has logged.

    Args:
        run: The run.
        name: The file's path in the run's artifacts.
        scratch: A folder to download it to if the artifacts are not local.

    Raises:
        NewsstandError: There is no such file, with the place where it was expected.
    """
    run_id, folder = run.info.run_id, local_folder(run.info.artifact_uri)
    if folder is not None:
        if not folder.is_dir():
            raise NewsstandError(f"run {run_id}: its artifacts {folder} do not exist; {_MOVED}")
        if not (folder / name).is_file():
            raise NewsstandError(f"run {run_id} has logged no {name} ({folder / name})")
        return folder / name
    try:
        path = mlflow.artifacts.download_artifacts(
            run_id=run_id, artifact_path=name, dst_path=scratch
        )
    except Exception as error:  # MLflow's own, or of the library of a remote store
        raise NewsstandError(f"run {run_id}: {name} cannot be read ({reason(error)})") from error
    return Path(path)


def local_folder(location: str) -> Path | None:
    """The folder of an artifact location; None if it is remote."""
    parsed = urlparse(location)
    if parsed.scheme not in ("", "file"):
        return None
    return Path(unquote(parsed.path) if parsed.scheme else location)
