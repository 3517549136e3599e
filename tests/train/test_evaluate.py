"""The metrics: against scikit-learn where it has them, and by hand where it does not."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    log_loss,
    matthews_corrcoef,
    precision_recall_fscore_support,
)

from newsstand.config.schema import EvaluationConfig
from newsstand.train.evaluation.metrics import (
    METRICS,
    expected_calibration_error,
    label_reports,
    metrics,
)
from newsstand.train.evaluation.probability_metrics import reliability
from newsstand.train.evaluation.sums import Predictions
from newsstand.types import Floats

LABELS = ("favor", "against", "neutral")


def drawn(rows: int = 200) -> tuple[Floats, NDArray[np.int64]]:
    random = np.random.default_rng(5)
    return random.dirichlet([1.0, 2.0, 0.5], rows), random.integers(0, 3, rows)


def certain(labels: list[int], count: int = 3) -> Floats:
    """Probabilities of 0.8 for the given labels."""
    return np.where(np.arange(count) == np.array(labels)[:, None], 0.8, 0.2 / (count - 1))


def selective(probabilities: Floats, truth: NDArray[np.int64]) -> dict[str, float]:
    """The area under the risk-coverage curve, and accuracies at coverages of whole rows."""
    order = np.argsort(-probabilities.max(axis=1))
    right = (probabilities.argmax(axis=1) == truth)[order]
    risk = 1 - right.cumsum() / np.arange(1, len(right) + 1)
    at = {f"accuracy_at_{x}": right[: len(right) * x // 100].mean() for x in (80, 90, 95)}
    return {"aurc": risk.mean(), **at}


def test_metrics_equal_those_of_scikit_learn() -> None:
    probabilities, truth = drawn()
    predicted = probabilities.argmax(axis=1)
    found = metrics(probabilities, truth, LABELS, {"f_avg": ("favor", "against")})
    f1 = f1_score(truth, predicted, average=None)
    assert found == pytest.approx(
        {
            "accuracy": accuracy_score(truth, predicted),
            "macro_f1": f1_score(truth, predicted, average="macro"),
            "balanced_accuracy": balanced_accuracy_score(truth, predicted),
            "mcc": matthews_corrcoef(truth, predicted),
            "log_loss": log_loss(truth, probabilities),
            "brier": np.square(probabilities - np.eye(3)[truth]).sum(axis=1).mean(),
            **selective(probabilities, truth),
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
    # Two bins of 10 rows: at 0.8, of which 7 are right, and at 0.55, of which 4 are right.
    first = np.repeat([0.8, 0.55], 10)
    probabilities, truth = np.stack([first, 1 - first], axis=1), np.zeros(20, dtype=np.int64)
    truth[[*range(3), *range(10, 16)]] = 1
    assert expected_calibration_error(probabilities, truth) == pytest.approx((0.1 + 0.15) / 2)
    found = reliability(Predictions(probabilities, truth, ("a", "b")))
    assert found.rows == [10, 10]
    assert found.accuracy == [0.4, 0.7]
    assert found.confidence == pytest.approx([0.55, 0.8])
    # Wilson's interval of 4 in 10.
    assert (found.low[0], found.high[0]) == pytest.approx((0.1682, 0.6873), abs=1e-4)


def test_bins_of_the_calibration_error_have_equal_counts() -> None:
    probabilities, truth = drawn(300)
    assert set(reliability(Predictions(probabilities, truth, LABELS)).rows) == {20}  # 15 bins
    # Equal probabilities are in one bin, and so are few rows.
    for rows, bins in ((certain([0] * 300), 1), (drawn(19)[0], 1), (drawn(20)[0], 2)):
        found = reliability(Predictions(rows, np.zeros(len(rows), dtype=np.int64), LABELS))
        assert len(found.rows) == bins


def test_rows_of_equal_confidence_are_covered_in_part() -> None:
    truth = np.array([0, 0, 0, 1, 1])
    found = metrics(certain([0, 0, 0, 0, 0]), truth, LABELS)
    assert [found[f"accuracy_at_{x}"] for x in (80, 95)] == pytest.approx([0.6, 0.6])
    assert found["aurc"] == pytest.approx(0.4)


def test_calibration_error_of_certain_predictions() -> None:
    sure = np.array([[1.0, 0.0]] * 4)
    assert expected_calibration_error(sure, np.zeros(4, dtype=np.int64)) == 0
    assert expected_calibration_error(sure, np.ones(4, dtype=np.int64)) == 1
    assert metrics(sure, np.ones(4, dtype=np.int64), ("a", "b"))["log_loss"] < 30  # not infinite


FNC = ("agree", "disagree", "discuss", "unrelated")


def fnc_score(predicted: list[int], truth: list[int], labels: tuple[str, ...] = FNC) -> float:
    return metrics(certain(predicted, 4), np.array(truth), labels, {"fnc_score": True})["fnc_score"]


def test_the_challenge_score_by_hand() -> None:
    truth = [0, 1, 2, 2, 3, 3]
    answers = [0, 2, 2, 3, 3, 0]
    # Right label 1, related 0.25, right label 1, wrong 0, unrelated 0.25, wrong 0; of 4.5.
    assert fnc_score(answers, truth) == pytest.approx(100 * 2.5 / 4.5)
    assert fnc_score([2, 2, 3], [0, 2, 3]) == pytest.approx(100 * 2 / 3)
    assert fnc_score(truth, truth) == 100
    assert fnc_score([3], [0]) == 0
    # The order of the labels does not matter.
    turned = ("unrelated", "agree", "disagree", "discuss")
    moved = ([(x + 1) % 4 for x in of] for of in (answers, truth))
    assert fnc_score(*moved, turned) == fnc_score(answers, truth)


def test_optional_metrics_are_computed_on_request() -> None:
    probabilities, truth = certain([0, 1, 2, 3], 4), np.array([0, 3, 2, 1])
    found = metrics(probabilities, truth, FNC, {"fnc_score": True, "mae": True, "f_avg": ()})
    plain = ["log_loss", "brier", "ece", "aurc"]
    coverages = [f"accuracy_at_{x}" for x in (80, 90, 95)]
    assert list(found)[:-4] == [
        *("accuracy", "macro_f1", "balanced_accuracy", "mcc", "fnc_score", "mae"),
        *plain,
        *coverages,
    ]
    assert found["mae"] == 1
    assert found["fnc_score"] == pytest.approx(100 * 2 / 3.25)
    off = {"fnc_score": False, "mae": False, "f_avg": ()}
    assert metrics(probabilities, truth, FNC, off) == metrics(probabilities, truth, FNC)
    assert not {"mae", "fnc_score", "f_avg"} & metrics(probabilities, truth, FNC).keys()


def test_each_optional_metric_has_a_setting() -> None:
    optional = {name for name, metric in METRICS.items() if metric.optional}
    others = {"cross_validate", "learning_curve"}
    assert optional == EvaluationConfig.model_fields.keys() - others
