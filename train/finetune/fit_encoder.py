"""Fine-tunes an encoder with transformers' Trainer: seeded, resumable, chosen by macro-F1."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import EarlyStoppingCallback, PrinterCallback, set_seed

from newsstand.encoders.hub import find_encoder
from newsstand.encoders.long_text import LongText
from newsstand.encoders.torch_encoder import Encoder
from newsstand.models.calibration import Calibration
from newsstand.models.hypotheses import TARGET, Hypotheses
from newsstand.models.transformer import Inputs, TransformerModel
from newsstand.progress import ProgressCallback
from newsstand.text.example import Example
from newsstand.train.evaluation.metrics import metrics
from newsstand.train.finetune.checkpoints import (
    check_disk_space,
    final_checkpoint,
    last_checkpoint,
    resource_errors,
)
from newsstand.train.finetune.entailment import (
    GroupCollator,
    GroupLoss,
    Groups,
    encoder_classes,
)
from newsstand.train.finetune.lora import Lora, merged, with_adapters
from newsstand.train.finetune.order import CurriculumOrder
from newsstand.train.finetune.processes import disconnect, from_first, processes, rank, take_gpu
from newsstand.train.finetune.row_weights import WeightedLoss, with_weights
from newsstand.train.finetune.trainer import (
    CHOSEN_BY,
    Collator,
    EncoderTrainer,
    LogStep,
    ReportingCallback,
    Schedule,
    TokenRows,
    training_arguments,
)
from newsstand.train.finetune.tuning import (
    Loss,
    Tuning,
    freeze,
    layer_classes,
    plain_attention,
    set_dropout,
)
from newsstand.train.flips import flip_metrics
from newsstand.train.process_state import restored_state
from newsstand.types import Device

# Examples and labels, int64, shape (examples,), of validation rows.
Validation = tuple[Sequence[Example], NDArray[np.int64]]


@restored_state()
def open_classifier(
    name: str,
    *,
    sha256: str | None,
    labels: int | None,
    max_tokens: int,
    long_text: LongText,
    device: Device,
    seed: int,
    lora: Lora | None = None,
) -> Encoder:
    """A pretrained encoder with an untrained classifier, initialised by the seed.

    With `lora`, only adapters and the classifier are trainable. If `labels` is None, the classifier
    is the encoder's own, one for NLI.

    Raises:
        NewsstandError: The encoder is not found or unreadable, or has no classifier for NLI.
    """
    take_gpu(device)
    folder = find_encoder(name, sha256)
    set_seed(seed)
    encoder = Encoder.open(
        folder,
        max_tokens=max_tokens,
        long_text=long_text,
        labels=len(encoder_classes(folder)) if labels is None else labels,
        device=device,
        new_head=labels is not None,
    )
    if lora:
        encoder.network = with_adapters(encoder.network, lora)
    return encoder


def fit_encoder(
    examples: Sequence[Example],
    targets: NDArray[Any],
    *,
    validation: Validation | None,
    encoder: Encoder,
    tuning: Tuning,
    folder: Path,
    seed: int,
    log: LogStep,
    progress: ProgressCallback,
    mark_target: bool = False,
    target_as: str = TARGET,
    hypotheses: Hypotheses | None = None,
    until: float = 1.0,
    weights: NDArray[np.float64] | None = None,
    stages: NDArray[np.int8] | None = None,
    names: Sequence[str] = (),
) -> TransformerModel:
    """Fine-tunes an encoder, from the last intact checkpoint in a folder if there is one.

    Nothing is fitted for 0 epochs. Started by torchrun, each process computes its share of a step's
    rows, and all end with the same weights; process 0 evaluates and writes.

    Args:
        examples: Training examples; each window of an article is a row.
        targets: As in `TrainingTargets`.
        validation: Rows by which the best checkpoint is chosen; None to end with the last step.
        encoder: From `open_classifier`.
        tuning: Settings of fine-tuning.
        folder: The folder of checkpoints, from which an interrupted fit resumes.
        seed: The same seed gives the same weights on the same machine, interrupted or not.
        log: Called with losses and validation metrics.
        progress: Called after each step.
        mark_target: Whether the target is marked where a text names it.
        target_as: As in `TransformerModel`.
        hypotheses: As in `TransformerModel`.
        until: Without validation rows, the share of all steps after which the fit ends.
        weights: float64, shape (examples,): sample weights; None for equal ones.
        stages: Of each example, as in `TrainingTargets`; required with `tuning.curriculum`.
        names: Names of the labels, from which opposite labels follow.

    Raises:
        NewsstandError: Disk or memory is full, or the loss is NaN or infinite.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model = TransformerModel(encoder, mark_target, target_as, hypotheses)
    if not tuning.epochs:
        return model
    if rank() == 0:
        check_disk_space(folder, encoder.network, fsdp=tuning.fsdp)
    data = _training_data(model, examples, targets, weights, stages, tuning)
    fit = _Fit(model, encoder, data, tuning, folder, seed, until)
    fit.run(validation, names, log, progress)
    return model


