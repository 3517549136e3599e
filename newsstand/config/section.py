"""Base classes of the sections of a config, and of the section of each model family."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from newsstand.text.example import Example

# Returns the value at a dotted key, or the default.
Get = Callable[[str], Any]


class Section(BaseModel):
    """A frozen section without unknown keys or type coercion; docstrings describe the settings."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )


def as_tuple(value: Any) -> Any:
    """Converts a list to a tuple, as frozen sections hold sequences; other values stay."""
    return tuple(value) if isinstance(value, list) else value


class ModelSection(Section):
    """Base class of the settings of a model family."""

    kind: str
    """Model family."""

    refit: bool = False
    """After calibration, fit again on all rows except test rows: training and validation rows, and
    those left out to keep the two apart. Set it for a model to use: it learns from more rows."""

    exports: ClassVar[frozenset[str]] = frozenset()
    """Settings of `export` that the family supports."""

    @classmethod
    def conflicts(
        cls,
        get: Get,  # noqa: ARG003 - for families to override
        *,
        stance: bool,  # noqa: ARG003
        labels: Sequence[str],  # noqa: ARG003
    ) -> Iterable[tuple[str, str]]:
        """Yields the dotted key and a message for each conflict between settings.

        Args:
            get: Returns the value at a dotted key, or the default.
            stance: Whether the task is stance.
            labels: The labels, if the config lists them.
        """
        return ()

    def token_counter(
        self,
        *,
        stance: bool,  # noqa: ARG002
    ) -> "Callable[[Example], dict[str, tuple[int, int]]] | None":
        """A function from an example to token counts: for each choice of `long_text`, those read
        and those in total. None for a family without tokens.

        Args:
            stance: Whether examples have targets.

        Raises:
            NewsstandError: The encoder is not found or unreadable.
        """
        return None
