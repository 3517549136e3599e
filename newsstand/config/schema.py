"""The config of a training run: all settings, with types, bounds and descriptions.

A YAML file describes one experiment; `newsstand.config.loader` reads it. Only the recipe in
`train/run.py` and the trainers take config objects; other functions take plain arguments.
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
_LONGEST_REASON = 500  # characters


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
    flaw = alias_flaw(value) if isinstance(value, str) else None
    if flaw:
        raise PydanticCustomError("alias", "{flaw}", {"flaw": flaw})
    return value


def alias_flaw(value: str) -> str | None:
    """What is wrong with the alias of a registered model; None if it is valid."""
    if re.fullmatch(r"latest|v\d+", value, re.IGNORECASE):
        return "expected a name that MLflow does not reserve"
    if not re.fullmatch(r"[\w-]{1,255}", value, re.ASCII):
        return "expected up to 255 letters, digits, '_' and '-'"
    return None


def _reason(value: Any) -> Any:
    if value is False:  # configs of former versions, where it was true or false
        return None
    flaw = reason_flaw(value) if isinstance(value, str) or value is True else None
    if flaw:
        raise PydanticCustomError("reason", "{flaw}", {"flaw": flaw})
    return value


def reason_flaw(value: str | bool) -> str | None:
    """What is wrong with the reason to move an alias; None if it is valid."""
    if not isinstance(value, str) or not value.strip() or len(value) > _LONGEST_REASON:
        return (
            "expected the reason why the alias moves although a check fails, as text of up to "
            f"{_LONGEST_REASON} characters; it is recorded"
        )
    return None


class ExportConfig(Section):
    """How a model is stored in its bundle."""

    weights: Literal["float32", "float16", "int8"] = "float32"
    """Number format of the weights of a linear model, with 4, 2 or 1 bytes each. The smaller
    formats round; the change in metrics on the validation rows is printed and logged."""

    size_mb: float | None = Field(None, gt=0.0)
    """Maximum size of a linear model in megabytes (1,000,000 bytes); null for no limit. The least
    important features are removed; the change in metrics on the validation rows is printed and
    logged."""

    onnx: Literal["int8"] | None = None
    """`int8`: also store an encoder's network in ONNX with int8 weights, which then scores on CPUs,
    two to three times as fast and without torch. It is left out, with a message, if it lowers
    macro-F1 on the validation rows by more than 0.005, before or after a refit."""


class CalibrationConfig(Section):
    """How scores are converted to probabilities, fitted on the validation rows."""

    method: Literal["temperature", "sigmoid"] = "temperature"
    """`temperature`: softmax with one scale for all labels. `sigmoid`: a logistic curve with its
    own slope and offset for each label, normalized; needs more validation rows, and helps if some
    labels are calibrated worse than others."""


class EvaluationConfig(Section):
    """Metrics in addition to accuracy, F1 and calibration error."""

    f_avg: Annotated[tuple[str, ...], BeforeValidator(as_tuple)] = ()
    """Labels whose F1 scores are averaged in the metric `f_avg`, as in SemEval-2016; `[]` for no
    such metric."""

    fnc_score: bool = False
    """Compute the official score of the Fake News Challenge, 0 to 100, as `fnc_score`. The labels
    must be those of the challenge."""

    cross_validate: bool = False
    """Train and evaluate on each of `data.split.folds` folds, and report metrics of the test rows
    of all folds together, with mean and standard deviation over the folds. It takes as many times
    as long; the model of fold `data.split.fold` is the result."""

    learning_curve: bool = False
    """Also fit models on 5% to 70% of the training rows, and plot their macro-F1 on the test rows.
    It takes about one and a half times as long as the fit, in addition."""

    mae: bool = False
    """Compute the mean absolute error as `mae`, in steps between labels. For ordinal labels, which
    the config must list in their order."""


class TrackingConfig(Section):
    """How the run is logged in MLflow."""

    experiment: str = Field(min_length=1, max_length=500)
    """Name of the MLflow experiment."""

    run_name: str | None = None
    """Name of the run; null for the name of the config file."""

    register_as: Annotated[str | None, BeforeValidator(_model_name)] = None
    """Name of the registered model, of which the run adds a version; null to register none."""

    alias: Annotated[str | None, BeforeValidator(_alias)] = None
    """Alias of the best registered version, for instance `champion`; null for none. It moves to the
    version of this run if that passes the checks of `newsstand promote`: among them, it has the
    labels of the version that has the alias and is not significantly worse on its test rows."""

    alias_force: Annotated[str | None, BeforeValidator(_reason)] = None
    """Why to move the alias although a check fails, for instance `new test rows`; null if it is
    not to move then. The reason is recorded with the version."""


class _AnyFamily:
    """The section of the registered family that `kind` names."""

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
        return ModelSection.model_validate(value)  # raises the usual error
    if "kind" not in value:
        raise _at_kind(InitErrorDetails(type="missing", input=value))
    kind = value["kind"]
    if kind not in list(FAMILIES):  # the value may not be hashable
        quoted = [repr(name) for name in FAMILIES]
        expected = {"expected": f"{', '.join(quoted[:-1])} or {quoted[-1]}"}
        raise _at_kind(InitErrorDetails(type="literal_error", ctx=expected, input=kind))
    return FAMILIES[kind].config_class.model_validate(value)


def _at_kind(error: InitErrorDetails) -> ValidationError:
    return ValidationError.from_exception_data("model", [{**error, "loc": ("kind",)}])


class Config(Section):
    """One experiment."""

    task: Literal["topic", "stance"]
    """`topic`: predict the label of an article. `stance`: predict the label of an article toward a
    target."""

    labels: Annotated[str | tuple[str, ...], BeforeValidator(_labels)]
    """The labels: the name of a scheme (`iptc-media-topics`, `favor-against-neutral`,
    `agree-disagree-discuss-unrelated`), a list, or `from-data` for all that the rows have."""

    seed: int = Field(0, ge=0, lt=2**32)
    """Seed of all random numbers, in splits and fits, 0 to `2**32 - 1`. Change it to see how much
    results depend on chance; with `data.seed`, on that of the fit alone."""

    data: DataConfig
    """Where the labelled rows are, how they are read and how they are split."""

    text: TextConfig = TextConfig.model_construct()
    """How the text of articles is prepared."""

    model: Annotated[ModelSection, _AnyFamily()]
    """The model family, by its `kind`, and its settings."""

    export: ExportConfig = ExportConfig.model_construct()
    """How the model is stored in its bundle."""

    calibration: CalibrationConfig = CalibrationConfig.model_construct()
    """How scores are converted to probabilities."""

    evaluation: EvaluationConfig = EvaluationConfig.model_construct()
    """Additional metrics."""

    tracking: TrackingConfig
    """How the run is logged in MLflow."""

    @classmethod
    def from_dict(
        cls, values: "Mapping[str, Any] | Config", overrides: Mapping[str, Any] | None = None
    ) -> Self:
        """Creates a config from plain values, as a config file has them, and checks everything.

        Args:
            values: Keys and values, nested; sections may be section objects, too. Or
                a whole config.
            overrides: Values by dotted key, such as `{"model.C": 0.5}`; each replaces the value or
                the section of its key.

        Raises:
            ConfigError: With all problems, each with its key and what was expected.
        """
        copy: Any = plain(values)
        flaws: list[str] = []
        for key, value in overrides.items() if overrides and isinstance(copy, dict) else ():
            try:
                set_value(copy, key, plain(value))
            except ValueError as error:
                flaws.append(f"{key}: {error}")
        try:
            config = cls.model_validate(copy)
        except ValidationError as error:
            flaws += [f"{dotted(at)}: {message}" for at, message in problems(error, cls, copy)]
        if flaws:
            raise ConfigError(flaws)
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
        """The arguments of the loader in `newsstand.data`."""
        data, near = self.data, self.data.near_duplicates
        return DataSpec(
            task=self.task,
            labels=self.labels,
            sources=data.specs(),
            text=self.text.spec(),
            repeats=data.repeats,
            near_duplicates=None if near is None else near.spec(),
            split=data.split.spec(),
            seed=self.seed if data.seed is None else data.seed,
        )


def flatten(section: BaseModel, prefix: str = "") -> dict[str, Any]:
    """The value of each setting by its dotted key, as logged in MLflow."""
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
