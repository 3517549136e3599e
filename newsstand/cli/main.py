"""The command line: `newsstand train | data | check | score | config | verify | log | relocate`.

Heavy modules are imported inside the commands, so that each starts as fast as it can.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, redirect_stdout
from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeAlias

import typer

from newsstand.cli.command import Command, as_program
from newsstand.cli.terminal import (
    ReaderGone,
    complain,
    drop_stdout,
    keep_stdout,
    put,
    to_json,
    visible,
)
from newsstand.errors import ConfigError, InputError, NewsstandError
from newsstand.io.files import write_whole
from newsstand.version import __version__

if TYPE_CHECKING:
    from newsstand.config.schema import Config
    from newsstand.data.load import NewsData
    from newsstand.serve.score import Score

_FAILED = 2
_SOME_FAILED = 3
_READER_GONE = 141  # as the shell says it of programs that SIGPIPE has ended

# What several commands take.
ConfigFile: TypeAlias = Annotated[str, typer.Argument(help="The experiment's YAML file.")]
Overrides: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(metavar="KEY.SUB=VALUE", help="Settings in place of the file's."),
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]

app = typer.Typer(
    name="newsstand",
    help="Topic and stance classifiers for news: train from configs, score articles.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class Format(StrEnum):
    """How scores are printed."""

    table = "table"
    jsonl = "jsonl"


def main() -> None:
    """The `newsstand` command: errors a user can mend end in a message and exit status 2."""
    if sys.stdout is None:
        _fail("standard output is closed")
    keep_stdout()
    as_program()
    try:
        app(prog_name="newsstand")
    except NewsstandError as error:
        _fail(*error.lines)
    except ReaderGone:
        drop_stdout()
        sys.exit(_READER_GONE)
    except OSError as error:  # no permission, no space left
        drop_stdout()
        _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))


def _fail(*lines: str) -> NoReturn:
    complain(*lines)
    sys.exit(_FAILED)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    pass


@app.command(cls=Command)
def train(
    config: ConfigFile,
    overrides: Overrides = None,
    as_json: AsJson = False,
    resume: Annotated[
        str | None,
        typer.Option(metavar="RUN_ID", help="Go on with a fine-tuning run that was cut short."),
    ] = None,
) -> None:
    """Train, evaluate and log one model, as a config says."""
    started = time.perf_counter()
    from newsstand.config.loader import load_config
    from newsstand.train.finetune.processes import rank

    if rank():  # torchrun has started it beside the first process
        with _training_installed():
            from newsstand.train.finetune.distributed import join_fit
        join_fit(config, overrides or ())
        return
    loaded = load_config(config, overrides or ())
    with _training_installed():
        from newsstand.train.run import train as run
    from newsstand.cli.display import progress, show_result

    with _quiet(), progress("load") as reporter:
        result = run(
            loaded, name=Path(config).stem, reporter=reporter, started=started, resume=resume
        )
    if as_json:
        put(to_json(result.to_dict()))
    else:
        show_result(result)


@app.command(cls=Command)
def data(
    config: ConfigFile,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Show what a config loads: counts, lengths, and rows as a model sees them."""
    from newsstand.config.loader import load_config

    loaded = load_config(config, overrides or ())
    with _quiet():
        count = loaded.model.token_counter(stance=loaded.task == "stance")
    news = _load(loaded, strict=True)
    from newsstand.data.describe import describe

    with _quiet():
        found = describe(news, count)
    if as_json:
        put(to_json(found))
    else:
        from newsstand.cli.display import show_data

        show_data(found, news.labels.names)


@app.command(cls=Command)
def check(
    config: ConfigFile,
    overrides: Overrides = None,
    as_json: AsJson = False,
    page: Annotated[
        Path | None, typer.Option("--html", help="Write the report as a web page to this file.")
    ] = None,
) -> None:
    """Look for what spoils a result before anything is trained; exit status 1 on errors."""
    from newsstand.config.loader import load_config

    loaded = load_config(config, overrides or ())
    if page is not None and not page.parent.is_dir():  # told before the work, not after it
        raise InputError(f"--html: {page.parent}: no such folder")
    news = _load(loaded, strict=False)
    from newsstand.cli.display import progress
    from newsstand.data.checks.audit import audit, lines
    from newsstand.data.checks.report import html

    with _quiet(), progress("check") as shown:
        findings = audit(
            news,
            task=loaded.task,
            seed=loaded.seed,
            progress=lambda check: shown.progress(check, 0, None),
        )
    if page is not None:
        write_whole(page, html(findings, name=Path(config).stem, news=news))
    if as_json:
        put(to_json([asdict(finding) for finding in findings]))
    else:
        for line in lines(findings):
            put(visible(line))
    if any(finding.verdict == "error" for finding in findings):
        raise typer.Exit(1)


