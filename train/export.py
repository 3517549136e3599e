"""The model as its bundle is to keep it, and what that costs on validation rows."""

from dataclasses import replace
from pathlib import Path
from typing import Protocol

from newsstand.bundle import Model
from newsstand.config import Config, ExportConfig
from newsstand.config_encoders import EmbeddingConfig
from newsstand.embedding import EmbeddingModel
from newsstand.exported import ExportedEncoder
from newsstand.linear import LinearModel
from newsstand.train.export_linear import LinearCost, export_linear
from newsstand.train.export_onnx import OnnxCost, export_onnx
from newsstand.train.rows import Rows
from newsstand.transformer import TransformerModel

_MEASURED = 2_000  # validation rows that an exported network is compared on, at most


class Cost(Protocol):
    """What an export changed, measured on validation rows; `str` says it in a line."""

    def figures(self) -> dict[str, float]:
        """By name, for the run's metrics."""
        ...


def asks_for_export(config: Config) -> bool:
    """Whether a config wants another model in the bundle than the fitted one."""
    return config.export != ExportConfig()


def export(config: Config, model: Model, held_out: Rows, folder: Path) -> tuple[Model, Cost]:
    """The model as `config.export` asks for it; the one given where that costs too much.

    Args:
        config: An experiment that `asks_for_export`.
        model: A fitted model.
        held_out: The validation rows.
        folder: Where an exported network's files go, and stay until the model is saved.
    """
    if isinstance(model, LinearModel):
        smaller = _smaller(config, model)
        return smaller, LinearCost.measure(model, smaller, held_out.examples, held_out.labels)
    exported = export_onnx(model, folder, paired=config.task == "stance")
    sample = held_out.drawn(_MEASURED, config.seed)
    before, after = (x.forward(sample.examples) for x in (model, exported))
    cost = OnnxCost.measure(before, after, sample.labels, config.calibration.method)
    return exported if cost.bearable else model, cost


def as_exported(
    config: Config, first: Model, again: Model, held_out: Rows, folder: Path
) -> tuple[Model, str]:
    """A model that was fitted once more, exported as the first one was, and what to say of that.

    A fine-tuned network is another one now, so it is measured and may be refused once more, though
    it has learned from the validation rows.

    Args:
        config: The experiment.
        first: What `export` gave, if the config asks for it.
        again: The model fitted once more.
        held_out: The validation rows.
        folder: As in `export`, another one.
    """
    if isinstance(again, LinearModel):
        return _smaller(config, again), ""
    frozen = isinstance(config.model, EmbeddingConfig) and not config.model.fine_tune
    if frozen and isinstance(first, EmbeddingModel) and isinstance(again, EmbeddingModel):
        return replace(again, encoder=first.encoder, vectors=first.vectors), ""
    if isinstance(first, (EmbeddingModel, TransformerModel)) and isinstance(
        first.encoder, ExportedEncoder
    ):
        exported, cost = export(config, again, held_out, folder)
        return exported, f"; {cost}"
    return again, ""


def extra_of(model: Model) -> str | None:
    """The extra of newsstand that scoring with a model needs."""
    if not isinstance(model, (EmbeddingModel, TransformerModel)):
        return None
    return "onnx" if isinstance(model.encoder, ExportedEncoder) else "encoder"


def libraries_of(model: Model) -> tuple[str, ...]:
    """What a model was made with, by the names that PyPI has for them."""
    usual = ("numpy", "scipy", "scikit-learn")
    extra = {"encoder": ("torch", "transformers"), "onnx": ("torch", "transformers", "onnxruntime")}
    return usual + extra.get(extra_of(model) or "", ())


def _smaller(config: Config, model: LinearModel) -> LinearModel:
    return export_linear(model, weights=config.export.weights, size_mb=config.export.size_mb)
