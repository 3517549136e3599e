"""Chooses C and the number of buckets of a linear model on validation rows, within a run."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

_M = TypeVar("_M")
# C by half powers of ten, the buckets by factors of four.
_C_STEPS = (0.5, 1.0, 1.5, 2.0)
_BITS_STEPS = (2, 4)
_BITS = range(10, 25)


@dataclass(frozen=True, slots=True)
class Trial:
    """Settings that were tried, and the macro-F1 on the validation rows."""

    C: float
    bits: int
    macro_f1: float


@dataclass(frozen=True, slots=True)
class Found(Generic[_M]):
    """The best trial, its model, and all trials in their order."""

    best: Trial
    model: _M
    trials: tuple[Trial, ...]


def search(
    fit: Callable[[float, int], _M],
    macro_f1: Callable[[_M], float],
    *,
    C: float,  # noqa: N803 - scikit-learn's name
    bits: int,
    tell: Callable[[Trial], None],
) -> Found[_M]:
    """Climbs from the given settings to better ones: first by C, then by bits.

    It goes up for as long as that helps; where the first step up does not, it goes down in the same
    way. So it takes few fits where the settings are good already. A tie is no gain.

    Args:
        fit: Fits a model with C and bits.
        macro_f1: The figure to raise.
        C: Where to start.
        bits: Where to start.
        tell: Hears of each trial.
    """
    trials: list[Trial] = []
    best: list[tuple[Trial, _M]] = []  # one at most

    def gains(tried_c: float, tried_bits: int) -> bool:
        model = fit(tried_c, tried_bits)
        trial = Trial(tried_c, tried_bits, macro_f1(model))
        trials.append(trial)
        tell(trial)
        if best and trial.macro_f1 <= best[0][0].macro_f1:
            return False
        best[:] = [(trial, model)]
        return True

    def climbs(values: Iterable[tuple[float, int]]) -> bool:
        steps = 0
        for value in values:
            if not gains(*value):
                break
            steps += 1
        return steps > 0

    gains(C, bits)
    if not climbs((_four_digits(C * 10**step), bits) for step in _C_STEPS):
        climbs((_four_digits(C / 10**step), bits) for step in _C_STEPS)
    chosen = best[0][0].C
    if not climbs((chosen, bits + step) for step in _BITS_STEPS if bits + step in _BITS):
        climbs((chosen, bits - step) for step in _BITS_STEPS if bits - step in _BITS)
    return Found(*best[0], tuple(trials))


def _four_digits(value: float) -> float:
    return float(f"{value:.4g}")
