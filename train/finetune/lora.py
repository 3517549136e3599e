"""Low-rank adapters (LoRA, Hu et al. 2022), from the library peft."""

import warnings
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Lora:
    """Settings of the adapters.

    Args:
        rank: Rank of the update matrices.
        alpha: Updates are scaled by alpha / rank.
        dropout: Dropout rate of the adapters' inputs, 0 to 1.
    """

    rank: int
    alpha: float
    dropout: float


def with_adapters(network: Any, lora: Lora) -> Any:
    """The network with adapters on all linear layers except the classifier, which is fitted fully.

    Args:
        network: A network of transformers for sequence classification.
        lora: Settings of the adapters.
    """
    from peft import LoraConfig, TaskType, get_peft_model

    settings = LoraConfig(
        task_type=TaskType.SEQ_CLS,
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules="all-linear",
    )
    with warnings.catch_warnings(action="ignore", category=FutureWarning):  # of names in peft
        return get_peft_model(network, settings)


def merged(network: Any) -> Any:
    """The network with adapters, if it has any, merged into its weights."""
    return network.merge_and_unload() if hasattr(network, "merge_and_unload") else network
