"""Low-rank adapters (Hu et al. 2022), by the library peft."""

import warnings
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Lora:
    """The adapters. The config documents each setting."""

    rank: int
    alpha: float
    dropout: float


def with_adapters(network: Any, lora: Lora) -> Any:
    """The network with adapters on all its linear layers but the classifier, which learns whole.

    Args:
        network: Of transformers, for sequence classification.
        lora: The adapters.
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
    """The network, adapters added to its own weights if it has some."""
    return network.merge_and_unload() if hasattr(network, "merge_and_unload") else network
