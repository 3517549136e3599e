"""Training from Python: `newsstand.fit`."""

import json
import logging
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from newsstand.config.loader import load_config
from newsstand.config.schema import Config
from newsstand.errors import DataError, NewsstandError

if TYPE_CHECKING:
    import datasets
    import pandas as pd

    from newsstand.serve.scorer import Scorer

_log = logging.getLogger(__name__)

# A table of labelled rows, or the tables of splits by name.
Table: TypeAlias = "pd.DataFrame | datasets.Dataset | Iterable[Mapping[str, Any]]"
Data: TypeAlias = "Table | datasets.DatasetDict | Mapping[str, Table]"
# Called with a stage, the number of rows or steps done, and their total if it is known.
ProgressCallback: TypeAlias = Callable[[str, int, int | None], None]

_FILE = "data.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class FitResult:
    """The result of `newsstand.fit`.

    Args:
        scorer: Scores articles with the trained model.
        metrics: Metrics by name: `test/accuracy`, `test/macro_f1`, `validation/...` and others.
        bundle: Folder of the saved bundle, or its URI on a remote MLflow server; None if the run
            was not tracked and no folder was given.
        run_id: Id of the MLflow run; None without tracking.
        model: URI of the logged model for `newsstand.load`, such as `models:/topic@champion`; None
            without tracking.
        seconds: Seconds by stage, and `total`.
        warning: Why predictions of a stance model should not be trusted, if it failed a control.
    """

    scorer: "Scorer" = field(repr=False)
    metrics: dict[str, float]
    bundle: str | None
    run_id: str | None
    model: str | None
    seconds: dict[str, float] = field(repr=False)
    warning: str | None = None


def fit(
    config: str | Path | Mapping[str, Any] | Config,
    *,
    data: "Data | None" = None,
    overrides: Mapping[str, Any] | None = None,
    track: bool = True,
    bundle: str | Path | None = None,
    name: str | None = None,
    progress: ProgressCallback | None = None,
) -> FitResult:
    """Trains, calibrates and evaluates one model, as `newsstand train` does.

    Args:
        config: Path of a YAML config, the same settings as a mapping, or a `Config`.
        data: Labelled rows in place of those that the config names: a pandas DataFrame, a
            `datasets.Dataset`, or an iterable of mappings, with the columns that the config
            expects (`label`, `body`, and optionally `title`, `target`, `split`, `outlet`, ...;
            `data.columns` maps other names). A `datasets.DatasetDict`, or a mapping of the names
            `train`, `validation` and `test` to tables, gives the splits.
        overrides: Settings in place of the config's, by dotted key: `{"model.C": 2}`.
        track: Whether to log the run in MLflow: at `MLFLOW_TRACKING_URI`, else in `mlflow.db` in
            the working directory. Without it, MLflow is not needed and nothing is written except
            to the cache of `datasets` and to `bundle`.
        bundle: Folder to save the bundle to, for `newsstand.load`; an earlier bundle there is
            replaced.
        name: Name of the run; default: that of the config's file.
        progress: Called with the stage, the number of rows or steps done, and their total or None.

    Returns:
        The scorer of the trained model and its metrics.

    Raises:
        ConfigError: Settings that are wrong or do not fit together, all of them at once.
        DataError: Rows that cannot be used, all of them at once.
        NewsstandError: A missing library or encoder, or MLflow's reason.

    >>> import newsstand
    >>> rows = [{"label": x, "body": f"The {y} of day {n}."} for n in range(20)
    ...         for x, y in (("sport", "match"), ("economy", "market"))]
    >>> config = {"task": "topic", "labels": ["sport", "economy"], "model": {"kind": "linear"}}
    >>> result = newsstand.fit(config, data=rows, track=False)
    >>> result.scorer.predict(["A late match."]).tolist()
    ['sport']
    """
    return _fit(config, data, dict(overrides or {}), track, bundle, name, progress)


