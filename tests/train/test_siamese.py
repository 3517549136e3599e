"""Fine-tuning of the embedding family: what it learns, in which order, and resuming."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from given import RecordingReporter
from newsstand.config.loader import load_config
from newsstand.encoders.long_text import LongText
from newsstand.encoders.torch_encoder import Encoder
from newsstand.errors import NewsstandError
from newsstand.models.embedding import EmbeddingModel
from newsstand.text.article import Article
from newsstand.text.example import Example, encode
from newsstand.text.normalize import TextSpec
from newsstand.train.families import export_onnx
from newsstand.train.finetune import siamese
from newsstand.train.finetune.siamese import fine_tune_vectors
from newsstand.train.finetune.tuning import Tuning
from newsstand.train.run import train

GOOD = ("The coach praised it.", "A welcome match.", "The final, a goal.", "Higher profits.")
BAD = ("Shares fell on it.", "Rain and snow fell.", "A heavy storm.", "Strong winds dropped it.")
# Whether a text is for a target is in neither of the two alone.
SIDES = [
    (text, target, int((text in GOOD) == good))
    for text in (*GOOD, *BAD)
    for target, good in (("the bank", True), ("interest rates", False))
]


def example(body: str, target: str | None = None) -> Example:
    return encode(Article(body=body), target, TextSpec())


def opened(folder: Path, long_text: LongText = "head") -> Encoder:
    return Encoder.open(folder, max_tokens=24, long_text=long_text, device="cpu")


def fit(encoder: Encoder, file: Path, **given: Any) -> EmbeddingModel:
    rows = given.pop("rows", SIDES)
    usual: dict[str, Any] = {
        "cross_target": rows[0][1] is not None,
        "tuning": Tuning(epochs=40, batch_size=4, learning_rate=3e-3, precision="fp32"),
        "seed": 3,
        "progress": lambda *_: None,
    }
    return fine_tune_vectors(
        [example(body, target) for body, target, _ in rows],
        np.array([label for *_, label in rows]),
        encoder=encoder,
        file=file,
        **usual | given,
    )


def test_it_learns_which_pairs_are_on_one_side(tiny_encoder: Path, tmp_path: Path) -> None:
    model = fit(opened(tiny_encoder), tmp_path / "fit.safetensors")
    scores = model.forward([example(body, target) for body, target, _ in SIDES])
    assert scores.argmax(axis=1).tolist() == [label for *_, label in SIDES]


def test_it_learns_topics_in_windows(tiny_encoder: Path, tmp_path: Path) -> None:
    rows = [(" ".join([text] * 8), None, 0) for text in GOOD]
    rows += [(" ".join([text] * 8), None, 1) for text in BAD]
    model = fit(opened(tiny_encoder, "windows"), tmp_path / "fit.safetensors", rows=rows)
    scores = model.forward([example(body) for body, *_ in rows])
    assert scores.argmax(axis=1).tolist() == [0] * 4 + [1] * 4


@pytest.mark.parametrize("long_text", ["head", "windows"])
def test_training_inputs_are_the_inputs_of_the_model(
    tiny_encoder: Path, long_text: LongText
) -> None:
    encoder = opened(tiny_encoder, long_text)
    rows = [*SIDES, (" ".join(GOOD * 3), "the bank", 1), (" ".join(BAD * 4), "a goal", 0)]
    examples = [example(body, target) for body, target, _ in rows]
    reader = siamese._Reader(examples, encoder, cross_target=True)
    texts, targets, read = reader.batch(np.arange(len(rows)))
    assert len(read.ids) < 2 * len(rows)  # what several rows have in common is read once
    found = reader.features(siamese._vectors(encoder, read), texts, targets)
    width = 4 * encoder.width
    model = EmbeddingModel(encoder, np.eye(width, dtype=np.float32), np.zeros(width, np.float32))
    assert np.allclose(found.detach().numpy(), model.forward(examples), atol=1e-4)


def test_an_interrupted_fit_resumes(
    tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = fit(opened(tiny_encoder), tmp_path / "whole.safetensors")
    monkeypatch.setattr(siamese, "_SAVED_EVERY", 0.0)
    seen = []

    def cut(_: str, done: int, total: int | None) -> None:
        seen.append(done)
        if done >= 50 and len(seen) < 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(opened(tiny_encoder), tmp_path / "cut.safetensors", progress=cut)
    again = fit(opened(tiny_encoder), tmp_path / "cut.safetensors", progress=cut)
    assert seen[5] == 50  # the first report after resuming
    assert np.array_equal(again.coefficients, whole.coefficients)
    texts = [text for text, *_ in SIDES]
    assert np.array_equal(again.encoder.vectors(texts), whole.encoder.vectors(texts))


def test_a_damaged_file_is_discarded(
    tiny_encoder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "fit.safetensors"
    file.write_bytes(b"no weights")
    file.chmod(0o600)
    tuning = Tuning(epochs=1, batch_size=4)
    fit(opened(tiny_encoder), file, tuning=tuning)
    assert "the fit starts over" in caplog.text


def test_a_curriculum_shows_the_rows_of_each_stage(tiny_encoder: Path) -> None:
    examples = [example(body, target) for body, target, _ in SIDES]
    labels = np.array([2 if number % 4 == 3 else label for number, (*_, label) in enumerate(SIDES)])
    reader = siamese._Reader(examples, opened(tiny_encoder), cross_target=True)
    stages = np.where(labels == 2, 2, 1).astype(np.int8)
    tuning = Tuning(curriculum=(2, 1), batch_size=3, class_weight="balanced")
    steps = list(siamese._plan(reader, labels, stages, tuning, 5, 3))
    first = [step for step in steps if step.weights[2] == 0]
    assert steps[: len(first)] == first
    assert sorted(np.concatenate([x.rows for x in first]).tolist()) == sorted(
        [*np.flatnonzero(stages == 1).tolist()] * 2
    )
    last = np.concatenate([x.rows for x in steps[len(first) :]])
    assert sorted(last.tolist()) == list(range(len(SIDES)))
    weights = steps[-1].weights.numpy()
    assert np.allclose(weights * np.bincount(labels), len(SIDES) / 3)


def test_input_embeddings_and_frozen_layers_stay(tiny_encoder: Path, tmp_path: Path) -> None:
    before, after = opened(tiny_encoder), opened(tiny_encoder)
    tuning = Tuning(epochs=2, batch_size=4, learning_rate=1e-2, frozen_layers=1)
    fit(after, tmp_path / "fit.safetensors", tuning=tuning)
    changed = {
        name
        for (name, x), y in zip(
            before.network.named_parameters(), after.network.parameters(), strict=True
        )
        if not np.array_equal(x.detach().numpy(), y.detach().numpy())
    }
    assert changed
    assert all("layer.1." in name for name in changed)


def test_a_nan_loss_is_an_error(tiny_encoder: Path, tmp_path: Path) -> None:
    tuning = Tuning(epochs=9, batch_size=4, learning_rate=1.0, precision="fp32")
    encoder = opened(tiny_encoder)
    with_nan = encoder.network.get_input_embeddings().weight
    with_nan.data[:] = np.nan
    with pytest.raises(NewsstandError, match=r"loss is NaN or infinite at step 1; .*learning_rate"):
        fit(encoder, tmp_path / "fit.safetensors", tuning=tuning)


CONFIG = """
task: stance
labels: from-data
data: {{format: table, path: rows.csv}}
model:
  kind: embedding
  encoder: {encoder}
  max_tokens: 24
  cross_target: true
  class_weight: balanced
  device: cpu
  refit: true
  fine_tune: {{epochs: 3, batch_size: 4, learning_rate: 3e-3}}
