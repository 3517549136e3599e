"""The quick search: it climbs to the best settings, in few fits."""

import math

import pytest

from newsstand.train.families.linear_search import Found, Trial, search


def climb(best_c: float, best_bits: int, *, C: float = 1.0, bits: int = 20) -> Found[Trial]:  # noqa: N803
    """A search where the figure falls with the distance from the best settings."""

    def figure(tried: Trial) -> float:
        return -abs(math.log10(tried.C / best_c)) - abs(tried.bits - best_bits)

    heard: list[Trial] = []
    found = search(lambda c, b: Trial(c, b, 0.0), figure, C=C, bits=bits, tell=heard.append)
    assert tuple(heard) == found.trials
    assert found.best.macro_f1 == max(trial.macro_f1 for trial in found.trials)
    assert (found.model.C, found.model.bits) == (found.best.C, found.best.bits)
    return found


@pytest.mark.parametrize(
    ("best_c", "best_bits", "fits"),
    [(1.0, 20, 5), (10.0, 20, 6), (0.1, 20, 7), (1.0, 22, 5), (1.0, 16, 6), (100.0, 24, 7)],
)
def test_it_finds_the_best_settings(best_c: float, best_bits: int, fits: int) -> None:
    found = climb(best_c, best_bits)
    assert pytest.approx(best_c, rel=0.01) == found.best.C
    assert found.best.bits == best_bits
    assert len(found.trials) == fits


@pytest.mark.parametrize("bits", [10, 24])
def test_it_stays_within_what_can_be_hashed(bits: int) -> None:
    found = climb(1.0, 30 if bits == 24 else 0, bits=bits)
    assert found.best.bits == bits
    assert all(10 <= trial.bits <= 24 for trial in found.trials)


def test_a_tie_is_no_gain() -> None:
    found = search(lambda c, bits: (c, bits), lambda _: 0.5, C=2.0, bits=18, tell=lambda _: None)
    assert (found.best.C, found.best.bits) == (2.0, 18)
    assert len(found.trials) == 5
