"""The model families: what each must be able to do, and which there are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from pydantic_core import core_schema

from newsstand.text.example import Example

if TYPE_CHECKING:
    from newsstand.config.section import ModelSection
    from newsstand.train.families.base import Trainer


class Passage(NamedTuple):
    """A passage of an example's prepared text.

    Args:
        part: `title` or `body`.
        start: Character offset in the prepared text of that part.
        end: Half-open end.
        weight: What it adds to a label's score over the mean of all labels; above 0.
    """

    part: Literal["title", "body"]
    start: int
    end: int
    weight: float


class Model(Protocol):
    """A fitted model of any family.

    A row's scores must not depend on what else is in the batch, beyond `tolerance`.
    """

    kind: ClassVar[str]

    @property
    def outputs(self) -> int:
        """Number of labels."""
        ...

    @property
    def requires(self) -> str | None:
        """The extra of newsstand that scoring needs, such as `onnx`; None for the plain install."""
        ...

    @property
    def tolerance(self) -> float:
        """How far probabilities may differ between machines and batches; 0.0 for not at all."""
        ...

    def forward(self, examples: Sequence[Example]) -> NDArray[np.float64]:
        """Uncalibrated scores, shape (examples, labels)."""
        ...

    def knows(self, examples: Sequence[Example]) -> NDArray[np.bool_]:
        """Whether the model has a feature or token for anything in each text, shape (examples,)."""
        ...

    def similarity(self, examples: Sequence[Example]) -> NDArray[np.float64] | None:
        """How similar each text is to its target, shape (examples,); None if it cannot tell."""
        ...

    def explain(self, example: Example, label: int, limit: int) -> list[Passage]:
        """The passages that added most to a label's score, strongest first, at most `limit`."""
        ...

    def uncached(self) -> Self:
        """The model as it is when it is loaded from a bundle: nothing of its fit is kept."""
        ...

    def summary(self) -> str:
        """What was fitted, in a few words, such as `12,345 features`."""
        ...

    def save(self, folder: Path) -> dict[str, Any]:
        """Writes weights into a folder; returns the settings for `load`, fit for JSON."""
        ...

    @classmethod
    def load(cls, folder: Path, settings: Mapping[str, Any]) -> Self:
        """The inverse of `save`.

        Raises:
            NewsstandError: Files that do not fit the settings, or a missing library.
        """
        ...

    @classmethod
    def settings_schema(cls) -> dict[str, core_schema.TypedDictField]:
        """What the settings of `save` must be in a bundle, by name, for pydantic-core."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Where the parts of a model family are; each is imported when it is first needed.

    Args:
        model: A `Model`, as `module:Class`.
        config: Its section of a config, a `ModelSection`.
        trainer: Its `Trainer`.
    """

    model: str
    config: str
    trainer: str

    @property
    def model_class(self) -> type[Model]:
        """The class of its models."""
        found: type[Model] = _imported(self.model)
        return found

    @property
    def config_class(self) -> "type[ModelSection]":
        """The class of its settings."""
        found: type[ModelSection] = _imported(self.config)
        return found

    @property
    def trainer_class(self) -> "type[Trainer]":
        """The class that fits its models."""
        found: type[Trainer] = _imported(self.trainer)
        return found


# Every model family by its kind, as configs and bundles name it. A program may add its own.
FAMILIES: dict[str, Family] = {
    "linear": Family(
        model="newsstand.models.linear:LinearModel",
        config="newsstand.config.linear:LinearConfig",
        trainer="newsstand.train.families.linear:LinearTrainer",
    ),
    "embedding": Family(
        model="newsstand.models.embedding:EmbeddingModel",
        config="newsstand.config.encoders:EmbeddingConfig",
        trainer="newsstand.train.families.embedding:EmbeddingTrainer",
    ),
    "transformer": Family(
        model="newsstand.models.transformer:TransformerModel",
        config="newsstand.config.encoders:TransformerConfig",
        trainer="newsstand.train.families.transformer:TransformerTrainer",
    ),
}


def _imported(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)
