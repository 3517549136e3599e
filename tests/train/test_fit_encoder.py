"""Fine-tuning: it learns, is repeatable and resumable, and reports errors."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from newsstand.encoders.libraries import use_bf16
from newsstand.errors import NewsstandError
from newsstand.io.bundle import Bundle, verify
from newsstand.labels import LabelSet
from newsstand.models.calibration import Calibration
from newsstand.models.transformer import TransformerModel
from newsstand.serve.explain import find_evidence
from newsstand.serve.scorer import Scorer
from newsstand.text.article import Article
from newsstand.text.example import Example
from newsstand.text.normalize import TextSpec
from newsstand.train.evaluation.metrics import metrics
from newsstand.train.finetune.checkpoints import (
    best_share,
    last_checkpoint,
)
from newsstand.train.finetune.lora import Lora
from newsstand.train.finetune.tuning import Loss
from small_fit import QUICK, TOPICS, Killed, example, fit, opened, rows, same, weights

LONG = " ".join(text for texts in TOPICS.values() for text in texts) * 2


def metrics_of(model: TransformerModel, examples: list[Example], labels: Any) -> float:
    scores = model.forward(examples)
    odds = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return metrics(odds, labels, ["0", "1", "2"])["macro_f1"]


def test_it_overfits_a_few_rows(tiny_encoder: Path, tmp_path: Path) -> None:
    logged: list[tuple[dict[str, float], int]] = []
    tuning = replace(QUICK, epochs=25, learning_rate=2e-3, evaluations=1)
    model = fit(tiny_encoder, tmp_path, tuning, log=lambda *entry: logged.append(entry))
    examples, labels = rows()
    right = (model.forward(examples).argmax(axis=1) == labels).mean()
    assert right > 0.9
    named = {name for values, _ in logged for name in values}
    assert {"loss", "learning_rate", "macro_f1", "accuracy"} <= named
    # The model is the best of all checkpoints, not the last.
    validation_f1 = [values["macro_f1"] for values, _ in logged if "macro_f1" in values]
    scores = metrics_of(model, examples[::2], labels[::2])
    assert scores == pytest.approx(max(validation_f1))


def test_a_curriculum_uses_the_rows_of_each_stage_and_resumes(
    tiny_encoder: Path, tmp_path: Path
) -> None:
    examples, labels = rows()
    stages = 1 + np.arange(len(labels)) % 3
    tuning = replace(QUICK, curriculum=(1, 2), epochs=9, evaluations=0)
    whole = fit(tiny_encoder, tmp_path / "whole", tuning, stages=stages)
    used = stages < 3  # the others are never used
    data = [example for example, x in zip(examples, used, strict=True) if x], labels[used]
    others = fit(tiny_encoder, tmp_path / "used", tuning, data=data, stages=stages[used])
    assert same(whole, others)
    assert not same(whole, fit(tiny_encoder, tmp_path / "plain", replace(QUICK, evaluations=0)))
    with pytest.raises(Killed):
        fit(tiny_encoder, tmp_path / "cut", tuning, stages=stages, kill=5)
    assert same(fit(tiny_encoder, tmp_path / "cut", tuning, stages=stages), whole)
    assert best_share(tmp_path / "whole") == 1.0


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    tiny_encoder: Path, tmp_path: Path, whole: TransformerModel
) -> None:
    assert same(fit(tiny_encoder, tmp_path / "again"), whole)
    assert not same(fit(tiny_encoder, tmp_path / "other", seed=8), whole)


@pytest.mark.parametrize("steps", [(1,), (3, 8), (5, 6, 7), (15,)])
def test_an_interrupted_fit_ends_with_the_weights_of_an_uninterrupted_one(
    tiny_encoder: Path, tmp_path: Path, whole: TransformerModel, steps: tuple[int, ...]
) -> None:
    for step in steps:
        with pytest.raises(Killed):
            fit(tiny_encoder, tmp_path, kill=step)
    assert same(fit(tiny_encoder, tmp_path), whole)


def test_a_fit_without_evaluations_ends_at_a_given_share_of_steps(
    tiny_encoder: Path, tmp_path: Path, whole: TransformerModel
) -> None:
    # Of the 15 steps with evaluations, the best checkpoint is kept beside the last.
    fit(tiny_encoder, tmp_path / "evaluated")
    share = best_share(tmp_path / "evaluated")
    assert 0.1 < share <= 1
    for _ in range(2):  # the second time, the fit is finished
        assert same(fit(tiny_encoder, tmp_path / "fixed", until=share), whole)
    with pytest.raises(Killed):
        fit(tiny_encoder, tmp_path / "killed", until=share, kill=2)
    assert same(fit(tiny_encoder, tmp_path / "killed", until=share), whole)
    assert not same(fit(tiny_encoder, tmp_path / "shorter", until=share / 2), whole)


def test_a_fit_that_had_stopped_early_is_not_resumed(tiny_encoder: Path, tmp_path: Path) -> None:
    # With this learning rate, no evaluation is better than the first.
    tuning = replace(QUICK, epochs=4, learning_rate=1e-9, patience=2)
    steps: list[int] = []
    model = fit(tiny_encoder, tmp_path, tuning, log=lambda _, step: steps.append(step))
    assert max(steps) == 6
    again: list[int] = []
    assert same(fit(tiny_encoder, tmp_path, tuning, log=lambda _, step: again.append(step)), model)
    assert again == []


def test_a_nan_loss_is_an_error_and_keeps_the_last_checkpoint(
    tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = 0
    plain = Loss.__call__

    def spoiled(self: Loss, *given: Any, **more: Any) -> Any:
        nonlocal called
        called += 1
        return plain(self, *given, **more) * (math.nan if called == 4 else 1)

    monkeypatch.setattr(Loss, "__call__", spoiled)
    with pytest.raises(NewsstandError, match=r"loss is NaN or infinite at step 4; lower model\.l"):
        fit(tiny_encoder, tmp_path)
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-2"


def test_accumulated_gradients_are_those_of_a_larger_batch(
    plain_encoder: Path, tmp_path: Path
) -> None:
    data = ([example("Rain on the coast.")] * 40, np.array([1] * 40))
    logged: list[dict[str, float]] = []
    for batch, accumulation in ((4, 1), (2, 2)):
        tuning = replace(QUICK, epochs=1, evaluations=1, learning_rate=1e-6, batch_size=batch)
        tuning = replace(tuning, gradient_accumulation=accumulation)
        fit(
            plain_encoder,
            tmp_path / str(batch),
            tuning,
            data=data,
            log=lambda values, step: logged.append(values) if "loss" in values else None,
        )
    large, small = logged
    assert small["loss"] == pytest.approx(large["loss"], rel=1e-4)
    assert small["grad_norm"] == pytest.approx(large["grad_norm"], rel=1e-3)


def test_relevant_freezes_the_input_embeddings(tiny_encoder: Path, tmp_path: Path) -> None:
    data = ([example(LONG, target) for target in ("rain", "the bank", "the coach")] * 2, [0, 1, 2])
    truth = np.array([*data[1], *data[1]])
    tuning = replace(QUICK, epochs=1)
    fitted = fit(tiny_encoder, tmp_path, tuning, data=(data[0], truth), long_text="relevant")
    both = (opened(tiny_encoder, seed=1), fitted.encoder)
    tables = [x.network.get_input_embeddings().weight for x in both]
    assert torch.equal(*tables)


def test_a_model_fitted_in_bf16_scores_in_fp32(tiny_encoder: Path, tmp_path: Path) -> None:
    found = fit(tiny_encoder, tmp_path / "fit", replace(QUICK, epochs=1, precision="bf16"))
    settings = found.save(tmp_path / "model")
    again = TransformerModel.load(tmp_path / "model", settings)
    examples, _ = rows()
    assert (found.forward(examples) == again.forward(examples)).all()


def test_precision_selects_bf16() -> None:
    assert use_bf16("bf16", "cpu") is True
    assert use_bf16("fp32", "cpu") is False
    assert use_bf16("auto", "cpu") in (True, False)


def test_its_bundles_load_verify_and_score_with_evidence(
    tiny_encoder: Path, tmp_path: Path, whole: TransformerModel
) -> None:
    bundle = Bundle(
        task="topic",
        labels=LabelSet.of(tuple(TOPICS)),
        text=TextSpec(),
        model=whole,
        calibration=Calibration("temperature", (1.0,)),
    )
    golden = [(Article(title="Rain", body=LONG), None), (Article(body="Shares fell."), None)]
    digest = bundle.save(tmp_path / "b", golden)
    loaded = Bundle.load(tmp_path / "b")
    items = [bundle.encode(article) for article, _ in golden]
    assert (loaded.model.forward(items) == whole.forward(items)).all()
    assert loaded.save(tmp_path / "again", golden) == digest
    assert verify(tmp_path / "b") == 2
    names = {path.name for path in (tmp_path / "b").rglob("*") if path.is_file()}
    assert not [name for name in names if name.endswith((".pt", ".pth", ".bin", ".pkl"))]
    article = Article(title="Of the &amp; week", body="Snow  fell.&nbsp; “Shares  fell,” he said.")
    score = Scorer(loaded).score(article, explain=True)
    prepared = loaded.encode(article)
    every = [find_evidence(whole, article, prepared, label) for label in range(3)]
    assert score.evidence == every[tuple(TOPICS).index(score.label)]
    # What speaks against one label speaks for another.
    found = [item for evidence in every for item in evidence]
    assert {item.part for item in found} == {"title", "body"}
    for item in found:
        assert item.text == getattr(article, item.part)[item.start : item.end]
        assert item.weight > 0
        assert item.quoted == item.text.startswith("“")


def test_only_adapters_are_fitted_and_are_resumed_and_merged(
    tiny_encoder: Path, tmp_path: Path
) -> None:
    lora = Lora(rank=4, alpha=8.0, dropout=0.1)
    tuning = replace(QUICK, learning_rate=1e-2)
    start = opened(tiny_encoder, lora=lora).network
    learning = {name for name, x in start.named_parameters() if x.requires_grad}
    assert learning
    assert all("lora_" in name or "classifier" in name for name in learning)
    assert sum("lora_A" in name for name in learning) == 12 + 1  # six a layer, and the pooler
    whole = fit(tiny_encoder, tmp_path / "whole", tuning, lora=lora)
    assert not any("lora" in name for name in weights(whole))
    table = "bert.embeddings.word_embeddings.weight"
    assert torch.equal(weights(whole)[table], start.get_base_model().state_dict()[table])
    with pytest.raises(Killed):
        fit(tiny_encoder, tmp_path / "cut", tuning, kill=8, lora=lora)
    assert [*(tmp_path / "cut").glob("checkpoint-*/adapter_model.safetensors")]
    assert same(fit(tiny_encoder, tmp_path / "cut", tuning, lora=lora), whole)
    # Read from its folder, it is a network like any other.
    again = TransformerModel.load(tmp_path, whole.save(tmp_path))
    examples, _ = rows()
    np.testing.assert_allclose(again.forward(examples), whole.forward(examples), atol=1e-6)
