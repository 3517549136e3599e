"""The settings of a config: every fault of a value or a key is one line that helps."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from config_texts import BASE, Write, edited, embedding, model, problems
from newsstand.cli.main import app
from newsstand.config.embedding import EmbeddingConfig
from newsstand.config.loader import dump_config, load_config
from newsstand.config.schema import Config, flatten
from newsstand.errors import ConfigError
from newsstand.text.normalize import RULES

RULE = next(iter(RULES))
LABELS = (
    "expected the name of a label scheme or a list of labels, each text (integers in quotes), got"
)
SCHEME = (
    "expected a list of labels or one of iptc-media-topics, favor-against-neutral, "
    "agree-disagree-discuss-unrelated, from-data"
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        # Unknown keys: path, line, nearest name; all names where none is near.
        (BASE + "trakcing: 1\n", "c.yaml:10: trakcing: unknown key; did you mean 'tracking'?"),
        (
            model("classifer: svc"),
            "c.yaml:8: model.classifer: unknown key; did you mean 'classifier'?",
        ),
        (
            BASE + "calibration:\n  qqq: 1\n",
            "c.yaml:11: calibration.qqq: unknown key (keys here: method)",
        ),
        (
            edited("  path: wire.csv\n", "  path: wire.csv\n  split:\n    tset: 0.1\n"),
            "c.yaml:7: data.split.tset: unknown key; did you mean 'test'?",
        ),
        (
            model("parts: {title: 1.0}"),
            "c.yaml:8: model.parts: unknown key; renamed to 'fields'",
        ),
        # Missing keys are reported at their section.
        (edited("task: topic\n", ""), "c.yaml: task: missing"),
        (edited("  experiment: desk", "  run_name: x"), "c.yaml:8: tracking.experiment: missing"),
        # Wrong types and values: what was expected, what is there.
        (
            edited("topic", "topics"),
            "c.yaml:1: task: expected 'topic' or 'stance', got 'topics'; did you mean 'topic'?",
        ),
        (edited("from-data", "5"), f"c.yaml:2: labels: {LABELS} 5"),
        (edited("from-data", ""), f"c.yaml:2: labels: {LABELS} null"),
        (edited("from-data", "{a: b}"), f"c.yaml:2: labels: {LABELS} a section"),
        (edited("from-data", "[left, 2]"), f"c.yaml:2: labels: {LABELS} ['left', 2]"),
        (edited("from-data", "[left, '']"), f"c.yaml:2: labels: {LABELS} ['left', '']"),
        (edited("from-data", "[a, b, a]"), "c.yaml:2: labels: a label is listed twice"),
        (edited("from-data", "[a]"), "c.yaml:2: labels: expected at least two labels"),
        (
            edited("from-data", "from-date"),
            f"c.yaml:2: labels: {SCHEME}; did you mean 'from-data'?",
        ),
        (
            model("words: 3"),
            "c.yaml:8: model.words: expected [shortest, longest], such as [1, 2], got 3",
        ),
        (
            model("chars: [1]"),
            "c.yaml:8: model.chars: expected [shortest, longest], such as [1, 2], got [1]",
        ),
        (
            model("words: [1, yes]"),
            "c.yaml:8: model.words: expected [shortest, longest], such as [1, 2], got [1, 'yes']",
        ),
        (
            model("chars: [0, 9]"),
            "c.yaml:8: model.chars: expected 1 <= shortest <= longest <= 8, got [0, 9]",
        ),
        (
            model("words: null"),
            "c.yaml:8: model.words: words and chars are both null, so there are no features",
        ),
        (model("bits: 20.5"), "c.yaml:8: model.bits: expected a whole number, got 20.5"),
        (model("bits: '20'"), "c.yaml:8: model.bits: expected a whole number, got '20'"),
        (
            model("fields: {led: 1.0}"),
            "c.yaml:8: model.fields.led: unknown key; did you mean 'lead'?",
        ),
        (
            model("fields: {title: -1}"),
            "c.yaml:8: model.fields.title: expected greater than or equal to 0, got -1",
        ),
        (model("C: 0"), "c.yaml:8: model.C: expected greater than or equal to 0.000001, got 0"),
        (model("C: .inf"), "c.yaml:8: model.C: expected a finite number, got inf"),
        (model("C: .nan"), "c.yaml:8: model.C: expected a finite number, got nan"),
        (model("idf: no"), "c.yaml:8: model.idf: expected true or false, got 'no'"),
        (
            edited("  experiment: desk", "  experiment: ''"),
            "c.yaml:9: tracking.experiment: string should have at least 1 character, got ''",
        ),
        (
            edited("linear", "liner"),
            "c.yaml:7: model.kind: expected 'linear', 'embedding' or 'transformer', got 'liner'; "
            "did you mean 'linear'?",
        ),
        # A model's keys are those of its own family.
        (
            edited("linear", "5"),
            "c.yaml:7: model.kind: expected 'linear', 'embedding' or 'transformer', got 5",
        ),
        (
            edited("linear", "pairs"),
            "c.yaml:7: model.kind: expected 'linear', 'embedding' or 'transformer', got 'pairs'; "
            "'pairs' models are no longer supported",
        ),
        (edited("  kind: linear", "  words: [1, 2]"), "c.yaml:6: model.kind: missing"),
        (
            edited("\n  kind: linear", " linear"),
            "c.yaml:6: model: expected keys and values, got 'linear'",
        ),
        (edited("model:\n  kind: linear\n", ""), "c.yaml: model: missing"),
        (
            embedding("ngram: null"),
            "c.yaml:8: model.ngram: unknown key; did you mean 'ngrams'?",
        ),
        (
            embedding("bits: 20"),
            "c.yaml:8: model.bits: unknown key (keys here: kind, refit, encoder, "
            "encoder_sha256, max_tokens, long_text, device, cross_target, fine_tune, precision, "
            "classifier, C, ngrams, class_weight)",
        ),
        (
            embedding("max_tokens: 1"),
            "c.yaml:8: model.max_tokens: expected greater than or equal to 8, got 1",
        ),
        (BASE + "text: dateline\n", "c.yaml:10: text: expected keys and values, got 'dateline'"),
        (
            BASE + "text:\n  strip: dateline\n",
            "c.yaml:11: text.strip: expected a list, got 'dateline'",
        ),
        (
            BASE + f"text:\n  strip: [{RULE}x]\n",
            f"c.yaml:11: text.strip: unknown rule '{RULE}x'; did you mean '{RULE}'?",
        ),
        (
            BASE + f"text:\n  strip:\n    - {RULE}\n    - {{a: b}}\n",
            "c.yaml:13: text.strip.1: expected text (a number or a date in quotes), got a section",
        ),
        (
            BASE + f"text:\n  strip:\n    - {RULE}\n    - 1\n",
            "c.yaml:13: text.strip.1: expected text (a number or a date in quotes), got 1",
        ),
        (
            edited("  path: wire.csv", "  path: x\n  columns: {body: 5}"),
            "c.yaml:6: data.columns.body: expected the name of a column, or a list of names, got 5",
        ),
        (
            edited("  path: wire.csv", "  path: x\n  columns: {label: []}"),
            "c.yaml:6: data.columns.label: expected the name of a column, or a list of names, "
            "got []",
        ),
        (
            edited("  path: wire.csv", "  path: x\n  columns: {body: [text, lead]}"),
            "c.yaml:6: data.columns.body: expected one column; only label may have several",
        ),
        (
            edited("  path: wire.csv", "  path: x\n  labels: {0: 1}"),
            "c.yaml:6: data.labels.0: expected text (a number or a date in quotes), got 1",
        ),
        (
            edited("  path: wire.csv", "  path: x\n  label_separator: ''"),
            "c.yaml:6: data.label_separator: string should have at least 1 character, got ''",
        ),
        (
            edited("  path: wire.csv", "  path: x\n  dates: day-frist"),
            "c.yaml:6: data.dates: expected 'day-first' or 'month-first', got 'day-frist'; "
            "did you mean 'day-first'?",
        ),
        # A key that belongs to nothing (and is not even text).
        (BASE + "sed: 1\n", "c.yaml:10: sed: unknown key; did you mean 'seed'?"),
    ],
)
def test_one_fault_is_one_message(write: Write, text: str, message: str) -> None:
    assert problems(write(text)) == [message]


def test_a_model_has_the_settings_of_its_own_family(write: Write) -> None:
    config = load_config(write(embedding("max_tokens: 64")))
    assert isinstance(config.model, EmbeddingConfig)
    assert (config.model.max_tokens, config.model.classifier) == (64, "logistic")
    assert flatten(config)["model.kind"] == "embedding"
    assert load_config(write(dump_config(config))) == config
    [found] = problems(write(model("max_tokens: 64")))
    assert found.startswith(
        "c.yaml:8: model.max_tokens: unknown key (keys here: kind, refit, words, "
    )
    # Another family by override: the file's other settings are not its own.
    found = problems(write(model("bits: 12")), "model.kind=embedding")
    assert [line.partition(" (")[0] for line in found] == ["c.yaml:8: model.bits: unknown key"]


def test_coded_labels_and_annotators_columns(write: Write) -> None:
    data = "  path: x\n  labels: {0: left, '1': center}\n  columns: {label: [ann1, ann2], body: b}"
    path = write(edited("  path: wire.csv", data))
    config = load_config(path)
    assert config.data.labels == {"0": "left", "1": "center"}
    assert config.data.columns == {"label": ("ann1", "ann2"), "body": "b"}
    assert load_config(path, ["data.columns={label: x}"]).data.columns == {"label": "x"}
    assert load_config(write(dump_config(config))) == config


def test_all_faults_at_once(write: Write) -> None:
    text = """\
