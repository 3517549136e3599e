"""One training run, from config to logged bundle. Read it from top to bottom."""

import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import datasets
import numpy as np
import pyarrow
from pyarrow import parquet

from newsstand.article import Article
from newsstand.bundle import Bundle, Model
from newsstand.calibration import Floats
from newsstand.config import (
    Config,
    EmbeddingConfig,
    PairsConfig,
    TransformerConfig,
    flatten,
)
from newsstand.config_file import dump_config
from newsstand.data.loader import NewsData, load
from newsstand.embedding import EmbeddingModel
from newsstand.encode import Example
from newsstand.errors import DataError, NewsstandError
from newsstand.linear import FeatureSpec
from newsstand.pairs import PairModel
from newsstand.train import evaluate, plots
from newsstand.train.calibrate import fit_calibration
from newsstand.train.checkpoints import check_settings, checkpoint_folder, note_settings
from newsstand.train.fit_embedding import fit_embedding, open_encoder
from newsstand.train.fit_linear import fit_linear
from newsstand.train.fit_pairs import Fitting, fit_pairs
from newsstand.transformer import TransformerModel

if TYPE_CHECKING:
    from newsstand.train import tracking

_GOLDEN_ROWS = 8


class Reporter(Protocol):
    """Hears of each stage when it begins and when it is done."""

    def begin(self, stage: str) -> None:
        """A stage begins."""

    def progress(self, stage: str, done: int, total: int | None) -> None:
        """Within a stage: so many rows are done, of how many if that is known."""

    def end(self, stage: str, detail: str, seconds: float) -> None:
        """A stage is done: what came of it, and the seconds it took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a training run gives back.

    Args:
        metrics: `test/…` and `validation/…` figures.
        seconds: By stage, and `total`.
        labels: One report a label on the test rows.
        names: Label to readable name.
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
        NewsstandError: Data or settings that cannot be used; nothing is logged then.
    """
    clock = _Clock(reporter, time.perf_counter() if started is None else started)
    if resume is not None:
        if not isinstance(config.model, TransformerConfig):
            raise NewsstandError("--resume: only fine-tuning (model.kind: transformer) can go on")
        check_settings(checkpoint_folder(resume), flatten(config))
    with ExitStack() as stack:  # holds the MLflow run of a fine-tuning from its first step on
        return _train(config, name, reporter, clock, resume, stack)


def _train(
    config: Config,
    name: str,
    reporter: Reporter,
    clock: "_Clock",
    resume: str | None,
    stack: ExitStack,
) -> Result:
    with clock.stage("load") as note:
        news = load(**config.loading(), progress=reporter.progress)
        absent = [x for x in config.evaluation.f_avg if x not in news.labels.names]
        if absent:
            raise DataError(f"evaluation.f_avg: no row has the label '{absent[0]}'")
        sizes = {split: len(rows) for split, rows in news.splits.items()}
        note(_loaded(news, sizes))

    with clock.stage("prepare") as note:
        splits = {split: _Split(rows) for split, rows in news.splits.items()}
        note(_removed(splits.values()))
    fitted, held_out, test = splits["train"], splits["validation"], splits["test"]

    live: tracking.Run | None = None
    if isinstance(config.model, TransformerConfig):
        with clock.stage("begin") as note:
            live = stack.enter_context(_run(config, news, name, clock, resume))
            settings_kept = flatten(config) | {"data": news.digest}
            folder = checkpoint_folder(live.run_id)
            if resume is None:
                note_settings(folder, settings_kept)
            check_settings(folder, settings_kept)
            note(f"run {live.run_id}; if it is cut short, go on with --resume {live.run_id}")

    with clock.stage("fit") as note:
        model = _fit(config, fitted, reporter, held_out, live)
        note(_fitted(model))

    with clock.stage("calibrate") as note:
        scores = model.forward(held_out.examples)
        calibration = fit_calibration(config.calibration.method, scores, held_out.labels)
        validation = _metrics(config, news, calibration.apply(scores), held_out)
        note(f"validation accuracy {validation['accuracy']:.3f}, ECE {validation['ece']:.3f}")

    if config.model.refit:
        with clock.stage("fit") as note:
            every = fitted + held_out + _Split(news.spare_rows)
            model = _fit(config, every, reporter, held_out, None)
            spare = f", {len(news.spare):,} of them spare" if news.spare else ""
            note(f"again, on all {len(every.examples):,} training and validation rows{spare}")

    with clock.stage("evaluate") as note:
        bundle = Bundle(
            task=config.task,
            labels=news.labels,
            text=config.text.spec(),
            model=model,
            calibration=calibration,
            data={"digest": news.digest, "rows": sizes},
            versions={x: version(x) for x in _libraries(model)},
        )
        probabilities = bundle.probabilities(test.examples)
        tested = _metrics(config, news, probabilities, test)
        note(f"test accuracy {tested['accuracy']:.3f}, macro-F1 {tested['macro_f1']:.3f}")
    figures = {f"test/{k}": v for k, v in tested.items()}
    figures |= {f"validation/{k}": v for k, v in validation.items()}

    with clock.stage("log") as note:
        settings = config.tracking
        with (
            tempfile.TemporaryDirectory() as scratch,
            nullcontext(live) if live else _run(config, news, name, clock, None) as run,
        ):
            folder = Path(scratch) / "bundle"
            bundle_hash = bundle.save(folder, golden=held_out.spread(_GOLDEN_ROWS))
            run.log_dataset(form=config.data.format, path=config.data.path, digest=news.digest)
            run.log_files(_artifacts(Path(scratch), config, news, probabilities, test))
            logged = run.log_bundle(
                folder,
                labels=list(news.labels.labels),
                stance=config.task == "stance",
                example=held_out.example_row(),
                metrics=figures | {f"seconds/{k}": v for k, v in clock.seconds().items()},
                encoder=isinstance(model, (EmbeddingModel, TransformerModel)),
                register_as=settings.register_as,
                alias=settings.alias,
            )
            note(f"MLflow experiment '{settings.experiment}', run {run.run_id}")
        if live:
            shutil.rmtree(checkpoint_folder(live.run_id))
    return Result(
        run_id=run.run_id,
        experiment=settings.experiment,
        task=config.task,
        model=logged.model,
        bundle=logged.bundle,
        bundle_hash=bundle_hash,
        url=run.url,
        metrics=figures,
        seconds=clock.seconds(),
        labels=evaluate.label_reports(probabilities, test.labels, news.labels.labels),
        names=dict(news.labels.names),
    )


