"""The strict config loader: every fault of a file or an override is one line that helps."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from newsstand.cli import app
from newsstand.config import Config, flatten
from newsstand.config_file import dump_config, load_config
from newsstand.config_models import PairsConfig
from newsstand.errors import ConfigError
from newsstand.text import RULES

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
RULE = next(iter(RULES))

Write = Callable[[str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes `c.yaml` into the working directory, so that messages are the same everywhere."""
    monkeypatch.chdir(tmp_path)

    def write(content: str | bytes) -> Path:
        path = Path("c.yaml")
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


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


def pairs(line: str) -> str:
    return model(line).replace("linear", "pairs").replace("task: topic", "task: stance")


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
            model("parts: {led: 1.0}"),
            "c.yaml:8: model.parts.led: unknown key; did you mean 'lead'?",
        ),
        (
            model("parts: {title: -1}"),
            "c.yaml:8: model.parts.title: expected greater than or equal to 0, got -1",
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
            "c.yaml:7: model.kind: expected 'linear' or 'pairs' or 'embedding' or 'transformer', "
            "got 'liner'; did you mean 'linear'?",
        ),
        # A model's keys are those of its own family.
        (
            edited("linear", "5"),
            "c.yaml:7: model.kind: expected 'linear' or 'pairs' or 'embedding' or 'transformer', "
            "got 5",
        ),
        (edited("  kind: linear", "  words: [1, 2]"), "c.yaml:6: model.kind: missing"),
        (
            edited("\n  kind: linear", " linear"),
            "c.yaml:6: model: expected keys and values, got 'linear'",
        ),
        (edited("model:\n  kind: linear\n", ""), "c.yaml: model: missing"),
        (
            pairs("hiden: 5"),
            "c.yaml:8: model.hiden: unknown key; did you mean 'hidden'?",
        ),
        (
            pairs("bits: 20"),
            "c.yaml:8: model.bits: unknown key (keys here: kind, terms, hidden, networks, epochs, "
            "learning_rate, dropout, l2, balance, refit)",
        ),
        (pairs("dropout: 1"), "c.yaml:8: model.dropout: expected less than 1, got 1"),
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


IMPOSSIBLE = [
    (
        "topic",
        "labels: favor-against-neutral",
        "labels: 'favor-against-neutral' is a stance scheme, but task is topic",
    ),
    (
        "stance",
        "labels: iptc-media-topics",
        "labels: 'iptc-media-topics' is a topic scheme, but task is stance",
    ),
    (
        "topic",
        "data: {format: tweeteval-stance, path: p}",
        "data.format: 'tweeteval-stance' holds stances, but task is topic",
    ),
    (
        "stance",
        "data: {format: tsv, path: p}",
        "data.format: 'tsv' rows have no target, but task is stance",
    ),
    (
        "topic",
        "data: {format: fnc1, path: p}",
        "data.format: 'fnc1' holds stances, but task is topic",
    ),
    (
        "topic",
        "data: {format: newsmtsc, path: p}",
        "data.format: 'newsmtsc' holds sentiments toward targets, but task is topic",
    ),
    (
        "stance",
        "data: {format: article-bias, path: p}",
        "data.format: 'article-bias' rows have no target, but task is stance",
    ),
    (
        "stance",
        "data: {format: fnc1, path: p, train: t}",
        "data.train: fnc1 takes no file names; leave it out",
    ),
    (
        "topic",
        "data: {format: article-bias}",
        "data.path: missing; format 'article-bias' needs it (data.path=… on the command line)",
    ),
    (
        "topic",
        "data: {format: corpus, path: p}",
        "data.path: the corpus is part of newsstand and has no path",
    ),
    (
        "topic",
        "data: {format: tsv}",
        "data.path: missing; format 'tsv' needs it (data.path=… on the command line)",
    ),
    (
        "topic",
        "data: {format: table, path: p, test: t}",
        "data.train: missing, but data.validation or data.test is given",
    ),
    (
        "topic",
        "data: {format: corpus, train: t}",
        "data.train: corpus takes no file names; leave it out",
    ),
    (
        "topic",
        "data: {format: table, path: 'hf:a/b', train: t}",
        "data.train: hf: takes no file names; leave it out",
    ),
    (
        "stance",
        "data: {format: table, path: p, split: {by: [outlet]}}",
        "data.split.by: only strategy 'grouped' or 'unseen' uses it, not 'stratified'",
    ),
    (
        "stance",
        "data: {format: table, path: p, split: {strategy: unseen}}",
        "data.split.by: missing; strategy 'unseen' needs a column, such as [outlet]",
    ),
    (
        "stance",
        "data: {format: table, path: p, split: {gap_days: 3}}",
        "data.split.gap_days: only strategy 'time' leaves a gap, not 'stratified'",
    ),
    (
        "stance",
        "data: {format: table, path: p, split: {hold_out: [Wire]}}",
        "data.split.hold_out: only strategy 'unseen' holds values out, not 'stratified'",
    ),
    (
        "stance",
        "data: {format: table, path: p, split: {strategy: unseen, by: [text], hold_out: [x], "
        "folds: 2}}",
        "data.split.hold_out: folds hold out each value in turn; leave one of the two out",
    ),
    (
        "stance",
        "data: {format: table, path: p, split: {strategy: given, ignore_given: true}}",
        "data.split.ignore_given: strategy 'given' keeps the given splits",
    ),
    (
        "stance",
        "data: {format: table, path: p, split: {fold: 1}}",
        "data.split.fold: a fold needs data.split.folds",
    ),
    (
        "stance",
        "data: {format: table, path: p, split: {folds: 3, fold: 3}}",
        "data.split.fold: expected 0 to 2, as there are 3 folds; got 3",
    ),
    (
        "topic",
        "model: {kind: linear, cross_target: true}",
        "model.cross_target: a topic model has no targets to cross with",
    ),
    (
        "topic",
        "model: {kind: linear, parts: {title: 1.0, lead: 0.5, near: 1.0, target: 0.0}}",
        "model.parts.near: a topic model has no targets",
    ),
    (
        "topic",
        "model: {kind: linear, epochs: 3}",
        "model.epochs: only classifier 'sgd' counts epochs; the others stop by themselves",
    ),
    (
        "topic",
        "model: {kind: embedding, cross_target: true}",
        "model.cross_target: a topic model has no targets to cross with",
    ),
    (
        "topic",
        "model: {kind: embedding, long_text: relevant}",
        "model.long_text: 'relevant' looks for a target, but task is topic",
    ),
    (
        "topic",
        "model: {kind: embedding, encoder_sha256: 53aa}",
        "model.encoder_sha256: expected a SHA-256: 64 digits from 0 to f, in quotes, got '53aa'",
    ),
    (
        "topic",
        "model: {kind: pairs}",
        "model.kind: 'pairs' compares an article with a target, but task is topic",
    ),
    (
        "topic",
        "tracking: {experiment: e, alias: best}",
        "tracking.alias: an alias needs tracking.register_as",
    ),
]


