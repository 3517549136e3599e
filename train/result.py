"""The result of a run: what `newsstand train` prints, saves and logs."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from newsstand.config.schema import Config
from newsstand.io.bundle import Bundle
from newsstand.train.artifacts import write_artifacts
from newsstand.train.evaluation.metrics import LabelReport, label_reports
from newsstand.train.evaluation.result import Evaluation
from newsstand.train.evaluation.rows import EvaluatedRows
from newsstand.train.families.base import FittedModel, RunContext
from newsstand.train.learning_curve import Point
from newsstand.train.outcome import Outcome, finished, kept_if_not_logged, plain_disk_errors
from newsstand.train.registry.standing import Standing
from newsstand.train.report.description import RunDescription, describe_run
from newsstand.train.run_data import RunData
from newsstand.train.run_summary import COMMIT, HEADLINE, description, headline, parameters
from newsstand.train.stage_timer import StageTimer

if TYPE_CHECKING:
    from newsstand.train import tracking

_GOLDEN_ROWS = 8


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
        runs_url: The page of all runs of the experiment; empty if not tracked.
        metrics: `test/…` and `validation/…` metrics, and those of the fit.
        seconds: By stage, and `total`.
        labels: A report of each label on the test rows.
        names: Label to readable name.
        evaluated: The test rows with the model's probabilities.
        warning: The warning of the model's scores if a stance model failed a control, or None.
        fitted: The trained model.
        evaluation: The evaluation on the test rows: intervals, slices, calibration and more.
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
    labels: list[LabelReport]
    names: dict[str, str]
    fitted: Bundle
    evaluated: EvaluatedRows
    warning: str | None = None
    runs_url: str = ""
    evaluation: Evaluation | None = None

    def to_dict(self) -> dict[str, Any]:
        """The values that `newsstand train --json` prints."""
        keys = ("run_id", "experiment", "task", "model", "bundle", "bundle_hash", "url")
        return {key: getattr(self, key) for key in (*keys, "metrics", "seconds")}


@dataclass(frozen=True, slots=True)
class Trained:
    """The model of a run, its metrics, and the inputs they were computed from."""

    config: Config
    data: RunData
    bundle: Bundle
    evaluated: EvaluatedRows
    evaluation: Evaluation
    metrics: dict[str, float]
    fit: FittedModel
    curve: Sequence[Point] = ()


def save(bundle: Bundle, folder: Path, data: RunData) -> str:
    """Saves a bundle with some validation rows to verify it by; returns its hash."""
    with plain_disk_errors():
        return bundle.save(folder, golden=data.validation.spread(_GOLDEN_ROWS))


def log(trained: Trained, context: RunContext, timer: StageTimer) -> Result:
    """Logs and registers the trained model."""
    config = trained.config
    tracked = config.tracking
    with finished() as made, ExitStack() as during:
        with timer.stage("log") as note:
            bundle_hash = save(trained.bundle, made.bundle, trained.data)
            with plain_disk_errors():
                write_artifacts(
                    made.artifacts,
                    config,
                    evaluated=trained.evaluated,
                    evaluation=trained.evaluation,
                    about=_description(trained, context, bundle_hash),
                    trials=trained.fit.trials,
                    curve=trained.curve,
                )
            outcome = _outcome(trained, context, timer)
            during.enter_context(kept_if_not_logged(made, outcome))
            run = cast(
                "tracking.Run", context.tracked.begin(params=parameters(config), stack=during)
            )
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
        runs_url=run.runs_url,
        model=logged.model,
        bundle=logged.bundle,
        bundle_hash=bundle_hash,
    )


def not_logged(trained: Trained, context: RunContext, timer: StageTimer) -> Result:  # noqa: ARG001
    """The result of a run that is not tracked."""
    return _result(trained, timer.seconds(), run_id="", url="", model="", bundle="", bundle_hash="")


def _description(trained: Trained, context: RunContext, bundle_hash: str) -> RunDescription:
    return describe_run(
        trained.config,
        name=context.tracked.name,
        digest=trained.data.news.digest,
        sizes=trained.data.sizes,
        splits=trained.data.news.note,
        bundle_hash=bundle_hash,
    )


def _outcome(trained: Trained, context: RunContext, timer: StageTimer) -> Outcome:
    """Everything that is logged of a run, beside its files."""
    from newsstand.train.tracking import source_tags  # imports MLflow

    source = source_tags()
    config, data, metrics = trained.config, trained.data, trained.metrics
    tracked, labels = config.tracking, trained.bundle.labels.labels
    standing = Standing.of(
        labels,
        test_rows=len(data.test),
        test_digest=trained.evaluated.digest,
        macro_f1=metrics["test/macro_f1"],
    )
    return Outcome(
        experiment=tracked.experiment,
        name=context.tracked.name,
        started=time.time() - timer.elapsed(),
        params=parameters(config),
        tags={HEADLINE: headline(metrics), **source, **context.tracked.tags},
        metrics={
            **metrics,
            **{f"{name}/rows": float(rows) for name, rows in data.sizes.items()},
            **{f"wall_seconds/{name}": value for name, value in timer.seconds().items()},
        },
        data=config.data.origin() | {"digest": data.news.digest},
        signature={"labels": labels, "stance": config.task == "stance"},
        example=data.validation.example_row(),
        extra=trained.bundle.model.requires,
        register_as=tracked.register_as,
        alias=tracked.alias,
        alias_force=tracked.alias_force,
        standing=standing.tags(),
        run_id=context.tracked.run.run_id if context.tracked.run else None,
        splits={
            "train": {"digest": data.train.content_digest(), "rows": len(data.train)},
            "test": {"digest": trained.evaluated.digest, "rows": len(data.test)},
        },
        description=description(
            config,
            rows=data.sizes,
            labels=len(labels),
            metrics=metrics,
            splits=data.news.note,
            commit=source.get(COMMIT),
            warning=trained.bundle.controls.warning if trained.bundle.controls else None,
        ),
    )


def _result(trained: Trained, seconds: dict[str, float], **logged: str) -> Result:
    bundle = trained.bundle
    return Result(
        **logged,
        experiment=trained.config.tracking.experiment,
        task=trained.config.task,
        metrics=trained.metrics,
        seconds=seconds,
        labels=label_reports(
            trained.evaluated.probabilities, trained.evaluated.truth, bundle.labels.labels
        ),
        names=dict(bundle.labels.names),
        evaluated=trained.evaluated,
        fitted=replace(bundle, model=bundle.model.uncached()),
        warning=bundle.controls.warning if bundle.controls else None,
        evaluation=trained.evaluation,
    )