def _run(
    config: Config, news: NewsData, name: str, clock: "_Clock", resume: str | None
) -> AbstractContextManager["tracking.Run"]:
    """The MLflow run of an experiment, with its settings and data noted."""
    from newsstand.train import tracking

    return tracking.run(
        config.tracking.experiment,
        name=config.tracking.run_name or name,
        params=flatten(config),
        tags={
            "newsstand.task": config.task,
            "newsstand.data_digest": news.digest,
            "newsstand.splits": news.note,
        },
        started=time.time() - clock.elapsed(),
        resume=resume,
    )


class _Split:
    """One split: its rows, and what a model sees of them."""

    def __init__(self, rows: datasets.Dataset) -> None:
        self.rows = rows
        columns = (list(rows[name]) for name in ("prepared_title", "prepared_body", "target"))
        self.examples = [Example.of_prepared(*values) for values in zip(*columns, strict=True)]
        self.labels = np.array(rows["label"], dtype=np.int64)

    def __add__(self, other: "_Split") -> "_Split":
        return _Split(datasets.concatenate_datasets([self.rows, other.rows]))

    def article(self, index: int) -> Article:
        """A row's article as published."""
        row = self.rows[index]
        return Article(**{field.name: row[field.name] for field in fields(Article)})

    def spread(self, count: int) -> list[tuple[Article, str | None]]:
        """Up to `count` rows, of as many labels as there are."""
        firsts = np.unique(self.labels, return_index=True)[1].tolist()
        rest = [i for i in range(len(self.labels)) if i not in set(firsts)]
        chosen = [*firsts, *rest][:count]
        return [(self.article(i), self.examples[i].target) for i in chosen]

    def example_row(self) -> dict[str, str]:
        """One row as the logged model takes it."""
        article, target = self.article(0), self.examples[0].target
        row = {"title": article.title, "body": article.body}
        return row if target is None else {**row, "target": target}