@pytest.mark.parametrize(("task", "line", "message"), IMPOSSIBLE)
def test_impossible_pairs(write: Write, task: str, line: str, message: str) -> None:
    key = line.partition(":")[0]
    sections = {
        "labels": "labels: [a, b]",
        "data": "data: {format: table, path: p}",
        "model": "model: {kind: linear}",
        "tracking": "tracking: {experiment: e}",
    }
    text = "\n".join([f"task: {task}", *(sections | {key: line}).values()])
    number = 2 + list(sections).index(key)
    assert problems(write(text)) == [f"c.yaml:{number}: {message}"]


def test_a_model_has_the_settings_of_its_own_family(write: Write) -> None:
    config = load_config(write(pairs("terms: 0")))
    assert isinstance(config.model, PairsConfig)
    assert (config.model.terms, config.model.hidden) == (0, 100)
    assert flatten(config)["model.kind"] == "pairs"
    assert load_config(write(dump_config(config))) == config
    [found] = problems(write(model("hidden: 5")))
    assert found.startswith("c.yaml:8: model.hidden: unknown key (keys here: kind, words, ")
    # Another family by override: the file's other settings are not its own.
    found = problems(write(model("bits: 12")), "model.kind=pairs", "task=stance")
    assert [line.partition(" (")[0] for line in found] == ["c.yaml:8: model.bits: unknown key"]


@pytest.mark.parametrize("override", ["export.size_mb=2", "export.weights=int8"])
def test_only_linear_models_are_made_smaller(write: Write, override: str) -> None:
    [found] = problems(write(pairs("terms: 0")), override)
    key = override.partition("=")[0]
    assert found == f"command line: {key}: only a linear model's weights can be made smaller"


def test_coded_labels_and_annotators_columns(write: Write) -> None:
    data = "  path: x\n  labels: {0: left, '1': center}\n  columns: {label: [ann1, ann2], body: b}"
    path = write(edited("  path: wire.csv", data))
    config = load_config(path)
    assert config.data.labels == {"0": "left", "1": "center"}
    assert config.data.columns == {"label": ("ann1", "ann2"), "body": "b"}
    assert load_config(path, ["data.columns={label: x}"]).data.columns == {"label": "x"}
    assert load_config(write(dump_config(config))) == config


def test_f_avg_names_must_be_labels_of_the_config(write: Write) -> None:
    text = edited("from-data", "[favor, against]")
    found = problems(write(text + "evaluation: {f_avg: [favor, agianst]}\n"))
    assert found == [
        "c.yaml:10: evaluation.f_avg: unknown label 'agianst'; did you mean 'against'?"
    ]
    load_config(write(text + "evaluation: {f_avg: [favor, against]}\n"))


def test_official_figures_need_their_labels(write: Write) -> None:
    wanted = "evaluation: {fnc_score: true, mae: true}\n"
    assert problems(write(edited("from-data", "from-data") + wanted)) == [
        "c.yaml:10: evaluation.fnc_score: the labels must be agree, disagree, discuss, unrelated",
        "c.yaml:10: evaluation.mae: list the labels in their order",
    ]
    load_config(write(edited("from-data", "[unrelated, discuss, agree, disagree]") + wanted))


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
        "c.yaml:4: data.format: expected 'corpus', 'table', 'tsv', 'tweeteval-stance', 'fnc1', "
        "'newsmtsc' or 'article-bias', got 'tabel'; did you mean 'table'?",
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


@pytest.mark.parametrize(
    "split",
    [
        "strategy: given",
        "strategy: grouped",
        "strategy: grouped, by: [outlet, author]",
        "strategy: time, gap_days: 7, folds: 2, fold: 1",
        "strategy: unseen, by: [target], hold_out: [a strike, '2024']",
        "strategy: random, ignore_given: true, validation: 0.0",
    ],
)
def test_splits_that_are_possible(write: Write, split: str) -> None:
    path = write(edited("  path: wire.csv\n", f"  path: wire.csv\n  split: {{{split}}}\n"))
    config = load_config(path)
    assert load_config(write(dump_config(config))) == config


def test_a_split_by_an_unknown_column(write: Write) -> None:
    text = "  path: wire.csv\n  split: {strategy: grouped, by: [outlets]}\n"
    assert problems(write(edited("  path: wire.csv\n", text))) == [
        "c.yaml:6: data.split.by.0: expected 'group', 'outlet', 'target', 'author' or 'text', "
        "got 'outlets'; did you mean 'outlet'?"
    ]
