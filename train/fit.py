"""From the model section of a config to a fitted model."""

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from sklearn.utils.class_weight import compute_sample_weight

from newsstand.bundle import Model
from newsstand.config import Config, flatten
from newsstand.config_encoders import (
    EmbeddingConfig,
    FineTuneConfig,
    TransformerConfig,
)
from newsstand.config_models import LinearConfig
from newsstand.data.prepare import Progress
from newsstand.encoder import Encoder
from newsstand.encoders import find_encoder, fingerprint
from newsstand.errors import NewsstandError
from newsstand.hypotheses import Hypotheses, nli_classes
from newsstand.linear import FeatureSpec, LinearModel, coarser, count
from newsstand.train.entailment import hypotheses_of
from newsstand.train.evaluate import quality
from newsstand.train.fit_embedding import fit_embedding, fit_ngrams, open_encoder
from newsstand.train.fit_linear import fit_linear, outlet_weights
from newsstand.train.fit_stream import fit_stream
from newsstand.train.lessons import Lesson, stages_of
from newsstand.train.rows import Rows
from newsstand.train.search import Found, Trial, search
from newsstand.train.unfinished import Unfinished
from newsstand.transformer import TransformerModel


def fit(config: Config, rows: Rows, unfinished: Unfinished, progress: Progress) -> Model:
    """The model that a config asks for, fitted to rows.

    Args:
        config: The experiment.
        rows: What to learn from.
        unfinished: Where a fit that takes long keeps what it has learned.
        progress: Hears of the rows that are done.

    Raises:
        DataError: Rows that nothing can be learned from.
    """
    if isinstance(config.model, EmbeddingConfig):
        model = config.model
        if model.fine_tune:
            return _fine_tuned(config, model, model.fine_tune, rows, unfinished, progress)
        encoder, vectors = open_encoder(
            model.encoder,
            sha256=model.encoder_sha256,
            max_tokens=model.max_tokens,
            long_text=model.long_text,
            device=model.device,
            precision=model.precision,
            progress=lambda done, total: progress("encoding", done, total),
        )
        fitted = fit_embedding(
            list(rows.examples),
            rows.labels,
            encoder=encoder,
            vectors=vectors,
            cross_target=model.cross_target,
            classifier=model.classifier,
            C=model.C,
            class_weight=model.class_weight,
            seed=config.seed,
            weights=rows.weights,
        )
        if model.ngrams is None:
            return fitted
        beside = fit_ngrams(
            list(rows.examples),
            rows.labels,
            **model.ngrams.model_dump(),
            cross_target=model.cross_target,
            class_weight=model.class_weight,
            seed=config.seed,
            weights=rows.weights,
        )
        return replace(fitted, ngrams=beside)
    assert isinstance(config.model, LinearConfig)  # noqa: S101 - narrows the type
    fit_by = _linear(config.model, config.seed, rows, unfinished, progress)
    return fit_by(config.model.C, config.model.bits)


def _fine_tuned(
    config: Config,
    model: EmbeddingConfig,
    settings: FineTuneConfig,
    rows: Rows,
    unfinished: Unfinished,
    progress: Progress,
) -> Model:
    from newsstand.train.siamese import fine_tune_vectors  # imports of seconds, here alone
    from newsstand.train.tuning import Tuning

    folder = find_encoder(model.encoder, model.encoder_sha256)
    encoder = Encoder.open(
        folder, max_tokens=model.max_tokens, long_text=model.long_text, device=model.device
    )
    given = settings.model_dump()
    most, classifier_rate = given.pop("epoch_texts"), given.pop("classifier_rate")
    tuning = Tuning(**given, epoch_rows=most, class_weight=model.class_weight)
    told = {"model": flatten(config), "encoder": fingerprint(folder), "rows": rows.digest()}
    return fine_tune_vectors(
        list(rows.examples),
        rows.labels,
        encoder=encoder,
        cross_target=model.cross_target,
        tuning=tuning,
        classifier_rate=classifier_rate,
        seed=config.seed,
        file=unfinished.file(**told),
        progress=lambda said, done, total: progress(f"fine-tuning: {said}", done, total),
        weights=rows.weights,
        stages=stages_of(rows),
    )


def open_transformer(config: Config, fitted: Rows) -> Encoder:
    """The encoder that a config asks for, with an untrained classifier for the rows' labels.

    With hypotheses, its classifier is its own.

    Raises:
        NewsstandError: The encoder cannot be had or read, its classifier is not one for NLI, or
            hypotheses that do not fit the rows' labels, or the tokens that are read.
    """
    from newsstand.train.fit_encoder import open_classifier  # imports of seconds, here alone
    from newsstand.train.lora import Lora

    model = config.model
    assert isinstance(model, TransformerConfig)  # noqa: S101 - narrows the type
    encoder = open_classifier(
        model.encoder,
        sha256=model.encoder_sha256,
        labels=None if model.hypotheses else int(fitted.labels.max()) + 1,
        max_tokens=model.max_tokens,
        long_text=model.long_text,
        device=model.device,
        seed=config.seed,
        lora=Lora(**model.lora.model_dump()) if model.lora else None,
    )
    _hypotheses(model, encoder, fitted.names)
    for wording in model.wordings(stance=config.task == "stance"):
        if encoder.room_for_target(wording) < 1:
            key = "hypotheses" if model.hypotheses else "target_as"
            raise NewsstandError(
                f"model.{key}: '{wording}' takes more than the half of model.max_tokens "
                f"({model.max_tokens}) that is read beside a text"
            )
    return encoder


