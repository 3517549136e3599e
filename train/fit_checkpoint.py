"""Where fits that were cut short keep what they have learned, to go on from there."""

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

_DECIDE = ("numpy", "scipy", "scikit-learn", "torch", "transformers")  # what a fit gives


class Unfinished:
    """Where fits keep what they have learned until the run is done.

    Args:
        folder: For their files.
        digest: Of the data they learn from.
    """

    def __init__(self, folder: Path, digest: str) -> None:
        self._folder, self.digest = folder, digest
        self._files: set[Path] = set()
        self._folders: set[Path] = set()
        self._resumed = False  # whether the fit that asked last goes on from an earlier one

    @property
    def note(self) -> str:
        """What to add to the note of a fit that went on from an interrupted one; else empty."""
        return ", resumed from where an earlier run stopped" if self._resumed else ""

    def file(self, **settings: Any) -> Path:
        """The file of a fit; its name tells data, settings and versions apart."""
        versions = [__version__, *map(version, _DECIDE)]
        told = json.dumps([self.digest, settings, versions], sort_keys=True, default=str)
        name = hashlib.sha256(told.encode()).hexdigest()[:16]
        found = self._folder / f"fit-{name}.safetensors"
        self._files.add(found)
        self._resumed = held(found) is not None
        return found

    def add_folder(self, folder: Path) -> None:
        """Notes a folder of checkpoints, to be removed when the run is done."""
        self._folders.add(folder)

    def remove(self) -> None:
        """Removes the files and folders of this run."""
        for file in self._files:
            file.unlink(missing_ok=True)
        for folder in self._folders:
            shutil.rmtree(folder)


def held(file: Path) -> tuple[Arrays, dict[str, Any]] | None:
    """What a file of a fit holds; None if it is damaged, or somebody else may have written it."""
    with suppress(FileNotFoundError):
        why = distrusted(file) or distrusted(file.parent)
        if why:
            discard(file, why, "the fit begins anew")
            return None
    try:
        return load_arrays(file, of=file.name)
    except DamagedError as error:
        discard(file, f"damaged ({error})", "the fit begins anew")
        return None
