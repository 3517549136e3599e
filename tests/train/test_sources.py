"""Training on several sources: row weights, and metrics of each source."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch

from newsstand.config.loader import load_config
from newsstand.data.load import NewsData, load
from newsstand.models.base import FAMILIES
from newsstand.train.dataset import LabelledRows
from newsstand.train.evaluation.metrics import by_source
from newsstand.train.families.base import RunContext
from newsstand.train.finetune.row_weights import WeightedLoss, with_weights
from newsstand.train.finetune.tuning import NO_LABEL, Loss, Tuning
from newsstand.train.fit_checkpoint import FitCheckpoints
from small_fit import example

# Two sources with opposite labels of the same words: the one with the higher weight prevails.
CONFIG = """
task: topic
labels: [sport, economy]
seed: 5
data:
  near_duplicates: null
  sources:
    - {format: table, path: right.csv, name: right, weight: RIGHT}
    - {format: table, path: wrong.csv, name: wrong, only: [train, test]}
model: MODEL
tracking: {experiment: sources}
"""
WORDS = {"sport": "goal", "economy": "shares"}
TRANSFORMER = (
    "{kind: transformer, encoder: ENCODER, max_tokens: 24, device: cpu, precision: fp32, "
    "epochs: 8, batch_size: 8, learning_rate: 5e-3}"
)


def write_sources() -> None:
    for start, name, labels in ((0, "right", list(WORDS)), (50, "wrong", list(WORDS)[::-1])):
        lines = ["split,label,body"]
        for split in ("train", "train", "train", "validation", "test"):
            for label, word in zip(labels, WORDS.values(), strict=True):
                lines.append(f"{split},{label},the {word} {word} {start + len(lines)}")
        Path(f"{name}.csv").write_text("\n".join(lines) + "\n")


def loaded(model: str, weight: float) -> tuple[Any, NewsData]:
    write_sources()
    text = CONFIG.replace("MODEL", model).replace("RIGHT", str(weight))
    Path("s.yaml").write_text(text, encoding="utf-8")
    config = load_config("s.yaml")
    return config, load(config.loading())


@pytest.mark.parametrize(
    "model",
    [
        "{kind: linear, bits: 12}",
        "{kind: linear, bits: 12, classifier: logistic}",
        "{kind: linear, bits: 12, classifier: sgd, epochs: 20}",
        "{kind: embedding, encoder: ENCODER, max_tokens: 24, device: cpu, C: 100.0}",
    ],
)
def test_the_source_with_the_higher_weight_prevails(
    model: str, tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    queries = [example(f"the {word} {word} 99") for word in WORDS.values()]
    for weight, expected in ((50.0, [0, 1]), (0.02, [1, 0])):
        config, news = loaded(model.replace("ENCODER", str(tiny_encoder)), weight)
        rows = LabelledRows(news, news.numbers("train"))
        assert rows.weights is not None
        assert sorted(set(rows.weights)) == sorted({weight, 1.0})
        context = RunContext.alone(FitCheckpoints(news.folder, news.digest), tmp_path)
        trainer = FAMILIES[config.model.kind].trainer_class.of(config, context)
        found = trainer.fit(rows, rows).model
        assert found.forward(queries).argmax(axis=1).tolist() == expected


def test_equal_weights_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    _, news = loaded("{kind: linear}", 1.0)
    assert LabelledRows(news, news.numbers("train")).weights is None


@pytest.mark.parametrize("distilled", [False, True])
def test_a_weighted_loss_is_the_sum_of_each_rows_own(distilled: bool) -> None:
    tuning = Tuning(
        label_smoothing=0.1,
        focal_gamma=1.0,
        class_weight="balanced",
        teacher_weight=0.5 if distilled else 0.0,
        teacher_temperature=2.0,
    )
    rng = np.random.default_rng(3)
    numbers = np.array([0, 1, 1, 2])
    targets: Any = numbers
    if distilled:
        targets = np.hstack([np.eye(3)[numbers], rng.dirichlet(np.ones(3), 4)]).astype(np.float32)
    weights = np.array([2.0, 1.0, 0.5, 2.0])
    logits = torch.tensor(rng.normal(size=(4, 3)), dtype=torch.float32, requires_grad=True)
    plain = Loss(targets, 3, tuning)
    labels = torch.tensor(with_weights(targets, weights, 3))
    single = [plain({"logits": logits[[n]]}, torch.tensor(targets)[[n]], None) for n in range(4)]
    expected = sum(w * x.item() for w, x in zip(weights, single, strict=True))
    filler = torch.full((1, labels.shape[1]), float(NO_LABEL))
    # The Trainer counts the labels of the whole step, without those of padding rows.
    found = WeightedLoss(plain)(
        {"logits": torch.cat([logits, torch.zeros(1, 3)])},
        torch.cat([labels, filler]),
        labels.numel(),
    )
    assert found.item() == pytest.approx(expected / 4, rel=1e-5)
    found.backward()
    assert logits.grad is not None
    assert (logits.grad.abs().sum(dim=1) > 0).all()
    assert WeightedLoss(plain)({"logits": logits}, labels).item() == pytest.approx(
        expected / 4, rel=1e-5
    )


def test_fine_tuning_uses_source_weights_and_metrics_are_logged_by_source(
    tiny_encoder: Path, workplace: Path, cli: Callable[..., Any]
) -> None:
    write_sources()
    model = TRANSFORMER.replace("ENCODER", str(tiny_encoder))
    Path("s.yaml").write_text(CONFIG.replace("MODEL", model).replace("RIGHT", "9.0"))
    done = cli("train", "s.yaml", "--json")
    assert done.code == 0, done.err
    metrics = json.loads(done.out)["metrics"]
    names = {name for name in metrics if name.startswith("test/source/")}
    assert names == {
        f"test/source/{source}/{metric}"
        for source in ("right", "wrong")
        for metric in ("accuracy", "macro_f1", "rows")
    }
    assert metrics["test/source/right/accuracy"] == 1.0
    assert metrics["test/source/wrong/accuracy"] == 0.0
    assert metrics["test/source/right/rows"] == metrics["test/source/wrong/rows"] == 2.0
    shown = json.loads(cli("data", "s.yaml", "model={kind: linear}", "--json").out)
    assert shown["sources"] == {
        "right": {"train": 6, "validation": 2, "test": 2},
        "wrong": {"train": 6, "validation": 0, "test": 2},
    }
    output = cli("data", "s.yaml", "model={kind: linear}").out
    assert "source" in output
    assert "wrong" in output
    checked = cli("check", "s.yaml", "model={kind: linear}", "--json")
    assert checked.code in (0, 1)
    [ids] = [x for x in json.loads(checked.out) if x["check"] == "duplicate-ids"]
    assert ids["verdict"] == "ok"


def test_metrics_by_source_need_several_sources() -> None:
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]])
    truth = np.array([0, 1, 1])
    first = np.array([True, True, False])
    assert by_source(probabilities, truth, {"a": first | True}) == {}
    found = by_source(probabilities, truth, {"a": first, "b": ~first})
    assert found["source/a/accuracy"] == 0.5
    assert found["source/a/macro_f1"] == pytest.approx(1 / 3)
    assert (found["source/b/macro_f1"], found["source/b/rows"]) == (1.0, 1.0)
