"""The tracked run of a training: in MLflow, or nowhere."""

import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

from newsstand.errors import NewsstandError
from newsstand.train.run_summary import KIND


class Run(Protocol):
    """An active run."""

    run_id: str

    @property
    def url(self) -> str:
        """The run's page in the MLflow UI; empty if there is none."""
        ...

    def log_step(self, metrics: Mapping[str, float], step: int, group: str = "fit") -> None:
        """Logs a point of the curves of a group."""
        ...

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        """Logs metrics of the run."""
        ...

    def log_files(self, folder: Path) -> None:
        """Logs the files of a folder as artifacts."""
        ...

    def tag(self, name: str, value: str) -> None:
        """Adds a tag."""
        ...


class Tracker(Protocol):
    """Starts runs: `newsstand.train.tracking.run`, or `untracked`."""

    def __call__(
        self,
        experiment: str,
        *,
        name: str,
        params: Mapping[str, Any],
        tags: Mapping[str, str],
        started: float,
        resume: str | None = None,
        parent: str | None = None,
    ) -> AbstractContextManager[Run]:
        """Starts a run, for a `with` statement."""
        ...


class TrackedRun:
    """The run of one training, started when it is first needed.

    Args:
        tracker: Starts runs.
        experiment: The experiment.
        name: The run's name.
        tags: Tags of the run.
        started: Returns the seconds since the epoch at which the training began.
        stack: Ends the run when it is closed.
        params: Settings, by dotted key.
    """

    def __init__(
        self,
        tracker: Tracker,
        *,
        experiment: str,
        name: str,
        tags: Mapping[str, str],
        started: Callable[[], float],
        stack: ExitStack,
        params: Mapping[str, Any] | None = None,
    ) -> None:
        self._tracker = tracker
        self._experiment = experiment
        self.tags = dict(tags)
        self.params = dict(params or {})
        self._started = started
        self._stack = stack
        self.name = name
        self.run: Run | None = None

    def begin(
        self,
        resume: str | None = None,
        *,
        params: Mapping[str, Any] | None = None,
        stack: ExitStack | None = None,
    ) -> Run:
        """Starts the run on the first call; later calls return the same run.

        Args:
            params: Settings, by dotted key, instead of those given before.
            resume: A run to resume.
            stack: Ends the run when it is closed, instead of the stack given before.
        """
        if self.run is None:
            opened = self._tracker(
                self._experiment,
                name=self.name,
                params=self.params if params is None else params,
                tags=self.tags,
                started=self._started(),
                resume=resume,
            )
            self.run = (stack or self._stack).enter_context(opened)
        return self.run

    def nested(
        self, name: str, params: Mapping[str, Any], resume: str | None
    ) -> AbstractContextManager[Run]:
        """Starts a run nested in this one, which must have begun.

        Args:
            name: Appended to the run's name.
            params: Settings that differ from those of this run, by dotted key.
            resume: A run to resume.
        """
        assert self.run is not None  # noqa: S101 - the caller has begun it
        return self._tracker(
            self._experiment,
            name=f"{self.name}, {name}",
            params={**self.params, **params},
            tags={**self.tags, KIND: "seed"},
            started=self._started(),
            resume=resume,
            parent=self.run.run_id,
        )


class UntrackedRun:
    """A run that is not logged.

    Args:
        run_id: 32 hexadecimal digits, which name the folder of its checkpoints.
    """

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id

    @property
    def url(self) -> str:
        """Empty, as there is no page."""
        return ""

    def log_step(self, metrics: Mapping[str, float], step: int, group: str = "fit") -> None:
        """Does nothing."""

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        """Does nothing."""

    def log_files(self, folder: Path) -> None:
        """Does nothing."""

    def tag(self, name: str, value: str) -> None:
        """Does nothing."""


@contextmanager
def untracked(
    experiment: str,  # noqa: ARG001 - the interface of a tracker
    *,
    name: str,  # noqa: ARG001
    params: Mapping[str, Any],  # noqa: ARG001
    tags: Mapping[str, str],  # noqa: ARG001
    started: float,  # noqa: ARG001
    resume: str | None = None,
    parent: str | None = None,  # noqa: ARG001
) -> Iterator[UntrackedRun]:
    """Starts a run that is not logged; see `Tracker`.

    Raises:
        NewsstandError: `resume` is not a run id.
    """
    if resume is not None and not re.fullmatch("[0-9a-f]{32}", resume):
        raise NewsstandError(f"resume: expected a run id of 32 hexadecimal digits, got {resume!r}")
    yield UntrackedRun(resume or secrets.token_hex(16))
