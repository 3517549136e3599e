"""What every section of a config has in common."""

from typing import Any

from pydantic import BaseModel, ConfigDict


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
