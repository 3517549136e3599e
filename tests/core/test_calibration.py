"""Calibration: probabilities that sum to 1 and depend on their own row alone."""

import json

import numpy as np
import pytest

from newsstand.models.calibration import Calibration

LABELS = (2, 3, 8, 17)


def calibrations(labels: int) -> list[Calibration]:
    random = np.random.default_rng(labels)
    slope, offset = random.uniform(0.5, 2.0, labels), random.normal(size=labels)
    return [
        Calibration("temperature", (1.7,)),
        Calibration("sigmoid", tuple(slope.tolist()), tuple(offset.tolist())),
    ]


@pytest.mark.parametrize("labels", LABELS)
def test_a_batch_gives_what_single_rows_give_bit_for_bit(labels: int) -> None:
    for calibration in calibrations(labels):
        for rows in (1, 2, 3, 7, 8, 9, 33, 257):
            scores = np.random.default_rng(rows).normal(0, 4, (rows, labels))
            batch = calibration.apply(scores)
            single = np.vstack([calibration.apply(scores[i : i + 1]) for i in range(rows)])
            assert (batch == single).all()
            assert (calibration.apply(np.asfortranarray(scores)) == batch).all()
            assert (calibration.apply(np.repeat(scores, 2, axis=0)[::2]) == batch).all()
            assert np.abs(batch.sum(axis=1) - 1).max() < 1e-15 * labels
            assert ((batch > 0) & (batch < 1)).all()


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("size", [1e-320, 1e3, 1e6, float(np.finfo(np.float32).max), 1e300])
def test_extreme_scores_give_probabilities_without_a_warning(labels: int, size: float) -> None:
    scores = np.full((3, labels), -size)
    scores[0, 0] = size
    scores[1] = 0.0
    for calibration in calibrations(labels):
        found = calibration.apply(scores)
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-12)
        if size > 1:
            assert found[0, 0] == pytest.approx(1.0)


def test_temperature_is_a_softmax_and_sigmoid_a_curve_a_label() -> None:
    scores = np.array([[0.2, -1.0, 3.0], [5.0, 5.0, -2.0]])
    odds = np.exp(1.7 * scores)
    found = Calibration("temperature", (1.7,)).apply(scores)
    np.testing.assert_allclose(found, odds / odds.sum(axis=1, keepdims=True), rtol=1e-14)
    assert (found.argmax(axis=1) == scores.argmax(axis=1)).all()
    slope, offset = np.array([1.0, 2.0, 0.5]), np.array([0.0, 1.0, -1.0])
    odds = 1 / (1 + np.exp(-(scores * slope + offset)))
    found = Calibration("sigmoid", tuple(slope), tuple(offset)).apply(scores)
    np.testing.assert_allclose(found, odds / odds.sum(axis=1, keepdims=True), rtol=1e-14)


def test_float32_scores_are_calibrated_as_float64() -> None:
    scores = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    for calibration in calibrations(3):
        found = calibration.apply(scores)  # type: ignore[arg-type]
        assert found.dtype == np.float64
        assert (found == calibration.apply(scores.astype(np.float64))).all()


def test_no_rows() -> None:
    for calibration in calibrations(3):
        assert calibration.apply(np.empty((0, 3))).shape == (0, 3)


def test_json_keeps_every_bit() -> None:
    for calibration in calibrations(17):
        assert Calibration.from_dict(json.loads(json.dumps(calibration.to_dict()))) == calibration
