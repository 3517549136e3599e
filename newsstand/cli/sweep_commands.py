"""The command `sweep`."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from newsstand.cli.command import AsJson, library_output, training_installed
from newsstand.cli.terminal import complain, put, to_json
from newsstand.errors import NewsstandError

if TYPE_CHECKING:
    from newsstand.train.stage_timer import Reporter
    from newsstand.train.sweep.results import SweepResult

_PATIENCE = 10  # seconds for interrupted workers to end by themselves
# Metrics of the test rows: their key and their name.
_SHOWN = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "ece": "ECE",
    "f_avg": "F_avg",
    "fnc_score": "FNC score",
    "mae": "MAE",
}


def sweep(
    file: Annotated[str, typer.Argument(metavar="SWEEP", help="The sweep's YAML file.")],
    trials: Annotated[
        int | None,
        typer.Option(min=1, help="Number of trials in total, instead of that of the file."),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, help="Number of processes that run trials at the same time.")
    ] = 1,
    track: Annotated[
        bool, typer.Option("--track/--no-track", help="Log the runs in MLflow.")
    ] = True,
    as_json: AsJson = False,
    worker: Annotated[bool, typer.Option("--worker", hidden=True)] = False,
) -> None:
    """Search for the best settings of a config, and train the winner with several seeds.

    An interrupted sweep goes on when the same command is run again.
    """
    with training_installed():
        from newsstand.train.sweep.spec import load_sweep
        from newsstand.train.sweep.sweep import run_sweep

    checked = load_sweep(file, trials=trials)
    words = ["sweep", file, "--worker", *(["--no-track"] if not track else [])]
    words += ["--trials", str(checked.spec.trials)]
    start = None if workers == 1 else (lambda: _run_workers(words, workers))
    with library_output(), _quiet_optuna(), _reporter(worker=worker) as reporter:
        result = run_sweep(
            checked, reporter=reporter, track=track, workers=start, reports=not worker
        )
    if worker:
        return
    if as_json:
        put(to_json(result.to_dict()))
    else:
        _show(result)


@contextmanager
def _quiet_optuna() -> Iterator[None]:
    """Without Optuna's own lines on trials, and SQLAlchemy's on an interrupt, in a `with` block."""
    import optuna

    pool = logging.getLogger("sqlalchemy.pool")
    before = optuna.logging.get_verbosity(), pool.level
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    pool.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before[0])
        pool.setLevel(before[1])


def _reporter(*, worker: bool) -> "AbstractContextManager[Reporter]":
    """Shows progress: a bar on a terminal, but for workers, which share it, lines only."""
    from newsstand.cli.progress import progress

    return progress("load", lines=worker)


def _run_workers(words: Sequence[str], count: int) -> None:
    """Runs the command in other processes that share the trials, and waits for them.

    Raises:
        NewsstandError: One of them was refused something, which it has printed.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = str(max(1, (cores or 1) // count))
    environment = {"OMP_NUM_THREADS": threads, **os.environ}
    command = [sys.executable, "-m", "newsstand", *words]
    running: list[subprocess.Popen[bytes]] = []
    try:
        while len(running) < count:
            running.append(
                subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)  # noqa: S603 - our own
            )
        ends = [process.wait() for process in running]
    except KeyboardInterrupt:  # of the terminal, which has interrupted the workers, too
        with suppress(subprocess.TimeoutExpired):
            for process in running:
                process.wait(_PATIENCE)
        raise
    finally:
        for process in running:
            process.terminate()  # nothing, if it has ended
        for process in running:
            process.wait()
    killed = [-code for code in ends if code < 0]
    if killed:
        complain(f"{len(killed)} of {count} workers ended by signal {killed[0]}; going on without")
    elif any(ends):
        raise NewsstandError(f"{sum(map(bool, ends))} of {count} workers ended with an error")


def _show(result: "SweepResult") -> None:
    """Prints the best trials, and the winner's figures."""
    from newsstand.cli.display import plain, show_lines, stdout
    from newsstand.train.sweep.space import text_of, texts_of

    best = result.top[0]["settings"]
    table = Table(title=f"{result.name}: best trials by validation rows", title_justify="left")
    table.add_column("trial", justify="right")
    table.add_column(plain(result.metric), justify="right")
    for key in best:
        table.add_column(plain(key), overflow="fold")
    for trial in result.top:
        cells = (plain(text_of(value)) for value in trial["settings"].values())
        table.add_row(str(trial["trial"]), f"{trial['value']:.4f}", *cells)
    stdout().print(table)
    ends = ", ".join(f"{count:,} {end}" for end, count in result.trials.items() if count)
    shares = ", ".join(f"{key} {share:.0%}" for key, share in result.importance.items())
    nested = result.nested
    lines = {
        "trials": ends,
        "best": texts_of(best),
        "importance": shares,
        "test": _test(result),
        "nested": "" if nested is None else _nested(nested),
        "run": result.run_id,
        "page": result.url,
        "model": next((run["model"] for run in result.winner if run["model"]), ""),
        "files": result.folder,
    }
    show_lines({name: text for name, text in lines.items() if text})


def _test(result: "SweepResult") -> str:
    """Mean and deviation of the winner's test metrics over the seeds."""
    return ", ".join(
        f"{name} {values['mean']:.3f}" + (f" ± {values['std']:.3f}" if "std" in values else "")
        for key, name in _SHOWN.items()
        if (values := result.test.get(key))
    )


def _nested(nested: Mapping[str, Any]) -> str:
    metrics = nested["metrics"]
    figures = ", ".join(
        f"{name} {metrics[key]:.3f}" for key, name in _SHOWN.items() if key in metrics
    )
    return f"{figures} on the {nested['rows']:,} test rows of {nested['folds']} folds"
