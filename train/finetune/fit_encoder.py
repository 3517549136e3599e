"""Fine-tunes an encoder with transformers' Trainer: seeded, resumable, judged by macro-F1."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from transformers import EarlyStoppingCallback, PrinterCallback, set_seed

from newsstand.encoders.hub import find_encoder
from newsstand.encoders.libraries import quiet
from newsstand.encoders.long_text import LongText
from newsstand.encoders.torch_encoder import Encoder
from newsstand.models.calibration import Calibration
from newsstand.models.hypotheses import TARGET, Hypotheses
from newsstand.models.transformer import Inputs, TransformerModel
from newsstand.progress import ProgressCallback
from newsstand.text.example import Example
from newsstand.train.evaluate import metrics
from newsstand.train.finetune.checkpoints import (
    check_room,
    ended_with,
    explained,
    last_checkpoint,
)
from newsstand.train.finetune.entailment import GroupCollator, GroupLoss, Groups, own_classes
from newsstand.train.finetune.lora import Lora, merged, with_adapters
from newsstand.train.finetune.order import Staged
from newsstand.train.finetune.processes import disconnect, from_first, processes, rank, take_gpu
from newsstand.train.finetune.row_weights import WeightedLoss, with_weights
from newsstand.train.finetune.trainer import (
    JUDGED_BY,
    Collator,
    EncoderTrainer,
    Log,
    Teller,
    TokenRows,
    arguments,
)
from newsstand.train.finetune.tuning import (
    Loss,
    Tuning,
    freeze,
    layer_classes,
    plain_attention,
    set_dropout,
)
from newsstand.train.flips import flip_figures


def open_classifier(
    name: str,
    *,
    sha256: str | None,
    labels: int | None,
    max_tokens: int,
    long_text: LongText,
    device: Literal["auto", "cpu", "cuda"],
    seed: int,
    lora: Lora | None = None,
) -> Encoder:
    """A pretrained encoder with an untrained classifier on top, whose start the seed decides.

    With `lora`, the network has adapters, and learns nothing else but the classifier. With None for
    `labels`, the classifier is the encoder's own, one for NLI.

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
        labels=len(own_classes(folder)) if labels is None else labels,
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
    validation: tuple[Sequence[Example], NDArray[np.int64]] | None,
    encoder: Encoder,
    tuning: Tuning,
    folder: Path,
    seed: int,
    log: Log,
    progress: ProgressCallback,
    mark_target: bool = False,
    target_as: str = TARGET,
    hypotheses: Hypotheses | None = None,
    until: float = 1.0,
    weights: NDArray[np.float64] | None = None,
    stages: NDArray[np.int8] | None = None,
    names: Sequence[str] = (),
) -> TransformerModel:
    """Fine-tunes, from the last whole checkpoint in a folder if there is one; not for 0 epochs.

    Started by torchrun, each process takes its share of a step's rows, and all end with the same
    weights; process 0 judges and writes.

    Args:
        examples: Training examples; each window of an article is a row of its own.
        targets: As in `TrainingTargets`: labels, or shares of labels and a teacher's
            probabilities.
        validation: Examples and labels that decide which checkpoint is the best; None to end with
            the last step.
        encoder: As `open_classifier` gives it.
        tuning: How to fine-tune.
        folder: Where checkpoints are kept; a run that was cut short goes on from there.
        seed: The same seed gives the same weights on the same machine, interrupted or not.
        log: Hears of losses and of validation figures.
        progress: Hears of each step.
        mark_target: Whether the target is marked where a text names it.
        target_as: As `TransformerModel` has it.
        hypotheses: The same.
        until: Without validation rows, the share of all steps to end after.
        weights: What each example counts in the loss; None: all the same.
        stages: Of each example, as in `TrainingTargets`; needed with `tuning.curriculum`.
        names: Of the labels; by them it is known which are opposite.

    Raises:
        NewsstandError: No room for checkpoints, no memory, or a loss that is no number.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model = TransformerModel(encoder, mark_target, target_as, hypotheses)
    if not tuning.epochs:
        return model
    if rank() == 0:
        check_room(folder, encoder.network, fsdp=tuning.fsdp)
    network = encoder.network
    if stages is not None and tuning.curriculum:  # some may never be shown
        shown_at_all = np.flatnonzero(stages <= len(tuning.curriculum))
        examples = [examples[row] for row in shown_at_all.tolist()]
        targets, stages = targets[shown_at_all], stages[shown_at_all]
        weights = None if weights is None else weights[shown_at_all]
    told = targets if weights is None else with_weights(targets, weights, model.outputs)
    rows, windows = _rows(model, examples, told)
    freeze(network, tuning.frozen_layers, words=encoder.long_text == "relevant")
    set_dropout(network, tuning.dropout)
    batches_a_step = tuning.gradient_accumulation * processes()
    told = np.array([row["labels"] for row in rows[:: model.passes]])
    lengths = np.array([len(row["input_ids"]) for row in rows]).reshape(-1, model.passes)
    shown = min(len(told), tuning.epoch_rows or len(told))  # in an epoch
    steps = math.ceil(math.ceil(shown / tuning.batch_size) / batches_a_step)
    whole = steps * tuning.epochs
    staged = None
    if stages is not None:
        staged = np.repeat(stages, windows)
        order = Staged(lengths.max(axis=1), staged, tuning, seed, processes())
        whole = math.ceil(math.ceil(len(order) / tuning.batch_size) / batches_a_step)
    judged = validation is not None and tuning.evaluations > 0
    last_step = None if judged else max(1, round(until * whole))
    judge: Callable[[], dict[str, float]] = dict  # is not asked where nothing is to be judged
    if judged and validation:
        judge = partial(_judge, model, model.inputs(validation[0]), *validation, names)
    kind = type(network)
    dataset: Any = TokenRows(rows)
    collator: Any = Collator(int(encoder.tokenizer.pad_token_id or 0))
    loss: Any = Loss(told if weights is None else told[:, 1:], model.outputs, tuning)
    if weights is not None:
        loss = WeightedLoss(loss)
    if hypotheses:
        dataset, collator = Groups(dataset, model.passes), GroupCollator(collator, model.passes)
        loss = GroupLoss(loss, hypotheses)
    with quiet():
        trainer = EncoderTrainer(
            judge=judge,
            tuning=tuning,
            lengths=lengths.max(axis=1).tolist(),
            whole=whole,
            stages=staged,
            model=network,
            args=arguments(
                tuning if staged is None else replace(tuning, epochs=1),
                folder,
                seed,
                steps,
                whole,
                network.device.type,
                layer_classes(network),
                last_step=last_step,
            ),
            train_dataset=dataset,
            eval_dataset=TokenRows(rows[:1]),  # must be there; `judge` is what is asked
            data_collator=collator,
            compute_loss_func=loss,
        )
        trainer.add_callback(Teller(trainer, log, progress))
        trainer.remove_callback(PrinterCallback)
        if tuning.patience and validation:
            trainer.add_callback(EarlyStoppingCallback(tuning.patience))
        if rank():  # each process drops out other units
            set_seed(seed + rank())
        last = from_first(lambda: last_checkpoint(folder))
        end = last and ended_with(last, patience=tuning.patience, last_step=last_step)
        if end:
            trainer.load(end)
        else:
            with explained(folder), plain_attention(network):
                trainer.train(resume_from_checkpoint=str(last) if last else None)
        if tuning.fsdp:
            network = trainer.gathered(kind)
        disconnect()
        # The Trainer has left it computing in bf16, where it has learned so; scoring is in fp32.
        trainer.accelerator.unwrap_model(network, keep_fp32_wrapper=False)
    encoder.network = merged(network).eval()
    return model


def _rows(
    model: TransformerModel, examples: Sequence[Example], targets: NDArray[Any]
) -> tuple[list[dict[str, Any]], list[int]]:
    """A row a window, or one for each hypothesis of it, as the collator takes it.

    And how many windows each example has.
    """
    inputs = model.inputs(examples)
    tokens = inputs.tokens
    told = np.repeat(targets, np.array(inputs.windows) * model.passes, axis=0).tolist()
    rows = [{"input_ids": x, "labels": y} for x, y in zip(tokens.ids, told, strict=True)]
    if tokens.segments is not None:
        typed = zip(rows, tokens.segments, strict=True)
        rows = [{**row, "token_type_ids": x} for row, x in typed]
    return rows, inputs.windows


def _judge(
    model: TransformerModel,
    inputs: Inputs,
    examples: Sequence[Example],
    labels: NDArray[np.int64],
    names: Sequence[str],
) -> dict[str, float]:
    """Validation figures; what a checkpoint is judged by is the lower of macro-F1 and flips."""
    scores = model.pooled(inputs)
    probabilities = Calibration("temperature", (1.0,)).apply(scores)
    numbers = [str(number) for number in range(scores.shape[1])]
    every = metrics(probabilities, labels, numbers)
    found = {name: every[name] for name in ("macro_f1", "accuracy", "log_loss")}
    flips = flip_figures([x.text for x in examples], labels, scores, names)
    found |= {name: flips[name] for name in flips if name == "flip_accuracy"}
    return found | {JUDGED_BY: min(found["macro_f1"], found.get("flip_accuracy", 1.0))}
