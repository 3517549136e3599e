"""Schemas of values in the description of a bundle, for the manifest and the models.

They are written for pydantic-core, the engine of pydantic: importing pydantic itself takes longer
than scoring an article.
"""

from collections.abc import Mapping, Sequence

from pydantic_core import PydanticCustomError
from pydantic_core import core_schema as cs

from newsstand.encoders.long_text import CHOICES

MOST_LABELS = 10_000
_LONGEST = 8  # words or characters of an n-gram, as in a config


def line(most: int) -> cs.CoreSchema:
    """The schema of one line of text with at most `most` characters."""
    return cs.str_schema(min_length=1, max_length=most, pattern=r"^[^\x00-\x1f\x7f]*$")


def fields(
    schemas: Mapping[str, cs.CoreSchema], *, optional: Sequence[str] = ()
) -> dict[str, cs.TypedDictField]:
    """The schemas of keys; all but the optional ones are required."""
    return {
        name: cs.typed_dict_field(schema, required=name not in optional)
        for name, schema in schemas.items()
    }


def typed(keys: Mapping[str, cs.TypedDictField]) -> cs.CoreSchema:
    """The schema of a mapping with these keys and no others."""
    return cs.typed_dict_schema(dict(keys), extra_behavior="forbid")


def encoder_fields() -> dict[str, cs.TypedDictField]:
    """The schemas of the keys that models with an encoder share."""
    return fields(
        {
            "max_tokens": cs.int_schema(ge=4, le=8192),
            "long_text": cs.literal_schema(list(CHOICES)),
            "onnx": cs.literal_schema(["int8"]),
            "embeddings": line(200),
        },
        optional=("onnx", "embeddings"),
    )


def _ordered(span: list[int]) -> list[int]:
    if span[0] > span[1]:
        raise PydanticCustomError("span", "expected [shortest, longest]")
    return span


# Shortest and longest n-gram, or null.
SPAN = cs.nullable_schema(
    cs.no_info_after_validator_function(
        _ordered, cs.list_schema(cs.int_schema(ge=1, le=_LONGEST), min_length=2, max_length=2)
    )
)