def _fit(
    config: str | Path | Mapping[str, Any] | Config,
    data: "Data | None",
    overrides: dict[str, Any],
    track: bool,
    bundle: str | Path | None,
    name: str | None,
    progress: ProgressCallback | None,
) -> FitResult:
    try:
        from newsstand.train.run import train
    except ModuleNotFoundError as error:
        raise NewsstandError(f"this needs {error.name}: pip install 'newsstand[train]'") from error
    from newsstand.serve.scorer import Scorer

    if name is None:
        name = Path(config).stem if isinstance(config, (str, Path)) else "fit"
    with _written(data) as path:
        loaded = _config(config, path, overrides, name)
        try:
            result = train(
                loaded,
                name=name,
                reporter=_Reporter(progress),
                track=track,
                save_to=None if bundle is None else Path(bundle),
            )
        except DataError as error:
            if path is None:
                raise
            problems = [line.replace(str(path), "data") for line in error.problems]
            raise DataError(problems) from None
    return FitResult(
        scorer=Scorer(result.fitted, source=result.model or None),
        metrics=result.metrics,
        bundle=result.bundle or (None if bundle is None else str(bundle)),
        run_id=result.run_id or None,
        model=result.model or None,
        seconds=result.seconds,
        warning=result.warning,
    )


def _config(
    config: str | Path | Mapping[str, Any] | Config,
    path: Path | None,
    overrides: dict[str, Any],
    name: str,
) -> Config:
    """The config with the overrides, and with `data` at a path in place of its own."""
    if path is not None:
        overrides = {"data.format": "table", "data.path": str(path), **overrides}
    if isinstance(config, (str, Path)):
        return load_config(config, overrides)
    raw = config.model_dump() if isinstance(config, Config) else dict(config)
    raw.setdefault("tracking", {"experiment": name})
    return Config.from_dict(raw, overrides)


@contextmanager
def _written(data: "Data | None") -> Iterator[Path | None]:
    """A temporary file with the rows of `data`; None without rows."""
    if data is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / _FILE
        with path.open("w", encoding="utf-8") as stream:
            for row in _rows(data):
                stream.write(json.dumps(row, default=_plain) + "\n")
        yield path


def _rows(data: "Data") -> Iterator[dict[str, Any]]:
    """The rows of a table, or of the tables of several splits with their split."""
    if not isinstance(data, Mapping):
        yield from _table_rows(data)
        return
    for split, table in data.items():
        for row in _table_rows(table):
            yield {**row, "split": split}


def _table_rows(table: "Table") -> Iterator[dict[str, Any]]:
    from newsstand.serve.frames import frame_rows, is_frame

    if is_frame(table):
        yield from frame_rows(table)
        return
    features = getattr(table, "features", None) or {}
    names = {name: kind.names for name, kind in features.items() if hasattr(kind, "names")}
    for number, row in enumerate(table, start=1):
        if not isinstance(row, Mapping):
            kind = type(row).__name__
            raise DataError(f"data: row {number}: expected a mapping of columns, got {kind}")
        values = {str(name): value for name, value in row.items()}
        for name, labels in names.items():  # of a ClassLabel, whose values are integers
            if isinstance(values[name], int):
                values[name] = labels[values[name]] if values[name] >= 0 else None
        yield values


def _plain(value: Any) -> Any:
    """A value that JSON has no type for: NumPy's numbers and dates as Python's."""
    for method in ("isoformat", "tolist"):
        if hasattr(value, method):
            return getattr(value, method)()
    raise DataError(f"data: expected text and numbers, got {type(value).__name__} {value!r:.40}")


class _Reporter:
    """Passes the stages of a run to a callback, and their results to the log."""

    def __init__(self, callback: ProgressCallback | None) -> None:
        self._callback = callback

    def begin(self, stage: str) -> None:
        """A stage begins."""
        self.progress(stage, 0, None)

    def progress(self, stage: str, done: int, total: int | None) -> None:
        """So many rows or steps of a stage are done."""
        if self._callback is not None:
            self._callback(stage, done, total)

    def end(self, stage: str, detail: str, seconds: float) -> None:
        """A stage is done."""
        _log.info("%s: %.1f s: %s", stage, seconds, detail)
