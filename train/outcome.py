"""The results of a finished training, which can be logged later if logging fails."""

import json
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, asdict, dataclass, field, fields
from itertools import chain, count
from pathlib import Path
from shlex import quote
from typing import Any, Self

from newsstand.errors import NewsstandError

_RECORD = "run.json"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Everything that is logged of a run, beside its files.

    Args:
        experiment: The MLflow experiment.
        name: The run's name.
        started: Seconds since the epoch at which the work began.
        params: Settings, by dotted key.
        tags: Tags of the run.
        metrics: Metrics of the run and of its model.
        data: `form`, `path` and `digest` of the data.
        splits: `digest` and `rows` of the training rows (`train`) and the test rows (`test`).
        description: A paragraph on the trained model, in Markdown.
        signature: `labels` and `stance`, from which the model's columns follow.
        example: One row as input of the model.
        extra: The extra of newsstand that scoring with the model requires, if any.
        register_as: Name to register the model under, if any.
        alias: Alias of the registered model, if any.
        alias_force: Why the alias moves although a check fails; None if it does not.
        standing: The tags of `Standing`.
        run_id: The MLflow run, if it has begun.
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
    alias_force: str | None
    standing: Mapping[str, str]
    run_id: str | None = None
    splits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    description: str = ""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Reads the outcome from the folder of a training whose logging failed.

        Raises:
            NewsstandError: The folder holds no such training.
        """
        path = folder / _RECORD
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            optional = {x.name for x in fields(cls) if x.default_factory is not MISSING}
            optional |= {x.name for x in fields(cls) if x.default is not MISSING}
            names = [x.name for x in fields(cls) if x.name in values or x.name not in optional]
            return cls(**{name: values[name] for name in names})
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise NewsstandError(
                f"{folder}: expected a folder that `newsstand train` saved when logging failed "
                f"({path.name}: {error!r})"
            ) from None


class Finished:
    """The files of a finished training, until they are logged.

    Args:
        folder: Holds `bundle`, `artifacts` and the outcome.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bundle = folder / "bundle"
        self.artifacts = folder / "artifacts"
        self.kept = False

    def note(self, outcome: Outcome) -> None:
        """Writes the outcome into the folder, atomically."""
        new = self.folder / f"{_RECORD}.new"
        new.write_text(json.dumps(asdict(outcome), indent=2), encoding="utf-8")
        new.replace(self.folder / _RECORD)

    def keep(self, name: str) -> Path:
        """Moves the files into the working directory; if that fails, leaves them where they are.

        Args:
            name: The run's name.

        Returns:
            The folder, for `Outcome.read`.
        """
        self.kept = True
        plain = re.sub(r"[^\w.-]+", "-", name).strip(".-") or "run"
        first = f"newsstand-unlogged-{plain}"
        others = (Path(f"{first}-{number}") for number in count(2))
        target = next(path for path in chain([Path(first)], others) if not path.exists())
        try:
            shutil.copytree(self.folder, target)
        except OSError:  # no space, or not writable
            shutil.rmtree(target, ignore_errors=True)
            return self.folder
        shutil.rmtree(self.folder, ignore_errors=True)
        target.chmod(0o755)  # temporary folders are private
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
    """Saves the files of a training if the `with` block fails to log them.

    Raises:
        NewsstandError: The error, the folder of the files, and the command that logs them.
    """
    made.note(outcome)
    try:
        yield
    except BaseException as error:
        place = made.keep(outcome.name)
        advice = f"the trained model is saved in {place}; log it with: newsstand log " + quote(
            str(place)
        )
        if not isinstance(error, Exception):  # Ctrl-C, or the process is terminated
            _log.warning("%s", advice)
            error.add_note(advice)  # for programs without a handler of warnings
            raise
        raise NewsstandError(f"{error or type(error).__name__}; {advice}") from error


@contextmanager
def plain_disk_errors() -> Iterator[None]:
    """Converts errors of safetensors and torch on a full disk to `OSError`."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        found = re.search(r"os error (\d+)", str(error))
        if found is None:
            raise
        number = int(found[1])
        message = f"the trained model cannot be saved: {os.strerror(number)}"
        raise OSError(number, message) from error
