"""Encoders on PyPI as a zip file split into parts, one per package; they are joined once."""

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path, PurePosixPath

from newsstand.errors import NewsstandError, reported

_WANTED = {".json", ".safetensors", ".txt"}
_MOST = 2**31  # bytes of one file; the weights are 438 MB


@dataclass(frozen=True, slots=True)
class Parts:
    """The packages that contain the parts of a zip file.

    Args:
        package: Name of the packages, with `{}` for the number of the part, from 1.
        count: Number of parts.
    """

    package: str
    count: int

    def installed(self) -> list[Path] | None:
        """Returns the parts in order; None if one of the packages is not installed."""
        parts = []
        for number in range(1, self.count + 1):
            name = self.package.format(number)
            try:
                inside = files(name) or []
            except PackageNotFoundError:
                return None
            ending = f".zip.{number:03}"
            parts += [Path(str(x.locate())) for x in inside if x.name.endswith(ending)]
        return parts if len(parts) == self.count else None


def join(parts: list[Path], folder: Path) -> None:
    """Joins the parts of an encoder and unpacks them.

    Args:
        parts: The parts of its zip file, in order.
        folder: The folder to create, whole or not at all.

    Raises:
        NewsstandError: The parts are not a zip file, or there is no space for it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=folder.parent) as scratch,
        reported(f"{parts[0]} and the next {len(parts) - 1}: not the parts of a zip file"),
    ):
        archive, made = Path(scratch) / "whole.zip", Path(scratch) / "encoder"
        made.mkdir()
        with archive.open("wb") as whole:
            for part in parts:
                with part.open("rb") as stream:
                    shutil.copyfileobj(stream, whole)
        with zipfile.ZipFile(archive) as packed:
            for info in _files(packed):
                target = made / PurePosixPath(info.filename).name
                with packed.open(info) as source, target.open("wb") as unpacked:
                    shutil.copyfileobj(source, unpacked)
        if not folder.is_dir():  # otherwise another process was first
            made.rename(folder)


def _files(packed: zipfile.ZipFile) -> Iterator[zipfile.ZipInfo]:
    """Yields the files of an encoder in the archive's only folder, without subfolders.

    Raises:
        NewsstandError: A file is too large.
    """
    for info in packed.infolist():
        path = PurePosixPath(info.filename)
        if len(path.parts) == 2 and path.suffix in _WANTED and not info.is_dir():
            if info.file_size > _MOST:
                raise NewsstandError(
                    f"{info.filename}: expected {_MOST:,} bytes at most, got {info.file_size:,}"
                )
            yield info
