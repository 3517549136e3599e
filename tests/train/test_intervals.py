"""Bootstrap intervals: against other libraries, of groups, at the limits, and their coverage."""

from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.stats import bootstrap
from sklearn.metrics import balanced_accuracy_score, f1_score, matthews_corrcoef
from statsmodels.stats.proportion import proportion_confint

from evaluated import LABELS, drawn, evaluated
from newsstand.train.evaluation.bootstrap import (
    effective_groups,
    group_codes,
    resample_weights,
)
from newsstand.train.evaluation.evaluation import metric_estimates
from newsstand.train.evaluation.metrics import METRICS, MetricTable, metrics
from newsstand.train.evaluation.result import Estimate
from newsstand.train.evaluation.sums import Predictions
from newsstand.types import Floats, Ints

SETTINGS = {"f_avg": ("favor", "against"), "mae": True}


def estimated(
    probabilities: Floats,
    truth: Ints,
    groups: Ints | None = None,
    *,
    count: int = 1000,
    names: list[str] | None = None,
) -> dict[str, Estimate]:
    labels = [str(place) for place in range(probabilities.shape[1])]
    table = MetricTable(Predictions(probabilities, truth, labels), names=names)
    of = np.arange(len(truth)) if groups is None else groups
    return metric_estimates(table, of, count=count, seed=0)


def ends(estimate: Estimate) -> tuple[float, float]:
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low, estimate.high


@pytest.mark.parametrize("seed", range(3))
def test_metrics_of_weighted_sums_are_those_of_the_resampled_rows(seed: int) -> None:
    probabilities, truth = drawn(60, seed=seed)
    table = MetricTable(Predictions(probabilities, truth, LABELS), SETTINGS)
    weights = resample_weights(np.arange(60), 4, seed)
    values = table.values(weights @ table.columns)
    assert values.shape == (4, len(table.names))
    for row, found in zip(weights, values, strict=True):
        chosen = np.repeat(np.arange(60), row)
        got = dict(zip(table.names, found, strict=True))
        expected = metrics(probabilities[chosen], truth[chosen], LABELS, SETTINGS)
        predicted = probabilities[chosen].argmax(axis=1)
        expected |= {
            "macro_f1": f1_score(truth[chosen], predicted, average="macro"),
            "balanced_accuracy": balanced_accuracy_score(truth[chosen], predicted),
            "mcc": matthews_corrcoef(truth[chosen], predicted),
        }
        del got["ece"]  # its bins are those of the whole test set
        assert got == pytest.approx({name: expected[name] for name in got}, abs=1e-12)


def test_accuracy_agrees_with_statsmodels() -> None:
    probabilities, truth = drawn(5000)
    predicted = probabilities.argmax(axis=1)
    found = ends(estimated(probabilities, truth, count=5000, names=["accuracy"])["accuracy"])
    correct = int((predicted == truth).sum())
    for method in ("jeffreys", "wilson"):
        assert found == pytest.approx(proportion_confint(correct, 5000, method=method), abs=1e-3)


