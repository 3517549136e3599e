"""The command `evaluate`."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from newsstand.cli.command import AsJson, library_output, training_installed
from newsstand.cli.terminal import put, to_json
from newsstand.errors import InputError

if TYPE_CHECKING:
    from newsstand.train.evaluation.result import Estimate, Evaluation
    from newsstand.train.report.evaluate_model import Evaluated

_LABELS = 40  # labels in the table, those with the lowest F1
_SLICES = 3  # that are below the rest
# Metrics that are printed: their key, their name and their decimals.
_METRICS = {
    "accuracy": ("accuracy", 3),
    "macro_f1": ("macro-F1", 3),
    "f_avg": ("F_avg", 3),
    "fnc_score": ("FNC score", 1),
    "mae": ("MAE", 3),
}


class Split(StrEnum):
    """The rows of a data set that are evaluated."""

    validation = "validation"
    test = "test"
    all = "all"


Model: TypeAlias = Annotated[
    str,
    typer.Argument(metavar="MODEL", help="A bundle folder, runs:/RUN_ID, or models:/NAME@ALIAS."),
]
Data: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="DATA", help="Labelled rows: a config (.yaml), or a table (CSV, JSONL, Parquet, …)."
    ),
]
Settings: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(metavar="data.KEY=VALUE", help="Settings of the data, as in a config."),
]
Rows: TypeAlias = Annotated[
    Split | None,
    typer.Option(help="Rows to evaluate: by default test of a config, all of a table."),
]
Columns: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=COLUMN", help="A table's column, label=Section; may be repeated."),
]
Labels: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="OLD=NEW", help="The model's name of a label; may be repeated."),
]
Ignore: TypeAlias = Annotated[
    bool,
    typer.Option("--ignore-unknown", help="Leave out rows with labels that the model lacks."),
]
Out: TypeAlias = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Folder for the report, the plots and the predictions."),
]


def evaluate(
    model: Model,
    data: Data,
    settings: Settings = None,
    split: Rows = None,
    column: Columns = None,
    map_: Labels = None,
    ignore_unknown: Ignore = False,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Evaluate a trained model on labelled rows, with confidence intervals and a report."""
    with training_installed():
        from newsstand.train.report.chosen_rows import Request
        from newsstand.train.report.evaluate_model import check_output, evaluate_model
    from newsstand.cli.progress import progress

    if out is not None:  # reported before the work, not after it
        check_output(out)
    request = Request(
        model=model,
        data=data,
        settings=settings or (),
        split=split,
        columns=_pairs("--column", "NAME=COLUMN", column or ()),
        labels=_pairs("--map", "OLD=NEW", map_ or ()),
        ignore_unknown=ignore_unknown,
    )
    with library_output(), progress("load") as reporter:
        evaluated = evaluate_model(request, reporter)
        if out is not None:
            evaluated.save(out)
    if as_json:
        put(to_json(evaluated.to_dict()))
    else:
        _show(evaluated, out)


def _pairs(option: str, form: str, given: Sequence[str]) -> dict[str, str]:
    """The two sides of each `A=B`, the last `=` between them.

    Raises:
        InputError: One has no `=`, an empty side, or a left side that was given before.
    """
    found: dict[str, str] = {}
    for text in given:
        left, equals, right = text.rpartition("=")
        if not equals or not left or not right:
            raise InputError(f"{option}: expected {form}, got '{text}'")
        if left in found:
            raise InputError(f"{option}: '{left}' is given twice, expected once")
        found[left] = right
    return found


def _show(evaluated: "Evaluated", out: Path | None) -> None:
    """Prints the metrics of each label, those of all rows, and the parts of them that lag."""
    from newsstand.cli.display import show_lines

    evaluation, about = evaluated.evaluation, evaluated.about
    _show_labels(evaluation, f"{about.tested_on}: {about.split} rows")
    groups = "rows"
    if evaluation.grouped_by:
        groups = f"{evaluation.groups:,} groups of rows with the same '{evaluation.grouped_by}'"
    listed = [
        f"{name} {_interval(evaluation.metrics[key], digits)}"
        for key, (name, digits) in _METRICS.items()
        if key in evaluation.metrics
    ]
    error = f"ECE {evaluation.metrics['ece'].value:.3f}"
    if "ece" in evaluation.uncalibrated:
        error += f" ({evaluation.uncalibrated['ece'].value:.3f} uncalibrated)"
    lines = {"test": ", ".join([*listed, error])}
    below = sorted((x for x in evaluation.slices if x.below), key=lambda x: -x.rows)
    if below:
        named = [
            f"{x.by} '{x.value}' {x.accuracy.value:.3f} in {x.rows:,} rows, "
            f"{x.others:.3f} elsewhere"
            for x in below[:_SLICES]
        ]
        more = f"; and {len(below) - _SLICES} more" if len(below) > _SLICES else ""
        lines["slices"] = f"accuracy below the rest: {'; '.join(named)}{more}"
    lines["intervals"] = (
        f"{evaluation.confidence:.0%}, from {evaluation.resamples:,} resamples of {groups}"
    )
    lines |= {f"note {number}": text for number, text in enumerate(about.notes, start=1)}
    lines |= {"report": str(out / "report.html")} if out is not None else {}
    show_lines(lines)


def _show_labels(evaluation: "Evaluation", title: str) -> None:
    from rich.table import Table

    from newsstand.cli.display import plain, stdout

    labels = [label for label in evaluation.labels if label.support]
    shown = labels
    if len(labels) > _LABELS:
        shown = sorted(labels, key=lambda label: label.f1.value)[:_LABELS]
        title += f" (the {_LABELS} labels with the lowest F1 of {len(labels)})"
    table = Table(title=plain(title), title_justify="left")
    table.add_column("label", overflow="fold")
    for name in ("precision", "recall", "F1", "rows"):
        table.add_column(name, justify="right", no_wrap=True)
    for label in shown:
        shares = (f"{estimate.value:.3f}" for estimate in (label.precision, label.recall))
        table.add_row(plain(label.name), *shares, _interval(label.f1, 3), f"{label.support:,}")
    stdout().print(table)


def _interval(estimate: "Estimate", digits: int) -> str:
    value = f"{estimate.value:.{digits}f}"
    if estimate.low is None or estimate.high is None:
        return value
    return f"{value} ({estimate.low:.{digits}f}\u2013{estimate.high:.{digits}f})"
