"""The controls of a stance run: a model that does not read the target fails and has a warning."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from newsstand.config.loader import load_config
from newsstand.models.controls import FAILURES, NOT_SIMILAR
from newsstand.serve.scorer import load
from newsstand.train import controls
from newsstand.train.result import Result
from newsstand.train.run import train

CONFIG = """
task: stance
labels: favor-against-neutral
data: {format: table, path: rows.jsonl}
model: {kind: linear, words: [1, 1], bits: 12, C: 10.0}
tracking: {experiment: controls}
"""
GOOD, BAD = ("cheap", "fair", "clean", "quick"), ("dear", "rude", "dirty", "slow")


def write_rows(path: Path) -> None:
    """Texts for one of two things and against the other, which name a third.

    Every fifth validation text names none of them.
    """
    drawn = random.Random(3)
    with path.open("w", encoding="utf-8") as stream:
        for split, size in (("train", 60), ("validation", 30), ("test", 30)):
            for number in range(size):
                one, other = drawn.sample(("tram", "ferry"), 2)
                body = (
                    f"Report {split} {number}. The {one} is {drawn.choice(GOOD)}{one}. "
                    f"The {other} is {drawn.choice(BAD)}{other}. The bus runs."
                )
                if split == "validation" and number % 5 == 0:
                    body = f"Report {number}. One storm is {drawn.choice(GOOD)}, rain is not."
                for target, label in ((one, "favor"), (other, "against"), ("bus", "neutral")):
                    row = {"body": body, "target": f"the {target}", "label": label, "split": split}
                    stream.write(json.dumps(row) + "\n")


@pytest.fixture
def run(store: Path, tmp_path: Path, monkeypatch: Any, reporter: Any) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)
    write_rows(Path("rows.jsonl"))
    Path("c.yaml").write_text(CONFIG)
    return lambda *overrides: train(
        load_config("c.yaml", overrides), name="controls", reporter=reporter
    )


def test_a_model_that_does_not_read_the_target_fails(run: Callable[..., Result]) -> None:
    result = run()
    metrics = result.metrics
    assert metrics["test/target_changes_answer"] == metrics["test/flip_accuracy"] == 0
    assert metrics["test/side_change"] == 0
    assert metrics["test/flip_pairs"] == 30
    assert metrics["test/target_only_macro_f1"] > metrics["test/text_only_macro_f1"]
    assert result.warning == FAILURES["target_changes_answer"]
    scorer = load(result.bundle)
    assert scorer.bundle.controls is not None
    assert not scorer.bundle.controls.passed
    assert scorer.bundle.controls.least_similarity is None
    assert scorer.score("The tram is fair.", target="the tram").warning == result.warning


def test_a_model_that_reads_the_target_passes_and_the_seed_decides_the_sample(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = ("model.cross_target=true", "model.fields={near: 1.0, target: 1.0}")
    result = run(*asking)
    metrics = result.metrics
    assert metrics["test/target_changes_answer"] > 0.9
    assert metrics["test/side_change"] >= metrics["test/flip_accuracy"] > 0.5
    assert metrics["test/macro_f1"] > metrics["test/text_only_macro_f1"] + 0.1
    assert result.warning is None
    monkeypatch.setattr(controls, "_MAX_SWAPPED_ROWS", 20)
    monkeypatch.setattr(controls, "_MAX_TRAIN_ROWS", 50)
    fewer = [run(*asking).metrics for _ in range(2)]
    for name in ("test/target_changes_answer", "test/text_only_macro_f1"):
        assert fewer[0][name] == fewer[1][name]


def test_the_similarity_threshold_is_chosen_on_validation_rows(
    run: Callable[..., Result], tiny_encoder: Path
) -> None:
    settings = f"{{kind: transformer, encoder: {tiny_encoder}, epochs: 1, max_tokens: 24}}"
    result = run(f"model={settings}")
    scorer = load(result.bundle)
    assert scorer.bundle.controls is not None
    assert scorer.bundle.controls.least_similarity is not None
    rows = [json.loads(line) for line in Path("rows.jsonl").read_text().splitlines()]
    sided = [x for x in rows if x["split"] == "validation" and x["label"] != "neutral"]
    scores = scorer.score_many([x["body"] for x in sided], target=[x["target"] for x in sided])
    unfound = [NOT_SIMILAR in (score.warning or "") for score in scores]
    assert 0 < sum(unfound) <= 0.05 * len(sided)