def test_macro_f1_agrees_with_scipy() -> None:
    probabilities, truth = drawn(10_000, right=0.9)
    found = ends(estimated(probabilities, truth, count=4000, names=["macro_f1"])["macro_f1"])
    other = bootstrap(
        (truth, probabilities.argmax(axis=1)),
        lambda true, predicted: f1_score(true, predicted, average="macro"),
        paired=True,
        vectorized=False,
        n_resamples=400,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    assert found == pytest.approx((other.low, other.high), abs=1e-3)


def test_a_perfect_score_on_few_rows_has_a_wide_interval() -> None:
    truth = np.arange(8) % 2
    found = estimated(np.where(np.eye(2)[truth] > 0, 0.9, 0.1), truth)
    for name in ("accuracy", "macro_f1", "balanced_accuracy", "mcc", "accuracy_at_90"):
        low, high = ends(found[name])
        assert 0.1 < low < 0.85, name
        assert high == found[name].value == 1
    assert ends(found["aurc"])[1] > 0.1
    low, high = proportion_confint(8, 8, method="jeffreys")
    assert ends(found["accuracy"])[0] < low


def test_intervals_contain_the_value_and_are_finite() -> None:
    for count in (1, 2, 7, 40):
        probabilities, truth = drawn(count, seed=count)
        for name, estimate in estimated(probabilities, truth, count=50).items():
            low, high = ends(estimate)
            assert low <= estimate.value <= high, name
            assert np.isfinite([low, high]).all(), name


def test_copies_of_rows_do_not_narrow_the_interval_of_groups() -> None:
    probabilities, truth = drawn(100)
    once = ends(estimated(probabilities, truth)["macro_f1"])
    groups = np.repeat(np.arange(100), 10)
    copied = estimated(probabilities.repeat(10, axis=0), truth.repeat(10), groups)["macro_f1"]
    assert ends(copied) == pytest.approx(once, abs=0.02)
    alone = estimated(probabilities.repeat(10, axis=0), truth.repeat(10))["macro_f1"]
    assert np.diff(ends(alone)) < 0.4 * np.diff(once)


def test_few_or_unequal_groups_widen_the_interval() -> None:
    probabilities, truth = drawn(400)
    widths = [
        np.ptp(ends(estimated(probabilities, truth, groups, names=["accuracy"])["accuracy"]))
        for groups in (np.arange(400), np.arange(400) % 5, np.minimum(np.arange(400), 100))
    ]
    assert widths[1] > widths[0]  # t of 4 degrees of freedom
    sizes = effective_groups(np.array([0, 0, 0, 1]), csr_array(np.ones((4, 1))))
    assert sizes == pytest.approx([16 / 10])
    assert effective_groups(np.arange(5) // 1, csr_array(np.ones((5, 1)))) == pytest.approx([5])


@pytest.mark.parametrize("grouped", [False, True])
def test_intervals_cover_the_true_score(grouped: bool) -> None:
    """A small version of tests/bench/intervals.py, which has the figures."""
    random, names = np.random.default_rng(1), ["accuracy", "macro_f1", "mcc", "log_loss"]

    def draw(count: int) -> tuple[Floats, Ints, Ints]:
        sizes = np.minimum(random.geometric(0.2, count), 20) if grouped else np.ones(count, int)
        group = np.repeat(np.arange(count), sizes)
        truth = random.choice(3, len(group), p=[0.5, 0.35, 0.15])
        scores = random.standard_normal((len(group), 3))
        skill = 1.5 + 0.5 * grouped * random.standard_normal(count)
        scores[np.arange(len(group)), truth] += skill[group]
        odds = np.exp(scores)
        return odds / odds.sum(axis=1, keepdims=True), truth, group

    probabilities, truth, _ = draw(20_000)
    true = metrics(probabilities, truth, ("a", "b", "c"))
    covered = []
    for _ in range(150):
        found = estimated(*draw(40 if grouped else 150), count=400, names=names)
        covered.append([low <= true[x] <= high for x in names for low, high in [ends(found[x])]])
    shares = np.mean(covered, axis=0)
    # Of 150 test sets, the standard error is 1.8 points.
    assert (shares > 0.89).all(), dict(zip(names, shares, strict=True))
    assert shares.mean() < 0.99


def test_every_metric_has_an_interval() -> None:
    probabilities, truth = drawn(50, labels=4)
    labels = ("agree", "disagree", "discuss", "unrelated")
    settings = {"f_avg": ("agree", "discuss"), "fnc_score": True, "mae": True}
    table = MetricTable(Predictions(probabilities, truth, labels), settings)
    found = metric_estimates(table, np.arange(50), count=200, seed=0)
    assert list(found) == list(METRICS)
    for name, estimate in found.items():
        low, high = ends(estimate)
        assert low < estimate.value < high or name == "ece", name


def test_weights_are_draws_with_replacement() -> None:
    groups = np.array([0, 0, 1, 2, 2, 2])
    weights = resample_weights(groups, 500, seed=3)
    assert weights.shape == (500, 3)
    assert (weights.sum(axis=1) == 3).all()
    assert weights.mean(axis=0) == pytest.approx([1, 1, 1], abs=0.15)
    assert (weights == resample_weights(groups, 500, seed=3)).all()
    assert (weights != resample_weights(groups, 500, seed=4)).any()


def test_groups_come_from_the_first_column_that_has_them() -> None:
    probabilities, truth = drawn(12)
    stories = [f"s{place // 2}" for place in range(12)]
    targets = [f"t{place % 5}" for place in range(12)]
    outlets = [f"o{place % 6}" for place in range(12)]

    def column(task: str = "stance", **columns: Any) -> str | None:
        return group_codes(evaluated(probabilities, truth, task=task, **columns))[1]

    assert column(group=stories, target=targets, outlet=outlets) == "group"
    assert column(target=targets, outlet=outlets) == "target"
    assert column("topic", target=targets, outlet=outlets) == "outlet"
    assert column(group=["a", "b", "c", "d"] * 3, outlet=outlets) == "outlet"  # too few groups
    assert column(group=[*stories[:5], *[None] * 7], outlet=outlets) == "outlet"  # mostly null
    assert column() is None
    codes, name = group_codes(evaluated(probabilities, truth, group=[*stories[:10], None, None]))
    assert name == "group"
    assert codes.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 6]
