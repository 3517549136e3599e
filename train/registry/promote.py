"""Gives a version an alias if it has earned it, at the end of a training or by a command."""

from contextlib import ExitStack
from dataclasses import dataclass
from shlex import quote

from newsstand.train.registry import history
from newsstand.train.registry.find import check_store, find_version
from newsstand.train.registry.gate import Candidate, why_not
from newsstand.train.registry.version import RegisteredVersion
from newsstand.train.tracking import refusals, writing

CHAMPION = "champion"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether an alias moved, and why.

    Args:
        name: The registered model.
        alias: The alias.
        version: The version that was to get the alias.
        before: The version that had it; None if none had.
        moved: Whether the version has the alias now.
        failed: The reason that a check has given; None if all were passed.
        forced: Why the alias was moved although a check failed.
        compared: How the versions compare on the same test rows.
        run_id: The run of the version.
    """

    name: str
    alias: str
    version: str
    before: str | None
    moved: bool
    failed: str | None = None
    forced: str | None = None
    compared: str | None = None
    run_id: str | None = None

    @property
    def note(self) -> str:
        """The verdict in one line, with the command that moves the alias if it did not move."""
        full = f"{self.name}@{self.alias}"
        if self.before == self.version:
            return f"{full} is at version {self.version} already"
        if not self.moved:
            stays = f"stays at version {self.before}" if self.before else "is not set"
            return f"{full} {stays}: {self.failed}; to move it: {self._command}"
        to = f"moves from version {self.before} to" if self.before else "set to version"
        detail = f" ({self.compared})" if self.compared else ""
        if self.failed:
            detail = f", forced ({self.forced}) although: {self.failed}"
        return f"{full} {to} {self.version}{detail}"

    @property
    def _command(self) -> str:
        run = self.run_id or quote(f"models:/{self.name}/{self.version}")
        alias = "" if self.alias == CHAMPION else f" --alias {self.alias}"
        return f"newsstand promote {run}{alias} --force 'REASON'"


def promote(
    run: str, *, alias: str = CHAMPION, name: str | None = None, force: str | None = None
) -> Verdict:
    """Gives the model of a run an alias if it has earned it; registers the model if needed.

    Args:
        run: Id of a run, the beginning of one, or `models:/NAME/VERSION`.
        alias: The alias.
        name: The registered model; None for the one that has the run's model, or that the run's
            config names.
        force: A reason to move the alias although a check fails, which is recorded.

    Raises:
        NewsstandError: There is no such run or it has no model, with what is missing.
    """
    with refusals():
        check_store()
        found, version = find_version(run, name)
    return move_alias(found, version, alias, force=force)


def move_alias(name: str, version: str, alias: str, *, force: str | None = None) -> Verdict:
    """Gives a registered version an alias if it has earned it.

    The checks, which may take a while, run before the store is locked. If the alias has moved
    meanwhile, the version is compared again, with the one that has the alias then.

    Args:
        name: The registered model.
        version: The version.
        alias: The alias.
        force: A reason to move the alias although a check fails, which is recorded.
    """
    while True:
        with refusals():
            verdict = _judged(name, version, alias, force)
            if not verdict.moved or verdict.before == version:
                return verdict
            with writing():
                if history.current(name, alias) == verdict.before:
                    history.move(name, alias, version, reason=verdict.forced, failed=verdict.failed)
                    return verdict


def _judged(name: str, version: str, alias: str, force: str | None) -> Verdict:
    """What the checks say of a version, compared with the one that has the alias now."""
    before = history.current(name, alias)
    if before == version:
        return Verdict(name=name, alias=alias, version=version, before=before, moved=True)
    with ExitStack() as stack:
        new = RegisteredVersion(name, version, stack)
        champion = None if before is None else RegisteredVersion(name, before, stack)
        candidate = Candidate(new, champion)
        failed = why_not(candidate)
        return Verdict(
            name=name,
            alias=alias,
            version=version,
            before=before,
            moved=failed is None or force is not None,
            failed=failed,
            forced=force if failed else None,
            compared=None if failed else _compared(candidate),
            run_id=new.run_id,
        )


def _compared(candidate: Candidate) -> str | None:
    found = candidate.difference
    if found is None:
        return None
    return (
        f"macro-F1 {found.second:.3f}, {found.first:.3f} before, on {found.rows:,} test rows, "
        f"p = {found.p_bootstrap:.2g}"
    )
