"""Types of the fixtures in `conftest.py`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from newsstand.train.result import Result


class RecordingReporter:
    """A reporter that records stages begun, stages with progress, and notes."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.progressed: list[str] = []
        self.notes: list[str] = []

    def begin(self, stage: str) -> None:
        self.begun.append(stage)

    def progress(self, stage: str, done: int, total: int | None) -> None:
        self.progressed.append(stage)

    def end(self, stage: str, detail: str, seconds: float) -> None:
        assert detail
        assert seconds >= 0
        self.notes.append(detail)


@dataclass(frozen=True)
class Trained:
    """Where the session's models are."""

    folder: Path  # holds mlflow.db and mlruns/
    topic: "Result"
    stance: "Result"
    topic_bundle: Path
    stance_bundle: Path


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


Cli: TypeAlias = Callable[..., Done]
