"""Places rows in splits: leaves out copies, keeps given splits and draws the missing ones."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from newsstand.config.data_specs import SplitSpec
from newsstand.data.join import ConfiguredSource, Origins, with_source_name
from newsstand.data.prepare import PreparedRows
from newsstand.data.readers.sources import UNUSED
from newsstand.data.splits.groups import connected_groups
from newsstand.data.splits.near_duplicates import NearDuplicates
from newsstand.data.splits.split import SplitKeys, Splits, assign_splits
from newsstand.errors import DataError

# Of copies in several given splits, the one in the test split is kept, so that a published test
# split stays complete and training loses the row.
_KEPT_FIRST = {"test": 0, "validation": 1, "train": 2, None: 3}
COPIED = "copied"  # reason of rows whose text is in another source's validation or test rows


@dataclass(slots=True)
class Placement:
    """The split of each row.

    Args:
        split: `train`, `validation`, `test`, or empty for a row in no split.
        why: Reason of a row in no split; empty for the others.
        refit_only: Whether a row is left out only to keep validation apart from training.
        note: How the splits were made, in one line.
    """

    split: list[str]
    why: list[str]
    refit_only: list[bool]
    note: str = ""


@dataclass(frozen=True, slots=True)
class PlacementColumns:
    """The columns that determine splits, in memory."""

    text_key: list[str]
    label: list[str]
    split: list[str | None]
    target: list[str | None]
    outlet: list[str | None]
    author: list[str | None]
    published: list[str | None]
    group: list[str | None]

    @classmethod
    def of(cls, prepared: PreparedRows) -> "PlacementColumns":
        """Reads the columns of prepared rows."""
        return cls(*(prepared.column(name) for name in cls.__slots__))

    def left_out(self, repeats: str) -> list[str]:
        """Returns why each row is left out before splits are drawn; empty for the others."""
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
                reason, kept = "conflict", -1
            else:
                reason = "repeat"
                kept = min(rows, key=lambda index: _KEPT_FIRST[self.split[index]])
            for index in rows:
                if index != kept:
                    why[index] = reason
        return why


def place_rows(
    columns: PlacementColumns,
    near: NearDuplicates | None,
    sources: Sequence[ConfiguredSource],
    origins: Origins | None,
    *,
    repeats: str,
    split: SplitSpec,
    seed: int,
) -> Placement:
    """Places each row in a split: the one given by the files, or a drawn one.

    Sources with their own split settings are split separately, all others together. Then training
    rows whose text or near-duplicate is in another source's validation or test rows are left out,
    and so are validation rows that are in another source's test rows.

    Args:
        columns: The columns that determine splits.
        near: Near-duplicates; None if they were not searched.
        sources: The sources.
        origins: The source of each row, if there are several.
        repeats: As in `DataSpec`.
        split: How rows are split.
        seed: Seed of the draws.

    Raises:
        DataError: The splits cannot be drawn.
    """
    why = columns.left_out(repeats)
    placement = Placement([""] * len(why), why, [False] * len(why))
    cluster = _clusters(near, len(why))
    used = [index for index, reason in enumerate(why) if not reason]
    if used and not {columns.split[index] for index in used} & {"train", None}:
        raise DataError(no_rows("train", why))
    if origins is None:
        _split_rows(placement, columns, cluster, used, split, seed)
        return placement
    origin = origins.number.tolist()
    pinned = [sources[number].pinned for number in origin]
    notes = []
    for number, source in enumerate(sources):
        if source.own_split is not None:
            rows = [index for index in used if origin[index] == number]
            try:
                _split_rows(placement, columns, cluster, rows, source.own_split, seed)
            except DataError as error:
                raise DataError(with_source_name(error.problems, source.spec.name)) from None
            notes.append(f"{source.spec.name}: {placement.note}")
    rows = [index for index in used if sources[origin[index]].own_split is None]
    if rows:
        _split_rows(placement, columns, cluster, rows, split, seed, pinned)
        notes.insert(0, placement.note)
    placement.note = "; ".join(notes)
    _leave_out_copies(placement, columns, cluster, origins.number)
    return placement


def no_rows(split: str, why: Sequence[str]) -> str:
    """Returns the message that a split has no rows.

    Args:
        split: Name of the split.
        why: Reason of each row that is left out; empty for the others.
    """
    counts = Counter(filter(None, why))
    listed = ", ".join(f"{count:,} {reason}" for reason, count in counts.items())
    left_out = f" (rows left out: {listed})" if listed else ""
    return f"no {split} rows: name their file or set data.split{left_out}"


def _clusters(near: NearDuplicates | None, size: int) -> list[str | None]:
    if near is None:
        return [None] * size
    sizes = np.bincount(near.cluster, minlength=size)
    return [str(x) if sizes[x] > 1 else None for x in near.cluster.tolist()]


def _split_rows(
    placement: Placement,
    columns: PlacementColumns,
    cluster: Sequence[str | None],
    rows: Sequence[int],
    spec: SplitSpec,
    seed: int,
    pinned: Sequence[bool] = (),
) -> None:
    """Assigns some rows to splits, in place."""

    def of(values: Sequence[Any]) -> list[Any]:
        return [values[index] for index in rows]

    keys = SplitKeys(
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
    splits: Splits = assign_splits(keys, spec, seed=seed)
    assigned = zip(rows, splits.names, splits.reasons, splits.refit_only, strict=True)
    for index, name, reason, refit_only in assigned:
        placement.split[index] = name
        placement.why[index] = reason
        placement.refit_only[index] = refit_only
    placement.note = splits.note


def _leave_out_copies(
    placement: Placement,
    columns: PlacementColumns,
    cluster: Sequence[str | None],
    source: NDArray[np.int64],
) -> None:
    """Leaves out rows that repeat another source's validation or test rows, in place."""
    group = connected_groups(columns.text_key, [cluster])[0]
    split = np.array(placement.split)
    tested = _held_elsewhere(group, source, split == "test")
    validated = _held_elsewhere(group, source, split == "validation")
    for index in np.flatnonzero((split != "") & (split != "test") & tested).tolist():
        placement.split[index], placement.why[index] = "", COPIED
    for index in np.flatnonzero((split == "train") & validated & ~tested).tolist():
        placement.split[index], placement.why[index] = "", COPIED
        placement.refit_only[index] = True


def _held_elsewhere(
    group: NDArray[np.int64], source: NDArray[np.int64], held: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Returns whether each row's group has held-out rows of another source."""
    sources = int(source.max(initial=0)) + 1
    pairs = np.unique(group[held] * sources + source[held])
    count = np.bincount(pairs // sources, minlength=int(group.max(initial=0)) + 1)
    own = np.isin(group * sources + source, pairs)
    elsewhere: NDArray[np.bool_] = count[group] - own > 0
    return elsewhere
