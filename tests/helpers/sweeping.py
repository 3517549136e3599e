"""Sweeps of runs that take a second."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from newsstand.train.stage_timer import SilentReporter
from newsstand.train.sweep.results import SweepResult
from newsstand.train.sweep.spec import load_sweep
from newsstand.train.sweep.sweep import run_sweep
from quick_run import CONFIG, write_rows

SWEEP = """
config: quick.yaml
trials: 5
search:
  model.C: {low: 0.01, high: 100, log: true}
  model.words: [[1, 1], [1, 2]]
seeds: 1
"""
# Validation rows have a word that training rows do not have: the metric differs between settings.
HARD = {"sport": "goal", "economy": "shares"}


def write_sweep(text: str = SWEEP, config: str = CONFIG) -> None:
    """Rows, a config and a sweep of it, `s.yaml`, in the working directory."""
    write_rows(Path("rows.csv"), HARD)
    Path("quick.yaml").write_text(config, encoding="utf-8")
    Path("s.yaml").write_text(text, encoding="utf-8")


def swept(trials: int | None = None, **options: Any) -> SweepResult:
    """The result of `s.yaml`, by default without tracking."""
    options = {"track": False, "reporter": SilentReporter(), **options}
    return run_sweep(load_sweep("s.yaml", trials=trials), **options)


def after(calls: int, function: Callable[..., Any], error: BaseException) -> Callable[..., Any]:
    """A function that raises an error from a call on."""
    left = [calls]

    def call(*args: Any, **options: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise error
        return function(*args, **options)

    return call
