"""Reads and validates the description of a bundle, `bundle.json`.

The schema is written for pydantic-core, the engine of pydantic: importing pydantic itself takes
longer than scoring an article.
"""

import json
import re
import reprlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic_core import PydanticCustomError, SchemaValidator, ValidationError
from pydantic_core import core_schema as cs

from newsstand.errors import BundleError
from newsstand.io.schemas import MOST_LABELS, fields, line, typed
from newsstand.models.base import FAMILIES
from newsstand.models.controls import FAILURES

FORMAT = 8
# Older formats that can still be read. Format 2 stores weights in float32 only; format 3 allows
# files that the description does not name, which are now refused; format 4 has no controls;
# format 5 has no n-grams beside an encoder's vectors; formats 2 to 6 have other names for the keys
# in `_RENAMED`; format 7 has no reference data.
READ = (2, 3, 4, 5, 6, 7, FORMAT)
# Keys of formats 2 to 6, and their names since format 7.
_RENAMED = {
    ("model", "parts"): "fields",
    ("model", "ngrams", "parts"): "fields",
    ("controls", "figures"): "metrics",
    ("controls", "least_likeness"): "least_similarity",
}
MANIFEST = "bundle.json"

_MOST_BYTES = 4 << 20
_SHOWN = reprlib.Repr()
_SHOWN.maxstring = _SHOWN.maxother = 60


def _file(name: str) -> str:
    """Checks that a name is a relative path with forward slashes that stays inside the folder."""
    parts = name.split("/")
    outside = any(part in ("", ".", "..") for part in parts)
    if outside or len(name) > 200 or name == MANIFEST or re.search(r"[\\:\x00-\x1f\x7f]", name):
        raise PydanticCustomError("file", "expected names of files inside the bundle's folder")
    return name


def _digest(value: str) -> str:
    if not re.fullmatch("[0-9a-f]{64}", value):
        raise PydanticCustomError("sha256", "expected a SHA-256 of 64 digits from 0 to f")
    return value


_CONTROLS = typed(
    fields(
        {
            "passed": cs.bool_schema(),
            "failed": cs.list_schema(cs.literal_schema(list(FAILURES)), max_length=len(FAILURES)),
            "metrics": cs.dict_schema(
                line(200), cs.float_schema(ge=0, le=1e9, allow_inf_nan=False), max_length=100
            ),
            "least_similarity": cs.float_schema(ge=-1e6, le=1e6, allow_inf_nan=False),
        },
        optional=("least_similarity",),
    )
)
_NUMBERS = cs.list_schema(
    cs.float_schema(ge=-1e6, le=1e6, allow_inf_nan=False), max_length=MOST_LABELS
)
_LABELS = {
    "scheme": line(200),
    "names": cs.dict_schema(line(500), line(500), min_length=2, max_length=MOST_LABELS),
}
_CALIBRATION = {
    "method": cs.literal_schema(["temperature", "sigmoid"]),
    "slope": _NUMBERS,
    "offset": _NUMBERS,
}
_VALIDATOR = SchemaValidator(
    typed(
        fields(
            {
                "format": cs.literal_schema(list(READ)),
                "newsstand": line(100),
                "task": cs.literal_schema(["topic", "stance"]),
                "labels": typed(fields(_LABELS)),
                "text": cs.dict_schema(cs.str_schema(), cs.any_schema(), max_length=100),
                "model": cs.dict_schema(cs.str_schema(), cs.any_schema(), max_length=100),
                "calibration": typed(fields(_CALIBRATION)),
                "controls": _CONTROLS,
                "data": cs.dict_schema(line(200), cs.any_schema(), max_length=100),
                "versions": cs.dict_schema(line(200), line(200), max_length=100),
                "files": cs.dict_schema(
                    cs.no_info_after_validator_function(_file, cs.str_schema()),
                    cs.no_info_after_validator_function(_digest, cs.str_schema()),
                    min_length=1,
                    max_length=1000,
                ),
            },
            optional=("controls",),
        )
    )
)


