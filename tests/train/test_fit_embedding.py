"""The embedding family: it learns, is repeatable, is saved, and explains its scores."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import datasets
import numpy as np
import pytest

from newsstand.config.loader import load_config
from newsstand.encoders.long_text import LongText, joined
from newsstand.encoders.torch_encoder import Encoder
from newsstand.errors import BundleError
from newsstand.io.bundle import Bundle, bundle_hash, verify
from newsstand.labels import LabelSet
from newsstand.models.calibration import Calibration
from newsstand.models.embedding import EmbeddingModel
from newsstand.serve.scorer import Scorer
from newsstand.text.article import Article
from newsstand.text.example import Example, encode
from newsstand.text.normalize import TextSpec
from newsstand.train.families.vectors_head import fit_embedding
from newsstand.train.run import train

TOPICS = {
    "sport": ["The striker scored twice.", "The coach praised the goalkeeper.", "A penalty."],
    "weather": ["Rain on the coast.", "Snow fell overnight.", "Strong winds and heavy rain."],
    "economy": ["Shares fell.", "The bank raised interest rates.", "Profits and a dividend."],
}
LABELS = tuple(TOPICS)
LONG = " ".join(text for texts in TOPICS.values() for text in texts) * 3


@pytest.fixture(scope="module")
def encoder(tiny_encoder: Path) -> Encoder:
    return Encoder.open(tiny_encoder, max_tokens=48, device="cpu")


def example(body: str, target: str | None = None, title: str = "") -> Example:
    return encode(Article(title=title, body=body), target, TextSpec())


def fit(
    encoder: Encoder, rows: list[tuple[str, str | None, int]], **settings: Any
) -> EmbeddingModel:
    usual: dict[str, Any] = {"classifier": "logistic", "C": 10.0, "class_weight": None, "seed": 3}
    return fit_embedding(
        [example(body, target) for body, target, _ in rows],
        np.array([label for *_, label in rows]),
        encoder=encoder,
        vectors=encoder.vectors,
        **{"cross_target": rows[0][1] is not None, **usual, **settings},
    )


def topics() -> list[tuple[str, str | None, int]]:
    return [(text, None, label) for label, texts in enumerate(TOPICS.values()) for text in texts]


def stances() -> list[tuple[str, str | None, int]]:
    """The same text has another label toward another target."""
    goods = {"the coach": "The match was won.", "the bank": "Shares rose."}
    rows: list[tuple[str, str | None, int]] = []
    for target, good in goods.items():
        rows += [(text, target, int(text == good)) for text in goods.values()]
    return rows


def bundle_of(
    model: EmbeddingModel, task: str = "topic", labels: tuple[str, ...] = LABELS
) -> Bundle:
    calibration = Calibration("temperature", (1.0,))
    return Bundle(
        task=task,
        labels=LabelSet.of(labels),
        text=TextSpec(),
        model=model,
        calibration=calibration,
    )


@pytest.mark.parametrize("classifier", ["logistic", "svc"])
@pytest.mark.parametrize("rows", [topics, stances])
def test_it_overfits_a_few_rows(
    encoder: Encoder, rows: Callable[[], list[Any]], classifier: Literal["logistic", "svc"]
) -> None:
    model = fit(encoder, rows(), classifier=classifier)
    scores = model.forward([example(body, target) for body, target, _ in rows()])
    assert scores.argmax(axis=1).tolist() == [label for *_, label in rows()]
    assert model.cross_target == (rows is stances)


def test_a_batch_scores_as_single_rows(encoder: Encoder) -> None:
    model = fit(encoder, stances())
    items = [example(body, "the coach", "Rain") for body in (LONG, "x", *TOPICS["sport"])]
    batch = model.forward(items)
    assert batch.dtype == np.float64
    single = np.vstack([model.forward([item]) for item in items])
    np.testing.assert_allclose(batch, single, atol=1e-5)
    np.testing.assert_allclose(model.forward(items[::-1])[::-1], batch, atol=1e-5)
    assert model.forward([]).shape == (0, 2)


def test_without_cross_target_the_target_changes_nothing(encoder: Encoder) -> None:
    model = fit(encoder, stances(), cross_target=False)
    one, other = (model.forward([example("Shares rose.", x)]) for x in ("the coach", "rain"))
    assert (one == other).all()


def test_balance_lifts_the_rare_label(encoder: Encoder) -> None:
    rows = topics()[:3] + topics()[3:4]
    plain, balanced = (
        fit(encoder, rows, C=0.01, class_weight=x).forward([example(TOPICS["weather"][0])])[0]
        for x in (None, "balanced")
    )
    assert balanced[1] - balanced[0] > plain[1] - plain[0]


@pytest.mark.parametrize("how", ["head", "head_tail", "windows", "relevant"])
@pytest.mark.parametrize(("rows", "target"), [(topics, None), (stances, "the bank")])
def test_gains_add_up_to_the_score(
    tiny_encoder: Path, rows: Callable[[], list[Any]], target: str | None, how: LongText
) -> None:
    # Special tokens, the target and the intercept have no character: their part is computed
    # from the formula, with nothing left over.
    encoder = Encoder.open(tiny_encoder, max_tokens=24, long_text=how, device="cpu")
    model = fit(encoder, rows())
    item = example(f"Shares fell.\n\n{LONG}", target, "Strong winds")
    read = [joined(item, excerpt) for excerpt in encoder.excerpts(item)]
    assert (len(read) > 1) == (how == "windows")
    found = [encoder.states(text) for text in read]
    means = np.array([states.mean(axis=0) for states, _ in found])
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    whole = (means / lengths).mean(axis=0)
    scale = np.sqrt(encoder.width) / np.linalg.norm(whole)
    weights = (model.coefficients - model.coefficients.mean(axis=1, keepdims=True)).astype(float)
    blocks = weights.reshape(-1, encoder.width, weights.shape[1])
    slope, rest = blocks[0], model.intercepts - model.intercepts.mean()
    if target is not None:
        target_vector = encoder.vectors([target])[0] * np.sqrt(encoder.width)
        sign = np.sign(whole * scale - target_vector)
        slope = slope + blocks[2] * target_vector[:, None] + blocks[3] * sign[:, None]
        rest = rest + target_vector @ blocks[1] - (sign * target_vector) @ blocks[3]
    for (states, places), length in zip(found, lengths, strict=True):
        special = states[[start == end for start, end in places]]
        rest = rest + special.sum(axis=0) @ slope * scale / (length * len(states) * len(read))
    scores = model.forward([item])[0]
    for label in range(len(scores)):
        gains = model.gains(item, label)
        assert len(gains) == len(item.text)
        expected = scores[label] - scores.mean()
        assert gains.sum() + rest[label] == pytest.approx(expected, abs=1e-4)


def test_evidence_is_the_sentences_with_the_highest_gains(encoder: Encoder) -> None:
    bundle = bundle_of(fit(encoder, topics()))
    given = Article(
        title="Of &amp; the week",
        body="PORTSIDE (Wire) - “Snow  fell overnight,” he said. Shares fell.\n\n"
        "Rain on the coast.&nbsp; Strong winds and heavy rain.",
    )
    score = Scorer(bundle).score(given, explain=True)
    item = bundle.encode(given)
    gains = bundle.model.gains(item, LABELS.index(score.label))
    ends = r"(?<=\.) |\n+"
    at = 0
    sums = {}
    for sentence in re.split(ends, item.text):
        at = item.text.index(sentence, at)
        sums[sentence] = gains[at : at + len(sentence)].sum()
    best = sorted((x for x in sums.values() if x > 0), reverse=True)[:3]
    assert len(sums) == 5
    assert [item.weight for item in score.evidence] == pytest.approx(best)
    for item in score.evidence:
        assert item.text == getattr(given, item.part)[item.start : item.end]
        assert item.weight > 0
        assert item.quoted == ("Snow" in item.text)


def test_save_and_load_keep_the_scores(encoder: Encoder, tmp_path: Path) -> None:
    golden = [(Article(title="Rain", body=LONG), None), (Article(body="Shares fell."), None)]
    bundle = bundle_of(fit(encoder, topics()))
    digest = bundle.save(tmp_path / "b", golden)
    loaded = Bundle.load(tmp_path / "b")
    items = [bundle.encode(article) for article, _ in golden]
    assert (loaded.model.forward(items) == bundle.model.forward(items)).all()
    assert verify(tmp_path / "b") == 2
    assert loaded.save(tmp_path / "again", golden) == digest
    files = json.loads((tmp_path / "b" / "bundle.json").read_text())["files"]
    assert {"embedding.safetensors", "encoder/config.json", "encoder/model.safetensors"} <= set(
        files
    )
    names = {x.relative_to(tmp_path / "b").as_posix() for x in (tmp_path / "b").rglob("*.*")}
    assert names - set(files) == {"bundle.json"}
    assert (tmp_path / "b" / "encoder").stat().st_mode & 0o500 == 0o500


@pytest.mark.parametrize("name", ["encoder/model.safetensors", "encoder/tokenizer.json"])
def test_a_changed_byte_of_the_encoder_is_an_error(
    encoder: Encoder, tmp_path: Path, name: str
) -> None:
    bundle_of(fit(encoder, topics())).save(tmp_path / "b")
    path = tmp_path / "b" / name
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(BundleError, match=f"{name}: damaged"):
        Bundle.load(tmp_path / "b")


@pytest.mark.parametrize(("off", "right"), [(1e-6, True), (1e-2, False)])
def test_golden_rows_may_differ_only_by_rounding(
    encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, off: float, right: bool
) -> None:
    bundle_of(fit(encoder, topics())).save(tmp_path / "b", [(Article(body="Shares fell."), None)])
    forward = EmbeddingModel.forward
    monkeypatch.setattr(
        EmbeddingModel, "forward", lambda self, rows: forward(self, rows) * (1 + off)
    )
    if right:
        assert verify(tmp_path / "b") == 1
    else:
        with pytest.raises(BundleError, match=r"golden rows score differently here, by up to 0\.0"):
            verify(tmp_path / "b")


def test_weights_that_do_not_fit_are_refused(encoder: Encoder, tmp_path: Path) -> None:
    model = fit(encoder, topics())
    for number, bad in enumerate(
        (
            replace(model, coefficients=model.coefficients[1:]),
            replace(model, intercepts=model.intercepts[1:]),
        )
    ):
        settings = bad.save(tmp_path / str(number))
        with pytest.raises(BundleError, match=r"embedding\.safetensors: not weights of this model"):
            EmbeddingModel.load(tmp_path / str(number), settings)


CONFIG = """
task: topic
labels: [sport, weather, economy]
seed: 5
data: {format: table, path: rows.csv, near_duplicates: null}
model: {kind: embedding, encoder: ENCODER, max_tokens: 32, C: 1.0, device: cpu, refit: true}
tracking: {experiment: embedding}
"""


def test_a_run_is_repeatable_and_uses_its_cached_vectors(
    tiny_encoder: Path,
    workplace: Path,
    monkeypatch: pytest.MonkeyPatch,
    cli: Callable[..., Any],
    reporter: Any,
) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", workplace / "cache")
    rows = [
        f"{split},{label},{text} {number}\n"
        for split, count in (("train", 4), ("validation", 1), ("test", 1))
        for number in range(count)
        for label, texts in TOPICS.items()
        for text in texts
    ]
    Path("rows.csv").write_text("split,label,body\n" + "".join(rows))
    Path("e.yaml").write_text(CONFIG.replace("ENCODER", str(tiny_encoder)))
    first = train(load_config("e.yaml"), name="e", reporter=reporter)
    assert "encoding" in reporter.progressed
    reporter.progressed.clear()
    second = train(load_config("e.yaml"), name="e", reporter=reporter)
    assert "encoding" not in reporter.progressed
    assert first.bundle_hash == second.bundle_hash == bundle_hash(Path(first.bundle))
    assert first.metrics["test/accuracy"] > 0.8
    assert verify(Path(first.bundle)) > 0
    manifest = json.loads((Path(first.bundle) / "bundle.json").read_text())
    assert {"torch", "transformers"} <= set(manifest["versions"])
    logged = Path(first.bundle).parents[1]
    assert "newsstand[encoder]==" in (logged / "requirements.txt").read_text()
    # `newsstand data` shows what long_text would leave out.
    done = cli("data", "e.yaml", "model.max_tokens=8")
    assert done.code == 0, done.err
    assert re.search(
        r"truncated +head [1-9]\S+%, head_tail [1-9]\S+%, windows 0.0% of the", done.out
    )
