"""What a cache keeps on disk for later runs: checked whenever it is read, never simply believed.

A folder is sealed by the size and SHA-256 of each of its files, arrays by a SHA-256 of them all.
Both name what they were made of, so that a copy under another name is no good either.
"""

import hashlib
import json
import logging
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

import datasets
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from newsstand.errors import NewsstandError
from newsstand.io.files import remove, replacing, sync, write_whole

_logger = logging.getLogger(__name__)

Arrays: TypeAlias = dict[str, NDArray[Any]]

CHECKSUMS = "checksums.json"
_READ = 1 << 24  # bytes at a time
_OURS = 0o700


class DamagedError(Exception):
    """What is kept cannot be used; the message says why, in a few words."""


def cache_root() -> Path:
    """This user's own folder in the cache of `datasets`, which nobody else can write to."""
    root = Path(datasets.config.HF_DATASETS_CACHE) / "newsstand"
    if root.exists() and hasattr(os, "getuid") and root.stat().st_uid != os.getuid():
        root = root.with_name(f"newsstand-{os.getuid()}")
    root.parent.mkdir(parents=True, exist_ok=True)
    root.mkdir(mode=_OURS, exist_ok=True)
    mode = root.stat().st_mode
    if mode & 0o022 or mode & _OURS != _OURS:
        root.chmod((mode | _OURS) & 0o755)
    return root


def seal(folder: Path, names: Iterable[str], *, of: str) -> None:
    """Writes the checksums of a folder's files, for `flaw`, and waits until all are on the disk.

    Args:
        folder: Where the files are.
        names: Which of them.
        of: What they were made of.
    """
    files = {}
    for name in sorted(names):
        sync(folder / name)
        files[name] = [(folder / name).stat().st_size, file_digest(folder / name).hex()]
    write_whole(folder / CHECKSUMS, json.dumps({"of": of, "files": files}))


def flaw(folder: Path, *, of: str) -> str | None:
    """What is wrong with a sealed folder, in a few words; None if all is as it was written.

    Args:
        folder: Which one.
        of: What it should have been made of.
    """
    try:
        sealed = json.loads((folder / CHECKSUMS).read_text(encoding="utf-8"))
        if sealed["of"] != of:
            return "made of other data"
        for name, (size, digest) in sealed["files"].items():
            if (folder / name).stat().st_size != size:
                return f"{name}: size"
            if file_digest(folder / name).hex() != digest:
                return f"{name}: checksum"
    except OSError as error:
        return f"{Path(error.filename or folder).name}: {error.strerror}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{CHECKSUMS}: not as it was written"
    return None


def keep(path: Path, arrays: Arrays, *, of: str, facts: Mapping[str, Any] | None = None) -> None:
    """Writes arrays to a file that takes the place of another only when it is whole.

    Args:
        path: Where, a `.safetensors` file that only this user may read.
        arrays: By name.
        of: What they were made of.
        facts: What JSON can hold, kept beside them.

    Raises:
        NewsstandError: It cannot be written.
    """
    told = json.dumps(facts or {})
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    told_too = {"of": of, "facts": told, "sha256": _digest(arrays, of, told)}
    with replacing(path, private=True) as scratch:
        try:
            save_file(arrays, scratch, metadata=told_too)
        except SafetensorError as error:  # no room, say
            raise NewsstandError(f"{path}: cannot be written: {error}") from None


def kept(path: Path, *, of: str) -> tuple[Arrays, dict[str, Any]]:
    """Arrays and facts as they were written.

    Args:
        path: The file.
        of: What they should have been made of.

    Raises:
        DamagedError: Why they are not to be had.
    """
    if not path.is_file():
        raise DamagedError("no file")
    try:
        with safe_open(path, framework="numpy") as file:
            told = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if told["of"] != of:
            raise DamagedError("made of other data")
        if told["sha256"] != _digest(arrays, of, told["facts"]):
            raise DamagedError("checksum")
        return arrays, json.loads(told["facts"])
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"{type(error).__name__}: {error}") from None


def discard(path: Path, why: str, instead: str) -> None:
    """Removes what cannot be used, and says so; nothing if there is nothing.

    Args:
        path: A file, or a folder.
        why: What is wrong with it.
        instead: What is done now.
    """
    if os.path.lexists(path):
        _logger.warning("%s: %s; %s", path, why, instead)
        with suppress(OSError):  # then it is overwritten, or said again by the next run
            remove(path)


def file_digest(path: Path) -> bytes:
    """The SHA-256 of a file."""
    digest = hashlib.sha256()
    # Unbuffered, and no larger a read than the file: news comes in very many small ones.
    with path.open("rb", buffering=0) as file:
        size = min(os.fstat(file.fileno()).st_size + 1, _READ)
        while block := file.read(size):
            digest.update(block)
    return digest.digest()


def _digest(arrays: Arrays, of: str, facts: str) -> str:
    shapes = [[name, str(arrays[name].dtype), arrays[name].shape] for name in sorted(arrays)]
    digest = hashlib.sha256(json.dumps([of, facts, shapes]).encode())
    for name in sorted(arrays):
        digest.update(arrays[name].data)
    return digest.hexdigest()