def _fit(
    config: Config,
    rows: _Split,
    reporter: Reporter,
    held_out: _Split,
    live: "tracking.Run | None",
) -> Model:
    model = config.model
    if isinstance(model, TransformerConfig):
        assert live is not None  # noqa: S101 - narrows the type; begun before the fit
        # Imports of seconds, for this family only.
        from newsstand.train.fit_encoder import fit_encoder, open_classifier
        from newsstand.train.tuning import Tuning

        encoder = open_classifier(
            model.encoder,
            sha256=model.encoder_sha256,
            labels=int(rows.labels.max()) + 1,
            max_tokens=model.max_tokens,
            long_text=model.long_text,
            device=model.device,
            seed=config.seed,
        )
        return fit_encoder(
            rows.examples,
            rows.labels,
            validation=(held_out.examples, held_out.labels),
            encoder=encoder,
            tuning=Tuning(**{x.name: getattr(model, x.name) for x in fields(Tuning)}),
            folder=checkpoint_folder(live.run_id),
            seed=config.seed,
            log=live.log_step,
            progress=reporter.progress,
        )
    if isinstance(model, EmbeddingConfig):
        encoder, vectors = open_encoder(
            model.encoder,
            sha256=model.encoder_sha256,
            max_tokens=model.max_tokens,
            long_text=model.long_text,
            device=model.device,
            progress=lambda done, total: reporter.progress("encoding", done, total),
        )
        return fit_embedding(
            rows.examples,
            rows.labels,
            encoder=encoder,
            vectors=vectors,
            cross_target=model.cross_target,
            classifier=model.classifier,
            C=model.C,
            class_weight=model.class_weight,
            seed=config.seed,
        )
    if isinstance(model, PairsConfig):
        names = [field.name for field in fields(Fitting)]
        return fit_pairs(
            rows.examples,
            rows.labels,
            terms=model.terms,
            fitting=Fitting(**{name: getattr(model, name) for name in names}),
            seed=config.seed,
        )
    spec = FeatureSpec(
        words=model.words,
        chars=model.chars,
        bits=model.bits,
        parts={part: weight for part, weight in model.parts if weight},
        hashtags=model.hashtags,
        cross_target=model.cross_target,
        sublinear_tf=model.sublinear_tf,
        idf=model.idf,
        min_df=model.min_df,
    )
    return fit_linear(
        rows.examples,
        rows.labels,
        spec=spec,
        classifier=model.classifier,
        C=model.C,
        class_weight=model.class_weight,
        seed=config.seed,
        outlets=list(rows.rows["outlet"]),
        outlet_balance=model.outlet_balance,
    )


def _fitted(model: Model) -> str:
    """What came of a fit, in a word."""
    if isinstance(model, TransformerModel):
        return "the checkpoint with the best macro-F1 on validation rows"
    columns = model.matches.columns if isinstance(model, PairModel) else len(model.coefficients)
    return f"{columns:,} features"


def _libraries(model: Model) -> tuple[str, ...]:
    """What a model was made with, by the names that PyPI has for them."""
    usual = ("numpy", "scipy", "scikit-learn")
    encoders = (EmbeddingModel, TransformerModel)
    return (*usual, "torch", "transformers") if isinstance(model, encoders) else usual


def _metrics(config: Config, news: NewsData, values: Floats, rows: _Split) -> dict[str, float]:
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
    told.append(f"{len(news.labels)} labels")
    left_out = news.left_out | ({"tied votes": news.ties} if news.ties else {})
    if left_out:
        reasons = ", ".join(f"{n:,} {reason}" for reason, n in left_out.items())
        told.append(f"left out: {reasons}")
    return ", ".join(told)


def _removed(splits: Iterable[_Split]) -> str:
    removed = [bool(spans) for split in splits for spans in split.rows["removed"]]
    return f"boilerplate taken out of {sum(removed):,} of {len(removed):,} articles"


def _artifacts(
    scratch: Path, config: Config, news: NewsData, probabilities: Floats, test: _Split
) -> Path:
    """Writes what the run's page shows beside its figures; returns the folder."""
    folder = scratch / "artifacts"
    folder.mkdir()
    (folder / "config.yaml").write_text(dump_config(config), encoding="utf-8")
    names = list(news.labels.names.values())
    plots.confusion_matrix(folder / "confusion_matrix.png", probabilities, test.labels, names)
    plots.reliability_diagram(folder / "reliability.png", probabilities, test.labels)
    labels = news.labels.labels
    columns: dict[str, Any] = {
        "id": list(test.rows["id"]),
        "outlet": list(test.rows["outlet"]),
        "target": [example.target for example in test.examples],
        "label": [labels[i] for i in test.labels],
        "predicted": [labels[i] for i in probabilities.argmax(axis=1)],
        "probability": probabilities.max(axis=1),
    }
    columns |= {f"p_{label}": probabilities[:, i] for i, label in enumerate(labels)}
    parquet.write_table(pyarrow.table(columns), folder / "predictions.parquet")
    return folder


class _Clock:
    """Times the stages; a stage entered twice adds up."""

    def __init__(self, reporter: Reporter, started: float) -> None:
        self._reporter = reporter
        self._started = started
        self._spent: dict[str, float] = {}
        self._free = started

    @contextmanager
    def stage(self, name: str) -> Iterator[Any]:
        detail: list[str] = []
        self._reporter.begin(name)
        yield detail.append
        # From the end of the stage before, so that the stages add up to the total.
        now = time.perf_counter()
        seconds, self._free = now - self._free, now
        self._spent[name] = self._spent.get(name, 0.0) + seconds
        self._reporter.end(name, detail[0] if detail else "", seconds)

    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self._started

    def seconds(self) -> dict[str, float]:
        """Seconds by stage, and in total so far."""
        total = self.elapsed()
        return {name: round(value, 3) for name, value in {**self._spent, "total": total}.items()}
