"""Settings that the families with a pretrained encoder share."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from newsstand.config.section import ModelSection, as_tuple
from newsstand.encoders.hub import MINILM, find_encoder

if TYPE_CHECKING:
    from newsstand.text.example import Example


def epoch_counts(value: Any) -> Any:
    """Validates the number of epochs of each training stage; None for no stages."""
    counts = as_tuple(value)
    if counts is None:
        return None
    if isinstance(counts, tuple) and all(type(x) is int and x >= 0 for x in counts) and any(counts):
        return counts
    raise PydanticCustomError(
        "epochs", "expected the number of epochs of each stage, such as [2, 1]"
    )


def _digest(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value):
        return value
    raise PydanticCustomError("sha256", "expected a SHA-256: 64 digits from 0 to f, in quotes")


class EncoderConfig(ModelSection):
    """Settings that the families with a pretrained encoder share."""

    exports: ClassVar[frozenset[str]] = frozenset({"onnx"})

    encoder: str = Field(MINILM, min_length=1)
    """A pretrained encoder: a folder in transformers' format, or a name on the Hugging Face hub.
    Choose one that was trained on the language of the articles."""

    encoder_sha256: Annotated[str, BeforeValidator(_digest)] | None = None
    """Expected SHA-256 of the encoder's model.safetensors, as 64 hexadecimal digits; another file
    is refused. null accepts any file, except for the default encoder, whose digest is known."""

    max_tokens: int = Field(256, ge=8, le=8192)
    """Maximum number of tokens that the encoder reads at once, 8 to 8192, including special tokens
    and, if text and target are read together, the target. Raise it for long articles; time grows
    at least in proportion."""

    long_text: Literal["head", "head_tail", "windows", "relevant"] = "head"
    """How articles of more than `max_tokens` are read; the title always is. `head`: the beginning.
    `head_tail`: beginning and end, half each. `windows`: the whole article in consecutive windows,
    whose vectors or scores are averaged; slower. `relevant`: the sentences that are most similar to
    the target (stance). `newsstand data` shows how much of the text each choice reads."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the encoder runs in training; `auto` uses a GPU if there is one."""

    def wordings(self, *, stance: bool) -> tuple[str, ...]:  # noqa: ARG002
        """The second texts of the pairs that an article is read in, with `{target}` placeholders.

        Args:
            stance: Whether articles have targets.
        """
        return ()

    def token_counter(self, *, stance: bool) -> "Callable[[Example], dict[str, tuple[int, int]]]":
        """A function from an example to token counts: those read by each `long_text`, and all."""
        from newsstand.encoders.torch_encoder import (
            token_counter,  # imports torch
        )

        folder = find_encoder(self.encoder, self.encoder_sha256)
        return token_counter(
            folder,
            max_tokens=self.max_tokens,
            wordings=self.wordings(stance=stance),
            stance=stance,
        )
