"""One training run, from config to logged bundle, in the order of its stages."""

import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from newsstand.config.schema import Config, ExportConfig
from newsstand.io.bundle import Bundle
from newsstand.models.base import FAMILIES, Model
from newsstand.models.calibration import Calibration
from newsstand.train import controls, learning_curve, perturbations
from newsstand.train.dataset import LabelledRows
from newsstand.train.evaluation.evaluation import evaluate, summary
from newsstand.train.families.base import FittedModel, RunContext, Trainer
from newsstand.train.finetune.checkpoints import RUNS
from newsstand.train.fit_checkpoint import FitCheckpoints
from newsstand.train.result import Result, Trained, log, not_logged, save
from newsstand.train.run_data import RunData, load_data
from newsstand.train.run_summary import parameters, tags
from newsstand.train.stage_timer import Reporter, StageTimer
from newsstand.train.tracked_run import TrackedRun, Tracker, untracked


def train(
    config: Config,
    *,
    name: str,
    reporter: Reporter,
    started: float | None = None,
    resume: str | None = None,
    track: bool = True,
    save_to: Path | None = None,
    data: RunData | None = None,
    parent: str | None = None,
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
        data: The rows of the config, if they are already loaded.
        parent: The id of the run that this one is nested in, if any.

    Raises:
        NewsstandError: The data or settings cannot be used, and nothing is logged; or logging the
            trained model failed, and the message names the folder that it is saved in.
    """
    if config.evaluation.cross_validate:
        from newsstand.train.cross_validation import cross_validate  # imports this module

        more: dict[str, Any] = {"resume": resume, "track": track, "save_to": save_to}
        return cross_validate(config, name=name, reporter=reporter, started=started, **more)
    timer = StageTimer(reporter, started)
    kind = _trainer_class(config, resume)
    tracker = _tracker(config, resume, parent) if track else untracked
    with ExitStack() as stack:  # holds the tracked run, from when it begins
        data = data.of(config) if data else load_data(config, timer, reporter)
        context = _context(config, data, name, timer, reporter, resume, stack, tracker)
        trainer = kind.of(config, context)
        fit = trainer.fit(data.train, data.validation)
        config = _with_settings(config, fit.chosen)
        model, export_metrics = _export(trainer, fit.model, data, config, timer)
        calibration, validation = _calibrate(model, data, timer)
        if config.model.refit:
            model = _refit(trainer, fit, data, timer)
        fit = replace(fit, metrics={**fit.metrics, **export_metrics})
        trained = _evaluate(config, data, fit, data.bundle(model, calibration), validation, timer)
        if config.evaluation.learning_curve:
            trained = _with_learning_curve(trained, context)
        if save_to is not None:
            save(trained.bundle, save_to, data)
        result = (log if track else not_logged)(trained, context, timer)
        context.checkpoints.remove()
    return result


def validate(
    config: Config, *, data: RunData, reporter: Reporter, tracker: Tracker = untracked
) -> dict[str, float]:
    """Fits and calibrates a model as `train` does, and evaluates it on the validation rows only.

    Args:
        config: The experiment.
        data: Its rows.
        reporter: Called for each stage.
        tracker: Starts the run that the trainer logs to.

    Returns:
        The metrics of the validation rows, by name.

    Raises:
        NewsstandError: No model can be fitted with these settings.
    """
    timer = StageTimer(reporter)
    kind = _trainer_class(config)
    with ExitStack() as stack:
        context = _context(config, data, "", timer, reporter, None, stack, tracker, keep=False)
        trainer = kind.of(config, context)
        fit = trainer.fit(data.train, data.validation)
        model, _ = _export(trainer, fit.model, data, config, timer)
        _, metrics = _calibrate(model, data, timer)
        context.checkpoints.remove()
    return metrics


def _trainer_class(config: Config, resume: str | None = None) -> type[Trainer]:
    """The trainer of a config's model family, which has checked the config."""
    kind = FAMILIES[config.model.kind].trainer_class
    kind.check(config, resume)
    return kind


def _tracker(config: Config, resume: str | None, parent: str | None) -> Tracker:
    """Starts runs in MLflow, nested in a parent if one is given, when they can be logged there."""
    from newsstand.train.preflight import check_tracking  # importing MLflow takes seconds
    from newsstand.train.tracking import run

    tracked = config.tracking
    check_tracking(tracked.experiment, register_as=tracked.register_as, resume=resume)
    return partial(run, parent=parent) if parent else run


def _context(
    config: Config,
    data: RunData,
    name: str,
    timer: StageTimer,
    reporter: Reporter,
    resume: str | None,
    stack: ExitStack,
    tracker: Tracker,
    *,
    keep: bool = True,
) -> RunContext:
    """The parts of the run that trainers use; with `keep`, a tracked run can be resumed."""
    tracked = TrackedRun(
        tracker,
        experiment=config.tracking.experiment,
        name=config.tracking.run_name or name,
        params=parameters(config),
        tags=tags(config, data_digest=data.news.digest, splits=data.news.note),
        started=lambda: time.time() - timer.elapsed(),
        stack=stack,
    )
    scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    return RunContext(
        timer=timer,
        progress=reporter.progress,
        checkpoints=FitCheckpoints(data.news.folder, data.news.digest),
        scratch=scratch,
        runs=RUNS if keep and tracker is not untracked else scratch,
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


def _calibrate(
    model: Model, data: RunData, timer: StageTimer
) -> tuple[Calibration, dict[str, float]]:
    """The calibration of a fitted model, and its metrics on the validation rows."""
    with timer.stage("calibrate") as note:
        calibration, validation = data.calibrate(model)
        note(f"validation accuracy {validation['accuracy']:.3f}, ECE {validation['ece']:.3f}")
    return calibration, validation


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


def _evaluate(
    config: Config,
    data: RunData,
    fit: FittedModel,
    bundle: Bundle,
    validation: Mapping[str, float],
    timer: StageTimer,
) -> Trained:
    """Evaluates the model on the test rows, and by controls.

    Args:
        config: The experiment.
        data: Its rows.
        fit: The fit on the training rows.
        bundle: The model as it will score.
        validation: Metrics of the validation rows.
        timer: Times the stages.
    """
    with timer.stage("evaluate") as note:
        evaluated = data.evaluated(bundle)
        bundle = replace(bundle, reference=data.reference(evaluated))
        evaluation = evaluate(evaluated)
        metrics = {**fit.metrics}
        metrics |= data.metrics(evaluated.probabilities, validation, evaluation)
        note(f"test {summary(evaluation)}")
    with timer.stage("controls") as note:
        found = perturbations.evaluate(bundle, data.test, seed=config.seed)
        notes = [perturbations.summary(found)]
        if config.task == "stance":
            rows = data.train + data.validation if config.model.refit else data.train
            of_stance = controls.evaluate(
                bundle, rows, data.validation, data.test, evaluated.probabilities, seed=config.seed
            )
            bundle = replace(bundle, controls=of_stance)
            found = {**of_stance.metrics, **found}
            notes.insert(0, controls.summary(of_stance))
        note("; ".join(filter(None, notes)) or "too few test rows for controls by perturbation")
    metrics |= {f"test/{name}": value for name, value in found.items()}
    evaluation = replace(evaluation, controls=found)
    return Trained(config, data, bundle, evaluated, evaluation, metrics, fit)


def _with_learning_curve(trained: Trained, context: RunContext) -> Trained:
    with context.timer.stage("learning curve") as note:
        points = learning_curve.learning_curve(
            trained.config, trained.data, trained.fit, trained.evaluated, context
        )
        note(learning_curve.summary(points))
    return replace(trained, curve=points)
