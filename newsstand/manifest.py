"""The description of a bundle, `bundle.json`: read strictly, every value within bounds.

The schema is written for pydantic-core, the engine of pydantic's models: importing those takes
longer than scoring an article does.
"""

import json
import re
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic_core import PydanticCustomError, SchemaValidator, ValidationError
from pydantic_core import core_schema as cs

from newsstand.controls import FAILURES
from newsstand.errors import BundleError
from newsstand.hypotheses import CLASSES, TARGET
from newsstand.long_text import CHOICES
from newsstand.packing import Stored
from newsstand.parts import PARTS

FORMAT = 6
# Older formats that can still be read. A bundle of format 2 has weights in float32 only; one of
# format 3 may hold files that its description does not name, which are refused since; one of
# format 4 has no controls; one of format 5 has no n-grams beside an encoder's vectors.
READ = (2, 3, 4, 5, FORMAT)
MANIFEST = "bundle.json"

_MOST_BYTES = 4 << 20
_MOST_LABELS = 10_000
_LONGEST = 8  # words or characters of an n-gram, as in a config
_SHOWN = reprlib.Repr()
_SHOWN.maxstring = _SHOWN.maxother = 60


def _text(most: int) -> cs.CoreSchema:
    """Text of one line."""
    return cs.str_schema(min_length=1, max_length=most, pattern=r"^[^\x00-\x1f\x7f]*$")


def _section(*, optional: tuple[str, ...] = (), **fields: cs.CoreSchema) -> cs.CoreSchema:
    return cs.typed_dict_schema(
        {
            name: cs.typed_dict_field(schema, required=name not in optional)
            for name, schema in fields.items()
        },
        extra_behavior="forbid",
    )


def _ordered(span: list[int]) -> list[int]:
    if span[0] > span[1]:
        raise PydanticCustomError("span", "expected [shortest, longest]")
    return span


def _file(name: str) -> str:
    """A relative name with forward slashes that stays inside the folder."""
    parts = name.split("/")
    outside = any(part in ("", ".", "..") for part in parts)
    if outside or len(name) > 200 or name == MANIFEST or re.search(r"[\\:\x00-\x1f\x7f]", name):
        raise PydanticCustomError("file", "expected names of files inside the bundle's folder")
    return name


def _digest(value: str) -> str:
    if not re.fullmatch("[0-9a-f]{64}", value):
        raise PydanticCustomError("sha256", "expected a SHA-256 of 64 digits from 0 to f")
    return value


def _wording(value: str) -> str:
    if TARGET not in value:
        raise PydanticCustomError("wording", "expected text with {target}")
    return value


def _classes(names: list[str]) -> list[str]:
    if set(names) not in CLASSES or len(set(names)) < len(names):
        raise PydanticCustomError("classes", "expected the classes of an NLI network")
    return names


def _asked(wordings: list[str | None]) -> list[str | None]:
    if len(wordings) == wordings.count(None) or wordings.count(None) > 1:
        raise PydanticCustomError(
            "wordings", "expected a hypothesis for all labels, or all but one"
        )
    return wordings


_SPAN = cs.nullable_schema(
    cs.no_info_after_validator_function(
        _ordered, cs.list_schema(cs.int_schema(ge=1, le=_LONGEST), min_length=2, max_length=2)
    )
)
_ENCODER = {
    "max_tokens": cs.int_schema(ge=4, le=8192),
    "long_text": cs.literal_schema(list(CHOICES)),
    "onnx": cs.literal_schema(["int8"]),
    "embeddings": _text(200),
}
_HYPOTHESES = _section(
    wordings=cs.no_info_after_validator_function(
        _asked, cs.list_schema(cs.nullable_schema(_text(500)), max_length=_MOST_LABELS)
    ),
    classes=cs.no_info_after_validator_function(_classes, cs.list_schema(_text(100), max_length=3)),
)
_LINEAR = {
    "words": _SPAN,
    "chars": _SPAN,
    "bits": cs.int_schema(ge=10, le=24),
    "parts": cs.dict_schema(
        cs.literal_schema(list(PARTS)), cs.float_schema(ge=0, le=1e6, allow_inf_nan=False)
    ),
    "hashtags": cs.bool_schema(),
    "cross_target": cs.bool_schema(),
    "sublinear_tf": cs.bool_schema(),
    "idf": cs.bool_schema(),
    "min_df": cs.int_schema(ge=1, le=2**31 - 1),
    "stored": cs.literal_schema(list(get_args(Stored))),
}
_MODELS = {
    "linear": _section(
        optional=("stored",),  # which bundles of format 2 do not say
        kind=cs.literal_schema(["linear"]),
        **_LINEAR,
    ),
    "embedding": _section(
        optional=("onnx", "embeddings", "ngrams"),
        kind=cs.literal_schema(["embedding"]),
        ngrams=_section(optional=(), **_LINEAR),
        **_ENCODER,
    ),
    "transformer": _section(
        optional=("onnx", "embeddings", "mark_target", "target_as", "hypotheses"),
        kind=cs.literal_schema(["transformer"]),
        labels=cs.int_schema(ge=1, le=_MOST_LABELS),
        mark_target=cs.bool_schema(),
        target_as=cs.no_info_after_validator_function(_wording, _text(500)),
        hypotheses=_HYPOTHESES,
        **_ENCODER,
    ),
}
_CONTROLS = _section(
    optional=("least_likeness",),
    passed=cs.bool_schema(),
    failed=cs.list_schema(cs.literal_schema(list(FAILURES)), max_length=len(FAILURES)),
    figures=cs.dict_schema(
        _text(200), cs.float_schema(ge=0, le=1e9, allow_inf_nan=False), max_length=100
    ),
    least_likeness=cs.float_schema(ge=-1e6, le=1e6, allow_inf_nan=False),
)
_NUMBERS = cs.list_schema(
    cs.float_schema(ge=-1e6, le=1e6, allow_inf_nan=False), max_length=_MOST_LABELS
)
_VALIDATOR = SchemaValidator(
    _section(
        optional=("controls",),
        format=cs.literal_schema(list(READ)),
        newsstand=_text(100),
        task=cs.literal_schema(["topic", "stance"]),
        labels=_section(
            scheme=_text(200),
            names=cs.dict_schema(_text(500), _text(500), min_length=2, max_length=_MOST_LABELS),
        ),
        text=cs.dict_schema(cs.str_schema(), cs.any_schema(), max_length=100),
        model=cs.tagged_union_schema(_MODELS, discriminator="kind"),
        calibration=_section(
            method=cs.literal_schema(["temperature", "sigmoid"]), slope=_NUMBERS, offset=_NUMBERS
        ),
        controls=_CONTROLS,
        data=cs.dict_schema(_text(200), cs.any_schema(), max_length=100),
        versions=cs.dict_schema(_text(200), _text(200), max_length=100),
        files=cs.dict_schema(
            cs.no_info_after_validator_function(_file, cs.str_schema()),
            cs.no_info_after_validator_function(_digest, cs.str_schema()),
            min_length=1,
            max_length=1000,
        ),
    )
)