task: topic
labels: favor-against-neutral
sede: 1
data: {format: tabel, train: 5, split: {test: 1.5}}
model:
  kind: linear
  cross_target: true
  C: none
tracking: {alias: best}
"""
    found = problems(write(text), "model.bits=9", "what")
    assert set(found) == {
        "command line: 'what': expected KEY.SUB=VALUE",
        "command line: model.bits: expected greater than or equal to 10, got 9",
        "c.yaml:2: labels: 'favor-against-neutral' is a stance scheme, but task is topic",
        "c.yaml:3: sede: unknown key; did you mean 'seed'?",
        "c.yaml:4: data.format: expected 'corpus', 'table', 'tsv', 'label-studio', 'doccano', "
        "'prodigy', "
        "'tweeteval-stance', 'fnc1', 'newsmtsc', 'article-bias', 'vast', 'argkp', 'iam' or "
        "'ibm-claims', got 'tabel'; "
        "did you mean 'table'?",
        "c.yaml:4: data.train: expected text (a number or a date in quotes), got 5",
        "c.yaml:4: data.split.test: expected less than 1, got 1.5",
        "c.yaml:7: model.cross_target: a topic model has no targets to cross with",
        "c.yaml:8: model.C: expected a number, got 'none'",
        "c.yaml:9: tracking.experiment: missing",
        "c.yaml:9: tracking.alias: an alias needs tracking.register_as",
    }
    assert len(found) == 11


@pytest.mark.parametrize(
    ("faults", "last"), [(20, None), (21, "… and 1 more problem"), (25, "… and 5 more problems")]
)
def test_many_faults_are_counted(write: Write, faults: int, last: str | None) -> None:
    path = write(BASE + "".join(f"x{n}: 1\n" for n in range(faults)))
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    lines = str(caught.value).splitlines()
    assert len(caught.value.problems) == faults
    assert lines[20:] == ([last] if last else [])


def test_schema_describes_every_setting() -> None:
    result = CliRunner().invoke(app, ["config", "--schema"])
    assert result.exit_code == 0
    schema = json.loads(result.stdout)
    undescribed = [where for where, field in _settings(schema) if not field.get("description")]
    assert undescribed == []
    assert schema["additionalProperties"] is False
    references = {x["$ref"] for x in _nodes(schema) if "$ref" in x}
    assert references == {f"#/$defs/{name}" for name in schema["$defs"]}
    types = {"object", "array", "string", "integer", "number", "boolean", "null"}
    assert {x["type"] for x in _nodes(schema) if isinstance(x.get("type"), str)} <= types
    assert set(schema["properties"]) == set(Config.model_fields)


def _settings(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for section in (schema, *schema["$defs"].values()):
        assert section["description"]
        for name, field in section["properties"].items():
            # A section's field that says the same as the section keeps its text there.
            target = schema["$defs"].get(field.get("$ref", "").rpartition("/")[2], {})
            yield f"{section['title']}.{name}", target | field


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _nodes(part)


def test_a_split_by_an_unknown_column(write: Write) -> None:
    text = "  path: wire.csv\n  split: {strategy: grouped, by: [outlets]}\n"
    assert problems(write(edited("  path: wire.csv\n", text))) == [
        "c.yaml:6: data.split.by.0: expected 'group', 'outlet', 'target', 'author' or 'text', "
        "got 'outlets'; did you mean 'outlet'?"
    ]
