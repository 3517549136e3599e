"""Splits rows into train, validation and test by their content, independent of row order."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from newsstand.config.data_specs import SplitSpec
from newsstand.data.splits.groups import connected_groups
from newsstand.data.splits.strategies import (
    HELD,
    OUTCOME_TYPE,
    STAYS,
    Outcome,
    Pool,
    draw_groups,
    draw_latest,
    draw_unseen,
)
from newsstand.errors import DataError
from newsstand.types import Ints

Names: TypeAlias = NDArray[np.str_]


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitKeys:
    """The values that determine splits, one entry a row; a blank text counts as None.

    Args:
        text: Key of the prepared text; equal for equal texts.
        label: Label of the row.
        given: `train`, `validation` or `test` as given by the files; None if not given.
        group: Story; its rows never cross drawn splits.
        cluster: Cluster of near-duplicates; None for a text without any.
        outlet, target, author: As in the row.
        published: ISO 8601 date or time; UTC if it has no time zone.
        pinned: Whether the row always keeps its given split; empty if no row does.
    """

    text: Sequence[str]
    label: Sequence[str]
    given: Sequence[str | None]
    group: Sequence[str | None]
    cluster: Sequence[str | None]
    outlet: Sequence[str | None]
    target: Sequence[str | None]
    author: Sequence[str | None]
    published: Sequence[str | None]
    pinned: Sequence[bool] = ()

    def columns(self, names: Sequence[str]) -> dict[str, Sequence[str | None]]:
        """Returns some of the columns by name."""
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class Splits:
    """The split of each row.

    Args:
        names: `train`, `validation` or `test`; empty for a row that is left out.
        reasons: Why a row is left out: `gap`, `undated` or `later` (time), or `crosses-splits`
            for a row that belongs to two splits; empty for the others.
        refit_only: Whether a row is left out only to keep validation apart from training, so that
            a refit on training and validation rows may use it.
        label_gap: The largest difference between a label's share of a drawn split (or of the
            training rows left) and its share of these splits together, 0 to 1.
        note: How the splits were made, in one line.
    """

    names: list[str]
    reasons: list[str]
    refit_only: list[bool]
    label_gap: float
    note: str


def assign_splits(keys: SplitKeys, spec: SplitSpec, *, seed: int = 0) -> Splits:
    """Assigns each row its given split, or one drawn by content.

    Rows that share a text, a group or a near-duplicate cluster stay together, directly or through
    other rows. Given splits are kept: a test split is drawn only if none is given, and likewise
    validation, which is drawn from the training rows. A row without a split joins the rows it must
    stay with.

    Args:
        keys: The values that determine splits, of all rows.
        spec: How rows are split.
        seed: Seed of the draws.

    Raises:
        DataError: The strategy cannot split these rows.
    """
    if not keys.text:
        return Splits([], [], [], 0.0, "no rows")
    drawing = _Drawing(keys, spec, seed)
    for name, share in drawing.lacking():
        drawing.draw(name, share)
    return drawing.splits()


class _Drawing:
    """The splits of all rows while they are drawn, `""` for rows without one."""

    def __init__(self, keys: SplitKeys, spec: SplitSpec, seed: int) -> None:
        self._keys, self._spec, self._seed = keys, spec, seed
        joined = ("group", "cluster", *(spec.by if spec.strategy == "grouped" else ()))
        columns = keys.columns(joined)
        self._group, self._group_keys = connected_groups(keys.text, list(columns.values()))
        self._labels, self._label = np.unique(np.array(keys.label), return_inverse=True)
        self._pinned = np.array(keys.pinned or np.zeros(len(keys.text)), dtype=bool)
        kept = self._pinned | (not spec.ignore_given)
        given = [name if keep else None for name, keep in zip(keys.given, kept, strict=True)]
        self._names = _given(given, self._group)
        self._reasons = np.full(len(self._names), "", OUTCOME_TYPE)
        self._refit_only = np.zeros(len(self._names), bool)
        self._tested, self._drawn, self._notes = self._has("test"), list[str](), list[str]()
        self._check({name: columns[name] for name in joined[2:]})

    def lacking(self) -> list[tuple[str, float]]:
        """Returns the splits to draw, and the share of each."""
        test, validation = self._spec.test, self._spec.validation
        folded = self._spec.folds is not None
        splits = []
        if not self._tested and (test or folded) and self._has(""):
            splits.append(("test", test))
        if not self._has("validation") and (validation or (folded and self._tested)):
            splits.append(("validation", validation))
        self._left = len(splits)
        return splits

    def draw(self, name: str, share: float) -> None:
        """Draws one split from the rows without one; validation also from the training rows."""
        free = (self._names == "") | ((self._names == "train") & (name == "validation"))
        rows = np.flatnonzero(free & (self._reasons == "") & ~self._pinned)
        outcome, note = self._outcome(rows, name, share)
        left_out = (outcome != HELD) & (outcome != STAYS)
        self._names[rows[outcome == HELD]] = name
        self._names[rows[left_out]] = ""
        self._reasons[rows[left_out]] = outcome[left_out]
        self._refit_only[rows[left_out]] = name == "validation"
        self._drawn.append(name)
        self._notes.append(note)

    def splits(self) -> Splits:
        """Returns the splits; rows still without one are training rows."""
        self._names[(self._names == "") & (self._reasons == "")] = "train"
        gap, worst = self._label_gap()
        notes = [self._head(), *self._notes, worst]
        return Splits(
            self._names.tolist(),
            self._reasons.tolist(),
            self._refit_only.tolist(),
            gap,
            "; ".join(filter(None, notes)),
        )

    def _has(self, name: str) -> bool:
        return bool((self._names == name).any())

    def _check(self, joined: dict[str, Sequence[str | None]]) -> None:
        spec = self._spec
        counts = Counter(self._names.tolist())
        if spec.strategy == "given" and not (counts["train"] and counts["test"]):
            raise DataError(
                "data.split.strategy: given needs train and test rows given by the data, "
                f"got {counts['train']:,} train, {counts['validation']:,} validation and "
                f"{counts['test']:,} test rows"
            )
        if spec.folds and self._tested and counts["validation"]:
            raise DataError(
                "data.split.folds: the data gives validation and test rows, so there is nothing to "
                "draw; data.split.ignore_given=true redraws all splits"
            )
        if spec.hold_out and self._tested:
            raise DataError(
                "data.split.hold_out: the data gives the test rows; leave it out, or redraw all "
                "splits with data.split.ignore_given=true"
            )
        partly = counts[""] and (counts["train"] or counts["validation"]) and not self._tested
        if partly and spec.strategy in ("time", "unseen"):
            raise DataError(
                f"data.split.strategy: {spec.strategy} cannot draw test rows, as the data "
                f"gives {len(self._names) - counts['']:,} of {len(self._names):,} rows a split; "
                "data.split.ignore_given=true redraws all splits"
            )
        empty = [name for name, values in joined.items() if not any(values)]
        if empty:
            raise DataError([f"data.split.by: no row has '{name}'" for name in empty])

    def _outcome(self, rows: Ints, name: str, share: float) -> tuple[Outcome, str]:
        spec, self._left = self._spec, self._left - 1
        numbers, group = np.unique(self._group[rows], return_inverse=True)
        pool = Pool(
            name=name,
            group=group,
            group_keys=self._group_keys[numbers],
            label=self._label[rows],
            share=share,
            folds=spec.folds if (name == "validation") == self._tested else None,
            fold=spec.fold,
            keep=1 + self._left,
            seed=self._seed,
        )
        if spec.strategy == "time":
            published = _chosen(self._keys.published, rows)
            outcome, note = draw_latest(pool, published, gap_days=spec.gap_days)
        elif spec.strategy == "unseen":
            columns = self._keys.columns(spec.by)
            values = {column: _chosen(columns[column], rows) for column in columns}
            hold_out = spec.hold_out if name == "test" else ()
            outcome, note = draw_unseen(pool, values, hold_out=hold_out)
        else:
            outcome, note = draw_groups(pool, labels=spec.strategy != "random")
        if not ((outcome == HELD).any() and (outcome == STAYS).any()):
            counts = Counter(outcome.tolist())
            held, stay = counts.pop(HELD, 0), counts.pop(STAYS, 0)
            left_out = "".join(f", {counts[x]:,} left out as '{x}'" for x in sorted(counts))
            raise DataError(
                f"data.split.strategy: {spec.strategy} makes {held:,} of {len(rows):,} rows "
                f"{name} rows and leaves {stay:,} for training{left_out}"
            )
        return outcome, note

    def _label_gap(self) -> tuple[float, str]:
        """Returns the largest difference of label shares, and a remark with its place."""
        names = [*self._drawn, "train"] if self._drawn else []
        parts = [self._names == name for name in names]
        counts = np.array([np.bincount(self._label[x], minlength=len(self._labels)) for x in parts])
        if not len(counts):
            return 0.0, ""
        shares = counts / counts.sum(axis=1, keepdims=True)
        gaps = np.abs(shares - counts.sum(axis=0) / counts.sum())
        part, label = np.unravel_index(gaps.argmax(), gaps.shape)
        gap = float(gaps[part, label])
        where = f" (worst: '{self._labels[label]}' in {names[part]})" if gap >= 0.0005 else ""
        return gap, f"label shares within {100 * gap:.1f} points of the whole{where}"

    def _head(self) -> str:
        spec = self._spec
        if not self._drawn:
            return "as given"
        heads = {"time": "by time", "given": "validation stratified"}
        head = heads.get(spec.strategy, spec.strategy)
        by = f" by {' and '.join(spec.by)}" if spec.by else ""
        fold = "" if spec.folds is None else f", fold {spec.fold} of 0 to {spec.folds - 1}"
        return f"{head}{by}{fold}"


def _given(given: Sequence[str | None], group: Ints) -> Names:
    """Returns the given splits; a row without one gets that of its group, test before train."""
    order = ("test", "train", "validation", "")
    number = np.array([order.index(name or "") for name in given])
    of_group = np.full(int(group.max()) + 1, order.index(""))
    np.minimum.at(of_group, group, number)
    return np.array(order, "U10")[np.where(number == order.index(""), of_group[group], number)]


def _chosen(values: Sequence[str | None], rows: Ints) -> Sequence[str | None]:
    return values if len(rows) == len(values) else [values[row] for row in rows.tolist()]
