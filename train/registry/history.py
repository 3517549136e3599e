"""The moves of an alias: recorded as tags of the registered model, and undone one after another."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Self

from mlflow import MlflowClient
from mlflow.tracking.context.registry import resolve_tags

_MOVES = "newsstand.moves"  # tags of the registered model: one a move, by alias and time
_MOVED = "newsstand.alias"  # tag of the version, for readers
_TIME = "%Y%m%dT%H%M%S.%fZ"
PROMOTED, ROLLED_BACK = "promoted", "rolled back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One move of an alias.

    Args:
        at: When, in UTC, as `20250131T120000.000000Z`.
        version: The version that the alias moved to.
        before: The version that had it; None if none had.
        how: `promoted` or `rolled back`.
        by: The user.
        reason: Why the alias was moved although a check failed; None if all were passed.
        failed: What the check reported.
    """

    at: str
    version: str
    before: str | None
    how: str
    by: str
    reason: str | None = None
    failed: str | None = None

    @classmethod
    def of_json(cls, text: str) -> Self | None:
        """The inverse of the tag's JSON; None if it is not valid."""
        try:
            values = json.loads(text)
            return cls(**{field.name: values[field.name] for field in fields(cls)})
        except (ValueError, TypeError, KeyError):
            return None


def current(name: str, alias: str) -> str | None:
    """The version that has an alias; None if none has."""
    version = MlflowClient().get_registered_model(name).aliases.get(alias)
    return None if version is None else str(version)


def move(
    name: str,
    alias: str,
    version: str,
    *,
    how: str = PROMOTED,
    reason: str | None = None,
    failed: str | None = None,
) -> None:
    """Moves an alias and records it. Must be called within `writing` of the store.

    Each move has a tag of its own, so that moves by several processes on one server do not replace
    each other's records. If the process ends between the two, the move is not recorded, and
    `versions_before` takes the version as set by another program.
    """
    client = MlflowClient()
    before, made = current(name, alias), moves(name, alias)
    client.set_registered_model_alias(name, alias, version)
    now = datetime.now(UTC)
    if made:  # clocks of two machines may differ
        last = datetime.strptime(made[-1].at, _TIME).replace(tzinfo=UTC)
        now = max(now, last + timedelta(microseconds=1))
    done = Move(
        at=now.strftime(_TIME),
        version=version,
        before=before,
        how=how,
        by=resolve_tags().get("mlflow.user", "unknown"),
        reason=reason,
        failed=failed,
    )
    client.set_registered_model_tag(
        name, f"{_MOVES}.{alias}.{done.at}", json.dumps(asdict(done), ensure_ascii=False)
    )
    client.set_model_version_tag(name, version, f"{_MOVED}.{alias}", _in_words(done))


def _in_words(done: Move) -> str:
    source = f" from version {done.before}" if done.before else ""
    when = datetime.strptime(done.at, _TIME).strftime("%Y-%m-%d %H:%M UTC")
    forced = f", forced: {done.reason}" if done.reason else ""
    failed = f" (although: {done.failed})" if done.failed else ""
    return f"{done.how}{source} on {when} by {done.by}{forced}{failed}"


def moves(name: str, alias: str) -> list[Move]:
    """All recorded moves of an alias, the oldest first."""
    return _parsed(MlflowClient().get_registered_model(name).tags, alias)


def _parsed(tags: Mapping[str, str], alias: str) -> list[Move]:
    texts = [text for key, text in tags.items() if key.startswith(f"{_MOVES}.{alias}.")]
    found = [done for text in texts if (done := Move.of_json(text)) is not None]
    return sorted(found, key=lambda done: done.at)


def versions_before(made: Sequence[Move], now: str | None) -> list[str]:
    """The versions that had an alias before, in the order in which rollbacks lead to them.

    A rollback is undone by none: after 1, 2, 3 and a rollback to 2, the version before is 1. A
    version that another program gave the alias to counts as one that was promoted.

    Args:
        made: The recorded moves, the oldest first.
        now: The version that has the alias.

    >>> def moved(before, version, how=PROMOTED):
    ...     return Move(at="", version=version, before=before, how=how, by="")
    >>> made = [moved(None, "1"), moved("1", "2"), moved("2", "3")]
    >>> versions_before(made, "3")
    ['2', '1']
    >>> versions_before([*made, moved("3", "2", ROLLED_BACK)], "2")
    ['1']
    """
    stack: list[str] = []
    for done in made:
        if done.before is not None and stack[-1:] != [done.before]:
            stack.append(done.before)
        if done.how == ROLLED_BACK and done.version in stack:
            while stack[-1] != done.version:
                stack.pop()
        elif stack[-1:] != [done.version]:
            stack.append(done.version)
    if stack[-1:] == [now]:
        stack.pop()
    return stack[::-1]
