"""Metrics of slices: which rows they hold, and which are significantly below the rest."""

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from evaluated import drawn, evaluated
from newsstand.train.evaluation.metrics import metrics
from newsstand.train.evaluation.result import SliceMetrics
from newsstand.train.evaluation.rows import EvaluatedRows
from newsstand.train.evaluation.slices import MIN_ROWS, slice_metrics

ROWS = 600


def slices_of(rows: EvaluatedRows, grouped_by: str | None = None) -> list[SliceMetrics]:
    return slice_metrics(rows, np.arange(len(rows)), grouped_by, count=500, seed=0)


def test_a_weak_slice_is_found_and_only_it() -> None:
    probabilities, truth = drawn(ROWS, right=0.8)
    weak = np.arange(ROWS) < 80
    truth[weak] = (probabilities[weak].argmax(axis=1) + np.arange(80) % 2) % 3  # half are right
    genres = np.where(weak, "opinion", np.where(np.arange(ROWS) % 2 == 0, "report", "feature"))
    found = {x.value: x for x in slices_of(evaluated(probabilities, truth, genre=genres.tolist()))}
    assert [x.value for x in found.values() if x.below] == ["opinion"]
    opinion = found["opinion"]
    expected = metrics(probabilities[weak], truth[weak], ("a", "b", "c"))
    assert (opinion.by, opinion.rows, opinion.groups) == ("genre", 80, 80)
    assert opinion.accuracy.value == pytest.approx(0.5)
    assert opinion.macro_f1.value == pytest.approx(expected["macro_f1"])
    rest = metrics(probabilities[~weak], truth[~weak], ("a", "b", "c"))["accuracy"]
    assert opinion.others == pytest.approx(rest)
    assert opinion.p < 0.001
    assert opinion.accuracy.low is not None
    assert 0.35 < opinion.accuracy.low < 0.45
    # Others may differ significantly from the rest without being below it.
    truth[:300] = probabilities[:300].argmax(axis=1)
    halves = ["best" if x < 300 else None for x in range(ROWS)]
    [best] = slices_of(evaluated(probabilities, truth, genre=halves))
    assert (best.p < 0.001, best.below) == (True, False)


def test_rows_are_divided_by_columns_seen_months_and_bins() -> None:
    probabilities, truth = drawn(ROWS)
    number = np.arange(ROWS)
    rows = evaluated(
        probabilities,
        truth,
        outlet=[f"o{x % 4}" for x in number],
        outlet_seen=[x % 4 < 2 for x in number],
        target_seen=[None if x % 3 == 0 else x % 3 == 1 for x in number],
        published=["2024-05-01" if x % 2 else "2023-11-30T10:00" for x in number[:-1]] + ["2020"],
        words=[(50, 100, 299, 300, 5000)[x % 5] for x in number],
        quote_share=[(0.0, 0.01, 0.2, 0.7)[x % 4] for x in number],
        language=["en"] * ROWS,
    )
    found = {(x.by, x.value): x.rows for x in slices_of(rows)}
    assert found == {
        **{("outlet", f"o{x}"): 150 for x in range(4)},
        ("outlet seen", "seen"): 300,
        ("outlet seen", "unseen"): 300,
        ("target seen", "seen"): 200,
        ("target seen", "unseen"): 200,
        ("month", "2023-11"): 300,
        ("month", "2024-05"): 299,
        ("length", "under 100 words"): 120,
        ("length", "100 to 299 words"): 240,
        ("length", "300 to 799 words"): 120,
        ("length", "800 words or more"): 120,
        ("quote share", "no quotes"): 150,
        ("quote share", "up to 20% quoted"): 150,
        ("quote share", "20% to 50% quoted"): 150,
        ("quote share", "over 50% quoted"): 150,
    }
    # All rows are in one language, so there is nothing to compare.
    months = [x.value for x in slices_of(rows) if x.by == "month"]
    assert months == ["2023-11", "2024-05"]


def test_small_slices_and_those_of_few_groups_are_left_out() -> None:
    probabilities, truth = drawn(ROWS)
    number = np.arange(ROWS)
    genres = np.where(number < MIN_ROWS - 1, "small", np.where(number < 100, "large", "other"))
    rows = evaluated(probabilities, truth, genre=genres.tolist())
    assert {x.value for x in slices_of(rows)} == {"large", "other"}
    groups = np.where(number < 100, number % 4, number)  # "large" has rows of four groups
    found = slice_metrics(rows, groups, "group", count=100, seed=0)
    assert {x.value for x in found} == {"other"}


def test_slices_of_the_grouping_column_are_resampled_by_row() -> None:
    probabilities, truth = drawn(ROWS)
    outlets = np.arange(ROWS) % 6
    rows = evaluated(probabilities, truth, outlet=[f"o{x}" for x in outlets])
    found = slice_metrics(rows, outlets, "outlet", count=500, seed=0)
    assert len(found) == 6
    for part in found:
        assert part.groups == 100
        assert part.accuracy.low is not None
        assert part.accuracy.high is not None
        assert 0.1 < part.accuracy.high - part.accuracy.low < 0.25


def test_p_values_are_corrected_by_holm() -> None:
    probabilities, truth = drawn(ROWS, right=0.6, seed=1)
    number = np.arange(ROWS)
    one = evaluated(probabilities, truth, genre=[f"g{x % 5}" for x in number])
    two = evaluated(probabilities, truth, language=[f"l{x % 7 % 3}" for x in number])
    both = evaluated(
        probabilities,
        truth,
        genre=one.columns["genre"].to_pylist(),
        language=two.columns["language"].to_pylist(),
    )
    # With one slice in each call there is nothing to correct: they are taken one by one.
    raw = []
    for part in slices_of(both):
        values = np.where(
            np.array(both.columns[part.by].to_pylist()) == part.value, "it", None
        ).tolist()
        [single] = slices_of(evaluated(probabilities, truth, **{part.by: values}))
        raw.append(single.p)
    corrected = multipletests(raw, method="holm")[1]
    assert [part.p for part in slices_of(both)] == pytest.approx(corrected.tolist(), rel=0.02)


def test_of_many_values_the_most_frequent_are_kept() -> None:
    probabilities, truth = drawn(3000)
    number = np.arange(3000)
    targets = np.where(number < 1200, number % 20, 20 + number % 40)  # 60 and 45 rows each
    rows = evaluated(probabilities, truth, target=[f"t{x}" for x in targets])
    found = [x.value for x in slices_of(rows)]
    assert len(found) == 25
    assert {f"t{x}" for x in range(20)} < set(found)


def test_slices_that_do_not_differ_are_not_below() -> None:
    alarms = 0
    for seed in range(40):
        probabilities, truth = drawn(200, right=0.9, seed=seed)
        genres = [f"g{x}" for x in np.arange(200) % 5]
        alarms += any(x.below for x in slices_of(evaluated(probabilities, truth, genre=genres)))
    assert alarms <= 4  # 2.5% are expected
