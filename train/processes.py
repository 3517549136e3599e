"""How many processes fit one model, which of them this is, and what they do as one.

`torchrun` starts them and says so in the environment.
"""

import os
from collections.abc import Callable
from typing import Any, TypeVar

from newsstand.errors import NewsstandError

_T = TypeVar("_T")


def processes() -> int:
    """How many processes torchrun has started; 1 without it."""
    return int(os.environ["WORLD_SIZE"]) if "TORCHELASTIC_RUN_ID" in os.environ else 1


def rank() -> int:
    """The number of this process among them, from 0."""
    return int(os.environ["RANK"]) if processes() > 1 else 0


def check_unsharded() -> None:
    """Refuses what would give each process a part of the network only, as scoring needs all of it.

    Raises:
        NewsstandError: The environment asks accelerate for that.
    """
    for kind in ("FSDP", "DEEPSPEED"):
        name = f"ACCELERATE_USE_{kind}"
        if os.environ.get(name, "false").lower() not in ("", "0", "n", "no", "f", "false", "off"):
            raise NewsstandError(
                f"{name}: each process must hold the whole network; start with torchrun, without it"
            )


def from_first(make: Callable[[], _T]) -> _T:
    """What process 0 makes, in every process; for the rest it is a moment to wait.

    Transformers' Trainer must have connected the processes before.
    """
    if processes() == 1:
        return make()
    from torch import distributed

    held: list[Any] = [make() if rank() == 0 else None]
    distributed.broadcast_object_list(held, src=0)
    found: _T = held[0]
    return found


def take_gpu(device: str) -> None:
    """Gives each process of a machine a GPU of its own.

    Args:
        device: What the config says.

    Raises:
        NewsstandError: The machine has fewer GPUs than processes.
    """
    import torch

    if processes() == 1 or device == "cpu" or not torch.cuda.is_available():
        return
    here, gpus = int(os.environ["LOCAL_WORLD_SIZE"]), torch.cuda.device_count()
    if here > gpus:
        raise NewsstandError(
            f"torchrun: {here} processes on a machine with {gpus} GPUs; start it with "
            f"--nproc_per_node {gpus}, or set model.device: cpu"
        )
    torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))


def disconnect() -> None:
    """Ends the connection between the processes, which none needs after fitting."""
    if processes() > 1:
        from torch import distributed

        distributed.destroy_process_group()
