"""The model card: what the Hub reads of it, and what it says."""

from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from made_evaluation import ABOUT, made_evaluation, made_rows
from newsstand.train.report.model_card import write_model_card

HEADINGS = [
    "## Model Details",
    "## Uses",
    "## Bias, Risks, and Limitations",
    "## How to Get Started with the Model",
    "## Training Details",
    "## Evaluation",
]


def test_the_hub_reads_the_metadata(tmp_path: Path) -> None:
    rows = made_rows(language=["en"] * 150 + ["pt-BR"] * 100 + ["?"] * 50)
    evaluation = made_evaluation(rows)
    write_model_card(tmp_path, rows, evaluation, ABOUT)
    card = ModelCard.load(tmp_path / "MODEL_CARD.md")
    data = card.data
    assert data.pipeline_tag == "text-classification"
    assert data.language == ["en", "pt"]
    assert data.license is None  # none is known
    assert {"newsstand", "topic"} <= set(data.tags)
    results = {x.metric_type: x for x in data.eval_results}
    for name, hub in {
        "accuracy": "accuracy",
        "macro_f1": "f1",
        "mcc": "matthews_correlation",
    }.items():
        value = results[hub].metric_value
        assert value == pytest.approx(evaluation.metrics[name].value, abs=5.1e-5)
    assert results["f1"].dataset_name == "articles.csv"
    assert results["f1"].dataset_split == "test"


def test_the_card_has_the_headings_and_the_figures(tmp_path: Path) -> None:
    rows = made_rows()
    evaluation = made_evaluation(rows)
    write_model_card(tmp_path, rows, evaluation, ABOUT)
    text = (tmp_path / "MODEL_CARD.md").read_text(encoding="utf-8")
    places = [text.index(heading) for heading in HEADINGS]
    assert places == sorted(places)
    for estimate in evaluation.metrics.values():
        assert f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})" in text
    for fact in (
        ABOUT.bundle_hash,
        ABOUT.data_digest,
        ABOUT.commit,
        "800 train",
        "newsstand.load(",
    ):
        assert str(fact) in text
    assert "`model.C` | 0.5" in text
    assert "None" not in text


def test_names_cannot_break_the_card(tmp_path: Path) -> None:
    evil = "a|b\n# c\n---\n<script> [x](y) $"
    rows = made_rows((evil, "b", "c"))
    about = replace(ABOUT, name=evil, tested_on=evil, license="mit", encoder="org/encoder")
    write_model_card(tmp_path, rows, made_evaluation(rows), about)
    card = ModelCard.load(tmp_path / "MODEL_CARD.md")
    assert card.data.license == "mit"
    assert card.data.base_model == "org/encoder"
    assert "<script>" not in card.text.replace("\\<script\\>", "")
    table = [line for line in card.text.splitlines() if line.startswith("| a")]
    assert table
    assert all(line.replace("\\|", "").count("|") == 6 for line in table)


def test_a_stance_model_names_its_controls(tmp_path: Path) -> None:
    rows = made_rows(("favor", "against"), task="stance")
    evaluation = made_evaluation(rows, controls={"target_changes_answer": 0.0})
    write_model_card(tmp_path, rows, evaluation, replace(ABOUT, task="stance"))
    text = (tmp_path / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "Warning: this model's answers don't depend on the target" in text
    assert "target=" in text
