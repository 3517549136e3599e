"""The command line: `newsstand train | score | config | verify`.

Heavy modules are imported inside the commands, so that each starts as fast as it can.
"""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from newsstand.errors import ConfigError, InputError, NewsstandError
from newsstand.version import __version__

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from newsstand.serve.scorer import Score
    from newsstand.train.run import Result

_FAILED = 2
_WIDTH = 100  # of tables that go to a file or a pipe

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
    if isinstance(sys.stdout, TextIOWrapper):
        # Half a character in an article or a path is printed as JSON would escape it.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app()
    except NewsstandError as error:
        _fail(str(error))
    except OSError as error:  # no permission, no space left
        _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))


def _fail(message: str) -> NoReturn:
    print(f"newsstand: {message}", file=sys.stderr)  # noqa: T201 - rich would wrap the line
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


@app.command()
def train(
    config: Annotated[str, typer.Argument(help="The experiment's YAML file.")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY.SUB=VALUE", help="Settings in place of the file's."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on stdout.")
    ] = False,
) -> None:
    """Train, evaluate and log one model, as a config says."""
    started = time.perf_counter()
    from newsstand.config_file import load_config

    loaded = load_config(config, overrides or ())
    with _training_installed():
        from newsstand.train.run import train as run
    progress = _Progress(_stderr())
    try:
        result = run(loaded, name=Path(config).stem, reporter=progress, started=started)
    finally:
        progress.stop()
    if as_json:
        typer.echo(json.dumps(result.to_dict()))
    else:
        _print_result(result)


@app.command()
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
        str | None,
        typer.Option(help="Toward what, for stance; a row's own target goes before it."),
    ] = None,
    output: Annotated[
        Format | None,
        typer.Option("--format", help="table (the default on a terminal) or jsonl."),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show the passages that spoke for the label.")
    ] = False,
) -> None:
    """Score articles with a trained model, in the order given."""
    from itertools import tee

    from newsstand.serve.batch import read_articles
    from newsstand.serve.scorer import load

    scorer = load(model)
    if target is not None and scorer.task != "stance":
        raise InputError(f"--target: a {scorer.task} model takes no target")
    found, again = tee(read_articles(paths))
    targets = (own or target for _, own in again) if scorer.task == "stance" else None
    scores = scorer.score_many((article for article, _ in found), target=targets, explain=explain)
    if output is None:
        output = Format.table if sys.stdout.isatty() else Format.jsonl
    if output is Format.jsonl:
        for item in scores:
            typer.echo(json.dumps(item.to_dict(), ensure_ascii=False))
    else:
        _print_scores(scores)


@app.command()
def config(
    path: Annotated[
        str | None, typer.Argument(metavar="CONFIG", help="The experiment's YAML file.")
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY.SUB=VALUE", help="Settings in place of the file's."),
    ] = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON schema, for editors.")
    ] = False,
) -> None:
    """Check a config and print it with every setting written out."""
    from newsstand.config import Config
    from newsstand.config_file import dump_config, load_config

    if schema:
        typer.echo(json.dumps(Config.model_json_schema(), indent=2))
    elif path is None:
        raise ConfigError("config: name a file, or ask for --schema")
    else:
        typer.echo(dump_config(load_config(path, overrides or ())), nl=False)


@app.command()
def verify(
    model: Annotated[str, typer.Argument(help="A bundle folder, or a model in MLflow.")],
) -> None:
    """Check a bundle's every byte, and score its golden rows again."""
    from newsstand import bundle
    from newsstand.serve.locate import located

    with located(model) as folder:
        rows, found = bundle.verify(folder), bundle.bundle_hash(folder)
    typer.echo(f"{model}: intact, {rows} golden rows score the same, hash {found}")


@contextmanager
def _training_installed() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise NewsstandError(
            f"training needs {error.name}: pip install 'newsstand[train]'"
        ) from error


def _stderr() -> "Console":
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


class _Progress:
    """A line a stage on stderr; on a terminal, with a spinner while it lasts."""

    def __init__(self, console: "Console") -> None:
        self._console = console
        self._status = console.status("")

    def begin(self, stage: str) -> None:
        if self._console.is_terminal:
            self._status.update(f"{stage} …")
            self._status.start()

    def stop(self) -> None:
        """Ends the spinner, which else leaves the terminal without a cursor."""
        self._status.stop()

    def end(self, stage: str, detail: str, seconds: float) -> None:
        self.stop()
        self._console.print(f"{stage:<10}{seconds:6.1f} s  {detail}", markup=False)


def _stdout() -> "Console":
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)


def _print_result(result: "Result") -> None:
    from rich.table import Table

    console = _stdout()
    table = Table(title=f"{result.task}: test rows", title_justify="left")
    table.add_column("label", no_wrap=True)
    for name in ("precision", "recall", "F1", "rows"):
        table.add_column(name, justify="right")
    for report in result.labels:
        shares = (f"{value:.3f}" for value in (report.precision, report.recall, report.f1))
        table.add_row(result.names[report.label], *shares, f"{report.support:,}")
    console.print(table)
    named = ("accuracy", "macro_f1", "ece", "f_avg")
    figures = {name: result.metrics.get(f"test/{name}") for name in named}
    lines = {
        "test": "  ".join(f"{k} {v:.4f}" for k, v in figures.items() if v is not None),
        "run": result.run_id,
        "page": result.url,
        "model": result.model,
        "bundle": result.bundle,
    }
    for name, text in lines.items():
        typer.echo(f"{name:<7} {text}")


def _print_scores(scores: Iterator["Score"]) -> None:
    from rich.table import Table

    console = _stdout()
    items: list[Score] = []
    failure = None
    try:
        items.extend(scores)
    except NewsstandError as error:
        failure = error  # raised below, after what came before it
    stance = any(item.target is not None for item in items)
    table = Table()
    for name in ("article", "label", "probability", *(["target"] if stance else [])):
        table.add_column(
            name, justify="right" if name == "probability" else "left", overflow="fold"
        )
    names = [item.id or str(number) for number, item in enumerate(items, start=1)]
    for name, item in zip(names, items, strict=True):
        cells = (name, item.name, f"{item.probability:.3f}", item.target or "")
        table.add_row(*(_plain(cell) for cell in cells[: 4 if stance else 3]))
    if items:
        console.print(table)
    for name, item in zip(names, items, strict=True):
        if item.evidence:
            console.print(_details(name, item))
        if item.warning:
            typer.echo(f"newsstand: {name}: {item.warning}", err=True)
    if failure:
        raise failure


def _details(name: str, item: "Score") -> "Table":
    """Why an article got its label, and what was left out of it."""
    from rich.table import Table

    grid = Table(
        title=_plain(name), title_justify="left", box=None, show_header=False, pad_edge=False
    )
    first = "evidence"
    for passage in item.evidence:
        quoted = " (quoted)" if passage.quoted else ""
        grid.add_row(first, f"{passage.weight:+.3f}", _plain(f"{_line(passage.text)}{quoted}"))
        first = ""
    first = "removed"
    for span in item.removed:
        grid.add_row(first, span.rule, _plain(_line(span.text)))
        first = ""
    return grid


def _line(text: str) -> str:
    return " ".join(text.split())


def _plain(text: str) -> str:
    """Text that rich shows as it is, square brackets included."""
    from rich.markup import escape

    return escape(text)
