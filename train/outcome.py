"""What a finished training has to log: with its bundle, a folder that can be logged later, too."""

import json
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from itertools import chain, count
from pathlib import Path
from shlex import quote
from typing import Any, Self

from newsstand.errors import NewsstandError

_RECORD = "run.json"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """All that is logged of a run, beside its files.

    Args:
        experiment: The MLflow experiment.
        name: The run's name.
        started: Seconds since the epoch at which the work began.
        params: Settings, by dotted key.
        tags: Tags of the run.
        metrics: Figures of the run and of its model.
        data: `form`, `path` and `digest` of the data.
        signature: `labels` and `stance`, for the columns of the model.
        example: One row as the model takes it.
        extra: The extra of newsstand that scoring with the model needs, if any.
        register_as: Name to register the model under, if any.
        alias: Of the registered model, if any.
        alias_force: Whether the alias moves in any case.
        standing: Tags that tell which models can be compared.
        run_id: The MLflow run, once it has begun.
    """

    experiment: str
    name: str
    started: float
    params: Mapping[str, str]
    tags: Mapping[str, str]
    metrics: Mapping[str, float]
    data: Mapping[str, str | None]
    signature: Mapping[str, Any]
    example: Mapping[str, str]
    extra: str | None
    register_as: str | None
    alias: str | None
    alias_force: bool
    standing: Mapping[str, str]
    run_id: str | None = None

    @classmethod
    def read(cls, folder: Path) -> Self:
        """What a kept folder says.

        Raises:
            NewsstandError: No such folder.
        """
        path = folder / _RECORD
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            return cls(**{field.name: values[field.name] for field in fields(cls)})
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise NewsstandError(
                f"{folder}: no run that `newsstand train` kept because it could not be logged "
                f"({path.name}: {error!r})"
            ) from None


class Finished:
    """The files of a finished training, until they are logged.

    Args:
        folder: Holds `bundle`, `artifacts` and what else there is to log.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bundle = folder / "bundle"
        self.artifacts = folder / "artifacts"
        self.kept = False

    def note(self, outcome: Outcome) -> None:
        """Writes down what there is to log; again, where there is space, once more is known."""
        new = self.folder / f"{_RECORD}.new"
        new.write_text(json.dumps(asdict(outcome), indent=2), encoding="utf-8")
        new.replace(self.folder / _RECORD)

    def keep(self, name: str) -> Path:
        """Moves the files into the working directory, or leaves them where they are.

        Args:
            name: The run's name.

        Returns:
            Where they are, to be read by `Outcome.read`.
        """
        self.kept = True
        plain = re.sub(r"[^\w.-]+", "-", name).strip(".-") or "run"
        wanted = f"newsstand-unlogged-{plain}"
        others = (Path(f"{wanted}-{number}") for number in count(2))
        target = next(path for path in chain([Path(wanted)], others) if not path.exists())
        try:
            shutil.copytree(self.folder, target)
        except OSError:  # no space here, or not writable
            shutil.rmtree(target, ignore_errors=True)
            return self.folder
        shutil.rmtree(self.folder, ignore_errors=True)
        target.chmod(0o755)  # a temporary folder lets no one else in
        return target


@contextmanager
def finished() -> Iterator[Finished]:
    """A temporary folder for the files of a finished training, for a `with` block."""
    made = Finished(Path(tempfile.mkdtemp(prefix="newsstand-")))
    try:
        yield made
    finally:
        if not made.kept:
            shutil.rmtree(made.folder, ignore_errors=True)


@contextmanager
def kept_if_not_logged(made: Finished, outcome: Outcome) -> Iterator[None]:
    """Keeps the files of a training where the block cannot log them.

    Raises:
        NewsstandError: What went wrong, where the files are, and the command that logs them.
    """
    made.note(outcome)
    try:
        yield
    except BaseException as error:
        place = made.keep(outcome.name)
        told = f"the trained model is kept in {place}; to log it: newsstand log {quote(str(place))}"
        if not isinstance(error, Exception):  # Ctrl-C, or the end of the process
            _log.warning("%s", told)
            raise
        raise NewsstandError(f"{error or type(error).__name__}; {told}") from error


@contextmanager
def plain_disk_errors() -> Iterator[None]:
    """Turns what safetensors and torch raise on a full disk into an `OSError`."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        found = re.search(r"os error (\d+)", str(error))
        if found is None:
            raise
        number = int(found[1])
        told = f"the trained model cannot be saved: {os.strerror(number)}"
        raise OSError(number, told) from error
