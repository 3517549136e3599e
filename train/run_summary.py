"""What MLflow shows of a run beside its metrics: parameters, tags and a description."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from newsstand.config.schema import Config
from newsstand.data.readers.sources import SPLITS
from newsstand.version import __version__

# Tags of runs, logged models and registered versions.
COMMIT = "mlflow.source.git.commit"  # as MLflow names it
KIND = "newsstand.kind"  # train, seed, comparison, sweep or evaluation
FAMILY = "newsstand.family"
TASK = "newsstand.task"
DATA = "newsstand.data"
HEADLINE = "test macro-F1"
# A run with more parameters is hard to read; its config is an artifact.
MOST_PARAMETERS = 40
_MOST_SHOWN = 6000  # characters of a value, as MLflow accepts them
# Settings that are logged even with their default values, beside those of the model.
_ALWAYS = frozenset(
    {
        *("task", "labels", "seed", "data.format", "data.split.strategy", "model.refit"),
        "calibration.method",
    }
)
# MLflow shows the names of experiment, run and registered model itself.
_NEVER = ("tracking.",)
_TO = "\N{EN DASH}"
_CORPUS = "corpus"  # the embedded one
_EMPTY: tuple[Any, ...] = (None, "", (), [], {})
_UNUSED: tuple[Any, ...] = (False, 0, "auto")  # defaults of the model that change nothing


def parameters(config: Config) -> dict[str, str]:
    """The settings that say something about a run, by dotted key; at most 40.

    These are the settings of the model, a few others that identify a run, and all that differ from
    their default. Settings without a value are omitted, except for those of the model that the
    config sets to null: they are `off`. Several sources of data are listed by name.
    """
    kept = {
        key: "off" if value in _EMPTY else _text(value)
        for key, value, default, given in _settings(config)
        if not key.startswith(_NEVER)
        and (_is_off(key, default, given) if value in _EMPTY else _tells(key, value, default))
    }
    if config.data.sources is not None:
        kept["data.sources"] = ", ".join(config.data.source_names())
    order = sorted(kept, key=lambda key: not (key in _ALWAYS or key.startswith("model.")))
    return {key: kept[key] for key in order[:MOST_PARAMETERS]}


def _settings(section: BaseModel, prefix: str = "") -> Iterator[tuple[str, Any, Any, bool]]:
    """Key, value and default of each setting, and whether the config gives it.

    Settings of single sources of data are left out.
    """
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from _settings(value, f"{prefix}{name}.")
        elif not (isinstance(value, tuple) and value and isinstance(value[0], BaseModel)):
            default = field.get_default(call_default_factory=True)
            yield prefix + name, value, default, name in section.model_fields_set


def _is_off(key: str, default: object, given: bool) -> bool:
    """Whether a setting without a value says something."""
    if default not in (*_EMPTY, PydanticUndefined):
        return True
    return given and key.startswith("model.")


def _tells(key: str, value: object, default: object) -> bool:
    """Whether a setting with a value says something."""
    if key in _ALWAYS or value != default:
        return True
    return key.startswith("model.") and value not in _UNUSED


def _text(value: object) -> str:
    """A value as configs write it."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text[:_MOST_SHOWN]


def tags(config: Config, *, data_digest: str, splits: str) -> dict[str, str]:
    """The tags of a training run, by which runs are found and told apart.

    Args:
        config: The experiment.
        data_digest: Digest of all rows in their splits.
        splits: How the splits were made.
    """
    encoder = getattr(config.model, "encoder", None)
    return {
        KIND: "train",
        FAMILY: config.model.kind,
        TASK: config.task,
        DATA: data_name(config),
        **({"newsstand.encoder": str(encoder)} if encoder else {}),
        "newsstand.version": __version__,
        "newsstand.data_digest": data_digest,
        "newsstand.splits": splits,
    }


def data_name(config: Config) -> str:
    """A short name of a config's data: of its file, folder or sources."""
    data = config.data
    if data.sources is not None:
        return ", ".join(data.source_names())
    place = data.path or data.train
    if place is None:
        return _CORPUS
    return place if place.startswith("hf:") else Path(place).name or place


def headline(metrics: Mapping[str, float]) -> str:
    """The test macro-F1, with its 95% interval if there is one: `0.731 (0.700-0.760)`.

    >>> headline({"test/macro_f1": 0.7312})
    '0.731'
    """
    value, low, high = (metrics.get(f"test/macro_f1{end}") for end in ("", "_low", "_high"))
    if value is None:
        return ""
    interval = "" if low is None or high is None else f" ({low:.3f}{_TO}{high:.3f})"
    return f"{value:.3f}{interval}"


def description(
    config: Config,
    *,
    rows: Mapping[str, int],
    labels: int,
    metrics: Mapping[str, float],
    splits: str,
    commit: str | None = None,
    warning: str | None = None,
) -> str:
    """A paragraph on a trained model: how good it is, what it is, and what it learned from.

    Lists show only its beginning, and Markdown as it is written.

    Args:
        config: The experiment.
        rows: Number of rows by split.
        labels: Number of labels.
        metrics: Metrics of the run.
        splits: How the splits were made.
        commit: The git commit of the working directory, if it is in a repository.
        warning: The warning of a stance model that failed a control.
    """
    encoder = getattr(config.model, "encoder", None)
    family = f"{config.model.kind} model" + (f" with the encoder {encoder}" if encoder else "")
    train, validation, test = (f"{rows[name]:,}" for name in SPLITS)
    macro_f1 = headline(metrics).replace(")", ", 95% interval)")
    data = "the newsstand corpus" if data_name(config) == _CORPUS else data_name(config)
    refit = ", then fitted again on both" if config.model.refit else ""
    made = f"newsstand {__version__}" + (f", git commit {commit[:7]}" if commit else "")
    sentences = [
        f"Macro-F1 {macro_f1} and accuracy {metrics['test/accuracy']:.3f} on "
        f"{test} test rows of {data}.",
        f"A {config.task} classifier of {labels} labels: {family}, trained on {train} rows and "
        f"calibrated on {validation} validation rows{refit}.",
        f"Splits: {splits.rstrip('.')}.",
        f"Made by {made}.",
    ]
    return " ".join([*sentences, *([f"Warning: {warning}"] if warning else [])])


def with_label_names(metrics: Mapping[str, float], names: Mapping[str, str]) -> dict[str, float]:
    """The metrics, with labels by name: `test/f1/sport` instead of `test/f1/15000000`.

    Args:
        metrics: By name; that of a label is `SPLIT/METRIC/LABEL`.
        names: Label to readable name. A name that several labels share is not used.

    >>> with_label_names({"test/f1/15000000": 1.0, "test/ece": 0.1}, {"15000000": "sport"})
    {'test/f1/sport': 1.0, 'test/ece': 0.1}
    """
    count = Counter(names.values())

    def renamed(key: str) -> str:
        *before, label = key.split("/", 2)
        name = names.get(label, label)
        return "/".join([*before, name]) if len(before) == 2 and count[name] == 1 else key

    return {renamed(key): value for key, value in metrics.items()}
