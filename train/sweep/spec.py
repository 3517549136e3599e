"""The file of a sweep: which settings of a config are searched, by which metric, and how long.

Everything is checked before anything runs, each value of the search against the config.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field, PlainValidator, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from newsstand.config.loader import load_config, place, read_yaml
from newsstand.config.lookup import Location
from newsstand.config.problems import CONFLICT, dotted, problems
from newsstand.config.schema import Config, flatten
from newsstand.config.section import Section
from newsstand.errors import ConfigError, did_you_mean
from newsstand.train.evaluation.metrics import METRICS
from newsstand.train.sweep.space import Choice, Floats, Integers, Parameter, text_of

# Metrics of which less is better.
LOSSES = frozenset({"log_loss", "brier", "ece", "aurc", "mae"})
# Settings that change which rows are compared or what is measured, by the beginning of their keys.
_FIXED = ("task", "labels", "seed", "data", "evaluation", "tracking")
_UNKNOWN = "unknown key"
_FOLDER = Path("sweeps")  # of results, in the working directory, as MLflow's are
_WEIGHT = re.compile(r"data\.sources\.\d+\.weight")


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        raise PydanticCustomError("number", "expected a number")
    return value


Number: TypeAlias = Annotated[int | float, PlainValidator(_number)]


class Range(Section):
    """A range of numbers."""

    low: Number
    """The lowest value."""

    high: Number
    """The highest value."""

    log: bool = False
    """Draw on a logarithmic scale: for settings whose size matters, such as `model.C`."""

    step: Number | None = None
    """Distance between the values; null for any value."""

    @model_validator(mode="after")
    def _check(self) -> "Range":
        for wrong, message in (
            (self.low >= self.high, "expected 'low' below 'high'"),
            (self.log and self.low <= 0, "expected 'low' above 0, as 'log' is set"),
            (self.log and self.step is not None, "expected 'log' or 'step', not both"),
            (self.step is not None and self.step <= 0, "expected 'step' above 0"),
        ):
            if wrong:
                raise PydanticCustomError(CONFLICT, message)
        return self


def _candidates(value: Any) -> Any:
    if isinstance(value, dict):
        for key in value:
            if key not in Range.model_fields:
                raise PydanticCustomError(
                    CONFLICT,
                    "unknown key '{key}'{hint}",
                    {"key": key, "hint": did_you_mean(key, Range.model_fields, "keys here")},
                )
        return Range.model_validate(value)
    if not isinstance(value, list) or len(value) < 2:
        raise PydanticCustomError(
            "candidates", "expected a list of two or more values, or 'low' and 'high'"
        )
    texts = [text_of(item) for item in value]
    if len(set(texts)) < len(texts):
        raise PydanticCustomError("candidates", "expected different values")
    return tuple(value)


def _name(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"\w[\w. -]{0,99}", value):
        raise PydanticCustomError("name", "expected up to 100 letters, digits, '_', '-' and '.'")
    return value


def _metric(value: Any) -> Any:
    if isinstance(value, str) and value not in METRICS:
        hint = did_you_mean(value, METRICS, "known")
        raise PydanticCustomError(
            CONFLICT, "unknown metric '{v}'{hint}", {"v": value, "hint": hint}
        )
    return value


class SweepConfig(Section):
    """A search for settings."""

    config: str
    """The config whose settings are searched, relative to the folder of this file."""

    overrides: dict[str, Any] = Field(default_factory=dict)
    """Values by dotted key that replace those of the config."""

    name: Annotated[str | None, BeforeValidator(_name)] = None
    """Name of the sweep; null for the name of this file. A sweep of the same name in the same
    storage is continued."""

    metric: Annotated[str, BeforeValidator(_metric)] = "macro_f1"
    """Metric of the validation rows by which settings are chosen. Losses are minimized."""

    trials: int = Field(40, ge=1)
    """Number of settings that are tried, over all processes and calls."""

    timeout_minutes: float | None = Field(None, gt=0.0)
    """Minutes after which a call begins no further trial; null for no limit."""

    search: dict[str, Annotated[Any, PlainValidator(_candidates)]] = Field(min_length=1)
    """For each searched setting, by its dotted key, a list of values or a range."""

    pruner: Literal["median", "hyperband"] | None = "median"
    """When a trial of a fine-tuned encoder is stopped early, by its evaluations during the fit.
    `median`: below the median of the earlier trials after as many evaluations. `hyperband`: by
    successive halving (Li et al. 2018), for many trials with many evaluations. null: never."""

    seeds: int = Field(3, ge=1)
    """Number of seeds that the winner is trained with, on the same splits."""

    storage: str | None = Field(None, min_length=1)
    """URL of the database of the trials, as SQLAlchemy takes it; null for `sweeps/NAME.db` in the
    working directory. Several processes, also of several machines, may share it."""

    folds: int | None = Field(None, ge=2)
    """Number of outer folds of a nested cross-validation; null for none. It takes as many times as
    long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """A checked sweep.

    Args:
        spec: The settings of its file.
        name: Its name.
        config: The config whose settings are searched.
        parameters: The searched settings, by dotted key.
        folder: The folder of its results.
        storage: URL of the database.
    """

    spec: SweepConfig
    name: str
    config: Config
    parameters: Mapping[str, Parameter]
    folder: Path
    storage: str

    @property
    def minimizes(self) -> bool:
        """Whether less of the metric is better."""
        return self.spec.metric in LOSSES

    def identity(self) -> dict[str, str]:
        """What must be the same for a sweep to be continued, by key, as JSON."""
        values: dict[str, Any] = {
            key: value
            for key, value in flatten(self.config).items()
            if not key.startswith("tracking.")
        }
        values |= {f"search.{key}": value.spec() for key, value in self.parameters.items()}
        values |= {"metric": self.spec.metric, "pruner": self.spec.pruner}
        return {
            key: json.dumps(value, sort_keys=True, default=str) for key, value in values.items()
        }


