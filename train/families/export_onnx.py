"""Exports a fitted encoder to ONNX with int8 weights, and measures the effect."""

import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
from newsstand.train.dataset import LabelledRows
from newsstand.train.evaluation.metrics import expected_calibration_error, macro_f1
from newsstand.types import Floats

Method: TypeAlias = Literal["temperature", "sigmoid"]
MAX_F1_LOSS = 0.005  # on validation rows
_MAX_ROWS = 2_000  # validation rows on which the effect is measured
_M = TypeVar("_M", bound=Model)


class OnnxExport(Generic[_M]):
    """Exports the encoder of models, unless validation macro-F1 falls by more than a tolerance.

    Args:
        export: Writes a model's encoder into a folder, and returns the model that uses it.
        scratch: Parent of the folders, which must exist until the models are saved.
        method: The calibration method.
        seed: Of the sample of validation rows.
    """

    def __init__(
        self, export: Callable[[_M, Path], _M], scratch: Path, *, method: Method, seed: int
    ) -> None:
        self._export, self._scratch = export, scratch
        self._method, self._seed = method, seed
        self._count, self._refused = 0, False

    @classmethod
    def of(cls, config: Config, export: Callable[[_M, Path], _M], scratch: Path) -> Self | None:
        """Creates the export from a config; None if it requests none."""
        if config.export.onnx is None:
            return None
        return cls(export, scratch, method=config.calibration.method, seed=config.seed)

    def __call__(self, model: _M, validation_rows: LabelledRows) -> tuple[_M, "OnnxCost | None"]:
        """The exported model and the effect; the given model if the loss is not within tolerance.

        A refitted model is measured again, although the validation rows are among its training
        rows. After a refusal, nothing is exported any more.
        """
        if self._refused:
            return model, None
        self._count += 1
        exported = self._export(model, self._scratch / f"export-{self._count}")
        sample = validation_rows.drawn(_MAX_ROWS, self._seed)
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
    """The encoder in ONNX Runtime, with int8 weights that have a scale for each output.

    Activations are quantised at run time (dynamic quantisation).

    Args:
        encoder: With a classifier on top for `scores`, without for `states`.
        folder: The folder of its files, which must exist until the model is saved.
        gives: The classifier's scores, or a state for each token.
        compares: Whether to keep the table of input embeddings, if there is one, for `similarity`.
        careful: Whether to leave the second matrix of each feed-forward block in fp32. Its inputs
            have outliers, which reduce the precision of other values; takes 1.5 times as long.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    encoder.save(folder)
    with (
        tempfile.TemporaryDirectory() as scratch,
        warnings.catch_warnings(action="ignore"),  # of the exporter's own parts
        _root_logger_kept(),
    ):
        path = Path(scratch) / "whole.onnx"
        _write(encoder, path, gives)
        quantize_dynamic(
            path,
            folder / ONNX_FILE,
            # Not the embeddings, which take no time and need precision.
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


@contextmanager
def _root_logger_kept() -> Iterator[None]:
    """Keeps the quantiser, which calls `logging.info`, from giving the root logger a handler.

    It would print what any library logs, and a later `logging.basicConfig` would do nothing.
    """
    handler = logging.NullHandler()  # with which `logging.info` adds no other
    logging.root.addHandler(handler)
    try:
        yield
    finally:
        logging.root.removeHandler(handler)


def _narrowing(path: Path) -> list[str]:
    """The products of an ONNX network with a matrix of at least twice as many rows as columns."""
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
    """The name of the table of input embeddings; None if it is not needed or not one table.

    Raises:
        NewsstandError: `relevant` needs it, and it is not one table.
    """
    if not compares and encoder.long_text != "relevant":
        return None
    name = _table_name(encoder, folder)
    if name is None and encoder.long_text == "relevant":
        raise NewsstandError(
            "export.onnx: with long_text 'relevant', the encoder's input embeddings must be one "
            "table of model.safetensors; remove export.onnx or long_text"
        )
    return name


def _table_name(encoder: Encoder, folder: Path) -> str | None:
    """The name of the table of input embeddings in the saved weights; None if it is not one table.

    It is found by its values, as names in the file may differ from the network's.
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
    """Writes the network in ONNX, in fp32, for one input of any number of tokens."""
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
            outputs = self.network(input_ids=input_ids, attention_mask=mask, **more)
            return outputs.logits if gives == "scores" else outputs.last_hidden_state

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
    # The quantiser fails on shapes recorded for the fp32 network.
    import onnx

    written = onnx.load(path)
    del written.graph.value_info[:]
    # The exporter records the place in the code where each node comes from: files of this machine,
    # so that equal networks would have different hashes.
    graph = written.graph
    for part in (*graph.node, *graph.input, *graph.output, *graph.initializer, *written.functions):
        del part.metadata_props[:]
    onnx.save(written, path)


@dataclass(frozen=True, slots=True)
class OnnxCost:
    """The effect of an export, measured on validation rows.

    Args:
        agreement: Share of the rows with equal predictions of both models.
        macro_f1: Before and after.
        ece: Before and after, each with its own calibration.
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
            before: Of the network.
            after: Of the exported network.
            labels: int64, shape (rows,).
            method: The calibration method.
        """
        # Calibration by label may change predictions.
        both = [fit_calibration(method, x, labels).apply(x) for x in (before, after)]
        f1, f1_now = (macro_f1(x, labels) for x in both)
        ece, ece_now = (expected_calibration_error(x, labels) for x in both)
        first, second = (MOST_PROBABLE.predict(x) for x in both)
        agreement = float(np.mean(first == second))
        return cls(agreement, (f1, f1_now), (ece, ece_now))

    @property
    def within_tolerance(self) -> bool:
        """Whether the loss of macro-F1 is at most `MAX_F1_LOSS`."""
        before, after = self.macro_f1
        return before - after <= MAX_F1_LOSS

    def metrics(self) -> dict[str, float]:
        """The effect as metrics of the run, by name."""
        metrics = {"export/agreement": self.agreement}
        for name, values in (("macro_f1", self.macro_f1), ("ece", self.ece)):
            metrics |= {f"export/before_{name}": values[0], f"export/after_{name}": values[1]}
        return metrics

    def __str__(self) -> str:
        (f1, f1_now), (ece, ece_now) = self.macro_f1, self.ece
        verdict = "int8" if self.within_tolerance else "not exported, as int8 loses too much"
        return (
            f"{verdict}: the same label for {self.agreement:.1%} of the validation rows, "
            f"macro-F1 {f1:.4f} to {f1_now:.4f}, ECE {ece:.3f} to {ece_now:.3f}"
        )
