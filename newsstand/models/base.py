"""The protocol of models, and the registry of model families."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from pydantic_core import core_schema

from newsstand.text.example import Example
from newsstand.types import Device

if TYPE_CHECKING:
    from newsstand.config.section import ModelSection
    from newsstand.train.families.base import Trainer


class Passage(NamedTuple):
    """A passage of an example's prepared text.

    Args:
        part: `title` or `body`.
        start: Character offset in the prepared text of that part.
        end: End offset, exclusive.
        weight: Contribution to a label's score minus the mean over all labels; above 0.
    """

    part: Literal["title", "body"]
    start: int
    end: int
    weight: float


class Model(Protocol):
    """A fitted model of any family.

    The scores of an example must not depend on the other examples of its batch, within `tolerance`.
    """

    kind: ClassVar[str]

    @property
    def outputs(self) -> int:
        """Number of labels."""
        ...

    @property
    def requires(self) -> str | None:
        """The extra of newsstand that scoring needs, such as `onnx`; None for none."""
        ...

    @property
    def tolerance(self) -> float:
        """Maximum difference of probabilities between machines and batches; 0.0 for none."""
        ...

    def forward(self, examples: Sequence[Example]) -> NDArray[np.float64]:
        """Uncalibrated scores, shape (examples, labels)."""
        ...

    def knows(self, examples: Sequence[Example]) -> NDArray[np.bool_]:
        """Whether the model has a feature or token for anything in each text, shape (examples,)."""
        ...

    def similarity(self, examples: Sequence[Example]) -> NDArray[np.float64] | None:
        """Similarity of each text to its target, shape (examples,); None if not supported."""
        ...

    def explain(self, example: Example, label: int, limit: int) -> list[Passage]:
        """At most `limit` passages that contribute most to a label's score, strongest first."""
        ...

    def uncached(self) -> Self:
        """The model without caches of its fit, as it is after loading from a bundle."""
        ...

    def summary(self) -> str:
        """A short description of the fitted model, such as `12,345 features`."""
        ...

    def save(self, folder: Path) -> dict[str, Any]:
        """Writes weights into a folder; returns the settings for `load`, as JSON values."""
        ...

    @classmethod
    def load(cls, folder: Path, settings: Mapping[str, Any], device: Device = "auto") -> Self:
        """The inverse of `save`.

        Args:
            folder: Where it was saved.
            settings: What `save` returned.
            device: Where an encoder runs.

        Raises:
            NewsstandError: Files do not match the settings, or a library is missing.
        """
        ...

    @classmethod
    def settings_schema(cls) -> dict[str, core_schema.TypedDictField]:
        """The pydantic-core schema of each setting that `save` returns."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """The classes of a model family, as `module:Class`; each is imported on first use.

    Args:
        model: The model, a `Model`.
        config: Its section of the config, a `ModelSection`.
        trainer: Its trainer, a `Trainer`.
    """

    model: str
    config: str
    trainer: str

    @property
    def model_class(self) -> type[Model]:
        """The class of the models."""
        imported: type[Model] = _imported(self.model)
        return imported

    @property
    def config_class(self) -> "type[ModelSection]":
        """The class of the config section."""
        imported: type[ModelSection] = _imported(self.config)
        return imported

    @property
    def trainer_class(self) -> "type[Trainer]":
        """The class that fits the models."""
        imported: type[Trainer] = _imported(self.trainer)
        return imported


# The model families by their `kind` in configs and bundles. Programs can register their own.
FAMILIES: dict[str, Family] = {
    "linear": Family(
        model="newsstand.models.linear:LinearModel",
        config="newsstand.config.linear:LinearConfig",
        trainer="newsstand.train.families.linear:LinearTrainer",
    ),
    "embedding": Family(
        model="newsstand.models.embedding:EmbeddingModel",
        config="newsstand.config.embedding:EmbeddingConfig",
        trainer="newsstand.train.families.embedding:EmbeddingTrainer",
    ),
    "transformer": Family(
        model="newsstand.models.transformer:TransformerModel",
        config="newsstand.config.transformer:TransformerConfig",
        trainer="newsstand.train.families.transformer:TransformerTrainer",
    ),
}


def _imported(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)
