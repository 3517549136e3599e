"""Splits depend on content and not on order, keep groups together, and match the shares."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from entries import Entry, day, plain, problems, split
from newsstand.data.splits.balance import assign_groups
from newsstand.data.splits.groups import connected_groups, hashes, random_keys


def test_rows_are_grouped_through_other_rows() -> None:
    rows = [
        *(Entry(text=f"w{n}", group="wire") for n in range(3)),
        *(Entry(text=f"p{n}", group="paper") for n in range(3)),
        Entry(text="same", group="wire"),
        Entry(text="same", cluster="7"),
        Entry(text="other", cluster="7", group="paper"),
    ]
    for seed in range(20):
        assert len(set(split([*rows, *plain(20)], seed=seed).names[:9])) == 1
    group, key = connected_groups(["a", "b", "a"], [["", "", ""]])  # a blank joins nothing
    assert group[0] == group[2] != group[1]
    assert len(key) == 2


@pytest.mark.parametrize("strategy", ["random", "stratified", "grouped"])
def test_shares_match_the_request(strategy: str) -> None:
    sizes = {"a": 700, "b": 250, "c": 40, "d": 10}
    labels = [label for label, size in sizes.items() for _ in range(size)]
    rows = [Entry(text=f"text {n}", label=label) for n, label in enumerate(labels)]
    result = split(rows, strategy=strategy)
    found = Counter(result.names)
    assert abs(found["test"] - 200) <= 1
    assert abs(found["validation"] - 80) <= 1
    shares = Counter(zip(labels, result.names, strict=True))
    if strategy == "random":
        assert {k: shares[k, "test"] for k in sizes} != {"a": 140, "b": 50, "c": 8, "d": 2}
    else:
        assert {k: shares[k, "test"] for k in sizes} == {"a": 140, "b": 50, "c": 8, "d": 2}
        assert {k: shares[k, "validation"] for k in sizes} == {"a": 56, "b": 20, "c": 3, "d": 1}
        assert result.label_gap < 0.01


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("strategy", ["random", "stratified"])
def test_shares_are_close_with_groups_of_any_size(strategy: str, seed: int) -> None:
    # Half of all rows are one story: to draw it would turn the shares upside down.
    rows = [Entry(text=f"text {n}", group="flood") for n in range(100)]
    rows += [Entry(text=f"text {n}", group=f"story {n % 30}") for n in range(100, 200)]
    sizes = Counter(split(rows, strategy=strategy, seed=seed).names)
    assert abs(sizes["test"] - 40) <= 2
    assert abs(sizes["validation"] - 16) <= 2


def outlets() -> list[Entry]:
    """Outlets of very different size, nearly all of one label each."""
    sizes = [120, 110, 100, 90, 80, 70, *[25] * 18, *[6] * 60]
    return [
        Entry(text=f"{outlet} {n}", outlet=f"o{outlet}", label="abc"[(outlet + (n % 20 == 0)) % 3])
        for outlet, size in enumerate(sizes)
        for n in range(size)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_groups_keep_label_shares(seed: int) -> None:
    rows = outlets()
    result = split(rows, strategy="grouped", by=["outlet"], seed=seed)
    sizes = Counter(result.names)
    assert abs(sizes["test"] - 0.2 * len(rows)) <= 0.01 * len(rows)
    whole = Counter(row.label for row in rows)
    worst = 0.0
    for name, size in sizes.items():
        part = Counter(row.label for row, x in zip(rows, result.names, strict=True) if x == name)
        worst = max(worst, *(abs(part[x] / size - whole[x] / len(rows)) for x in "abc"))
    assert result.label_gap == pytest.approx(worst)
    assert worst < 0.02
    by_lot = random_keys(hashes([f"o{n}" for n in range(84)]), f"{seed}") % np.uint64(5) == 0
    alone = Counter(row.label for row in rows if by_lot[int((row.outlet or "o0")[1:])])
    assert max(abs(alone[x] / alone.total() - whole[x] / len(rows)) for x in "abc") > 3 * worst
    assert result.note.startswith("grouped by outlet; label shares within ")


def test_folds_of_groups_are_balanced() -> None:
    rows = outlets()
    names = [
        split(rows, strategy="grouped", by=["outlet"], folds=4, fold=fold).names
        for fold in range(4)
    ]
    sizes = [found.count("test") / len(rows) for found in names]
    assert sum(sizes) == 1
    assert max(abs(size - 0.25) for size in sizes) < 0.03


def test_missed_share_is_explained() -> None:
    rows = [Entry(text=f"text {n}", outlet="big" if n < 90 else f"o{n}") for n in range(100)]
    note = split(rows, strategy="grouped", by=["outlet"], test=0.3).note
    assert (
        "test has 9.0% of the rows instead of 30.0%, as the largest group has 90.0%" in note
        or "test has 10.0% of the rows instead of 30.0%" in note
    )


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_three_groups_make_three_splits(share: float) -> None:
    for strategy in ("random", "stratified", "grouped"):
        names = split(plain(3), strategy=strategy, test=share, validation=share).names
        assert sorted(names) == ["test", "train", "validation"]


def test_rare_label_is_always_in_training() -> None:
    for seed in range(20):
        rows = [*plain(100), *(Entry(text=f"rare {n}", label=f"b{n}") for n in range(3))]
        rows += [Entry(text=f"pair {n}", label="c") for n in range(2)]
        rows += [Entry(text=f"more {n}", label="d") for n in range(3)]
        result = split(rows, test=0.5, validation=0.5, seed=seed)
        assert result.names[100:103] == ["train"] * 3
        assert "train" in result.names[103:105]
        assert set(result.names[105:]) == {"train", "validation", "test"}


def test_seeds_differ_and_new_rows_move_few_others() -> None:
    rows = plain(500)
    first = split(rows).names
    assert split(rows).names == first
    assert split(rows, seed=1).names != first
    more = [*rows, *(Entry(text=f"new {n}") for n in range(10))]
    assert sum(x != y for x, y in zip(first, split(more).names, strict=False)) <= 10


def test_given_splits_are_kept() -> None:
    rows = [replace(row, given="test" if n < 10 else "train") for n, row in enumerate(plain(100))]
    result = split(rows)
    assert result.names[:10] == ["test"] * 10
    assert Counter(result.names[10:]) == {"train": 81, "validation": 9}
    assert split(rows, strategy="given").names == result.names
    assert split(rows, strategy="given").note.startswith("validation stratified; ")
    rows[10:20] = [replace(row, given="validation") for row in rows[10:20]]
    result = split(rows)
    assert result.names == [row.given for row in rows]
    assert (result.note, result.label_gap) == ("as given", 0.0)
    anew = split(rows, ignore_given=True)
    assert anew == split(plain(100))


def test_row_without_a_split_joins_its_story() -> None:
    rows = [Entry(text=f"text {n}", group=f"story {n % 4}") for n in range(12)]
    for n, name in enumerate(["train", "validation", "test"]):
        rows[n] = replace(rows[n], given=name)
    assert split(rows).names == ["train", "validation", "test", "train"] * 3


def test_missing_splits_are_drawn_from_the_rest() -> None:
    rows = [replace(row, given="train" if n < 50 else None) for n, row in enumerate(plain(100))]
    result = split(rows, test=0.2, validation=0.0)
    assert Counter(result.names[:50]) == {"train": 50}
    assert Counter(result.names[50:]) == {"train": 40, "test": 10}
    only = split(plain(20, given="train"))
    assert Counter(only.names) == {"train": 18, "validation": 2}


@pytest.mark.parametrize(
    ("strategy", "more"),
    [
        ("stratified", {}),
        ("grouped", {"by": ["outlet"]}),
        ("time", {}),
        ("unseen", {"by": ["outlet"]}),
    ],
)
def test_strategy_draws_only_validation_if_test_is_given(
    strategy: str, more: dict[str, Any]
) -> None:
    rows = [
        Entry(
            text=f"text {n}",
            given="test" if n < 20 else None,
            outlet=f"o{n // 4}",
            published=day(n),
        )
        for n in range(120)
    ]
    result = split(rows, strategy=strategy, validation=0.2, **more)
    assert [n for n, name in enumerate(result.names) if name == "test"] == list(range(20))
    validation = {n for n, name in enumerate(result.names) if name == "validation"}
    assert len(validation) == 20
    if strategy == "time":
        assert validation == set(range(100, 120))
    elif strategy != "stratified":
        assert len({n // 4 for n in validation}) == 5
    folds = [split(rows, strategy=strategy, folds=4, fold=f, **more) for f in range(4)]
    held = [n for result in folds for n, x in enumerate(result.names) if x == "validation"]
    assert sorted(held) == list(range(40 if strategy == "time" else 20, 120))
    assert all(result.names[:20] == ["test"] * 20 for result in folds)


def test_nothing_is_drawn_for_a_share_of_0() -> None:
    assert set(split(plain(50), test=0.0, validation=0.0).names) == {"train"}
    assert split([]).names == []


def test_time_compares_days_in_utc() -> None:
    published = [
        "2024-01-01",
        "2024-01-02T23:59:59",
        "2024-01-03T00:30:00+01:00",  # the day before, in UTC
        "2024-01-02T23:30:00-05:00",  # the day after
        "2024-01-03T12:00Z",
        "20240104",
        "0001-01-01T00:00+14:00",
        None,
    ]
    rows = [Entry(text=f"text {n}", published=when) for n, when in enumerate(published)]
    result = split(rows, strategy="time", test=0.4, validation=0.5)
    assert result.names == [
        *("train", "validation", "validation"),
        *("test", "test", "test", "train", ""),
    ]
    assert result.reasons == [*[""] * 7, "undated"]
    assert "test from 2024-01-03 to 2024-01-04" in result.note


def test_story_crossing_a_time_split_is_held_out_or_left_out() -> None:
    rows = [Entry(text=f"text {n}", published=day(n)) for n in range(100)]
    for n in (3, 75, 95):
        rows[n] = replace(rows[n], group="flood")
    result = split(rows, strategy="time", test=0.2, validation=0.1)
    assert [n for n, reason in enumerate(result.reasons) if reason] == [3, 75]
    assert {result.reasons[n] for n in (3, 75)} == {"crosses-splits"}
    assert result.names[95] == "test"


def test_held_out_values_may_be_named() -> None:
    rows = [
        Entry(text=f"text {n // 2}", target=f"target {n % 7}", outlet=f"outlet {n % 3}")
        for n in range(84)
    ]
    options: dict[str, Any] = {"strategy": "unseen", "by": ["target"]}
    result = split(rows, hold_out=["target 3"], validation=0.0, **options)
    for row, name in zip(rows, result.names, strict=True):
        assert (name == "test") == (row.target == "target 3")
    texts = {row.text for row, x in zip(rows, result.names, strict=True) if x == "test"}
    for row, reason in zip(rows, result.reasons, strict=True):
        assert (reason == "crosses-splits") == (row.target != "target 3" and row.text in texts)
    assert "test of 1 of 7 targets ('target 3')" in result.note
    options["by"] = ["target", "outlet"]
    result = split(rows, hold_out=["target 3", "outlet 1"], validation=0.0, **options)
    for row, name in zip(rows, result.names, strict=True):
        assert (name == "test") == ((row.target, row.outlet) == ("target 3", "outlet 1"))
    assert problems(rows, hold_out=["target 3"], **options) == [
        "data.split.hold_out: none of the values is in 'outlet'; name some, or remove the column "
        "from data.split.by"
    ]


ONE = plain(100, outlet="Wire", target="a strike", published="2024-05-01")
GIVEN = [replace(row, given="test" if n < 10 else "train") for n, row in enumerate(ONE)]


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (
            ONE,
            {"strategy": "grouped", "by": ["outlet"]},
            "data.split: test and the rest need at least 3 groups (rows that must stay "
            "together), but the 100 rows have 1",
        ),
        (
            plain(4),
            {"folds": 5},
            "data.split: 5 folds need at least 5 groups (rows that must stay together), but "
            "the 4 rows have 4",
        ),
        (
            ONE,
            {"strategy": "unseen", "by": ["outlet"]},
            "data.split: test and the rest need at least 3 values of 'outlet', but the 100 rows "
            "have 1",
        ),
        (
            plain(9),
            {"strategy": "grouped", "by": ["author"]},
            "data.split.by: no row has 'author'",
        ),
        (plain(9), {"strategy": "unseen", "by": ["author"]}, "data.split.by: no row has 'author'"),
        (
            ONE,
            {"strategy": "unseen", "by": ["target"], "hold_out": ["the strike"]},
            "data.split.hold_out: no row has 'the strike' in 'target'; did you mean 'a strike'?",
        ),
        (
            ONE,
            {"strategy": "unseen", "by": ["target"], "hold_out": ["a strike"]},
            "data.split.strategy: unseen makes 100 of 100 rows test rows and leaves 0 for training",
        ),
        (
            ONE,
            {"strategy": "time"},
            "data.split.strategy: time needs rows of at least 3 days, but the 100 rows with a "
            "date are of 1",
        ),
        (
            [*plain(95), *(replace(row, text=f"x{row.text}") for row in ONE[:5])],
            {"strategy": "time"},
            "data.split.strategy: time needs dates, but only 5 of 100 rows have one in 'published'",
        ),
        (
            plain(9, published="7 May"),
            {"strategy": "time"},
            "field 'published': expected an ISO 8601 date, got '7 May'",
        ),
        (
            [Entry(text=f"text {n}", published=day(n)) for n in range(20)],
            {"strategy": "time", "gap_days": 30},
            "data.split.strategy: time makes 4 of 20 rows test rows and leaves 0 for training, 16 "
            "left out as 'gap'",
        ),
        (
            ONE,
            {"strategy": "given"},
            "data.split.strategy: given needs train and test rows given by the data, got 0 "
            "train, 0 validation and 0 test rows",
        ),
        (
            GIVEN,
            {"strategy": "unseen", "by": ["target"], "hold_out": ["a strike"]},
            "data.split.hold_out: the data gives the test rows; leave it out, or redraw all "
            "splits with data.split.ignore_given=true",
        ),
        (
            [replace(row, given="validation") if n > 80 else row for n, row in enumerate(GIVEN)],
            {"folds": 5},
            "data.split.folds: the data gives validation and test rows, so there is nothing to "
            "draw; data.split.ignore_given=true redraws all splits",
        ),
        (
            [replace(row, given="train") if n > 80 else row for n, row in enumerate(ONE)],
            {"strategy": "time"},
            "data.split.strategy: time cannot draw test rows, as the data gives 19 of 100 rows a "
            "split; data.split.ignore_given=true redraws all splits",
        ),
    ],
)
def test_impossible_splits_are_refused(
    rows: list[Entry], options: dict[str, Any], message: str
) -> None:
    assert problems(rows, **options) == [message]


def test_many_groups_are_balanced() -> None:
    # More groups than may move: sizes and label shares are still balanced.
    draw = np.random.default_rng(0)
    group = np.concatenate([np.arange(25_000), draw.integers(0, 25_000, 15_000)])
    label = draw.integers(0, 4, len(group))
    part = assign_groups(
        group, label, random_keys(hashes(map(str, range(25_000))), "x"), [0.2, 0.8]
    )
    held = part[group] == 0
    assert abs(held.mean() - 0.2) < 0.001
    shares = np.bincount(label[held]) / held.sum() - np.bincount(label) / len(label)
    assert np.abs(shares).max() < 0.002
