"""The run that a training is tracked as: in MLflow, or nowhere."""

import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, Protocol

from newsstand.errors import NewsstandError


class Run(Protocol):
    """A run in progress."""

    run_id: str

    @property
    def url(self) -> str:
        """Its page in the MLflow UI; empty without one."""
        ...

    def log_step(self, metrics: Mapping[str, float], step: int, group: str = "fit") -> None:
        """Adds a point to a group of the run's curves."""
        ...

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        """Adds metrics of the run."""
        ...

    def tag(self, name: str, value: str) -> None:
        """Adds a tag."""
        ...


class Tracker(Protocol):
    """Opens runs: `newsstand.train.tracking.run`, or `untracked`."""

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
        """A run, for a `with` statement."""
        ...


class TrackedRun:
    """The run of one training, begun when it is first needed.

    Args:
        tracker: Opens runs.
        experiment: The experiment that they belong to.
        name: Of the run.
        tags: Of the run.
        started: Gives the seconds since the epoch at which the training began.
        stack: Ends the run.
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
    ) -> None:
        self._tracker = tracker
        self._experiment = experiment
        self.tags = dict(tags)
        self._started = started
        self._stack = stack
        self.name = name
        self.run: Run | None = None

    def begin(
        self,
        params: Mapping[str, Any],
        resume: str | None = None,
        stack: ExitStack | None = None,
    ) -> Run:
        """The run itself; later calls give the same one.

        Args:
            params: Settings, by dotted key.
            resume: A run to go on with.
            stack: Ends the run earlier.
        """
        if self.run is None:
            opened = self._tracker(
                self._experiment,
                name=self.name,
                params=params,
                tags=self.tags,
                started=self._started(),
                resume=resume,
            )
            self.run = (stack or self._stack).enter_context(opened)
        return self.run

    def part(
        self, name: str, params: Mapping[str, Any], resume: str | None
    ) -> AbstractContextManager[Run]:
        """A run inside this one, which has begun.

        Args:
            name: What to add to the run's name.
            params: Settings, by dotted key.
            resume: A run to go on with.
        """
        assert self.run is not None  # noqa: S101 - the caller has begun it
        return self._tracker(
            self._experiment,
            name=f"{self.name}, {name}",
            params=params,
            tags=self.tags,
            started=self._started(),
            resume=resume,
            parent=self.run.run_id,
        )


class UntrackedRun:
    """A run that is logged nowhere.

    Args:
        run_id: 32 hexadecimal digits, which name the folder of its checkpoints.
    """

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id

    @property
    def url(self) -> str:
        """Empty."""
        return ""

    def log_step(self, metrics: Mapping[str, float], step: int, group: str = "fit") -> None:
        """Keeps nothing."""

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        """Keeps nothing."""

    def tag(self, name: str, value: str) -> None:
        """Keeps nothing."""


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
    """A run that is logged nowhere, for a `with` statement; see `Tracker`.

    Raises:
        NewsstandError: `resume` is no run id.
    """
    if resume is not None and not re.fullmatch("[0-9a-f]{32}", resume):
        raise NewsstandError(f"resume: expected the id of a run, 32 digits from 0 to f: {resume!r}")
    yield UntrackedRun(resume or secrets.token_hex(16))
