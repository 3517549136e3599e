"""Shares of labels, corrected: nearer the truth than counts, with intervals that hold it."""

import sys

import numpy as np
import pytest
from matplotlib import rcParams

from newsstand.errors import NewsstandError
from newsstand.train.monitor.quantify import METHODS, Method, Quantifier
from newsstand.types import Floats, Ints
from scored_files import answers

SHARES = np.array([0.1, 0.2, 0.7])


def rows(count: int, shares: Floats, seed: int) -> tuple[Floats, Ints]:
    truth = np.random.default_rng(seed).choice(len(shares), count, p=shares)
    return answers(truth, len(shares), seed=seed + 100), truth


def quantifier(method: Method, count: int = 600, resamples: int = 50) -> Quantifier:
    probabilities, truth = rows(count, np.array([0.4, 0.4, 0.2]), 1)
    return Quantifier(method, probabilities, truth, np.arange(count), resamples=resamples, seed=5)


@pytest.mark.parametrize("method", METHODS)
def test_corrected_shares_are_nearer_the_truth(method: Method) -> None:
    fonts = rcParams["font.size"]
    estimate = quantifier(method, resamples=10)
    errors, counted = [], []
    for seed in range(2, 6):
        probabilities, truth = rows(300, SHARES, seed)
        found = estimate(probabilities)
        exact = np.bincount(truth, minlength=3) / 300
        for values in (found.counted, found.corrected):
            assert values.sum() == pytest.approx(1)
        assert (found.low <= found.corrected).all()
        assert (found.corrected <= found.high).all()
        errors.append(np.abs(found.corrected - exact).mean())
        counted.append(np.abs(found.counted - exact).mean())
    if method == "cc":
        assert errors == counted
        assert min(counted) > 0.06
    else:
        assert np.mean(errors) < np.mean(counted) / 2
    assert rcParams["font.size"] == fonts


def test_intervals_are_wider_for_fewer_rows_of_either_kind() -> None:
    probabilities, _ = rows(400, SHARES, 2)

    def width(known: int, count: int) -> float:
        found = quantifier("emq", count=known)(probabilities[:count])
        return float((found.high - found.low).mean())

    assert width(600, 400) < width(600, 40)
    assert width(600, 400) < width(60, 400)


def test_the_same_seed_gives_the_same_interval() -> None:
    probabilities, _ = rows(100, SHARES, 2)
    one, other = (quantifier("emq", resamples=10)(probabilities) for _ in range(2))
    assert (one.low == other.low).all()
    assert (one.high == other.high).all()


def test_groups_are_resampled_whole() -> None:
    probabilities, _ = rows(300, SHARES, 2)
    copies, truth = rows(60, np.array([0.4, 0.4, 0.2]), 1)
    copies, truth = np.repeat(copies, 10, axis=0), np.repeat(truth, 10)

    def width(groups: Ints) -> tuple[int, float]:
        made = Quantifier("emq", copies, truth, groups, resamples=40, seed=5)
        found = made(probabilities)
        return made.groups, float((found.high - found.low).mean())

    grouped, apart = width(np.repeat(np.arange(60), 10)), width(np.arange(600))
    assert (grouped[0], apart[0]) == (60, 600)
    assert grouped[1] > 1.5 * apart[1]
    few, _ = width(np.arange(600) % 29)
    assert few == 600


def test_probabilities_are_calibrated_again_where_rows_suffice() -> None:
    assert quantifier("emq", resamples=1).recalibrated
    assert not quantifier("emq", count=30, resamples=1).recalibrated
    assert not quantifier("pacc", resamples=1).recalibrated


def test_a_model_that_is_unsure_of_everything_is_corrected_as_well() -> None:
    known, truth = rows(600, np.array([0.4, 0.4, 0.2]), 1)
    new, truth_now = rows(300, SHARES, 2)
    exact = np.bincount(truth_now, minlength=3) / 300

    def flat(probabilities: Floats) -> Floats:
        raised = probabilities**0.001
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))

    for change in (np.asarray, flat):
        made = Quantifier("emq", change(known), truth, np.arange(600), resamples=10)
        found = made(change(new))
        assert np.abs(found.corrected - exact).mean() < 0.04
        assert np.abs(found.counted - exact).mean() > 0.06


def test_without_quapy_one_line_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "quapy"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "quapy", None)
    with pytest.raises(NewsstandError, match=r"^this needs quapy: pip install 'newsstand\[preva"):
        quantifier("emq")
