"""Registered versions of logged models."""

from contextlib import redirect_stderr
from io import StringIO

import mlflow

from newsstand.train.outcome import Outcome
from newsstand.train.tracking.logged_model import Logged
from newsstand.train.tracking.registered import describe_version
from newsstand.train.tracking.store import refusals, writing


def register(outcome: Outcome, logged: Logged) -> tuple[Logged, str]:
    """Registers the logged model, and moves the alias if the model passes the checks.

    Returns:
        The model by its registered name, and a note on version and alias.
    """
    from newsstand.train.registry.promote import move_alias  # imports this package

    name, alias = outcome.register_as, outcome.alias
    assert name is not None  # noqa: S101 - the caller has checked
    # MLflow prints two lines, which no setting prevents.
    with refusals(), writing(), redirect_stderr(StringIO()):
        created = mlflow.register_model(logged.model, name, tags=dict(outcome.standing))
        describe_version(created, outcome)
    uri, note = f"models:/{name}/{created.version}", f"{name} version {created.version}"
    if alias is None:
        return Logged(uri, logged.bundle), note
    verdict = move_alias(name, str(created.version), alias, force=outcome.alias_force or None)
    model = f"models:/{name}@{alias}" if verdict.moved else uri
    return Logged(model, logged.bundle), f"{note}; {verdict.note}"
