"""Puts back what fitting a network changes of the whole process."""

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from newsstand.encoders.libraries import libraries

# Set by transformers for deterministic GPU kernels, some of which torch refuses without them.
_VARIABLES = (
    "ASCEND_LAUNCH_BLOCKING",
    "CUBLAS_WORKSPACE_CONFIG",
    "CUDA_LAUNCH_BLOCKING",
    "FLASH_ATTENTION_DETERMINISTIC",
    "HCCL_DETERMINISTIC",
)


@contextmanager
def restored_state() -> Iterator[None]:
    """Restores random states and torch's determinism after a block; also a decorator.

    Networks are initialised, and transformers' Trainer draws rows and dropout, from the global
    generators of `random`, NumPy and torch, which take no generator of the caller's instead.
    """
    torch, _ = libraries()
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - not drawn from
    environment = {name: os.environ.get(name) for name in _VARIABLES}
    cudnn = torch.backends.cudnn
    kernels = cudnn.deterministic, cudnn.benchmark
    strict = torch.are_deterministic_algorithms_enabled()
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002
            torch.use_deterministic_algorithms(strict, warn_only=warns)
            cudnn.deterministic, cudnn.benchmark = kernels
            for name, value in environment.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
