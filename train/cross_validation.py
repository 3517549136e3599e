"""Cross-validation: a model per fold, and metrics of the test rows of all folds together."""

import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from newsstand.config.schema import Config
from newsstand.errors import DataError, NewsstandError
from newsstand.train.artifacts import write_artifacts
from newsstand.train.evaluation.evaluation import evaluate, logged
from newsstand.train.evaluation.metrics import label_reports, metrics
from newsstand.train.evaluation.pooled import mean_and_deviation, pooled
from newsstand.train.evaluation.result import Evaluation
from newsstand.train.evaluation.rows import EvaluatedRows
from newsstand.train.report.description import describe_run
from newsstand.train.result import Result
from newsstand.train.run import train
from newsstand.train.run_data import RunData, load_data
from newsstand.train.run_summary import (
    HEADLINE,
    KIND,
    headline,
    parameters,
    tags,
    with_label_names,
)
from newsstand.train.stage_timer import Reporter, StageTimer, WithinStage
from newsstand.train.tracked_run import Run, TrackedRun, Tracker, untracked


def cross_validate(
    config: Config,
    *,
    name: str,
    reporter: Reporter,
    started: float | None = None,
    resume: str | None = None,
    track: bool = True,
    save_to: Path | None = None,
) -> Result:
    """Trains a model on each fold, and evaluates the test rows of all folds together.

    The folds are runs nested in that of the cross-validation; that of fold `data.split.fold`
    registers its model.

    Args:
        config: The experiment, with `evaluation.cross_validate` and `data.split.folds`.
        name: The run's name if the config sets none.
        reporter: Called for each fold.
        started: `time.perf_counter()` at the start of the time that `seconds.total` counts.
        resume: Must be None.
        track: Whether to log the runs.
        save_to: A folder to save the bundle of fold `data.split.fold` to.

    Returns:
        The model of fold `data.split.fold`, with the metrics of all folds: `test/…` of all test
        rows, `…_mean` and `…_std` over the folds.

    Raises:
        NewsstandError: `resume` is given, or rows cannot be used or are the test rows of each fold.
    """
    if resume is not None:
        raise NewsstandError("--resume: not with evaluation.cross_validate; start it again")
    timer, name = StageTimer(reporter, started), config.tracking.run_name or name
    with ExitStack() as stack:
        folds = _folds(config, name, timer, reporter)
        run = _tracked(config, name, stack, track=track).begin()
        results = [
            _train_fold(config, data, name, timer, reporter, run.run_id if track else None, save_to)
            for data in folds
        ]
        with timer.stage("evaluate") as note:
            whole = pooled([result.evaluated for result in results])
            evaluation = evaluate(whole)
            values = _metrics(results, whole, evaluation)
            note(f"{len(whole):,} test rows of {len(folds)} folds, macro-F1 {headline(values)}")
        if track:
            with timer.stage("log") as note:
                _log(run, config, name, whole, evaluation, values)
                note(f"MLflow experiment '{config.tracking.experiment}', run {run.run_id}")
    return replace(
        results[config.data.split.fold],
        run_id=run.run_id if track else "",
        url=run.url,
        metrics=values,
        seconds=timer.seconds(),
        labels=label_reports(whole.probabilities, whole.truth, list(whole.labels)),
        evaluated=whole,
        evaluation=evaluation,
    )


def _train_fold(
    config: Config,
    data: RunData,
    name: str,
    timer: StageTimer,
    reporter: Reporter,
    parent: str | None,
    save_to: Path | None,
) -> Result:
    """Trains on one fold, in a run nested in the parent; without a parent, it is not logged."""
    fold = data.config.data.split.fold
    with timer.stage(f"fold {fold}") as note:
        result = train(
            data.config,
            name=name,
            reporter=WithinStage(reporter),
            track=parent is not None,
            save_to=save_to if fold == config.data.split.fold else None,
            data=data,
            parent=parent,
        )
        shown = (result.metrics[f"test/{x}"] for x in ("accuracy", "macro_f1"))
        note("test accuracy {:.3f}, macro-F1 {:.3f}".format(*shown))
    return result


def _folds(config: Config, name: str, timer: StageTimer, reporter: Reporter) -> list[RunData]:
    """The rows of each fold, in order."""
    count = config.data.split.folds
    assert count is not None  # noqa: S101 - the config's own check
    with timer.stage("load") as note:
        silent = StageTimer(WithinStage(reporter))
        folds = [load_data(_of_fold(config, k, name), silent, reporter) for k in range(count)]
        if folds[0].test.digest() == folds[1].test.digest():
            raise DataError(
                "data.split.folds: the data gives its test rows, which would be those of every "
                "fold; set data.split.ignore_given=true"
            )
        note(f"{count} folds of {len(folds[0].news.rows):,} rows")
    return folds


def _of_fold(config: Config, fold: int, name: str) -> Config:
    """The config of a fold; only that of `data.split.fold` registers its model."""
    values: dict[str, Any] = {
        "data.split.fold": fold,
        "evaluation.cross_validate": False,
        "tracking.run_name": f"{name}, fold {fold}",
    }
    if fold != config.data.split.fold:
        values |= {
            "tracking.register_as": None,
            "tracking.alias": None,
            "tracking.alias_force": None,
        }
    return Config.from_dict(config, values)


def _tracked(config: Config, name: str, stack: ExitStack, *, track: bool) -> TrackedRun:
    """The run that the folds are nested in."""
    tracker: Tracker = untracked
    described = tags(config, data_digest="", splits=f"{config.data.split.folds} folds")
    described |= {KIND: "cross-validation"}
    if track:
        from newsstand.train.preflight import check_tracking  # importing MLflow takes seconds
        from newsstand.train.tracking import run as tracker

        tracked = config.tracking
        check_tracking(tracked.experiment, register_as=tracked.register_as, resume=None)
    return TrackedRun(
        tracker,
        experiment=config.tracking.experiment,
        name=name,
        params=parameters(config),
        tags=described,
        started=time.time,
        stack=stack,
    )


def _metrics(
    results: list[Result], whole: EvaluatedRows, evaluation: Evaluation
) -> dict[str, float]:
    """The metrics of all test rows, and mean and deviation of those of the folds."""
    values = metrics(whole.probabilities, whole.truth, list(whole.labels), whole.settings)
    values |= logged(evaluation)
    of_all = with_label_names({f"test/{name}": x for name, x in values.items()}, whole.labels)
    return of_all | mean_and_deviation([_of_test(result.metrics) for result in results])


def _of_test(values: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in values.items() if name.startswith("test/")}


def _log(
    run: Run,
    config: Config,
    name: str,
    whole: EvaluatedRows,
    evaluation: Evaluation,
    values: dict[str, float],
) -> None:
    """Logs the metrics of all folds, and the report on all test rows."""
    run.log_metrics(values | {"test/rows": float(len(whole))})
    run.tag(HEADLINE, headline(values))
    about = describe_run(
        config,
        name=name,
        digest=whole.digest,
        sizes={"test": len(whole)},
        splits=f"{config.data.split.folds} folds; each row is predicted by the model that was not "
        "trained on it",
        bundle_hash="",
    )
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "artifacts"
        write_artifacts(
            made, config, evaluated=whole, evaluation=evaluation, about=about, trials=()
        )
        run.log_files(made)
