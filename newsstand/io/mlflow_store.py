"""Checks of an MLflow store before it is used."""

from pathlib import Path
from typing import Any

# Seconds for a response, and retries. MLflow waits up to 3 seconds between two tries.
_TIMEOUT = 7
_RETRIES = 1


def check_server(uri: str) -> None:
    """Checks that a tracking or registry server responds; other stores are not checked.

    Requests of MLflow's client are retried for minutes, with time-outs that only environment
    variables change.

    Args:
        uri: The store's URI.

    Raises:
        MlflowException: The server does not respond within 20 seconds.
    """
    if not uri.startswith(("http://", "https://")):
        return
    from mlflow.utils import credentials, rest_utils

    given: Any = credentials  # untyped, as the requests
    requests: Any = rest_utils
    host = given.get_default_host_creds(uri)
    requests.http_request(host, "/health", "GET", max_retries=_RETRIES, timeout=_TIMEOUT)


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
