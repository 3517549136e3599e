"""Fitting calibration: known curves are recovered, and few rows do not give certainty."""

import numpy as np
import pytest
from numpy.typing import NDArray

from newsstand.models.calibration import Calibration
from newsstand.train.calibrate import fit_calibration
from newsstand.train.evaluation.metrics import expected_calibration_error
from newsstand.types import Floats


def sampled(probabilities: Floats, seed: int = 0) -> NDArray[np.int64]:
    """A label for each row, drawn by its probabilities."""
    drawn = np.random.default_rng(seed).random((len(probabilities), 1))
    return (probabilities.cumsum(axis=1) < drawn).sum(axis=1)


def scores(rows: int, labels: int = 4) -> Floats:
    return np.random.default_rng(1).normal(0, 2, (rows, labels))


@pytest.mark.parametrize("slope", [0.2, 1.0, 3.0])
def test_a_known_temperature_is_recovered(slope: float) -> None:
    given = scores(20_000)
    truth = sampled(Calibration("temperature", (slope,)).apply(given))
    found = fit_calibration("temperature", given, truth)
    assert found.method == "temperature"
    assert found.offset == ()
    assert found.slope[0] == pytest.approx(slope, rel=0.05)


def test_known_sigmoids_are_recovered() -> None:
    given = scores(40_000, 2)
    slope, offset = 1.5, -0.7
    positive = np.random.default_rng(3).random(40_000) < 1 / (
        1 + np.exp(-(slope * given[:, 1] + offset))
    )
    found = fit_calibration("sigmoid", given, positive.astype(np.int64))
    assert (found.slope[1], found.offset[1]) == pytest.approx((slope, offset), rel=0.05)
    # The other label's score says nothing of it: a flat line at the share of its rows.
    assert found.slope[0] == pytest.approx(0, abs=0.03)
    share = 1 - positive.mean()
    assert found.offset[0] == pytest.approx(np.log(share / (1 - share)), abs=0.05)


@pytest.mark.parametrize("method", ["temperature", "sigmoid"])
@pytest.mark.parametrize("size", [0.1, 10.0])
def test_calibration_error_falls(method: str, size: float) -> None:
    given = scores(6000)
    truth = sampled(Calibration("temperature", (1.0,)).apply(given))
    wrong = given * size  # far too modest, or far too sure
    before = expected_calibration_error(
        Calibration("temperature", (1.0,)).apply(wrong[:3000]), truth[:3000]
    )
    found = fit_calibration(method, wrong[3000:], truth[3000:])  # type: ignore[arg-type]
    after = expected_calibration_error(found.apply(wrong[:3000]), truth[:3000])
    # Where labels compete, as here, curves fitted to each alone stay too modest together.
    assert after < (0.05 if method == "temperature" else before * 0.6)


@pytest.mark.parametrize("method", ["temperature", "sigmoid"])
@pytest.mark.parametrize("rows", [2, 30])
def test_a_model_without_errors_does_not_become_certain(method: str, rows: int) -> None:
    truth = np.arange(rows) % 2
    given = np.where(np.arange(2) == truth[:, None], 1.0, -1.0)
    found = fit_calibration(method, given, truth)  # type: ignore[arg-type]
    assert np.isfinite([*found.slope, *found.offset]).all()
    best = found.apply(given).max()
    assert 0.5 < best < 1 - 0.25 / (rows + 2)


@pytest.mark.parametrize("method", ["temperature", "sigmoid"])
def test_labels_without_rows_and_single_rows(method: str) -> None:
    for truth in ([0], [0, 0, 0], [1, 2, 1]):
        given = scores(len(truth), 5)
        found = fit_calibration(method, given, np.array(truth))  # type: ignore[arg-type]
        probabilities = found.apply(given)
        assert np.isfinite(probabilities).all()
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_equal_inputs_give_equal_bits() -> None:
    given, truth = scores(50), np.arange(50) % 4
    for method in ("temperature", "sigmoid"):
        first, second = (
            fit_calibration(method, given.copy(), truth)  # type: ignore[arg-type]
            for _ in range(2)
        )
        assert first == second
