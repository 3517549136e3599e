"""An encoder's vectors, kept on disk or in memory, so that no text is encoded twice."""

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

# Called with the texts encoded so far, and how many there are to encode.
Progress = Callable[[int, int], None]

_CHUNK = 512  # texts between two writes: what a crash may cost
_INSTEAD = "its texts are encoded again"


class CachedVectors:
    """Gives what `encoder.vectors` gives, and keeps it on disk for later runs.

    What is kept is checked; a damaged file is removed, and its texts are encoded again. A vector
    that was computed among other texts may differ from a fresh one by rounding, below 1e-6.

    Args:
        encoder: What computes vectors.
        folder: Where they are kept: of this encoder with these settings, and of no other.
        progress: Called while vectors are computed.
        half: As `Encoder.vectors` takes it.
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
        # Of each key, the file that holds its vector and the row there.
        self._places: dict[bytes, tuple[NDArray[Any], int]] = {}
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in sorted(folder.glob("*.npy")):
            self._index(path)

    def __call__(self, texts: Sequence[str]) -> Float32s:
        """Vectors, float32, shape (texts, width), in the order given."""
        keys = [_key(text) for text in texts]
        new = {k: text for k, text in zip(keys, texts, strict=True) if k not in self._places}
        # Texts of like length together, in whatever order they came: less padding.
        order = sorted(new, key=lambda key: len(new[key]))
        for start in range(0, len(order), _CHUNK):
            chunk = order[start : start + _CHUNK]
            self._keep(chunk, self._compute([new[key] for key in chunk]))
            if self._progress:
                self._progress(start + len(chunk), len(order))
        found = np.zeros((len(keys), self._encoder.width), dtype=np.float32)
        for row, key in enumerate(keys):
            records, place = self._places[key]
            found[row] = records["vector"][place]
        return found

    def _keep(self, keys: Sequence[bytes], vectors: Float32s) -> None:
        """Writes a file of vectors, whole or not at all."""
        kind = np.dtype([("key", "S32"), ("vector", np.float32, (self._encoder.width,))])
        records = np.empty(len(keys), dtype=kind)
        records["key"], records["vector"] = keys, vectors
        if not np.isfinite(vectors).all():
            raise NewsstandError("model.encoder: gives vectors that are no numbers (NaN, infinity)")
        content = io.BytesIO()
        np.save(content, records)
        digest = hashlib.sha256(content.getbuffer()).digest()
        path = self._folder / f"{self._name(digest)}.npy"
        with replacing(path, private=True) as scratch:
            scratch.write_bytes(content.getbuffer())
        self._index(path)

    def _index(self, path: Path) -> None:
        """Looks up what a file holds, unless it is damaged: its name says what it should hold."""
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
        """The name of a file, by its content and the encoder."""
        return hashlib.sha256(self._folder.name.encode() + digest).hexdigest()[:32]


class RememberedVectors:
    """Gives what `encoder.vectors` gives, and keeps it in memory: a run encodes no text twice.

    For encoders that no other run will use: fine-tuned ones, and exported ones.

    Args:
        encoder: What computes vectors; its weights must not change any more.
    """

    def __init__(self, encoder: Encoder | ExportedEncoder) -> None:
        self._encoder = encoder
        self._known: dict[str, Float32s] = {}

    def __call__(self, texts: Sequence[str]) -> Float32s:
        """Vectors, float32, shape (texts, width), in the order given."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            self._known |= zip(new, self._encoder.vectors(new), strict=True)
        found = np.zeros((len(texts), self._encoder.width), dtype=np.float32)
        for row, text in enumerate(texts):
            found[row] = self._known[text]
        return found


def _key(text: str) -> bytes:
    """32 hexadecimal digits of a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32].encode()