def read_bytes(path: Path) -> tuple[bytes, dict[str, Any]]:
    """The bytes of a description and their JSON value, of which only the format is checked.

    Raises:
        BundleError: The file is unreadable, not JSON, or of an unknown format.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(_MOST_BYTES + 1)
        if len(raw) > _MOST_BYTES:
            raise BundleError(f"{path}: damaged, longer than {_MOST_BYTES:,} bytes")
        manifest = json.loads(raw)
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path}: damaged, not valid JSON ({error})") from None
    number = manifest.get("format") if isinstance(manifest, dict) else None
    if type(number) is not int or number not in READ:
        known = ", ".join(map(str, READ[:-1]))
        raise BundleError(
            f"{path}: bundle format {_SHOWN.repr(number)}, this version of newsstand reads formats "
            f"{known} and {FORMAT}"
        )
    return raw, manifest


def checked(manifest: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The description with the keys of the newest format, if each value is valid.

    Args:
        manifest: A description of any format that can be read, without its `sha256`.
        path: Its file, for messages.

    Raises:
        BundleError: A value has the wrong type or is out of bounds; the message names its key
            and what was expected.
    """
    values = dict(manifest)
    if values.get("format") in (2, 3, 4, 5, 6):
        for keys, name in _RENAMED.items():
            values = _renamed(values, keys, name)
    try:
        valid: dict[str, Any] = _VALIDATOR.validate_python(values, strict=True)
    except ValidationError as error:
        raise BundleError(f"{path}: {_first(error)}") from None
    valid["model"] = _checked_model(valid["model"], path)
    labels, calibration = valid["labels"]["names"], valid["calibration"]
    sigmoid = calibration["method"] == "sigmoid"
    for key, expected in (
        ("slope", len(labels) if sigmoid else 1),
        ("offset", sigmoid * len(labels)),
    ):
        if len(calibration[key]) != expected:
            raise BundleError(
                f"{path}: calibration.{key}: expected {expected} numbers for "
                f"{len(labels)} labels, got {len(calibration[key])}"
            )
    if len(set(labels.values())) < len(labels):
        raise BundleError(f"{path}: labels.names: expected a different name for each label")
    if flaw := _controls_flaw(valid.get("controls"), valid["task"]):
        raise BundleError(f"{path}: controls: {flaw}")
    return valid


def _renamed(values: Any, keys: Sequence[str], name: str) -> Any:
    """Nested values in which the key at the end of `keys`, if present, is called `name`."""
    first, *rest = keys
    if not isinstance(values, dict) or first not in values:
        return values
    if rest:
        return {**values, first: _renamed(values[first], rest, name)}
    return {name if key == first else key: value for key, value in values.items()}


def _checked_model(settings: dict[str, Any], path: Path) -> dict[str, Any]:
    """The settings of a model, if each is valid for its family."""
    if "kind" not in settings:
        raise BundleError(f"{path}: model.kind: missing")
    kind = settings["kind"]
    if kind == "pairs":
        again = "train a linear, embedding or transformer model instead"
        raise BundleError(f"{path}: model.kind: 'pairs' models are no longer supported; {again}")
    if kind not in list(FAMILIES):  # the value may not be hashable
        raise BundleError(
            f"{path}: model.kind: expected one of {', '.join(FAMILIES)}, got {_SHOWN.repr(kind)}"
        )
    keys = fields({"kind": cs.literal_schema([kind])})
    schema = typed(keys | FAMILIES[kind].model_class.settings_schema())
    try:
        valid: dict[str, Any] = SchemaValidator(schema).validate_python(settings, strict=True)
    except ValidationError as error:
        raise BundleError(f"{path}: {_first(error, 'model')}") from None
    return valid


def _controls_flaw(controls: Mapping[str, Any] | None, task: str) -> str | None:
    """Why the controls contradict other values, or None."""
    if controls is None:
        return None
    if task != "stance":
        return f"expected none, as the task is {task}"
    if controls["passed"] is bool(controls["failed"]):
        return "passed: expected true if failed is empty, otherwise false"
    return None


# Messages that replace those of pydantic, by error type.
_EXPECTED = {
    "string_pattern_mismatch": "expected text of one line",
    "string_unicode": "expected text without lone surrogates",
    "string_type": "expected text",
    "int_type": "expected a whole number",
    "float_type": "expected a number",
    "bool_type": "expected true or false",
    "list_type": "expected a list",
    "dict_type": "expected keys and values",
    "model_attributes_type": "expected keys and values",
}


def _first(error: ValidationError, *section: str) -> str:
    """One line about the first error: its key, what was expected and the value."""
    flaw = error.errors(include_url=False)[0]
    kind = flaw["type"]
    keys = [*section, *(str(key) for key in flaw["loc"] if key != "[key]")]
    where = ".".join(_SHOWN.repr(key)[1:-1] for key in keys) or "description"
    if kind == "missing":
        return f"{where}: missing"
    if kind == "extra_forbidden":
        return f"{where}: unknown key"
    expected = _EXPECTED.get(kind) or flaw["msg"].replace("Input should be", "expected")
    return f"{where}: {expected}, got {_SHOWN.repr(flaw['input'])}"
