"""Rows to be split, and how they are."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import Any

import pytest

from newsstand.config.data_specs import SplitSpec
from newsstand.data.splits.split import SplitKeys, Splits, assign_splits
from newsstand.errors import DataError


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One row of `SplitKeys`."""

    text: str
    label: str = "a"
    given: str | None = None
    group: str | None = None
    cluster: str | None = None
    outlet: str | None = None
    target: str | None = None
    author: str | None = None
    published: str | None = None
    pinned: bool = False


def keys(rows: Sequence[Entry]) -> SplitKeys:
    return SplitKeys(**{f.name: [getattr(row, f.name) for row in rows] for f in fields(SplitKeys)})


def split(rows: Sequence[Entry], **options: Any) -> Splits:
    seed = options.pop("seed", 0)
    return assign_splits(keys(rows), SplitSpec(**options), seed=seed)


def plain(count: int, **values: Any) -> list[Entry]:
    return [Entry(text=f"text {n}", **values) for n in range(count)]


def day(number: int) -> str:
    return (date(2024, 1, 1) + timedelta(days=number)).isoformat()


def problems(rows: Sequence[Entry], **options: Any) -> list[str]:
    with pytest.raises(DataError) as caught:
        split(rows, **options)
    return caught.value.problems


def groups(rows: Sequence[Entry], *columns: str) -> list[set[int]]:
    """Rows that must stay together, computed naively."""
    found: list[tuple[set[tuple[str, str]], set[int]]] = []
    for index, row in enumerate(rows):
        names = {(c, getattr(row, c)) for c in ("text", "group", "cluster", *columns)}
        names = {name for name in names if name[1]}
        members = {index}
        for other in [x for x in found if x[0] & names]:
            found.remove(other)
            names |= other[0]
            members |= other[1]
        found.append((names, members))
    return [members for _, members in found]


def seen_in(result: Splits, rows: list[Entry], column: str) -> set[str | None]:
    """What the test rows have in a column."""
    pairs = zip(rows, result.names, strict=True)
    return {getattr(row, column) for row, name in pairs if name == "test"}
