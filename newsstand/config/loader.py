"""Reads a config file strictly: YAML 1.2, overrides, and every problem reported at once.

Each problem comes with its line, its dotted key, what was expected and the nearest right name.
"""

import io
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.scalarbool import ScalarBoolean

from newsstand.cli.terminal import visible
from newsstand.config.checks import impossible
from newsstand.config.schema import Config
from newsstand.config.section import ModelSection
from newsstand.errors import ConfigError, did_you_mean
from newsstand.io.records import file_flaw, text_flaw
from newsstand.models.base import FAMILIES

# Where a key stands: the keys and list indices that lead to it.
Location = tuple[str | int, ...]


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Reads a config file, applies `key.sub=value` overrides, and checks everything.

    Raises:
        ConfigError: With all problems of the file and the overrides.
    """
    path = Path(path)
    raw, lines = _read(path)
    problems = _override(raw, lines, overrides)
    try:
        config = Config.model_validate(raw)
    except ValidationError as error:
        config = None
        found = [_fault(e, raw) for e in error.errors()]
    else:
        found = []
    seen = {loc for loc, _ in found}
    found += [
        (loc, message)
        for where, message in impossible(lambda key: _lookup(raw, key))
        if (loc := _location(where, raw)) not in seen
    ]
    problems += [f"{_place(path, loc, lines)}: {_dotted(loc)}: {text}" for loc, text in found]
    if problems or config is None:
        raise ConfigError(problems)
    return config


def dump_config(config: Config) -> str:
    """The resolved config as YAML, every key written out."""
    return dump_yaml(config.model_dump(mode="json"))


def dump_yaml(value: Any) -> str:
    """Plain values as block-style YAML, safe to show."""
    text = _dumped(value, unicode=True)
    return text if visible(text, lines=True) == text else _dumped(value, unicode=False)


def _dumped(value: Any, *, unicode: bool) -> str:
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.allow_unicode = unicode
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = 100
    stream = io.StringIO()
    yaml.dump(value, stream)
    return stream.getvalue()


def _read(path: Path) -> tuple[dict[str, Any], dict[Location, int]]:
    flaw = file_flaw(path) or text_flaw(path)
    if flaw:
        raise ConfigError(flaw)
    try:
        loaded = YAML(typ="rt").load(path.read_text(encoding="utf-8-sig"))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        reason = ", ".join(_one_line(x) for x in (error.context, error.problem) if x)
        raise ConfigError(f"{path}{line}: not valid YAML ({reason})") from None
    except YAMLError as error:
        raise ConfigError(f"{path}: not valid YAML ({_one_line(str(error))})") from None
    except RecursionError:
        raise ConfigError(f"{path}: not valid YAML (nested too deeply)") from None
    if not isinstance(loaded, CommentedMap):
        raise ConfigError(f"{path}:1: expected keys and values, such as 'task: topic'")
    lines: dict[Location, int] = {}
    plain = _plain(loaded, (), lines)
    assert isinstance(plain, dict)  # noqa: S101 - narrows the type; checked just above
    return plain, lines


def _plain(node: Any, at: Location, lines: dict[Location, int]) -> Any:
    """Plain values for pydantic, with the line of each key noted by its path."""
    if isinstance(node, CommentedMap):
        # Keys that a merge (`<<: *other`) brings in have no line of their own.
        for key, mark in (node.lc.data or {}).items():
            lines[(*at, str(key))] = mark[0] + 1
        return {str(key): _plain(value, (*at, str(key)), lines) for key, value in node.items()}
    if isinstance(node, CommentedSeq):
        for index, mark in (node.lc.data or {}).items():
            lines[(*at, index)] = mark[0] + 1
        return [_plain(value, (*at, index), lines) for index, value in enumerate(node)]
    if isinstance(node, ScalarBoolean):  # a bool with an anchor; bool has no subclasses
        return bool(node)
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node


def _override(
    raw: dict[str, Any], lines: dict[Location, int], overrides: Sequence[str]
) -> list[str]:
    problems = []
    keys = [text.partition("=")[0] for text in overrides]
    problems += [
        f"command line: {key}: given {keys.count(key)} times, expected once"
        for key in dict.fromkeys(keys)
        if keys.count(key) > 1
    ]
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals or not key:
            problems.append(f"command line: '{text}': expected KEY.SUB=VALUE")
            continue
        try:
            parsed = _plain(YAML(typ="rt").load(value), (), {})
        except YAMLError:
            hint = "; put it in quotes inside the quotes of the shell"
            problems.append(f"command line: {key}: value is not valid YAML: {value!r}{hint}")
            continue
        at = tuple(key.split("."))
        section: Any = raw
        for depth, parent in enumerate(at[:-1], start=1):
            if section.get(parent) is None:
                section[parent] = {}
                lines[at[:depth]] = 0
            section = section[parent]
            if not isinstance(section, dict):
                problems.append(f"command line: {key}: '{'.'.join(at[:depth])}' is not a section")
                break
        if not isinstance(section, dict):
            continue
        section[at[-1]] = parsed
        for deeper in [loc for loc in lines if loc[: len(at)] == at]:
            del lines[deeper]
        lines[at] = 0
    return problems


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


def _fault(error: Any, raw: Any) -> tuple[Location, str]:
    """Where in the file a fault is, and its message."""
    loc = tuple(error["loc"])
    if loc[:2] == ("data", "sources") and loc[3:4] == ("split",):  # and the kind of a split
        loc = (*loc[:4], *loc[5:])
    return loc, _describe(error, _section_at(loc[:-1], raw))


def _describe(error: Any, section: type[BaseModel] | None) -> str:
    kind, value = error["type"], error.get("input")
    if kind == "missing":
        return "missing"
    if kind == "extra_forbidden":
        known = list(section.model_fields) if section else []
        renamed = _RENAMED.get(str(error["loc"][-1]))
        if renamed in known:
            return f"unknown key; renamed to '{renamed}'"
        return f"unknown key{did_you_mean(str(error['loc'][-1]), known, 'keys here')}"
    message = _EXPECTED.get(kind) or str(error["msg"]).replace("Input should be", "expected")
    hint = ""
    if value == "pairs" and error["loc"] == ("model", "kind"):
        hint = "; 'pairs' models are no longer supported"
    elif kind == "literal_error":
        hint = did_you_mean(str(value), [x.strip("'") for x in _choices(error)], None)
    return f"{message[0].lower() + message[1:]}, got {_short(value)}{hint}"


def _choices(error: Any) -> list[str]:
    return str(error["ctx"]["expected"]).replace(" or ", ", ").split(", ")


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return "a section"
    text = repr(value) if value is not None else "null"
    return text if len(text) <= 60 else text[:57] + "…"


def _section_at(loc: Location, raw: Any) -> type[BaseModel] | None:
    section: type[BaseModel] | None = Config
    for key in loc:
        if isinstance(key, int):  # an entry of a list of sections
            raw = raw[key] if isinstance(raw, list) and key < len(raw) else None
            continue
        field = section.model_fields.get(key) if section else None
        raw = raw.get(key) if isinstance(raw, dict) else None
        section = _section_of(field.annotation, raw) if field else None
    return section


def _location(key: str, raw: Any) -> Location:
    """A dotted key as the keys and list indices that it is made of."""
    found: list[str | int] = []
    for part in key.split("."):
        if isinstance(raw, list) and part.isdigit():
            found.append(int(part))
            raw = raw[int(part)] if int(part) < len(raw) else None
        else:
            found.append(part)
            raw = raw.get(part) if isinstance(raw, dict) else None
    return tuple(found)


def _section_of(annotation: Any, raw: Any) -> type[BaseModel] | None:
    """The section that a field holds, alone, in a list or beside other kinds of values.

    Of a model, that of the family which the file's kind names.
    """
    found = next(iter(_sections(annotation)), None)
    if found is ModelSection:
        kind = raw.get("kind") if isinstance(raw, dict) else None
        return FAMILIES[kind].config_class if kind in list(FAMILIES) else None
    return found


def _sections(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (Union, types.UnionType, Annotated, tuple):
        return [found for option in get_args(annotation) for found in _sections(option)]
    return []


def _lookup(raw: Any, key: str) -> Any:
    """What the file says at a dotted key, else the field's default."""
    *parents, last = _location(key, raw)
    section = _section_at(tuple(parents), raw)
    for parent in parents:
        if isinstance(parent, int):
            raw = raw[parent] if parent < len(raw) else {}
        else:
            raw = raw.get(parent, {}) if isinstance(raw, dict) else {}
    if isinstance(raw, dict) and last in raw:
        return raw[last]
    field = section.model_fields.get(str(last)) if section else None
    return (
        None
        if field is None or field.is_required()
        else field.get_default(call_default_factory=True, validated_data={})
    )


def _place(path: Path, loc: Location, lines: dict[Location, int]) -> str:
    for length in range(len(loc), 0, -1):
        line = lines.get(loc[:length])
        if line is not None:
            return f"{path}:{line}" if line else "command line"
    return str(path)


def _dotted(loc: Location) -> str:
    return ".".join(map(str, loc))


def _one_line(text: str | None) -> str:
    return " ".join((text or "unreadable").split())
