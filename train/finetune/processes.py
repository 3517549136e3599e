"""How many processes fit one model, which of them this is, and what they do as one.

`torchrun` starts them and says so in the environment. accelerate's `PartialState` cannot be asked
instead: it connects the processes, and without GPUs counts one unless told to use the CPU.
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


def check_sharding(device: str, *, fsdp: bool) -> None:
    """Refuses ways of sharding the network across processes that cannot work.

    Args:
        device: What the config says.
        fsdp: Whether the config asks for it.

    Raises:
        NewsstandError: There is one process, or no GPU, or the environment asks accelerate for it.
    """
    if fsdp and processes() == 1:
        raise NewsstandError(
            "model.fsdp needs at least two processes; start them with torchrun, or set it to false"
        )
    if fsdp and not on_gpus(device):
        raise NewsstandError(
            "model.fsdp needs GPUs; set it to false to keep the whole network in each process"
        )
    for kind in ("FSDP", "DEEPSPEED"):
        name = f"ACCELERATE_USE_{kind}"
        if os.environ.get(name, "false").lower() not in ("", "0", "n", "no", "f", "false", "off"):
            raise NewsstandError(
                f"{name} is not supported: unset it and start with torchrun; model.fsdp: true "
                "shards the network across processes"
            )


def from_first(make: Callable[[], _T], *, together: bool = False) -> _T:
    """What process 0 makes, in every process.

    Transformers' Trainer must have connected the processes before.

    Args:
        make: Makes it.
        together: All must make it, as each has a share of what it takes; else the rest wait.
    """
    if processes() == 1:
        return make()
    from torch import distributed

    held: list[Any] = [make() if together or rank() == 0 else None]
    distributed.broadcast_object_list(held, src=0)
    found: _T = held[0]
    return found


def on_gpus(device: str) -> bool:
    """Whether the processes compute on GPUs.

    Args:
        device: What the config says.
    """
    import torch

    return device != "cpu" and torch.cuda.is_available()


def take_gpu(device: str) -> None:
    """Gives each process of a machine a GPU of its own.

    Args:
        device: What the config says.

    Raises:
        NewsstandError: The machine has fewer GPUs than processes.
    """
    if processes() == 1 or not on_gpus(device):
        return
    import torch

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
