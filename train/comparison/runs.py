"""The runs to compare, from MLflow or from files."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from newsstand.errors import NewsstandError
from newsstand.train.evaluation.rows import FILE, EvaluatedRows

if TYPE_CHECKING:
    from newsstand.train.comparison.mlflow_runs import Store

_EXPERIMENT = "experiment:"
_RUN = "runs:/"
_MODEL = "models:/"
_RUN_ID = re.compile(r"[0-9a-f]{4,32}", re.ASCII)
_FORMS = (
    "a run id or its beginning, runs:/ID, models:/NAME@ALIAS, models:/NAME/VERSION, "
    "experiment:NAME, experiment:NAME/RUN_NAME, or a folder or file with predictions.parquet"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedRun:
    """A run with its saved predictions.

    Args:
        name: Its name in MLflow, or the path as given.
        rows: The test rows with its predictions.
        run_id: Its id in MLflow; empty for files.
        experiment: Its experiment in MLflow; empty for files.
        params: Its settings in MLflow.
    """

    name: str
    rows: EvaluatedRows
    run_id: str = ""
    experiment: str = ""
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """The runs of the arguments of a comparison.

    Args:
        named: Runs that are named one by one.
        listed: Runs of whole experiments.
        notes: What was left out of experiments.
    """

    named: Sequence[SavedRun]
    listed: Sequence[SavedRun]
    notes: Sequence[str]


def find_runs(arguments: Sequence[str]) -> Found:
    """The runs that arguments name, each once.

    MLflow is opened only if an argument is not a file.

    Args:
        arguments: Each one of the forms that the message about an unknown form lists.

    Raises:
        NewsstandError: There is no such run, it has no predictions, or its artifacts are missing.
    """
    files = {text: path for text in arguments if (path := _file(text))}
    in_mlflow = [text for text in arguments if text not in files]
    for text in in_mlflow:
        _check_form(text)
    named: dict[str, SavedRun] = {}
    listed: dict[str, SavedRun] = {}
    notes: list[str] = []
    if not in_mlflow:
        named = {str(path.resolve()): _of_file(text, path) for text, path in files.items()}
        return Found(list(named.values()), [], [])
    from newsstand.train.comparison.mlflow_runs import opened_store  # slow to import

    with opened_store() as opened:
        for text in arguments:
            if text in files:
                named[str(files[text].resolve())] = _of_file(text, files[text])
            elif text.startswith(_EXPERIMENT):
                runs, left_out, single = opened.of_experiment(text, text[len(_EXPERIMENT) :])
                (named if single else listed).update((run.run_id, run) for run in runs)
                notes += left_out
            else:
                run = _of_mlflow(opened, text)
                named[run.run_id] = run
    rest = [run for run_id, run in listed.items() if run_id not in named]
    return Found(list(named.values()), rest, notes)


def _check_form(text: str) -> None:
    """Refuses what is neither a file nor a form that MLflow's runs are named by."""
    name = text.partition(":")[2].strip("/")
    if text.startswith((_EXPERIMENT, _RUN, _MODEL)) and name:
        return
    if _RUN_ID.fullmatch(text):
        return
    path = Path(text).expanduser()
    if path.is_dir():
        raise NewsstandError(f"{text}: no {FILE} in this folder; runs save it with their artifacts")
    raise NewsstandError(f"{text}: no such file or folder; expected {_FORMS}")


def _file(text: str) -> Path | None:
    """The file of predictions that an argument names; None if it is not a path of one."""
    if text.startswith((_EXPERIMENT, _RUN, _MODEL)):
        return None
    path = Path(text).expanduser()
    inside = path / FILE
    return inside if inside.is_file() else path if path.is_file() else None


def _of_file(text: str, path: Path) -> SavedRun:
    return SavedRun(name=text.rstrip("/"), rows=EvaluatedRows.load(path))


def _of_mlflow(store: "Store", text: str) -> SavedRun:
    if text.startswith(_MODEL):
        return store.of_model(text)
    return store.of_id(text, text.removeprefix(_RUN).strip("/"))
