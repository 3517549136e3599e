"""Training targets: annotators' votes, and a teacher's probabilities."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mlflow import MlflowClient

from newsstand.io.bundle import Bundle
from newsstand.text.article import Article
from newsstand.train.finetune.tuning import NO_LABEL, Loss, Tuning

LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.5, 0.5, 1.0]])


def cross_entropy(shares: list[float], logits: torch.Tensor) -> float:
    odds = torch.softmax(logits, dim=0).tolist()
    return -sum(share * float(np.log(odd)) for share, odd in zip(shares, odds, strict=True))


def test_soft_labels_are_the_targets_of_cross_entropy() -> None:
    shares = torch.tensor([[0.75, 0.25, 0.0], [0.0, 0.0, 1.0]])
    loss = Loss(shares.numpy(), 3, Tuning())
    expected = [cross_entropy(x.tolist(), y) for x, y in zip(shares, LOGITS, strict=True)]
    assert float(loss({"logits": LOGITS}, shares)) == pytest.approx(np.mean(expected))
    # The Trainer counts the numbers of all labels; the sum is divided by the rows.
    assert float(loss({"logits": LOGITS}, shares, 12)) == pytest.approx(sum(expected) / 4)
    # Shares of 0 and 1 are labels.
    whole = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    tuning = Tuning(label_smoothing=0.1, focal_gamma=2.0, class_weight="balanced")
    one = Loss(np.array([0, 0, 1, 2]), 3, tuning)({"logits": LOGITS}, torch.tensor([0, 2]))
    rows = np.eye(3)[[0, 0, 1, 2]]
    assert float(Loss(rows, 3, tuning)({"logits": LOGITS}, whole)) == pytest.approx(float(one))


def test_balanced_weights_count_shares() -> None:
    shares = np.array([[0.5, 0.5], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    weights = Loss(shares, 2, Tuning(class_weight="balanced")).weights
    np.testing.assert_allclose(weights, [4 / (2 * 3.5), 4 / (2 * 0.5)])


def test_the_divergence_from_a_teacher_has_its_temperature() -> None:
    tuning = Tuning(teacher_weight=0.25, teacher_temperature=2.0, label_smoothing=0.1)
    theirs = torch.tensor([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]])
    labels = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])  # the second has none
    targets = torch.cat([labels, theirs], dim=1)
    found = float(Loss(targets.numpy(), 3, tuning)({"logits": LOGITS}, targets))
    usual = cross_entropy([0.9 + 0.1 / 3, 0.1 / 3, 0.1 / 3], LOGITS[0])
    far = [
        4 * (cross_entropy(x.tolist(), y / 2) + sum(p * np.log(p) for p in x.tolist()))
        for x, y in zip(theirs, LOGITS, strict=True)
    ]
    assert found == pytest.approx((0.75 * usual + 0.25 * far[0] + 0.25 * far[1]) / 2, rel=1e-5)
    filled = torch.cat([targets, torch.full((1, 6), float(NO_LABEL))])
    three = torch.cat([LOGITS, LOGITS[:1]])
    loss = Loss(targets.numpy(), 3, tuning)
    assert float(loss({"logits": three}, filled, 12)) == pytest.approx(found)


CONFIG = """
task: topic
labels: [sport, weather]
seed: 5
data:
  {format: table, path: rows.csv, near_duplicates: null, repeats: keep, columns: COLUMNS}
model:
  {kind: transformer, encoder: ENCODER, max_tokens: 24, device: cpu, precision: fp32, epochs: 1,
   batch_size: 4, learning_rate: 1e-2}
