"""One training run, from config to logged bundle, in the order of its stages."""

import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from newsstand.config.schema import Config, ExportConfig
from newsstand.io.bundle import Bundle
from newsstand.models.base import FAMILIES, Model
from newsstand.models.controls import Controls
from newsstand.train import controls
from newsstand.train.dataset import LabelledRows
from newsstand.train.families.base import FittedModel, RunContext, Trainer
from newsstand.train.finetune.checkpoints import RUNS
from newsstand.train.fit_checkpoint import FitCheckpoints
from newsstand.train.result import Result, Trained, log, not_logged, save
from newsstand.train.run_data import RunData, load_data
from newsstand.train.stage_timer import Reporter, StageTimer
from newsstand.train.tracked_run import TrackedRun, Tracker, untracked
from newsstand.types import Floats


def train(
    config: Config,
    *,
    name: str,
    reporter: Reporter,
    started: float | None = None,
    resume: str | None = None,
    track: bool = True,
    save_to: Path | None = None,
) -> Result:
    """Trains, evaluates and logs one model.

    Args:
        config: The experiment.
        name: The run's name if the config sets none.
        reporter: Called for each stage.
        started: `time.perf_counter()` at the start of the time that `seconds.total` counts.
        resume: The id of an interrupted fine-tuning run to resume.
        track: Whether to log the run in MLflow.
        save_to: A folder to save the bundle to, beside MLflow's.

    Raises:
        NewsstandError: The data or settings cannot be used, and nothing is logged; or logging the
            trained model failed, and the message names the folder that it is saved in.
    """
    timer = StageTimer(reporter, started)
    kind = FAMILIES[config.model.kind].trainer_class
    kind.check(config, resume)
    if track:
        _check_tracking(config, resume)
    with ExitStack() as stack:  # holds the tracked run, from when it begins
        data = load_data(config, timer, reporter)
        context = _context(config, data, name, timer, reporter, resume, stack, track=track)
        trainer = kind.of(config, context)
        fit = trainer.fit(data.train, data.validation)
        config = _with_settings(config, fit.chosen)
        model, export_metrics = _export(trainer, fit.model, data, config, timer)
        with timer.stage("calibrate") as note:
            calibration, validation = data.calibrate(model)
            note(f"validation accuracy {validation['accuracy']:.3f}, ECE {validation['ece']:.3f}")
        if config.model.refit:
            model = _refit(trainer, fit, data, timer)
        with timer.stage("evaluate") as note:
            bundle = data.bundle(model, calibration)
            evaluated = data.evaluated(bundle)
            probabilities = evaluated.probabilities
            metrics = {**fit.metrics, **export_metrics}
            metrics |= data.metrics(probabilities, validation)
            accuracy, macro_f1 = (metrics[f"test/{x}"] for x in ("accuracy", "macro_f1"))
            note(f"test accuracy {accuracy:.3f}, macro-F1 {macro_f1:.3f}")
        if config.task == "stance":
            controls_ = _controls(config, bundle, probabilities, data, timer)
            bundle = replace(bundle, controls=controls_)
            metrics |= {f"test/{name}": value for name, value in controls_.metrics.items()}
        trained = Trained(config, data, bundle, evaluated, metrics, fit)
        if save_to is not None:
            save(bundle, save_to, data)
        result = (log if track else not_logged)(trained, context, timer)
        context.checkpoints.remove()
    return result


def _check_tracking(config: Config, resume: str | None) -> None:
    from newsstand.train.preflight import check_tracking  # importing MLflow takes seconds

    tracked = config.tracking
    check_tracking(tracked.experiment, register_as=tracked.register_as, resume=resume)


def _context(
    config: Config,
    data: RunData,
    name: str,
    timer: StageTimer,
    reporter: Reporter,
    resume: str | None,
    stack: ExitStack,
    *,
    track: bool,
) -> RunContext:
    tracker: Tracker = untracked
    if track:
        from newsstand.train.tracking import run as tracker
    tracked = TrackedRun(
        tracker,
        experiment=config.tracking.experiment,
        name=config.tracking.run_name or name,
        tags={
            "newsstand.task": config.task,
            "newsstand.data_digest": data.news.digest,
            "newsstand.splits": data.news.note,
        },
        started=lambda: time.time() - timer.elapsed(),
        stack=stack,
    )
    scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    return RunContext(
        timer=timer,
        progress=reporter.progress,
        checkpoints=FitCheckpoints(data.news.folder, data.news.digest),
        scratch=scratch,
        runs=RUNS if track else scratch,
        digest=data.news.digest,
        tracked=tracked,
        resume=resume,
        evaluate=data.evaluate,
    )


def _with_settings(config: Config, chosen: Mapping[str, Any]) -> Config:
    """The config with the model settings that a search has chosen."""
    return config.model_copy(update={"model": config.model.model_copy(update=dict(chosen))})


def _export(
    trainer: Trainer, model: Model, data: RunData, config: Config, timer: StageTimer
) -> tuple[Model, dict[str, float]]:
    """The model as its bundle stores it, and the metrics of the export."""
    if config.export == ExportConfig():
        return model, {}
    with timer.stage("export") as note:
        exported, cost = trainer.export(model, data.validation)
        note(str(cost))
    return exported, cost.metrics() if cost else {}


def _refit(trainer: Trainer, fit: FittedModel, data: RunData, timer: StageTimer) -> Model:
    """Fits the model again on all rows that are not test rows, and exports it."""
    news = data.news
    with timer.stage("fit") as note:
        rows = data.train + data.validation + LabelledRows(news, news.refit_only_numbers)
        model, cost = trainer.export(trainer.refit(rows, fit), data.validation)
        refit_only = f", {len(news.refit_only):,} of them refit-only" if news.refit_only else ""
        exported = f"; {cost}" if cost else ""
        note(f"refit on all {len(rows):,} training and validation rows{refit_only}{exported}")
    return model


def _controls(
    config: Config, bundle: Bundle, probabilities: Floats, data: RunData, timer: StageTimer
) -> Controls:
    """Evaluates whether a stance model needs both text and target."""
    with timer.stage("controls") as note:
        rows = data.train + data.validation if config.model.refit else data.train
        found = controls.evaluate(
            bundle, rows, data.validation, data.test, probabilities, seed=config.seed
        )
        note(controls.summary(found))
    return found
