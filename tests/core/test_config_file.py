"""Config files and overrides: what is read, what is not, and what is written comes back."""

from pathlib import Path
from typing import Any

import pytest

from config_texts import BASE, Write, edited, model, problems
from newsstand.config.loader import dump_config, load_config
from newsstand.config.schema import flatten


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("model.C=2e-5", "model.C", 2e-5),
        ("model.C=3", "model.C", 3.0),
        ("tracking.run_name=no", "tracking.run_name", "no"),
        ("tracking.run_name=on", "tracking.run_name", "on"),
        ("tracking.run_name='5'", "tracking.run_name", "5"),
        ("tracking.experiment=", "tracking.experiment", None),
        ("model.idf=false", "model.idf", False),
        ("seed=010", "seed", 10),
        ("model.words=[1, 3]", "model.words", (1, 3)),
        ("model.words=null", "model.words", None),
        ("data.path=hf:owner/wire:en", "data.path", "hf:owner/wire:en"),
        ("data.path=a=b", "data.path", "a=b"),
        ("data.columns.body=text", "data.columns", {"body": "text"}),
        ("text.strip=[]", "text.strip", ()),
        ("labels=[left, right]", "labels", ("left", "right")),
    ],
)
def test_overrides_are_yaml_1_2(write: Write, override: str, key: str, value: Any) -> None:
    # `text:` without a value is an empty section.
    text = BASE + "text:\n" if key == "text.strip" else BASE
    text = text.replace("kind: linear\n", "kind: linear\n  chars: [3, 5]\n")
    if value is None and key == "tracking.experiment":
        expected = "expected text (a number or a date in quotes), got null"
        assert problems(write(text), override) == [f"command line: {key}: {expected}"]
        return
    found = flatten(load_config(write(text), [override]))[key]
    assert found == value
    assert type(found) is type(value)


def test_an_override_replaces_a_whole_section(write: Write) -> None:
    path = write(model("bits: 9").replace("9", "12"))
    assert load_config(path).model.bits == 12
    config = load_config(path, ["model={kind: linear, C: 2.0}", "model.C=3.0"])
    assert (config.model.bits, config.model.C) == (20, 3.0)
    assert problems(path, "model={kind: linear, bits: 9}") == [
        "command line: model.bits: expected greater than or equal to 10, got 9"
    ]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.C", "'model.C': expected KEY.SUB=VALUE"),
        ("=1", "'=1': expected KEY.SUB=VALUE"),
        ("modle.C=1", "modle: unknown key; did you mean 'model'?"),
        ("model.clasifier=svc", "model.clasifier: unknown key; did you mean 'classifier'?"),
        ("data=5", "data: expected keys and values, got 5"),
        ("labels.0=a", "labels.0: 'labels' is not a section"),
        ("task.a.b=1", "task.a.b: 'task' is not a section"),
        ("seed.a=1", "seed: expected a whole number, got a section"),
        (
            "data.train=*.csv",
            "data.train: value is not valid YAML: '*.csv'; put it in quotes inside the quotes of "
            "the shell",
        ),
        ("model.idf=yes", "model.idf: expected true or false, got 'yes'"),
        (
            "data.path=",
            "data.path: missing; format 'table' needs it (data.path=… on the command line)",
        ),
    ],
)
def test_bad_overrides_are_named_as_such(write: Write, override: str, message: str) -> None:
    assert problems(write(BASE), override) == [f"command line: {message}"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "c.yaml: the file is empty"),
        ("# later\n", "c.yaml:1: expected keys and values, such as 'task: topic'"),
        ("- task\n- topic\n", "c.yaml:1: expected keys and values, such as 'task: topic'"),
        ("topic\n", "c.yaml:1: expected keys and values, such as 'task: topic'"),
        (
            BASE.encode() + b"# caf\xe9\n",
            "c.yaml: byte 125: expected UTF-8 text (invalid continuation byte)",
        ),
        (BASE.encode("utf-16"), "c.yaml: byte 0: expected UTF-8 text, this looks like UTF-16"),
        (
            BASE + "task: stance\n",
            'c.yaml:10: not valid YAML (while constructing a mapping, found duplicate key "task" '
            'with value "stance" (original value: "topic"))',
        ),
        (
            model("kind: linear"),
            'c.yaml:8: not valid YAML (while constructing a mapping, found duplicate key "kind" '
            'with value "linear" (original value: "linear"))',
        ),
        (
            edited("  kind", "\tkind"),
            "c.yaml:7: not valid YAML (while scanning for the next token, found character '\\t' "
            "that cannot start any token)",
        ),
        (
            model("words: [1, 2"),
            "c.yaml:9: not valid YAML (while parsing a flow sequence, expected ',' or ']', but "
            "got ':')",
        ),
        (
            BASE + "---\na: 1\n",
            "c.yaml:10: not valid YAML (expected a single document in the stream, but found "
            "another document)",
        ),
        ("[" * 600, "c.yaml: not valid YAML (nested too deeply)"),
    ],
)
def test_unreadable_files(write: Write, content: str | bytes, message: str) -> None:
    assert problems(write(content)) == [message]


def test_paths_that_are_no_file(write: Write) -> None:
    write(BASE)
    Path("folder").mkdir()
    assert problems("gone.yaml") == ["gone.yaml: no such file"]
    assert problems("folder") == ["folder: expected a file, this is a folder"]
    assert problems("c.yaml/more") == ["c.yaml/more: cannot be read (Not a directory)"]
    [found] = problems("x" * 300)
    assert found.endswith(": cannot be read (File name too long)")


def test_anchors_merges_and_marks_load_as_what_they_mean(write: Write) -> None:
    text = """\
task: topic
labels: from-data
data: {format: table, path: wire.csv, split: &half {test: 0.5, ignore_given: &yes true}}
model:
  kind: linear
  refit: *yes
  idf: false
tracking: {experiment: desk}
"""
    config = load_config(write(b"\xef\xbb\xbf" + text.encode()))
    assert config.model.refit is True
    assert config.data.split.test == 0.5
    merged = text.replace("  idf: false", "  <<: {idf: false, bts: 12}")
    assert problems(write(merged)) == [
        "c.yaml:4: model.bts: unknown key; did you mean 'bits'?",
    ]


@pytest.mark.parametrize(
    "name",
    [
        "no",
        "~",
        "null",
        "1e5",
        "0x1F",
        "1_000",
        "1:30",
        "2024-01-01",
        ".inf",
        "- x",
        "a: b",
        "*g",
        "&g",
        "!x",
        "%x",
        "@x",
        "# h",
        "'q'",
        '"q"',
        "a #b",
        " pad ",
        "ü\u2028ü",
        "two\nlines",
        "\t",
        "{a}",
        "[a]",
        "=",
        "<<",
        "word " * 40,
        "\U0001f4f0",
    ],
)
def test_a_dumped_config_loads_as_the_same(write: Write, name: str) -> None:
    path = write(model("words: [1, 3]"))
    config = load_config(path)
    config = config.model_copy(
        update={"tracking": config.tracking.model_copy(update={"experiment": name})}
    )
    assert load_config(write(dump_config(config))) == config
