"""A small config, its faults, and what the loader says of them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from newsstand.config.loader import load_config
from newsstand.errors import ConfigError

BASE = """\
task: topic
labels: from-data
data:
  format: table
  path: wire.csv
model:
  kind: linear
tracking:
  experiment: desk
"""
Write = Callable[[str | bytes], Path]


def problems(path: str | Path, *overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides)
    assert (
        str(caught.value).splitlines()[: len(caught.value.problems)] == caught.value.problems[:20]
    )
    return caught.value.problems


def edited(old: str, new: str) -> str:
    assert BASE.count(old) == 1
    return BASE.replace(old, new)


def model(line: str) -> str:
    return edited("  kind: linear\n", f"  kind: linear\n  {line}\n")


def embedding(line: str) -> str:
    return model(line).replace("linear", "embedding")
