"""`newsstand suggest`: the next articles to label."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsstand.cli.command import MODEL, library_output, training_installed
from newsstand.cli.progress import progress
from newsstand.cli.score_commands import Columns, Delimiter, Encoding, table_format
from newsstand.cli.terminal import put, visible
from newsstand.errors import InputError

if TYPE_CHECKING:
    from newsstand.serve.scorer import Scorer
    from newsstand.train.monitor.suggest import Suggestions


class Tool(StrEnum):
    """The labelling tool that tasks are written for."""

    label_studio = "label-studio"
    doccano = "doccano"


def suggest(
    model: Annotated[str, typer.Argument(metavar="MODEL", help=MODEL)],
    paths: Annotated[
        list[str], typer.Argument(metavar="UNLABELLED", help="Articles, as `score` takes them.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The tasks to write.")
    ],
    count: Annotated[
        int, typer.Option("--count", "-n", min=1, help="Number of articles to label.")
    ] = 100,
    tool: Annotated[
        Tool, typer.Option("--format", help="The labelling tool that the tasks are for.")
    ] = Tool.label_studio,
    target: Annotated[
        list[str] | None,
        typer.Option(help="Target of rows that name none, for stance; may be repeated."),
    ] = None,
    labelled: Annotated[
        list[str] | None,
        typer.Option(help="Articles that are labelled already; may be repeated."),
    ] = None,
    column: Columns = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the choice.")] = 0,
) -> None:
    """Choose the articles whose labels would improve a model most, as tasks of a labelling tool.

    They are articles that the model is unsure of, and unlike each other. What the tools export is
    read by data.format: label-studio, doccano or prodigy.
    """
    form = table_format(column, encoding, delimiter)
    with training_installed():
        from newsstand.train.monitor.suggest import suggest as choose
    from newsstand.serve.scorer import load

    _check_output(output, [*paths, *(labelled or ())])
    with library_output(), progress("read") as shown:
        scorer = load(model)
        if target and scorer.task != "stance":
            raise InputError(f"--target: a {scorer.task} model takes no target")
        found = choose(
            scorer,
            paths,
            count=count,
            targets=target or (),
            form=form,
            labelled=labelled or (),
            seed=seed,
            report=lambda done: shown.progress("read", done, None),
        )
    written = _write(scorer, found, output, tool)
    _show(found, written)


def _check_output(output: Path, inputs: list[str]) -> None:
    if output.is_dir():
        raise InputError(f"{output}: expected a file, this is a folder")
    if not output.absolute().parent.is_dir():
        raise InputError(f"{output}: no folder {output.parent}")
    if any(Path(path).exists() and output.exists() and output.samefile(path) for path in inputs):
        raise InputError(f"{output}: is also an input; it would be replaced")


def _write(scorer: "Scorer", found: "Suggestions", output: Path, tool: Tool) -> list[str]:
    """Writes the tasks and the labels; returns a line for each file."""
    from newsstand.io.files import write_whole
    from newsstand.train.monitor import labelling_tasks as tasks

    names = dict(scorer.labels)
    version = f"{scorer.source} {(scorer.digest or '')[:12]}"
    if tool is Tool.doccano:
        rows = tasks.doccano_rows(found.chosen, names, version)
        tasks.write_tasks(output, rows, lines=True)
        labels = output.with_suffix(".labels.json")
        tasks.write_tasks(labels, tasks.doccano_labels(names), lines=False)
        return [f"{output}: import as JSONL", f"{labels}: import as the project's labels"]
    items = tasks.label_studio_tasks(found.chosen, names, version)
    tasks.write_tasks(output, items, lines=False)
    config = output.with_suffix(".xml")
    write_whole(config, tasks.label_studio_config(names, stance=scorer.task == "stance"))
    return [f"{output}: import as tasks", f"{config}: the project's labelling interface (Code)"]


def _show(found: "Suggestions", written: list[str]) -> None:
    chosen = found.chosen
    parts = [f"{len(chosen):,} of {found.read:,} articles to label"]
    for number, what in (
        (found.copies, "copy" if found.copies == 1 else "copies"),
        (found.skipped, "labelled already"),
        (found.unreadable, "could not be read"),
    ):
        if number:
            parts.append(f"{number:,} {what}")
    mean = sum(suggestion.probability for suggestion in chosen) / len(chosen)
    parts.append(f"mean probability of the predicted label {mean:.2f}")
    put(visible("; ".join(parts)))
    if found.first_error:
        put(visible(f"first that could not be read: {found.first_error}"))
    for line in written:
        put(visible(line))
