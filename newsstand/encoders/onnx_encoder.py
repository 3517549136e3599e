"""An exported encoder: the network in ONNX Runtime on a CPU, without torch."""

import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from safetensors import safe_open

from newsstand.encoders.libraries import runtime, torch_sees_a_gpu
from newsstand.encoders.long_text import LongText
from newsstand.encoders.network_files import (
    TOKENIZER,
    check_encoder,
    check_vocabulary,
    vocabulary_size,
)
from newsstand.encoders.tokenizer import TokenReader, Tokens
from newsstand.encoders.torch_encoder import ENCODER_FOLDER, Encoder
from newsstand.errors import NewsstandError, reported
from newsstand.io.tensors import check_finite, read_header
from newsstand.parallel import threads
from newsstand.text.article import Span
from newsstand.types import Device, Float32s, Floats

ONNX_FILE = "encoder.int8.onnx"  # in a bundle, beside the encoder's folder

# The bytes before the location of external weights in an ONNX file.
_EXTERNAL_DATA = b"\x0a\x08location"


class ExportedEncoder(TokenReader):
    """An exported pretrained network with its tokenizer.

    Inputs are not batched: an int8 network quantises activations by the range of the whole batch,
    so that a score would depend on the other inputs. Several inputs are computed in parallel, with
    one thread each; OMP_NUM_THREADS sets the number of threads.

    Args:
        path: The network in ONNX: from token ids (and token type ids) of one input to its scores,
            shape (1, labels), or its states, shape (1, tokens, width).
        words: Its tokenizer, of the library tokenizers.
        source: The folder with the network in transformers' format, which `save` copies.
        max_tokens: Inputs are truncated to this number of tokens.
        long_text: What is read of a longer article.
        embeddings: Name of the tensor of input embeddings in the source, which `relevant` and
            `similarity` need.

    Raises:
        NewsstandError: onnxruntime is not installed, or it cannot read the network.
    """

    requires: ClassVar[str] = "onnx"
    # A bundle may be scored in int8 on one machine's CPU, and in fp32 on another's GPU.
    tolerance: ClassVar[float] = 0.05

    def __init__(
        self,
        path: Path,
        words: Any,
        source: Path,
        *,
        max_tokens: int,
        long_text: LongText,
        embeddings: str | None = None,
    ) -> None:
        # Everything is read now: the folder of a downloaded model is deleted afterwards.
        self._network = path.read_bytes()
        self._session = _session(self._network, path)
        self._path, self._source, self._embeddings = path, source, embeddings
        self._table = _table(source, embeddings) if embeddings else None
        self._inputs = [node.name for node in self._session.get_inputs()]
        outputs = [node.shape[-1:] for node in self._session.get_outputs()]
        if set(self._inputs) - {"input_ids", "token_type_ids"} or [
            type(size) for shape in outputs for size in shape
        ] != [int]:
            raise NewsstandError(f"{path}: not an encoder's network: other inputs or outputs")
        typed = len(self._inputs) > 1
        super().__init__(words, typed=typed, max_tokens=max_tokens, long_text=long_text)

    def __getstate__(self) -> dict[str, Any]:
        """Returns the state without the session, which cannot be shared between processes."""
        return {name: value for name, value in vars(self).items() if name != "_session"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._session = _session(self._network, self._path)

    @classmethod
    def open(
        cls, folder: Path, *, max_tokens: int, long_text: LongText, embeddings: str | None = None
    ) -> Self:
        """Loads an exported encoder from a bundle's folder.

        Raises:
            NewsstandError: onnxruntime or tokenizers are not installed, or cannot read the files.
        """
        source = folder / ENCODER_FOLDER
        path = source / TOKENIZER
        tokenizers = runtime()[1]
        check_encoder(source)
        with reported(f"{path}: not a tokenizer"):
            words = tokenizers.Tokenizer.from_file(str(path))
        if size := vocabulary_size(source):
            check_vocabulary(source, words.get_vocab(), size)
        return cls(
            folder / ONNX_FILE,
            words,
            source,
            max_tokens=max_tokens,
            long_text=long_text,
            embeddings=embeddings,
        )

    @property
    def width(self) -> int:
        """Length of a vector."""
        return int(self._session.get_outputs()[0].shape[-1])

    @property
    def labels(self) -> int:
        """Number of outputs of the classifier on top."""
        return self.width

    def scores(self, tokens: Tokens) -> Floats:
        """Computes the scores of the classifier on top, shape (inputs, labels)."""
        scores = [output[0] for output in self._computed(tokens)]
        return np.array(scores, dtype=np.float64).reshape(len(scores), self.labels)

    def vectors(self, texts: Sequence[str]) -> Float32s:
        """Encodes texts as mean-pooled vectors of norm 1, float32, shape (texts, width)."""
        vectors = np.zeros((len(texts), self.width), dtype=np.float32)
        for row, states in enumerate(self._computed(self.tokens(texts))):
            mean = states[0].mean(axis=0)
            vectors[row] = mean / np.linalg.norm(mean)
        return vectors

    def states(self, text: str) -> tuple[Floats, list[Span]]:
        """Computes the last hidden state of each token of a text, and the token's span.

        Returns:
            States, shape (tokens, width), and spans; those of special tokens are empty.
        """
        [encoding] = self._encoded([text], truncation="longest_first")
        segments = [encoding.type_ids] if self.typed else None
        [states] = self._computed(Tokens([encoding.ids], segments))
        return states[0].astype(np.float64), [(int(a), int(b)) for a, b in encoding.offsets]

    @property
    def has_embeddings(self) -> bool:
        """Whether the input embeddings, which `similarity` needs, are available."""
        return self._table is not None

    def _embedded(self, ids: Sequence[int]) -> Floats:
        """Returns the input embeddings of tokens, of norm 1, shape (tokens, width)."""
        assert self._table is not None  # noqa: S101 - callers check `has_embeddings`
        rows = self._table[list(ids)].astype(np.float64)
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        normalized: Floats = rows / np.maximum(norms, 1e-12)  # as torch's normalize
        return normalized

    def _computed(self, tokens: Tokens) -> list[Float32s]:
        """Computes the output of the network for each input."""

        def one(index: int) -> Float32s:
            arrays = [tokens.ids[index]]
            if tokens.segments is not None:
                arrays.append(tokens.segments[index])
            inputs = {
                name: np.array([values], dtype=np.int64)
                for name, values in zip(self._inputs, arrays, strict=True)
            }
            output: Float32s = self._session.run(None, inputs)[0]
            return output

        with (
            reported(f"{self._path.name}: the network cannot read a text"),
            ThreadPoolExecutor(threads()) as workers,
        ):
            return list(workers.map(one, range(len(tokens.ids))))

    def save(self, folder: Path) -> dict[str, Any]:
        """Writes the network in both formats into a bundle's folder, like `Encoder.save`."""
        shutil.copytree(self._source, folder / ENCODER_FOLDER)
        (folder / ONNX_FILE).write_bytes(self._network)
        settings = {"max_tokens": self.max_tokens, "long_text": self.long_text, "onnx": "int8"}
        return settings | ({"embeddings": self._embeddings} if self._embeddings else {})


def _session(network: bytes, path: Path) -> Any:
    """Returns a session that computes a network with one thread per input."""
    ort = runtime()[0]
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4  # errors are raised, too
    if not _has_vnni():
        # With unsigned weights, int8 products on x86 processors without VNNI cannot overflow.
        options.add_session_config_entry("session.x64quantprecision", "1")
    if _EXTERNAL_DATA in network:
        raise NewsstandError(f"{path}: its weights are in other files, which are not read")
    with reported(f"{path}: not a network that onnxruntime {ort.__version__} can read"):
        return ort.InferenceSession(network, options, providers=["CPUExecutionProvider"])


def _has_vnni(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor is known to sum int8 products without overflow.

    The safe mode of onnxruntime is slower on every x86 processor, so it is used only without VNNI
    or where the processor is unknown.
    """
    try:
        return "vnni" in cpuinfo.read_text(encoding="utf-8")
    except OSError:  # not Linux
        return False


def _table(source: Path, name: str) -> Float32s:
    """Reads the input embeddings, shape (tokens, width), of a network in transformers' format."""
    path = source / "model.safetensors"
    with reported(f"{path}: the input embeddings '{name}' cannot be read"):
        kind, shape = read_header(path)[name]
        if kind != "F32" or len(shape) != 2:
            raise ValueError(f"{kind} of shape {list(shape)}")
        with safe_open(path, framework="numpy") as file:
            table: Float32s = file.get_tensor(name)
        check_finite({name: table})
    return table


def open_bundled(
    folder: Path,
    *,
    max_tokens: int,
    long_text: LongText,
    labels: int | None = None,
    device: Device = "auto",
    onnx: str | None = None,
    embeddings: str | None = None,
) -> Encoder | ExportedEncoder:
    """Loads a bundle's encoder; on a CPU, the exported network if there is one.

    Args:
        folder: The bundle's folder.
        max_tokens: Inputs are truncated to this number of tokens.
        long_text: What is read of a longer article.
        labels: Number of outputs of the classifier on top; None without a classifier.
        device: Where to compute.
        onnx: The number format of the exported network; None if there is none.
        embeddings: Name of the tensor of input embeddings; see `ExportedEncoder`.

    Raises:
        NewsstandError: Libraries are not installed, or cannot read the files.
    """
    if onnx and (device == "cpu" or (device == "auto" and not torch_sees_a_gpu())):
        return ExportedEncoder.open(
            folder, max_tokens=max_tokens, long_text=long_text, embeddings=embeddings
        )
    return Encoder.open(
        folder / ENCODER_FOLDER,
        max_tokens=max_tokens,
        long_text=long_text,
        labels=labels,
        device=device,
        new_head=False,
    )
