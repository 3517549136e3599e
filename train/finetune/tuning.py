"""Fine-tuning of an encoder: settings, loss, learning rates and frozen weights."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

NO_LABEL = -100  # label of rows that pad a batch; the Trainer does not count them
_LAYER = re.compile(r"\.layers?\.(\d+)\.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """Settings for fine-tuning an encoder.

    Args:
        epochs: Number of passes over the training rows.
        curriculum: In place of `epochs`, the number of epochs of each stage; None for one stage.
        epoch_rows: Maximum number of rows per epoch; None for all.
        batch_size: Rows per batch and process.
        gradient_accumulation: Batches whose gradients are summed for one step.
        learning_rate: Peak learning rate of AdamW; it then falls linearly to 0.
        warmup: Share of the steps in which the learning rate rises to its peak.
        weight_decay: Weight decay of AdamW, except for biases and norm weights.
        layer_decay: Learning rate of a layer as a multiple of that of the layer above it.
        frozen_layers: Number of lowest layers that are frozen, with the embeddings; 0 for none.
        dropout: Dropout rate; None for the encoder's own.
        class_weight: `balanced` weights labels by their inverse frequency.
        focal_gamma: Exponent of the focal loss; 0 for cross-entropy.
        label_smoothing: Share of a label's weight that is spread over all labels.
        evaluations: Evaluations on validation rows per epoch, each with a checkpoint.
        patience: Consecutive evaluations without a better metric before the fit stops; 0 for never.
        precision: Number format of computations; `auto` uses bf16 if the hardware supports it.
        fsdp: Whether processes share the weights (FSDP2).
        teacher_weight: Weight of the teacher in the loss, 0 to 1.
        teacher_temperature: Temperature at which probabilities are compared with the teacher's.
    """

    epochs: int = 3
    curriculum: tuple[int, ...] | None = None
    epoch_rows: int | None = None
    batch_size: int = 32
    gradient_accumulation: int = 1
    learning_rate: float = 5e-5
    warmup: float = 0.1
    weight_decay: float = 0.01
    layer_decay: float = 1.0
    frozen_layers: int = 0
    dropout: float | None = None
    class_weight: Literal["balanced"] | None = None
    focal_gamma: float = 0.0
    label_smoothing: float = 0.0
    evaluations: int = 1
    patience: int = 0
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    fsdp: bool = False
    teacher_weight: float = 0.0
    teacher_temperature: float = 1.0


class Loss:
    """Cross-entropy, label-smoothed, weighted by label, and focal (Lin et al. 2017).

    With a teacher, the loss is mixed with the divergence from the teacher's probabilities at a
    temperature, times the squared temperature (Hinton et al. 2015). The weight of a row with
    several labels is the mean of theirs by share; a row without labels has only the teacher's term.

    Args:
        targets: Targets of all training rows, as in `TrainingTargets`, for balanced weights.
        count: Number of labels.
        tuning: Settings for weights, smoothing, focal exponent and teacher.
    """

    def __init__(self, targets: NDArray[Any], count: int, tuning: Tuning) -> None:
        self.count = count
        self.weights = torch.ones(count)
        if tuning.class_weight == "balanced":
            shares = np.eye(count)[targets] if targets.ndim == 1 else targets[:, :count]
            seen = shares.sum(axis=0)
            balanced = seen.sum() / (count * np.where(seen, seen, 1))
            self.weights = torch.tensor(balanced, dtype=torch.float32)
        self.smoothing = tuning.label_smoothing
        self.gamma = tuning.focal_gamma
        self.teacher_weight, self.temperature = tuning.teacher_weight, tuning.teacher_temperature

    def __call__(self, outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
        """The loss of a batch: the sum over its rows, divided by the rows of the whole step.

        Args:
            outputs: A mapping with `logits`, shape (rows, labels).
            labels: As in `TrainingTargets`; `NO_LABEL` for rows that pad the batch.
            num_items_in_batch: Size of `labels` in all batches of the step.
        """
        functional = torch.nn.functional
        numbers = labels[:, None] if labels.ndim == 1 else labels  # shape (rows, numbers)
        real = numbers[:, 0] != NO_LABEL
        logits = outputs["logits"].float()[real]
        if labels.ndim == 1:
            shares = functional.one_hot(labels[real], self.count).float()
        else:
            shares = labels[real][:, : self.count]
        loss = functional.cross_entropy(
            logits, shares, label_smoothing=self.smoothing, reduction="none"
        )
        if self.gamma:
            right = (torch.softmax(logits, dim=1) * shares).sum(dim=1)
            loss = loss * (1 - right) ** self.gamma
        loss = loss * (shares * self.weights.to(loss.device)).sum(dim=1)
        if self.teacher_weight:
            flat = torch.log_softmax(logits / self.temperature, dim=1)
            theirs = labels[real][:, self.count :]
            far = functional.kl_div(flat, theirs, reduction="none").sum(dim=1)
            loss = (
                1 - self.teacher_weight
            ) * loss + self.teacher_weight * self.temperature**2 * far
        total = numbers.numel() if num_items_in_batch is None else num_items_in_batch
        return loss.sum() / (total / numbers.shape[1])


def parameter_groups(network: Any, tuning: Tuning) -> list[dict[str, Any]]:
    """The parameter groups of the optimizer, with the learning rate and weight decay of each.

    The learning rate is multiplied by `layer_decay` for each layer down. Biases and norm weights
    have no weight decay.
    """
    layers = [
        int(found[1]) for name, _ in network.named_parameters() if (found := _LAYER.search(name))
    ]
    top = max(layers, default=-1) + 1
    groups: dict[tuple[int, bool], list[Any]] = {}
    for name, weights in network.named_parameters():
        if weights.requires_grad:
            decays = weights.ndim > 1 and "norm" not in name.lower()
            groups.setdefault((_depth(name, top), decays), []).append(weights)
    return [
        {
            "params": params,
            "lr": tuning.learning_rate * tuning.layer_decay ** (top + 1 - depth),
            "weight_decay": tuning.weight_decay if decays else 0.0,
        }
        for (depth, decays), params in groups.items()
    ]


def freeze(network: Any, layers: int, *, words: bool) -> None:
    """Freezes the embeddings and the lowest layers.

    Args:
        network: The network.
        layers: Number of layers; 0 freezes nothing.
        words: Freeze the input embeddings even with 0 layers: `relevant` selects text by them, and
            the selection must not change during the fit.
    """
    for name, weights in network.named_parameters():
        if layers and 0 <= _depth(name, 10_000) <= layers:
            weights.requires_grad_(False)
    if words:
        network.get_input_embeddings().weight.requires_grad_(False)


def set_dropout(network: Any, share: float | None) -> None:
    """Sets the rate of all dropout layers of a network; None changes nothing."""
    for module in network.modules():
        if share is not None and isinstance(module, torch.nn.Dropout):
            module.p = share


@contextmanager
def plain_attention(network: Any) -> Iterator[None]:
    """Uses unfused attention on a CPU, where the backward pass of torch's fused one is slow."""
    usual = network.config._attn_implementation
    changes = network.device.type == "cpu" and usual == "sdpa"
    if changes:
        network.set_attn_implementation("eager")
    try:
        yield
    finally:
        if changes:
            network.set_attn_implementation(usual)


def layer_classes(network: Any) -> list[str]:
    """The class names of a network's layers."""
    layers = (
        type(module).__name__
        for name, module in network.named_modules()
        if _LAYER.search(f"{name}.") and name.rpartition(".")[2].isdigit()
    )
    return sorted(set(layers))


def _depth(name: str, top: int) -> int:
    """0 for embeddings, 1 for the lowest layer, `top` + 1 for parameters above all layers."""
    found = _LAYER.search(name)
    if found:
        return int(found[1]) + 1
    return 0 if "embeddings" in name else top + 1
