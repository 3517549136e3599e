"""Imports torch, transformers and onnxruntime when they are needed, and selects the device."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from newsstand.encoders.hub import NOT_INSTALLED
from newsstand.errors import NewsstandError
from newsstand.types import Device


def libraries() -> tuple[Any, Any]:
    """Imports torch and transformers.

    Raises:
        NewsstandError: They are not installed.
    """
    try:
        import torch
        import transformers
    except ModuleNotFoundError:
        raise NewsstandError(NOT_INSTALLED) from None
    return torch, transformers


def runtime() -> tuple[Any, Any]:
    """Imports onnxruntime and tokenizers.

    Raises:
        NewsstandError: They are not installed.
    """
    try:
        import onnxruntime
        import tokenizers
    except ModuleNotFoundError:
        raise NewsstandError(
            "exported encoders need onnxruntime and tokenizers: pip install 'newsstand[onnx]'"
        ) from None
    return onnxruntime, tokenizers


def torch_sees_a_gpu() -> bool:
    """Whether torch and transformers are installed and torch can use a GPU.

    Importing torch takes a second, so it is imported only where the device file of a GPU exists.
    """
    if not any(Path(name).exists() for name in ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")):
        return False
    if find_spec("torch") is None or find_spec("transformers") is None:
        return False
    torch, _ = libraries()
    return bool(torch.cuda.is_available())


def find_device(device: Device) -> Any:
    """Returns the torch device of that name; `auto` is a GPU if there is one.

    Raises:
        NewsstandError: `cuda` without a GPU that torch can use.
    """
    torch, _ = libraries()
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise NewsstandError(
            "model.device: no GPU that this torch can use; set it to cpu or auto, or install a "
            "torch built for this machine's CUDA"
        )
    return torch.device("cuda" if available and device != "cpu" else "cpu")


def use_bf16(precision: str, device: str) -> bool:
    """Whether to compute in bfloat16: with `bf16`, or with `auto` where it is faster."""
    if precision != "auto":
        return precision == "bf16"
    torch, _ = libraries()
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    # Processors without AVX512-BF16 or AMX only emulate it.
    checks = [
        getattr(torch.cpu, f"_is_{name}_supported", None) for name in ("avx512_bf16", "amx_tile")
    ]
    return any(check() for check in checks if check is not None)
