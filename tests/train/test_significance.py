"""Tests of two models on the same rows: their level, their intervals, and other libraries'."""

from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from comparing import drawn, predictions
from newsstand.errors import NewsstandError
from newsstand.train.evaluation import significance
from newsstand.train.evaluation.bootstrap import group_codes
from newsstand.train.evaluation.evaluation import evaluate
from newsstand.train.evaluation.metrics import METRICS
from newsstand.train.evaluation.multiple_tests import holm
from newsstand.train.evaluation.paired_metrics import metric_value, paired_sums
from newsstand.train.evaluation.rows import EvaluatedRows
from newsstand.train.evaluation.significance import (
    mcnemar,
    metric_interval,
    paired_test,
)

SETTINGS = {"f_avg": ["sport", "weather"], "fnc_score": True, "mae": True}
Pair = tuple[EvaluatedRows, EvaluatedRows]


def with_settings(pair: Pair) -> Pair:
    rng = np.random.default_rng(3)
    noisy = [
        replace(rows, settings=SETTINGS, probabilities=shares / shares.sum(axis=1, keepdims=True))
        for rows in pair
        for shares in [rows.probabilities + rng.random(rows.probabilities.shape) * 0.2]
    ]
    return noisy[0], noisy[1]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("groups", [None, 20])
def test_sums_give_the_metric_of_the_rows(metric: str, groups: int | None) -> None:
    pair = with_settings(drawn(np.random.default_rng(1), 150, groups))
    sums = paired_sums(*pair, group_codes(pair[0])[0], metric)
    if sums is None:
        assert metric not in ("accuracy", "macro_f1", "log_loss", "f_avg", "fnc_score", "mae")
        return
    for rows, parts in zip(pair, (sums.first, sums.second), strict=True):
        whole = sums.metric(sums.times[None] @ parts)
        assert whole == pytest.approx(metric_value(rows, metric, SETTINGS))


@pytest.mark.parametrize(("metric", "count"), [("accuracy", 800), ("ece", 200)])
def test_resamples_are_of_whole_groups(metric: str, count: int) -> None:
    first, second = with_settings(drawn(np.random.default_rng(5), 200, 30))
    found = paired_test(first, second, metric, resamples=count)
    rng, groups = np.random.default_rng(9), group_codes(first)[0]
    differences = []
    for _ in range(count):
        rows = np.concatenate([np.flatnonzero(groups == g) for g in rng.integers(0, 30, 30)])
        values = [metric_value(each.select(rows), metric, SETTINGS) for each in (first, second)]
        differences.append(values[1] - values[0])
    width = found.high - found.low
    # Expanded percentiles of 30 groups.
    assert (found.low, found.high) == pytest.approx(
        np.percentile(differences, (1.9, 98.1)), abs=0.2 * width
    )


@pytest.mark.parametrize(
    ("rows", "groups", "metric"),
    [(300, None, "accuracy"), (200, None, "macro_f1"), (200, 6, "accuracy"), (300, 40, "macro_f1")],
)
def test_equal_models_differ_in_a_twentieth_of_simulations(
    rows: int, groups: int | None, metric: str
) -> None:
    rng = np.random.default_rng(2)
    found = [
        paired_test(*drawn(rng, rows, groups), metric, resamples=199, seed=number)
        for number in range(200)
    ]
    # Of a true 5%, 200 simulations give 1% to 10.5% in all but one of a thousand cases;
    # tests/bench/comparisons.py has more of them.
    assert 0.01 <= np.mean([each.p_bootstrap < 0.05 for each in found]) <= 0.105
    assert 0.90 <= np.mean([each.low <= 0 <= each.high for each in found]) <= 0.99


def test_a_better_model_is_found() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 400)
    worse = np.where(rng.random(400) < 0.7, truth, (truth + 1) % 3).tolist()
    better = np.where(rng.random(400) < 0.85, truth, (truth + 1) % 3).tolist()
    first, second = (predictions(truth.tolist(), each) for each in (worse, better))
    found = paired_test(first, second)
    assert found.difference == pytest.approx(found.second - found.first)
    assert 0 < found.low < found.difference < found.high
    assert found.p_bootstrap < 0.001
    assert found.p_mcnemar < 0.001
    assert found.significant()
    assert not found.significant(0.3)
    back = paired_test(second, first)
    assert (back.difference, back.only_first, back.only_second) == pytest.approx(
        (-found.difference, found.only_second, found.only_first)
    )
    loss = paired_test(
        replace(first, settings={"mae": True}), replace(second, settings={"mae": True}), "mae"
    )
    assert loss.difference < 0 < loss.gain


