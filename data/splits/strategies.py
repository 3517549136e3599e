"""Strategies for drawing a split from a pool of rows: whole groups, latest rows, unseen values."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from newsstand.data.splits.balance import assign_groups
from newsstand.data.splits.groups import codes, hashes, random_keys
from newsstand.errors import DataError, did_you_mean
from newsstand.types import Hashes, Ints

# For each row of a pool: it is held out, it stays in the pool, or the reason why it is left out of
# all splits.
Outcome: TypeAlias = NDArray[np.str_]
OUTCOME_TYPE = "U14"
HELD, STAYS = "held", ""
_NO_DATE = -(10**9)
_DATED = 0.1  # least share of rows with a date for a split by time


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """The rows that a split is drawn from, and how many of them to draw.

    Args:
        name: Name of the split, `test` or `validation`.
        group: Group of each row.
        group_keys: Key of each group.
        label: Label of each row.
        share: Share of the rows to hold out.
        folds: Number of folds; if set, one fold is held out instead of a share.
        fold: Number of the fold, from 0.
        keep: Least number of groups, values or days that stay in the pool.
        seed: Seed of the draw.
    """

    name: str
    group: Ints
    group_keys: Hashes
    label: Ints
    share: float
    folds: int | None
    fold: int
    keep: int
    seed: int

    def outcome(self) -> Outcome:
        """Returns an outcome in which all rows stay."""
        return np.full(len(self.group), STAYS, OUTCOME_TYPE)

    def hold_out(self, group: Ints, keys: Hashes, label: Ints, share: float, noun: str) -> Ints:
        """Draws the groups (or values) to hold out: 1 for held out, else 0.

        Args:
            group: Group of each row; rows may be fewer than the pool's.
            keys: Key of each group, which determines its random number.
            label: Label of each row.
            share: Share to hold out, if there are no folds.
            noun: Name of the groups in messages.
        """
        numbers, group = np.unique(group, return_inverse=True)
        needed = self.folds or 1 + self.keep
        if len(numbers) < needed:
            purpose = f"{self.folds} folds" if self.folds else f"{self.name} and the rest"
            raise DataError(
                f"data.split: {purpose} need at least {needed} {noun}, but the {len(group):,} rows "
                f"have {len(numbers)}"
            )
        shares = [1 / self.folds] * self.folds if self.folds else [share, 1 - share]
        order = random_keys(keys[numbers], f"{self.seed} {self.name}")
        keep = 1 if self.folds else self.keep
        part = assign_groups(group, label, order, shares, keep=keep)
        held = np.zeros(len(keys), np.int64)
        held[numbers] = part == (self.fold if self.folds else 0)
        return held

    def keep_groups_whole(self, outcome: Outcome) -> None:
        """Leaves out the rows that would stay although rows of their group are held out."""
        held = np.zeros(len(self.group_keys), bool)
        held[self.group[outcome == HELD]] = True
        outcome[(outcome == STAYS) & held[self.group]] = "crosses-splits"


def draw_groups(pool: Pool, *, labels: bool) -> tuple[Outcome, str]:
    """Draws whole groups, close to the requested share and, with `labels`, to the label shares.

    Returns:
        The outcome, and a remark if the share is missed.
    """
    label = pool.label if labels else np.zeros_like(pool.label)
    noun = "groups (rows that must stay together)"
    held = pool.hold_out(pool.group, pool.group_keys, label, pool.share, noun)
    outcome = pool.outcome()
    outcome[held[pool.group] == 1] = HELD
    asked, got = 1 / pool.folds if pool.folds else pool.share, float(held[pool.group].mean())
    largest = np.bincount(pool.group).max()
    if abs(got - asked) <= max(0.1 * asked, 1 / len(outcome)):
        return outcome, ""
    return outcome, (
        f"{pool.name} has {got:.1%} of the rows instead of {asked:.1%}, as the largest group has "
        f"{largest / len(outcome):.1%}"
    )


def draw_latest(
    pool: Pool, published: Sequence[str | None], *, gap_days: int
) -> tuple[Outcome, str]:
    """Draws the rows of the latest days, or with folds one of the blocks of days after the first.

    Rows without a date, in the gap, or in blocks after the fold are left out.
    """
    day, outcome = _days(published), pool.outcome()
    dated = day != _NO_DATE
    if dated.sum() < max(1, _DATED * len(day)):
        raise DataError(
            f"data.split.strategy: time needs dates, but only {dated.sum():,} of {len(day):,} rows "
            "have one in 'published'"
        )
    shares = (
        [1 / (pool.folds + 1)] * (pool.folds + 1) if pool.folds else [1 - pool.share, pool.share]
    )
    days, sizes = np.unique(day[dated], return_counts=True)
    if len(days) < len(shares) - 1 + pool.keep:
        raise DataError(
            f"data.split.strategy: time needs rows of at least {len(shares) - 1 + pool.keep} days, "
            f"but the {dated.sum():,} rows with a date are of {len(days)}"
        )
    cuts = [*_cuts(days, sizes, shares, pool.keep), days[-1] + 1]
    start, end = (cuts[pool.fold], cuts[pool.fold + 1]) if pool.folds else cuts
    outcome[~dated] = "undated"
    outcome[dated & (day >= start - gap_days)] = "gap"
    outcome[dated & (day >= start)] = HELD
    outcome[dated & (day >= end)] = "later"
    pool.keep_groups_whole(outcome)
    first, last = (date.fromordinal(int(x) + 1).isoformat() for x in (start, end - 1))
    return outcome, f"{pool.name} from {first} to {last}"


def draw_unseen(
    pool: Pool, columns: dict[str, Sequence[str | None]], *, hold_out: Sequence[str] = ()
) -> tuple[Outcome, str]:
    """Draws all rows of some values of each column, so that no other row has these values.

    Rows with a held-out value in one column and another value in another column are left out.
    A missing value is ignored.

    Args:
        pool: The rows.
        columns: Values of each row, by column.
        hold_out: The values to hold out; drawn if empty.
    """
    _check_values(columns, hold_out)
    outcome, parts = pool.outcome(), []
    kept, held = (np.zeros(len(outcome), bool) for _ in range(2))
    for column, values in columns.items():
        number, known = codes(values)
        if hold_out:
            out = np.isin(np.array(known), hold_out)
        else:
            has = number >= 0
            share = pool.share ** (1 / len(columns))
            keys, noun = hashes(f"{column} {value}" for value in known), f"values of '{column}'"
            out = pool.hold_out(number[has], keys, pool.label[has], share, noun) == 1
        # A further element for rows without a value (-1), which are neither held out nor kept.
        held |= np.append(out, False)[number]
        kept |= np.append(~out, False)[number]
        names = sorted(value for value, is_out in zip(known, out, strict=True) if is_out)
        listed = "" if column == "text" else f" ({_listed(names)})"  # texts are given by key
        parts.append(f"{len(names):,} of {len(known):,} {column}s{listed}")
    outcome[held] = np.where(kept[held], "crosses-splits", HELD)
    pool.keep_groups_whole(outcome)
    return outcome, f"{pool.name} of {' and '.join(parts)}"


def _check_values(columns: dict[str, Sequence[str | None]], hold_out: Sequence[str]) -> None:
    known = {name: {value for value in values if value} for name, values in columns.items()}
    problems = [f"data.split.by: no row has '{name}'" for name in known if not known[name]]
    every = set[str]().union(*known.values())
    where = " or ".join(f"'{name}'" for name in known)
    problems += [
        f"data.split.hold_out: no row has {value!r:.60} in {where}"
        f"{did_you_mean(value, sorted(every), None)}"
        for value in hold_out
        if value not in every
    ]
    problems += [
        f"data.split.hold_out: none of the values is in '{name}'; name some, or remove the column "
        "from data.split.by"
        for name in known
        if hold_out and not problems and known[name].isdisjoint(hold_out)
    ]
    if problems:
        raise DataError(problems)


def _days(published: Sequence[str | None]) -> Ints:
    """Returns the number of days since 1 January of the year 1, in UTC."""
    number, known = codes(published)
    days, problems = [], []
    for text in known:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            problems.append(f"field 'published': expected an ISO 8601 date, got {text!r:.40}")
            continue
        # `astimezone` fails near the years 1 and 9999.
        since = moment.replace(tzinfo=None) - datetime(1, 1, 1)
        days.append((since - (moment.utcoffset() or timedelta())).days)
    if problems:
        raise DataError(problems)
    return np.array([*days, _NO_DATE], np.int64)[number]


def _cuts(days: Ints, sizes: Ints, shares: Sequence[float], keep: int) -> list[int]:
    """Returns the first day of each block after the first, for blocks close to the given shares.

    Args:
        days: Distinct days, ascending.
        sizes: Number of rows of each day.
        shares: Share of the rows of each block, 1 in total.
        keep: Least number of days in the first block.
    """
    before = np.cumsum(sizes) - sizes
    cuts: list[int] = []
    low = keep
    for block, target in enumerate(np.cumsum(shares[:-1]) * sizes.sum()):
        high = len(days) - (len(shares) - 1 - block) + 1  # each later block has a day
        place = low + int(np.abs(before[low:high] - target).argmin())
        cuts.append(int(days[place]))
        low = place + 1
    return cuts


def _listed(names: Sequence[str], most: int = 5) -> str:
    shown = ", ".join(f"'{name:.40}'" for name in names[:most])
    return f"{shown}, …" if len(names) > most else shown
