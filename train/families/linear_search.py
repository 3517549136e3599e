"""A search over C and the number of buckets of a linear model, by validation macro-F1."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

_M = TypeVar("_M")
# Exponents: half powers of ten for C, factors of four for buckets.
_C_STEPS = (0.5, 1.0, 1.5, 2.0)
_BITS_STEPS = (2, 4)
_BITS = range(10, 25)


@dataclass(frozen=True, slots=True)
class Trial:
    """Settings and their macro-F1 on the validation rows."""

    C: float
    bits: int
    macro_f1: float


@dataclass(frozen=True, slots=True)
class SearchResult(Generic[_M]):
    """The best trial, its model, and all trials in order."""

    best: Trial
    model: _M
    trials: tuple[Trial, ...]


def search(
    fit: Callable[[float, int], _M],
    macro_f1: Callable[[_M], float],
    *,
    C: float,  # noqa: N803 - scikit-learn's name
    bits: int,
    report: Callable[[Trial], None],
) -> SearchResult[_M]:
    """Hill climbing from the given settings: first over C, then over bits.

    Each setting is increased for as long as macro-F1 rises; if the first step up does not raise it,
    the setting is decreased in the same way. A tie ends the climb.

    Args:
        fit: Fits a model with C and bits.
        macro_f1: Evaluates a model on the validation rows.
        C: The initial value.
        bits: The initial value.
        report: Called with each trial.
    """
    trials: list[Trial] = []
    best: list[tuple[Trial, _M]] = []  # at most one

    def improves(new_c: float, new_bits: int) -> bool:
        model = fit(new_c, new_bits)
        trial = Trial(new_c, new_bits, macro_f1(model))
        trials.append(trial)
        report(trial)
        if best and trial.macro_f1 <= best[0][0].macro_f1:
            return False
        best[:] = [(trial, model)]
        return True

    def climbs(values: Iterable[tuple[float, int]]) -> bool:
        steps = 0
        for value in values:
            if not improves(*value):
                break
            steps += 1
        return steps > 0

    improves(C, bits)
    if not climbs((_four_digits(C * 10**step), bits) for step in _C_STEPS):
        climbs((_four_digits(C / 10**step), bits) for step in _C_STEPS)
    chosen = best[0][0].C
    if not climbs((chosen, bits + step) for step in _BITS_STEPS if bits + step in _BITS):
        climbs((chosen, bits - step) for step in _BITS_STEPS if bits - step in _BITS)
    return SearchResult(*best[0], tuple(trials))


def _four_digits(value: float) -> float:
    return float(f"{value:.4g}")
