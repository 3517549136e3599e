"""Turns validation errors of a config into one line each: key, what was expected, and a hint."""

from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from newsstand.config.lookup import Location, section_at
from newsstand.errors import did_you_mean

CONFLICT = "conflict"  # type of an error about settings that are each valid
# Keys that were renamed.
_RENAMED = {"parts": "fields"}
_EXPECTED = {
    "model_type": "expected keys and values",
    "model_attributes_type": "expected keys and values",
    "dict_type": "expected keys and values",
    "tuple_type": "expected a list",
    "string_type": "expected text (a number or a date in quotes)",
    "float_type": "expected a number",
    "int_type": "expected a whole number",
    "bool_type": "expected true or false",
}


def problems(
    error: ValidationError, root: type[BaseModel], values: Any
) -> list[tuple[Location, str]]:
    """The location and the message of each error.

    Args:
        error: The errors of a config.
        root: The class of the whole config.
        values: The plain values that were validated.
    """
    return [
        (details["loc"], _message(details, section_at(root, values, details["loc"][:-1])))
        for details in error.errors()
    ]


def conflict(at: Location, message: str, value: Any) -> InitErrorDetails:
    """An error about settings that are each valid but do not fit together."""
    return InitErrorDetails(type=PydanticCustomError(CONFLICT, message), loc=at, input=value)


def repeated(details: ErrorDetails) -> InitErrorDetails:
    """An error to raise again, located by the keys of the file alone."""
    at = details["loc"]
    if at[:2] == ("data", "sources") and at[3:4] == ("split",):
        at = (*at[:4], *at[5:])  # without the tag of the kind of split
    kind = PydanticCustomError(details["type"], details["msg"], details.get("ctx"))
    return InitErrorDetails(type=kind, loc=at, input=details["input"])


def dotted(at: Location) -> str:
    """A location as messages show it."""
    return ".".join(map(str, at)) or "config"


def _message(details: ErrorDetails, section: type[BaseModel] | None) -> str:
    kind, value = details["type"], details["input"]
    if kind == CONFLICT:
        return details["msg"]
    if kind == "missing":
        return "missing"
    if kind == "extra_forbidden":
        name, known = str(details["loc"][-1]), list(section.model_fields) if section else []
        if _RENAMED.get(name) in known:
            return f"unknown key; renamed to '{_RENAMED[name]}'"
        return f"unknown key{did_you_mean(name, known, 'keys here')}"
    message = _EXPECTED.get(kind) or details["msg"].replace("Input should be", "expected")
    hint = ""
    if value == "pairs" and details["loc"] == ("model", "kind"):
        hint = "; 'pairs' models are no longer supported"
    elif kind == "literal_error":
        hint = did_you_mean(str(value), [x.strip("'") for x in _choices(details)], None)
    return f"{message[0].lower() + message[1:]}, got {_short(value)}{hint}"


def _choices(details: ErrorDetails) -> list[str]:
    return str(details["ctx"]["expected"]).replace(" or ", ", ").split(", ")


def _short(value: Any) -> str:
    if isinstance(value, (dict, BaseModel)):
        return "a section"
    text = repr(value) if value is not None else "null"
    return text if len(text) <= 60 else text[:57] + "…"
