"""The typed config of one training run, and the strict loader for it.

One YAML 1.2 file is one experiment. The loader reports every problem of a file at once, each
with its path, its line, what was expected and the nearest right name. A config object stops
at `train/run.py`: everything below takes plain arguments.
"""

import difflib
import types
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.scalarbool import ScalarBoolean

from newsstand.errors import ConfigError
from newsstand.labels import FROM_DATA, SCHEMES
from newsstand.text import RULES, TextSpec

Path_ = tuple[str | int, ...]


class _Section(BaseModel):
    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _labels(value: Any) -> Any:
    listed = _tuple(value)
    if isinstance(listed, tuple) and all(isinstance(x, str) and x for x in listed):
        return listed
    if isinstance(value, str):
        return value
    raise PydanticCustomError(
        "labels",
        "expected the name of a label scheme or a list of labels, each text (integers in quotes)",
    )


def _range(value: Any) -> Any:
    span = _tuple(value)
    if isinstance(span, tuple) and len(span) == 2 and all(type(x) is int for x in span):
        return span
    raise PydanticCustomError("range", "expected [shortest, longest], such as [1, 2]")


NgramRange = Annotated[tuple[int, int], BeforeValidator(_range)]


class SplitConfig(_Section):
    """How rows without a given split are shared out. Deterministic by content, not by order."""

    validation: float = Field(0.1, ge=0.0, lt=1.0)
    """Share of the training rows held out for validation, when the data names none."""

    test: float = Field(0.2, ge=0.0, lt=1.0)
    """Share of all rows held out for testing, when the data names none."""

    stratify: bool = True
    """Keep each label's share as it is in the whole."""


class DataConfig(_Section):
    """Where the labelled rows are and how to read them."""

    format: Literal["corpus", "table", "tsv", "tweeteval-stance"]
    """`corpus`: the articles shipped with newsstand. `table`: CSV, JSONL, Parquet with the
    canonical columns, or `hf:NAME`. `tsv`: label, tab, text. `tweeteval-stance`: TweetEval's
    folders."""

    path: str | None = None
    """File or folder, relative to the working directory, or `hf:NAME[:CONFIG]` for a data set
    of the Hugging Face hub (or a local folder that `datasets` can load)."""

    train: str | None = None
    """File of the training rows, under `path`; a glob takes several files."""

    validation: str | None = None
    """File of the validation rows, under `path`."""

    test: str | None = None
    """File of the test rows, under `path`."""

    columns: dict[str, str] = Field(default_factory=dict)
    """Canonical column to the name it has in the files, for instance `{body: text}`."""

    label_names: dict[str, str] = Field(default_factory=dict)
    """Label in the files to label of the model, for instance `{"0": left, "2": right}`.
    Integer labels without a name are refused."""

    split: SplitConfig = SplitConfig.model_construct()
    """How rows are shared out where the files do not say."""


class TextConfig(_Section):
    """How an article's text is prepared; the same for training and scoring."""

    strip: Annotated[tuple[str, ...], BeforeValidator(_tuple)] = tuple(RULES)
    """Boilerplate rules in force; `[]` keeps everything."""

    def spec(self) -> TextSpec:
        """The plain object that text preparation takes."""
        return TextSpec(strip=self.strip)


class LinearConfig(_Section):
    """A linear classifier over hashed n-grams."""

    kind: Literal["linear"]
    """Model family."""

    words: NgramRange | None = (1, 2)
    """Shortest and longest word n-gram, or null for none."""

    chars: NgramRange | None = None
    """Shortest and longest character n-gram inside words, or null for none."""

    bits: int = Field(20, ge=10, le=24)
    """The n-grams of each kind are hashed to 2 to the power of this many buckets."""

    title: Literal["joined", "apart"] = "joined"
    """`joined`: the title is the text's first paragraph. `apart`: its n-grams are counted once
    with the text and once more as features of their own."""

    cross_target: bool = False
    """Count each n-gram once for all targets and once more for its own target (stance)."""

    sublinear_tf: bool = True
    """Weight a count as 1 + ln(count)."""

    idf: bool = True
    """Weight an n-gram by its inverse document frequency in the training rows."""

    min_df: int = Field(1, ge=1)
    """Ignore n-grams that occur in fewer training rows than this."""

    classifier: Literal["svc", "logistic", "sgd"] = "svc"
    """scikit-learn's LinearSVC, LogisticRegression, or SGDClassifier (hinge loss, averaged)."""

    C: float = Field(1.0, gt=0.0)
    """Inverse strength of the L2 penalty."""

    class_weight: Literal["balanced"] | None = None
    """`balanced` weights each label by its inverse frequency."""

    refit: bool = False
    """After calibration, fit once more on training and validation rows together."""