def test_the_same_predictions_do_not_differ() -> None:
    first, _ = drawn(np.random.default_rng(0), 50)
    found = paired_test(first, first)
    assert (found.difference, found.low, found.high) == (0, 0, 0)
    assert (found.p_bootstrap, found.p_mcnemar) == (1, 1)


def test_results_depend_on_the_seed_alone() -> None:
    pair = drawn(np.random.default_rng(0), 80)
    assert paired_test(*pair, seed=4) == paired_test(*pair, seed=4)
    assert paired_test(*pair, seed=4).low != paired_test(*pair, seed=5).low


@pytest.mark.parametrize("counts", [(0, 0), (0, 5), (3, 12), (40, 61), (200, 150)])
def test_mcnemar_is_that_of_statsmodels(counts: tuple[int, int]) -> None:
    oracle = import_module("statsmodels.stats.contingency_tables").mcnemar
    table = [[50, counts[0]], [counts[1], 20]]
    expected = oracle(table, exact=True).pvalue if sum(counts) else 1.0
    assert mcnemar(*counts) == pytest.approx(expected, abs=5e-4)


def test_holm_is_that_of_statsmodels() -> None:
    multipletests = import_module("statsmodels.stats.multitest").multipletests
    p = np.random.default_rng(0).random(9) ** 3
    assert holm(p.tolist()) == pytest.approx(multipletests(p, method="holm")[1])


def test_intervals_of_one_model_are_those_of_its_evaluation() -> None:
    rows = drawn(np.random.default_rng(8), 200)[0]
    found, own = metric_interval(rows, "macro_f1"), evaluate(rows).metrics["macro_f1"]
    assert (found.value, found.low, found.high) == pytest.approx((own.value, own.low, own.high))


def test_groups_are_of_the_first_column_that_has_enough() -> None:
    many, few = [f"v{number % 7}" for number in range(40)], ["a", "b"] * 20
    given: dict[str, Any] = {"task": "stance", "target": few, "outlet": many}
    rows = predictions([0] * 40, [0] * 40, **given)
    codes, name = group_codes(rows)
    assert (name, len(set(codes.tolist()))) == ("outlet", 7)
    codes, name = group_codes(predictions([0] * 40, [0] * 40, target=many))
    assert (name, len(set(codes.tolist()))) == (None, 40)  # a topic model has no targets
    some = [*many[:30], *[None] * 10]  # rows without a value are alone
    codes, name = group_codes(predictions([0] * 40, [0] * 40, group=some))
    assert (name, len(set(codes.tolist()))) == ("group", 17)


def test_metrics_that_cannot_be_computed_are_refused() -> None:
    pair = drawn(np.random.default_rng(0), 20)
    with pytest.raises(NewsstandError, match=r"'macrof1' is not known; did you mean 'macro_f1'\?"):
        paired_test(*pair, "macrof1")
    with pytest.raises(NewsstandError, match=r"known: accuracy, macro_f1, balanced_accuracy"):
        paired_test(*pair, "x")
    with pytest.raises(NewsstandError, match=r"'f_avg' needs the setting evaluation\.f_avg"):
        paired_test(*pair, "f_avg")


def test_other_rows_are_refused() -> None:
    first = predictions([0, 1, 2], [0, 1, 1])
    with pytest.raises(ValueError, match="not the same"):
        paired_test(first, predictions([0, 2, 2], [0, 1, 1]))
    with pytest.raises(ValueError, match="different labels"):
        paired_test(first, predictions([0, 1, 2], [0, 1, 1], labels=dict.fromkeys("abc", "")))
    with pytest.raises(ValueError, match="no rows"):
        paired_test(first.select(np.array([], int)), first.select(np.array([], int)))


def test_metrics_of_rows_are_tested_as_those_of_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = drawn(np.random.default_rng(12), 150, 25)
    sums = paired_test(*pair, "log_loss", resamples=1000)
    monkeypatch.setattr(significance, "paired_sums", lambda *_: None)
    rows = paired_test(*pair, "log_loss", resamples=1000)
    assert rows.difference == pytest.approx(sums.difference)
    assert (rows.low, rows.high) == pytest.approx((sums.low, sums.high), abs=0.02)
    assert 0.1 < sums.p_bootstrap < 0.8
    assert rows.p_bootstrap == pytest.approx(sums.p_bootstrap, abs=0.06)
