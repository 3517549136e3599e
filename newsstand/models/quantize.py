"""Compact storage of weights, and of the hash buckets that have weights, in bundles."""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from newsstand.io.tensors import Header

Stored: TypeAlias = Literal["float32", "float16", "int8"]
Tensors: TypeAlias = dict[str, NDArray[Any]]

_STEPS = 127
_NAMES = {"float32": "F32", "float16": "F16", "int8": "I8"}  # of safetensors


def pack(name: str, values: NDArray[np.float32], stored: Stored) -> Tensors:
    """Quantizes weights for storage.

    int8 stores the square root of the ratio of a weight to the largest one in its column, in 127
    steps for each sign: most weights are far smaller than the largest, and linear steps would round
    them to 0.

    Args:
        name: The tensor's name.
        values: float32, shape (rows, columns) or (rows,).
        stored: The number format.

    Raises:
        ValueError: A weight is too large for float16.

    >>> packed = pack("w", np.array([1.0, -0.25, 0.0], dtype=np.float32), "int8")
    >>> packed["w"].tolist(), unpack("w", packed).round(2).tolist()
    ([127, -64, 0], [1.0, -0.25, 0.0])
    """
    if stored == "int8":
        largest = np.abs(values).max(axis=0, initial=0.0).astype(np.float32)
        share = np.abs(values) / np.where(largest, largest, 1)
        steps = np.sign(values) * np.rint(_STEPS * np.sqrt(share))
        return {name: steps.astype(np.int8), f"{name}.largest": np.atleast_1d(largest)}
    if stored == "float16" and np.abs(values).max(initial=0.0) > np.finfo(np.float16).max:
        raise ValueError(f"{name}: too large for float16")
    return {name: values.astype(stored)}


def packed(name: str, shape: tuple[int, ...], stored: Stored) -> Header:
    """The header of the tensors that `pack` creates for weights of a shape."""
    header: Header = {name: (_NAMES[stored], shape)}
    return header | ({f"{name}.largest": ("F32", shape[1:])} if stored == "int8" else {})


def unpack(name: str, tensors: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
    """The inverse of `pack`, up to rounding.

    Raises:
        KeyError: The tensor is missing.
    """
    values = tensors[name]
    if values.dtype == np.int8:
        share = values.astype(np.float32) / np.float32(_STEPS)
        return np.asarray(share * np.abs(share) * tensors[f"{name}.largest"], dtype=np.float32)
    return values.astype(np.float32)


def pack_buckets(name: str, buckets: NDArray[np.int32], bits: int) -> Tensors:
    """Ascending buckets below 2**bits as numbers, or as a bit mask if that is smaller."""
    if packed_buckets_size(len(buckets), bits) == buckets.nbytes:
        return {name: buckets}
    held = np.zeros(1 << bits, dtype=bool)
    held[buckets] = True
    return {f"{name}.held": np.packbits(held)}


def packed_buckets_size(buckets: int, bits: int) -> int:
    """Number of bytes that `pack_buckets` needs for a number of buckets."""
    return min(4 * buckets, (1 << bits) // 8)


def packed_buckets(name: str, buckets: int, bits: int, header: Header) -> Header:
    """The header of the tensor that `pack_buckets` creates, given the header of a file."""
    if name in header:
        return {name: ("I32", (buckets,))}
    return {f"{name}.held": ("U8", ((1 << bits) // 8,))}


def unpack_buckets(name: str, tensors: Mapping[str, NDArray[Any]]) -> NDArray[np.int32]:
    """The inverse of `pack_buckets`.

    Raises:
        KeyError: The tensor is missing.
    """
    if name in tensors:
        return tensors[name]
    return np.flatnonzero(np.unpackbits(tensors[f"{name}.held"])).astype(np.int32)
