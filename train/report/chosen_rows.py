"""The labelled rows that a model is evaluated on: those of a config, or of a table."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from newsstand.config.loader import load_config
from newsstand.config.schema import Config
from newsstand.data.load import NewsData, load, load_unsplit, relabelled
from newsstand.errors import DataError, InputError, did_you_mean
from newsstand.io.bundle import Bundle
from newsstand.io.values import shortened
from newsstand.labels import SCHEMES
from newsstand.progress import ProgressCallback
from newsstand.train.dataset import LabelledRows
from newsstand.train.report.description import data_name
from newsstand.types import Ints

ALL = "all"  # the split that is all rows
_CONFIGS = (".yaml", ".yml")
_UNKNOWN = "with the unknown label "  # in the notes of the loader
_SHOWN = 8  # labels of the model in a message


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to evaluate on which rows.

    Args:
        model: A bundle folder, or its URI in MLflow.
        data: A config file, or a table, a folder or a glob of tables.
        settings: Settings by dotted key that override those of the config or, for a table, the
            defaults: `{"data.csv.delimiter": ";"}`. Texts such as `data.repeats=keep` for a config.
        split: `train`, `validation`, `test` or `all`; None for the test rows of a config, and all
            rows of a table.
        columns: For a table, its name of each canonical column that has another name there.
        labels: Label in the data to label of the model, for those that differ.
        ignore_unknown: Whether rows with labels that the model lacks are left out.
    """

    model: str
    data: str
    settings: Sequence[str] = ()
    split: str | None = None
    columns: Mapping[str, str] | None = None
    labels: Mapping[str, str] | None = None
    ignore_unknown: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenRows:
    """The rows to evaluate.

    Args:
        rows: The rows, with the labels of the model.
        news: All rows of the data.
        name: Name of the data.
        split: `train`, `validation`, `test` or `all`.
        left_out: What was left out of the data, one line each.
        prepared: Whether the texts are prepared as the model's are.
        trained_on: Whether the data are those that the model was trained on.
    """

    rows: LabelledRows
    news: NewsData
    name: str
    split: str
    left_out: list[str]
    prepared: bool = True
    trained_on: bool = False


def choose_rows(request: Request, bundle: Bundle, progress: ProgressCallback) -> ChosenRows:
    """Loads the rows that a model is evaluated on.

    Args:
        request: Which rows.
        bundle: The model.
        progress: Called with the stage, the rows done, and their total or None.

    Raises:
        NewsstandError: The data cannot be used, or rows have labels that the model lacks.
    """
    if Path(request.data).suffix.lower() in _CONFIGS:
        return _of_config(request, bundle, progress)
    return _of_table(request, bundle, progress)


def _of_config(request: Request, bundle: Bundle, progress: ProgressCallback) -> ChosenRows:
    if request.columns:
        raise InputError(f"--column: for tables; {request.data} has data.columns")
    config = load_config(request.data, request.settings)
    if config.task != bundle.task:
        raise InputError(
            f"{request.data}: the task is {config.task}, that of the model is {bundle.task}"
        )
    news = load(config.loading(), progress=progress)
    named = _mapping(request, bundle)
    lost = next((label for label in named if label not in news.labels.names), None)
    if lost is not None:
        known = did_you_mean(lost, news.labels.names, "labels")
        raise DataError(f"--map: no row has the label {shortened(lost)}{known}")
    chosen = _chosen(news, named, bundle, request, split=request.split or "test")
    return replace(
        chosen,
        name=data_name(config),
        prepared=config.text.spec() == bundle.text,
        trained_on=news.digest == bundle.data.get("digest"),
    )


def _of_table(request: Request, bundle: Bundle, progress: ProgressCallback) -> ChosenRows:
    config = _table_config(request, bundle)
    spec = config.loading()
    if not isinstance(spec.sources, tuple):
        read = replace(spec.sources.read, unknown_labels="drop")
        spec = replace(spec, sources=replace(spec.sources, read=read))
    news = load_unsplit(replace(spec, text=bundle.text), progress=progress)
    unknown = [note for note in news.notes if _UNKNOWN in note.what]
    if unknown and not request.ignore_unknown:
        raise DataError(
            [
                f"{request.data}: {note.what} ({note.why})"
                + _advice(note.what.partition(_UNKNOWN)[2].strip("'\""), bundle)
                for note in unknown
            ]
        )
    if news.problems:
        raise DataError(news.problems)
    chosen = _chosen(news, {}, bundle, request, split=request.split or ALL)
    return replace(chosen, name=data_name(config))


