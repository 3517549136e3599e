"""The folder of an output in progress: finished rows, and a journal of how far they reach.

Rows are appended to `rows.jsonl` and `rejected.jsonl`; after each chunk of rows, the sizes of both
are added to `journal.jsonl`. What a killed process wrote after its last entry is cut off when the
run is resumed, so that no row is lost and none is written twice.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from newsstand.errors import InputError
from newsstand.io.files import claimed, sync
from newsstand.serve.output_tables import json_line

_FORMAT = 1
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far an output reaches.

    Args:
        rows: Rows of the input that are scored or rejected.
        scored: Rows that have a score.
        rejected: Rows that have none.
        output: Size of the scored rows in bytes.
        errors: Size of the rejected rows in bytes.
        kinds: Kind of each column of the input.
    """

    rows: int = 0
    scored: int = 0
    rejected: int = 0
    output: int = 0
    errors: int = 0
    kinds: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFile:
    """A file of the input.

    Args:
        path: As given.
        size: In bytes; None for standard input and for a file that cannot be read.
        sha256: Of its bytes; empty if there is no size.
        lines: Number of line ends.
    """

    path: str
    size: int | None = None
    sha256: str = ""
    lines: int = 0

    @classmethod
    def of(cls, path: str) -> Self:
        """Reads a file."""
        if path == "-":
            return cls(path=path)
        digest, size, lines = hashlib.sha256(), 0, 0
        try:
            with Path(path).open("rb") as stream:
                while block := stream.read(_BLOCK):
                    digest.update(block)
                    size += len(block)
                    lines += block.count(b"\n")
        except (OSError, ValueError):
            return cls(path=path)
        return cls(path=path, size=size, sha256=digest.hexdigest(), lines=lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What an output depends on; a run is resumed only if nothing of it has changed.

    Args:
        inputs: The files.
        model: The hash of the model's bundle.
        newsstand: The version of newsstand.
        settings: Options of the command by name.
    """

    inputs: tuple[InputFile, ...]
    model: str
    newsstand: str
    settings: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"format": _FORMAT, **json.loads(json.dumps(asdict(self)))}

    def changed_since(self, before: Mapping[str, Any]) -> str | None:
        """What differs from the identity of an interrupted run, or None."""
        now = self.to_dict()
        if before.get("format") != _FORMAT or before.get("newsstand") != self.newsstand:
            return f"it was begun by newsstand {before.get('newsstand')}, this is {self.newsstand}"
        if before.get("model") != self.model:
            return "the model has changed"
        settings = before.get("settings", {})
        other = [name for name, value in now["settings"].items() if settings.get(name) != value]
        if other:
            return f"{', '.join(other)}: not as before"
        files = before.get("inputs", [])
        if [x["path"] for x in files] != [x["path"] for x in now["inputs"]]:
            return "the input files are not as before"
        moved = [x["path"] for x, y in zip(now["inputs"], files, strict=True) if x != y]
        return f"{', '.join(moved)}: changed" if moved else None


class Journal:
    """An output in progress; made by `opened_journal`."""

    def __init__(self, folder: Path, progress: Progress) -> None:
        self.rows, self.rejected = folder / "rows.jsonl", folder / "rejected.jsonl"
        self.progress = progress
        self._output = self.rows.open("ab")
        self._errors = self.rejected.open("ab")
        self._journal = _path(folder).open("ab")

    def add(self, row: Mapping[str, Any]) -> None:
        """Adds a scored row; it is not safe before the next `commit`."""
        self._output.write(json_line(row))
        self._count(scored=1)

    def reject(self, row: Mapping[str, Any]) -> None:
        """Adds a rejected row; it is not safe before the next `commit`."""
        self._errors.write(json_line(row))
        self._count(rejected=1)

    def _count(self, scored: int = 0, rejected: int = 0) -> None:
        now = self.progress
        self.progress = replace(
            now,
            rows=now.rows + 1,
            scored=now.scored + scored,
            rejected=now.rejected + rejected,
        )

    def commit(self, kinds: Mapping[str, str]) -> None:
        """Writes all rows so far to disk, and then to the journal that they are there.

        Args:
            kinds: Kind of each column of the input so far.
        """
        for stream in (self._output, self._errors):
            stream.flush()
            os.fsync(stream.fileno())
        self.progress = replace(
            self.progress,
            output=self._output.tell(),
            errors=self._errors.tell(),
            kinds=dict(kinds),
        )
        self._journal.write(json_line(asdict(self.progress)))
        self._journal.flush()
        os.fsync(self._journal.fileno())

    def close(self) -> None:
        """Closes the files."""
        for stream in (self._output, self._errors, self._journal):
            stream.close()


@contextmanager
def opened_journal(folder: Path, identity: Identity, *, resume: bool) -> Iterator[Journal]:
    """The journal of an output, for a `with` statement; nothing of it is deleted at the end.

    Args:
        folder: The folder of the output in progress; created if there is none.
        identity: What the output depends on.
        resume: Whether an interrupted run may be continued.

    Raises:
        InputError: There is an interrupted run that must not be continued, is damaged, or had
            another identity; or another process is writing it.
    """
    folder.mkdir(exist_ok=True)
    with claimed(folder) as free:
        if not free:
            raise InputError(f"{folder}: another process is writing this output")
        progress = _interrupted(folder, identity, resume)
        if progress is None:
            progress = Progress()
            _path(folder).write_bytes(json_line(identity.to_dict()))
        for name, size in (("rows", progress.output), ("rejected", progress.errors)):
            path = folder / f"{name}.jsonl"
            path.touch()
            if path.stat().st_size < size:
                raise InputError(f"{path}: shorter than its journal says; delete {folder}")
            os.truncate(path, size)
        sync(folder)
        journal = Journal(folder, progress)
        try:
            yield journal
        finally:
            journal.close()


def delete_journal(folder: Path) -> None:
    """Deletes the folder of an output; the journal last, without which the rest is ignored."""
    for path in sorted(folder.iterdir(), key=lambda path: path == _path(folder)):
        path.unlink()
    shutil.rmtree(folder, ignore_errors=True)


def _path(folder: Path) -> Path:
    return folder / "journal.jsonl"


def _interrupted(folder: Path, identity: Identity, resume: bool) -> Progress | None:
    """The progress of an interrupted run; None if it has none."""
    entries = _entries(_path(folder))
    if len(entries) < 2:
        return None
    progress = Progress(**entries[-1])
    again = f"delete {folder} to start again"
    if not resume:
        raise InputError(
            f"{folder}: an interrupted run has {progress.rows:,} rows; continue it with --resume, "
            f"or {again}"
        )
    changed = identity.changed_since(entries[0])
    if changed:
        raise InputError(f"--resume: {changed} since the run that {folder} is of; {again}")
    _cut(_path(folder), len(entries))
    return progress


def _entries(path: Path) -> list[dict[str, Any]]:
    """The complete entries of a journal: the last line may be cut off."""
    if not path.is_file():
        return []
    lines = path.read_bytes().split(b"\n")[:-1]
    try:
        return [json.loads(line) for line in lines]
    except ValueError:
        raise InputError(f"{path}: damaged; delete {path.parent} to start again") from None


def _cut(path: Path, lines: int) -> None:
    """Removes what follows a number of lines."""
    content = path.read_bytes()
    kept = b"".join(line + b"\n" for line in content.split(b"\n")[:lines])
    os.truncate(path, len(kept))