def read_bytes(path: Path) -> tuple[bytes, dict[str, Any]]:
    """A description's bytes and what they say, unchecked but for its format.

    Raises:
        BundleError: It cannot be read, is no JSON, or of an unknown format.
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
    found = manifest.get("format") if isinstance(manifest, dict) else None
    if type(found) is not int or found not in READ:
        known = ", ".join(map(str, READ[:-1]))
        raise BundleError(
            f"{path}: bundle format {_SHOWN.repr(found)}, this version of newsstand reads formats "
            f"{known} and {FORMAT}"
        )
    return raw, manifest


def checked(manifest: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The description itself, where every value is of its kind and within bounds.

    Raises:
        BundleError: One is not; the message names its key and what was expected.
    """
    try:
        found: dict[str, Any] = _VALIDATOR.validate_python(dict(manifest), strict=True)
    except ValidationError as error:
        raise BundleError(f"{path}: {_first(error)}") from None
    labels, calibration, model = found["labels"]["names"], found["calibration"], found["model"]
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
        raise BundleError(f"{path}: labels.names: expected a name of its own for each label")
    if model["kind"] == "linear" and model["words"] is None and model["chars"] is None:
        raise BundleError(f"{path}: model: expected words or chars, both are null")
    if flaw := _controls_flaw(found.get("controls"), found["task"], model):
        raise BundleError(f"{path}: controls: {flaw}")
    if model.get("labels", len(labels)) != len(labels):
        raise BundleError(
            f"{path}: model.labels: expected {len(labels)}, as there are labels, "
            f"got {model['labels']}"
        )
    asked = len(model["hypotheses"]["wordings"]) if "hypotheses" in model else len(labels)
    if asked != len(labels):
        raise BundleError(
            f"{path}: model.hypotheses.wordings: expected {len(labels)}, as there are labels, "
            f"got {asked}"
        )
    return found


def _controls_flaw(
    controls: Mapping[str, Any] | None, task: str, model: Mapping[str, Any]
) -> str | None:
    """What of the controls does not fit the rest, or None."""
    if controls is None:
        return None
    if task != "stance":
        return f"expected none, as the task is {task}"
    if controls["passed"] is bool(controls["failed"]):
        return "passed: expected true where nothing is in failed, else false"
    if "least_likeness" not in controls:
        return None
    if model["kind"] not in ("embedding", "transformer"):
        return f"least_likeness: expected none, as the model is {model['kind']}"
    if model["kind"] == "transformer" and "onnx" in model and "embeddings" not in model:
        return "least_likeness: expected none, as model.embeddings is missing"
    return None


# What was expected, where pydantic's own words are not those of this package.
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


def _first(error: ValidationError) -> str:
    """One line on the first thing that is wrong: its key, what was expected, what is there."""
    flaw = error.errors(include_url=False)[0]
    kind, keys = flaw["type"], [str(key) for key in flaw["loc"] if key != "[key]"]
    if keys[:1] == ["model"] and keys[1:2] in [[name] for name in _MODELS]:
        del keys[1]  # which of the union's members it is
    if kind.startswith("union_tag"):
        keys.append("kind")
    where = ".".join(_SHOWN.repr(key)[1:-1] for key in keys) or "description"
    if kind in ("missing", "union_tag_not_found"):
        return f"{where}: missing"
    if kind == "extra_forbidden":
        return f"{where}: unknown key"
    if kind == "union_tag_invalid":
        tag = _SHOWN.repr(flaw["input"].get("kind"))
        if tag == "'pairs'":
            again = "train a linear, embedding or transformer model instead"
            return f"{where}: {tag} models are no longer supported; {again}"
        return f"{where}: expected one of {', '.join(_MODELS)}, got {tag}"
    said = _EXPECTED.get(kind) or flaw["msg"].replace("Input should be", "expected")
    return f"{where}: {said}, got {_SHOWN.repr(flaw['input'])}"
