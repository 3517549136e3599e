"""One training run, from config to logged bundle, in the order of its stages."""

import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from newsstand.config.schema import Config, ExportConfig, flatten
from newsstand.data.load import NewsData, load
from newsstand.data.readers.sources import SPLITS
from newsstand.errors import DataError
from newsstand.io.bundle import Bundle
from newsstand.models.base import FAMILIES, Model
from newsstand.models.calibration import Calibration
from newsstand.models.controls import Controls
from newsstand.train import controls, evaluate
from newsstand.train.artifacts import write_artifacts
from newsstand.train.calibrate import fit_calibration
from newsstand.train.champion import Standing
from newsstand.train.dataset import LabelledRows
from newsstand.train.families.base import FittedModel, RunContext, Trainer
from newsstand.train.finetune.checkpoints import RUNS
from newsstand.train.fit_checkpoint import FitCheckpoints
from newsstand.train.outcome import Outcome, finished, kept_if_not_logged, plain_disk_errors
from newsstand.train.stage_timer import Reporter, StageTimer
from newsstand.train.tracked_run import TrackedRun, Tracker, untracked
from newsstand.types import Floats

if TYPE_CHECKING:
    from newsstand.train import tracking

_GOLDEN_ROWS = 8
# PyPI names of the libraries that affect all models, and of those that each extra adds.
_LIBRARIES = ("numpy", "scipy", "scikit-learn")
_OF_EXTRA = {
    "encoder": ("torch", "transformers"),
    "onnx": ("torch", "transformers", "onnxruntime"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of a training run.

    Args:
        run_id: The id of the run in MLflow; empty if not tracked.
        experiment: The run's experiment.
        task: `topic` or `stance`.
        model: URI of the logged model, for `newsstand.load`; empty if not tracked.
        bundle: Folder of the bundle in MLflow's artifacts, or its URI; empty if not tracked.
        bundle_hash: Hash of the bundle; empty if it was not saved.
        url: The run's page in the MLflow UI.
        metrics: `test/…` and `validation/…` metrics, and those of the fit.
        seconds: By stage, and `total`.
        labels: A report of each label on the test rows.
        names: Label to readable name.
        warning: The warning of the model's scores if a stance model failed a control, or None.
        fitted: The trained model.
    """

    run_id: str
    experiment: str
    task: str
    model: str
    bundle: str
    bundle_hash: str
    url: str
    metrics: dict[str, float]
    seconds: dict[str, float]
    labels: list[evaluate.LabelReport]
    names: dict[str, str]
    fitted: Bundle
    warning: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The values that `newsstand train --json` prints."""
        keys = ("run_id", "experiment", "task", "model", "bundle", "bundle_hash", "url")
        return {key: getattr(self, key) for key in (*keys, "metrics", "seconds")}


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
        data = _load(config, timer, reporter)
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
            probabilities = bundle.probabilities(data.test.examples)
            metrics = {**fit.metrics, **export_metrics}
            metrics |= data.metrics(probabilities, validation)
            accuracy, macro_f1 = (metrics[f"test/{x}"] for x in ("accuracy", "macro_f1"))
            note(f"test accuracy {accuracy:.3f}, macro-F1 {macro_f1:.3f}")
        if config.task == "stance":
            controls_ = _controls(config, bundle, probabilities, data, timer)
            bundle = replace(bundle, controls=controls_)
            metrics |= {f"test/{name}": value for name, value in controls_.metrics.items()}
        trained = _Trained(config, data, bundle, probabilities, metrics, fit)
        if save_to is not None:
            _save(bundle, save_to, data)
        result = (_log if track else _not_logged)(trained, context, timer)
        context.checkpoints.remove()
    return result


@dataclass(frozen=True, slots=True)
class _Data:
    """The rows of a run, and the metrics computed on them.

    Args:
        config: The experiment.
        news: All rows.
        train: The training rows.
        validation: The validation rows.
        test: The test rows.
    """

    config: Config
    news: NewsData
    train: LabelledRows
    validation: LabelledRows
    test: LabelledRows

    @property
    def sizes(self) -> dict[str, int]:
        """Number of rows by split."""
        return {name: len(getattr(self, name)) for name in SPLITS}

    def calibrate(self, model: Model) -> tuple[Calibration, dict[str, float]]:
        """Fits a model's calibration on the validation rows; also returns its metrics there."""
        scores = model.forward(self.validation.examples)
        labels = self.validation.labels
        calibration = fit_calibration(self.config.calibration.method, scores, labels)
        return calibration, self._metrics(calibration.apply(scores), self.validation)

    def bundle(self, model: Model, calibration: Calibration) -> Bundle:
        """A model with everything that scoring needs."""
        libraries = (*_LIBRARIES, *_OF_EXTRA.get(model.requires or "", ()))
        return Bundle(
            task=self.config.task,
            labels=self.news.labels,
            text=self.config.text.spec(),
            model=model,
            calibration=calibration,
            data={"digest": self.news.digest, "rows": self.sizes},
            versions={name: version(name) for name in libraries},
        )

    def metrics(self, probabilities: Floats, validation: Mapping[str, float]) -> dict[str, float]:
        """Metrics of both splits, as `test/…` and `validation/…`.

        Args:
            probabilities: Of the test rows.
            validation: Metrics of the validation rows, from `calibrate`.
        """
        test = self._metrics(probabilities, self.test)
        test |= evaluate.by_source(probabilities, self.test.labels, self.test.by_source())
        named = {f"test/{name}": value for name, value in test.items()}
        return named | {f"validation/{name}": value for name, value in validation.items()}

    def evaluate(self, model: Model) -> dict[str, float]:
        """Metrics of a fitted model on both splits."""
        calibration, validation = self.calibrate(model)
        probabilities = self.bundle(model, calibration).probabilities(self.test.examples)
        return self.metrics(probabilities, validation)

    def _metrics(self, probabilities: Floats, rows: LabelledRows) -> dict[str, float]:
        return evaluate.metrics(
            probabilities,
            rows.labels,
            self.news.labels.labels,
            self.config.evaluation.model_dump(),
        )


@dataclass(frozen=True, slots=True)
class _Trained:
    """The model of a run, its metrics, and the inputs they were computed from."""

    config: Config
    data: _Data
    bundle: Bundle
    probabilities: Floats
    metrics: dict[str, float]
    fit: FittedModel


def _check_tracking(config: Config, resume: str | None) -> None:
    from newsstand.train.preflight import check_tracking  # importing MLflow takes seconds

    tracked = config.tracking
    check_tracking(tracked.experiment, register_as=tracked.register_as, resume=resume)


def _load(config: Config, timer: StageTimer, reporter: Reporter) -> _Data:
    with timer.stage("load") as note:
        news = load(config.loading(), progress=reporter.progress)
        absent = [x for x in config.evaluation.f_avg if x not in news.labels.names]
        if absent:
            raise DataError(f"evaluation.f_avg: no row has the label '{absent[0]}'")
        note(_load_note(news))
    with timer.stage("prepare") as note:
        splits = [LabelledRows(news, news.numbers(split)) for split in SPLITS]
        note(_prepare_note(splits))
    return _Data(config, news, *splits)


def _context(
    config: Config,
    data: _Data,
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
    trainer: Trainer, model: Model, data: _Data, config: Config, timer: StageTimer
) -> tuple[Model, dict[str, float]]:
    """The model as its bundle stores it, and the metrics of the export."""
    if config.export == ExportConfig():
        return model, {}
    with timer.stage("export") as note:
        exported, cost = trainer.export(model, data.validation)
        note(str(cost))
    return exported, cost.metrics() if cost else {}


def _refit(trainer: Trainer, fit: FittedModel, data: _Data, timer: StageTimer) -> Model:
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
    config: Config, bundle: Bundle, probabilities: Floats, data: _Data, timer: StageTimer
) -> Controls:
    """Evaluates whether a stance model needs both text and target."""
    with timer.stage("controls") as note:
        rows = data.train + data.validation if config.model.refit else data.train
        found = controls.evaluate(
            bundle, rows, data.validation, data.test, probabilities, seed=config.seed
        )
        note(controls.summary(found))
    return found


def _save(bundle: Bundle, folder: Path, data: _Data) -> str:
    """Saves a bundle with some validation rows to verify it by; returns its hash."""
    with plain_disk_errors():
        return bundle.save(folder, golden=data.validation.spread(_GOLDEN_ROWS))


def _log(trained: _Trained, context: RunContext, timer: StageTimer) -> Result:
    """Logs and registers the trained model."""
    config, test = trained.config, trained.data.test
    tracked = config.tracking
    with finished() as made, ExitStack() as during:
        with timer.stage("log") as note:
            bundle_hash = _save(trained.bundle, made.bundle, trained.data)
            with plain_disk_errors():
                write_artifacts(
                    made.artifacts,
                    config,
                    labels=trained.bundle.labels,
                    probabilities=trained.probabilities,
                    test_rows=test,
                    trials=trained.fit.trials,
                )
            outcome = _outcome(trained, context, timer)
            during.enter_context(kept_if_not_logged(made, outcome))
            run = cast("tracking.Run", context.tracked.begin(flatten(config), stack=during))
            logged = run.log(outcome, made)
            note(f"MLflow experiment '{tracked.experiment}', run {run.run_id}")
        if tracked.register_as:
            with timer.stage("register") as note:
                logged, registered = run.register(outcome, logged)
                note(registered)
        seconds = timer.seconds()
    return _result(
        trained,
        seconds,
        run_id=run.run_id,
        url=run.url,
        model=logged.model,
        bundle=logged.bundle,
        bundle_hash=bundle_hash,
    )


def _not_logged(trained: _Trained, context: RunContext, timer: StageTimer) -> Result:  # noqa: ARG001
    """The result of a run that is not tracked."""
    return _result(trained, timer.seconds(), run_id="", url="", model="", bundle="", bundle_hash="")


def _outcome(trained: _Trained, context: RunContext, timer: StageTimer) -> Outcome:
    """Everything that is logged of a run, beside its files."""
    config, data, metrics = trained.config, trained.data, trained.metrics
    tracked, labels = config.tracking, trained.bundle.labels.labels
    standing = Standing.of(
        labels,
        test_rows=len(data.test),
        test_digest=data.test.digest(),
        macro_f1=metrics["test/macro_f1"],
    )
    return Outcome(
        experiment=tracked.experiment,
        name=context.tracked.name,
        started=time.time() - timer.elapsed(),
        params={key: str(value) for key, value in flatten(config).items()},
        tags=context.tracked.tags,
        metrics=metrics | {f"seconds/{k}": v for k, v in timer.seconds().items()},
        data=config.data.origin() | {"digest": data.news.digest},
        signature={"labels": labels, "stance": config.task == "stance"},
        example=data.validation.example_row(),
        extra=trained.bundle.model.requires,
        register_as=tracked.register_as,
        alias=tracked.alias,
        alias_force=tracked.alias_force,
        standing=standing.tags(),
        run_id=context.tracked.run.run_id if context.tracked.run else None,
    )


def _result(trained: _Trained, seconds: dict[str, float], **logged: str) -> Result:
    bundle = trained.bundle
    return Result(
        **logged,
        experiment=trained.config.tracking.experiment,
        task=trained.config.task,
        metrics=trained.metrics,
        seconds=seconds,
        labels=evaluate.label_reports(
            trained.probabilities, trained.data.test.labels, bundle.labels.labels
        ),
        names=dict(bundle.labels.names),
        fitted=replace(bundle, model=bundle.model.uncached()),
        warning=bundle.controls.warning if bundle.controls else None,
    )


def _load_note(news: NewsData) -> str:
    parts = [f"{len(news.numbers(split)):,} {split}" for split in SPLITS]
    parts += [f"{len(news.labels)} labels", *(note.what for note in news.notes)]
    left_out = news.left_out | ({"tied votes": news.ties} if news.ties else {})
    if left_out:
        reasons = ", ".join(f"{n:,} {reason}" for reason, n in left_out.items())
        parts.append(f"left out: {reasons}")
    return ", ".join(parts)


def _prepare_note(splits: Iterable[LabelledRows]) -> str:
    rows = list(splits)
    stripped, total = sum(split.stripped() for split in rows), sum(map(len, rows))
    return f"boilerplate removed from {stripped:,} of {total:,} articles"
