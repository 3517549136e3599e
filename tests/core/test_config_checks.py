"""What must fit together in a config: each impossible pair is one line that helps."""

import pytest

from config_texts import Write, edited, embedding, problems
from newsstand.config.loader import dump_config, load_config

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
        "model: {kind: linear, fields: {title: 1.0, lead: 0.5, near: 1.0, target: 0.0}}",
        "model.fields.near: a topic model has no targets",
    ),
    (
        "topic",
        "model: {kind: linear, epochs: 3}",
        "model.epochs: only classifier 'sgd' has epochs; the others stop when they converge",
    ),
    (
        "topic",
        "model: {kind: embedding, cross_target: true}",
        "model.cross_target: a topic model has no targets to cross with",
    ),
    (
        "topic",
        "model: {kind: embedding, long_text: relevant}",
        "model.long_text: 'relevant' needs a target, but task is topic",
    ),
    (
        "topic",
        "model: {kind: embedding, encoder_sha256: 53aa}",
        "model.encoder_sha256: expected a SHA-256: 64 digits from 0 to f, in quotes, got '53aa'",
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


@pytest.mark.parametrize("override", ["export.size_mb=2", "export.weights=int8"])
def test_only_linear_models_are_made_smaller(write: Write, override: str) -> None:
    [found] = problems(write(embedding("max_tokens: 64")), override)
    key = override.partition("=")[0]
    assert found == f"command line: {key}: only a linear model's weights can be made smaller"


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
        "c.yaml:10: evaluation.mae: needs the labels as a list in their order",
    ]
    load_config(write(edited("from-data", "[unrelated, discuss, agree, disagree]") + wanted))


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
