"""Conflicts between the settings of a config, each of which is valid by itself."""

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

from newsstand.config.data import RowsConfig
from newsstand.config.formats import FORMATS
from newsstand.config.section import Get
from newsstand.errors import did_you_mean
from newsstand.labels import FNC_LABELS, FROM_DATA, SCHEMES
from newsstand.models.base import FAMILIES
from newsstand.text.boilerplate_rules import RULES

# Each check looks up values by their keys, with defaults, so that all checks run even if other
# settings are invalid.
_TOPIC_SCHEMES = ("iptc-media-topics",)
# Settings of `export`: the default, and why other values do not apply to some models.
_EXPORTS = {
    "weights": ("float32", "only a linear model's weights can be made smaller"),
    "size_mb": (None, "only a linear model's weights can be made smaller"),
    "onnx": (None, "only a model with an encoder has a network to export"),
}
_STANCE_SCHEMES = ("favor-against-neutral", "agree-disagree-discuss-unrelated")


def conflicts(get: Get) -> Iterable[tuple[str, str]]:
    """Yields the dotted key and a message for each conflict between settings.

    Args:
        get: Returns the value at a dotted key, or the default; values may be invalid.
    """
    task, labels = get("task"), get("labels")
    if isinstance(labels, str) and labels not in (*SCHEMES, FROM_DATA):
        known = [*SCHEMES, FROM_DATA]
        yield (
            "labels",
            f"expected a list of labels or one of {', '.join(known)}"
            f"{did_you_mean(labels, known, None)}",
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
    yield from _data_conflicts(get, task)
    yield from _model_conflicts(get, task, labels)
    for rule in get("text.strip") if isinstance(get("text.strip"), (list, tuple)) else ():
        if isinstance(rule, str) and rule not in RULES:
            yield "text.strip", f"unknown rule '{rule}'{did_you_mean(rule, RULES)}"
    averaged, known = get("evaluation.f_avg"), _known_labels(labels)
    for label in averaged if known and isinstance(averaged, (list, tuple)) else ():
        if isinstance(label, str) and label not in known:
            yield "evaluation.f_avg", f"unknown label '{label}'{did_you_mean(label, known)}"
    if get("evaluation.fnc_score") is True and set(known) != set(FNC_LABELS):
        yield "evaluation.fnc_score", f"the labels must be {', '.join(FNC_LABELS)}"
    if get("evaluation.mae") is True and not isinstance(labels, (list, tuple)):
        yield "evaluation.mae", "needs the labels as a list in their order"
    if get("evaluation.cross_validate") is True and get("data.split.folds") is None:
        yield "evaluation.cross_validate", "needs data.split.folds, the number of folds"
    if get("tracking.alias") is not None and get("tracking.register_as") is None:
        yield "tracking.alias", "an alias needs tracking.register_as"
    if get("tracking.alias_force") not in (None, False) and get("tracking.alias") is None:
        yield "tracking.alias_force", "there is no alias to move; set tracking.alias"


def _model_conflicts(get: Get, task: Any, labels: Any) -> Iterable[tuple[str, str]]:
    """Yields conflicts in `model` and `export`, as the model's family defines them."""
    kind = get("model.kind")
    if not isinstance(kind, str) or kind not in FAMILIES:
        return
    section = FAMILIES[kind].config_class
    yield from section.conflicts(get, stance=task == "stance", labels=_known_labels(labels))
    for name, (default, why) in _EXPORTS.items():
        if name not in section.exports and get(f"export.{name}") != default:
            yield f"export.{name}", why


def _data_conflicts(get: Get, task: Any) -> Iterable[tuple[str, str]]:
    """Yields conflicts in `data`."""
    if not isinstance(get("data"), dict):
        return
    sources = get("data.sources")
    if sources is None:
        yield from _row_conflicts(get, task, "data")
    elif not isinstance(sources, list) or not sources:
        yield "data.sources", "expected a list of sources"
    else:
        for key in _set(get, RowsConfig, "data"):
            if key != "data.path":  # the folder that theirs are relative to
                yield key, "not with data.sources, where each source has its own; leave it out"
        yield from _source_conflicts(get, task, sources)
    yield from _split_conflicts(get, "data.split")


def _source_conflicts(get: Get, task: Any, sources: list[Any]) -> Iterable[tuple[str, str]]:
    """Yields conflicts in `data.sources`."""
    names: list[Any] = []
    for number in (place for place, source in enumerate(sources) if isinstance(source, dict)):
        at = f"data.sources.{number}"
        yield from _row_conflicts(get, task, at)
        if isinstance(get(f"{at}.split"), dict):
            yield from _split_conflicts(get, f"{at}.split")
        name = get(f"{at}.name")
        if name is not None and name in names:
            yield f"{at}.name", f"'{name}' is also the name of another source"
        names.append(name)


def _set(get: Get, section: type[BaseModel], at: str) -> Iterable[str]:
    """Yields the keys of a section whose values differ from the defaults."""
    for name, field in section.model_fields.items():
        default = field.get_default(call_default_factory=True, validated_data={})
        value = get(f"{at}.{name}")
        if isinstance(default, BaseModel) and isinstance(value, dict):
            yield from _set(get, type(default), f"{at}.{name}")
        elif value != default:
            yield f"{at}.{name}"


def _row_conflicts(get: Get, task: Any, at: str) -> Iterable[tuple[str, str]]:
    """Yields conflicts in a source of rows: `data`, or one of `data.sources`."""
    form, path = get(f"{at}.format"), get(f"{at}.path")
    if form is None:
        yield f"{at}.format", "missing"
    kind = FORMATS.get(form) if isinstance(form, str) else None
    if kind and kind.task == "stance" and task == "topic":
        yield f"{at}.format", f"'{form}' holds {kind.labels}, but task is topic"
    if kind and kind.task == "topic" and task == "stance":
        yield f"{at}.format", f"'{form}' rows have no target, but task is stance"
    if kind and not kind.needs_path and path is not None:
        yield f"{at}.path", f"the {form} is part of newsstand and has no path"
    if kind and kind.needs_path and path is None and get("data.path") is None:
        yield f"{at}.path", f"missing; format '{form}' needs it (data.path=… on the command line)"
    if (kind and not kind.needs_path) or str(path).startswith("hf:"):
        for key, default in (("delimiter", None), ("quote", None), ("header", True)):
            if get(f"{at}.csv.{key}") != default:
                yield f"{at}.csv.{key}", "there are no CSV or TSV files to read; leave it out"
    columns = get(f"{at}.columns")
    for name, column in columns.items() if isinstance(columns, dict) else ():
        if isinstance(column, (list, tuple)) and name != "label":
            yield f"{at}.columns.{name}", "expected one column; only label may have several"
    held = get(f"{at}.validation") or get(f"{at}.test")
    if at == "data" and held and get("data.train") is None:  # a source may be for testing alone
        yield "data.train", "missing, but data.validation or data.test is given"
    hub = form == "table" and str(path).startswith("hf:")
    if (kind and not kind.named) or hub:
        for split in ("train", "validation", "test"):
            if get(f"{at}.{split}") is not None:
                yield f"{at}.{split}", f"{'hf:' if hub else form} takes no file names; leave it out"
    if get(f"{at}.unseen_only") is True and not (kind and kind.unseen):
        telling = " and ".join(f"'{name}'" for name, other in FORMATS.items() if other.unseen)
        yield f"{at}.unseen_only", f"only format {telling} marks unseen topics, not '{form}'"


def _split_conflicts(get: Get, at: str) -> Iterable[tuple[str, str]]:
    """Yields conflicts in the settings of a split."""

    def setting(name: str) -> Any:
        return get(f"{at}.{name}")

    strategy, folds, fold = setting("strategy"), setting("folds"), setting("fold")
    if setting("by") and strategy not in ("grouped", "unseen"):
        yield f"{at}.by", f"only strategy 'grouped' or 'unseen' uses it, not '{strategy}'"
    if strategy == "unseen" and not setting("by"):
        yield f"{at}.by", "missing; strategy 'unseen' needs a column, such as [outlet]"
    if setting("gap_days") and strategy != "time":
        yield f"{at}.gap_days", f"only strategy 'time' leaves a gap, not '{strategy}'"
    if setting("hold_out") and strategy != "unseen":
        yield f"{at}.hold_out", f"only strategy 'unseen' holds values out, not '{strategy}'"
    elif setting("hold_out") and folds is not None:
        yield f"{at}.hold_out", "folds hold out each value in turn; leave one of the two out"
    if setting("ignore_given") is True and strategy == "given":
        yield f"{at}.ignore_given", "strategy 'given' keeps the given splits"
    if fold and folds is None:
        yield f"{at}.fold", f"a fold needs {at}.folds"
    elif type(folds) is type(fold) is int and fold >= folds > 1:
        yield (
            f"{at}.fold",
            f"expected 0 to {folds - 1}, as there are {folds} folds; got {fold}",
        )


def _known_labels(labels: Any) -> list[str]:
    """The labels that a config lists; none if they come from the data or are invalid."""
    if isinstance(labels, str):
        return list(SCHEMES.get(labels, ()))
    return [x for x in labels if isinstance(x, str)] if isinstance(labels, (list, tuple)) else []
