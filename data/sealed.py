"""Cache files with checksums that are verified on every read.

A folder has a file with the size and SHA-256 of each of its files, an array file one SHA-256 of all
its arrays. Both also hold a key of their input data, so that a copy under another name is refused.
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
_OWNER_ONLY = 0o700


class DamagedError(Exception):
    """A cache file cannot be used; the message gives the reason in a few words."""


def cache_root() -> Path:
    """Returns a folder in the cache of `datasets` that only the user can write to; creates it."""
    root = Path(datasets.config.HF_DATASETS_CACHE) / "newsstand"
    if root.exists() and hasattr(os, "getuid") and root.stat().st_uid != os.getuid():
        root = root.with_name(f"newsstand-{os.getuid()}")
    root.parent.mkdir(parents=True, exist_ok=True)
    root.mkdir(mode=_OWNER_ONLY, exist_ok=True)
    mode = root.stat().st_mode
    if mode & 0o022 or mode & _OWNER_ONLY != _OWNER_ONLY:
        root.chmod((mode | _OWNER_ONLY) & 0o755)
    return root


def write_checksums(folder: Path, names: Iterable[str], *, of: str) -> None:
    """Writes the checksums of a folder's files, for `find_damage`, and flushes all to disk.

    Args:
        folder: The folder.
        names: Names of the files.
        of: Key of the data they were made of.
    """
    files = {}
    for name in sorted(names):
        sync(folder / name)
        files[name] = [(folder / name).stat().st_size, file_digest(folder / name).hex()]
    write_whole(folder / CHECKSUMS, json.dumps({"of": of, "files": files}))


def find_damage(folder: Path, *, of: str) -> str | None:
    """Verifies a folder; returns the damage in a few words, or None.

    Args:
        folder: The folder.
        of: Expected key of the data it was made of.
    """
    try:
        expected = json.loads((folder / CHECKSUMS).read_text(encoding="utf-8"))
        if expected["of"] != of:
            return "made of other data"
        for name, (size, digest) in expected["files"].items():
            if (folder / name).stat().st_size != size:
                return f"{name}: size"
            if file_digest(folder / name).hex() != digest:
                return f"{name}: checksum"
    except OSError as error:
        return f"{Path(error.filename or folder).name}: {error.strerror}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{CHECKSUMS}: changed"
    return None


def save_arrays(
    path: Path, arrays: Arrays, *, of: str, facts: Mapping[str, Any] | None = None
) -> None:
    """Writes arrays to a file, replacing an existing one only when complete.

    Args:
        path: A `.safetensors` file, readable only by the user.
        arrays: Arrays by name.
        of: Key of the data they were made of.
        facts: JSON values stored with them.

    Raises:
        NewsstandError: The file cannot be written.
    """
    encoded = json.dumps(facts or {})
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    metadata = {"of": of, "facts": encoded, "sha256": _digest(arrays, of, encoded)}
    with replacing(path, private=True) as scratch:
        try:
            save_file(arrays, scratch, metadata=metadata)
        except SafetensorError as error:  # for example, a full disk
            raise NewsstandError(f"{path}: cannot be written: {error}") from None


def load_arrays(path: Path, *, of: str) -> tuple[Arrays, dict[str, Any]]:
    """Reads arrays and facts written by `save_arrays`.

    Args:
        path: The file.
        of: Expected key of the data they were made of.

    Raises:
        DamagedError: The file is missing, damaged, or made of other data.
    """
    if not path.is_file():
        raise DamagedError("no file")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if metadata["of"] != of:
            raise DamagedError("made of other data")
        if metadata["sha256"] != _digest(arrays, of, metadata["facts"]):
            raise DamagedError("checksum")
        return arrays, json.loads(metadata["facts"])
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"{type(error).__name__}: {error}") from None


def discard(path: Path, why: str, instead: str) -> None:
    """Removes an unusable file or folder with a warning; does nothing if it does not exist.

    Args:
        path: A file or folder.
        why: Reason, for the warning.
        instead: What is done instead, for the warning.
    """
    if os.path.lexists(path):
        _logger.warning("%s: %s; %s", path, why, instead)
        with suppress(OSError):  # then it is overwritten, or the next run warns again
            remove(path)


def file_digest(path: Path) -> bytes:
    """Returns the SHA-256 of a file."""
    digest = hashlib.sha256()
    # Unbuffered, in reads no larger than the file: there may be very many small files.
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