def _hypotheses(
    model: TransformerConfig, encoder: Encoder, labels: Sequence[str]
) -> Hypotheses | None:
    """What the config asks its encoder about texts of these labels."""
    if model.hypotheses is None:
        return None
    classes = nli_classes([str(x) for _, x in sorted(encoder.network.config.id2label.items())])
    assert classes is not None  # noqa: S101 - was opened as a classifier for NLI
    return hypotheses_of(model.hypotheses, labels, classes)


def fit_transformer(
    config: Config,
    encoder: Encoder,
    lesson: Lesson,
    held_out: Rows | None,
    folder: Path,
    log: Callable[[dict[str, float], int], None],
    progress: Progress,
    until: float = 1.0,
) -> TransformerModel:
    """Fine-tunes an encoder as a config says.

    Args:
        config: An experiment with a transformer.
        encoder: As `open_transformer` gives it.
        lesson: What to learn from.
        held_out: What to choose the best checkpoint by; None for the last one.
        folder: Where checkpoints are kept.
        log: Hears of losses and validation figures, with their step.
        progress: Hears of the steps that are done.
        until: With nothing held out, the share of all steps to end after.
    """
    from newsstand.train.fit_encoder import fit_encoder
    from newsstand.train.tuning import Tuning

    model = config.model
    assert isinstance(model, TransformerConfig)  # noqa: S101 - narrows the type
    named = [x.name for x in fields(Tuning) if not x.name.startswith("teacher_")]
    tuning = Tuning(**{name: getattr(model, name) for name in named})
    if model.teacher:
        tuning = replace(
            tuning,
            teacher_weight=model.teacher.weight,
            teacher_temperature=model.teacher.temperature,
        )
    return fit_encoder(
        lesson.examples,
        lesson.targets,
        validation=None if held_out is None else (list(held_out.examples), held_out.labels),
        encoder=encoder,
        tuning=tuning,
        folder=folder,
        seed=config.seed,
        log=log,
        progress=progress,
        mark_target=model.mark_target,
        target_as=model.target_as,
        hypotheses=_hypotheses(model, encoder, lesson.labels),
        until=until,
        weights=lesson.weights,
        stages=lesson.stages,
        names=lesson.labels,
    )


def search_linear(
    config: Config, fitted: Rows, held_out: Rows, unfinished: Unfinished, progress: Progress
) -> Found[LinearModel]:
    """The model with the best C and bits, by macro-F1 on rows that were held out.

    Args:
        config: An experiment with a linear model.
        fitted: What to learn from.
        held_out: What to choose by.
        unfinished: As in `fit`.
        progress: Hears of the settings that were tried.
    """
    model = config.model
    assert isinstance(model, LinearConfig)  # noqa: S101
    tried = 0

    def tell(trial: Trial) -> None:
        nonlocal tried
        tried += 1
        progress(f"search, C {trial.C:g}, {trial.bits} bits", tried, None)

    return search(
        _linear(model, config.seed, fitted, unfinished, progress),
        lambda found: quality(found.forward(held_out.examples), held_out.labels)[1],
        C=model.C,
        bits=model.bits,
        tell=tell,
    )


def with_settings(config: Config, **settings: Any) -> Config:
    """The config with other settings of its model."""
    return config.model_copy(update={"model": config.model.model_copy(update=settings)})


def _linear(
    model: LinearConfig, seed: int, rows: Rows, unfinished: Unfinished, progress: Progress
) -> Callable[[float, int], LinearModel]:
    """A way to fit linear models to rows by C and bits."""
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
    weights = np.ones(len(rows))
    if model.outlet_balance:
        weights = outlet_weights(rows.codes("outlet"), model.outlet_balance)
    if rows.weights is not None:
        weights = weights * rows.weights
    counted: list[csr_array] = []  # once for all fits: fewer buckets follow from more

    def in_memory(C: float, bits: int) -> LinearModel:  # noqa: N803 - scikit-learn's name
        if not counted or counted[0].shape[1] < 1 << bits:
            counted[:] = count(replace(spec, bits=bits), list(rows.examples))
        return fit_linear(
            [coarser(found, bits) for found in counted],
            rows.labels,
            spec=replace(spec, bits=bits),
            classifier="logistic" if model.classifier == "logistic" else "svc",
            C=C,
            class_weight=model.class_weight,
            seed=seed,
            weights=weights,
        )

    def streamed(C: float, bits: int) -> LinearModel:  # noqa: N803
        settings = model.model_dump() | {"C": C, "bits": bits}
        return fit_stream(
            rows.examples,
            rows.labels,
            weights * compute_sample_weight(model.class_weight, rows.labels),
            spec=replace(spec, bits=bits),
            C=C,
            epochs=model.epochs,
            seed=seed,
            file=unfinished.file(rows=len(rows), seed=seed, **settings, **rows.weighing()),
            progress=progress,
        )

    return streamed if model.classifier == "sgd" else in_memory
