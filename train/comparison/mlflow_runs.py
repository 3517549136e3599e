"""Finds runs in MLflow, and reads the predictions that they have logged."""

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlparse

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Experiment, Run, ViewType
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from newsstand.errors import NewsstandError, did_you_mean
from newsstand.io.mlflow_store import check_server, database
from newsstand.train import local_store
from newsstand.train.comparison.runs import SavedRun
from newsstand.train.evaluation.rows import FILE, EvaluatedRows
from newsstand.train.tracking import refused, store

KIND_TAG = "newsstand.kind"
KIND = "comparison"
_PAGE = 1000
_MOST_SHOWN = 8  # runs of the same name, in a message


@contextmanager
def opened_store() -> Iterator["Store"]:
    """MLflow at its tracking URI, for a `with` block; its errors become a `NewsstandError`.

    Raises:
        NewsstandError: There is no local database, or MLflow fails.
    """
    uri = mlflow.get_tracking_uri()
    place = database(uri)
    if place is not None and not (place.is_file() and place.stat().st_size):
        # MLflow would create an empty database here, and not find the runs in it.
        raise NewsstandError(
            f"no MLflow database at {place}; go to the folder that has it, or set "
            "MLFLOW_TRACKING_URI"
        )
    try:
        check_server(uri)
        yield Store(_client(place), place)
    except NewsstandError:
        raise
    except Exception as error:  # of MLflow, a database, or a missing driver
        raise refused(error) from error


def _client(place: Path | None) -> MlflowClient:
    try:
        return MlflowClient()  # opens the database
    except Exception as error:
        raise (place and local_store.damage(place, error, opening=True)) or error from error


