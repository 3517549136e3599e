"""Transformers' Trainer with newsstand's order of rows, learning rates, and evaluation."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import Trainer, TrainerCallback, TrainingArguments

from newsstand.encoders.libraries import use_bf16
from newsstand.errors import NewsstandError
from newsstand.progress import ProgressCallback
from newsstand.train.finetune.checkpoints import seal_checkpoint
from newsstand.train.finetune.order import CurriculumOrder, LengthGrouped
from newsstand.train.finetune.processes import from_first, processes, rank
from newsstand.train.finetune.tuning import NO_LABEL, Tuning, parameter_groups

# Called with metrics, of the last training steps or of validation rows, and the step.
LogStep = Callable[[dict[str, float], int], None]
# Called with a description, the number of steps done, and of all steps.

CHOSEN_BY = "chosen_by"  # the metric by which the best checkpoint is chosen

_TIMEOUT = 6 * 3600  # seconds that processes wait for one another, as during an evaluation
_CHECKPOINTS = 5  # per epoch, without evaluations


@dataclass(frozen=True, slots=True)
class Schedule:
    """The steps of a fit.

    Args:
        epochs: Number of epochs; 1 with a curriculum, whose epochs are one for the Trainer.
        epoch_steps: Steps of an epoch over all rows.
        total_steps: Steps of all epochs.
        last_step: The step at which a fit without evaluations ends; None for a fit with
            evaluations, which ends with its best checkpoint.
    """

    epochs: int
    epoch_steps: int
    total_steps: int
    last_step: int | None

    def interval(self, times: int) -> int:
        """The number of steps between two checkpoints, given their number per epoch."""
        checkpoints = max(1, round(self.total_steps * times / self.epoch_steps))
        return max(1, self.total_steps // checkpoints)


class EncoderTrainer(Trainer):  # type: ignore[misc]
    """The Trainer with newsstand's order of rows, learning rates, and evaluation.

    Args:
        validate: Computes metrics of the validation rows.
        tuning: Settings of fine-tuning.
        lengths: Number of tokens of each row.
        total_steps: Steps of all epochs.
        stages: Of each row, as in `TrainingTargets`, or None.
        arguments: Arguments of the Trainer.
    """

    def __init__(
        self,
        *,
        validate: Callable[[], dict[str, float]],
        tuning: Tuning,
        lengths: Sequence[int],
        total_steps: int,
        stages: NDArray[np.int8] | None = None,
        **arguments: Any,
    ) -> None:
        super().__init__(**arguments)
        self._validate = validate
        self._tuning = tuning
        self._lengths = lengths
        self._total_steps = total_steps
        self._stages = stages
        self.tokens_seen = 0

    def _get_train_sampler(self, _rows: Any = None) -> Any:
        tuning, seed = self._tuning, self.args.seed
        if self._stages is not None:
            return CurriculumOrder(self._lengths, self._stages, tuning, seed, processes())
        size, most = tuning.batch_size, tuning.epoch_rows
        return LengthGrouped(self._lengths, size, seed, processes(), most)

    def create_optimizer(self, model: Any = None) -> Any:
        """Creates AdamW with a learning rate for each layer."""
        if self.optimizer is None:  # type: ignore[has-type]
            groups = parameter_groups(model or self.model, self._tuning)
            self.optimizer = torch.optim.AdamW(groups, lr=self._tuning.learning_rate, fused=True)
        return self.optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """Creates the learning rate schedule over all epochs, although the fit may end earlier."""
        return super().create_scheduler(max(self._total_steps, num_training_steps), optimizer)

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
        """Computes loss and gradients of one batch.

        Raises:
            NewsstandError: The loss is NaN or infinite.
        """
        self.tokens_seen += int(inputs["attention_mask"].sum())
        loss = super().training_step(model, inputs, num_items_in_batch)
        # All processes must stop before any of them saves invalid weights.
        if not torch.isfinite(self.accelerator.reduce(loss)):
            raise NewsstandError(
                f"training: loss is NaN or infinite at step {self.state.global_step + 1}; lower "
                "model.learning_rate, or set model.precision: fp32"
            )
        return loss

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Computes validation metrics by `validate` instead of the Trainer's own loop."""
        self.model.eval()
        values = from_first(self._validate, together=self._tuning.fsdp)
        metrics = {f"eval_{name}": value for name, value in values.items()}
        self.log({name: value for name, value in metrics.items() if name != f"eval_{CHOSEN_BY}"})
        handler = self.callback_handler
        self.control = handler.on_evaluate(self.args, self.state, self.control, metrics)  # type: ignore[has-type]
        return metrics

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        if self.args.should_save:
            seal_checkpoint(Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}")

    def gathered(self, kind: type) -> Any:
        """A new network with the weights gathered from all processes.

        Only process 0 gets them; in the others, the weights are untrained.

        Args:
            kind: The network's class before it was sharded, which changes it.
        """
        weights = self.accelerator.get_state_dict(self.model)
        network = kind(self.model.config)
        if rank() == 0:
            network.load_state_dict(weights)
        return network.to(self.args.device)

    def load(self, checkpoint: Path) -> None:
        """Loads a checkpoint's weights into the network."""
        self._load_from_checkpoint(str(checkpoint))


