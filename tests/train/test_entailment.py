"""Models that start from an NLI network: without a fit, fitted, exported, and refused."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import newsstand
from newsstand.encoders.onnx_encoder import ExportedEncoder
from newsstand.io.bundle import Bundle, verify
from newsstand.models.hypotheses import Hypotheses
from newsstand.models.transformer import TransformerModel
from newsstand.train.finetune.entailment import GroupCollator, GroupLoss, Groups
from newsstand.train.finetune.trainer import Collator, TokenRows
from newsstand.train.finetune.tuning import NO_LABEL, Loss, Tuning
from tiny_nli import AGAINST, FAVOR, TARGETS, UNSEEN, make_nli, said, with_three_classes

CONFIG = f"""
task: stance
labels: favor-against-neutral
seed: 5
data: {{format: table, path: rows.csv, near_duplicates: null, repeats: keep}}
model:
  kind: transformer
  encoder: ENCODER
  hypotheses: {{favor: "{FAVOR}", against: "{AGAINST}"}}
  max_tokens: 48
  device: cpu
  precision: fp32
  epochs: 0
  batch_size: 4
  learning_rate: 5e-4
calibration: {{method: sigmoid}}
tracking: {{experiment: nli}}
"""
Train = Callable[..., Any]


@pytest.fixture(scope="module")
def nli(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_nli(tmp_path_factory.mktemp("nli"))


@pytest.fixture
def train(nli: Path, workplace: Path, cli: Train) -> Train:
    """`newsstand train`, where there are rows whose test targets are unseen, and a config."""
    splits = {"train": TARGETS[:3], "validation": TARGETS[2:], "test": UNSEEN}
    lines = [
        f"{split},{label},{target},{text}\n"
        for split, targets in splits.items()
        for text, target, label in said(targets)
    ]
    Path("rows.csv").write_text("split,label,target,body\n" + "".join(lines))
    Path("c.yaml").write_text(CONFIG.replace("ENCODER", str(nli)))
    return lambda *more: cli("train", "c.yaml", *more)


def result(done: Any) -> dict[str, Any]:
    assert done.code == 0, done.err
    return dict(json.loads(done.out))


def here(bundle: Path) -> list[dict[str, float]]:
    """What this process scores."""
    texts = [text for text, _, _ in said(UNSEEN)]
    targets = [target for _, target, _ in said(UNSEEN)]
    scores = newsstand.load(bundle).score_many(texts, target=targets)
    return [dict(score.probabilities) for score in scores]


def scored(bundle: Path) -> list[dict[str, float]]:
    """What another process scores."""
    rows = [{"body": text, "target": target} for text, target, _ in said(UNSEEN)]
    Path("given.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = [str(Path(sys.executable).parent / "newsstand"), "score", "--format", "jsonl"]
    done = subprocess.run(
        [*command, "--model", str(bundle), "given.jsonl"], capture_output=True, check=True
    )
    return [json.loads(line)["probabilities"] for line in done.stdout.splitlines()]


def test_without_a_fit_it_classifies_unseen_targets(train: Train, nli: Path) -> None:
    done = train("--json")
    found = result(done)
    assert "nothing is fitted, as model.epochs is 0" in done.err
    assert found["metrics"]["test/macro_f1"] > 0.9
    bundle = Path(found["bundle"])
    assert verify(bundle) == 8
    model = Bundle.load(bundle).model
    assert isinstance(model, TransformerModel)
    assert model.hypotheses == Hypotheses((FAVOR, AGAINST, None), ("entailment", "not_entailment"))
    [kept, given] = (weights_in(path) for path in (bundle / "encoder", nli))
    assert kept == given
    assert here(bundle)[0]["favor"] > 0.5


def weights_in(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def test_a_fit_starts_from_the_network_and_its_hypotheses(train: Train, nli: Path) -> None:
    # The other way round, so that there is something to learn: who praises is against.
    rows = [line.split(",") for line in Path("rows.csv").read_text().splitlines()]
    swapped = {"favor": "against", "against": "favor"}
    lines = [",".join([row[0], swapped.get(row[1], row[1]), *row[2:]]) for row in rows]
    Path("rows.csv").write_text("\n".join(lines))
    found = result(train("--json", "model.epochs=10", "model.learning_rate=3e-3"))
    assert found["metrics"]["test/macro_f1"] > 0.6  # as it came: at most .34
    bundle = Path(found["bundle"])
    assert weights_in(bundle / "encoder") != weights_in(nli)
    assert here(bundle) == scored(bundle)


def test_three_classes_in_another_order_are_exported(
    train: Train, nli: Path, tmp_path: Path
) -> None:
    three = with_three_classes(nli, tmp_path / "three")
    found = result(train("--json", f"model.encoder={three}", "export.onnx=int8"))
    assert found["metrics"]["test/macro_f1"] > 0.9
    bundle = Bundle.load(Path(found["bundle"]))
    assert isinstance(bundle.model, TransformerModel)
    assert isinstance(bundle.model.encoder, ExportedEncoder)
    assert bundle.model.hypotheses is not None
    assert bundle.model.hypotheses.classes == ("contradiction", "entailment", "neutral")
    assert verify(Path(found["bundle"])) == 8


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            ["model.encoder=PLAIN"],
            "model.hypotheses: PLAIN/config.json has no labels, expected entailment, neutral and "
            "contradiction, or entailment and not_entailment",
        ),
        (
            ["labels=from-data", "model.hypotheses={for: 'For {target}', against: 'No {target}'}"],
            "model.hypotheses.for: no row has this label",
        ),
        (
            ["labels=from-data", "model.hypotheses={favor: 'For {target}'}"],
            "model.hypotheses: missing for against, neutral; only one label may have none",
        ),
        (
            ["model.max_tokens=8"],
            f"model.hypotheses: '{FAVOR}' takes more than the half of model.max_tokens (8)",
        ),
        (["model.hypotheses=null"], "model.epochs: expected 1 or more"),
    ],
)
def test_invalid_hypotheses_are_errors_of_one_line(
    train: Train, nli: Path, more: Sequence[str], message: str
) -> None:
    plain = str(nli.parent / "plain")
    done = train(*(part.replace("PLAIN", plain) for part in more))
    assert done.code == 2
    assert "Traceback" not in done.err
    assert message.replace("PLAIN", plain) in done.err
    assert not Path("mlruns").exists() or not list(Path("mlruns").glob("*/*"))


def test_the_hypotheses_of_a_text_are_one_row_of_the_loss() -> None:
    rows = [{"input_ids": [7] * (n + 1), "labels": n // 2} for n in range(6)]
    groups = Groups(TokenRows(rows), 2)
    assert len(groups) == 3
    filler = groups[3]  # after the last: padding rows
    assert [row["labels"] for row in filler] == [NO_LABEL] * 2
    batch = GroupCollator(Collator(0), 2)([groups[2], groups[0], filler])
    assert batch["input_ids"].shape == (6, 6)
    assert batch["labels"].tolist() == [2, 0, NO_LABEL]
    hypotheses = Hypotheses((FAVOR, AGAINST, None), ("entailment", "not_entailment"))
    logits = torch.randn(6, 2, generator=torch.Generator().manual_seed(1))
    plain = Loss(np.array([0, 1, 2]), 3, Tuning())
    found = GroupLoss(plain, hypotheses)({"logits": logits}, batch["labels"])
    scores = torch.tensor(hypotheses.scores(logits.numpy().reshape(3, 2, 2)))
    assert found == pytest.approx(plain({"logits": scores}, batch["labels"]))
