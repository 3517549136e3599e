"""One training run, from config to logged bundle. Read it from top to bottom."""

import shutil
import tempfile
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newsstand.bundle import Bundle, Model
from newsstand.calibration import Calibration, Floats
from newsstand.config import Config, flatten
from newsstand.config_encoders import EmbeddingConfig, TransformerConfig
from newsstand.config_models import LinearConfig
from newsstand.controls import Controls
from newsstand.data.loader import NewsData, load
from newsstand.data.sources import SPLITS
from newsstand.embedding import EmbeddingModel
from newsstand.encoders import find_encoder
from newsstand.errors import DataError
from newsstand.linear import LinearModel
from newsstand.train import controls, evaluate
from newsstand.train.artifacts import write_artifacts
from newsstand.train.calibrate import fit_calibration
from newsstand.train.champion import Standing
from newsstand.train.checkpoints import best_share
from newsstand.train.clock import Clock, Reporter
from newsstand.train.export import as_exported, asks_for_export, export, extra_of, libraries_of
from newsstand.train.fine_tune import FineTuning, begun, check_possible, learned
from newsstand.train.fit import (
    fit,
    fit_transformer,
    search_linear,
    with_settings,
)
from newsstand.train.outcome import Outcome, finished, kept_if_not_logged, plain_disk_errors
from newsstand.train.rows import Rows
from newsstand.train.search import Found
from newsstand.train.seeds import fit_seeds
from newsstand.train.unfinished import Unfinished
from newsstand.transformer import TransformerModel

if TYPE_CHECKING:
    from newsstand.train import tracking

_GOLDEN_ROWS = 8


@dataclass(frozen=True, slots=True)
class _Bundled:
    """A bundle, its probabilities of the test rows, and the figures of both splits."""

    bundle: Bundle
    probabilities: Floats
    figures: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a training run gives back.

    Args:
        metrics: `test/…` and `validation/…` figures.
        seconds: By stage, and `total`.
        labels: One report a label on the test rows.
        names: Label to readable name.
        warning: What the model's scores will say, as it failed a control of its stance run.
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
    warning: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """What `newsstand train --json` prints."""
        keys = ("run_id", "experiment", "task", "model", "bundle", "bundle_hash", "url")
        return {key: getattr(self, key) for key in (*keys, "metrics", "seconds")}


def train(
    config: Config,
    *,
    name: str,
    reporter: Reporter,
    started: float | None = None,
    resume: str | None = None,
) -> Result:
    """Trains, evaluates and logs one model.

    Args:
        config: The experiment.
        name: The run's name where the config gives none.
        reporter: Hears of the stages.
        started: `time.perf_counter()` at the start of what `seconds.total` counts.
        resume: The MLflow run of an encoder's fine-tuning that was cut short, to go on with.

    Raises:
        NewsstandError: Data or settings that cannot be used; nothing is logged then. Or what
            kept the trained model from being logged, and where it is kept.
    """
    clock = Clock(reporter, time.perf_counter() if started is None else started)
    check_possible(config, resume)
    if isinstance(config.model, (EmbeddingConfig, TransformerConfig)):
        find_encoder(config.model.encoder, config.model.encoder_sha256)
    from newsstand.train.preflight import check_tracking  # imports MLflow, for seconds

    tracked = config.tracking
    check_tracking(tracked.experiment, register_as=tracked.register_as, resume=resume)
    with ExitStack() as stack:  # holds the MLflow run of a fine-tuning from its first step on
        return _train(config, name, reporter, clock, resume, stack)