@dataclass(frozen=True, slots=True)
class _TrainingData:
    """Training rows as the Trainer takes them.

    Args:
        rows: A row for each window of an example, or for each hypothesis of a window.
        labels: Targets of each window, preceded by its weight if rows are weighted.
        lengths: Number of tokens of each window's longest row.
        stages: Stage of each window; None without a curriculum.
        weighted: Whether rows are weighted.
    """

    rows: list[dict[str, Any]]
    labels: NDArray[Any]
    lengths: list[int]
    stages: NDArray[np.int8] | None
    weighted: bool


def _training_data(
    model: TransformerModel,
    examples: Sequence[Example],
    targets: NDArray[Any],
    weights: NDArray[np.float64] | None,
    stages: NDArray[np.int8] | None,
    tuning: Tuning,
) -> _TrainingData:
    """Tokenizes the examples of all stages of the curriculum, or all examples without one."""
    if stages is not None and tuning.curriculum:
        used = np.flatnonzero(stages <= len(tuning.curriculum))
        examples = [examples[row] for row in used.tolist()]
        targets, stages = targets[used], stages[used]
        weights = None if weights is None else weights[used]
    if weights is not None:
        targets = with_weights(targets, weights, model.outputs)
    rows, windows = _rows(model, examples, targets)
    lengths = np.array([len(row["input_ids"]) for row in rows]).reshape(-1, model.passes)
    return _TrainingData(
        rows,
        np.array([row["labels"] for row in rows[:: model.passes]]),
        lengths.max(axis=1).tolist(),
        None if stages is None else np.repeat(stages, windows),
        weights is not None,
    )


def _rows(
    model: TransformerModel, examples: Sequence[Example], targets: NDArray[Any]
) -> tuple[list[dict[str, Any]], list[int]]:
    """Rows as the collator takes them, and the number of windows of each example."""
    inputs = model.inputs(examples)
    tokens = inputs.tokens
    labels = np.repeat(targets, np.array(inputs.windows) * model.passes, axis=0).tolist()
    rows = [{"input_ids": x, "labels": y} for x, y in zip(tokens.ids, labels, strict=True)]
    if tokens.segments is not None:
        typed = zip(rows, tokens.segments, strict=True)
        rows = [{**row, "token_type_ids": x} for row, x in typed]
    return rows, inputs.windows


