"""Agreement of annotators, from their votes."""

import numpy as np
import pytest

from evaluated import drawn, evaluated
from newsstand.train.evaluation.agreement import agreement, krippendorff_alpha


def test_alpha_of_a_published_example() -> None:
    # Krippendorff 2011, Computing Krippendorff's Alpha-Reliability, example C: 12 units, 4 coders.
    units = [
        *("111", "2223", "3333", "3333", "2222", "1234", "4444", "1121", "2222", "555", "11", "3"),
    ]
    assert krippendorff_alpha(units) == pytest.approx(0.743, abs=5e-4)


def test_alpha_at_its_limits() -> None:
    assert krippendorff_alpha([["a", "a"], ["b", "b"]]) == 1
    assert krippendorff_alpha([["a", "a"], ["a", "a"]]) == 1
    assert krippendorff_alpha([["a", "b"], ["b", "a"]]) < 0
    random = np.random.default_rng(0)
    chance = [[str(x) for x in random.integers(3, size=3)] for _ in range(3000)]
    assert abs(krippendorff_alpha(chance)) < 0.03


def test_annotators_and_model_are_compared_with_the_majority_of_the_other_votes() -> None:
    votes = [
        ["favor", "favor", "neutral"],  # others: a tie, a tie, favor; right: .5, .5, 0
        ["against", "against", "against"],
        ["favor"],  # one vote: left out
        None,
        ["neutral", "favor"],
    ]
    predicted = np.array([0, 1, 0, 0, 2])
    probabilities = np.eye(3)[predicted] * 0.4 + 0.2
    rows = evaluated(probabilities, np.array([0, 1, 0, 0, 2]), votes=votes)
    found = agreement(rows, np.arange(5), count=200, seed=0)
    assert found is not None
    assert found.rows == 3
    assert found.annotators.value == pytest.approx((1 / 3 + 1 + 0) / 3)
    # Favor against (tie, tie, favor); against; neutral against (favor, neutral).
    assert found.model.value == pytest.approx(((0.5 + 0.5 + 1) / 3 + 1 + 0.5) / 3)
    assert found.annotators.low is not None
    assert found.annotators.low < found.annotators.value
    assert found.alpha == pytest.approx(krippendorff_alpha([votes[0], votes[1], votes[4]]))


def test_without_votes_there_is_no_agreement() -> None:
    probabilities, truth = drawn(4)
    rows = evaluated(probabilities, truth)
    assert agreement(rows, np.arange(4), count=10, seed=0) is None
    rows = evaluated(probabilities, truth, votes=[["favor"]] * 4)
    assert agreement(rows, np.arange(4), count=10, seed=0) is None
