"""Times the stages of a run and reports them."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol


class Reporter(Protocol):
    """Called when a stage begins, progresses and ends."""

    def begin(self, stage: str) -> None:
        """Called when a stage begins."""

    def progress(self, stage: str, done: int, total: int | None) -> None:
        """Called within a stage with the number of rows done, and of all rows if known."""

    def end(self, stage: str, detail: str, seconds: float) -> None:
        """Called when a stage ends, with a note on its result and its duration."""


class SilentReporter:
    """Reports nothing."""

    def begin(self, stage: str) -> None:
        """Does nothing."""

    def progress(self, stage: str, done: int, total: int | None) -> None:
        """Does nothing."""

    def end(self, stage: str, detail: str, seconds: float) -> None:
        """Does nothing."""


class WithinStage(SilentReporter):
    """Shows the progress within the stages of one of several runs, and no line for each stage.

    Args:
        reporter: Shows the progress.
    """

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    def progress(self, stage: str, done: int, total: int | None) -> None:
        """Shows the amount done."""
        self._reporter.progress(stage, done, total)

    def end(self, stage: str, detail: str, seconds: float) -> None:
        """Shows what was registered, and whether an alias has moved."""
        if stage == "register":
            self._reporter.end(stage, detail, seconds)


class StageTimer:
    """Times stages; the times of stages with the same name are added.

    Args:
        reporter: Called for each stage.
        started: `time.perf_counter()` at the start of the run; now if None.
    """

    def __init__(self, reporter: Reporter, started: float | None = None) -> None:
        self._reporter = reporter
        self._started = time.perf_counter() if started is None else started
        self._seconds: dict[str, float] = {}
        self._last_end = self._started

    @contextmanager
    def stage(self, name: str) -> Iterator[Callable[[str], None]]:
        """Times a `with` block, whose value is a function that sets the note on the result."""
        notes: list[str] = []
        self._reporter.begin(name)
        yield notes.append
        # From the end of the previous stage, so that the stages add up to the total.
        now = time.perf_counter()
        seconds, self._last_end = now - self._last_end, now
        self._seconds[name] = self._seconds.get(name, 0.0) + seconds
        self._reporter.end(name, notes[0] if notes else "", seconds)

    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self._started

    def seconds(self) -> dict[str, float]:
        """Seconds by stage, and `total` so far."""
        seconds = {**self._seconds, "total": self.elapsed()}
        return {name: round(value, 3) for name, value in seconds.items()}
