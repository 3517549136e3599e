"""An exported encoder: the network as ONNX Runtime computes it on a CPU, without torch."""

import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from newsstand.encoders.libraries import runtime, torch_sees_a_gpu
from newsstand.encoders.long_text import LongText, Span
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
from newsstand.types import Float32s

ONNX_FILE = "encoder.int8.onnx"  # in a bundle, beside the encoder's folder

# How a network in ONNX begins to say where its weights are, if they are in another file.
_OUTSIDE = b"\x0a\x08location"


class ExportedEncoder(TokenReader):
    """A pretrained network with its tokenizer, as the export wrote them.

    Each input is computed by itself: the numbers of an int8 network are rounded by the range of
    all that is computed together, so that in batches a score would depend on its neighbours.
    Several inputs are computed at a time, by a thread each; OMP_NUM_THREADS says how many.

    Args:
        path: The network in ONNX: token numbers of one input (and which text they are of) to its
            scores, shape (1, labels), or its states, shape (1, tokens, width).
        words: Its tokenizer, of the library tokenizers.
        source: The folder with the network in transformers' format, for `save`.
        max_tokens: Inputs are cut to so many tokens.
        long_text: What is read of a longer article.
        embeddings: What the source calls the table of input embeddings, which `relevant` and
            `likeness` read.

    Raises:
        NewsstandError: onnxruntime is not installed, or it cannot read the network.
    """

    requires: ClassVar[str] = "onnx"
    # Where int8 scores on one machine's CPU, fp32 may on another's GPU.
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
        # All is read now: the folder of a model that was downloaded is gone afterwards.
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
        """What a worker process gets: a session is of one process."""
        return {name: value for name, value in vars(self).items() if name != "_session"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._session = _session(self._network, self._path)

    @classmethod
    def open(
        cls, folder: Path, *, max_tokens: int, long_text: LongText, embeddings: str | None = None
    ) -> Self:
        """Reads an exported encoder from a bundle's folder.

        Raises:
            NewsstandError: onnxruntime or tokenizers are not installed, or files that they cannot
                read.
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
        """Numbers in a vector."""
        return int(self._session.get_outputs()[0].shape[-1])

    @property
    def labels(self) -> int:
        """Outputs of the classifier on top."""
        return self.width

    def scores(self, tokens: Tokens) -> NDArray[np.float64]:
        """What the classifier on top gives for inputs, shape (inputs, labels), in their order."""
        found = [scores[0] for scores in self._computed(tokens)]
        return np.array(found, dtype=np.float64).reshape(len(found), self.labels)

    def vectors(self, texts: Sequence[str]) -> Float32s:
        """Mean-pooled vectors of length 1, float32, shape (texts, width), in the order given."""
        found = np.zeros((len(texts), self.width), dtype=np.float32)
        for row, states in enumerate(self._computed(self.tokens(texts))):
            mean = states[0].mean(axis=0)
            found[row] = mean / np.linalg.norm(mean)
        return found

    def states(self, text: str) -> tuple[NDArray[np.float64], list[Span]]:
        """A vector for each token of a text, and where the token stands in it.

        Returns:
            float64, shape (tokens, width), and half-open character offsets; those of special
            tokens are empty.
        """
        [found] = self._encoded([text], cut="longest_first")
        [states] = self._computed(Tokens([found.ids], [found.type_ids] if self.typed else None))
        return states[0].astype(np.float64), [(int(a), int(b)) for a, b in found.offsets]

    @property
    def compares(self) -> bool:
        """Whether the input embeddings, which `likeness` needs, are at hand."""
        return self._table is not None

    def _embedded(self, ids: Sequence[int]) -> NDArray[np.float64]:
        """The network's input embeddings of tokens, of length 1, shape (tokens, width)."""
        assert self._table is not None  # noqa: S101 - who asks for them comes with a table
        found = self._table[list(ids)].astype(np.float64)
        lengths = np.linalg.norm(found, axis=1, keepdims=True)
        unit: NDArray[np.float64] = found / np.maximum(lengths, 1e-12)  # as torch's normalize
        return unit

    def _computed(self, tokens: Tokens) -> list[NDArray[np.float32]]:
        def one(number: int) -> NDArray[np.float32]:
            given = [tokens.ids[number]]
            if tokens.segments is not None:
                given.append(tokens.segments[number])
            fed = {
                name: np.array([values], dtype=np.int64)
                for name, values in zip(self._inputs, given, strict=True)
            }
            found: NDArray[np.float32] = self._session.run(None, fed)[0]
            return found

        with (
            reported(f"{self._path.name}: the network cannot read a text"),
            ThreadPoolExecutor(threads()) as workers,
        ):
            return list(workers.map(one, range(len(tokens.ids))))

    def save(self, folder: Path) -> dict[str, Any]:
        """Writes the network in both formats into a bundle's folder; as `Encoder.save`."""
        shutil.copytree(self._source, folder / ENCODER_FOLDER)
        (folder / ONNX_FILE).write_bytes(self._network)
        told = {"max_tokens": self.max_tokens, "long_text": self.long_text, "onnx": "int8"}
        return told | ({"embeddings": self._embeddings} if self._embeddings else {})


def _session(network: bytes, path: Path) -> Any:
    """What computes a network, by one thread for an input."""
    ort = runtime()[0]
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4  # what fails is raised, too
    if not _has_vnni():
        # Weights without a sign: what an x86 processor then computes cannot overflow.
        options.add_session_config_entry("session.x64quantprecision", "1")
    if _OUTSIDE in network:
        raise NewsstandError(f"{path}: keeps weights in other files, which are not read")
    with reported(f"{path}: not a network that onnxruntime {ort.__version__} can read"):
        return ort.InferenceSession(network, options, providers=["CPUExecutionProvider"])


def _has_vnni(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor is known to sum up products of eight bits without overflow.

    onnxruntime's safe way is slower, and it would take it on every x86 processor: so it is asked
    for only where VNNI is missing, or where one cannot know.
    """
    try:
        return "vnni" in cpuinfo.read_text(encoding="utf-8")
    except OSError:  # not Linux
        return False


def _table(source: Path, name: str) -> NDArray[np.float32]:
    """Input embeddings, shape (tokens, width), from the network in transformers' format."""
    path = source / "model.safetensors"
    with reported(f"{path}: the input embeddings '{name}' cannot be read"):
        kind, shape = read_header(path)[name]
        if kind != "F32" or len(shape) != 2:
            raise ValueError(f"{kind} of shape {list(shape)}")
        with safe_open(path, framework="numpy") as file:
            table: NDArray[np.float32] = file.get_tensor(name)
        check_finite({name: table})
    return table


def open_bundled(
    folder: Path,
    *,
    max_tokens: int,
    long_text: LongText,
    labels: int | None = None,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    onnx: str | None = None,
    embeddings: str | None = None,
) -> Encoder | ExportedEncoder:
    """A bundle's encoder: on a GPU if there is one; on a CPU as it was exported, if it was.

    Args:
        folder: The bundle's folder.
        max_tokens: Inputs are cut to so many tokens.
        long_text: What is read of a longer article.
        labels: Outputs of the classifier on top; None without one.
        device: Where to compute.
        onnx: The kind of numbers of the exported network; None if there is none.
        embeddings: As `ExportedEncoder` takes it.

    Raises:
        NewsstandError: Libraries that are not installed, or files that they cannot read.
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
