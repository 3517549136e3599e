"""Logs a model whose logging failed after training, and relocates a moved store."""

import shutil
from pathlib import Path

from newsstand.errors import NewsstandError
from newsstand.train import local_store
from newsstand.train.outcome import Finished, Outcome
from newsstand.train.preflight import check_tracking, local_database
from newsstand.train.tracking import known, run


def log_kept(folder: Path) -> dict[str, str]:
    """Logs a trained model from the folder it was saved in, and deletes the folder.

    Args:
        folder: The folder that the error message of the training names.

    Returns:
        `run`, `page`, `runs`, `model`, `bundle` and, if the model is registered, `registered`.

    Raises:
        NewsstandError: There is no such folder, or MLflow still fails; the folder is kept then.
    """
    outcome, finished = Outcome.read(folder), Finished(folder)
    check_tracking(outcome.experiment, register_as=outcome.register_as, resume=None)
    with run(
        outcome.experiment,
        name=outcome.name,
        params=outcome.params,
        tags=outcome.tags,
        started=outcome.started,
        resume=known(outcome.run_id),
    ) as active:
        logged = active.log(outcome, finished)
        registered = {}
        if outcome.register_as:
            logged, registered["registered"] = active.register(outcome, logged)
    shutil.rmtree(folder)
    return {
        "run": active.run_id,
        "page": active.url,
        "runs": active.runs_url,
        "model": logged.model,
        "bundle": logged.bundle,
        **registered,
    }


def relocate_store() -> list[str]:
    """Updates the artifact locations of a local store that was moved or copied.

    Returns:
        A line for each move.

    Raises:
        NewsstandError: There is no local store, or it is not writable.
    """
    database = local_database()
    if database is None:
        raise NewsstandError(
            "relocate: expected a local SQLite store (MLFLOW_TRACKING_URI), got another one"
        )
    moves, changed = local_store.relocate(database)
    if not moves:
        return [f"{database}: nothing to do, all artifact locations are correct"]
    lines = [f"{move.old} is now {move.new}" for move in moves]
    return [*lines, f"{changed} artifact locations updated"]