class ReportingCallback(TrainerCallback):  # type: ignore[misc]
    """Reports progress and metrics.

    Args:
        trainer: The Trainer.
        log: Called with losses and validation metrics.
        progress: Called after each step.
    """

    def __init__(self, trainer: EncoderTrainer, log: LogStep, progress: ProgressCallback) -> None:
        self._trainer = trainer
        self._log = log
        self._progress = progress
        self._loss = math.nan
        self._started = 0.0

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """Starts to measure tokens per second."""
        self._started = time.perf_counter()

    def on_step_end(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
        """Reports a step."""
        tokens = self._trainer.tokens_seen * processes()  # an estimate for the others
        speed = tokens / (time.perf_counter() - self._started)
        description = f"loss {self._loss:.3f}, {speed:,.0f} tokens/s, step"
        self._progress(description, state.global_step, state.max_steps)

    def on_log(self, _args: Any, state: Any, _control: Any, logs: Any = None, **_: Any) -> None:
        """Reports metrics of the last steps or of validation rows."""
        metrics = {
            name.removeprefix("eval_"): float(value)
            for name, value in logs.items()
            if name in ("loss", "learning_rate", "grad_norm") or name.startswith("eval_")
        }
        self._loss = metrics.get("loss", self._loss)
        if metrics:
            self._log(metrics, state.global_step)


class TokenRows(torch.utils.data.Dataset):  # type: ignore[misc]
    """A torch data set of rows in memory.

    The row after the last one is padding, of one token and without a label, which `Loss` ignores.
    """

    def __init__(self, rows: Sequence[dict[str, Any]]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, number: int) -> dict[str, Any]:
        if number < len(self._rows):
            return self._rows[number]
        names, labels = self._rows[0].keys() - {"labels"}, self._rows[0]["labels"]
        no_labels = [NO_LABEL] * len(labels) if isinstance(labels, list) else NO_LABEL
        return {name: self._rows[0][name][:1] for name in names} | {"labels": no_labels}


class Collator:
    """Pads a batch to its longest row, faster than DataCollatorWithPadding."""

    def __init__(self, padding: int) -> None:
        self._padding = padding

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Tensors of shape (rows, longest row), and labels of shape (rows,) or (rows, numbers)."""
        width = max(len(row["input_ids"]) for row in rows)

        def padded(name: str, filler: int) -> Any:
            lines = [row[name] + [filler] * (width - len(row[name])) for row in rows]
            return torch.tensor(lines, dtype=torch.long)

        batch = {"input_ids": padded("input_ids", self._padding)}
        sizes = torch.tensor([len(row["input_ids"]) for row in rows])
        batch["attention_mask"] = (torch.arange(width) < sizes[:, None]).long()
        if "token_type_ids" in rows[0]:
            batch["token_type_ids"] = padded("token_type_ids", 0)
        batch["labels"] = torch.tensor([row["labels"] for row in rows])
        return batch


def training_arguments(
    tuning: Tuning,
    folder: Path,
    seed: int,
    schedule: Schedule,
    device: str,
    layers: Sequence[str],
) -> TrainingArguments:
    """The arguments of the Trainer.

    Args:
        tuning: Settings of fine-tuning.
        folder: The folder of checkpoints.
        seed: Of the order of rows and of dropout.
        schedule: The steps of the fit.
        device: `cpu` or `cuda`.
        layers: Class names of the network's layers, which FSDP shards one by one. Transformers'
            default includes BERT's embeddings, which accelerate 1.15 then shards twice, and fails.
    """
    return TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=schedule.epochs,
        max_steps=-1 if schedule.last_step is None else schedule.last_step,
        per_device_train_batch_size=tuning.batch_size,
        gradient_accumulation_steps=tuning.gradient_accumulation,
        learning_rate=tuning.learning_rate,
        warmup_steps=tuning.warmup,
        weight_decay=tuning.weight_decay,
        bf16=use_bf16(tuning.precision, device),
        fsdp=True if tuning.fsdp else None,
        fsdp_config={"transformer_layer_cls_to_wrap": list(layers)}
        if tuning.fsdp and layers
        else None,
        use_cpu=device == "cpu",
        seed=seed,
        full_determinism=device != "cpu",
        **_checkpoint_arguments(schedule, tuning.evaluations),
        logging_steps=10,
        logging_nan_inf_filter=False,
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=device != "cpu",
        remove_unused_columns=False,
        label_names=["labels"],
        ddp_timeout=_TIMEOUT,
    )


def _checkpoint_arguments(schedule: Schedule, evaluations: int) -> dict[str, Any]:
    """Arguments of the Trainer for evaluations and checkpoints."""
    evaluates = schedule.last_step is None
    interval = schedule.interval(evaluations or _CHECKPOINTS)
    return {
        "eval_strategy": "steps" if evaluates else "no",
        "eval_steps": interval,
        "save_strategy": "steps",
        "save_steps": interval,
        "save_total_limit": 2,
        "load_best_model_at_end": evaluates,
        "metric_for_best_model": CHOSEN_BY,
        "greater_is_better": True,
        "restore_callback_states_from_checkpoint": True,
    }
