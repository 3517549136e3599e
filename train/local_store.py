"""The SQLite file of a local MLflow store: creation, checks, and relocation after a move."""

import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlparse

from filelock import FileLock, Timeout

from newsstand.errors import NewsstandError

# Seconds to wait for another process that writes to the database, and for one that logs a model.
_LOCKED = 20.0
_LOGGING = 600.0

# Tables and columns in which MLflow stores locations of artifacts.
_LOCATIONS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
# Errors of an incomplete or damaged database; and of one that is busy, too new, or on a full disk.
_DAMAGED = r"already exists|duplicate column|no such (table|column)|malformed|not a database"
_OTHER_CAUSE = r"locked|disk|full|revision|out-of-date"


def artifacts(database: Path, experiment: str) -> Path:
    """The folder of an experiment's artifacts, beside the database."""
    return database.parent / "mlruns" / quote(experiment, safe="").replace("..", "%2E%2E")


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Locks the database against creation and writing by other runs, for a `with` block."""
    place = database.parent / "mlruns" / ".lock"
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock = FileLock(place, timeout=_LOGGING)
        lock.acquire()
    except Timeout:
        raise NewsstandError(
            f"MLflow's database {database}: another run has locked {place} for "
            f"{_LOGGING / 60:.0f} minutes"
        ) from None
    try:
        yield
    finally:
        lock.release()


def make(database: Path, initialise: Callable[[Path], None]) -> None:
    """Creates the database if there is none, atomically: in a temporary file that is renamed.

    Must be called within `locked`.

    Args:
        database: The file.
        initialise: Creates a database of MLflow in a file.
    """
    if database.is_file() and database.stat().st_size:
        return
    temporary = database.with_name(f"{database.name}.new")
    leftovers = (temporary, Path(f"{temporary}-journal"))
    for path in leftovers:  # of a run that was killed
        path.unlink(missing_ok=True)
    try:
        initialise(temporary)
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        temporary.replace(database)
    finally:
        for path in leftovers:
            path.unlink(missing_ok=True)


def check(database: Path) -> None:
    """Checks that a database is writable, which MLflow would try for minutes.

    Raises:
        NewsstandError: The database or its folder is not writable, or another program has locked
            it.
    """
    for place in (database.parent, database, database.parent / "mlruns"):
        if place.exists() and not os.access(place, os.W_OK):
            raise NewsstandError(
                f"MLflow's database {database}: {place} is not writable; train in a folder that "
                "is, or set MLFLOW_TRACKING_URI"
            )
    if not database.is_file():
        return
    try:
        with closing(_opened(database)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.rollback()
    except sqlite3.Error as error:
        if "locked" in str(error):
            raise NewsstandError(
                f"MLflow's database {database}: another program has locked it for "
                f"{_LOCKED:.0f} seconds; end that program, or set MLFLOW_TRACKING_URI"
            ) from None
        raise (damage(database, error) or NewsstandError(f"{database}: {error}")) from None


def damage(database: Path, error: Exception, *, opening: bool = False) -> NewsstandError | None:
    """The error for an incomplete or damaged database; None if the error has another cause.

    Args:
        database: The file.
        error: What was raised.
        opening: Whether it was raised while MLflow opened the database.
    """
    damaged = re.search(_DAMAGED, str(error)) or (
        opening and not re.search(_OTHER_CAUSE, str(error))
    )
    if not database.is_file() or not damaged:
        return None
    reason = str(error).partition("\n")[0]
    return NewsstandError(
        f"MLflow's database {database} is incomplete or damaged ({reason}); move it away "
        f"(mv '{database}' '{database}.damaged'), and the next run creates a new one"
    )


@dataclass(frozen=True, slots=True)
class Move:
    """A move of a database whose artifact locations still name the old folder.

    Args:
        old: The folder in the artifact locations.
        new: The database's folder.
    """

    old: Path
    new: Path


def moved(database: Path, experiment: str, location: str) -> Move | None:
    """Whether a database was moved or copied after an experiment was created.

    Artifact locations are absolute, so that runs in a copied folder would write to the original.

    Args:
        database: The file.
        experiment: The experiment's name.
        location: The experiment's artifact location in MLflow.

    Returns:
        The move; None if the artifacts are in the database's folder or in one the user has chosen.
    """
    own, stored = artifacts(database, experiment), _path(location)
    if stored is None or stored.resolve() == own.resolve():
        return None
    is_default = stored.parts[-2:] == own.parts[-2:]  # mlruns/NAME
    if not is_default or (stored.exists() and not own.exists()):
        return None
    return Move(stored.parents[1], own.resolve().parents[1])


def relocate(database: Path) -> tuple[list[Move], int]:
    """Updates artifact locations after the database and `mlruns` were moved or copied.

    Args:
        database: The file.

    Returns:
        The moves, and the number of updated locations.

    Raises:
        NewsstandError: There is no database, or it is not writable.
    """
    if not database.is_file():
        raise NewsstandError(f"no MLflow database at {database}")
    check(database)
    with locked(database), closing(_opened(database)) as connection, connection:
        rows = connection.execute("SELECT name, artifact_location FROM experiments").fetchall()
        distinct = {move for name, place in rows if (move := moved(database, name, place or ""))}
        moves = sorted(distinct, key=lambda move: str(move.old))
        changed = sum(
            _replace(connection, old, new)
            for move in moves
            for old, new in ((move.old.as_uri(), move.new.as_uri()), (str(move.old), str(move.new)))
        )
    return moves, changed


def _replace(connection: sqlite3.Connection, old: str, new: str) -> int:
    """Replaces the prefix of artifact locations; returns the number of changed ones."""
    old, new = f"{old}/mlruns/", f"{new}/mlruns/"
    count = 0
    for table, column in _LOCATIONS:
        with suppress(sqlite3.OperationalError):  # this version of MLflow lacks the column
            count += connection.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, ?) "  # noqa: S608 - ours
                f"WHERE substr({column}, 1, ?) = ?",
                (new, len(old) + 1, len(old), old),
            ).rowcount
    return count


def _path(location: str) -> Path | None:
    """The local path of an artifact location; None if it is remote."""
    parsed = urlparse(location)
    if parsed.scheme not in ("", "file") or not location:
        return None
    return Path(unquote(parsed.path) if parsed.scheme else location)


def _opened(database: Path) -> sqlite3.Connection:
    """Opens an existing database for reading and writing."""
    return sqlite3.connect(f"{database.as_uri()}?mode=rw", uri=True, timeout=_LOCKED)
