"""Prints the progress of commands on stderr."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from newsstand.cli.terminal import visible

_INTERVAL = 30.0  # seconds between progress lines, where there is no bar


def stderr() -> Console:
    """Returns a console for progress."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


class StageProgress:
    """Prints a line for each finished stage; before, a bar or, without a terminal, lines.

    Args:
        console: The console to print to.
        interval: Seconds between progress lines.
    """

    def __init__(self, console: Console, interval: float = _INTERVAL) -> None:
        self._console = console
        self._interval = interval
        self._ended: threading.Event | None = None
        self._status = ""
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn())
        counts = TextColumn("{task.fields[counts]}")
        self._bar = Progress(
            *columns, counts, TimeRemainingColumn(), console=console, transient=True
        )
        self._task = self._bar.add_task("", total=None, counts="")

    def begin(self, stage: str) -> None:
        """Starts a stage."""
        self._end_lines()
        self._bar.reset(self._task, description=stage, total=None, counts="")
        if self._console.is_terminal:
            self._bar.start()
        else:
            self._status, self._ended = "", threading.Event()
            arguments = (stage, time.monotonic(), self._ended)
            threading.Thread(target=self._print_lines, args=arguments, daemon=True).start()

    def progress(self, stage: str, done: int, total: int | None) -> None:
        """Updates the number of rows done, of a total if it is known."""
        counts = f"{done:,}" + (f" of {total:,}" if total else "")
        self._status = f"{stage}: {counts}" if done or total else stage
        self._bar.update(self._task, description=stage, completed=done, total=total, counts=counts)

    def stop(self) -> None:
        """Ends the progress lines and the bar, which shows the terminal's cursor again."""
        self._end_lines()
        if self._bar.live.is_started:
            self._bar.stop()

    def _end_lines(self) -> None:
        if self._ended is not None:
            self._ended.set()

    def _print_lines(self, stage: str, started: float, ended: threading.Event) -> None:
        while not ended.wait(self._interval):
            minutes = (time.monotonic() - started) / 60
            self._console.print(
                f"{stage:<10}{minutes:6.1f} min  {visible(self._status)}", markup=False
            )

    def end(self, stage: str, detail: str, seconds: float) -> None:
        """Prints the line of a finished stage: its result, and the seconds it took."""
        self.stop()
        self._console.print(f"{stage:<10}{seconds:6.1f} s  {visible(detail)}", markup=False)


class ScoringProgress(StageProgress):
    """Shows articles scored, articles a second, and the time left if the share done is known.

    Args:
        console: The console to print to.
        interval: Seconds between progress lines.
    """

    _REFRESH = 0.2  # seconds between two updates of the bar

    def __init__(self, console: Console, interval: float = _INTERVAL) -> None:
        super().__init__(console, interval)
        self._began = self._shown = time.monotonic()
        self._first: tuple[int, float] | None = None  # of a resumed run

    def scored(self, articles: int, share: float | None) -> None:
        """Updates the number of articles done and the share of the input, 0 to 1, if known."""
        now = time.monotonic()
        if self._first is None:
            self._first, self._began = (articles, share or 0.0), now
        if now - self._shown < self._REFRESH:
            return
        self._shown = now
        seconds = now - self._began
        rate = (articles - self._first[0]) / seconds if seconds else 0.0
        counts = f"{articles:,} articles, {rate:,.0f}/s"
        left = ""
        if share is not None and share > self._first[1]:
            rest = round(seconds * (1 - share) / (share - self._first[1]))
            left = f", {rest // 3600}:{rest // 60 % 60:02}:{rest % 60:02} left"
        self._status = f"{counts}{left}"
        total = None if share is None else 1.0
        self._bar.update(self._task, completed=share or 0.0, total=total, counts=counts)


@contextmanager
def scoring_progress() -> Iterator[ScoringProgress]:
    """Shows the progress of scoring on stderr in a `with` block."""
    shown = ScoringProgress(stderr())
    shown.begin("score")
    try:
        yield shown
    finally:
        shown.stop()


@contextmanager
def progress(stage: str, *, lines: bool = False) -> Iterator[StageProgress]:
    """Shows progress on stderr in a `with` block, from a first stage on.

    With `lines`, there is no bar even on a terminal, which other processes may be writing to.
    """
    console = stderr()
    if lines:
        console = Console(file=console.file, highlight=False, soft_wrap=True, force_terminal=False)
    shown = StageProgress(console)
    shown.begin(stage)
    try:
        yield shown
    finally:
        shown.stop()
