"""Fits the transformer family: an encoder fine-tuned with a classifier, resumable, by seeds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, cast

from newsstand.config.encoders import TransformerConfig
from newsstand.config.schema import Config, flatten
from newsstand.encoders.hub import find_encoder
from newsstand.encoders.long_text import LongText
from newsstand.encoders.torch_encoder import Encoder
from newsstand.errors import NewsstandError
from newsstand.io.bundle_uri import MLFLOW, located
from newsstand.models.base import Model
from newsstand.models.hypotheses import Hypotheses, nli_classes
from newsstand.models.transformer import TransformerModel
from newsstand.train.dataset import Rows
from newsstand.train.families.base import ExportCost, Fitted, RunContext
from newsstand.train.families.export_onnx import OnnxExport, export_encoder
from newsstand.train.finetune.checkpoints import (
    best_share,
    check_settings,
    checkpoint_folder,
    note_settings,
)
from newsstand.train.finetune.entailment import hypotheses_of, own_classes
from newsstand.train.finetune.processes import check_sharding, processes
from newsstand.train.finetune.seeds import fit_seeds
from newsstand.train.finetune.training_targets import Teacher, TrainingTargets

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
        encoder_sha256: What its weights must have; None for any.
        max_tokens: Tokens read at once.
        long_text: What is read of longer articles.
        device: Where the encoder runs.
        tuning: How it is fine-tuned.
        lora: Low-rank adapters, or None.
        hypotheses: What a network for NLI is asked, by label; None for a classifier of labels.
        target_as: How a target is worded.
        mark_target: Whether it is marked in the text.
        soft_labels: Whether votes count by their shares.
        teacher: What to distil from, or None.
        seeds: How many fits, of which the median one is kept.
        stance: Whether texts have targets.
        export_onnx: Exports the encoder; None for no export.
        hint: What to add where nothing is fitted.
        seed: Of the first fit.
        context: What the run lends.
        settings: All settings of the run, by dotted key.
    """

    encoder: str
    encoder_sha256: str | None
    max_tokens: int
    long_text: LongText
    device: Literal["auto", "cpu", "cuda"]
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
        """Refuses what several processes cannot share, and a run that cannot go on."""
        model = cast(TransformerConfig, config.model)
        check_sharding(model.device, fsdp=model.fsdp)
        if processes() > 1 and model.seeds > 1:
            raise NewsstandError(
                "torchrun: processes share the fit of one seed; set model.seeds: 1"
            )
        if processes() > 1 and model.refit:
            raise NewsstandError("torchrun: processes share one fit; set model.refit: false")
        if processes() > 1 and not model.epochs:
            raise NewsstandError("torchrun: model.epochs: 0 leaves nothing to share out")
        folder = find_encoder(model.encoder, model.encoder_sha256)
        if model.hypotheses:
            own_classes(folder)
        if model.teacher is not None and not model.teacher.bundle.startswith(MLFLOW):
            with located(model.teacher.bundle):  # what is in MLflow is not downloaded twice
                pass
        if resume is not None:
            check_settings(checkpoint_folder(resume), _decisive(flatten(config)))

    @classmethod
    def of(cls, config: Config, context: RunContext) -> Self:
        """The trainer that a config asks for."""
        from newsstand.train.finetune.lora import Lora  # imports of seconds, here alone
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
        hint = "; calibration.method: sigmoid would weigh each label by itself"
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

    def fit(self, rows: Rows, validation: Rows) -> Fitted:
        """Fine-tunes with one seed or several, in a tracked run that can go on."""
        stages = self.context.stages
        with stages.stage("begin") as note:
            encoder, targets = self.open(rows), self.targets(rows)
            folder, told = self._begin(targets)
            note(told)
        if self.seeds > 1:
            found = fit_seeds(self, rows, targets, validation, folder)
            with stages.stage("seeds") as note:
                note(str(found))
            return Fitted(
                model=found.model, metrics=found.metrics, seed=found.seed, share=found.share
            )
        run = self.context.tracked.begin(self.settings)
        with stages.stage("fit") as note:
            model = self.tune(
                encoder, targets, validation, folder=folder, seed=self.seed, log=run.log_step
            )
            note(self._fitted())
        return Fitted(model=model, share=best_share(folder))

    def refit(self, rows: Rows, fitted: Fitted) -> Model:
        """Fine-tunes from the start, up to the share of steps at which the kept model was best."""
        run = self.context.tracked.begin(self.settings)
        seed = self.seed if fitted.seed is None else fitted.seed
        return self.tune(
            self.open(rows, seed=seed),
            self.targets(rows),
            None,
            folder=checkpoint_folder(run.run_id) / "again",
            seed=seed,
            log=partial(run.log_step, group="refit"),
            until=fitted.share,
        )

    def export(self, model: Model, validation: Rows) -> tuple[Model, ExportCost | None]:
        """The model with its encoder exported, where asked for and within tolerance."""
        if self.export_onnx is None:
            return model, None
        return self.export_onnx(cast(TransformerModel, model), validation)

    def open(self, rows: Rows, seed: int | None = None) -> Encoder:
        """The encoder with an untrained classifier for the rows' labels, or with its own for NLI.

        Args:
            rows: The training rows.
            seed: Of the classifier; the trainer's own if None.

        Raises:
            NewsstandError: The encoder is not found or unreadable, its classifier is not one for
                NLI, or hypotheses do not fit the rows' labels, or the tokens that are read.
        """
        from newsstand.train.finetune.fit_encoder import (
            open_classifier,  # imports of seconds, here alone
        )

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
        self._asked(encoder, rows.names)
        key = "hypotheses" if self.hypotheses else "target_as"
        wordings = [self.target_as] if self.stance else []
        for wording in self.hypotheses.values() if self.hypotheses else wordings:
            if encoder.room_for_target(wording) < 1:
                raise NewsstandError(
                    f"model.{key}: '{wording}' takes more than the half of model.max_tokens "
                    f"({self.max_tokens}) that is read beside a text"
                )
        return encoder

    def targets(self, rows: Rows) -> TrainingTargets:
        """What is to be learned of some rows."""
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
        validation: Rows | None,
        *,
        folder: Path,
        seed: int,
        log: LogStep,
        until: float = 1.0,
    ) -> TransformerModel:
        """Fine-tunes an encoder.

        Args:
            encoder: As `open` gives it.
            targets: What to learn.
            validation: What to choose the best checkpoint by; None for the last one.
            folder: Where checkpoints are kept.
            seed: Of the order of the rows and of dropout.
            log: Called with losses and validation metrics, and their step.
            until: Without validation rows, the share of all steps to end after.
        """
        from newsstand.train.finetune.fit_encoder import fit_encoder

        held_out = None if validation is None else (list(validation.examples), validation.labels)
        return fit_encoder(
            targets.examples,
            targets.targets,
            validation=held_out,
            encoder=encoder,
            tuning=self.tuning,
            folder=folder,
            seed=seed,
            log=log,
            progress=self.context.progress,
            mark_target=self.mark_target,
            target_as=self.target_as,
            hypotheses=self._asked(encoder, targets.labels),
            until=until,
            weights=targets.weights,
            stages=targets.stages,
            names=targets.labels,
        )

    def _begin(self, targets: TrainingTargets) -> tuple[Path, str]:
        """Begins the tracked run, or goes on with one: the folder of its checkpoints, and a note.

        Raises:
            NewsstandError: Other settings than those that the run was begun with.
        """
        context = self.context
        decisive = _decisive(self.settings) | {"data": context.digest}
        decisive |= {"teacher": targets.teacher, "unlabelled": targets.unlabelled}
        run = context.tracked.begin(self.settings, context.resume)
        if targets.teacher:
            run.tag("newsstand.teacher", targets.teacher)
        folder = checkpoint_folder(run.run_id)
        if context.resume is None:
            note_settings(folder, decisive)
        check_settings(folder, decisive)
        if processes() > 1:
            from newsstand.train.finetune.distributed import call_others

            call_others(folder)
        context.checkpoints.add_folder(folder)
        said = f"{targets.note}; " if targets.note else ""
        return folder, f"{said}run {run.run_id}; to resume it: --resume {run.run_id}"

    def _asked(self, encoder: Encoder, labels: Sequence[str]) -> Hypotheses | None:
        """What the encoder is asked about texts of these labels."""
        if self.hypotheses is None:
            return None
        classes = nli_classes([str(x) for _, x in sorted(encoder.network.config.id2label.items())])
        assert classes is not None  # noqa: S101 - was opened as a classifier for NLI
        return hypotheses_of(self.hypotheses, labels, classes)

    def _fitted(self) -> str:
        """What was fitted, in a few words."""
        if not self.tuning.epochs:
            return f"nothing is fitted, as model.epochs is 0{self.hint}"
        if not self.tuning.evaluations:
            return "the weights of the last step"
        return "the checkpoint with the best macro-F1 on validation rows"


def export_model(
    model: TransformerModel, folder: Path, *, compares: bool = False
) -> TransformerModel:
    """The model with its encoder exported into a folder.

    With `compares`, its input embeddings are kept at hand, to compare targets with texts.
    """
    assert isinstance(model.encoder, Encoder)  # noqa: S101 - was just fitted
    encoder = export_encoder(model.encoder, folder, gives="scores", compares=compares)
    return replace(model, encoder=encoder)


def _decisive(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What decides a fine-tuned model, beside the data."""
    return {**settings, "torchrun's processes": processes()}