class Store:
    """The runs of a tracking store.

    Args:
        client: MLflow's client.
        place: The file of a local store, or None.
    """

    def __init__(self, client: MlflowClient, place: Path | None) -> None:
        self._client = client
        self._place = place
        self._experiments: dict[str, Experiment] = {}

    def of_id(self, text: str, run_id: str) -> SavedRun:
        """The run of an id, or of the beginning of one.

        Args:
            text: The argument, for messages.
            run_id: The id or its beginning.

        Raises:
            NewsstandError: There is none or more than one, or it has no predictions.
        """
        if not re.fullmatch(r"[0-9a-f]+", run_id):
            raise NewsstandError(f"{text}: expected a run id of hexadecimal digits")
        found = self._search(f"attributes.run_id LIKE '{run_id}%'", ViewType.ALL)
        if not found:
            raise NewsstandError(
                f"{text}: no such run in MLflow at {store()}; if it is in another store, go to the "
                "folder with its mlflow.db, or set MLFLOW_TRACKING_URI"
            )
        if len(found) > 1:
            raise NewsstandError(f"{text}: the beginning of several runs: {_listed(found)}")
        return self._saved(text, found[0])

    def of_model(self, text: str) -> SavedRun:
        """The run that logged a registered model.

        Raises:
            NewsstandError: There is no such version, or its run has no predictions.
        """
        named = re.fullmatch(r"models:/([^/@]+)(?:@([^/@]+)|/(\d+))/?", text)
        if named is None:
            raise NewsstandError(f"{text}: expected models:/NAME@ALIAS or models:/NAME/VERSION")
        name, alias, number = named.groups()
        try:
            if alias:
                version = self._client.get_model_version_by_alias(name, alias)
            else:
                version = self._client.get_model_version(name, number)
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
            raise NewsstandError(f"{text}: no such model version in MLflow at {store()}") from error
        if not version.run_id:
            raise NewsstandError(f"{text}: its version records no run; name the run instead")
        try:
            run = self._client.get_run(version.run_id)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            raise NewsstandError(
                f"{text}: its run {version.run_id} was removed from MLflow at {store()}, with its "
                f"{FILE}"
            ) from error
        return self._saved(text, run)

    def of_experiment(self, text: str, name: str) -> tuple[Sequence[SavedRun], Sequence[str], bool]:
        """The finished runs of an experiment, or its run of a name after a slash.

        Args:
            text: The argument, for messages.
            name: The experiment, or `EXPERIMENT/RUN_NAME`.

        Returns:
            The runs, the latest first; notes on what was left out; and whether one run was named.

        Raises:
            NewsstandError: There is no such experiment or run, or there are several of the name.
        """
        whole = self._client.get_experiment_by_name(name)
        if whole is not None:
            self._check_active(text, whole)
            runs, notes = self._finished(text, whole)
            return runs, notes, False
        experiment, run_name = self._split(text, name)
        self._check_active(text, experiment)
        found = [run for run in self._runs(experiment) if run.info.run_name == run_name]
        if not found:
            names = {str(run.info.run_name) for run in self._runs(experiment)}
            raise NewsstandError(
                f"{text}: experiment '{experiment.name}' has no run '{run_name}'"
                f"{did_you_mean(run_name, sorted(names))}"
            )
        if len(found) > 1:
            raise NewsstandError(
                f"{text}: {len(found)} runs have this name; use an id: {_listed(found)}"
            )
        return [self._saved(text, found[0])], [], True

    def _split(self, text: str, name: str) -> tuple[Experiment, str]:
        """The experiment and the run name of a text with a slash between them, or several."""
        parts = name.split("/")
        for count in range(len(parts) - 1, 0, -1):
            found = self._client.get_experiment_by_name("/".join(parts[:count]))
            if found is not None:
                return found, "/".join(parts[count:])
        known = [found.name for found in self._client.search_experiments()]
        raise NewsstandError(
            f"{text}: no experiment '{name}' in MLflow at {store()}{did_you_mean(name, known)}"
        )

    def _finished(
        self, text: str, experiment: Experiment
    ) -> tuple[Sequence[SavedRun], Sequence[str]]:
        self._check_artifacts(text, experiment)
        runs = [run for run in self._runs(experiment) if run.info.status == "FINISHED"]
        saved, without = [], 0
        for run in runs:
            if self._has_predictions(run):
                saved.append(self._saved(text, run))
            else:
                without += 1
        if not saved:
            raise NewsstandError(
                f"{text}: none of its {len(runs)} finished runs has {FILE}; train again with this "
                "version of newsstand"
            )
        note = f"{text}: {without} of {len(runs)} finished runs left out, without {FILE}"
        return saved, [note] if without else []

    def _runs(self, experiment: Experiment) -> list[Run]:
        """Active runs of an experiment that are neither nested nor comparisons, latest first."""
        found = self._search("", ViewType.ACTIVE_ONLY, [experiment.experiment_id])
        return [
            run
            for run in found
            if MLFLOW_PARENT_RUN_ID not in run.data.tags and run.data.tags.get(KIND_TAG) != KIND
        ]

    def _search(
        self, filter_string: str, view: int, experiments: Sequence[str] | None = None
    ) -> list[Run]:
        if experiments is None:
            everywhere = self._client.search_experiments(view_type=ViewType.ALL)
            experiments = [found.experiment_id for found in everywhere]
        runs: list[Run] = []
        token = None
        while True:
            page = self._client.search_runs(
                list(experiments), filter_string, view, max_results=_PAGE, page_token=token
            )
            runs += page
            token = page.token
            if not token:
                return runs

    def _saved(self, text: str, run: Run) -> SavedRun:
        """A run with its predictions."""
        run_id, experiment = run.info.run_id, self._experiment(run.info.experiment_id)
        if run.info.lifecycle_stage != "active":
            raise NewsstandError(
                f"{text}: run {run_id} is deleted; restore it with: mlflow runs restore "
                f"--run-id {run_id}"
            )
        self._check_active(text, experiment)
        self._check_artifacts(text, experiment)
        if run.data.tags.get(KIND_TAG) == KIND:
            raise NewsstandError(f"{text}: run {run_id} is itself a comparison, not a training run")
        return SavedRun(
            name=run.info.run_name or run_id,
            rows=self._rows(text, run),
            run_id=run_id,
            experiment=experiment.name,
            params=run.data.params,
        )

    def _experiment(self, experiment_id: str) -> Experiment:
        if experiment_id not in self._experiments:
            self._experiments[experiment_id] = self._client.get_experiment(experiment_id)
        return self._experiments[experiment_id]

    def _check_active(self, text: str, experiment: Experiment) -> None:
        if experiment.lifecycle_stage != "active":
            raise NewsstandError(
                f"{text}: experiment '{experiment.name}' is deleted; restore it with: mlflow "
                f"experiments restore --experiment-id {experiment.experiment_id}"
            )

    def _has_predictions(self, run: Run) -> bool:
        folder = _local(run.info.artifact_uri)
        if folder is not None:
            return (folder / FILE).is_file()
        return any(item.path == FILE for item in self._client.list_artifacts(run.info.run_id))

    def _rows(self, text: str, run: Run) -> EvaluatedRows:
        if not self._has_predictions(run):
            raise NewsstandError(_without(text, run))
        folder = _local(run.info.artifact_uri)
        if folder is not None:
            return EvaluatedRows.load(folder / FILE)
        with tempfile.TemporaryDirectory() as scratch:
            path = self._client.download_artifacts(run.info.run_id, FILE, scratch)
            return EvaluatedRows.load(Path(path))

    def _check_artifacts(self, text: str, experiment: Experiment) -> None:
        """Refuses artifacts that are missing, or in the folder that a store was copied from."""
        place, location = self._place, experiment.artifact_location
        move = place and local_store.moved(place, experiment.name, location)
        if move:
            raise NewsstandError(
                f"{text}: {place} names artifacts in {move.old}/mlruns: the folder was moved or "
                "copied; update the locations with: newsstand relocate"
            )
        folder = _local(location)
        if folder is not None and not folder.is_dir():
            raise NewsstandError(
                f"{text}: the artifacts of experiment '{experiment.name}' should be in {folder}, "
                "which does not exist; move it back, or, if it was moved together with the "
                "database, run: newsstand relocate"
            )


def log_files(run_id: str, folder: Path) -> None:
    """Logs the files of a folder as artifacts of a run.

    Raises:
        NewsstandError: MLflow fails, with the reason.
    """
    try:
        MlflowClient().log_artifacts(run_id, str(folder))
    except Exception as error:  # of MLflow, a server or a disk
        raise refused(error) from error


def _without(text: str, run: Run) -> str:
    """The message about a run that has no predictions."""
    state = run.info.status.lower()
    if state in ("running", "scheduled"):
        return f"{text}: run {run.info.run_id} has not finished, and has no {FILE} yet"
    if state in ("failed", "killed"):
        return f"{text}: run {run.info.run_id} ended as {state}, without {FILE}"
    return (
        f"{text}: run {run.info.run_id} has no {FILE} among its artifacts: it was deleted, or the "
        "run is of another program or an older version of newsstand; train again"
    )


def _listed(runs: Sequence[Run]) -> str:
    shown = ", ".join(run.info.run_id[:12] for run in runs[:_MOST_SHOWN])
    return shown + (", …" if len(runs) > _MOST_SHOWN else "")


def _local(uri: str) -> Path | None:
    """The folder of an artifact URI; None if it is remote."""
    parsed = urlparse(uri)
    if parsed.scheme not in ("", "file"):
        return None
    return Path(unquote(parsed.path) if parsed.scheme else uri)
