"""Several sources in a config: what the loader gets of them, and what is refused."""

from pathlib import Path

import pytest

from config_texts import Write, problems
from newsstand.config.data import CsvConfig, DataConfig, NearDuplicatesConfig, SplitConfig
from newsstand.config.data_specs import DataSpec, NearDuplicateSpec, ReadSpec, SourceSpec, SplitSpec
from newsstand.config.loader import dump_config, load_config
from newsstand.config.schema import flatten
from newsstand.io.records import CsvFormat
from newsstand.text.normalize import TextSpec

CONFIG = """\
task: stance
labels: favor-against-neutral
data:
  path: sets
  sources:
    - {format: corpus}
    - {format: vast, path: vast, unseen_only: true, weight: 0.5, only: [train]}
    - {format: table, path: hf:desk/stances, columns: {body: text}}
    - {format: table, path: /abs/w.csv, split: test}
    - {format: table, path: ~/x, name: table, split: {strategy: unseen, by: [target]}}
    - {format: table}
model: {kind: linear}
tracking: {experiment: x}
"""


def test_each_source_has_a_name_a_place_and_settings_of_its_own(write: Write) -> None:
    config = load_config(write(CONFIG))
    sources = config.loading().sources
    assert isinstance(sources, tuple)
    assert [(x.name, x.format, x.path) for x in sources] == [
        ("corpus", "corpus", None),
        ("vast", "vast", str(Path("sets", "vast"))),
        ("table-2", "table", "hf:desk/stances"),
        ("table-3", "table", "/abs/w.csv"),
        ("table", "table", "~/x"),
        ("table-4", "table", "sets"),
    ]
    second, third, fourth, fifth = sources[1:5]
    assert (second.weight, second.only, second.unseen_only) == (0.5, ("train",), True)
    assert (second.split, fourth.split) == (None, "test")
    assert fifth.split == SplitSpec(strategy="unseen", by=("target",))
    assert third.read == ReadSpec(columns={"body": "text"})
    assert config.data.origin()["form"] == "corpus, vast, table, table, table, table"
    assert flatten(config)["data.sources.1.weight"] == 0.5


def test_a_config_of_sources_is_dumped_as_it_is_read(write: Write) -> None:
    config = load_config(write(CONFIG))
    assert load_config(write(dump_config(config))) == config


def test_all_faults_of_sources_at_once(write: Write) -> None:
    text = """\
task: stance
labels: favor-against-neutral
data:
  format: table
  csv: {delimiter: ";"}
  sources:
    - {format: vast, path: v, weight: 0}
    - {format: argkp, train: x, name: a/b}
    - format: tsv
      path: c
      split: sideways
    - {path: d, name: q, nam: 3}
    - {format: table, path: e, name: q, unseen_only: true, only: [dev]}
    - {format: corpus, path: f, split: {strategy: tim, gap_days: 2}}
    - 7
model: {kind: linear}
tracking: {experiment: x}
"""
    beside = "not with data.sources, where each source has its own; leave it out"
    one_split = "'given', 'random', 'stratified', 'grouped', 'time' or 'unseen'"
    assert set(problems(write(text))) == {
        f"c.yaml:4: data.format: {beside}",
        f"c.yaml:5: data.csv.delimiter: {beside}",
        "c.yaml:7: data.sources.0.weight: expected greater than 0, got 0",
        "c.yaml:8: data.sources.1.path: missing; format 'argkp' needs it (data.path=… on the "
        "command line)",
        "c.yaml:8: data.sources.1.train: argkp takes no file names; leave it out",
        "c.yaml:8: data.sources.1.name: expected letters, digits, '_', '-' and '.', got 'a/b'",
        "c.yaml:9: data.sources.2.format: 'tsv' rows have no target, but task is stance",
        "c.yaml:11: data.sources.2.split: expected 'train', 'validation', 'test' or 'none', "
        "got 'sideways'",
        "c.yaml:12: data.sources.3.format: missing",
        "c.yaml:12: data.sources.3.nam: unknown key; did you mean 'name'?",
        "c.yaml:13: data.sources.4.only.0: expected 'train', 'validation' or 'test', got 'dev'",
        "c.yaml:13: data.sources.4.unseen_only: only format 'vast' marks unseen topics, "
        "not 'table'",
        "c.yaml:13: data.sources.4.name: 'q' is also the name of another source",
        "c.yaml:14: data.sources.5.path: the corpus is part of newsstand and has no path",
        "c.yaml:14: data.sources.5.split.gap_days: only strategy 'time' leaves a gap, not 'tim'",
        f"c.yaml:14: data.sources.5.split.strategy: expected {one_split}, got 'tim'; "
        "did you mean 'time'?",
        "c.yaml:15: data.sources.6: expected keys and values, got 7",
    }


@pytest.mark.parametrize("sources", ["[]", "corpus", "{format: corpus}"])
def test_sources_are_a_list(write: Write, sources: str) -> None:
    found = problems(write(CONFIG), f"data.sources={sources}")
    assert "command line: data.sources: expected a list" in found[0]


def test_every_setting_reaches_the_loader(write: Write) -> None:
    text = """\
task: topic
labels: from-data
seed: 7
data:
  format: table
  path: p
  train: a.csv
  columns: {body: text}
  labels: {x: y}
  fold_case: true
  label_separator: "|"
  dates: day-first
  dates_strict: true
  empty_bodies: keep
  csv: {delimiter: ";", quote: double, header: false, encoding: cp1252}
  max_columns: 9
  repeats: keep
  near_duplicates: {share: 0.7, window_days: 3}
  split: {strategy: unseen, by: [outlet], validation: 0.3, test: 0.4, hold_out: [Wire]}
text: {max_characters: 99}
model: {kind: linear}
tracking: {experiment: x}
"""
    assert load_config(write(text)).loading() == DataSpec(
        task="topic",
        labels="from-data",
        sources=SourceSpec(
            format="table",
            path="p",
            files={"train": "a.csv", "validation": None, "test": None},
            csv=CsvFormat(delimiter=";", quote='"', header=False, encoding="cp1252"),
            max_columns=9,
            read=ReadSpec(
                columns={"body": "text"},
                labels={"x": "y"},
                separator="|",
                dates="day-first",
                dates_strict=True,
                empty_bodies="keep",
                fold_case=True,
            ),
        ),
        text=TextSpec(max_characters=99),
        repeats="keep",
        near_duplicates=NearDuplicateSpec(share=0.7, window_days=3),
        split=SplitSpec(
            strategy="unseen", by=("outlet",), validation=0.3, test=0.4, hold_out=("Wire",)
        ),
        seed=7,
    )


def test_a_config_that_says_nothing_has_the_defaults_of_the_plain_objects() -> None:
    assert SplitConfig().spec() == SplitSpec()
    assert NearDuplicatesConfig().spec() == NearDuplicateSpec()
    files = dict.fromkeys(("train", "validation", "test"))
    assert DataConfig(format="table").spec() == SourceSpec(format="table", files=files)
    assert CsvConfig().spec() == CsvFormat()
