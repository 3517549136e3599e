"""Assigns groups of rows to parts at random, then balances part sizes and label shares.

A group holds one row or many, of one label or several. A random assignment suffices for small
groups. Large groups (all articles of an outlet) make unbalanced parts, so a local search moves or
swaps groups, the best change first, while that improves the balance.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from newsstand.data.splits.groups import random_keys
from newsstand.types import Floats, Hashes, Ints

# Weight of the error of a part's size relative to errors of its label shares: a size off by a
# tenth counts as much as two label shares off by 3.5 points.
_SIZE_WEIGHT = 0.25
# The number of groups that may move (the largest first), and the most for which swaps are tried.
_MOVABLE = 20_000
_SWAPPABLE = 1_000
# The number of random starts for at most `_SWAPPABLE` groups.
_ATTEMPTS = 8
# Parts are balanced when each is within this share of its rows, or within one row.
_TOLERANCE = 0.001
# The least improvement that counts: far above rounding errors, so that the result is the same on
# every machine.
_GAIN = 1e-9


def assign_groups(
    group: Ints, label: Ints, order: Hashes, shares: Sequence[float], *, keep: int = 1
) -> Ints:
    """Assigns each group to a part, balancing part sizes and label shares.

    No part stays empty. Of two parts the last is the training part: it lacks a label only if that
    cannot be avoided. The result depends on `order` and labels, not on the order of rows.

    Args:
        group: Group of each row, from 0.
        label: Label of each row, from 0, numbered independently of the order of the rows.
        order: Random number of each group.
        shares: Share of the rows of each part, 1 in total.
        keep: Least number of groups in the last part; every other part has at least 1.

    Returns:
        The part of each group.
    """
    best, least = np.zeros(len(order), np.int64), np.inf
    for attempt in range(_ATTEMPTS if len(order) <= _SWAPPABLE else 1):
        numbers = random_keys(order, f"attempt {attempt}")
        part, loss = _attempt(group, label, numbers, shares, keep)
        if loss < least - _GAIN:
            best, least = part, loss
        if not loss:
            break
    return best


def _attempt(
    group: Ints, label: Ints, numbers: Hashes, shares: Sequence[float], keep: int
) -> tuple[Ints, float]:
    """Returns one assignment and its loss, 0 within tolerance."""
    order = np.argsort(numbers, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    table = _GroupLabels.of(rank[group], label)
    part = _stratified(table, np.asarray(shares))
    movable = _movable(table.size, numbers[order])
    loss = _LocalSearch(table, part, np.asarray(shares), movable).run()
    _fill(table.size, part, [1] * (len(shares) - 1) + [keep])
    if len(shares) == 2:
        _keep_labels(table, part)
    return part[rank], loss


@dataclass(frozen=True, slots=True)
class _GroupLabels:
    """Number of rows of each label in each group, for the pairs that occur.

    Args:
        group, label, rows: Group, label and number of rows of each pair; groups in random order.
        size: Number of rows of each group.
        labels: Number of labels.
    """

    group: Ints
    label: Ints
    rows: Ints
    size: Ints
    labels: int

    @classmethod
    def of(cls, group: Ints, label: Ints) -> "_GroupLabels":
        labels = int(label.max()) + 1
        pairs, rows = np.unique(group * labels + label, return_counts=True)
        return cls(pairs // labels, pairs % labels, rows, np.bincount(group), labels)

    def counts(self, part: Ints, parts: int) -> Floats:
        """Returns the number of rows of each label in each part, shape (parts, labels)."""
        flat = np.bincount(
            part[self.group] * self.labels + self.label, self.rows, parts * self.labels
        )
        return flat.reshape(parts, self.labels).astype(np.float64)

    def of_groups(self, groups: Ints) -> Floats:
        """Returns the number of rows of each label in some groups, shape (groups, labels)."""
        place = np.full(len(self.size), -1)
        place[groups] = np.arange(len(groups))
        chosen = place[self.group] >= 0
        table = np.zeros((len(groups), self.labels))
        table[place[self.group[chosen]], self.label[chosen]] = self.rows[chosen]
        return table

    def main_label(self) -> Ints:
        """Returns the most frequent label of each group, the first if tied."""
        order = np.lexsort((self.label, -self.rows, self.group))
        firsts = np.unique(self.group[order], return_index=True)[1]
        return self.label[order][firsts]


def _stratified(table: _GroupLabels, shares: Floats) -> Ints:
    """Cuts the groups of each main label, in random order, at the given shares."""
    main = table.main_label()
    part = np.zeros(len(main), np.int64)
    for stratum in np.unique(main):
        groups = np.flatnonzero(main == stratum)
        size = table.size[groups]
        middle = (np.cumsum(size) - size / 2) / size.sum()
        cuts = np.cumsum(shares)[:-1]
        part[groups] = np.searchsorted(cuts, middle, side="right")
        if len(groups) >= len(shares) == 2:  # rare labels: training comes first, then the test
            part[groups[0]] = 0
        if len(shares) == 2:
            part[groups[-1]] = 1
    return part


def _movable(size: Ints, numbers: Hashes) -> Ints:
    """Returns the largest groups that may move; of equal size, random ones."""
    if len(size) <= _MOVABLE:
        return np.arange(len(size))
    return np.sort(np.lexsort((random_keys(numbers, "movable"), -size))[:_MOVABLE])


class _LocalSearch:
    """Moves and swaps groups between parts, one at a time, while that improves the balance.

    The loss is a sum of squares over the parts: of the rows of each label beyond the label's share
    of the part, and of the part's size beyond the requested one, both relative to the requested
    size. It is quadratic in the counts of the parts, so that the changes by all moves and swaps
    are computed with a few matrix products.

    Args:
        table: Rows of each label in each group.
        part: Part of each group; changed in place.
        shares: Share of the rows of each part.
        movable: Groups that may move.
    """

    def __init__(self, table: _GroupLabels, part: Ints, shares: Floats, movable: Ints) -> None:
        self._part, self._movable = part, movable
        self._whole = np.bincount(table.label, table.rows, table.labels) / table.size.sum()
        self._group = self._features(table.of_groups(movable))
        wanted = shares * table.size.sum()
        self._error = self._features(table.counts(part, len(shares)))
        self._error[:, -1] -= wanted
        self._tolerance = np.maximum(1, _TOLERANCE * wanted)[:, None]
        self._weight = wanted**-2.0
        self._metric = np.append(np.ones(table.labels), _SIZE_WEIGHT)
        self._square = (self._group**2 * self._metric).sum(axis=1, keepdims=True)
        self._swaps = len(movable) <= _SWAPPABLE
        if self._swaps:
            self._overlap = (self._group * self._metric) @ self._group.T

    def run(self) -> float:
        """Makes the best change until all parts are within tolerance or no change improves them.

        Returns:
            The loss; 0 when all parts are within tolerance.
        """
        while (np.abs(self._error) > self._tolerance).any():
            moves, home = self._by_move(), self._part[self._movable]
            group, to = _least(moves)
            if moves[group, to] < -_GAIN:
                self._move(group, to)
                continue
            swaps = self._by_swap(moves, home) if self._swaps else np.zeros((1, 1))
            one, other = _least(swaps)
            if swaps[one, other] >= -_GAIN:
                return float(((self._error**2) @ self._metric) @ self._weight)
            self._move(one, home[other])
            self._move(other, home[one])
        return 0.0

    def _features(self, counts: Floats) -> Floats:
        size = counts.sum(axis=1, keepdims=True)
        return np.hstack([counts - size * self._whole, size])

    def _by_move(self) -> Floats:
        """Returns the change of the loss by moving each group to each part, (groups, parts)."""
        pull = 2 * (self._group * self._metric) @ self._error.T
        groups, home = np.arange(len(self._movable)), self._part[self._movable]
        leave = self._weight * (self._square - pull)
        change: Floats = leave[groups, home][:, None] + self._weight * (self._square + pull)
        change[groups, home] = 0
        return change

    def _by_swap(self, moves: Floats, home: Ints) -> Floats:
        """Returns the change of the loss by swapping any two groups, (groups, groups)."""
        there = moves[:, home]
        weight = self._weight[home]
        change: Floats = there + there.T - 2 * (weight[:, None] + weight) * self._overlap
        change[home[:, None] == home] = 0
        return change

    def _move(self, index: int, to: int) -> None:
        group = self._movable[index]
        self._error[self._part[group]] -= self._group[index]
        self._error[to] += self._group[index]
        self._part[group] = to


def _least(change: Floats) -> tuple[int, int]:
    # Equal changes may differ by rounding: the first of them is taken.
    near = change <= change.min() + _GAIN / 100
    row, column = divmod(int(near.argmax()), change.shape[1])
    return row, column


def _fill(size: Ints, part: Ints, least: Sequence[int]) -> None:
    """Fills parts with too few groups with the smallest groups of the part with the most."""
    for small, wanted in enumerate(least):
        while (part == small).sum() < wanted:
            groups = np.flatnonzero(part == np.bincount(part).argmax())
            part[groups[size[groups].argmin()]] = small


def _keep_labels(table: _GroupLabels, part: Ints) -> None:
    """Returns the smallest group of each label that the last part lacks to that part."""
    counts = table.counts(part, 2)
    for label in np.flatnonzero((counts[1] == 0) & (counts[0] > 0)):
        groups = table.group[table.label == label]
        if not part[groups].any() and (part == 0).sum() > 1:
            part[groups[table.size[groups].argmin()]] = 1
