"""Times the stages of a run, and tells of them."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol


class Reporter(Protocol):
    """Is told of each stage when it begins and when it is done."""

    def begin(self, stage: str) -> None:
        """A stage begins."""

    def progress(self, stage: str, done: int, total: int | None) -> None:
        """Within a stage: so many rows are done, of how many if that is known."""

    def end(self, stage: str, detail: str, seconds: float) -> None:
        """A stage is done: what came of it, and the seconds it took."""


class Silent:
    """Reports nothing."""

    def begin(self, stage: str) -> None:
        """Reports nothing."""

    def progress(self, stage: str, done: int, total: int | None) -> None:
        """Reports nothing."""

    def end(self, stage: str, detail: str, seconds: float) -> None:
        """Reports nothing."""


class Clock:
    """Times the stages; a stage entered twice adds up."""

    def __init__(self, reporter: Reporter, started: float | None = None) -> None:
        self._reporter = reporter
        self._started = time.perf_counter() if started is None else started
        self._spent: dict[str, float] = {}
        self._free = self._started

    @contextmanager
    def stage(self, name: str) -> Iterator[Callable[[str], None]]:
        """A stage, for a `with` statement; call what it gives with what came of the stage."""
        detail: list[str] = []
        self._reporter.begin(name)
        yield detail.append
        # From the end of the stage before, so that the stages add up to the total.
        now = time.perf_counter()
        seconds, self._free = now - self._free, now
        self._spent[name] = self._spent.get(name, 0.0) + seconds
        self._reporter.end(name, detail[0] if detail else "", seconds)

    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self._started

    def seconds(self) -> dict[str, float]:
        """Seconds by stage, and in total so far."""
        total = self.elapsed()
        return {name: round(value, 3) for name, value in {**self._spent, "total": total}.items()}