def _chosen(
    news: NewsData, named: Mapping[str, str], bundle: Bundle, request: Request, *, split: str
) -> ChosenRows:
    """The rows of a split with the labels of the model.

    Args:
        news: All rows of the data.
        named: Label of the data to label of the model, where the user states it.
        bundle: The model.
        request: Which rows.
        split: The split of the rows.

    Raises:
        DataError: Rows have labels that the model lacks, or there are none.
    """
    found = {
        label: named.get(label) or bundle.labels.resolve(label) or bundle.labels.resolve(name)
        for label, name in news.labels.names.items()
    }
    mapping = {label: own for label, own in found.items() if own is not None}
    names = news.rows.features["label"].names
    column = news.rows.data.column("label").to_numpy()[row_numbers(news, split)]
    unknown = Counter(names[x] for x in column.tolist() if names[x] not in mapping)
    if unknown and not request.ignore_unknown:
        raise DataError(
            [
                f"{request.data}: {_rows(count)} with the unknown label {shortened(label)}"
                f"{_advice(label, bundle)}"
                for label, count in unknown.most_common()
            ]
        )
    renamed = relabelled(news, bundle.labels, mapping)
    numbers = row_numbers(renamed, split)
    left_out = [note.what for note in news.notes]
    left_out += [f"{_rows(n)} with the unknown label {shortened(x)}" for x, n in unknown.items()]
    if not len(numbers):
        kind = "rows" if split == ALL else f"{split} rows"
        reasons = f" (left out: {', '.join(left_out)})" if left_out else ""
        raise DataError(f"{request.data}: no {kind} to evaluate{reasons}")
    return ChosenRows(
        rows=LabelledRows(renamed, numbers), news=renamed, name="", split=split, left_out=left_out
    )


def _rows(count: int) -> str:
    return f"{count:,} row" if count == 1 else f"{count:,} rows"


def _table_config(request: Request, bundle: Bundle) -> Config:
    """The config by which a table is read.

    Raises:
        ConfigError: A column or a setting is wrong.
        InputError: A label of `--map` is wrong.
    """
    scheme = bundle.labels.scheme
    rows: dict[str, Any] = {"format": "table", "path": request.data}
    rows |= {"columns": dict(request.columns)} if request.columns else {}
    rows |= {"labels": _mapping(request, bundle)} if request.labels else {}
    values = {
        "task": bundle.task,
        "labels": scheme if scheme in SCHEMES else list(bundle.labels.labels),
        "data": rows,
        "model": {"kind": "linear"},
        "tracking": {"experiment": "evaluate"},
    }
    return Config.from_dict(values, dict(_settings(request.settings)))


def _settings(given: Sequence[str]) -> Iterator[tuple[str, Any]]:
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key.startswith("data."):
            raise InputError(f"'{text}': expected data.KEY=VALUE")
        try:
            yield key, YAML(typ="safe").load(value)
        except YAMLError:
            raise InputError(f"{key}: value is not valid YAML: {value!r}") from None


def _mapping(request: Request, bundle: Bundle) -> dict[str, str]:
    """The labels of `--map`, each with a label of the model.

    Raises:
        InputError: The model has no such label.
    """
    found = {}
    for old, new in (request.labels or {}).items():
        label = bundle.labels.resolve(new)
        if label is None:
            known = did_you_mean(new, _names(bundle), "its labels")
            raise InputError(f"--map: the model has no label {shortened(new)}{known}")
        found[old] = label
    return found


def _names(bundle: Bundle) -> list[str]:
    return [*bundle.labels.names.values(), *bundle.labels.labels]


def _advice(label: str, bundle: Bundle) -> str:
    """The end of a message about an unknown label: the nearest label of the model, and options."""
    names = list(bundle.labels.names.values())
    begins = [name for name in names if name.casefold().startswith(label.casefold())]
    near = bundle.labels.nearest(label)
    if near or begins:
        hint = f"did you mean '{bundle.labels.names[near] if near else begins[0]}'?"
    else:
        hint = f"its labels: {', '.join(names[:_SHOWN])}{', …' * (len(names) > _SHOWN)}"
    return f"; {hint} (--map OLD=NEW names it, --ignore-unknown leaves the rows out)"


def row_numbers(news: NewsData, split: str) -> Ints:
    """The numbers of a split's rows, or of all rows that are in one."""
    if split != ALL:
        return news.numbers(split)
    return np.flatnonzero(np.array([bool(name) for name in news.split])).astype(np.int64)