@app.command(cls=Command)
def score(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH",
            help="Articles: .txt, .html, .json, .jsonl, .csv, .parquet, or - for JSONL on stdin.",
        ),
    ],
    model: Annotated[
        str,
        typer.Option(help="A bundle folder, runs:/RUN_ID, or models:/NAME@ALIAS."),
    ],
    target: Annotated[
        list[str] | None,
        typer.Option(help="Toward what, for stance; again for more. A row's own goes before it."),
    ] = None,
    output: Annotated[
        Format | None,
        typer.Option("--format", help="table (the default on a terminal) or jsonl."),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show the passages that spoke for the label.")
    ] = False,
    workers: Annotated[
        int, typer.Option(min=1, help="Processes that score; more than one for many articles.")
    ] = 1,
) -> None:
    """Score articles with a trained model, in the order given.

    Exit status 3 where some of them could not be scored, 2 where none could.
    """
    from newsstand.io.article_files import ScoreError
    from newsstand.serve.batch import score_files
    from newsstand.serve.scorer import load

    stdout = sys.stdout
    if output is None:
        output = Format.table if stdout.isatty() else Format.jsonl
    with _quiet():
        scorer = load(model)
        if target and scorer.task != "stance":
            raise InputError(f"--target: a {scorer.task} model takes no target")
        table: list[tuple[str, Score | None]] = []
        scored = failed = 0
        for found in score_files(scorer, paths, target or (), explain=explain, workers=workers):
            score = None if isinstance(found, ScoreError) else found
            scored, failed = scored + bool(score), failed + (not score)
            if score is None:
                complain(str(found))
            if output is Format.jsonl:
                put(to_json(found.to_dict()), stdout)
            else:
                table.append((found.id or "", score))
    if table:
        from newsstand.cli.display import show_scores

        show_scores(table)
    if failed:
        complain(f"{scored:,} scored, {failed:,} failed")
        raise typer.Exit(_SOME_FAILED if scored else _FAILED)


@app.command(cls=Command)
def config(
    path: Annotated[
        str | None, typer.Argument(metavar="CONFIG", help="The experiment's YAML file.")
    ] = None,
    overrides: Overrides = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON schema, for editors.")
    ] = False,
) -> None:
    """Check a config and print it with every setting written out."""
    from newsstand.config.loader import dump_config, load_config
    from newsstand.config.schema import Config

    if schema:
        put(to_json(Config.model_json_schema(), indent=2))
    elif path is None:
        raise ConfigError("config: name a file, or ask for --schema")
    else:
        put(dump_config(load_config(path, overrides or ())).removesuffix("\n"))


@app.command(cls=Command)
def verify(
    model: Annotated[str, typer.Argument(help="A bundle folder, or a model in MLflow.")],
) -> None:
    """Check a bundle's every byte, and score its golden rows again."""
    from newsstand.io import bundle
    from newsstand.io.bundle_uri import located

    with located(model) as folder:
        with _quiet():
            rows = bundle.verify(folder)
        found = bundle.bundle_hash(folder)
    put(visible(f"{model}: intact, {rows} golden rows score the same, hash {found}"))


@app.command(cls=Command)
def log(
    folder: Annotated[Path, typer.Argument(help="What `train` kept: newsstand-unlogged-….")],
) -> None:
    """Log a trained model that could not be logged when its training was done."""
    with _training_installed():
        from newsstand.train.log_kept import log_kept
    from newsstand.cli.display import show_lines

    show_lines(log_kept(folder))


@app.command(cls=Command)
def relocate() -> None:
    """Set the places of artifacts in MLflow's database right after its folder was moved."""
    with _training_installed():
        from newsstand.train.log_kept import relocate_store
    for line in relocate_store():
        put(visible(line))


def _load(config: "Config", *, strict: bool) -> "NewsData":
    """The rows of a config, prepared and split, with progress on stderr."""
    with _training_installed():
        from newsstand.data.load import load
    from newsstand.cli.display import progress
    from newsstand.config.data_specs import NearDuplicateSpec

    spec = config.loading()
    if not strict:  # a check looks for copies, whether or not the config's splits mind them
        spec = replace(spec, near_duplicates=spec.near_duplicates or NearDuplicateSpec())
    started = time.perf_counter()
    with _quiet(), progress("load") as shown:
        news = load(spec, strict=strict, progress=shown.progress)
        shown.end("load", news.summary, time.perf_counter() - started)
    return news


@contextmanager
def _training_installed() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise NewsstandError(f"this needs {error.name}: pip install 'newsstand[train]'") from error


def _quiet() -> AbstractContextManager[Any]:
    """What a library prints in the block goes to standard error: it is no part of an answer."""
    return redirect_stdout(sys.stderr)
