"""Properties of all splits: groups stay together, and the order of rows does not matter."""

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from entries import Entry, day, groups, seen_in, split
from newsstand.data.splits.split import Splits
from newsstand.errors import DataError


def some(prefix: str, count: int) -> st.SearchStrategy[str | None]:
    """Mostly None."""
    return st.integers(0, 5 * count).map(lambda n: f"{prefix} {n}" if n < count else None)


ENTRY = st.builds(
    Entry,
    text=st.integers(0, 300).map(lambda n: f"text {n}"),
    label=st.sampled_from("aab"),
    group=some("story", 5),
    cluster=some("cluster", 5),
    outlet=st.sampled_from([None, *(f"outlet {n}" for n in range(12))]),
    target=st.sampled_from([f"target {n}" for n in range(12)]),
    published=st.integers(0, 99).map(lambda n: day(n) if n < 80 else None),
)
ROWS = st.lists(ENTRY, min_size=30, max_size=60)
OPTIONS: list[dict[str, Any]] = [
    {"strategy": "random"},
    {"strategy": "stratified"},
    {"strategy": "grouped", "by": ["outlet"]},
    {"strategy": "time", "gap_days": 2},
    {"strategy": "unseen", "by": ["target"]},
    {"strategy": "unseen", "by": ["target", "outlet"]},
    {"strategy": "stratified", "folds": 3, "fold": 1},
    {"strategy": "grouped", "by": ["target"], "folds": 2, "fold": 1},
    {"strategy": "time", "folds": 3, "fold": 1},
    {"strategy": "unseen", "by": ["target"], "folds": 3, "fold": 2},
]
EACH = pytest.mark.parametrize("options", OPTIONS, ids=str)
PROPERTY = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)


def drawn(rows: Sequence[Entry], options: dict[str, Any]) -> Splits:
    """The splits; rows that the strategy rightly refuses are no example."""
    try:
        return split(rows, **{"test": 0.3, "validation": 0.3} | options)
    except DataError:
        assume(False)
        raise


@EACH
@PROPERTY
@given(rows=ROWS, shuffler=st.randoms(use_true_random=False))
def test_splits_do_not_depend_on_row_order_or_cluster_names(
    options: dict[str, Any], rows: list[Entry], shuffler: random.Random
) -> None:
    first = drawn(rows, options)
    order = list(range(len(rows)))
    shuffler.shuffle(order)
    renamed = [replace(row, cluster=row.cluster and f"x{row.cluster[::-1]}") for row in rows]
    again = drawn([renamed[index] for index in order], options)
    assert again.names == [first.names[index] for index in order]
    assert again.reasons == [first.reasons[index] for index in order]
    assert (again.note, again.label_gap) == (first.note, first.label_gap)


@EACH
@PROPERTY
@given(rows=ROWS)
def test_no_group_crosses_splits_and_no_split_is_empty(
    options: dict[str, Any], rows: list[Entry]
) -> None:
    result = drawn(rows, options)
    by = options["by"] if options["strategy"] == "grouped" else ()
    for members in groups(rows, *by):
        assert len({result.names[index] for index in members} - {""}) <= 1
    assert {"train", "validation", "test"} <= set(result.names)
    for name, reason in zip(result.names, result.reasons, strict=True):
        assert (name == "") == (reason != "")
    if options["strategy"] in ("random", "stratified", "grouped"):
        assert "" not in result.names


@EACH
@PROPERTY
@given(rows=ROWS)
def test_folds_are_disjoint_and_cover_all_rows(options: dict[str, Any], rows: list[Entry]) -> None:
    results = [drawn(rows, options | {"folds": 3, "fold": fold}) for fold in range(3)]
    tested = Counter(
        index for result in results for index, name in enumerate(result.names) if name == "test"
    )
    assert set(tested.values()) == {1}
    columns = options.get("by", ()) if options["strategy"] == "unseen" else ()
    if options["strategy"] == "time":
        # All but the first block: the rows that every fold trains on or leaves out.
        first = min(rows[index].published or "" for index in tested)
        expected = {i for i, row in enumerate(rows) if (row.published or "") >= first}
        assert set(tested) == expected
    elif len(columns) < 2:
        assert len(tested) == len(rows)


@PROPERTY
@given(rows=ROWS, gap=st.integers(0, 5))
def test_time_goes_forward_with_a_gap(rows: list[Entry], gap: int) -> None:
    result = drawn(rows, {"strategy": "time", "gap_days": gap})
    days = defaultdict(list)
    for row, name, reason in zip(rows, result.names, result.reasons, strict=True):
        assert (reason == "undated") == (row.published is None)
        if row.published:
            days[name or reason].append(date.fromisoformat(row.published))
    assert min(days["test"]) - max(days["validation"]) > timedelta(days=gap)
    assert min(days["validation"]) - max(days["train"]) > timedelta(days=gap)
    for left_out in days["gap"]:
        assert any(
            timedelta(0) < min(days[later]) - left_out <= timedelta(days=gap)
            for later in ("validation", "test")
        )


@pytest.mark.parametrize("by", [["target"], ["outlet"], ["target", "outlet"]], ids=str)
@PROPERTY
@given(rows=ROWS)
def test_unseen_values_are_in_no_other_split(by: list[str], rows: list[Entry]) -> None:
    result = drawn(rows, {"strategy": "unseen", "by": by})
    for column in by:
        seen = defaultdict(set)
        for row, name in zip(rows, result.names, strict=True):
            seen[name].add(getattr(row, column))
        for one, other in (("test", "train"), ("test", "validation"), ("validation", "train")):
            assert seen[one] & seen[other] <= {None}
    assert set(result.reasons) <= {"", "crosses-splits"}
    for row, reason, refit_only in zip(rows, result.reasons, result.refit_only, strict=True):
        # A refit may use the row: none of its values are in the test split.
        if refit_only:
            assert reason
            assert all(getattr(row, x) not in seen_in(result, rows, x) - {None} for x in by)
