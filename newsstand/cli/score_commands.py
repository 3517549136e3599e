"""`newsstand score`: prints scores, or writes them to a file."""

import codecs
import sys
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO, TypeAlias

import typer

from newsstand.cli.command import MODEL, importing, library_output
from newsstand.cli.progress import scoring_progress
from newsstand.cli.terminal import complain, put, to_json, visible
from newsstand.errors import InputError

if TYPE_CHECKING:
    from newsstand.io.article_files import ScoreError, TableFormat
    from newsstand.serve.output import OutputOptions
    from newsstand.serve.score import Score
    from newsstand.serve.scorer import Scorer

_FAILED = 2
_SOME_FAILED = 3


# Options of commands that read articles.
ArticlePaths: TypeAlias = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH",
        help="Articles: .txt, .html, .json, .jsonl, .csv, .parquet, or - for JSONL on stdin.",
    ),
]
Columns: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--column", metavar="NAME=COLUMN", help="Name of a column: body=Text; may be repeated."
    ),
]
Encoding: TypeAlias = Annotated[
    str | None,
    typer.Option("--encoding", help="Encoding of CSV files, such as windows-1252, if not UTF-8."),
]
Delimiter: TypeAlias = Annotated[
    str | None,
    typer.Option("--delimiter", help="Delimiter of CSV files, or tab, if it is not detected."),
]
Output: TypeAlias = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="OUT", help="Write to a .jsonl, .csv or .parquet file."),
]


class Format(StrEnum):
    """How scores are printed."""

    table = "table"
    jsonl = "jsonl"


def score(
    paths: ArticlePaths,
    model: Annotated[str, typer.Option(help=MODEL)],
    target: Annotated[
        list[str] | None,
        typer.Option(help="Target of the stance; may be repeated. A row's own target comes first."),
    ] = None,
    form: Annotated[
        Format | None,
        typer.Option("--format", help="table (the default on a terminal) or jsonl."),
    ] = None,
    output: Output = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue an interrupted run with --output.")
    ] = False,
    column: Columns = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
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
        from newsstand.serve.batch import score_files
        from newsstand.serve.scorer import load

    if output is None and resume:
        raise InputError("--resume: expected with --output, which can be continued")
    if output is not None and form is not None:
        raise InputError("--format is for the terminal; the suffix of --output says the format")
    stdout = sys.stdout
    tables = table_format(column, encoding, delimiter)
    with library_output():
        scorer = load(model)
        if target and scorer.task != "stance":
            raise InputError(f"--target: a {scorer.task} model takes no target")
        if output is None:
            scores = score_files(
                scorer, paths, target or (), explain=explain, workers=workers, form=tables
            )
            scored, failed = _print_scores(scores, form, stdout)
    if output is not None:
        from newsstand.serve.output import OutputOptions

        options = OutputOptions(
            targets=target or (), explain=explain, workers=workers, resume=resume, form=tables
        )
        scored, failed = _score_into(scorer, paths, output, options)
    if failed:
        raise typer.Exit(_SOME_FAILED if scored else _FAILED)


def _print_scores(
    scores: "Iterable[Score | ScoreError]", form: Format | None, stdout: TextIO
) -> tuple[int, int]:
    """Prints scores and errors; returns their numbers."""
    from newsstand.io.article_files import ScoreError

    if form is None:
        form = Format.table if stdout.isatty() else Format.jsonl
    table: list[tuple[str, Score | None]] = []
    scored = failed = 0
    for item in scores:
        score = None if isinstance(item, ScoreError) else item
        scored, failed = scored + bool(score), failed + (not score)
        if score is None:
            complain(str(item))
        if form is Format.jsonl:
            put(to_json(item.to_dict()), stdout)
        else:
            table.append((item.id or "", score))
    if table:
        from newsstand.cli.display import show_scores

        with redirect_stdout(stdout):
            show_scores(table)
    if failed:
        complain(f"{scored:,} scored, {failed:,} failed")
    return scored, failed


def table_format(
    columns: Sequence[str] | None, encoding: str | None, delimiter: str | None
) -> "TableFormat":
    """The options that say how tables are read.

    Raises:
        InputError: One of them is not valid; with its name.
    """
    from newsstand.io.article_files import TableFormat
    from newsstand.io.records import CsvFormat
    from newsstand.serve.output_columns import named_columns
    from newsstand.text.article import COLUMNS

    try:
        named = named_columns(columns or (), (*COLUMNS, "target"))
    except ValueError as error:
        raise InputError(f"--column: {error}") from None
    if encoding is not None:
        try:
            codecs.lookup(encoding)
        except LookupError:
            raise InputError(f"--encoding: unknown encoding {encoding!r}") from None
    mark = {"tab": "\t", "\\t": "\t"}.get(delimiter or "", delimiter)
    if mark is not None and len(mark) != 1:
        raise InputError(f"--delimiter: expected one character or 'tab', got {mark!r}")
    return TableFormat(columns=named, csv=CsvFormat(delimiter=mark, encoding=encoding))


def _score_into(
    scorer: "Scorer", paths: Sequence[str], output: Path, options: "OutputOptions"
) -> tuple[int, int]:
    """Scores files into an output and prints the counts.

    Returns:
        The number of rows scored, and of rows rejected.
    """
    from newsstand.serve.output import partial_path, rejected_path, score_to_file

    try:
        with scoring_progress() as progress:
            done = score_to_file(scorer, paths, output, options, progress.scored)
    except KeyboardInterrupt:
        if "-" not in paths:
            complain(f"{partial_path(output)} has what is done; continue it with --resume")
        raise
    if done.scored:
        put(visible(f"{output}: {done.scored:,} scored, {done.rejected:,} rejected"))
    if done.rejected:
        # Only rows that were rejected, and no output, are an error of the whole.
        none = "" if done.scored else f"none of {done.rejected:,} scored, {output} not written; "
        complain(f"{none}{done.rejected:,} rejected, with reasons: {rejected_path(output)}")
    return done.scored, done.rejected
