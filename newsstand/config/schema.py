"""The typed config of one training run: every setting, documented.

One YAML file is one experiment; `config_file` reads it. A config object stops at `train/run.py`
and `train/fit.py`: everything below takes plain arguments.
"""

import re
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError, core_schema

from newsstand.config.checks import conflicts
from newsstand.config.data import DataConfig, TextConfig
from newsstand.config.data_specs import DataSpec
from newsstand.config.lookup import location, lookup, plain, set_value
from newsstand.config.problems import conflict, dotted, problems, repeated
from newsstand.config.section import ModelSection, Section, as_tuple
from newsstand.errors import ConfigError
from newsstand.models.base import FAMILIES

_DOTS = (".", "..")


def _labels(value: Any) -> Any:
    listed = as_tuple(value)
    if isinstance(listed, tuple) and all(isinstance(x, str) and x for x in listed):
        return listed
    if isinstance(value, str):
        return value
    raise PydanticCustomError(
        "labels",
        "expected the name of a label scheme or a list of labels, each text (integers in quotes)",
    )


def _model_name(value: Any) -> Any:
    if isinstance(value, str) and (not value.strip() or set("/:") & set(value) or value in _DOTS):
        raise PydanticCustomError("model_name", "expected a name without '/' and ':'")
    return value


def _alias(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if re.fullmatch(r"latest|v\d+", value, re.IGNORECASE):
        raise PydanticCustomError("alias", "expected a name that MLflow does not reserve")
    if not re.fullmatch(r"[\w-]{1,255}", value, re.ASCII):
        raise PydanticCustomError("alias", "expected up to 255 letters, digits, '_' and '-'")
    return value


class ExportConfig(Section):
    """How a model is kept in its bundle."""

    weights: Literal["float32", "float16", "int8"] = "float32"
    """Numbers of 4, 2 or 1 bytes for a linear model's weights; the smaller ones are rounded."""

    size_mb: float | None = Field(None, gt=0.0)
    """So many megabytes (of 1,000,000 bytes) at most: the features that matter least are left
    out (linear). What that and rounding cost on the validation rows is printed and logged."""

    onnx: Literal["int8"] | None = None
    """`int8`: keep an encoder's network in ONNX, too, with weights of one byte, which is what then
    scores on a CPU, without torch. Left out, and said, where it costs more than .005 of macro-F1 on
    the validation rows, before a refit or after."""


class CalibrationConfig(Section):
    """How scores become probabilities, fitted on the validation rows."""

    method: Literal["temperature", "sigmoid"] = "temperature"
    """`temperature`: one scale for all labels. `sigmoid`: slope and offset for each label."""


class EvaluationConfig(Section):
    """What is measured beside accuracy, F1 and calibration error."""

    f_avg: Annotated[tuple[str, ...], BeforeValidator(as_tuple)] = ()
    """Labels whose F1 scores are averaged into `f_avg`, SemEval-2016's official metric."""

    fnc_score: bool = False
    """The Fake News Challenge's official score, 0 to 100, as `fnc_score`."""

    mae: bool = False
    """The mean absolute error, in steps between labels, as `mae`: the labels are an order, from
    the first that the config lists to the last."""


class TrackingConfig(Section):
    """Where the run goes in MLflow."""

    experiment: str = Field(min_length=1, max_length=500)
    """Name of the MLflow experiment."""

    run_name: str | None = None
    """Name of the run; the config file's name when null."""

    register_as: Annotated[str | None, BeforeValidator(_model_name)] = None
    """Name to register the model under, or null; each run registers a version."""

    alias: Annotated[str | None, BeforeValidator(_alias)] = None
    """Alias of the best registered version, for instance `champion`. It moves to this run's
    version where it has the labels and test rows of the version that has the alias, and test
    macro-F1 is not lower; or where no version has it."""

    alias_force: bool = False
    """Move the alias in any case."""


class _AnyFamily:
    """A section of the family that its `kind` names, of those that are registered by then."""

    def __get_pydantic_core_schema__(
        self, source: type[ModelSection], handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            _of_family,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda section, info: section.model_dump(mode=info.mode), info_arg=True
            ),
        )

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        sections = (family.config_class for family in FAMILIES.values())
        return {"anyOf": [handler(section.__pydantic_core_schema__) for section in sections]}


