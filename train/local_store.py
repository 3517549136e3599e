"""The SQLite file of a local MLflow store: made whole, checked before use, mended after a move."""

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

# Seconds to wait for another process: that writes into the database, or that logs a model.
_LOCKED = 20.0
_LOGGING = 600.0

# Where MLflow keeps places of artifacts.
_PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
# What is said of a database that was left half made, or is none; and of one that is only busy,
# too new, or on a full disk.
_RUINED = r"already exists|duplicate column|no such (table|column)|malformed|not a database"
_SOUND = r"locked|disk|full|revision|out-of-date"


def artifacts(database: Path, experiment: str) -> Path:
    """The folder of an experiment's artifacts, beside the database."""
    return database.parent / "mlruns" / quote(experiment, safe="").replace("..", "%2E%2E")


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Keeps other runs from making or writing the same database, for a `with` block."""
    place = database.parent / "mlruns" / ".lock"
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock = FileLock(place, timeout=_LOGGING)
        lock.acquire()
    except Timeout:
        raise NewsstandError(
            f"MLflow's database {database}: another run has kept {place} locked for "
            f"{_LOGGING / 60:.0f} minutes"
        ) from None
    try:
        yield
    finally:
        lock.release()


def make(database: Path, initialise: Callable[[Path], None]) -> None:
    """Makes a database where there is none: aside, then renamed, so never half of one.

    Call it under `locked`.

    Args:
        database: Its file.
        initialise: Makes a database of MLflow in a file.
    """
    if database.is_file() and database.stat().st_size:
        return
    aside = database.with_name(f"{database.name}.new")
    leftovers = (aside, Path(f"{aside}-journal"))
    for path in leftovers:  # of a run that was killed here: nobody else has the lock
        path.unlink(missing_ok=True)
    try:
        initialise(aside)
        with aside.open("rb") as stream:
            os.fsync(stream.fileno())
        aside.replace(database)
    finally:
        for path in leftovers:
            path.unlink(missing_ok=True)


def check(database: Path) -> None:
    """Refuses a database that cannot be written; MLflow would try for minutes to.

    Raises:
        NewsstandError: It or its folder cannot be written, or another program has it locked.
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
                f"MLflow's database {database}: another program has kept it locked for "
                f"{_LOCKED:.0f} seconds; end it, or set MLFLOW_TRACKING_URI"
            ) from None
        raise (ruin(database, error) or NewsstandError(f"{database}: {error}")) from None


def ruin(database: Path, error: Exception, *, opening: bool = False) -> NewsstandError | None:
    """What to do about a database that was left half made; None if the error is another.

    Args:
        database: Its file.
        error: What was raised.
        opening: While MLflow opened the database, which it completes first.
    """
    ruined = re.search(_RUINED, str(error)) or (opening and not re.search(_SOUND, str(error)))
    if not database.is_file() or not ruined:
        return None
    said = str(error).partition("\n")[0]
    return NewsstandError(
        f"MLflow's database {database} is incomplete or damaged ({said}), as one that was left "
        f"half made; move it away (mv '{database}' '{database}.ruined'), and the next run makes "
        "a new one"
    )


@dataclass(frozen=True, slots=True)
class Move:
    """Artifacts of a database whose places lie outside its folder.

    Args:
        old: The folder that the places name.
        new: The database's own.
    """

    old: Path
    new: Path


def moved(database: Path, experiment: str, location: str) -> Move | None:
    """How a database was moved or copied since it noted where an experiment's artifacts are.

    Places of artifacts are absolute: a copied folder would write into the original.

    Args:
        database: Its file.
        experiment: The experiment's name.
        location: Its place, as MLflow has it.

    Returns:
        None if the artifacts are in the database's folder, or were put elsewhere on purpose.
    """
    own, noted = artifacts(database, experiment), _path(location)
    if noted is None or noted.resolve() == own.resolve():
        return None
    as_made = noted.parts[-2:] == own.parts[-2:]  # mlruns/NAME
    if not as_made or (noted.exists() and not own.exists()):
        return None
    return Move(noted.parents[1], own.resolve().parents[1])


def relocate(database: Path) -> tuple[list[Move], int]:
    """Sets places of artifacts right after the database and `mlruns` were moved or copied.

    Args:
        database: Its file.

    Returns:
        The moves that were found, and how many places were set.

    Raises:
        NewsstandError: No database, or one that cannot be written.
    """
    if not database.is_file():
        raise NewsstandError(f"no MLflow database at {database}")
    check(database)
    with locked(database), closing(_opened(database)) as connection, connection:
        rows = connection.execute("SELECT name, artifact_location FROM experiments").fetchall()
        found = {move for name, place in rows if (move := moved(database, name, place or ""))}
        moves = sorted(found, key=lambda move: str(move.old))
        changed = sum(
            _replace(connection, old, new)
            for move in moves
            for old, new in ((move.old.as_uri(), move.new.as_uri()), (str(move.old), str(move.new)))
        )
    return moves, changed


def _replace(connection: sqlite3.Connection, old: str, new: str) -> int:
    """Puts one beginning of places in place of another; how many were changed."""
    old, new = f"{old}/mlruns/", f"{new}/mlruns/"
    count = 0
    for table, column in _PLACES:
        with suppress(sqlite3.OperationalError):  # a column that this MLflow does not have
            count += connection.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, ?) "  # noqa: S608 - ours
                f"WHERE substr({column}, 1, ?) = ?",
                (new, len(old) + 1, len(old), old),
            ).rowcount
    return count


def _path(location: str) -> Path | None:
    """The local path of a place of artifacts; None for one elsewhere."""
    parsed = urlparse(location)
    if parsed.scheme not in ("", "file") or not location:
        return None
    return Path(unquote(parsed.path) if parsed.scheme else location)


def _opened(database: Path) -> sqlite3.Connection:
    """Opened for writing, and not made."""
    return sqlite3.connect(f"{database.as_uri()}?mode=rw", uri=True, timeout=_LOCKED)
