"""Exports a fitted encoder to ONNX with weights of one byte, and measures what that changes."""

import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, Generic, Literal, Self, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from newsstand.config.schema import Config
from newsstand.encoders.libraries import libraries
from newsstand.encoders.onnx_encoder import ONNX_FILE, ExportedEncoder
from newsstand.encoders.torch_encoder import ENCODER_FOLDER, Encoder
from newsstand.errors import NewsstandError
from newsstand.models.base import Model
from newsstand.models.decision import MOST_PROBABLE
from newsstand.train.calibrate import fit_calibration
from newsstand.train.dataset import Rows
from newsstand.train.evaluate import expected_calibration_error, quality
from newsstand.types import Floats

Method: TypeAlias = Literal["temperature", "sigmoid"]
MOST_LOST = 0.005  # macro-F1 on validation rows
_MEASURED = 2_000  # validation rows that an exported network is compared on, at most
_M = TypeVar("_M", bound=Model)


class OnnxExport(Generic[_M]):
    """Exports the encoder of models, unless that costs too much on validation rows.

    Args:
        export: Writes a model's encoder into a folder; gives the model that reads it.
        scratch: Where the folders go, and stay until the models are saved.
        method: How scores are calibrated.
        seed: Of the validation rows that are drawn.
    """

    def __init__(
        self, export: Callable[[_M, Path], _M], scratch: Path, *, method: Method, seed: int
    ) -> None:
        self._export, self._scratch = export, scratch
        self._method, self._seed = method, seed
        self._count, self._refused = 0, False

    @classmethod
    def of(cls, config: Config, export: Callable[[_M, Path], _M], scratch: Path) -> Self | None:
        """What a config asks for; None for no export."""
        if config.export.onnx is None:
            return None
        return cls(export, scratch, method=config.calibration.method, seed=config.seed)

    def __call__(self, model: _M, validation: Rows) -> tuple[_M, "OnnxCost | None"]:
        """The exported model and its cost; the model given where that is, or was, too much.

        A model that was fitted once more is another one, so it is measured and may be refused
        again, though it has learned from the validation rows.
        """
        if self._refused:
            return model, None
        self._count += 1
        exported = self._export(model, self._scratch / f"export-{self._count}")
        sample = validation.drawn(_MEASURED, self._seed)
        before, after = (x.forward(sample.examples) for x in (model, exported))
        cost = OnnxCost.measure(before, after, sample.labels, self._method)
        self._refused = not cost.within_tolerance
        return (model if self._refused else exported), cost


