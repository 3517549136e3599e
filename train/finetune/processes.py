"""Fits by several processes: their number, this process's rank, and their communication.

`torchrun` starts the processes and sets environment variables. accelerate's `PartialState` is not
used: it connects the processes, and without GPUs assumes one process by default.
"""

import os
from collections.abc import Callable
from typing import Any, TypeVar

from newsstand.errors import NewsstandError

_T = TypeVar("_T")


def processes() -> int:
    """The number of processes that torchrun has started; 1 without it."""
    return int(os.environ["WORLD_SIZE"]) if "TORCHELASTIC_RUN_ID" in os.environ else 1


def rank() -> int:
    """The rank of this process, from 0."""
    return int(os.environ["RANK"]) if processes() > 1 else 0


def check_sharding(device: str, *, fsdp: bool) -> None:
    """Checks the settings for sharding the network across processes.

    Args:
        device: The config's `model.device`.
        fsdp: The config's `model.fsdp`.

    Raises:
        NewsstandError: FSDP is set with one process or without GPUs, or the environment enables
            sharding by accelerate.
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
    """Broadcasts a value that process 0 computes to all processes.

    Transformers' Trainer must have connected the processes before.

    Args:
        make: Computes the value.
        together: Whether all processes must call `make`, as each has a part of its inputs.
    """
    if processes() == 1:
        return make()
    from torch import distributed

    values: list[Any] = [make() if together or rank() == 0 else None]
    distributed.broadcast_object_list(values, src=0)
    value: _T = values[0]
    return value


def on_gpus(device: str) -> bool:
    """Whether the processes compute on GPUs.

    Args:
        device: The config's `model.device`.
    """
    import torch

    return device != "cpu" and torch.cuda.is_available()


def take_gpu(device: str) -> None:
    """Assigns a GPU to each process of a machine.

    Args:
        device: The config's `model.device`.

    Raises:
        NewsstandError: The machine has fewer GPUs than processes.
    """
    if processes() == 1 or not on_gpus(device):
        return
    import torch

    local, gpus = int(os.environ["LOCAL_WORLD_SIZE"]), torch.cuda.device_count()
    if local > gpus:
        raise NewsstandError(
            f"torchrun: {local} processes on a machine with {gpus} GPUs; start it with "
            f"--nproc_per_node {gpus}, or set model.device: cpu"
        )
    torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))


def disconnect() -> None:
    """Ends the connection between the processes, which is not needed after fitting."""
    if processes() > 1:
        from torch import distributed

        distributed.destroy_process_group()