def _of_family(value: Any) -> ModelSection:
    if isinstance(value, ModelSection):
        return value
    if not isinstance(value, dict):
        return ModelSection.model_validate(value)  # which says what it should be
    if "kind" not in value:
        raise _at_kind(InitErrorDetails(type="missing", input=value))
    kind = value["kind"]
    if kind not in list(FAMILIES):  # what is there need not be hashable
        quoted = [repr(name) for name in FAMILIES]
        expected = {"expected": f"{', '.join(quoted[:-1])} or {quoted[-1]}"}
        raise _at_kind(InitErrorDetails(type="literal_error", ctx=expected, input=kind))
    return FAMILIES[kind].config_class.model_validate(value)


def _at_kind(error: InitErrorDetails) -> ValidationError:
    return ValidationError.from_exception_data("model", [{**error, "loc": ("kind",)}])


class Config(Section):
    """One experiment."""

    task: Literal["topic", "stance"]
    """`topic`: article to label. `stance`: article and target to label."""

    labels: Annotated[str | tuple[str, ...], BeforeValidator(_labels)]
    """A label scheme by name, `from-data`, or a list of labels."""

    seed: int = Field(0, ge=0, lt=2**32)
    """Seed of everything random: splits and fitting."""

    data: DataConfig
    """Where the labelled rows are."""

    text: TextConfig = TextConfig.model_construct()
    """How the text is prepared."""

    model: Annotated[ModelSection, _AnyFamily()]
    """The model family and its settings."""

    export: ExportConfig = ExportConfig.model_construct()
    """How the weights are kept."""

    calibration: CalibrationConfig = CalibrationConfig.model_construct()
    """How scores become probabilities."""

    evaluation: EvaluationConfig = EvaluationConfig.model_construct()
    """What is measured."""

    tracking: TrackingConfig
    """Where the run goes in MLflow."""

    @classmethod
    def from_dict(
        cls, values: Mapping[str, Any], overrides: Mapping[str, Any] | None = None
    ) -> Self:
        """Creates a config from plain values, as a config file has them, and checks everything.

        Args:
            values: Keys and values, nested; sections may be section objects, too.
            overrides: Values by dotted key, such as `{"model.C": 0.5}`; each replaces the value or
                the section of its key.

        Raises:
            ConfigError: With all problems, each with its key and what was expected.
        """
        copy: Any = plain(values)
        found: list[str] = []
        for key, value in overrides.items() if overrides and isinstance(copy, dict) else ():
            try:
                set_value(copy, key, plain(value))
            except ValueError as error:
                found.append(f"{key}: {error}")
        try:
            config = cls.model_validate(copy)
        except ValidationError as error:
            found += [f"{dotted(at)}: {message}" for at, message in problems(error, cls, copy)]
        if found:
            raise ConfigError(found)
        return config

    @model_validator(mode="wrap")
    @classmethod
    def _check_conflicts(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Reports settings that do not fit together, with the errors of single settings."""
        errors: list[InitErrorDetails] = []
        try:
            config = handler(value)
        except ValidationError as error:
            errors = [repeated(details) for details in error.errors()]
        values, invalid = plain(value), {error["loc"] for error in errors}
        get = partial(lookup, cls, values)
        for key, message in conflicts(get) if isinstance(values, dict) else ():
            at = location(key, values)
            if at not in invalid:
                errors.append(conflict(at, message, get(key)))
        if errors:
            raise ValidationError.from_exception_data(cls.__name__, errors)
        return config

    def loading(self) -> DataSpec:
        """What the loader of `newsstand.data` is asked for."""
        data, near = self.data, self.data.near_duplicates
        return DataSpec(
            task=self.task,
            labels=self.labels,
            sources=data.specs(),
            text=self.text.spec(),
            repeats=data.repeats,
            near_duplicates=None if near is None else near.spec(),
            split=data.split.spec(),
            seed=self.seed,
        )


def flatten(section: BaseModel, prefix: str = "") -> dict[str, Any]:
    """Dotted key to value of every setting, for run parameters."""
    flat: dict[str, Any] = {}
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            flat.update(flatten(value, f"{prefix}{name}."))
        elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            for number, part in enumerate(value):
                flat.update(flatten(part, f"{prefix}{name}.{number}."))
        else:
            flat[prefix + name] = value
    return flat
