"""Configs made in Python: the same checks and messages as for files, however they are made."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

from newsstand.config.data import DataConfig, SourceConfig, SplitConfig
from newsstand.config.linear import LinearConfig
from newsstand.config.loader import dump_config, load_config
from newsstand.config.schema import Config, TrackingConfig
from newsstand.errors import ConfigError

ROOT = Path(__file__).parents[2]
STANCES = "agree-disagree-discuss-unrelated"
PLAIN: Mapping[str, Any] = {
    "task": "topic",
    "labels": "from-data",
    "data": {"format": "table", "path": "wire.csv"},
    "model": {"kind": "linear"},
    "tracking": {"experiment": "desk"},
}
CONFLICT = f"'{STANCES}' is a stance scheme, but task is topic"


def problems(values: Any, **overrides: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        Config.from_dict(values, {key.replace("__", "."): x for key, x in overrides.items()})
    return caught.value.problems


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda x: x.stem)
def test_a_dict_makes_the_same_config_as_a_file(path: Path) -> None:
    overrides = ["data.path=x", "data.format=table"]
    if "public" in path.name:
        overrides = ["data.path=x"]
    plain = YAML(typ="safe", pure=True).load(path)
    given = {text.partition("=")[0]: text.partition("=")[2] for text in overrides}
    expected = load_config(path, overrides)
    assert Config.from_dict(plain, given) == expected
    assert Config.from_dict(json.loads(json.dumps(plain)), given) == expected
    assert Config.from_dict(expected.model_dump()) == expected
    assert Config.model_validate(expected.model_dump()) == expected
    assert Config.model_validate_json(expected.model_dump_json()) == expected


def test_overrides_replace_values_and_whole_sections() -> None:
    before = json.dumps(dict(PLAIN))
    config = Config.from_dict(
        MappingProxyType(dict(PLAIN)),
        {
            "model": LinearConfig(kind="linear", C=2.0, words=(1, 3)),
            "model.bits": 12,
            "data.columns": {"body": "text"},
            "text.strip": (),
        },
    )
    model = config.model
    assert isinstance(model, LinearConfig)
    assert (model.C, model.words, model.bits) == (2.0, (1, 3), 12)
    assert (config.data.columns, config.text.strip) == ({"body": "text"}, ())
    assert json.dumps(dict(PLAIN)) == before


def test_all_problems_at_once_with_their_keys() -> None:
    found = problems(
        {**PLAIN, "labels": STANCES, "trakcing": {}},
        model__C="x",
        model__parts={"title": 1.0},
        seed__a=1,
        task__a=1,
        data__split={"fold": 1},
    )
    assert found == [
        "task.a: 'task' is not a section",
        "seed: expected a whole number, got a section",
        "model.C: expected a number, got 'x'",
        "model.parts: unknown key; renamed to 'fields'",
        "trakcing: unknown key; did you mean 'tracking'?",
        f"labels: {CONFLICT}",
        "data.split.fold: a fold needs data.split.folds",
    ]
    assert problems({}) == [
        *(f"{key}: missing" for key in ("task", "labels", "data", "model", "tracking"))
    ]
    for value in (None, "topic", [PLAIN]):
        [found_] = problems(value, seed=1)
        assert found_.startswith("config: expected keys and values, got ")


def test_no_way_of_making_a_config_skips_the_checks() -> None:
    values = {**PLAIN, "labels": STANCES}
    sections = {
        "task": "topic",
        "labels": STANCES,
        "data": DataConfig(format="table", path="wire.csv"),
        "model": LinearConfig(kind="linear"),
        "tracking": TrackingConfig(experiment="desk"),
    }
    whole = Config.from_dict(PLAIN)
    for make in (
        lambda: Config.model_validate(values),
        lambda: Config.model_validate_json(json.dumps(values)),
        lambda: Config(**sections),
        lambda: Config.model_validate(whole.model_copy(update={"labels": STANCES})),
    ):
        with pytest.raises(ValidationError) as caught:
            make()
        [error] = caught.value.errors()
        assert (error["loc"], error["msg"]) == (("labels",), CONFLICT)
    assert Config(**{**sections, "labels": "from-data"}) == whole


def test_conflicts_of_section_objects_are_found_too() -> None:
    source = SourceConfig(format="table", path="a.csv", columns={"body": ("text", "lead")})
    held_out = SourceConfig(format="table", path="b.csv", split=SplitConfig(fold=1))
    data = DataConfig(sources=(source, held_out))
    assert problems({**PLAIN, "data": data, "model": LinearConfig(kind="linear", words=None)}) == [
        "data.sources.0.columns.body: expected one column; only label may have several",
        "data.sources.1.split.fold: a fold needs data.sources.1.split.folds",
        "model.words: words and chars are both null, so there are no features",
    ]


def test_messages_keep_braces() -> None:
    model = {"kind": "transformer", "hypotheses": {"favor": "It is good.", "against": "Bad."}}
    found = problems({**PLAIN, "task": "stance", "labels": ["favor", "against"], "model": model})
    assert found[0] == (
        "model.hypotheses.favor: expected text with {target} in place of the target, got "
        "'It is good.'"
    )


def test_a_dumped_config_is_a_dict_of_the_same() -> None:
    config = Config.from_dict(PLAIN, {"model.words": [1, 3]})
    assert Config.from_dict(YAML(typ="safe", pure=True).load(dump_config(config))) == config