def load_sweep(path: str | Path, *, trials: int | None = None) -> Sweep:
    """Reads the file of a sweep and checks everything.

    Args:
        path: A YAML file.
        trials: A number of trials that replaces the file's.

    Raises:
        ConfigError: With all problems, each with its line, its key and what was expected.
    """
    path = Path(path)
    values, lines = read_yaml(path)
    if trials is not None:
        values["trials"] = trials
    try:
        spec = SweepConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigError(
            [
                f"{place(path, at, lines, '')}: {dotted(at)}: {message}"
                for at, message in problems(error, SweepConfig, values)
            ]
        ) from None
    config = _base(path, spec, lines)
    flaws = [
        f"{place(path, at, lines, '')}: {dotted(at)}: {message}"
        for at, message in _conflicts(spec, config)
    ]
    if flaws:
        raise ConfigError(flaws)
    name = spec.name or path.stem
    return Sweep(
        spec=spec,
        name=name,
        config=config,
        parameters={key: _parameter(key, value, config) for key, value in spec.search.items()},
        folder=_FOLDER / name,
        storage=spec.storage or f"sqlite:///{_FOLDER / name}.db",
    )


def with_values(config: Config, values: Mapping[str, Any]) -> Config:
    """A config with other values, by dotted key.

    Raises:
        ConfigError: With all problems, each with its key and what was expected.
    """
    return Config.from_dict(dict(config), values)


def _base(path: Path, spec: SweepConfig, lines: Mapping[Location, int]) -> Config:
    """The config with the overrides."""
    file = path.parent / spec.config
    if not file.is_file():
        raise ConfigError(
            f"{place(path, ('config',), dict(lines), '')}: config: {file}: no such file"
        )
    try:
        return load_config(file, spec.overrides)
    except ConfigError as error:
        where = f"{place(path, ('overrides',), dict(lines), '')}: overrides: "
        raise ConfigError(
            [re.sub("^overrides: ", lambda _: where, problem) for problem in error.problems]
        ) from None


def _conflicts(spec: SweepConfig, config: Config) -> Iterator[tuple[Location, str]]:
    """Settings of the file that do not fit the config."""
    metric = METRICS[spec.metric]
    if metric.optional and not getattr(config.evaluation, spec.metric):
        yield ("metric",), f"'{spec.metric}' is computed only if evaluation.{spec.metric} is set"
    for key, value in spec.search.items():
        at: Location = ("search", key)
        if key.split(".")[0] in _FIXED and not _WEIGHT.fullmatch(key):
            yield at, "would change which rows are compared or how; set it in the config"
        elif key == "model.seeds":
            yield at, "each trial has one seed; 'seeds' is the number for the winner"
        elif isinstance(value, Range):
            ends = ((end, getattr(value, end)) for end in ("low", "high"))
            yield from _flaws_of_each(at, ends, config)
        else:
            yield from _flaws_of_each(at, enumerate(value), config)


def _flaws_of_each(
    at: Location, values: Iterable[tuple[str | int, Any]], config: Config
) -> Iterator[tuple[Location, str]]:
    """Why the config refuses values of a searched setting, by their places in the file."""
    key = str(at[-1])
    for place_, value in values:
        for flaw in _flaws(key, value, config):
            if flaw.startswith(_UNKNOWN):  # whatever its value is
                yield at, flaw.replace(_UNKNOWN, "not a setting of the config", 1)
                return
            yield (*at, place_), flaw


def _flaws(key: str, value: Any, config: Config) -> list[str]:
    """Why the config refuses a value of a setting; empty if it does not."""
    try:
        with_values(config, {key: value})
    except ConfigError as error:
        return [
            problem.removeprefix(f"{key}: ")
            if problem.startswith(f"{key}: ")
            else f"with {text_of(value)}, {problem}"
            for problem in error.problems
        ]
    return []


def _parameter(key: str, value: "Range | Sequence[Any]", config: Config) -> Parameter:
    if not isinstance(value, Range):
        return Choice(key, tuple(value))
    low, high, step = value.low, value.high, value.step
    whole = all(isinstance(x, int) for x in (low, high, 1 if step is None else step))
    # Of numbers without a step, whole ones are searched only for settings that take no others.
    if whole and (step is not None or _flaws(key, low + 0.5, config)):
        return Integers(key, int(low), int(high), log=value.log, step=int(step or 1))
    return Floats(key, float(low), float(high), log=value.log, step=step and float(step))
