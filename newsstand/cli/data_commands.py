"""The commands on data and configs: `init`, `data`, `check` and `config`."""

import shlex
import time
from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsstand.cli.command import AsJson, ConfigFile, Overrides, library_output, training_installed
from newsstand.cli.terminal import put, to_json, visible
from newsstand.errors import ConfigError, InputError, NewsstandError
from newsstand.io.files import write_whole
from newsstand.io.unpack import PACKED

if TYPE_CHECKING:
    from newsstand.config.schema import Config
    from newsstand.data.load import NewsData


# What to do with a new config.
_NEXT = {
    "data": "counts, lengths and sample rows",
    "check": "duplicates, leaks and label errors",
    "train": "a model, its metrics and its run in MLflow",
}


class Task(StrEnum):
    """The task of a model."""

    topic = "topic"
    stance = "stance"


def init(
    task: Annotated[Task, typer.Argument(metavar="topic|stance", help="The task of the model.")],
    table: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="Labelled articles: CSV, TSV, JSON, JSONL or Parquet."),
    ],
    output: Annotated[
        Path | None,
        typer.Option(metavar="CONFIG.yaml", help="File to write; by default FILE-topic.yaml."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing config.")] = False,
    label: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column of the labels.")
    ] = None,
    body: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column of the articles' text.")
    ] = None,
    title: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column of the headlines.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column of the targets (stance).")
    ] = None,
) -> None:
    """Write a config for a table of your own, with its columns, labels and splits filled in.

    Columns are recognized by their names; the options name those that are not.
    """
    from newsstand.cli.display import show_lines
    from newsstand.data.new_config import config_text, summary
    from newsstand.data.survey import survey
    from newsstand.encoders.hub import MINILM, installed_encoder

    path = output or Path(f"{_stem(table)}-{task}.yaml")
    _check_output(path, option=output is not None, force=force)
    if target is not None and task is Task.topic:
        raise InputError("--target: the task topic has no targets")
    named = {"title": title, "body": body, "target": target, "label": label}
    given = {column: name for column, name in named.items() if name is not None}
    found = survey(table, task=task, given=given)
    try:
        encoder = installed_encoder(MINILM) is not None
    except NewsstandError:  # no training library is installed
        encoder = False
    write_whole(path, config_text(found, name=path.stem, encoder=encoder))
    show_lines(summary(found, encoder=encoder) | {"config": str(path)})
    put("\nNext:")
    for command, purpose in _NEXT.items():
        put(f"  newsstand {command:<5} {visible(shlex.quote(str(path)))}  # {purpose}")


def _stem(table: Path) -> str:
    """A file's name without its endings: `rows` of `rows.csv.gz`."""
    stem = table.stem if table.suffix in PACKED else table.name
    return Path(stem).stem


def _check_output(path: Path, *, option: bool, force: bool) -> None:
    """Refuses a place that the config cannot or must not be written to."""
    name = "--output: " if option else ""
    if path.suffix not in (".yaml", ".yml"):
        raise InputError(f"{name}{path}: expected a name that ends in .yaml or .yml")
    if not path.parent.is_dir():
        raise InputError(f"{name}{path.parent}: no such folder")
    if path.is_dir():
        raise InputError(f"{name}{path}: expected a file, this is a folder")
    if path.exists() and not force:
        raise InputError(f"{path}: the file exists; --force replaces it, --output names another")


def data(
    config: ConfigFile,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Show what a config loads: counts, lengths, and sample rows as a model reads them."""
    from newsstand.config.loader import load_config

    loaded = load_config(config, overrides or ())
    with library_output():
        count = loaded.model.token_counter(stance=loaded.task == "stance")
    news = _load(loaded, strict=True)
    from newsstand.data.describe import describe

    with library_output():
        summary = describe(news, count)
    if as_json:
        put(to_json(summary))
    else:
        from newsstand.cli.display import show_data

        show_data(summary, news.labels.names)


def check(
    config: ConfigFile,
    overrides: Overrides = None,
    as_json: AsJson = False,
    page: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Also write the report as a web page."),
    ] = None,
) -> None:
    """Check the data for leaks, duplicates and label errors before training.

    Exit status 1 if a check finds an error.
    """
    from newsstand.config.loader import load_config

    loaded = load_config(config, overrides or ())
    if page is not None and not page.parent.is_dir():  # reported before the work, not after it
        raise InputError(f"--html: {page.parent}: no such folder")
    news = _load(loaded, strict=False)
    from newsstand.cli.progress import progress
    from newsstand.data.checks.audit import audit, lines
    from newsstand.data.checks.report import html

    with library_output(), progress("check") as shown:
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


def config(
    path: Annotated[
        str | None, typer.Argument(metavar="CONFIG", help="The experiment's YAML file.")
    ] = None,
    overrides: Overrides = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON schema, for editors.")
    ] = False,
    reference: Annotated[
        bool, typer.Option("--reference", help="Print a description of every setting, in Markdown.")
    ] = False,
) -> None:
    """Check a config and print it with every setting, defaults included."""
    from newsstand.config.loader import dump_config, load_config
    from newsstand.config.reference import reference_text
    from newsstand.config.schema import Config

    if schema:
        put(to_json(Config.model_json_schema(), indent=2))
    elif reference:
        put(reference_text().removesuffix("\n"))
    elif path is None:
        raise ConfigError("config: expected a file, --schema or --reference")
    else:
        put(dump_config(load_config(path, overrides or ())).removesuffix("\n"))


def _load(config: "Config", *, strict: bool) -> "NewsData":
    """The rows of a config, prepared and split, with progress on stderr."""
    with training_installed():
        from newsstand.data.load import load
    from newsstand.cli.progress import progress
    from newsstand.config.data_specs import NearDuplicateSpec

    spec = config.loading()
    if not strict:  # a check looks for near-duplicates even where the splits ignore them
        spec = replace(spec, near_duplicates=spec.near_duplicates or NearDuplicateSpec())
    started = time.perf_counter()
    with library_output(), progress("load") as shown:
        news = load(spec, strict=strict, progress=shown.progress)
        shown.end("load", news.summary, time.perf_counter() - started)
    return news
