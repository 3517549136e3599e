"""The ways to draw a split from a pool of rows: whole units, the latest rows, unseen values."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from newsstand.data.splits.balance import share_out
from newsstand.data.splits.groups import codes, hashes, lots
from newsstand.errors import DataError, did_you_mean
from newsstand.types import Hashes, Ints

# What becomes of each row of a pool: it is held out, it stays in the pool, or the reason why it
# is left out of all splits.
Outcome: TypeAlias = NDArray[np.str_]
HELD, STAYS = "held", ""
_NO_DATE = -(10**9)
# By time, at least this share of the rows must have a date.
_DATED = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Rows that a split is drawn from, and how much of them.

    Args:
        name: The split, `test` or `validation`.
        unit: Of each row.
        unit_keys: Of each unit.
        label: Of each row.
        share: Share of the rows to hold out.
        folds: Hold out the `fold`-th of so many parts instead of a share.
        fold: From 0.
        keep: Least number of units, values or days that stay in the pool.
        seed: Another seed, another draw.
    """

    name: str
    unit: Ints
    unit_keys: Hashes
    label: Ints
    share: float
    folds: int | None
    fold: int
    keep: int
    seed: int

    def outcome(self) -> Outcome:
        """All rows stay."""
        return np.full(len(self.unit), STAYS, "U10")

    def hold_out(self, unit: Ints, keys: Hashes, label: Ints, share: float, what: str) -> Ints:
        """Whether each unit (or value) is held out: 1 or 0.

        Args:
            unit: Of each row; rows and labels may be fewer than the pool's.
            keys: Of each unit; what it depends on.
            label: Of each row.
            share: To hold out, if there are no folds.
            what: What units are called in messages.
        """
        numbers, unit = np.unique(unit, return_inverse=True)
        needed = self.folds or 1 + self.keep
        if len(numbers) < needed:
            purpose = f"{self.folds} folds" if self.folds else f"{self.name} and the rest"
            raise DataError(
                f"data.split: {purpose} need at least {needed} {what}, but the {len(unit):,} rows "
                f"have {len(numbers)}"
            )
        shares = [1 / self.folds] * self.folds if self.folds else [share, 1 - share]
        lot = lots(keys[numbers], f"{self.seed} {self.name}")
        keep = 1 if self.folds else self.keep
        part = share_out(unit, label, lot, shares, keep=keep)
        held = np.zeros(len(keys), np.int64)
        held[numbers] = part == (self.fold if self.folds else 0)
        return held

    def keep_units_whole(self, outcome: Outcome) -> None:
        """Leaves out the rows that would stay although rows of their unit are held out."""
        held = np.zeros(len(self.unit_keys), bool)
        held[self.unit[outcome == HELD]] = True
        outcome[(outcome == STAYS) & held[self.unit]] = "astride"


def draw_units(pool: Pool, *, labels: bool) -> tuple[Outcome, str]:
    """Whole units, so that the share and, if asked, each label's share come near.

    Returns:
        The outcome, and a remark for people, if there is anything to say.
    """
    label = pool.label if labels else np.zeros_like(pool.label)
    what = "units (rows that belong together make one)"
    held = pool.hold_out(pool.unit, pool.unit_keys, label, pool.share, what)
    outcome = pool.outcome()
    outcome[held[pool.unit] == 1] = HELD
    asked, got = 1 / pool.folds if pool.folds else pool.share, float(held[pool.unit].mean())
    largest = np.bincount(pool.unit).max()
    if abs(got - asked) <= max(0.1 * asked, 1 / len(outcome)):
        return outcome, ""
    return outcome, (
        f"{pool.name} has {got:.1%} of the rows instead of {asked:.1%}, as the largest unit has "
        f"{largest / len(outcome):.1%}"
    )


def draw_latest(
    pool: Pool, published: Sequence[str | None], *, gap_days: int
) -> tuple[Outcome, str]:
    """The rows of the latest days; of folds, the `fold`-th block of days but the first.

    Rows without a date, of the days of the gap, and of the blocks after the fold are left out.
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
            f"data.split.strategy: time needs rows of at least {len(shares) - 1 + pool.keep} days "
            f"here, but the {dated.sum():,} rows with a date are of {len(days)}"
        )
    cuts = [*_cuts(days, sizes, shares, pool.keep), days[-1] + 1]
    start, end = (cuts[pool.fold], cuts[pool.fold + 1]) if pool.folds else cuts
    outcome[~dated] = "undated"
    outcome[dated & (day >= start - gap_days)] = "gap"
    outcome[dated & (day >= start)] = HELD
    outcome[dated & (day >= end)] = "later"
    pool.keep_units_whole(outcome)
    first, last = (date.fromordinal(int(x) + 1).isoformat() for x in (start, end - 1))
    return outcome, f"{pool.name} from {first} to {last}"


def draw_unseen(
    pool: Pool, columns: dict[str, Sequence[str | None]], *, hold_out: Sequence[str] = ()
) -> tuple[Outcome, str]:
    """All rows of some values of each column, so that the rest has none of these values.

    Rows with held-out values in one column and others in another are left out. A column in
    which a row has no value does not decide about the row.

    Args:
        pool: The rows.
        columns: Name and values, one a row.
        hold_out: The values, else they are drawn.
    """
    _check_values(columns, hold_out)
    outcome, said = pool.outcome(), []
    kept, held = (np.zeros(len(outcome), bool) for _ in range(2))
    for column, values in columns.items():
        number, known = codes(values)
        if hold_out:
            out = np.isin(np.array(known), hold_out)
        else:
            has = number >= 0
            share = pool.share ** (1 / len(columns))
            keys, what = hashes(f"{column} {value}" for value in known), f"values of '{column}'"
            out = pool.hold_out(number[has], keys, pool.label[has], share, what) == 1
        # One more place, for rows without a value (-1): neither.
        held |= np.append(out, False)[number]
        kept |= np.append(~out, False)[number]
        names = sorted(value for value, is_out in zip(known, out, strict=True) if is_out)
        listed = "" if column == "text" else f" ({_listed(names)})"  # texts are known by a key
        said.append(f"{len(names):,} of {len(known):,} {column}s{listed}")
    outcome[held] = np.where(kept[held], "astride", HELD)
    pool.keep_units_whole(outcome)
    return outcome, f"{pool.name} of {' and '.join(said)}"


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
        f"data.split.hold_out: none of the values is in '{name}'; name some, or leave the column "
        "out of data.split.by"
        for name in known
        if hold_out and not problems and known[name].isdisjoint(hold_out)
    ]
    if problems:
        raise DataError(problems)


def _days(published: Sequence[str | None]) -> Ints:
    """Days since 1 January of the year 1, in UTC."""
    number, known = codes(published)
    days, problems = [], []
    for text in known:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            problems.append(f"field 'published': expected an ISO 8601 date, got {text!r:.40}")
            continue
        # Not astimezone, which fails near the years 1 and 9999.
        since = moment.replace(tzinfo=None) - datetime(1, 1, 1)
        days.append((since - (moment.utcoffset() or timedelta())).days)
    if problems:
        raise DataError(problems)
    return np.array([*days, _NO_DATE], np.int64)[number]


def _cuts(days: Ints, sizes: Ints, shares: Sequence[float], keep: int) -> list[int]:
    """The first day of each block but the first, so that blocks are as large as asked.

    Args:
        days: Distinct and sorted.
        sizes: Rows of each day.
        shares: Of each block, 1 in all.
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
