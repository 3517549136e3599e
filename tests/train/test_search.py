"""The search of a linear model: it climbs to the best settings in few fits."""

import math

import pytest

from newsstand.train.families.linear_search import SearchResult, Trial, search


def climb(best_c: float, best_bits: int, *, C: float = 1.0, bits: int = 20) -> SearchResult[Trial]:  # noqa: N803
    """A search in which the metric falls with the distance from the best settings."""

    def evaluate(tried: Trial) -> float:
        return -abs(math.log10(tried.C / best_c)) - abs(tried.bits - best_bits)

    reported: list[Trial] = []
    result = search(lambda c, b: Trial(c, b, 0.0), evaluate, C=C, bits=bits, report=reported.append)
    assert tuple(reported) == result.trials
    assert result.best.macro_f1 == max(trial.macro_f1 for trial in result.trials)
    assert (result.model.C, result.model.bits) == (result.best.C, result.best.bits)
    return result


@pytest.mark.parametrize(
    ("best_c", "best_bits", "fits"),
    [(1.0, 20, 5), (10.0, 20, 6), (0.1, 20, 7), (1.0, 22, 5), (1.0, 16, 6), (100.0, 24, 7)],
)
def test_it_finds_the_best_settings(best_c: float, best_bits: int, fits: int) -> None:
    result = climb(best_c, best_bits)
    assert pytest.approx(best_c, rel=0.01) == result.best.C
    assert result.best.bits == best_bits
    assert len(result.trials) == fits


@pytest.mark.parametrize("bits", [10, 24])
def test_bits_stay_within_their_limits(bits: int) -> None:
    result = climb(1.0, 30 if bits == 24 else 0, bits=bits)
    assert result.best.bits == bits
    assert all(10 <= trial.bits <= 24 for trial in result.trials)


def test_a_tie_ends_the_climb() -> None:
    result = search(lambda c, bits: (c, bits), lambda _: 0.5, C=2.0, bits=18, report=lambda _: None)
    assert (result.best.C, result.best.bits) == (2.0, 18)
    assert len(result.trials) == 5
