"""Transformers' Trainer with our order of rows, learning rates, and way of judging."""

import math
import time
from collections.abc import Callable, Sequence
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
from newsstand.train.finetune.order import LengthGrouped, Staged
from newsstand.train.finetune.processes import from_first, processes, rank
from newsstand.train.finetune.tuning import NO_LABEL, Tuning, parameter_groups

# Called with what the last steps gave, losses or validation figures by name, and the step.
Log = Callable[[dict[str, float], int], None]

JUDGED_BY = "judged_by"  # the figure that the best checkpoint has the highest of

_LONGEST_WAIT = 6 * 3600  # seconds that processes wait for one another: while one judges
_KEPT = 5  # checkpoints an epoch, where nothing is judged


class EncoderTrainer(Trainer):  # type: ignore[misc]
    """The Trainer with our order of rows, learning rates, and way of judging.

    Args:
        judge: Gives figures of validation rows.
        tuning: How to fine-tune.
        lengths: Tokens of each row.
        whole: Steps of all epochs.
        stages: Of each row, as in `TrainingTargets`; None: there are none.
        usual: What the Trainer takes.
    """

    def __init__(
        self,
        *,
        judge: Callable[[], dict[str, float]],
        tuning: Tuning,
        lengths: Sequence[int],
        whole: int,
        stages: NDArray[np.int8] | None = None,
        **usual: Any,
    ) -> None:
        super().__init__(**usual)
        self._judge = judge
        self._tuning = tuning
        self._lengths = lengths
        self._whole = whole
        self._stages = stages
        self.tokens_seen = 0

    def _get_train_sampler(self, _rows: Any = None) -> Any:
        tuning, seed = self._tuning, self.args.seed
        if self._stages is not None:
            return Staged(self._lengths, self._stages, tuning, seed, processes())
        size, most = tuning.batch_size, tuning.epoch_rows
        return LengthGrouped(self._lengths, size, seed, processes(), most)

    def create_optimizer(self, model: Any = None) -> Any:
        """AdamW, with a learning rate for each layer."""
        if self.optimizer is None:  # type: ignore[has-type]
            groups = parameter_groups(model or self.model, self._tuning)
            self.optimizer = torch.optim.AdamW(groups, lr=self._tuning.learning_rate, fused=True)
        return self.optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """The learning rate's way through all epochs, though the fit may end before."""
        return super().create_scheduler(max(self._whole, num_training_steps), optimizer)

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
        """One batch, as the Trainer does it.

        Raises:
            NewsstandError: The loss is no number.
        """
        self.tokens_seen += int(inputs["attention_mask"].sum())
        loss = super().training_step(model, inputs, num_items_in_batch)
        # All processes must stop before any of them has written the spoiled weights.
        if not torch.isfinite(self.accelerator.reduce(loss)):
            raise NewsstandError(
                f"training: the loss at step {self.state.global_step + 1} is no number; lower "
                "model.learning_rate, or set model.precision: fp32"
            )
        return loss

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Validation figures, from `judge` instead of the Trainer's own loop."""
        self.model.eval()
        figures = from_first(self._judge, together=self._tuning.fsdp)
        found = {f"eval_{name}": value for name, value in figures.items()}
        self.log({name: value for name, value in found.items() if name != f"eval_{JUDGED_BY}"})
        handler = self.callback_handler
        self.control = handler.on_evaluate(self.args, self.state, self.control, found)  # type: ignore[has-type]
        return found

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        if self.args.should_save:
            seal_checkpoint(Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}")

    def gathered(self, kind: type) -> Any:
        """A new network with the weights that each process has a share of.

        Only process 0 gets them; in the others they stay as they began.

        Args:
            kind: The network's class before it was shared out, which changes it.
        """
        weights = self.accelerator.get_state_dict(self.model)
        network = kind(self.model.config)
        if rank() == 0:
            network.load_state_dict(weights)
        return network.to(self.args.device)

    def load(self, checkpoint: Path) -> None:
        """Puts a checkpoint's weights into the network."""
        self._load_from_checkpoint(str(checkpoint))


class Teller(TrainerCallback):  # type: ignore[misc]
    """Passes on progress and figures."""

    def __init__(self, trainer: EncoderTrainer, log: Log, progress: ProgressCallback) -> None:
        self._trainer = trainer
        self._log = log
        self._progress = progress
        self._loss = math.nan
        self._started = 0.0

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """The clock of tokens a second starts."""
        self._started = time.perf_counter()

    def on_step_end(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
        """A step is done."""
        seen = self._trainer.tokens_seen * processes()  # the others have seen about as many
        speed = seen / (time.perf_counter() - self._started)
        said = f"loss {self._loss:.3f}, {speed:,.0f} tokens/s, step"
        self._progress(said, state.global_step, state.max_steps)

    def on_log(self, _args: Any, state: Any, _control: Any, logs: Any = None, **_: Any) -> None:
        """There are figures: of the last steps, or of validation rows."""
        figures = {
            name.removeprefix("eval_"): float(value)
            for name, value in logs.items()
            if name in ("loss", "learning_rate", "grad_norm") or name.startswith("eval_")
        }
        self._loss = figures.get("loss", self._loss)
        if figures:
            self._log(figures, state.global_step)


class TokenRows(torch.utils.data.Dataset):  # type: ignore[misc]
    """The token numbers of rows in memory, as torch wants them.

    The one after the last is a row of one token that has no label: `Loss` leaves it out.
    """

    def __init__(self, rows: Sequence[dict[str, Any]]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, number: int) -> dict[str, Any]:
        if number < len(self._rows):
            return self._rows[number]
        names, told = self._rows[0].keys() - {"labels"}, self._rows[0]["labels"]
        nothing = [NO_LABEL] * len(told) if isinstance(told, list) else NO_LABEL
        return {name: self._rows[0][name][:1] for name in names} | {"labels": nothing}


class Collator:
    """Pads a batch to its longest row, as DataCollatorWithPadding does, but faster."""

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


def arguments(
    tuning: Tuning,
    folder: Path,
    seed: int,
    steps: int,
    whole: int,
    device: str,
    layers: Sequence[str],
    *,
    last_step: int | None = None,
) -> TrainingArguments:
    """What the Trainer takes.

    Args:
        tuning: How to fine-tune.
        folder: Where checkpoints go.
        seed: Of rows and dropout.
        steps: Steps of an epoch.
        whole: Of all of them.
        device: `cpu` or `cuda`.
        layers: The classes of the network's layers, which FSDP shares out one by one. What
            transformers takes by itself has BERT's embeddings in it, which accelerate 1.15 then
            shares out twice, and fails.
        last_step: Where to end, with no validation rows to judge by; without it, the fit goes
            through all epochs, and ends with the best checkpoint.
    """
    judged = last_step is None
    times = tuning.evaluations or _KEPT
    every = max(1, whole // max(1, round(whole * times / steps)))
    return TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=tuning.epochs,
        max_steps=-1 if last_step is None else last_step,
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
        eval_strategy="steps" if judged else "no",
        eval_steps=every,
        save_strategy="steps",
        save_steps=every,
        save_total_limit=2,
        load_best_model_at_end=judged,
        metric_for_best_model=JUDGED_BY,
        greater_is_better=True,
        restore_callback_states_from_checkpoint=True,
        logging_steps=10,
        logging_nan_inf_filter=False,
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=device != "cpu",
        remove_unused_columns=False,
        label_names=["labels"],
        ddp_timeout=_LONGEST_WAIT,
    )
