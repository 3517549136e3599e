"""Reads config files: YAML 1.2 with overrides, all problems reported at once.

Each problem has its line, its dotted key, what was expected and the nearest valid name.
"""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.scalarbool import ScalarBoolean

from newsstand.cli.terminal import visible
from newsstand.config.lookup import Location, set_value
from newsstand.config.lookup import plain as as_plain
from newsstand.config.problems import dotted, problems
from newsstand.config.schema import Config
from newsstand.errors import ConfigError
from newsstand.io.records import file_flaw, text_flaw


def load_config(path: str | Path, overrides: Sequence[str] | Mapping[str, Any] = ()) -> Config:
    """Reads a config file, applies overrides and checks everything.

    Args:
        path: A YAML file.
        overrides: Texts such as `model.C=0.5`, or a mapping of dotted keys to values; each replaces
            the value or section of its key.

    Raises:
        ConfigError: With all problems of the file and the overrides, each with its line, its key
            and what was expected.
    """
    path = Path(path)
    values, lines = read_yaml(path)
    if isinstance(overrides, Mapping):
        origin, flaws = "overrides", _set_all(values, lines, overrides)
    else:
        origin, flaws = "command line", _override(values, lines, overrides)
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        flaws += [
            f"{place(path, at, lines, origin)}: {dotted(at)}: {message}"
            for at, message in problems(error, Config, values)
        ]
    if flaws:
        raise ConfigError(flaws)
    return config


def dump_config(config: Config) -> str:
    """The resolved config as YAML, every key written out."""
    return dump_yaml(config.model_dump(mode="json"))


def dump_yaml(value: Any) -> str:
    """Plain values as block-style YAML that is safe to print."""
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


def read_yaml(path: Path) -> tuple[dict[str, Any], dict[Location, int]]:
    """The plain values of a YAML file, and the line of each location.

    Raises:
        ConfigError: It cannot be read, or holds no keys and values.
    """
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
    """Plain values for pydantic; adds the line of each key to `lines`."""
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
    values: dict[str, Any], lines: dict[Location, int], overrides: Sequence[str]
) -> list[str]:
    """Applies overrides; keys that they set have line 0. Returns the problems."""
    keys = [text.partition("=")[0] for text in overrides]
    flaws = [
        f"command line: {key}: given {keys.count(key)} times, expected once"
        for key in dict.fromkeys(keys)
        if keys.count(key) > 1
    ]
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals or not key:
            flaws.append(f"command line: '{text}': expected KEY.SUB=VALUE")
            continue
        try:
            parsed = _plain(YAML(typ="rt").load(value), (), {})
        except YAMLError:
            hint = "; put it in quotes inside the quotes of the shell"
            flaws.append(f"command line: {key}: value is not valid YAML: {value!r}{hint}")
            continue
        flaws += [f"command line: {flaw}" for flaw in _set_one(values, lines, key, parsed)]
    return flaws


def _set_all(
    values: dict[str, Any], lines: dict[Location, int], overrides: Mapping[str, Any]
) -> list[str]:
    """As `_override`, for values by dotted key."""
    return [
        f"overrides: {flaw}"
        for key, value in overrides.items()
        for flaw in _set_one(values, lines, key, as_plain(value))
    ]


def _set_one(values: dict[str, Any], lines: dict[Location, int], key: str, value: Any) -> list[str]:
    """Sets the value of a dotted key, with line 0. Returns the problem, if there is one."""
    try:
        added = set_value(values, key, value)
    except ValueError as error:
        return [f"{key}: {error}"]
    at = tuple(key.split("."))
    for deeper in [loc for loc in lines if loc[: len(at)] == at]:
        del lines[deeper]
    lines.update(dict.fromkeys([*added, at], 0))
    return []


def place(path: Path, loc: Location, lines: dict[Location, int], origin: str) -> str:
    """Where a location is in a file: `FILE:LINE`; `origin` for values of overrides."""
    for length in range(len(loc), 0, -1):
        line = lines.get(loc[:length])
        if line is not None:
            return f"{path}:{line}" if line else origin
    return str(path)


def _one_line(text: str | None) -> str:
    return " ".join((text or "unreadable").split())
