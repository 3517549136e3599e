"""The trainer of the transformer family: fine-tunes an encoder with a classifier."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

from newsstand.config.schema import Config, flatten
from newsstand.config.transformer import TransformerConfig
from newsstand.encoders.hub import find_encoder
from newsstand.encoders.long_text import LongText
from newsstand.encoders.torch_encoder import Encoder
from newsstand.errors import NewsstandError
from newsstand.io.bundle_uri import MLFLOW, located
from newsstand.models.base import Model
from newsstand.models.hypotheses import Hypotheses, nli_classes
from newsstand.models.transformer import TransformerModel
from newsstand.train.dataset import LabelledRows
from newsstand.train.families.base import ExportCost, FittedModel, RunContext
from newsstand.train.families.export_onnx import OnnxExport, export_encoder
from newsstand.train.finetune.checkpoints import (
    RUNS,
    best_share,
    check_settings,
    save_settings,
)
from newsstand.train.finetune.entailment import encoder_classes, hypotheses_of
from newsstand.train.finetune.processes import check_sharding, processes
from newsstand.train.finetune.seeds import fit_seeds
from newsstand.train.finetune.training_targets import Teacher, TrainingTargets
from newsstand.types import Device

if TYPE_CHECKING:
    from newsstand.train.finetune.lora import Lora
    from newsstand.train.finetune.tuning import Tuning

# Called with metrics and their step.
LogStep = Callable[[dict[str, float], int], None]


@dataclass(slots=True, kw_only=True)
class TransformerTrainer:
    """Fine-tunes encoders.

    Args:
        encoder: A folder, or a name on the hub.
        encoder_sha256: Expected SHA-256 of the weights; None for any.
        max_tokens: Maximum number of tokens of an input.
        long_text: How longer articles are read.
        device: The device of the encoder.
        tuning: Settings of fine-tuning.
        lora: Low-rank adapters, or None.
        hypotheses: Hypotheses of an NLI network, by label; None for a classifier of labels.
        target_as: The wording of a target.
        mark_target: Whether the target is marked in the text.
        soft_labels: Whether annotators' votes are training targets, by their shares.
        teacher: The model to distil from, or None.
        seeds: Number of fits, of which the median one is kept.
        stance: Whether texts have targets.
        export_onnx: Exports the encoder; None for no export.
        hint: Appended to the note if nothing is fitted.
        seed: Seed of the first fit.
        context: The parts of the run that trainers use.
        settings: All settings of the run, by dotted key.
    """

    encoder: str
    encoder_sha256: str | None
    max_tokens: int
    long_text: LongText
    device: Device
    tuning: "Tuning"
    lora: "Lora | None"
    hypotheses: Mapping[str, str] | None
    target_as: str
    mark_target: bool
    soft_labels: bool
    teacher: Teacher | None
    seeds: int
    stance: bool
    export_onnx: OnnxExport[TransformerModel] | None
    hint: str
    seed: int
    context: RunContext
    settings: Mapping[str, Any]

    @classmethod
    def check(cls, config: Config, resume: str | None) -> None:
        """Checks processes, encoder, teacher, and the run to resume."""
        model = cast(TransformerConfig, config.model)
        check_sharding(model.device, fsdp=model.fsdp)
        if processes() > 1 and model.seeds > 1:
            raise NewsstandError(
                "torchrun: several processes can fit only one seed; set model.seeds: 1"
            )
        if processes() > 1 and model.refit:
            raise NewsstandError(
                "torchrun: several processes can fit only once; set model.refit: false"
            )
        if processes() > 1 and not model.epochs:
            raise NewsstandError("torchrun: model.epochs: 0 leaves nothing to fit; use one process")
        folder = find_encoder(model.encoder, model.encoder_sha256)
        if model.hypotheses:
            encoder_classes(folder)
        if model.teacher is not None and not model.teacher.bundle.startswith(MLFLOW):
            with located(model.teacher.bundle):  # a model in MLflow is downloaded only once, later
                pass
        if resume is not None:
            check_settings(RUNS / resume, _fit_settings(flatten(config)))

    @classmethod
    def of(cls, config: Config, context: RunContext) -> Self:
        """Creates the trainer from a config."""
        from newsstand.train.finetune.lora import Lora  # imports torch
        from newsstand.train.finetune.tuning import Tuning

        model = cast(TransformerConfig, config.model)
        stance = config.task == "stance"
        names = [x.name for x in fields(Tuning) if not x.name.startswith("teacher_")]
        tuning = Tuning(**{name: getattr(model, name) for name in names})
        teacher = None
        if model.teacher:
            tuning = replace(
                tuning,
                teacher_weight=model.teacher.weight,
                teacher_temperature=model.teacher.temperature,
            )
            teacher = Teacher(
                **model.teacher.model_dump(exclude={"weight"}),
                task=config.task,
                text=config.text.spec(),
            )
        same = (
            *("encoder", "encoder_sha256", "max_tokens", "long_text", "device", "hypotheses"),
            *("target_as", "mark_target", "soft_labels", "seeds"),
        )
        hint = "; calibration.method: sigmoid would calibrate each label separately"
        export = partial(export_model, compares=stance)
        return cls(
            **{name: getattr(model, name) for name in same},
            tuning=tuning,
            lora=Lora(**model.lora.model_dump()) if model.lora else None,
            teacher=teacher,
            stance=stance,
            export_onnx=OnnxExport.of(config, export, context.scratch),
            hint="" if config.calibration.method == "sigmoid" else hint,
            seed=config.seed,
            context=context,
            settings=flatten(config),
        )

    def fit(self, train_rows: LabelledRows, validation_rows: LabelledRows) -> FittedModel:
        """Fine-tunes with one seed or several, in a tracked run that can be resumed."""
        timer = self.context.timer
        with timer.stage("begin") as note:
            encoder, targets = self.open(train_rows), self.targets(train_rows)
            folder, run_note = self._begin(targets)
            note(run_note)
        if self.seeds > 1:
            result = fit_seeds(self, train_rows, targets, validation_rows, folder)
            with timer.stage("seeds") as note:
                note(str(result))
            return FittedModel(
                model=result.model, metrics=result.metrics, seed=result.seed, share=result.share
            )
        run = self.context.tracked.begin()
        with timer.stage("fit") as note:
            model = self.tune(
                encoder, targets, validation_rows, folder=folder, seed=self.seed, log=run.log_step
            )
            note(self._fit_note())
        return FittedModel(model=model, share=best_share(folder))

    def refit(self, rows: LabelledRows, result: FittedModel) -> Model:
        """Fine-tunes from the start, up to the share of steps at which the first fit was best."""
        run = self.context.tracked.begin()
        seed = self.seed if result.seed is None else result.seed
        return self.tune(
            self.open(rows, seed=seed),
            self.targets(rows),
            None,
            folder=self.context.runs / run.run_id / "again",
            seed=seed,
            log=partial(run.log_step, group="refit"),
            until=result.share,
        )

    def export(
        self, model: Model, validation_rows: LabelledRows
    ) -> tuple[Model, ExportCost | None]:
        """The model with its encoder exported, if requested and within tolerance."""
        if self.export_onnx is None:
            return model, None
        return self.export_onnx(cast(TransformerModel, model), validation_rows)

    def open(self, rows: LabelledRows, seed: int | None = None) -> Encoder:
        """The encoder with an untrained classifier for the rows' labels, or with its own for NLI.

        Args:
            rows: The training rows.
            seed: Of the classifier; the trainer's own if None.

        Raises:
            NewsstandError: The encoder is not found or unreadable, its classifier is not one for
                NLI, or hypotheses do not match the rows' labels or are too long for `max_tokens`.
        """
        from newsstand.train.finetune.fit_encoder import open_classifier  # imports torch

        encoder = open_classifier(
            self.encoder,
            sha256=self.encoder_sha256,
            labels=None if self.hypotheses else int(rows.labels.max()) + 1,
            max_tokens=self.max_tokens,
            long_text=self.long_text,
            device=self.device,
            seed=self.seed if seed is None else seed,
            lora=self.lora,
        )
        self._hypotheses(encoder, rows.names)
        key = "hypotheses" if self.hypotheses else "target_as"
        wordings = [self.target_as] if self.stance else []
        for wording in self.hypotheses.values() if self.hypotheses else wordings:
            if encoder.room_for_target(wording) < 1:
                raise NewsstandError(
                    f"model.{key}: '{wording}' takes more than the half of model.max_tokens "
                    f"({self.max_tokens}) that is read beside a text"
                )
        return encoder

    def targets(self, rows: LabelledRows) -> TrainingTargets:
        """The training targets of rows."""
        return TrainingTargets.of(
            rows,
            soft_labels=self.soft_labels,
            staged=self.tuning.curriculum is not None,
            teacher=self.teacher,
            progress=self.context.progress,
        )

    def tune(
        self,
        encoder: Encoder,
        targets: TrainingTargets,
        validation_rows: LabelledRows | None,
        *,
        folder: Path,
        seed: int,
        log: LogStep,
        until: float = 1.0,
    ) -> TransformerModel:
        """Fine-tunes an encoder.

        Args:
            encoder: From `open`.
            targets: The training targets.
            validation_rows: Rows to choose the best checkpoint by; None to end with the last one.
            folder: The folder of checkpoints.
            seed: Of the order of the rows and of dropout.
            log: Called with losses and validation metrics, and their step.
            until: Without validation rows, the share of all steps after which the fit ends.
        """
        from newsstand.train.finetune.fit_encoder import fit_encoder

        validation = None
        if validation_rows is not None:
            validation = list(validation_rows.examples), validation_rows.labels
        return fit_encoder(
            targets.examples,
            targets.targets,
            validation=validation,
            encoder=encoder,
            tuning=self.tuning,
            folder=folder,
            seed=seed,
            log=log,
            progress=self.context.progress,
            mark_target=self.mark_target,
            target_as=self.target_as,
            hypotheses=self._hypotheses(encoder, targets.labels),
            until=until,
            weights=targets.weights,
            stages=targets.stages,
            names=targets.labels,
        )

    def _begin(self, targets: TrainingTargets) -> tuple[Path, str]:
        """Begins or resumes the tracked run.

        Returns:
            The folder of its checkpoints, and a note.

        Raises:
            NewsstandError: The settings differ from those that the run began with.
        """
        context = self.context
        settings = _fit_settings(self.settings) | {"data": context.digest}
        settings |= {"teacher": targets.teacher, "unlabelled": targets.unlabelled}
        run = context.tracked.begin(context.resume)
        if targets.teacher:
            run.tag("newsstand.teacher", targets.teacher)
        folder = self.context.runs / run.run_id
        if context.resume is None:
            save_settings(folder, settings)
        check_settings(folder, settings)
        if processes() > 1:
            from newsstand.train.finetune.distributed import start_others

            start_others(folder)
        context.checkpoints.add_folder(folder)
        distilled = f"{targets.note}; " if targets.note else ""
        return folder, f"{distilled}run {run.run_id}; resume it with --resume {run.run_id}"

    def _hypotheses(self, encoder: Encoder, labels: Sequence[str]) -> Hypotheses | None:
        """The hypotheses of the labels, in order; None for a classifier of labels."""
        if self.hypotheses is None:
            return None
        classes = nli_classes([str(x) for _, x in sorted(encoder.network.config.id2label.items())])
        assert classes is not None  # noqa: S101 - was opened as a classifier for NLI
        return hypotheses_of(self.hypotheses, labels, classes)

    def _fit_note(self) -> str:
        """A note on which weights the fit ends with."""
        if not self.tuning.epochs:
            return f"nothing is fitted, as model.epochs is 0{self.hint}"
        if not self.tuning.evaluations:
            return "the weights of the last step"
        return "the checkpoint with the best macro-F1 on validation rows"


def export_model(
    model: TransformerModel, folder: Path, *, compares: bool = False
) -> TransformerModel:
    """The model with its encoder exported into a folder.

    With `compares`, its input embeddings are kept, to compare targets with texts.
    """
    assert isinstance(model.encoder, Encoder)  # noqa: S101 - was just fitted
    encoder = export_encoder(model.encoder, folder, gives="scores", compares=compares)
    return replace(model, encoder=encoder)


def _fit_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings on which a fine-tuned model depends, beside the data."""
    return {**settings, "torchrun's processes": processes()}
