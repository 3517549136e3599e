"""Looks up settings by their dotted keys in the plain values of a config."""

import types
from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias, Union, get_args, get_origin

from pydantic import BaseModel

from newsstand.config.section import ModelSection
from newsstand.models.base import FAMILIES

# The keys and list indices that lead to a setting.
Location: TypeAlias = tuple[str | int, ...]


def plain(value: Any) -> Any:
    """A value with sections and mappings as dicts of text keys, and sequences of them as lists."""
    if isinstance(value, BaseModel):
        return {name: plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list) or (
        isinstance(value, tuple) and any(isinstance(x, (BaseModel, Mapping)) for x in value)
    ):
        return [plain(inner) for inner in value]
    return value


def lookup(root: type[BaseModel], values: Any, key: str) -> Any:
    """The value at a dotted key, or its default.

    Args:
        root: The class of the whole config.
        values: Plain values, valid or not.
        key: Keys and list indices, joined by dots.
    """
    *parents, last = location(key, values)
    section = section_at(root, values, tuple(parents))
    for parent in parents:
        if isinstance(parent, int):
            values = values[parent] if parent < len(values) else {}
        else:
            values = values.get(parent, {}) if isinstance(values, dict) else {}
    if isinstance(values, dict) and last in values:
        return values[last]
    field = section.model_fields.get(str(last)) if section else None
    return (
        None
        if field is None or field.is_required()
        else field.get_default(call_default_factory=True, validated_data={})
    )


def location(key: str, values: Any) -> Location:
    """A dotted key as a tuple of keys and list indices."""
    keys: list[str | int] = []
    for name in key.split("."):
        if isinstance(values, list) and name.isdigit():
            keys.append(int(name))
            values = values[int(name)] if int(name) < len(values) else None
        else:
            keys.append(name)
            values = values.get(name) if isinstance(values, dict) else None
    return tuple(keys)


def set_value(values: dict[str, Any], key: str, value: Any) -> list[Location]:
    """Sets the value at a dotted key; missing sections are added.

    Returns:
        The locations of the added sections.

    Raises:
        ValueError: A key before the last one holds something other than a section.
    """
    *parents, last = key.split(".")
    added: list[Location] = []
    section: Any = values
    for depth, parent in enumerate(parents, start=1):
        if section.get(parent) is None:
            section[parent] = {}
            added.append(tuple(parents[:depth]))
        section = section[parent]
        if not isinstance(section, dict):
            raise ValueError(f"'{'.'.join(parents[:depth])}' is not a section")
    section[last] = value
    return added


def section_at(root: type[BaseModel], values: Any, at: Location) -> type[BaseModel] | None:
    """The class of the section at a location, or None if the location is not a section."""
    section: type[BaseModel] | None = root
    for key in at:
        if isinstance(key, int):  # an entry of a list of sections
            values = values[key] if isinstance(values, list) and key < len(values) else None
            continue
        field = section.model_fields.get(key) if section else None
        values = values.get(key) if isinstance(values, dict) else None
        section = _section_of(field.annotation, values) if field else None
    return section


def _section_of(annotation: Any, values: Any) -> type[BaseModel] | None:
    """The class of the section that a field can hold, alone, in a list or beside other values.

    For `model`, the class of the family that the values name as their kind.
    """
    section = next(iter(_sections(annotation)), None)
    if section is ModelSection:
        kind = values.get("kind") if isinstance(values, dict) else None
        return FAMILIES[kind].config_class if kind in list(FAMILIES) else None
    return section


def _sections(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (Union, types.UnionType, Annotated, tuple):
        return [section for option in get_args(annotation) for section in _sections(option)]
    return []
