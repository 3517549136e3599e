"""The searched settings: how Optuna draws their values."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from optuna.trial import Trial

_DIGITS = 4  # significant digits of a drawn number: enough for any setting, and readable


@dataclass(frozen=True, slots=True)
class Choice:
    """A setting with listed values, which Optuna knows by their texts."""

    key: str
    values: tuple[Any, ...]

    @property
    def texts(self) -> list[str]:
        """The values as texts."""
        return [text_of(value) for value in self.values]

    def draw(self, trial: Trial) -> Any:
        """The value of a trial."""
        return self.values[self.texts.index(trial.suggest_categorical(self.key, self.texts))]

    def spec(self) -> Any:
        """The values, comparable between two sweeps."""
        return list(self.values)


@dataclass(frozen=True, slots=True)
class Integers:
    """A setting with a range of whole numbers."""

    key: str
    low: int
    high: int
    log: bool
    step: int

    def draw(self, trial: Trial) -> int:
        """The value of a trial."""
        # Optuna would warn of an end that is no multiple of the step, and leave it out.
        high = self.high - (self.high - self.low) % self.step
        return trial.suggest_int(self.key, self.low, high, log=self.log, step=self.step)

    def spec(self) -> Any:
        """The range, comparable between two sweeps."""
        return [self.low, self.high, self.log, self.step]


@dataclass(frozen=True, slots=True)
class Floats:
    """A setting with a range of numbers, rounded to four significant digits."""

    key: str
    low: float
    high: float
    log: bool
    step: float | None

    def draw(self, trial: Trial) -> float:
        """The value of a trial."""
        high = self.high
        if self.step is not None:
            high = self.low + int((self.high - self.low) / self.step + 1e-9) * self.step
        drawn = trial.suggest_float(self.key, self.low, high, log=self.log, step=self.step)
        return min(max(float(f"{drawn:.{_DIGITS}g}"), self.low), self.high)

    def spec(self) -> Any:
        """The range, comparable between two sweeps."""
        return [self.low, self.high, self.log, self.step]


Parameter: TypeAlias = Choice | Integers | Floats


def text_of(value: Any) -> str:
    """A value as plots and tables show it.

    >>> text_of("svc"), text_of([1, 2]), text_of(None), text_of(0.25)
    ('svc', '[1, 2]', 'null', '0.25')
    """
    return value if isinstance(value, str) else json.dumps(value)


def texts_of(settings: Mapping[str, Any]) -> str:
    """Settings in one line: `model.C=0.25, model.words=[1, 2]`."""
    return ", ".join(f"{key}={text_of(value)}" for key, value in settings.items())
