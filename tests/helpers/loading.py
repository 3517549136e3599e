"""Loads rows as a config without further settings would, but for those that a test names."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from newsstand.config.data_specs import DataSpec, NearDuplicateSpec, ReadSpec, SourceSpec, SplitSpec
from newsstand.data.load import NewsData, load
from newsstand.progress import ProgressCallback
from newsstand.text.normalize import TextSpec

_OF_SOURCE = {field.name for field in fields(SourceSpec)}


def source(**settings: Any) -> SourceSpec:
    """A source; `read` as settings of `ReadSpec`, and `split` maybe as settings of `SplitSpec`."""
    settings["read"] = ReadSpec(**settings.get("read", {}))
    if isinstance(settings.get("split"), dict):
        settings["split"] = SplitSpec(**settings["split"])
    return SourceSpec(**settings)


def load_rows(
    *,
    sources: Sequence[SourceSpec] = (),
    split: dict[str, Any] | None = None,
    near_duplicates: dict[str, Any] | None = None,
    strict: bool = True,
    progress: ProgressCallback | None = None,
    **settings: Any,
) -> NewsData:
    """The rows of some sources, or of the one that the settings describe."""
    own = {name: settings.pop(name) for name in _OF_SOURCE & settings.keys()}
    near = None if near_duplicates is None else NearDuplicateSpec(**near_duplicates)
    usual = {"text": TextSpec(), "repeats": "drop", "seed": 0}
    spec = DataSpec(
        **{
            "sources": tuple(sources) or source(**own),
            "split": SplitSpec(**split or {}),
            "near_duplicates": near,
            **usual,
            **settings,
        }
    )
    return load(spec, strict=strict, progress=progress)
