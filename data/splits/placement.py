"""Which split each row is in, and why others are in none: copies, given splits, and draws."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from newsstand.config.data_specs import SplitSpec
from newsstand.data.join import Origins, Part, named
from newsstand.data.prepare import PreparedRows
from newsstand.data.readers.sources import UNUSED
from newsstand.data.splits.groups import join
from newsstand.data.splits.near_duplicates import Near
from newsstand.data.splits.split import Keys, Splits, assign_splits
from newsstand.errors import DataError

# Of copies in several given splits, the one in the test split stays: what was published to be
# tested on is tested on, and training loses the row.
_KEPT_FIRST = {"test": 0, "validation": 1, "train": 2, None: 3}
COPIED = "copied"  # why a row is left out whose text another source tests or validates with


@dataclass(slots=True)
class Places:
    """Where the rows went.

    Args:
        split: Of each row: `train`, `validation` or `test`, or an empty string.
        why: Why a row is in none; empty for the others.
        spare: Whether a row is left out only to keep validation apart from training.
        note: How the splits came about, one line.
    """

    split: list[str]
    why: list[str]
    spare: list[bool]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that decide about splits, in memory."""

    text_key: list[str]
    label: list[str]
    split: list[str | None]
    target: list[str | None]
    outlet: list[str | None]
    author: list[str | None]
    published: list[str | None]
    group: list[str | None]

    @classmethod
    def of(cls, prepared: PreparedRows) -> "Columns":
        """Those of prepared rows."""
        return cls(*(prepared.column(name) for name in cls.__slots__))

    def out_of_use(self, repeats: str) -> list[str]:
        """Why a row is left out before any split is drawn; empty for the others."""
        why = ["unused" if split == UNUSED else "" for split in self.split]
        if repeats == "keep":
            return why
        copies: dict[tuple[str, str | None], list[int]] = defaultdict(list)
        for index, key in enumerate(zip(self.text_key, self.target, strict=True)):
            if not why[index]:
                copies[key].append(index)
        for rows in copies.values():
            if len(rows) == 1:
                continue
            if len({self.label[index] for index in rows}) > 1:
                why_not, kept = "conflict", -1
            else:
                why_not = "repeat"
                kept = min(rows, key=lambda index: _KEPT_FIRST[self.split[index]])
            for index in rows:
                if index != kept:
                    why[index] = why_not
        return why


def place_rows(
    columns: Columns,
    near: Near | None,
    parts: Sequence[Part],
    origins: Origins | None,
    *,
    repeats: str,
    split: SplitSpec,
    seed: int,
) -> Places:
    """The split of each row, by what the files give and by draws.

    Rows of sources with settings of their own are shared out by themselves, all others together.
    Then training loses the rows whose text, or a near-duplicate, is in another source's validation
    or test rows, and validation those of its test rows.

    Args:
        columns: What decides.
        near: Near-duplicates, where they were looked for.
        parts: The sources.
        origins: The source of each row, where there are several.
        repeats: As in `load`.
        split: How rows are shared out.
        seed: Seed of the draws.

    Raises:
        DataError: The splits cannot be drawn.
    """
    why = columns.out_of_use(repeats)
    places = Places([""] * len(why), why, [False] * len(why))
    cluster = _clusters(near, len(why))
    used = [index for index, reason in enumerate(why) if not reason]
    if used and not {columns.split[index] for index in used} & {"train", None}:
        raise DataError(no_rows("train", why))
    if origins is None:
        _share_out(places, columns, cluster, used, split, seed)
        return places
    number = origins.number.tolist()
    pinned = [parts[source].pinned for source in number]
    notes = []
    for source, part in enumerate(parts):
        if part.alone is not None:
            rows = [index for index in used if number[index] == source]
            try:
                _share_out(places, columns, cluster, rows, part.alone, seed)
            except DataError as error:
                raise DataError(named(error.problems, part.spec.name)) from None
            notes.append(f"{part.spec.name}: {places.note}")
    rows = [index for index in used if parts[number[index]].alone is None]
    if rows:
        _share_out(places, columns, cluster, rows, split, seed, pinned)
        notes.insert(0, places.note)
    places.note = "; ".join(notes)
    _part_copies(places, columns, cluster, origins.number)
    return places


def no_rows(split: str, why: Sequence[str]) -> str:
    """The problem that a split has no rows.

    Args:
        split: Which.
        why: Of each row, why it is left out, if it is.
    """
    counts = Counter(filter(None, why))
    listed = ", ".join(f"{count:,} {reason}" for reason, count in counts.items())
    left_out = f" (rows left out: {listed})" if listed else ""
    return f"no {split} rows: name their file or set data.split{left_out}"


def _clusters(near: Near | None, size: int) -> list[str | None]:
    if near is None:
        return [None] * size
    sizes = np.bincount(near.cluster, minlength=size)
    return [str(x) if sizes[x] > 1 else None for x in near.cluster.tolist()]


def _share_out(
    places: Places,
    columns: Columns,
    cluster: Sequence[str | None],
    rows: Sequence[int],
    spec: SplitSpec,
    seed: int,
    pinned: Sequence[bool] = (),
) -> None:
    """Puts some rows into splits."""

    def of(values: Sequence[Any]) -> list[Any]:
        return [values[index] for index in rows]

    keys = Keys(
        text=of(columns.text_key),
        label=of(columns.label),
        given=of(columns.split),
        group=of(columns.group),
        cluster=of(cluster),
        outlet=of(columns.outlet),
        target=of(columns.target),
        author=of(columns.author),
        published=of(columns.published),
        pinned=of(pinned) if pinned else (),
    )
    found: Splits = assign_splits(keys, spec, seed=seed)
    told = zip(rows, found.names, found.reasons, found.spare, strict=True)
    for index, name, reason, spare in told:
        places.split[index], places.why[index], places.spare[index] = name, reason, spare
    places.note = found.note


def _part_copies(
    places: Places,
    columns: Columns,
    cluster: Sequence[str | None],
    source: NDArray[np.int64],
) -> None:
    """Leaves out what another source's rows of a split to be measured have, too."""
    unit = join(columns.text_key, [cluster])[0]
    split = np.array(places.split)
    tested = _elsewhere(unit, source, split == "test")
    validated = _elsewhere(unit, source, split == "validation")
    for index in np.flatnonzero((split != "") & (split != "test") & tested).tolist():
        places.split[index], places.why[index] = "", COPIED
    for index in np.flatnonzero((split == "train") & validated & ~tested).tolist():
        places.split[index], places.why[index], places.spare[index] = "", COPIED, True


def _elsewhere(
    unit: NDArray[np.int64], source: NDArray[np.int64], held: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Whether a row's unit has held rows of another source than its own."""
    sources = int(source.max(initial=0)) + 1
    pairs = np.unique(unit[held] * sources + source[held])
    count = np.bincount(pairs // sources, minlength=int(unit.max(initial=0)) + 1)
    own = np.isin(unit * sources + source, pairs)
    elsewhere: NDArray[np.bool_] = count[unit] - own > 0
    return elsewhere