class CalibrationConfig(_Section):
    """How scores become probabilities, fitted on the validation rows."""

    method: Literal["temperature", "sigmoid"] = "temperature"
    """`temperature`: one scale for all labels. `sigmoid`: slope and offset for each label."""


class EvaluationConfig(_Section):
    """What is measured beside accuracy, F1 and calibration error."""

    f_avg: Annotated[tuple[str, ...], BeforeValidator(_tuple)] = ()
    """Labels whose F1 scores are averaged into `f_avg`, SemEval-2016's official metric."""


class TrackingConfig(_Section):
    """Where the run goes in MLflow."""

    experiment: str = Field(min_length=1)
    """Name of the MLflow experiment."""

    run_name: str | None = None
    """Name of the run; the config file's name when null."""

    register_as: str | None = None
    """Name to register the model under, or null."""

    alias: str | None = None
    """Alias given to the registered version, for instance `champion`."""


class Config(_Section):
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

    model: LinearConfig
    """The model family and its settings."""

    calibration: CalibrationConfig = CalibrationConfig.model_construct()
    """How scores become probabilities."""

    evaluation: EvaluationConfig = EvaluationConfig.model_construct()
    """What is measured."""

    tracking: TrackingConfig
    """Where the run goes in MLflow."""


# What must fit together. Each check looks values up by path (a default where the file says
# nothing), so that all of them run even when other parts of the file are wrong.
Get = Callable[[str], Any]
_TOPIC_SCHEMES = ("iptc-media-topics",)
_STANCE_SCHEMES = ("favor-against-neutral", "agree-disagree-discuss-unrelated")


def _impossible(get: Get) -> Iterable[tuple[str, str]]:
    task, labels, form = get("task"), get("labels"), get("data.format")
    if isinstance(labels, str) and labels not in (*SCHEMES, FROM_DATA):
        known = [*SCHEMES, FROM_DATA]
        yield (
            "labels",
            f"expected a list of labels or one of {', '.join(known)}{_nearest(labels, known)}",
        )
    if isinstance(labels, (list, tuple)):
        if len(set(map(str, labels))) != len(labels):
            yield "labels", "a label is listed twice"
        elif len(labels) < 2:
            yield "labels", "expected at least two labels"
    if task == "topic" and labels in _STANCE_SCHEMES:
        yield "labels", f"'{labels}' is a stance scheme, but task is topic"
    if task == "stance" and labels in _TOPIC_SCHEMES:
        yield "labels", f"'{labels}' is a topic scheme, but task is stance"
    if task == "topic" and form == "tweeteval-stance":
        yield "data.format", "'tweeteval-stance' holds stances, but task is topic"
    if task == "stance" and form == "tsv":
        yield "data.format", "'tsv' rows have no target, but task is stance"
    if form == "corpus" and get("data.path") is not None:
        yield "data.path", "the corpus is part of newsstand and has no path"
    if form in ("table", "tsv", "tweeteval-stance") and get("data.path") is None:
        yield "data.path", f"missing; format '{form}' needs it (data.path=… on the command line)"
    if get("data.train") is None and (get("data.validation") or get("data.test")):
        yield "data.train", "missing, but data.validation or data.test is given"
    hub = form == "table" and str(get("data.path")).startswith("hf:")
    if form in ("corpus", "tweeteval-stance") or hub:
        for split in ("train", "validation", "test"):
            if get(f"data.{split}") is not None:
                yield f"data.{split}", f"{'hf:' if hub else form} takes no file names; leave it out"
    if task == "topic" and get("model.cross_target") is True:
        yield "model.cross_target", "a topic model has no targets to cross with"
    for kind in ("words", "chars"):
        span = get(f"model.{kind}")
        if _is_range(span) and not 1 <= span[0] <= span[1] <= 8:
            yield f"model.{kind}", f"expected 1 <= shortest <= longest <= 8, got {list(span)}"
    if get("model.words") is None and get("model.chars") is None:
        yield "model.words", "words and chars are both null, so there are no features"
    for rule in get("text.strip") if isinstance(get("text.strip"), (list, tuple)) else ():
        if isinstance(rule, str) and rule not in RULES:
            yield "text.strip", f"unknown rule '{rule}'{_nearest(rule, RULES)}"
    averaged, known = get("evaluation.f_avg"), _known_labels(labels)
    for label in averaged if known and isinstance(averaged, (list, tuple)) else ():
        if isinstance(label, str) and label not in known:
            yield "evaluation.f_avg", f"unknown label '{label}'{_nearest(label, known)}"
    if get("tracking.alias") is not None and get("tracking.register_as") is None:
        yield "tracking.alias", "an alias needs tracking.register_as"


