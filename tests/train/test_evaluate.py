"""The metrics: against scikit-learn where it has them, and by hand where it does not."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, f1_score, log_loss, precision_recall_fscore_support

from newsstand.config.schema import EvaluationConfig
from newsstand.train.evaluation.metrics import (
    METRICS,
    expected_calibration_error,
    fnc_score,
    label_reports,
    metrics,
    reliability,
)
from newsstand.types import Floats

LABELS = ("favor", "against", "neutral")


def drawn(rows: int = 200) -> tuple[Floats, NDArray[np.int64]]:
    random = np.random.default_rng(5)
    return random.dirichlet([1.0, 2.0, 0.5], rows), random.integers(0, 3, rows)


def certain(labels: list[int], count: int = 3) -> Floats:
    """Probabilities of 0.8 for the given labels."""
    return np.where(np.arange(count) == np.array(labels)[:, None], 0.8, 0.2 / (count - 1))


def test_metrics_equal_those_of_scikit_learn() -> None:
    probabilities, truth = drawn()
    predicted = probabilities.argmax(axis=1)
    found = metrics(probabilities, truth, LABELS, {"f_avg": ("favor", "against")})
    f1 = f1_score(truth, predicted, average=None)
    assert found == pytest.approx(
        {
            "accuracy": accuracy_score(truth, predicted),
            "macro_f1": f1_score(truth, predicted, average="macro"),
            "log_loss": log_loss(truth, probabilities),
            "ece": expected_calibration_error(probabilities, truth),
            "f_avg": (f1[0] + f1[1]) / 2,
            "f1/favor": f1[0],
            "f1/against": f1[1],
            "f1/neutral": f1[2],
        },
        abs=1e-12,
    )
    assert all(type(value) is float for value in found.values())
    assert "f_avg" not in metrics(probabilities, truth, LABELS)
    reports = label_reports(probabilities, truth, LABELS)
    columns = precision_recall_fscore_support(truth, predicted)
    for report, label, *expected in zip(reports, LABELS, *columns, strict=True):
        assert report.label == label
        assert (report.precision, report.recall, report.f1, report.support) == pytest.approx(
            tuple(expected)
        )


def test_macro_f1_leaves_out_labels_without_true_or_predicted_rows() -> None:
    truth = np.array([0, 0, 1, 1])
    found = metrics(certain([0, 0, 1, 0]), truth, LABELS)
    assert found["macro_f1"] == pytest.approx((0.8 + 2 / 3) / 2)
    assert found["f1/neutral"] == 0
    # A label that is predicted but has no true rows counts with F1 0.
    found = metrics(certain([0, 0, 1, 2]), truth, LABELS)
    assert found["macro_f1"] == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert found["macro_f1"] == pytest.approx(f1_score(truth, [0, 0, 1, 2], average="macro"))


def test_calibration_error_by_hand() -> None:
    # Two bins: 4 rows at 0.8, 3 of them right; 1 row at 0.55, wrong.
    probabilities = np.array([[0.8, 0.2]] * 4 + [[0.45, 0.55]])
    truth = np.array([0, 0, 0, 1, 0])
    expected = 4 / 5 * abs(0.8 - 0.75) + 1 / 5 * abs(0.55 - 0)
    assert expected_calibration_error(probabilities, truth) == pytest.approx(expected)
    found = reliability(probabilities, truth)
    # Bins are 1/15 wide: 0.8 is the lower edge of bin 12, 0.55 lies in bin 8.
    assert found.rows.tolist() == [0] * 8 + [1] + [0] * 3 + [4] + [0] * 2
    assert found.accuracy[[8, 12, 0]].tolist() == [0, 0.75, 0]
    assert found.confidence[[8, 12, 0]] == pytest.approx([0.55, 0.8, 0])


def test_calibration_error_of_certain_predictions() -> None:
    sure = np.array([[1.0, 0.0]] * 4)
    assert expected_calibration_error(sure, np.zeros(4, dtype=np.int64)) == 0
    assert expected_calibration_error(sure, np.ones(4, dtype=np.int64)) == 1
    assert metrics(sure, np.ones(4, dtype=np.int64), ("a", "b"))["log_loss"] < 30  # not infinite


FNC = ("agree", "disagree", "discuss", "unrelated")


def test_the_challenge_score_by_hand() -> None:
    truth = np.array([0, 1, 2, 2, 3, 3])
    answers = np.array([0, 2, 2, 3, 3, 0])
    # Right label 1, related 0.25, right label 1, wrong 0, unrelated 0.25, wrong 0; of 4.5.
    assert fnc_score(answers, truth, FNC) == pytest.approx(100 * 2.5 / 4.5)
    assert fnc_score(truth, truth, FNC) == 100
    assert fnc_score(np.array([3]), np.array([0]), FNC) == 0
    # The order of the labels does not matter.
    turned = ("unrelated", "agree", "disagree", "discuss")
    assert fnc_score((answers + 1) % 4, (truth + 1) % 4, turned) == fnc_score(answers, truth, FNC)


def test_optional_metrics_are_computed_on_request() -> None:
    probabilities, truth = certain([0, 1, 2, 3], 4), np.array([0, 3, 2, 1])
    found = metrics(probabilities, truth, FNC, {"fnc_score": True, "mae": True, "f_avg": ()})
    assert list(found)[:-4] == ["accuracy", "macro_f1", "log_loss", "ece", "fnc_score", "mae"]
    assert found["mae"] == 1
    assert found["fnc_score"] == pytest.approx(100 * 2 / 3.25)
    off = {"fnc_score": False, "mae": False, "f_avg": ()}
    assert metrics(probabilities, truth, FNC, off) == metrics(probabilities, truth, FNC)
    assert not {"mae", "fnc_score", "f_avg"} & metrics(probabilities, truth, FNC).keys()


def test_each_optional_metric_has_a_setting() -> None:
    optional = {name for name, metric in METRICS.items() if metric.optional}
    assert optional == EvaluationConfig.model_fields.keys()
