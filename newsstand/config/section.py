"""What every section of a config has in common, and every model family's section."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from newsstand.text.example import Example

# What the config says at a dotted key, or the default.
Get = Callable[[str], Any]


class Section(BaseModel):
    """Strict: no unknown keys, no wrong types; frozen; each setting documented by its docstring."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )


def as_tuple(value: Any) -> Any:
    """A list of YAML as the tuple that a frozen section holds."""
    return tuple(value) if isinstance(value, list) else value


class ModelSection(Section):
    """Settings of a model family; each family has a section of its own."""

    kind: str
    """Model family."""

    refit: bool = False
    """After calibration, fit once more on all rows that are not test rows: training, validation,
    and those left out to keep the two apart."""

    exports: ClassVar[frozenset[str]] = frozenset()
    """Settings of `export` that the family has a use for."""

    @classmethod
    def conflicts(
        cls,
        get: Get,  # noqa: ARG003 - for families to override
        *,
        stance: bool,  # noqa: ARG003
        labels: Sequence[str],  # noqa: ARG003
    ) -> Iterable[tuple[str, str]]:
        """Settings that do not fit together: dotted key and message of each.

        Args:
            get: What the config says at a dotted key, or the default.
            stance: Whether the task is stance.
            labels: The labels, if the config names them.
        """
        return ()

    def token_counter(
        self,
        *,
        stance: bool,  # noqa: ARG002
    ) -> "Callable[[Example], dict[str, tuple[int, int]]] | None":
        """Counts the tokens of an example that each choice for long texts reads, and all of them.

        None for a family that reads no tokens.

        Args:
            stance: Whether examples have targets.

        Raises:
            NewsstandError: The encoder is not found or unreadable.
        """
        return None
