"""Flip pairs: rows of one text with opposite labels."""

import numpy as np
import pytest

from newsstand.train.flips import flip_metrics

NAMES = ["favor", "against", "neutral"]


def expected_metrics(texts, truth, predicted):
    pairs = [
        (i, j)
        for i in range(len(texts))
        for j in range(len(texts))
        if texts[i] == texts[j] and truth[i] == 0 and truth[j] == 1
    ]
    correct = [predicted[i] == 0 and predicted[j] == 1 for i, j in pairs]
    apart = [{predicted[i], predicted[j]} == {0, 1} for i, j in pairs]
    return {
        "flip_accuracy": np.mean(correct),
        "side_change": np.mean(apart),
        "flip_pairs": len(pairs),
    }


def test_metrics_equal_those_of_all_pairs_counted_in_a_loop():
    rng = np.random.default_rng(3)
    texts = [f"text {number}" for number in rng.integers(12, size=60)]
    truth, predicted = rng.integers(3, size=60), rng.integers(3, size=60)
    expected = expected_metrics(texts, truth.tolist(), predicted.tolist())
    assert flip_metrics(texts, truth, predicted, NAMES) == pytest.approx(expected)


def test_scores_and_other_label_schemes_are_accepted():
    truth, scores = np.array([3, 0]), np.eye(4)[[3, 0]] - 5.0
    names = ["Disagree", "discuss", "unrelated", "agree"]
    found = flip_metrics([7, 7], truth, scores, names)
    assert found == {"flip_accuracy": 1.0, "side_change": 1.0, "flip_pairs": 1.0}


@pytest.mark.parametrize(
    ("texts", "truth", "names"),
    [
        (["a", "b"], [0, 1], NAMES),
        (["a", "a"], [0, 2], NAMES),
        (["a", "a"], [0, 1], ["sport", "weather"]),
        ([], [], NAMES),
    ],
)
def test_without_pairs_the_metrics_are_empty(texts, truth, names):
    numbers = np.array(truth, dtype=np.int64)
    assert flip_metrics(texts, numbers, numbers, names) == {}
