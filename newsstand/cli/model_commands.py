"""The commands on models: `train`, `score`, `verify`, `log` and `relocate`."""

import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsstand.cli.command import (
    AsJson,
    ConfigFile,
    Overrides,
    importing,
    library_output,
    training_installed,
)
from newsstand.cli.terminal import complain, put, to_json, visible
from newsstand.errors import InputError

if TYPE_CHECKING:
    from newsstand.serve.score import Score

_MODEL = "A bundle folder, runs:/RUN_ID, or models:/NAME@ALIAS."
_FAILED = 2
_SOME_FAILED = 3


class Format(StrEnum):
    """How scores are printed."""

    table = "table"
    jsonl = "jsonl"


def train(
    config: ConfigFile,
    overrides: Overrides = None,
    as_json: AsJson = False,
    resume: Annotated[
        str | None,
        typer.Option(metavar="RUN_ID", help="Resume an interrupted fine-tuning run."),
    ] = None,
) -> None:
    """Train, evaluate and log the model of a config."""
    started = time.perf_counter()
    from newsstand.config.loader import load_config
    from newsstand.train.finetune.processes import rank

    if rank():  # one of several processes that torchrun starts, and not the first
        with training_installed():
            from newsstand.train.finetune.distributed import join_fit
        join_fit(config, overrides or ())
        return
    loaded = load_config(config, overrides or ())
    with training_installed():
        from newsstand.train.run import train as run
    from newsstand.cli.display import show_result
    from newsstand.cli.progress import progress

    with library_output(), progress("load") as reporter:
        result = run(
            loaded, name=Path(config).stem, reporter=reporter, started=started, resume=resume
        )
    if as_json:
        put(to_json(result.to_dict()))
    else:
        show_result(result)


def score(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH",
            help="Articles: .txt, .html, .json, .jsonl, .csv, .parquet, or - for JSONL on stdin.",
        ),
    ],
    model: Annotated[str, typer.Option(help=_MODEL)],
    target: Annotated[
        list[str] | None,
        typer.Option(help="Target of the stance; may be repeated. A row's own target comes first."),
    ] = None,
    output: Annotated[
        Format | None,
        typer.Option("--format", help="table (the default on a terminal) or jsonl."),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show the passages that contributed to the label.")
    ] = False,
    workers: Annotated[
        int, typer.Option(min=1, help="Number of processes; more than one for many articles.")
    ] = 1,
) -> None:
    """Score articles with a trained model, in the order given.

    Exit status 3 if some articles could not be scored, 2 if none could.
    """
    with importing("newsstand.serve.scorer"):
        from newsstand.io.article_files import ScoreError
        from newsstand.serve.batch import score_files
        from newsstand.serve.scorer import load

    stdout = sys.stdout
    if output is None:
        output = Format.table if stdout.isatty() else Format.jsonl
    with library_output():
        scorer = load(model)
        if target and scorer.task != "stance":
            raise InputError(f"--target: a {scorer.task} model takes no target")
        table: list[tuple[str, Score | None]] = []
        scored = failed = 0
        for item in score_files(scorer, paths, target or (), explain=explain, workers=workers):
            score = None if isinstance(item, ScoreError) else item
            scored, failed = scored + bool(score), failed + (not score)
            if score is None:
                complain(str(item))
            if output is Format.jsonl:
                put(to_json(item.to_dict()), stdout)
            else:
                table.append((item.id or "", score))
    if table:
        from newsstand.cli.display import show_scores

        show_scores(table)
    if failed:
        complain(f"{scored:,} scored, {failed:,} failed")
        raise typer.Exit(_SOME_FAILED if scored else _FAILED)


def verify(
    model: Annotated[str, typer.Argument(metavar="MODEL", help=_MODEL)],
) -> None:
    """Check every byte of a bundle, and score its golden rows again."""
    from newsstand.io import bundle
    from newsstand.io.bundle_uri import located

    with located(model) as folder:
        with library_output():
            rows = bundle.verify(folder)
        digest = bundle.bundle_hash(folder)
    put(visible(f"{model}: intact, {rows} golden rows score the same, hash {digest}"))


def log(
    folder: Annotated[
        Path, typer.Argument(help="The folder that `train` left: newsstand-unlogged-….")
    ],
) -> None:
    """Log a trained model that could not be logged at the end of its training."""
    with training_installed():
        from newsstand.train.log_kept import log_kept
    from newsstand.cli.display import show_lines

    show_lines(log_kept(folder))


def relocate() -> None:
    """Correct the artifact paths in MLflow's database after its folder was moved."""
    with training_installed():
        from newsstand.train.log_kept import relocate_store
    for line in relocate_store():
        put(visible(line))