def export_encoder(
    encoder: Encoder,
    folder: Path,
    *,
    gives: Literal["scores", "states"],
    compares: bool = False,
    careful: bool = False,
) -> ExportedEncoder:
    """The encoder as ONNX Runtime computes it, its weights in int8 with a scale for each output.

    What goes through it is rounded as it comes (dynamic quantisation).

    Args:
        encoder: With a classifier on top for `scores`, without for `states`.
        folder: Where its files go, and stay until the model is saved.
        gives: The classifier's scores, or a state for each token.
        compares: Keep the table of input embeddings at hand, where it is one, for `similarity`.
        careful: Leave the second matrix of each feed-forward block in fp32. What it reads has
            outliers, which cost the other numbers their precision; it takes half as long again.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    encoder.save(folder)
    with tempfile.TemporaryDirectory() as scratch, _muted():
        path = Path(scratch) / "whole.onnx"
        _write(encoder, path, gives)
        quantize_dynamic(
            path,
            folder / ONNX_FILE,
            # Not the table of embeddings, which costs no time and much exactness.
            op_types_to_quantize=["MatMul", "Gemm"],
            nodes_to_exclude=_narrowing(path) if careful else [],
            extra_options={"MatMulConstBOnly": True},
            weight_type=QuantType.QInt8,
            per_channel=True,
        )
    return ExportedEncoder.open(
        folder,
        max_tokens=encoder.max_tokens,
        long_text=encoder.long_text,
        embeddings=_table(encoder, folder, compares=compares),
    )


def _narrowing(path: Path) -> list[str]:
    """The products of a network in ONNX with a matrix that has far more rows than columns."""
    import onnx

    graph = onnx.load(path).graph
    shapes = {weights.name: list(weights.dims) for weights in graph.initializer}
    return [
        node.name
        for node in graph.node
        for shape in (shapes.get(name, []) for name in node.input)
        if node.op_type in ("MatMul", "Gemm") and len(shape) == 2 and shape[0] >= 2 * shape[1]
    ]


def _table(encoder: Encoder, folder: Path, *, compares: bool) -> str | None:
    """The name of the table of input embeddings, where it is to be at hand.

    Raises:
        NewsstandError: `relevant` reads it, and it is not one table.
    """
    if not compares and encoder.long_text != "relevant":
        return None
    name = _table_name(encoder, folder)
    if name is None and encoder.long_text == "relevant":
        raise NewsstandError(
            "export.onnx: with long_text 'relevant', the encoder's input embeddings must be one "
            "table of model.safetensors; leave export.onnx or long_text out"
        )
    return name


def _table_name(encoder: Encoder, folder: Path) -> str | None:
    """What the saved network calls its table of input embeddings; None if it is not one table.

    Found by its numbers, as a name in the file need not be the network's own.
    """
    table = encoder.network.get_input_embeddings().weight.detach().cpu().numpy()
    path = folder / ENCODER_FOLDER / "model.safetensors"
    if path.exists():
        with safe_open(path, framework="numpy") as file:
            for name in file.keys():  # noqa: SIM118 - no mapping
                if file.get_slice(name).get_shape() == list(table.shape) and np.array_equal(
                    file.get_tensor(name), table
                ):
                    return str(name)
    return None


def _write(encoder: Encoder, path: Path, gives: str) -> None:
    """The network in ONNX, in fp32, for one input of any number of tokens."""
    torch, _ = libraries()
    device = encoder.network.device
    network = encoder.network.to("cpu").eval()

    class OneInput(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, input_ids: Any, token_type_ids: Any = None) -> Any:
            more = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
            mask = torch.ones_like(input_ids)
            found = self.network(input_ids=input_ids, attention_mask=mask, **more)
            return found.logits if gives == "scores" else found.last_hidden_state

    ids = torch.tensor(encoder.tokens(["one two three"]).ids)
    names = ["input_ids", "token_type_ids"][: 1 + encoder.typed]
    longest = torch.export.Dim("tokens", min=2, max=encoder.max_tokens)
    torch.onnx.export(
        OneInput(),
        (ids, torch.zeros_like(ids))[: len(names)],
        str(path),
        input_names=names,
        output_names=[gives],
        dynamic_shapes={name: {1: longest} for name in names},
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    network.to(device)
    # Shapes noted for the fp32 network are in the way of the quantiser.
    import onnx

    written = onnx.load(path)
    del written.graph.value_info[:]
    onnx.save(written, path)


@dataclass(frozen=True, slots=True)
class OnnxCost:
    """What an export changed, measured on validation rows.

    Args:
        agreement: Share of the rows that get the same label from both.
        macro_f1: Before and after.
        ece: Before and after, each with a calibration of its own.
    """

    agreement: float
    macro_f1: tuple[float, float]
    ece: tuple[float, float]

    @classmethod
    def measure(
        cls, before: Floats, after: Floats, labels: NDArray[np.int64], method: Method
    ) -> Self:
        """Compares uncalibrated scores, float64, shape (rows, labels), of both models.

        Args:
            before: As the network gives them.
            after: As the exported one does.
            labels: int64, shape (rows,).
            method: How scores are calibrated.
        """
        # A label's own slope and offset may put it before another.
        both = [fit_calibration(method, x, labels).apply(x) for x in (before, after)]
        f1, f1_now = (quality(x, labels)[1] for x in both)
        ece, ece_now = (expected_calibration_error(x, labels) for x in both)
        first, second = (MOST_PROBABLE.predict(x) for x in both)
        agreement = float(np.mean(first == second))
        return cls(agreement, (f1, f1_now), (ece, ece_now))

    @property
    def within_tolerance(self) -> bool:
        """Whether the exported model may stand in for the other."""
        before, after = self.macro_f1
        return before - after <= MOST_LOST

    def metrics(self) -> dict[str, float]:
        """By name, for the run."""
        found = {"export/agreement": self.agreement}
        for name, values in (("macro_f1", self.macro_f1), ("ece", self.ece)):
            found |= {f"export/before_{name}": values[0], f"export/after_{name}": values[1]}
        return found

    def __str__(self) -> str:
        (f1, f1_now), (ece, ece_now) = self.macro_f1, self.ece
        verdict = "int8" if self.within_tolerance else "left out, as int8 costs too much"
        return (
            f"{verdict}: the same label for {self.agreement:.1%} of the validation rows, "
            f"macro-F1 {f1:.4f} to {f1_now:.4f}, ECE {ece:.3f} to {ece_now:.3f}"
        )


@contextmanager
def _muted() -> Iterator[None]:
    """Keeps exporter and quantiser from writing about their work."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with (
            warnings.catch_warnings(action="ignore"),
            redirect_stdout(StringIO()),
            redirect_stderr(StringIO()),
        ):
            yield
    finally:
        logging.disable(before)
