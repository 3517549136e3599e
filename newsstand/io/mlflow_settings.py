"""How newsstand calls MLflow: time-outs, and no chatter; the process stays as it was."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# MLflow would try for eight minutes to reach a server that does not answer.
_USUAL = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "60",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
}
# Of small questions: answered, or given up, within 20 seconds.
_ASKING = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "7", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}

# Variables of the environment that are set here at present.
_ours: set[str] = set()


@contextmanager
def mlflow_settings(*, asking: bool = False) -> Iterator[None]:
    """Settings of MLflow for a `with` block; those that the environment has already stay.

    MLflow is imported in the block, so that it does not send telemetry from its import on, and
    logs nothing: what goes wrong is raised.

    Args:
        asking: Only small questions are asked, so that a server that does not answer them soon is
            given up.

    Raises:
        ModuleNotFoundError: MLflow is not installed.
    """
    wanted = _USUAL | (_ASKING if asking else {})
    before = {name: os.environ.get(name) for name in wanted}
    changed = [name for name, value in before.items() if value is None or name in _ours]
    added = set(changed) - _ours
    os.environ.update({name: wanted[name] for name in changed})
    _ours.update(added)
    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic")]
    levels: list[int] = []
    try:
        import mlflow  # noqa: F401 - its import sets the levels of its loggers

        levels = [logger.level for logger in loggers]
        for logger in loggers:
            logger.setLevel(logging.CRITICAL + 1)
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=False):
            logger.setLevel(level)
        for name in changed:
            value = before[name]
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        _ours.difference_update(added)


def database(uri: str) -> Path | None:
    """The file of a local SQLite store, which may not exist yet; None for any other store.

    Args:
        uri: A tracking URI; SQLAlchemy resolves its escapes as it does for MLflow.
    """
    if not uri.startswith("sqlite:"):
        return None
    from sqlalchemy.engine import make_url

    name = make_url(uri).database
    return Path(name).absolute() if name and name != ":memory:" else None
