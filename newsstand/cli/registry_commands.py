"""The commands on the alias of registered models: `promote` and `rollback`."""

from typing import Annotated

import typer

from newsstand.cli.command import library_output, training_installed
from newsstand.cli.terminal import put, visible
from newsstand.config.schema import alias_flaw, reason_flaw
from newsstand.errors import NewsstandError

_NOT_MOVED = 1


def promote(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN", help="A run's id or the beginning of it, or models:/NAME/VERSION."
        ),
    ],
    alias: Annotated[str, typer.Option(help="The alias to move.")] = "champion",
    name: Annotated[
        str | None,
        typer.Option(help="The registered model, if the run's model has none or several."),
    ] = None,
    force: Annotated[
        str | None,
        typer.Option(metavar="REASON", help="Move the alias although a check fails, and why."),
    ] = None,
) -> None:
    """Move an alias to the model of a run if it passes the checks.

    Exit status 1 if a check fails, and the alias stays.
    """
    flaws = {"--alias": alias_flaw(alias)}
    if force is not None:
        flaws["--force"] = reason_flaw(force)
    for option, flaw in flaws.items():
        if flaw:
            raise NewsstandError(f"{option}: {flaw}")
    with training_installed():
        from newsstand.train.registry.promote import promote as move
    with library_output():
        verdict = move(run, alias=alias, name=name, force=force)
    put(visible(f"{verdict.name} version {verdict.version}; {verdict.note}"))
    if not verdict.moved:
        raise typer.Exit(_NOT_MOVED)


def rollback(
    model: Annotated[
        str, typer.Argument(metavar="NAME[@ALIAS]", help="The registered model and its alias.")
    ],
) -> None:
    """Move an alias back to the version that had it before."""
    with training_installed():
        from newsstand.train.registry.rollback import rollback as move_back
    with library_output():
        moved = move_back(model)
    put(visible(moved.note))
