"""Settings of fine-tuning: loss, learning rates, and frozen weights."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

NO_LABEL = -100  # of padding rows; the Trainer does not count them
_LAYER = re.compile(r"\.layers?\.(\d+)\.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """Settings of fine-tuning.

    Args:
        epochs: Passes over the training rows.
        curriculum: Number of epochs of each stage, in place of `epochs`; None without stages.
        epoch_rows: Maximum number of rows of an epoch; None for all.
        batch_size: Rows per batch.
        gradient_accumulation: Batches per step.
        learning_rate: The maximum learning rate.
        warmup: Share of the steps in which the learning rate rises.
        weight_decay: Of AdamW.
        layer_decay: Ratio of a layer's learning rate to that of the layer above.
        frozen_layers: Number of lowest layers that stay frozen, with the embeddings.
        dropout: Dropout rate; None for the encoder's own.
        class_weight: `balanced` or None.
        focal_gamma: Exponent of the focal loss; 0 for cross-entropy.
        label_smoothing: Share of the targets that is spread over all labels.
        evaluations: Evaluations on validation rows per epoch; 0 ends with the last step.
        patience: Evaluations without improvement that end the fit; 0 for never.
        precision: `fp32`, `bf16`, or `auto` for bf16 where the device is fast with it.
        fsdp: Whether the network is sharded across processes.
        teacher_weight: Share of the loss that is the divergence from a teacher.
        teacher_temperature: Temperature of that divergence.
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

    With a teacher, a share of the loss is the divergence from its probabilities at a temperature,
    times the square of the temperature (Hinton et al. 2015). The label weight of a row with several
    labels is their mean by shares; a row without a label has only the teacher's part.

    Args:
        targets: Of all training rows, as in `TrainingTargets`, for balanced weights.
        count: Number of labels.
        tuning: Settings of fine-tuning.
    """

    def __init__(self, targets: NDArray[Any], count: int, tuning: Tuning) -> None:
        self.count = count
        self.weights = torch.ones(count)
        if tuning.class_weight == "balanced":
            shares = np.eye(count)[targets] if targets.ndim == 1 else targets[:, :count]
            counts = shares.sum(axis=0)
            balanced = counts.sum() / (count * np.where(counts, counts, 1))
            self.weights = torch.tensor(balanced, dtype=torch.float32)
        self.smoothing = tuning.label_smoothing
        self.gamma = tuning.focal_gamma
        self.teacher_weight, self.temperature = tuning.teacher_weight, tuning.teacher_temperature

    def __call__(self, outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
        """The loss of a batch: a sum over its rows, divided by the number of rows of the step.

        Args:
            outputs: With `logits`, shape (rows, labels).
            labels: As in `TrainingTargets`; `NO_LABEL` for padding rows.
            num_items_in_batch: Size of `labels` in all batches of the step.
        """
        functional = torch.nn.functional
        numbers = labels[:, None] if labels.ndim == 1 else labels
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
            probability = (torch.softmax(logits, dim=1) * shares).sum(dim=1)
            loss = loss * (1 - probability) ** self.gamma
        loss = loss * (shares * self.weights.to(loss.device)).sum(dim=1)
        if self.teacher_weight:
            student = torch.log_softmax(logits / self.temperature, dim=1)
            teacher = labels[real][:, self.count :]
            divergence = functional.kl_div(student, teacher, reduction="none").sum(dim=1)
            weight = self.teacher_weight
            loss = (1 - weight) * loss + weight * self.temperature**2 * divergence
        total = numbers.numel() if num_items_in_batch is None else num_items_in_batch
        return loss.sum() / (total / numbers.shape[1])


def parameter_groups(network: Any, tuning: Tuning) -> list[dict[str, Any]]:
    """Parameter groups of the optimizer: a learning rate for each layer, with `layer_decay`.

    Biases and the weights of norms have no weight decay.
    """
    layers = [
        int(match[1]) for name, _ in network.named_parameters() if (match := _LAYER.search(name))
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
    """Freezes the input embeddings and the lowest layers.

    Args:
        network: The network.
        layers: Number of layers; 0 for none.
        words: Whether to freeze the word embeddings in any case, so that the excerpts of `relevant`
            do not change during the fit.
    """
    for name, weights in network.named_parameters():
        if layers and 0 <= _depth(name, 10_000) <= layers:
            weights.requires_grad_(False)
    if words:
        network.get_input_embeddings().weight.requires_grad_(False)


def set_dropout(network: Any, share: float | None) -> None:
    """Sets the rate of all dropout layers of a network; None leaves them unchanged."""
    for module in network.modules():
        if share is not None and isinstance(module, torch.nn.Dropout):
            module.p = share


@contextmanager
def plain_attention(network: Any) -> Iterator[None]:
    """Uses attention by plain matrix products on a CPU, where torch's fused gradient is slow."""
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
    """0 for embeddings, 1 for the lowest layer, and `top` + 1 for weights above all layers."""
    match = _LAYER.search(name)
    if match:
        return int(match[1]) + 1
    return 0 if "embeddings" in name else top + 1
