"""Moves an alias back to the version that had it before."""

import re
from contextlib import ExitStack
from dataclasses import dataclass
from shlex import quote

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from newsstand.errors import NewsstandError
from newsstand.io import bundle
from newsstand.train.registry import history
from newsstand.train.registry.find import check_store, known_model
from newsstand.train.registry.pairing import one_line
from newsstand.train.registry.promote import CHAMPION
from newsstand.train.registry.version import RegisteredVersion
from newsstand.train.tracking import refusals, writing

_NAME = re.compile(r"(?:models:/)?(?P<name>[^/:@]+)(?:@(?P<alias>[\w-]+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBack:
    """A move of an alias to the version before.

    Args:
        name: The registered model.
        alias: The alias.
        version: The version that has the alias now.
        before: The version that had it; None if it was deleted.
    """

    name: str
    alias: str
    version: str
    before: str | None

    @property
    def note(self) -> str:
        """The move in one line."""
        source = f"from version {self.before}" if self.before else "from a deleted version"
        return f"{self.name}@{self.alias} moves back {source} to {self.version}"


def rollback(text: str) -> RolledBack:
    """Moves an alias back to the version that had it before, whose bundle is verified first.

    Args:
        text: `NAME` or `NAME@ALIAS`; the alias is `champion` by default.

    Raises:
        NewsstandError: No earlier version is recorded, or it is deleted or damaged.
    """
    wanted = _NAME.fullmatch(text)
    if wanted is None:
        raise NewsstandError(f"{text}: expected NAME or NAME@ALIAS of a registered model")
    name, alias = wanted["name"], wanted["alias"] or CHAMPION
    with refusals():
        check_store()
        known_model(name)
        while True:
            now = history.current(name, alias)
            version = _version_before(name, alias, now)
            with writing():
                if history.current(name, alias) == now:
                    history.move(name, alias, version, how=history.ROLLED_BACK)
                    return RolledBack(name=name, alias=alias, version=version, before=now)


def _version_before(name: str, alias: str, now: str | None) -> str:
    """The version that had an alias before.

    Raises:
        NewsstandError: There is none, or it cannot be used.
    """
    earlier = history.versions_before(history.moves(name, alias), now)
    at = f"it is at version {now}" if now else "no version has it"
    if not earlier:
        raise NewsstandError(f"{name}@{alias}: no earlier version is recorded; {at}")
    version = earlier[0]
    older = ""
    if len(earlier) > 1:
        model = quote(f"models:/{name}/{earlier[1]}")
        older = f"; before it, version {earlier[1]} had it: newsstand promote {model}"
        older += ("" if alias == CHAMPION else f" --alias {alias}") + " --force 'REASON'"
    try:
        MlflowClient().get_model_version(name, version)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        raise NewsstandError(
            f"{name}@{alias}: the version before, {version}, is deleted; {at}{older}"
        ) from None
    try:
        with ExitStack() as stack:
            bundle.verify(RegisteredVersion(name, version, stack).bundle)
    except NewsstandError as error:
        raise NewsstandError(
            f"{name}@{alias}: the version before, {version}, cannot be used "
            f"({one_line(error)}); {at}{older}"
        ) from error
    return version
