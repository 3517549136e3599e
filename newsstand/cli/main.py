"""The `newsstand` command: its subcommands, in order, and how it ends on errors.

Heavy modules are imported inside the commands, so that each starts as fast as it can.
"""

import sys
from collections.abc import Callable
from typing import Annotated, NoReturn

import typer

from newsstand.cli import (
    compare_commands,
    data_commands,
    evaluate_commands,
    model_commands,
    monitor_commands,
    registry_commands,
    score_commands,
    suggest_commands,
    sweep_commands,
)
from newsstand.cli.command import Command, as_program
from newsstand.cli.terminal import ReaderGone, complain, drop_stdout, keep_stdout
from newsstand.errors import NewsstandError
from newsstand.version import __version__

_FAILED = 2
_READER_GONE = 141  # the exit status that shells give programs ended by SIGPIPE

app = typer.Typer(
    name="newsstand",
    help="Train topic and stance classifiers for news from configs, and score articles with them.",
    epilog="Example: newsstand init topic articles.csv && newsstand train articles-topic.yaml",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

# In the order of the help, each with an example.
_COMMANDS: dict[Callable[..., None], str] = {
    data_commands.init: "newsstand init topic articles.csv --label Section",
    data_commands.data: "newsstand data articles-topic.yaml",
    data_commands.check: "newsstand check articles-topic.yaml --html report.html",
    model_commands.train: "newsstand train configs/topic-linear.yaml model.C=0.5 seed=7",
    sweep_commands.sweep: "newsstand sweep configs/sweeps/topic-linear.yaml --workers 2",
    compare_commands.compare: "newsstand compare experiment:topic --top 5 --html runs.html",
    score_commands.score: "newsstand score --model models:/topic@champion article.txt",
    evaluate_commands.evaluate: "newsstand evaluate models:/topic@champion articles.csv",
    monitor_commands.prevalence: "newsstand prevalence scores.csv --by outlet,month",
    suggest_commands.suggest: "newsstand suggest models:/topic@champion new.jsonl -o next.json",
    monitor_commands.drift: "newsstand drift models:/topic@champion scores.csv",
    data_commands.config: "newsstand config configs/topic.yaml model.C=0.01",
    model_commands.verify: "newsstand verify models:/topic@champion",
    registry_commands.promote: "newsstand promote 0f3a5b --force 'new test rows'",
    registry_commands.rollback: "newsstand rollback topic@champion",
    model_commands.log: "newsstand log newsstand-unlogged-topic",
    model_commands.relocate: "newsstand relocate",
}
for _function, _example in _COMMANDS.items():
    app.command(cls=Command, epilog=f"Example: {_example}")(_function)


def main() -> None:
    """Runs the `newsstand` command: a `NewsstandError` ends in a message and exit status 2."""
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
