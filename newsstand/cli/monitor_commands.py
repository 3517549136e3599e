"""The commands on scored articles: `prevalence` and `drift`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from newsstand.cli.command import AsJson, library_output, training_installed
from newsstand.cli.terminal import complain, put, to_json
from newsstand.errors import InputError
from newsstand.io.files import replacing, write_whole

_DRIFTED = 4
_PLOTS = (".png", ".svg", ".pdf")
# Columns that --column can name.
_COLUMNS = ("title", "body", "outlet", "published", "target")

ScoredFiles: TypeAlias = Annotated[
    list[Path],
    typer.Argument(
        metavar="SCORED",
        help="Files that `newsstand score -o` has written: .jsonl, .csv, .parquet.",
    ),
]
Columns: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--column", metavar="NAME=COLUMN", help="A column's own name: outlet=Source."),
]


class Method(StrEnum):
    """How shares are estimated."""

    cc = "cc"
    acc = "acc"
    pacc = "pacc"
    emq = "emq"


class Dates(StrEnum):
    """How dates such as 05/03/2019 are read."""

    day_first = "day-first"
    month_first = "month-first"


DateOrder: TypeAlias = Annotated[
    Dates | None, typer.Option("--dates", help="How dates such as 05/03/2019 are read.")
]


By: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="COLUMN,…", help="Columns to compare: outlet, month, target or any other."
    ),
]
ModelOption: TypeAlias = Annotated[
    str | None, typer.Option(help="The model that scored the files, if it isn't where they say.")
]
Table: TypeAlias = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE.csv", help="Write a table.")
]
Plot: TypeAlias = Annotated[
    Path | None, typer.Option(metavar="FILE.png", help="Write a plot: .png, .svg or .pdf.")
]


def prevalence(
    scored: ScoredFiles,
    by: By = "",
    method: Annotated[
        Method,
        typer.Option(help="emq, pacc or acc correct for the classifier's errors; cc counts."),
    ] = Method.emq,
    model: ModelOption = None,
    column: Columns = None,
    dates: DateOrder = None,
    output: Table = None,
    plot: Plot = None,
    as_json: AsJson = False,
    resamples: Annotated[
        int, typer.Option(min=100, max=10_000, help="Bootstrap resamples of the intervals.")
    ] = 300,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the resamples.")] = 0,
) -> None:
    """Estimate the share of each label by outlet, month or target, with intervals.

    Counting predicted labels is biased; the shares are corrected by the model's errors on held-out
    rows, which its bundle has.
    """
    columns = _named(column)
    _check_file(output, "--output", (".csv",))
    _check_file(plot, "--plot", _PLOTS)
    with training_installed():
        from newsstand.train.monitor.prevalence import prevalence as estimate
    from newsstand.cli.monitor_display import show_prevalence
    from newsstand.cli.progress import progress

    with library_output(), progress("prevalence") as shown:
        found = estimate(
            scored,
            [name.strip() for name in by.split(",") if name.strip()],
            method=method.value,
            model=model,
            columns=columns,
            dates=None if dates is None else dates.value,
            resamples=resamples,
            seed=seed,
            report=lambda done, total: shown.progress("prevalence", done, total),
        )
    if output is not None:
        write_whole(output, found.csv())
    if plot is not None:
        from newsstand.train.monitor.prevalence_plot import plot as draw

        with replacing(plot) as scratch:
            left_out = draw(scratch, found, plot.suffix.removeprefix("."))
        if left_out:
            complain(left_out)
    if as_json:
        put(to_json(found.to_dict()))
    else:
        show_prevalence(found)


def drift(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The model that scored the files.")],
    scored: ScoredFiles,
    column: Columns = None,
    as_json: AsJson = False,
    fail: Annotated[
        bool, typer.Option("--fail", help="End with exit status 4 if the input has moved.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of samples and permutations.")] = 0,
) -> None:
    """Test whether scored articles differ from the rows that their model was tested on.

    Compared are words, length, outlets, confidence and predicted labels; the level is 5% for all
    tests together. Exit status 0 whatever is found, unless --fail is given.
    """
    columns = _named(column)
    with training_installed():
        from newsstand.train.monitor.drift import drift as compared
    from newsstand.cli.monitor_display import show_drift
    from newsstand.cli.progress import progress

    with library_output(), progress("drift"):
        found = compared(model, scored, columns=columns, seed=seed)
    if as_json:
        put(to_json(found.to_dict()))
    else:
        show_drift(found)
    if fail and found.drifted:
        raise typer.Exit(_DRIFTED)


def _named(given: list[str] | None) -> dict[str, str]:
    """The columns of `--column NAME=COLUMN`."""
    columns: dict[str, str] = {}
    for text in given or ():
        name, _, column = text.partition("=")
        if name not in _COLUMNS or not column:
            raise InputError(
                f"--column {text}: expected NAME=COLUMN with one of {', '.join(_COLUMNS)}"
            )
        if name in columns:
            raise InputError(f"--column {text}: {name} is given twice")
        columns[name] = column
    return columns


def _check_file(path: Path | None, option: str, suffixes: tuple[str, ...]) -> None:
    """Refuses a file that cannot be written, before the work and not after it."""
    if path is None:
        return
    if path.suffix not in suffixes:
        raise InputError(f"{option}: {path}: expected a name that ends in {' or '.join(suffixes)}")
    if not path.absolute().parent.is_dir():
        raise InputError(f"{option}: {path.parent}: no such folder")
    if path.is_dir():
        raise InputError(f"{option}: {path}: expected a file, this is a folder")
