"""Caches of an encoder's vectors, on disk or in memory, so that no text is encoded twice."""

import hashlib
import io
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from newsstand.data.sealed import discard, file_digest
from newsstand.encoders.onnx_encoder import ExportedEncoder
from newsstand.encoders.torch_encoder import Encoder
from newsstand.errors import NewsstandError
from newsstand.io.files import replacing
from newsstand.types import Float32s

# Called with the number of texts encoded so far, and of all texts to encode.
Progress = Callable[[int, int], None]

_CHUNK = 512  # texts between two writes
_INSTEAD = "its texts are encoded again"


class CachedVectors:
    """Float32s of an encoder with a cache on disk.

    Files are checked; a damaged one is removed, and its texts are encoded again. A cached vector
    may differ from a newly computed one by rounding, below 1e-6.

    Args:
        encoder: Computes vectors.
        folder: The cache of this encoder with these settings, and of no other.
        progress: Called while vectors are computed.
        half: As in `Encoder.vectors`.
    """

    def __init__(
        self,
        encoder: Encoder,
        folder: Path,
        progress: Progress | None = None,
        *,
        half: bool = False,
    ) -> None:
        self._encoder = encoder
        self._compute = partial(encoder.vectors, half=True) if half else encoder.vectors
        self._folder = folder
        self._progress = progress
        # The file and row of each key's vector.
        self._places: dict[bytes, tuple[NDArray[Any], int]] = {}
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in sorted(folder.glob("*.npy")):
            self._index(path)

    def __call__(self, texts: Sequence[str]) -> Float32s:
        """Float32s, float32, shape (texts, width), in the order of the texts."""
        keys = [_key(text) for text in texts]
        new = {k: text for k, text in zip(keys, texts, strict=True) if k not in self._places}
        # Sorted by length, for less padding.
        order = sorted(new, key=lambda key: len(new[key]))
        for start in range(0, len(order), _CHUNK):
            chunk = order[start : start + _CHUNK]
            self._keep(chunk, self._compute([new[key] for key in chunk]))
            if self._progress:
                self._progress(start + len(chunk), len(order))
        vectors = np.zeros((len(keys), self._encoder.width), dtype=np.float32)
        for row, key in enumerate(keys):
            records, place = self._places[key]
            vectors[row] = records["vector"][place]
        return vectors

    def _keep(self, keys: Sequence[bytes], vectors: Float32s) -> None:
        """Writes a file of vectors atomically."""
        kind = np.dtype([("key", "S32"), ("vector", np.float32, (self._encoder.width,))])
        records = np.empty(len(keys), dtype=kind)
        records["key"], records["vector"] = keys, vectors
        if not np.isfinite(vectors).all():
            raise NewsstandError("model.encoder: computes vectors with NaN or infinite values")
        content = io.BytesIO()
        np.save(content, records)
        digest = hashlib.sha256(content.getbuffer()).digest()
        path = self._folder / f"{self._name(digest)}.npy"
        with replacing(path, private=True) as scratch:
            scratch.write_bytes(content.getbuffer())
        self._index(path)

    def _index(self, path: Path) -> None:
        """Adds a file to the index, unless it is damaged: its name depends on its content."""
        try:
            whole = self._name(file_digest(path)) == path.stem
        except OSError as error:
            discard(path, f"damaged ({error.strerror})", _INSTEAD)
            return
        if not whole:
            discard(path, "damaged (checksum)", _INSTEAD)
            return
        records = np.load(path, mmap_mode="r")
        self._places |= {key: (records, row) for row, key in enumerate(records["key"].tolist())}

    def _name(self, digest: bytes) -> str:
        """The name of a file, from its content and the encoder."""
        return hashlib.sha256(self._folder.name.encode() + digest).hexdigest()[:32]


class RememberedVectors:
    """Float32s of an encoder with a cache in memory, for the fine-tuned or exported one of a run.

    Args:
        encoder: Computes vectors; its weights must not change.
    """

    def __init__(self, encoder: Encoder | ExportedEncoder) -> None:
        self._encoder = encoder
        self._known: dict[str, Float32s] = {}

    def __call__(self, texts: Sequence[str]) -> Float32s:
        """Float32s, float32, shape (texts, width), in the order of the texts."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            self._known |= zip(new, self._encoder.vectors(new), strict=True)
        vectors = np.zeros((len(texts), self._encoder.width), dtype=np.float32)
        for row, text in enumerate(texts):
            vectors[row] = self._known[text]
        return vectors


def _key(text: str) -> bytes:
    """32 hexadecimal digits of a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32].encode()
