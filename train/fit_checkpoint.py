"""Checkpoints of fits, from which an interrupted fit resumes."""

import hashlib
import json
import shutil
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from newsstand.data.sealed import Arrays, DamagedError, discard, load_arrays
from newsstand.io.files import distrusted
from newsstand.version import __version__

_LIBRARIES = ("numpy", "scipy", "scikit-learn", "torch", "transformers")  # that affect a fit
_RESTART = "the fit starts over"


class FitCheckpoints:
    """The checkpoint files and folders of a run's fits, which are removed when the run is done.

    Args:
        folder: Where the files are.
        digest: Of the data.
    """

    def __init__(self, folder: Path, digest: str) -> None:
        self._folder, self.digest = folder, digest
        self._files: set[Path] = set()
        self._folders: set[Path] = set()
        self._resumed = False

    @property
    def note(self) -> str:
        """An addition to the note of the last fit if it has resumed from a file; else empty."""
        return ", resumed from where an earlier run stopped" if self._resumed else ""

    def file(self, **settings: Any) -> Path:
        """The checkpoint file of a fit; its name depends on data, settings and versions."""
        versions = [__version__, *map(version, _LIBRARIES)]
        key = json.dumps([self.digest, settings, versions], sort_keys=True, default=str)
        name = hashlib.sha256(key.encode()).hexdigest()[:16]
        file = self._folder / f"fit-{name}.safetensors"
        self._files.add(file)
        self._resumed = read_checkpoint(file) is not None
        return file

    def add_folder(self, folder: Path) -> None:
        """Adds a folder of checkpoints, which `remove` deletes."""
        self._folders.add(folder)

    def remove(self) -> None:
        """Removes the files and folders of this run."""
        for file in self._files:
            file.unlink(missing_ok=True)
        for folder in self._folders:
            shutil.rmtree(folder)


def read_checkpoint(file: Path) -> tuple[Arrays, dict[str, Any]] | None:
    """The arrays and facts of a checkpoint file.

    None if there is no such file, or it is damaged or writable by others, and is then discarded.
    """
    with suppress(FileNotFoundError):
        why = distrusted(file) or distrusted(file.parent)
        if why:
            discard(file, why, _RESTART)
            return None
    try:
        return load_arrays(file, of=file.name)
    except DamagedError as error:
        discard(file, f"damaged ({error})", _RESTART)
        return None
