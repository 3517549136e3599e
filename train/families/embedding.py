"""The trainer of the embedding family: a classifier on an encoder's vectors."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, cast

from newsstand.config.embedding import EmbeddingConfig
from newsstand.config.schema import Config, flatten
from newsstand.data.code_key import code_key
from newsstand.encoders.hub import find_encoder, fingerprint
from newsstand.encoders.long_text import LongText
from newsstand.encoders.torch_encoder import Encoder
from newsstand.models.base import Model
from newsstand.models.embedding import EmbeddingModel
from newsstand.train.dataset import LabelledRows
from newsstand.train.families.base import BaseTrainer, ExportCost, FittedModel, RunContext
from newsstand.train.families.export_onnx import OnnxExport, export_encoder
from newsstand.train.families.vector_cache import RememberedVectors
from newsstand.train.families.vectors_head import fit_embedding, fit_ngrams, open_encoder
from newsstand.train.finetune.training_targets import stages_of
from newsstand.train.process_state import restored_state
from newsstand.types import Device

if TYPE_CHECKING:
    from newsstand.train.finetune.tuning import Tuning


@dataclass(slots=True, kw_only=True)
class EmbeddingTrainer(BaseTrainer):
    """Fits embedding models.

    Args:
        encoder: A folder, or a name on the hub.
        encoder_sha256: Expected SHA-256 of the weights; None for any.
        max_tokens: Maximum number of tokens of an input.
        long_text: How longer articles are read.
        device: The device of the encoder.
        precision: Precision of vectors that are computed in training.
        cross_target: Whether the target is read, too.
        classifier: `svc` or `logistic`, of scikit-learn.
        C: Inverse strength of the L2 penalty.
        class_weight: `balanced` or None.
        ngrams: Arguments of `fit_ngrams`, or None.
        tuning: Settings of fine-tuning; None for a frozen encoder.
        classifier_rate: Ratio of the classifier's learning rate to the encoder's in fine-tuning.
        export_onnx: Exports the encoder; None for no export.
        seed: Random seed.
        context: The parts of the run that trainers use.
        settings: All settings of the run, which are part of a checkpoint's name.
    """

    encoder: str
    encoder_sha256: str | None
    max_tokens: int
    long_text: LongText
    device: Device
    precision: Literal["auto", "fp32", "bf16"]
    cross_target: bool
    classifier: Literal["svc", "logistic"]
    C: float
    class_weight: Literal["balanced"] | None
    ngrams: Mapping[str, Any] | None
    tuning: "Tuning | None"
    classifier_rate: float
    export_onnx: OnnxExport[EmbeddingModel] | None
    seed: int
    context: RunContext
    settings: Mapping[str, Any]
    _exported: EmbeddingModel | None = None

    @classmethod
    def check(cls, config: Config, resume: str | None) -> None:
        """Finds the encoder before any data is read."""
        super(EmbeddingTrainer, cls).check(config, resume)
        model = cast(EmbeddingConfig, config.model)
        find_encoder(model.encoder, model.encoder_sha256)

    @classmethod
    def of(cls, config: Config, context: RunContext) -> Self:
        """Creates the trainer from a config."""
        model = cast(EmbeddingConfig, config.model)
        given = model.model_dump(exclude={"kind", "refit", "fine_tune"})
        tuning, classifier_rate = None, 1.0
        if model.fine_tune:
            from newsstand.train.finetune.tuning import Tuning  # imports torch

            settings = model.fine_tune.model_dump()
            classifier_rate = settings.pop("classifier_rate")
            rows = settings.pop("epoch_texts")
            tuning = Tuning(**settings, epoch_rows=rows, class_weight=model.class_weight)
        return cls(
            **given,
            tuning=tuning,
            classifier_rate=classifier_rate,
            export_onnx=OnnxExport.of(config, export_model, context.scratch),
            seed=config.seed,
            context=context,
            settings=flatten(config),
        )

    def fit(
        self,
        train_rows: LabelledRows,
        validation_rows: LabelledRows,  # noqa: ARG002 - nothing to choose
    ) -> FittedModel:
        """Fits a model to training rows."""
        with self.context.timer.stage("fit") as note:
            model = self._fit(train_rows)
            note(f"{model.summary()}{self.context.checkpoints.note}")
        return FittedModel(model=model)

    def refit(self, rows: LabelledRows, result: FittedModel) -> Model:  # noqa: ARG002 - nothing was chosen
        """Fits a model to other rows."""
        return self._fit(rows)

    def export(
        self, model: Model, validation_rows: LabelledRows
    ) -> tuple[Model, ExportCost | None]:
        """The model with its encoder exported, if requested and within tolerance.

        A frozen encoder is exported and measured once.
        """
        embedding = cast(EmbeddingModel, model)
        if self.export_onnx is None:
            return embedding, None
        if self._exported is not None and self.tuning is None:
            first = self._exported
            return replace(embedding, encoder=first.encoder, vectors=first.vectors), None
        self._exported, cost = self.export_onnx(embedding, validation_rows)
        return self._exported, cost

    @restored_state()
    def _fit(self, rows: LabelledRows) -> EmbeddingModel:
        if self.tuning:
            return self._fine_tuned(rows, self.tuning)
        encoder, vectors = open_encoder(
            self.encoder,
            sha256=self.encoder_sha256,
            max_tokens=self.max_tokens,
            long_text=self.long_text,
            device=self.device,
            precision=self.precision,
            progress=lambda done, total: self.context.progress("encoding", done, total),
        )
        model = fit_embedding(
            list(rows.examples),
            rows.labels,
            encoder=encoder,
            vectors=vectors,
            cross_target=self.cross_target,
            classifier=self.classifier,
            C=self.C,
            class_weight=self.class_weight,
            seed=self.seed,
            weights=rows.weights,
        )
        if self.ngrams is None:
            return model
        ngrams = fit_ngrams(
            list(rows.examples),
            rows.labels,
            **self.ngrams,
            cross_target=self.cross_target,
            class_weight=self.class_weight,
            seed=self.seed,
            weights=rows.weights,
        )
        return replace(model, ngrams=ngrams)

    def _fine_tuned(self, rows: LabelledRows, tuning: "Tuning") -> EmbeddingModel:
        from newsstand.train.finetune.siamese import fine_tune_vectors  # imports torch

        folder = find_encoder(self.encoder, self.encoder_sha256)
        encoder = Encoder.open(
            folder, max_tokens=self.max_tokens, long_text=self.long_text, device=self.device
        )
        key = {
            "model": self.settings,
            "encoder": fingerprint(folder),
            "rows": rows.digest(),
            "code": code_key(fine_tune_vectors.__module__),
        }
        return fine_tune_vectors(
            list(rows.examples),
            rows.labels,
            encoder=encoder,
            cross_target=self.cross_target,
            tuning=tuning,
            classifier_rate=self.classifier_rate,
            seed=self.seed,
            file=self.context.checkpoints.file(**key),
            progress=lambda step, done, total: self.context.progress(
                f"fine-tuning: {step}", done, total
            ),
            weights=rows.weights,
            stages=stages_of(rows),
        )


def export_model(model: EmbeddingModel, folder: Path) -> EmbeddingModel:
    """The model with its encoder exported into a folder."""
    assert isinstance(model.encoder, Encoder)  # noqa: S101 - was just fitted
    # Products of two vectors double the rounding error.
    encoder = export_encoder(model.encoder, folder, gives="states", careful=model.cross_target)
    return replace(model, encoder=encoder, vectors=RememberedVectors(encoder))
