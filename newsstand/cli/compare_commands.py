"""The command on several runs: `compare`."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsstand.cli.command import AsJson, library_output, training_installed
from newsstand.cli.terminal import put, to_json, visible
from newsstand.errors import InputError
from newsstand.io.files import write_whole

if TYPE_CHECKING:
    from newsstand.train.comparison.comparison import Comparison


def compare(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN",
            help="Runs: an id or its beginning, models:/NAME@ALIAS, models:/NAME/VERSION, "
            "experiment:NAME, experiment:NAME/RUN_NAME, or a folder with predictions.parquet.",
        ),
    ],
    metric: Annotated[
        str, typer.Option(help="The metric to compare: accuracy, macro_f1, log_loss, …")
    ] = "macro_f1",
    top: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Of experiment:NAME, take the N best runs."),
    ] = None,
    common: Annotated[
        bool,
        typer.Option("--common", help="Compare shared test rows if the test sets differ."),
    ] = False,
    as_json: AsJson = False,
    page: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Also write the comparison as a web page."),
    ] = None,
    no_log: Annotated[
        bool, typer.Option("--no-log", help="Do not log the comparison in MLflow.")
    ] = False,
) -> None:
    """Test whether runs differ on the same test rows, and show what each gets right.

    The comparison is logged as a run of its own if all runs are in MLflow.
    """
    started = time.time()
    if page is not None and not page.parent.is_dir():  # reported before the work, not after it
        raise InputError(f"--html: {page.parent}: no such folder")
    with training_installed():
        from newsstand.train.comparison import comparison as comparing
        from newsstand.train.comparison.matching import match
        from newsstand.train.comparison.page import html
        from newsstand.train.comparison.runs import find_runs
    with library_output():
        matched = match(find_runs(runs), metric=metric, common=common, top=top)
        experiment = "" if no_log else matched.experiment
        if experiment:
            from newsstand.train.comparison.log import check_can_log, log_comparison

            check_can_log(experiment)
        found = comparing.compare(matched, metric=metric, common=common)
        text = html(found)
        if page is not None:
            write_whole(page, text)
        logged = {}
        if experiment:
            logged = log_comparison(found, text, experiment=experiment, started=started)
    if as_json:
        put(to_json({**found.to_dict(), **logged}))
    else:
        _show(found, logged, page)


def _show(found: "Comparison", logged: Mapping[str, str], page: Path | None) -> None:
    """Prints a comparison, and where it is logged."""
    from newsstand.cli.display import show_lines
    from newsstand.cli.text_table import show_table
    from newsstand.train.comparison import tables
    from newsstand.train.comparison.wording import limits

    show_table(tables.runs_table(found))
    show_table(tables.pairs_table(found))
    for text in limits(found):
        put(visible(text))
    if len(found.runs) > 2:
        show_table(tables.counts_table(found))
        where = "--html FILE writes a page with" if page is None else f"{page} has"
        put(visible(f"{where} these articles"))
    else:
        for table in tables.articles_tables(found, found.pairs[0]):
            put("")
            if table.rows:
                show_table(table)
            else:
                put(table.title)
    if logged:
        put("")
        show_lines(logged)