export: {{onnx: int8}}
tracking: {{experiment: siamese}}
"""


def test_a_run_is_exported_and_refitted(
    tiny_encoder: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What int8 costs a network of so few numbers differs from processor to processor.
    monkeypatch.setattr(export_onnx, "MAX_F1_LOSS", 1.0)
    lines = [
        f"{split},{body} In {split} {number}.,{target},{('against', 'favor')[label]}\n"
        for split in ("train", "validation", "test")
        for number, (body, target, label) in enumerate(SIDES)
        if "," not in body
    ]
    Path("rows.csv").write_text("split,body,target,label\n" + "".join(lines))
    Path("siamese.yaml").write_text(CONFIG.format(encoder=tiny_encoder))
    result = train(load_config(Path("siamese.yaml")), name="siamese", reporter=RecordingReporter())
    assert (Path(result.bundle) / "encoder.int8.onnx").exists()
    assert "export/agreement" in result.metrics


def test_the_classifier_is_fitted_with_the_encoder(tiny_encoder: Path, folder: Path) -> None:
    Path("siamese.yaml").write_text(CONFIG.format(encoder=tiny_encoder))
    with pytest.raises(NewsstandError) as refused:
        load_config(
            Path("siamese.yaml"), ["model.C=1.0", "model.classifier=svc", "model.precision=bf16"]
        )
    assert "model.C: not with model.fine_tune, which fits the classifier" in str(refused.value)
    assert "model.classifier: not with model.fine_tune" in str(refused.value)
    assert "model.precision: not with model.fine_tune" in str(refused.value)
