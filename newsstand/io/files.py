"""Writes files and folders atomically: complete or absent, even if the process is killed."""

import glob
import os
import secrets
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

if sys.platform != "win32":
    import fcntl

_SUFFIX = ".unfinished"
_PREFIX = "unfinished-"
# On file systems without locks, unfinished files are abandoned after this number of seconds.
_ABANDONED = 24 * 3600.0
_NAME = 100  # characters of a file's name in the name of its temporary file


def write_whole(path: Path, text: str) -> None:
    """Writes a text file atomically.

    Args:
        path: The file; a device or pipe is written to directly.
        text: Its content, written as UTF-8.

    Raises:
        OSError: The file cannot be written; an existing file stays as it is.
    """
    with replacing(path) as scratch:
        scratch.write_text(text, encoding="utf-8")


@contextmanager
def replacing(path: Path, *, private: bool = False) -> Iterator[Path]:
    """A temporary file to write, for a `with` statement; at its end it replaces the file.

    Temporary files that killed processes left of the same file are removed.

    Args:
        path: The file; if it is a link, the file it points to is replaced.
        private: Whether only this user may read and write it; otherwise a new file has the
            permissions of the umask, and an existing file keeps its own.

    Raises:
        OSError: The file cannot be written; an existing file stays as it is.
    """
    if path.exists() and not path.is_file():  # a device or a pipe
        yield path
        return
    path = Path(os.path.realpath(path))
    start = f".{path.name[:_NAME]}."
    scratch, held = None, None
    try:
        remove_abandoned(path.parent, f"{glob.escape(start)}*{_SUFFIX}")
        scratch, held = _new_file(path.parent, start, 0o600 if private else 0o666)
        yield scratch
        if path.exists() and not private:
            shutil.copymode(path, scratch)
        sync(scratch)
        scratch.replace(path)
        sync(path.parent)
    except OSError as error:
        if error.filename is None or Path(error.filename).name.startswith(start):
            error.filename = str(path)  # the name that the user knows
        raise
    finally:
        if scratch is not None:
            scratch.unlink(missing_ok=True)
        if held is not None:
            os.close(held)


@contextmanager
def scratch_folder(root: Path) -> Iterator[Path]:
    """A new folder, for a `with` statement; it is deleted at its end unless it was renamed.

    Folders that killed processes left are removed.

    Args:
        root: The parent folder, which must exist.
    """
    remove_abandoned(root, f"{_PREFIX}*")
    folder, held = _new_folder(root)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if held is not None:
            os.close(held)


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Holds the lock of a folder, for a `with` statement; waits for other processes."""
    held = _hold(folder)
    try:
        yield
    finally:
        if held is not None:
            os.close(held)


@contextmanager
def claimed(folder: Path) -> Iterator[bool]:
    """Tries to lock a folder, for a `with` statement; gives false if another process holds it."""
    try:
        held = _hold(folder, wait=False)
    except BlockingIOError:
        yield False
        return
    try:
        yield True
    finally:
        if held is not None:
            os.close(held)


def remove_abandoned(folder: Path, pattern: str) -> None:
    """Removes unfinished files and folders that no process is writing.

    Args:
        folder: Their parent folder.
        pattern: A glob of their names.
    """
    for path in folder.glob(pattern):
        with suppress(OSError):  # locked by its writer, or removed by another process
            held = _hold(path, wait=False)
            try:
                if held is not None or time.time() - path.lstat().st_mtime > _ABANDONED:
                    remove(path)
            finally:
                if held is not None:
                    os.close(held)


def remove(path: Path) -> None:
    """Removes a file, a link, or a folder with its content, if it exists.

    Raises:
        OSError: It cannot be removed.
    """
    if path.is_dir() and not path.is_symlink():
        path.chmod(stat.S_IRWXU)
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Waits until a file, or the entries of a folder, are written to disk."""
    if sys.platform == "win32" and path.is_dir():
        return
    place = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(place)
    finally:
        os.close(place)


def distrusted(path: Path) -> str | None:
    """Why another user could have written a file, or a file in a folder; None if none could have.

    Args:
        path: A file or folder; links are not followed.
    """
    if not hasattr(os, "getuid"):
        return None
    status = path.lstat()
    if status.st_uid != os.getuid():
        return f"{path} belongs to another user"
    if not stat.S_ISLNK(status.st_mode) and status.st_mode & 0o022:
        return f"others may write to {path}"
    if not stat.S_ISDIR(status.st_mode) or not status.st_mode & 0o011:  # closed to others
        return None
    return next(filter(None, map(distrusted, sorted(path.iterdir()))), None)


def _new_file(folder: Path, start: str, mode: int) -> tuple[Path, int | None]:
    while True:
        path = folder / f"{start}{secrets.token_hex(4)}{_SUFFIX}"
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
        held = _hold(path)
        if _is_there(path, held):
            return path, held


def _new_folder(root: Path) -> tuple[Path, int | None]:
    while True:
        path = Path(tempfile.mkdtemp(dir=root, prefix=_PREFIX))
        held = _hold(path)
        if _is_there(path, held):
            return path, held


def _hold(path: Path, *, wait: bool = True) -> int | None:
    """Locks a file or folder until the descriptor is closed; None if locks are not supported.

    Raises:
        BlockingIOError: Another process holds the lock, and `wait` is false.
    """
    if sys.platform == "win32":
        return None
    held = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(held)
        raise
    except OSError:  # for instance on a network file system
        os.close(held)
        return None
    return held


def _is_there(path: Path, held: int | None) -> bool:
    """Whether a locked path still exists: another process may have removed it before."""
    if held is None:
        return True
    with suppress(FileNotFoundError):
        if os.path.samestat(os.fstat(held), path.stat()):
            return True
    os.close(held)
    return False