def _train(
    config: Config,
    name: str,
    reporter: Reporter,
    clock: Clock,
    resume: str | None,
    stack: ExitStack,
) -> Result:
    with clock.stage("load") as note:
        news = load(**config.loading(), progress=reporter.progress)
        absent = [x for x in config.evaluation.f_avg if x not in news.labels.names]
        if absent:
            raise DataError(f"evaluation.f_avg: no row has the label '{absent[0]}'")
        sizes = {split: len(news.numbers(split)) for split in SPLITS}
        note(_loaded(news, sizes))

    with clock.stage("prepare") as note:
        splits = {split: Rows(news, news.numbers(split)) for split in SPLITS}
        note(_removed(splits.values()))
    tracked = config.tracking
    fitted, held_out, test = splits["train"], splits["validation"], splits["test"]
    unfinished = Unfinished(news.folder, news.digest)
    figures: dict[str, float] = {}

    found: Found[LinearModel] | None = None
    if isinstance(config.model, LinearConfig) and config.model.search:
        with clock.stage("search") as note:
            found = search_linear(config, fitted, held_out, unfinished, reporter.progress)
            config = with_settings(config, C=found.best.C, bits=found.best.bits)
            figures |= {"search/C": found.best.C, "search/bits": float(found.best.bits)}
            note(
                f"C {found.best.C:g}, {found.best.bits} bits: validation macro-F1 "
                f"{found.best.macro_f1:.3f}, the best of {len(found.trials)} tried"
            )

    title = config.tracking.run_name or name
    tags = {
        "newsstand.task": config.task,
        "newsstand.data_digest": news.digest,
        "newsstand.splits": news.note,
    }

    def open_run(
        one: Config, run_id: str | None, parent: str | None = None
    ) -> AbstractContextManager["tracking.Run"]:
        """The MLflow run of an experiment, begun or gone on with, or of a seed inside it."""
        from newsstand.train import tracking

        return tracking.run(
            one.tracking.experiment,
            name=f"{title}, seed {one.seed}" if parent else title,
            params=flatten(one),
            tags=tags,
            started=time.time() - (0 if parent else clock.elapsed()),
            resume=run_id,
            parent=parent,
        )

    tuning: FineTuning | None = None
    if isinstance(config.model, TransformerConfig):
        with clock.stage("begin") as note:
            tuning = stack.enter_context(
                begun(
                    config,
                    fitted,
                    news.digest,
                    resume=resume,
                    open_run=open_run,
                    progress=reporter.progress,
                )
            )
            note(str(tuning))

    def calibrated(model: Model) -> tuple[Calibration, dict[str, float]]:
        scores = model.forward(held_out.examples)
        calibration = fit_calibration(config.calibration.method, scores, held_out.labels)
        return calibration, _metrics(config, news, calibration.apply(scores), held_out)

    def bundled(model: Model, calibration: Calibration, validation: dict[str, float]) -> _Bundled:
        bundle = Bundle(
            task=config.task,
            labels=news.labels,
            text=config.text.spec(),
            model=model,
            calibration=calibration,
            data={"digest": news.digest, "rows": sizes},
            versions={x: version(x) for x in libraries_of(model)},
        )
        probabilities = bundle.probabilities(test.examples)
        tested = _metrics(config, news, probabilities, test)
        tested |= evaluate.by_source(probabilities, test.labels, test.by_source())
        named = {f"test/{k}": v for k, v in tested.items()}
        named |= {f"validation/{k}": v for k, v in validation.items()}
        return _Bundled(bundle, probabilities, named)

    model: Model
    seed, share = config.seed, 1.0  # of the model that is kept
    if tuning and isinstance(config.model, TransformerConfig) and config.model.seeds > 1:
        parent = tuning.run.run_id
        group = fit_seeds(
            config,
            fitted,
            tuning.lesson,
            held_out,
            folder=tuning.folder,
            begin=lambda one, run_id: open_run(one, run_id, parent),
            judge=lambda model: bundled(model, *calibrated(model)).figures,
            clock=clock,
            progress=reporter.progress,
        )
        model, seed, share = group.model, group.seed, group.share
        figures |= group.figures
        with clock.stage("seeds") as note:
            note(str(group))
    else:
        with clock.stage("fit") as note:
            if tuning:
                model = fit_transformer(
                    config,
                    tuning.encoder,
                    tuning.lesson,
                    held_out,
                    tuning.folder,
                    tuning.run.log_step,
                    reporter.progress,
                )
                share = best_share(tuning.folder)
            elif found:
                model = found.model
            else:
                model = fit(config, fitted, unfinished, reporter.progress)
            resumed = ", gone on from where an earlier run stopped" if unfinished.resumed else ""
            note(f"{_fitted(config, model)}{resumed}")

    exported = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    if asks_for_export(config):
        with clock.stage("export") as note:
            model, cost = export(config, model, held_out, exported / "first")
            figures |= cost.figures()
            note(str(cost))

    with clock.stage("calibrate") as note:
        calibration, validation = calibrated(model)
        note(f"validation accuracy {validation['accuracy']:.3f}, ECE {validation['ece']:.3f}")

    if config.model.refit:
        with clock.stage("fit") as note:
            every = fitted + held_out + Rows(news, news.spare_numbers)
            again: Model
            if tuning:
                seeded = config.model_copy(update={"seed": seed})
                again = tuning.again(seeded, every, share, reporter.progress)
            else:
                again = fit(config, every, unfinished, reporter.progress)
            model, cost_again = as_exported(config, model, again, held_out, exported / "again")
            spare = f", {len(news.spare):,} of them spare" if news.spare else ""
            note(f"again, on all {len(every):,} training and validation rows{spare}{cost_again}")

    with clock.stage("evaluate") as note:
        done = bundled(model, calibration, validation)
        bundle, probabilities = done.bundle, done.probabilities
        figures |= done.figures
        accuracy, macro_f1 = (figures[f"test/{x}"] for x in ("accuracy", "macro_f1"))
        note(f"test accuracy {accuracy:.3f}, macro-F1 {macro_f1:.3f}")

    judged: Controls | None = None
    if config.task == "stance":
        with clock.stage("controls") as note:
            known = fitted + held_out if config.model.refit else fitted
            judged = controls.judge(bundle, known, held_out, test, probabilities, seed=config.seed)
            bundle = replace(bundle, controls=judged)
            figures |= {f"test/{name}": value for name, value in judged.figures.items()}
            note(controls.told(judged))

    with finished() as made, ExitStack() as during:
        with clock.stage("log") as note:
            with plain_disk_errors():
                bundle_hash = bundle.save(made.bundle, golden=held_out.spread(_GOLDEN_ROWS))
                write_artifacts(
                    made.artifacts,
                    config,
                    labels=news.labels,
                    probabilities=probabilities,
                    test=test,
                    trials=found.trials if found else (),
                )
            standing = Standing.of(
                news.labels.labels,
                test_rows=len(test),
                test_digest=test.digest(),
                macro_f1=macro_f1,
            )
            outcome = Outcome(
                experiment=tracked.experiment,
                name=title,
                started=time.time() - clock.elapsed(),
                params={key: str(value) for key, value in flatten(config).items()},
                tags=tags,
                metrics=figures | {f"seconds/{k}": v for k, v in clock.seconds().items()},
                data=config.data.origin() | {"digest": news.digest},
                signature={"labels": news.labels.labels, "stance": config.task == "stance"},
                example=held_out.example_row(),
                extra=extra_of(model),
                register_as=tracked.register_as,
                alias=tracked.alias,
                alias_force=tracked.alias_force,
                standing=standing.tags(),
                run_id=tuning.run.run_id if tuning else None,
            )
            during.enter_context(kept_if_not_logged(made, outcome))
            run = tuning.run if tuning else during.enter_context(open_run(config, None))
            logged = run.log(outcome, made)
            note(f"MLflow experiment '{tracked.experiment}', run {run.run_id}")
        if tracked.register_as:
            with clock.stage("register") as note:
                logged, said = run.register(outcome, logged)
                note(said)
        seconds = clock.seconds()
    unfinished.remove()
    if tuning:
        shutil.rmtree(tuning.folder)
    return Result(
        run_id=run.run_id,
        experiment=tracked.experiment,
        task=config.task,
        model=logged.model,
        bundle=logged.bundle,
        bundle_hash=bundle_hash,
        url=run.url,
        metrics=figures,
        seconds=seconds,
        labels=evaluate.label_reports(probabilities, test.labels, news.labels.labels),
        names=dict(news.labels.names),
        warning=judged.warning if judged else None,
    )