tracking: {experiment: targets}
"""
TEXTS = {
    "sport": ["The striker scored twice.", "The coach praised the goalkeeper.", "A penalty."],
    "weather": ["Rain on the coast.", "Snow fell overnight.", "Strong winds and heavy rain."],
}


@pytest.fixture
def run(tiny_encoder: Path, workplace: Path, cli: Callable[..., Any]) -> Callable[..., Any]:
    """Trains on rows that three annotators gave labels, in a working directory of their own."""
    lines = ["split,label,second,third,body"]
    for split in (*["train"] * 40, "validation", "test"):
        for label, texts in TEXTS.items():
            other = "weather" if label == "sport" else "sport"
            lines += [f"{split},{label},{label},{other},{text}" for text in texts]
    Path("rows.csv").write_text("\n".join(lines) + "\n")
    text = CONFIG.replace("ENCODER", str(tiny_encoder))
    Path("votes.yaml").write_text(text.replace("COLUMNS", "{label: [label, second, third]}"))
    Path("plain.yaml").write_text(text.replace("COLUMNS", "{}"))

    def started(*settings: str) -> Any:
        done = cli("train", *settings, "--json")
        errors.append(done.err)
        return json.loads(done.out) if done.code == 0 else done.err.splitlines()[-1]

    errors: list[str] = []
    started.errors = errors  # type: ignore[attr-defined]
    return started


def certainty(result: Any, *, calibrated: bool = False) -> float:
    """The mean probability of the predicted labels of the training texts."""
    bundle = Bundle.load(Path(result["bundle"]))
    plain = replace(bundle, calibration=replace(bundle.calibration, slope=(1.0,)))
    if calibrated:
        plain = bundle
    examples = [bundle.encode(Article(body=text)) for texts in TEXTS.values() for text in texts]
    return float(plain.probabilities(examples).max(axis=1).mean())


def test_votes_lower_the_certainty_of_a_model(run: Callable[..., Any]) -> None:
    sure, unsure = (
        certainty(run("votes.yaml", f"model.soft_labels={x}")) for x in ("false", "true")
    )
    assert sure > 0.9
    assert unsure < 0.8
    assert run("plain.yaml", "model.soft_labels=true").startswith(
        "newsstand: model.soft_labels: no training row has votes of several annotators; list"
    )


def test_a_student_learns_the_certainty_of_its_teacher(run: Callable[..., Any]) -> None:
    teacher = run("votes.yaml", "model.soft_labels=true")
    alone = run("plain.yaml")
    Path("more.jsonl").write_text(
        "".join(
            json.dumps({"body": body}) + "\n"
            for body in ("Hail and rain.", "Rain on the coast.", "A late goal.")
        )
    )
    distilled = [f"model.teacher.bundle={teacher['bundle']}", "model.teacher.weight=1.0"]
    student = run("plain.yaml", *distilled, "model.teacher.unlabelled=more.jsonl")
    # One of the three is the text of a test row.
    assert "also on 2 unlabelled articles (1 left out: their texts are in" in run.errors[-1]
    sure = certainty(teacher, calibrated=True)
    assert abs(certainty(student) - sure) < abs(certainty(alone) - sure) / 2
    Path("more.jsonl").write_text('{"body": 5}\n{"body": "Hail."}\noops\n')
    refused = run("plain.yaml", *distilled, "model.teacher.unlabelled=more.jsonl")
    assert "more.jsonl:3, column 1: expected a JSON object" in refused
    params = MlflowClient().get_run(student["run_id"]).data
    assert params.tags["newsstand.teacher"] == teacher["bundle_hash"]


def test_an_unsuitable_teacher_is_refused(
    run: Callable[..., Any], small: Bundle, small_stance: Bundle
) -> None:
    small_stance.save(Path("stance"))
    error = run("plain.yaml", "model.teacher.bundle=stance")
    assert error == "newsstand: model.teacher.bundle: a stance model, but task is topic"
    small.save(Path("topic"))
    error = run("plain.yaml", "model.teacher.bundle=topic")
    assert error.startswith(
        "newsstand: model.teacher.bundle: its labels differ from those of the data"
    )
    error = run("plain.yaml", "model.teacher.bundle=nowhere")
    assert error.startswith("newsstand: nowhere: no such bundle folder (models in MLflow are")
