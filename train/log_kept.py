"""Logs a model that could not be logged when it was trained, and mends a moved store."""

import shutil
from pathlib import Path

from newsstand.errors import NewsstandError
from newsstand.train import local_store
from newsstand.train.outcome import Finished, Outcome
from newsstand.train.preflight import check_tracking, local_database
from newsstand.train.tracking import known, run


def log_kept(folder: Path) -> dict[str, str]:
    """Logs what a training has kept as the training would have, and deletes the folder.

    Args:
        folder: The folder that the training named.

    Returns:
        What there is to show: the run, its page, the model, the bundle, the registered version.

    Raises:
        NewsstandError: No such folder, or MLflow still refuses it; the folder stays then.
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
    ) as again:
        logged = again.log(outcome, finished)
        registered = {}
        if outcome.register_as:
            logged, registered["registered"] = again.register(outcome, logged)
    shutil.rmtree(folder)
    found = {"run": again.run_id, "page": again.url, "model": logged.model, "bundle": logged.bundle}
    return found | registered


def relocate_store() -> list[str]:
    """Sets the places of artifacts right after a local store was moved or copied.

    Returns:
        What was done, a line a move.

    Raises:
        NewsstandError: No local store, or one that cannot be written.
    """
    database = local_database()
    if database is None:
        raise NewsstandError("relocate: only a local SQLite store (MLFLOW_TRACKING_URI) is moved")
    moves, changed = local_store.relocate(database)
    if not moves:
        return [f"{database}: nothing to do, its artifacts are where it says"]
    return [f"{move.old} is now {move.new}" for move in moves] + [f"{changed} places set"]
