"""Shares units out over parts: by lot, then mended until sizes and label shares are near.

A unit holds one row or many, of one label or several. The lot alone would do for small units;
where units are large (all articles of an outlet), the parts it makes are lopsided, and units
are moved or swapped, the best change first, while that brings the parts nearer to the whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from newsstand.data.splits.groups import lots
from newsstand.types import Floats, Hashes, Ints

# What an error in a part's size weighs against errors in its label shares: a size wrong by a
# tenth counts as much as two label shares wrong by 3.5 points.
_SIZE_WEIGHT = 0.25
# Units that may move (the largest first), and the most for which swaps are tried too.
_MOVABLE = 20_000
_SWAPPABLE = 1_000
# How often lots are drawn anew when those few units do not come near.
_ATTEMPTS = 8
# Lots are left as they are when no part lacks or exceeds more than this share of its rows, or
# more than one row.
_NEAR = 0.001
# The least gain that a change is made for: far above what rounding can feign, so that the
# choice is the same on every machine.
_GAIN = 1e-9


def share_out(
    unit: Ints, label: Ints, lot: Hashes, shares: Sequence[float], *, keep: int = 1
) -> Ints:
    """The part of each unit, so that parts are as large as asked and alike in their labels.

    No part stays empty. Of two parts the last is the one to train on: a label is missing from
    it only if it has to be. The result depends on lots and labels, not on the order of rows.

    Args:
        unit: Of each row, from 0.
        label: Of each row, from 0, numbered without regard to the order of the rows.
        lot: Of each unit.
        shares: Of each part, 1 in all.
        keep: The least number of units in the last part; it needs 1 in each other part.
    """
    best, least = np.zeros(len(lot), np.int64), np.inf
    for attempt in range(_ATTEMPTS if len(lot) <= _SWAPPABLE else 1):
        part, off = _attempt(unit, label, lots(lot, f"attempt {attempt}"), shares, keep)
        if off < least - _GAIN:
            best, least = part, off
        if not off:
            break
    return best


def _attempt(
    unit: Ints, label: Ints, lot: Hashes, shares: Sequence[float], keep: int
) -> tuple[Ints, float]:
    """One way to share out, and how far off it is; 0 when it is near enough."""
    order = np.argsort(lot, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    cells = _Cells.of(place[unit], label)
    part = _by_lot(cells, np.asarray(shares))
    mending = _Mending(cells, part, np.asarray(shares), _movable(cells.size, lot[order]))
    off = mending.run()
    _fill(cells.size, part, [1] * (len(shares) - 1) + [keep])
    if len(shares) == 2:
        _keep_labels(cells, part)
    return part[place], off


@dataclass(frozen=True, slots=True)
class _Cells:
    """How many rows of a label a unit holds, for those pairs of them that occur.

    Args:
        unit, label, rows: Of each pair, in the order of the units' lots.
        size: Rows of each unit.
        labels: Number of labels.
    """

    unit: Ints
    label: Ints
    rows: Ints
    size: Ints
    labels: int

    @classmethod
    def of(cls, unit: Ints, label: Ints) -> "_Cells":
        labels = int(label.max()) + 1
        pairs, rows = np.unique(unit * labels + label, return_counts=True)
        return cls(pairs // labels, pairs % labels, rows, np.bincount(unit), labels)

    def counts(self, part: Ints, parts: int) -> Floats:
        """Rows of each label in each part, (parts, labels)."""
        flat = np.bincount(
            part[self.unit] * self.labels + self.label, self.rows, parts * self.labels
        )
        return flat.reshape(parts, self.labels).astype(np.float64)

    def of_units(self, units: Ints) -> Floats:
        """Rows of each label in some units, (units, labels)."""
        place = np.full(len(self.size), -1)
        place[units] = np.arange(len(units))
        chosen = place[self.unit] >= 0
        table = np.zeros((len(units), self.labels))
        table[place[self.unit[chosen]], self.label[chosen]] = self.rows[chosen]
        return table

    def main_label(self) -> Ints:
        """The most frequent label of each unit; of several, the first."""
        order = np.lexsort((self.label, -self.rows, self.unit))
        firsts = np.unique(self.unit[order], return_index=True)[1]
        return self.label[order][firsts]


def _by_lot(cells: _Cells, shares: Floats) -> Ints:
    """Units of each main label in the order of their lots, cut where the shares say."""
    main = cells.main_label()
    part = np.zeros(len(main), np.int64)
    for stratum in np.unique(main):
        units = np.flatnonzero(main == stratum)
        size = cells.size[units]
        middle = (np.cumsum(size) - size / 2) / size.sum()
        cuts = np.cumsum(shares)[:-1]
        part[units] = np.searchsorted(cuts, middle, side="right")
        if len(units) >= len(shares) == 2:  # rare labels are tested, but trained on first
            part[units[0]] = 0
        if len(shares) == 2:
            part[units[-1]] = 1
    return part


def _movable(size: Ints, lot: Hashes) -> Ints:
    """The largest units, and of units of one size some from all over the order of the lots."""
    if len(size) <= _MOVABLE:
        return np.arange(len(size))
    return np.sort(np.lexsort((lots(lot, "movable"), -size))[:_MOVABLE])


class _Mending:
    """Moves and swaps units between parts, one by one, while that makes the parts more alike.

    What is made small is, summed over the parts, the square of how far off each is: the rows of
    each label beyond what its size calls for, and its size beyond what was asked, both as
    shares of the size that was asked. That is quadratic in what the parts hold, so that the
    changes by all moves and swaps come from a few matrix products.

    Args:
        part: Of each unit; changed in place.
        movable: Units that may move.
    """

    def __init__(self, cells: _Cells, part: Ints, shares: Floats, movable: Ints) -> None:
        self._part, self._movable = part, movable
        self._whole = np.bincount(cells.label, cells.rows, cells.labels) / cells.size.sum()
        self._unit = self._features(cells.of_units(movable))
        wanted = shares * cells.size.sum()
        self._off = self._features(cells.counts(part, len(shares)))
        self._off[:, -1] -= wanted
        self._near = np.maximum(1, _NEAR * wanted)[:, None]
        self._weight = wanted**-2.0
        self._metric = np.append(np.ones(cells.labels), _SIZE_WEIGHT)
        self._square = (self._unit**2 * self._metric).sum(axis=1, keepdims=True)
        self._swaps = len(movable) <= _SWAPPABLE
        if self._swaps:
            self._overlap = (self._unit * self._metric) @ self._unit.T

    def run(self) -> float:
        """Takes the best change there is, until all parts are near or none makes them nearer.

        Returns:
            How far off the parts still are; 0 when they are near.
        """
        while (np.abs(self._off) > self._near).any():
            moves, home = self._by_move(), self._part[self._movable]
            unit, to = _least(moves)
            if moves[unit, to] < -_GAIN:
                self._move(unit, to)
                continue
            swaps = self._by_swap(moves, home) if self._swaps else np.zeros((1, 1))
            one, other = _least(swaps)
            if swaps[one, other] >= -_GAIN:
                return float(((self._off**2) @ self._metric) @ self._weight)
            self._move(one, home[other])
            self._move(other, home[one])
        return 0.0

    def _features(self, counts: Floats) -> Floats:
        size = counts.sum(axis=1, keepdims=True)
        return np.hstack([counts - size * self._whole, size])

    def _by_move(self) -> Floats:
        """The change by moving each unit to each part, (units, parts)."""
        pull = 2 * (self._unit * self._metric) @ self._off.T
        units, home = np.arange(len(self._movable)), self._part[self._movable]
        leave = self._weight * (self._square - pull)
        change: Floats = leave[units, home][:, None] + self._weight * (self._square + pull)
        change[units, home] = 0
        return change

    def _by_swap(self, moves: Floats, home: Ints) -> Floats:
        """The change by swapping each unit with each other, (units, units)."""
        there = moves[:, home]
        weight = self._weight[home]
        change: Floats = there + there.T - 2 * (weight[:, None] + weight) * self._overlap
        change[home[:, None] == home] = 0
        return change

    def _move(self, index: int, to: int) -> None:
        unit = self._movable[index]
        self._off[self._part[unit]] -= self._unit[index]
        self._off[to] += self._unit[index]
        self._part[unit] = to


def _least(change: Floats) -> tuple[int, int]:
    # Equal changes differ in their last digits by chance: the first of them is taken.
    near = change <= change.min() + _GAIN / 100
    row, column = divmod(int(near.argmax()), change.shape[1])
    return row, column


def _fill(size: Ints, part: Ints, least: Sequence[int]) -> None:
    """Gives a part with too few units the smallest ones of the part that has most."""
    for needy, wanted in enumerate(least):
        while (part == needy).sum() < wanted:
            units = np.flatnonzero(part == np.bincount(part).argmax())
            part[units[size[units].argmin()]] = needy


def _keep_labels(cells: _Cells, part: Ints) -> None:
    """Takes back the smallest unit of a label that the last part would lack altogether."""
    counts = cells.counts(part, 2)
    for label in np.flatnonzero((counts[1] == 0) & (counts[0] > 0)):
        units = cells.unit[cells.label == label]
        if not part[units].any() and (part == 0).sum() > 1:
            part[units[cells.size[units].argmin()]] = 1
