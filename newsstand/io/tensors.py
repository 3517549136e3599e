"""Weights from a file: what it claims to hold is compared with what it must, before any is read."""

import os
from collections.abc import Callable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from newsstand.errors import BundleError, first_line

# Of each tensor by its name, the kind of its numbers as safetensors calls it, and its shape.
Header: TypeAlias = dict[str, tuple[str, tuple[int, ...]]]

_MOST_HEADER = 16 << 20  # bytes: of some 100,000 tensors


def read_header(path: Path) -> Header:
    """What a file of safetensors holds; its size is what that takes.

    Raises:
        OSError, SafetensorError, ValueError: It is none.
    """
    with path.open("rb") as stream:
        size = int.from_bytes(stream.read(8), "little")
    if size > min(_MOST_HEADER, os.path.getsize(path)):
        raise ValueError(f"a header of {size:,} bytes")
    with safe_open(path, framework="numpy") as file:
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        return {name: (x.get_dtype(), tuple(x.get_shape())) for name, x in slices.items()}


def read_tensors(path: Path, expected: Callable[[Header], Header]) -> dict[str, NDArray[Any]]:
    """The tensors of a model's file.

    Args:
        path: The file.
        expected: From what the file holds to what it must hold, where a size that nothing else
            tells is taken from the file.

    Raises:
        BundleError: The file cannot be read, holds something else, or numbers that are not finite.
    """
    try:
        header = read_header(path)
        wanted = expected(header)
        for name in chain(wanted, header):
            if header.get(name) != wanted.get(name):
                raise ValueError(
                    f"'{name:.60}': expected {_shown(wanted.get(name))}, "
                    f"got {_shown(header.get(name))}"
                )
        with safe_open(path, framework="numpy") as file:
            tensors = {name: file.get_tensor(name) for name in wanted}
        check_finite(tensors)
    except (OSError, SafetensorError, LookupError, ValueError) as error:
        raise BundleError(f"{path}: not weights of this model ({first_line(error)})") from None
    return tensors


def check_finite(tensors: Mapping[str, NDArray[Any]]) -> None:
    """Refuses weights that are infinite or no numbers.

    Raises:
        ValueError: Some are.
    """
    for name, values in tensors.items():
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise ValueError(f"'{name}' holds numbers that are not finite")


def check_buckets(name: str, buckets: NDArray[np.int32], bits: int) -> None:
    """Refuses buckets of hashed n-grams that are not ascending numbers below 2**bits.

    Raises:
        ValueError: They are not.
    """
    inside = not len(buckets) or (buckets[0] >= 0 and buckets[-1] < 1 << bits)
    if not inside or not (np.diff(buckets) > 0).all():
        raise ValueError(f"'{name}': expected ascending numbers from 0 to {(1 << bits) - 1}")


def _shown(entry: tuple[str, tuple[int, ...]] | None) -> str:
    return "none" if entry is None else f"{entry[0]} of shape {list(entry[1])}"