@dataclass(frozen=True, slots=True)
class _Fit:
    """One fit: model, data and settings, as in `fit_encoder`."""

    model: TransformerModel
    encoder: Encoder
    data: _TrainingData
    tuning: Tuning
    folder: Path
    seed: int
    until: float

    def run(
        self,
        validation: Validation | None,
        names: Sequence[str],
        log: LogStep,
        progress: ProgressCallback,
    ) -> None:
        """Runs the fit; the encoder then has the final weights."""
        encoder, tuning = self.encoder, self.tuning
        network, network_class = encoder.network, type(encoder.network)
        freeze(network, tuning.frozen_layers, words=encoder.long_text == "relevant")
        set_dropout(network, tuning.dropout)
        validate: Callable[[], dict[str, float]] = dict  # not called without evaluations
        evaluates = validation is not None and tuning.evaluations > 0
        if validation and evaluates:
            inputs = self.model.inputs(validation[0])
            validate = partial(_evaluate, self.model, inputs, *validation, names)
        schedule = self.schedule(evaluates=evaluates)
        with restored_state():
            trainer = self.trainer(schedule, validate)
            trainer.add_callback(ReportingCallback(trainer, log, progress))
            trainer.remove_callback(PrinterCallback)
            if tuning.patience and validation:
                trainer.add_callback(EarlyStoppingCallback(tuning.patience))
            self.train(trainer, network, schedule.last_step)
            if tuning.fsdp:
                network = trainer.gathered(network_class)
            disconnect()
            # Removes the Trainer's wrapper for bf16, as scoring is in fp32.
            trainer.accelerator.unwrap_model(network, keep_fp32_wrapper=False)
        encoder.network = merged(network).eval()

    def schedule(self, *, evaluates: bool) -> Schedule:
        """The steps of the fit."""
        tuning, data = self.tuning, self.data
        batches_per_step = tuning.gradient_accumulation * processes()

        def steps(rows: int) -> int:
            return math.ceil(math.ceil(rows / tuning.batch_size) / batches_per_step)

        epoch_steps = steps(min(len(data.labels), tuning.epoch_rows or len(data.labels)))
        epochs, total_steps = tuning.epochs, epoch_steps * tuning.epochs
        if data.stages is not None:
            order = CurriculumOrder(data.lengths, data.stages, tuning, self.seed, processes())
            epochs, total_steps = 1, steps(len(order))
        last_step = None if evaluates else max(1, round(self.until * total_steps))
        return Schedule(epochs, epoch_steps, total_steps, last_step)

    def trainer(
        self, schedule: Schedule, validate: Callable[[], dict[str, float]]
    ) -> EncoderTrainer:
        """The Trainer of the fit."""
        model, data, tuning = self.model, self.data, self.tuning
        network = self.encoder.network
        dataset: Any = TokenRows(data.rows)
        collator: Any = Collator(int(self.encoder.tokenizer.pad_token_id or 0))
        labels = data.labels[:, 1:] if data.weighted else data.labels
        loss: Any = Loss(labels, model.outputs, tuning)
        if data.weighted:
            loss = WeightedLoss(loss)
        if model.hypotheses:
            dataset, collator = Groups(dataset, model.passes), GroupCollator(collator, model.passes)
            loss = GroupLoss(loss, model.hypotheses)
        device, layers = network.device.type, layer_classes(network)
        return EncoderTrainer(
            validate=validate,
            tuning=tuning,
            lengths=data.lengths,
            total_steps=schedule.total_steps,
            stages=data.stages,
            model=network,
            args=training_arguments(tuning, self.folder, self.seed, schedule, device, layers),
            train_dataset=dataset,
            eval_dataset=TokenRows(data.rows[:1]),  # required, but not used by `evaluate`
            data_collator=collator,
            compute_loss_func=loss,
        )

    def train(self, trainer: EncoderTrainer, network: Any, last_step: int | None) -> None:
        """Trains from the last intact checkpoint; a finished fit only loads its final one."""
        if rank():  # other dropout masks in each process
            set_seed(self.seed + rank())
        last = from_first(lambda: last_checkpoint(self.folder))
        final = last and final_checkpoint(last, patience=self.tuning.patience, last_step=last_step)
        if final:
            trainer.load(final)
        else:
            with resource_errors(self.folder), plain_attention(network):
                trainer.train(resume_from_checkpoint=str(last) if last else None)


def _evaluate(
    model: TransformerModel,
    inputs: Inputs,
    examples: Sequence[Example],
    labels: NDArray[np.int64],
    names: Sequence[str],
) -> dict[str, float]:
    """Validation metrics; checkpoints are chosen by the lower of macro-F1 and flip accuracy."""
    scores = model.pooled(inputs)
    probabilities = Calibration("temperature", (1.0,)).apply(scores)
    numbers = [str(number) for number in range(scores.shape[1])]
    all_metrics = metrics(probabilities, labels, numbers)
    chosen = {name: all_metrics[name] for name in ("macro_f1", "accuracy", "log_loss")}
    flips = flip_metrics([x.text for x in examples], labels, scores, names)
    chosen |= {name: flips[name] for name in flips if name == "flip_accuracy"}
    return chosen | {CHOSEN_BY: min(chosen["macro_f1"], chosen.get("flip_accuracy", 1.0))}
