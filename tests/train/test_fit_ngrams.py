"""N-grams beside an encoder's vectors: their scores add up, are saved, and are explained."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest

from newsstand.config.loader import load_config
from newsstand.encoders.torch_encoder import Encoder
from newsstand.errors import BundleError, ConfigError
from newsstand.io.bundle import Bundle, verify
from newsstand.models.embedding import EmbeddingModel
from newsstand.text.article import Article
from newsstand.text.example import Example, encode
from newsstand.text.normalize import TextSpec
from newsstand.train.families.vectors_head import fit_embedding, fit_ngrams
from newsstand.train.run import train

TEXTS = ["The striker scored twice.", "Rain fell on the coast.", "Shares fell. The bank lost."]
LABELS = np.arange(3)


def example(body: str, target: str | None = None) -> Example:
    return encode(Article(body=body), target, TextSpec())


def fit(encoder: Encoder, target: str | None = None, **settings: Any) -> EmbeddingModel:
    rows = [example(text, target) for text in TEXTS]
    usual: dict[str, Any] = {"cross_target": bool(target), "class_weight": None, "seed": 3}
    spec: dict[str, Any] = {"words": (1, 1), "chars": (3, 5), "bits": 12, "C": 1.0, "weight": 1.0}
    model = fit_embedding(
        rows,
        LABELS,
        encoder=encoder,
        vectors=encoder.vectors,
        classifier="logistic",
        C=1.0,
        **usual,
    )
    return replace(model, ngrams=fit_ngrams(rows, LABELS, **{**spec, **usual, **settings}))


@pytest.fixture
def encoder(tiny_encoder: Path) -> Encoder:
    return Encoder.open(tiny_encoder, max_tokens=32, device="cpu")


@pytest.mark.parametrize("target", [None, "the bank"])
def test_scores_are_sums(encoder: Encoder, target: str | None) -> None:
    model = fit(encoder, target)
    assert model.ngrams is not None
    rows = [example(text, target) for text in [*TEXTS, "Rain."]]
    alone = replace(model, ngrams=None).forward(rows)
    assert (model.forward(rows) == alone + model.ngrams.forward(rows)).all()
    assert model.forward(rows[:3]).argmax(axis=1).tolist() == [0, 1, 2]
    assert model.ngrams.features.spec.cross_target == (target is not None)


def test_the_weight_multiplies_what_n_grams_add(encoder: Encoder) -> None:
    once, thrice = (fit(encoder, weight=x).ngrams for x in (1.0, 3.0))
    assert once is not None
    assert thrice is not None
    rows = [example(text) for text in TEXTS]
    np.testing.assert_allclose(thrice.forward(rows), 3 * once.forward(rows), rtol=1e-5)


def test_each_character_gains_from_both(encoder: Encoder) -> None:
    model = fit(encoder)
    assert model.ngrams is not None
    item = example("Rain fell. Shares fell twice.")
    both = model.gains(item, 1)
    alone, beside = replace(model, ngrams=None).gains(item, 1), model.ngrams.gains(item, 1)
    assert len(beside) == len(item.text)
    assert np.abs(beside).max() > 0
    np.testing.assert_allclose(both, alone + beside)


def test_save_and_load_keep_the_scores(encoder: Encoder, tmp_path: Path) -> None:
    model = fit(encoder)
    settings = model.save(tmp_path)
    loaded = EmbeddingModel.load(tmp_path, settings)
    rows = [example(text) for text in TEXTS]
    assert (loaded.forward(rows) == model.forward(rows)).all()
    two = replace(model, coefficients=model.coefficients[:, :2], intercepts=model.intercepts[:2])
    with pytest.raises(BundleError, match="2 labels, but the n-gram weights have 3"):
        EmbeddingModel.load(tmp_path, two.save(tmp_path))


CONFIG = """
task: topic
labels: [sport, weather, economy]
data: {{format: table, path: rows.csv, near_duplicates: null}}
model:
  kind: embedding
  encoder: {encoder}
  max_tokens: 32
  precision: bf16
  device: cpu
  refit: true
  ngrams: {{bits: 12, weight: 2.0}}
export: {{onnx: int8}}
tracking: {{experiment: both}}
"""


def test_a_run_saves_them_in_its_bundle(
    tiny_encoder: Path, workplace: Path, monkeypatch: pytest.MonkeyPatch, reporter: Any
) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", workplace / "cache")
    rows = [
        f"{split},{label},{text} {number}\n"
        for split, count in (("train", 4), ("validation", 1), ("test", 1))
        for number in range(count)
        for label, text in zip(("sport", "weather", "economy"), TEXTS, strict=True)
    ]
    Path("rows.csv").write_text("split,label,body\n" + "".join(rows))
    Path("both.yaml").write_text(CONFIG.format(encoder=tiny_encoder))
    result = train(load_config("both.yaml"), name="both", reporter=reporter)
    assert result.metrics["test/accuracy"] == 1.0
    model = Bundle.load(Path(result.bundle)).model
    assert isinstance(model, EmbeddingModel)
    assert model.ngrams is not None
    assert verify(Path(result.bundle)) > 0


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            "words=[1,9]",
            r"model\.ngrams\.words: expected 1 <= shortest <= longest <= 8, got \[1, 9",
        ),
        ("chars=[0,2]", r"model\.ngrams\.chars: expected 1 <= shortest"),
        ("words=null", "words and chars are both null"),
    ],
)
def test_invalid_lengths_are_refused(workplace: Path, setting: str, message: str) -> None:
    Path("both.yaml").write_text(CONFIG.format(encoder="x").replace("bits: 12", "chars: null"))
    with pytest.raises(ConfigError, match=message):
        load_config("both.yaml", [f"model.ngrams.{setting}"])


def test_ngrams_are_refused_with_a_fine_tuned_encoder(workplace: Path) -> None:
    Path("both.yaml").write_text(CONFIG.format(encoder="x"))
    with pytest.raises(ConfigError, match=r"model\.ngrams: not with model\.fine_tune"):
        load_config("both.yaml", ["model.fine_tune.epochs=1", "model.precision=fp32"])