def _known_labels(labels: Any) -> list[str]:
    """The labels that a config names; none when they come from the data or are wrong."""
    if isinstance(labels, str):
        return list(SCHEMES.get(labels, ()))
    return [x for x in labels if isinstance(x, str)] if isinstance(labels, (list, tuple)) else []


def _is_range(value: Any) -> bool:
    return (
        isinstance(value, (list, tuple)) and len(value) == 2 and all(type(x) is int for x in value)
    )


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Reads a config file, applies `key.sub=value` overrides, and checks everything.

    Raises:
        ConfigError: With all problems of the file and the overrides.
    """
    path = Path(path)
    raw, lines = _read(path)
    problems = _override(raw, lines, overrides)
    try:
        config = Config.model_validate(raw)
    except ValidationError as error:
        config = None
        found = [(tuple(e["loc"]), _describe(e)) for e in error.errors()]
    else:
        found = []
    seen = {loc for loc, _ in found}
    found += [
        (loc, message)
        for where, message in _impossible(lambda key: _lookup(raw, key))
        if (loc := tuple(where.split("."))) not in seen
    ]
    problems += [f"{_place(path, loc, lines)}: {_dotted(loc)}: {text}" for loc, text in found]
    if problems or config is None:
        raise ConfigError(problems)
    return config


def dump_config(config: Config) -> str:
    """The resolved config as YAML, every key written out."""
    return dump_yaml(config.model_dump(mode="json"))


def dump_yaml(value: Any) -> str:
    """Plain values as block-style YAML."""
    import io

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = 100
    stream = io.StringIO()
    yaml.dump(value, stream)
    return stream.getvalue()


def flatten(section: BaseModel, prefix: str = "") -> dict[str, Any]:
    """Dotted key to value of every setting, for run parameters."""
    flat: dict[str, Any] = {}
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            flat.update(flatten(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = value
    return flat


def _read(path: Path) -> tuple[dict[str, Any], dict[Path_, int]]:
    from newsstand.records import file_flaw, text_flaw

    flaw = file_flaw(path) or text_flaw(path)
    if flaw:
        raise ConfigError(flaw)
    try:
        loaded = YAML(typ="rt").load(path.read_text(encoding="utf-8-sig"))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        reason = ", ".join(_one_line(x) for x in (error.context, error.problem) if x)
        raise ConfigError(f"{path}{line}: not valid YAML ({reason})") from None
    except YAMLError as error:
        raise ConfigError(f"{path}: not valid YAML ({_one_line(str(error))})") from None
    except RecursionError:
        raise ConfigError(f"{path}: not valid YAML (nested too deeply)") from None
    if not isinstance(loaded, CommentedMap):
        raise ConfigError(f"{path}:1: expected keys and values, such as 'task: topic'")
    lines: dict[Path_, int] = {}
    plain = _plain(loaded, (), lines)
    assert isinstance(plain, dict)  # noqa: S101 - narrows the type; checked just above
    return plain, lines


def _plain(node: Any, at: Path_, lines: dict[Path_, int]) -> Any:
    """Plain values for pydantic, with the line of each key noted by its path."""
    if isinstance(node, CommentedMap):
        # Keys that a merge (`<<: *other`) brings in have no line of their own.
        for key, mark in (node.lc.data or {}).items():
            lines[(*at, str(key))] = mark[0] + 1
        return {str(key): _plain(value, (*at, str(key)), lines) for key, value in node.items()}
    if isinstance(node, CommentedSeq):
        for index, mark in (node.lc.data or {}).items():
            lines[(*at, index)] = mark[0] + 1
        return [_plain(value, (*at, index), lines) for index, value in enumerate(node)]
    if isinstance(node, ScalarBoolean):  # a bool with an anchor; bool has no subclasses
        return bool(node)
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node


def _override(raw: dict[str, Any], lines: dict[Path_, int], overrides: Sequence[str]) -> list[str]:
    problems = []
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals or not key:
            problems.append(f"command line: '{text}': expected KEY.SUB=VALUE")
            continue
        try:
            parsed = _plain(YAML(typ="rt").load(value), (), {})
        except YAMLError:
            hint = "; put it in quotes inside the quotes of the shell"
            problems.append(f"command line: {key}: value is not valid YAML: {value!r}{hint}")
            continue
        at = tuple(key.split("."))
        section: Any = raw
        for depth, parent in enumerate(at[:-1], start=1):
            if section.get(parent) is None:
                section[parent] = {}
                lines[at[:depth]] = 0
            section = section[parent]
            if not isinstance(section, dict):
                problems.append(f"command line: {key}: '{'.'.join(at[:depth])}' is not a section")
                break
        if not isinstance(section, dict):
            continue
        section[at[-1]] = parsed
        for deeper in [loc for loc in lines if loc[: len(at)] == at]:
            del lines[deeper]
        lines[at] = 0
    return problems


_EXPECTED = {
    "model_type": "expected keys and values",
    "dict_type": "expected keys and values",
    "tuple_type": "expected a list",
}


def _describe(error: Any) -> str:
    kind, value = error["type"], error.get("input")
    if kind == "missing":
        return "missing"
    if kind == "extra_forbidden":
        section = _section_at(error["loc"][:-1])
        known = list(section.model_fields) if section else []
        return f"unknown key{_nearest(str(error['loc'][-1]), known, 'keys here')}"
    message = _EXPECTED.get(kind) or str(error["msg"]).replace("Input should be", "expected")
    hint = ""
    if kind == "literal_error":
        hint = _nearest(str(value), [x.strip("'") for x in _choices(error)], None)
    return f"{message[0].lower() + message[1:]}, got {_short(value)}{hint}"


def _choices(error: Any) -> list[str]:
    return str(error["ctx"]["expected"]).replace(" or ", ", ").split(", ")


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return "a section"
    text = repr(value) if value is not None else "null"
    return text if len(text) <= 60 else text[:57] + "…"


def _section_at(loc: Path_) -> type[BaseModel] | None:
    section: type[BaseModel] = Config
    for key in loc:
        field = section.model_fields.get(str(key))
        inner = field.annotation if field else None
        if get_origin(inner) in (Union, types.UnionType):
            inner = next((x for x in get_args(inner) if x is not type(None)), None)
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return None
        section = inner
    return section


def _lookup(raw: Any, key: str) -> Any:
    """What the file says at a dotted key, else the field's default."""
    *parents, last = key.split(".")
    section = _section_at(tuple(parents))
    for parent in parents:
        raw = raw.get(parent, {}) if isinstance(raw, dict) else {}
    if isinstance(raw, dict) and last in raw:
        return raw[last]
    field = section.model_fields.get(last) if section else None
    return (
        None
        if field is None or field.is_required()
        else field.get_default(call_default_factory=True, validated_data={})
    )


def _nearest(value: str, known: Iterable[str], listing: str | None = "known") -> str:
    names = list(known)
    close = difflib.get_close_matches(value, names, n=1, cutoff=0.5)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f" ({listing}: {', '.join(names)})" if listing and names else ""


def _place(path: Path, loc: Path_, lines: dict[Path_, int]) -> str:
    for length in range(len(loc), 0, -1):
        line = lines.get(loc[:length])
        if line is not None:
            return f"{path}:{line}" if line else "command line"
    return str(path)


def _dotted(loc: Path_) -> str:
    return ".".join(map(str, loc))


def _one_line(text: str | None) -> str:
    return " ".join((text or "unreadable").split())
