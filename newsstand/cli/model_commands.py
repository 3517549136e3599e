"""The commands on models: `train`, `verify`, `log` and `relocate`."""

import time
from pathlib import Path
from typing import Annotated

import typer

from newsstand.cli.command import (
    MODEL,
    AsJson,
    ConfigFile,
    Overrides,
    library_output,
    training_installed,
)
from newsstand.cli.terminal import put, to_json, visible


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


def verify(
    model: Annotated[str, typer.Argument(metavar="MODEL", help=MODEL)],
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
