"""How an encoder is fine-tuned: loss, learning rates, and what stays as it is."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

NO_LABEL = -100  # of rows that only fill up a batch; the Trainer does not count them
_LAYER = re.compile(r"\.layers?\.(\d+)\.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """How an encoder is fine-tuned. The config documents each setting."""

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

    With a teacher, a part of the loss is the divergence from its probabilities at a temperature,
    times the square of that (Hinton et al. 2015). A row of several labels weighs what they weigh
    by their shares, and a row without a label counts for the teacher's part alone.

    Args:
        targets: As in `TrainingTargets`, of all training rows, for balanced weights.
        count: How many labels there are.
        tuning: Weights, smoothing, the focal exponent, and the teacher's part.
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
        self.taught, self.temperature = tuning.teacher_weight, tuning.teacher_temperature

    def __call__(self, outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
        """The loss of a batch, summed over its rows and divided by those of the whole step.

        Args:
            outputs: With `logits`, shape (rows, labels).
            labels: As in `TrainingTargets`; `NO_LABEL` for rows that only fill up the batch.
            num_items_in_batch: How many numbers `labels` has in all batches of the step.
        """
        functional = torch.nn.functional
        numbers = labels[:, None] if labels.ndim == 1 else labels  # some for each row
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
        if self.taught:
            flat = torch.log_softmax(logits / self.temperature, dim=1)
            theirs = labels[real][:, self.count :]
            far = functional.kl_div(flat, theirs, reduction="none").sum(dim=1)
            loss = (1 - self.taught) * loss + self.taught * self.temperature**2 * far
        total = numbers.numel() if num_items_in_batch is None else num_items_in_batch
        return loss.sum() / (total / numbers.shape[1])


def parameter_groups(network: Any, tuning: Tuning) -> list[dict[str, Any]]:
    """The network's weights with their learning rates: `layer_decay` times less a layer down.

    Biases and the weights of norms are not decayed.
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
    """Leaves the input embeddings and the lowest layers as they are.

    Args:
        network: The network.
        layers: How many layers; 0 freezes nothing.
        words: Freeze the words' embeddings in any case: what `relevant` reads must not change
            while the network learns.
    """
    for name, weights in network.named_parameters():
        if layers and 0 <= _depth(name, 10_000) <= layers:
            weights.requires_grad_(False)
    if words:
        network.get_input_embeddings().weight.requires_grad_(False)


def set_dropout(network: Any, share: float | None) -> None:
    """Has all dropout layers of a network drop this share; None leaves them as they are."""
    for module in network.modules():
        if share is not None and isinstance(module, torch.nn.Dropout):
            module.p = share


@contextmanager
def plain_attention(network: Any) -> Iterator[None]:
    """Attention by plain matrix products, on a CPU: torch's fused one is slow backward there."""
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
    """The names of the classes that a network's layers have."""
    layers = (
        type(module).__name__
        for name, module in network.named_modules()
        if _LAYER.search(f"{name}.") and name.rpartition(".")[2].isdigit()
    )
    return sorted(set(layers))


def _depth(name: str, top: int) -> int:
    """0 for embeddings, 1 for the lowest layer, and `top` + 1 for what is above all layers."""
    found = _LAYER.search(name)
    if found:
        return int(found[1]) + 1
    return 0 if "embeddings" in name else top + 1