def _fitted(config: Config, model: Model) -> str:
    """What came of a fit, in a word."""
    if isinstance(model, TransformerModel):
        return learned(config)
    columns = len(model.coefficients)
    if isinstance(model, EmbeddingModel) and model.ngrams:
        columns += len(model.ngrams.coefficients)
    return f"{columns:,} features"


def _metrics(config: Config, news: NewsData, values: Floats, rows: Rows) -> dict[str, float]:
    wanted = config.evaluation
    return evaluate.metrics(
        values,
        rows.labels,
        news.labels.labels,
        wanted.f_avg,
        fnc=wanted.fnc_score,
        mae=wanted.mae,
    )


def _loaded(news: NewsData, sizes: dict[str, int]) -> str:
    told = [f"{n:,} {split}" for split, n in sizes.items()]
    told += [f"{len(news.labels)} labels", *(note.what for note in news.notes)]
    left_out = news.left_out | ({"tied votes": news.ties} if news.ties else {})
    if left_out:
        reasons = ", ".join(f"{n:,} {reason}" for reason, n in left_out.items())
        told.append(f"left out: {reasons}")
    return ", ".join(told)


def _removed(splits: Iterable[Rows]) -> str:
    of = list(splits)
    stripped, rows = sum(split.stripped() for split in of), sum(map(len, of))
    return f"boilerplate taken out of {stripped:,} of {rows:,} articles"
