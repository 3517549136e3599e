"""Reads weights from a safetensors file, after comparing its header with the expected one."""

import os
from collections.abc import Callable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from newsstand.errors import BundleError, first_line

# By tensor name: the dtype, as safetensors names it, and the shape.
Header: TypeAlias = dict[str, tuple[str, tuple[int, ...]]]

_MOST_HEADER = 16 << 20  # bytes; enough for some 100,000 tensors


def read_header(path: Path) -> Header:
    """The header of a safetensors file.

    Raises:
        OSError, SafetensorError, ValueError: The file is not readable as safetensors.
    """
    with path.open("rb") as stream:
        size = int.from_bytes(stream.read(8), "little")
    if size > min(_MOST_HEADER, os.path.getsize(path)):
        raise ValueError(f"a header of {size:,} bytes")
    with safe_open(path, framework="numpy") as file:
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        return {name: (x.get_dtype(), tuple(x.get_shape())) for name, x in slices.items()}


def read_tensors(
    path: Path, expected: Callable[[Header], Header], what: str = "weights of this model"
) -> dict[str, NDArray[Any]]:
    """The tensors of a model's file.

    Args:
        path: The file.
        expected: Returns the expected header, given that of the file, from which it takes sizes
            that are not known otherwise.
        what: What the file should hold, for messages.

    Raises:
        BundleError: The file is unreadable, has other tensors, or numbers that are not finite.
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
        raise BundleError(f"{path}: not {what} ({first_line(error)})") from None
    return tensors


def check_finite(tensors: Mapping[str, NDArray[Any]]) -> None:
    """Checks that weights are finite.

    Raises:
        ValueError: Some are infinite or NaN.
    """
    for name, values in tensors.items():
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise ValueError(f"'{name}' holds numbers that are not finite")


def check_buckets(name: str, buckets: NDArray[np.int32], bits: int) -> None:
    """Checks that buckets of hashed n-grams are ascending numbers below 2**bits.

    Raises:
        ValueError: They are not.
    """
    inside = not len(buckets) or (buckets[0] >= 0 and buckets[-1] < 1 << bits)
    if not inside or not (np.diff(buckets) > 0).all():
        raise ValueError(f"'{name}': expected ascending numbers from 0 to {(1 << bits) - 1}")


def _shown(entry: tuple[str, tuple[int, ...]] | None) -> str:
    return "none" if entry is None else f"{entry[0]} of shape {list(entry[1])}"
