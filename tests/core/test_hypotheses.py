"""Wordings and hypotheses: what is read beside a text, and the labels' scores that follow."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from newsstand.encoders.long_text import CHOICES, LongText
from newsstand.encoders.torch_encoder import Encoder
from newsstand.errors import BundleError, NewsstandError
from newsstand.io.manifest import checked
from newsstand.models.hypotheses import Hypotheses, nli_classes
from newsstand.models.transformer import TransformerModel
from newsstand.text.article import Article
from newsstand.text.example import Example, encode
from newsstand.text.normalize import TextSpec

BODY = "Rain fell on the hills. The coach praised the goalkeeper.\n\nShares fell. Snow fell again."
FOR, OFF = "It is for {target}", "It is not for {target}"
THREE = ("contradiction", "entailment", "neutral")
WHERE = Path("b/bundle.json")
STANCE = Hypotheses((FOR, None, OFF), THREE)


def example(
    body: str = BODY, target: str | None = "the goalkeeper", title: str = "A week"
) -> Example:
    return encode(Article(title=title, body=body), target, TextSpec())


def description(**settings: Any) -> dict[str, Any]:
    """What a bundle says of itself, with a transformer of three labels."""
    path = Path(__file__).parent / "bundle-format-3" / "bundle.json"
    values: dict[str, Any] = json.loads(path.read_bytes())
    del values["sha256"]
    names = {name: name for name in ("favor", "neutral", "against")}
    values["labels"] = {"scheme": "favor-against-neutral", "names": names}
    values["calibration"] = {"method": "temperature", "slope": [1.0], "offset": []}
    values["model"] = {"kind": "transformer", "max_tokens": 64, "long_text": "head", **settings}
    return values


def model(
    tiny: Path, long_text: LongText = "head", max_tokens: int = 40, **more: Any
) -> TransformerModel:
    torch.manual_seed(3)
    encoder = Encoder.open(tiny, max_tokens=max_tokens, long_text=long_text, labels=3, device="cpu")
    with torch.no_grad():  # as a fit leaves it, and not all but zero
        encoder.network.classifier.weight.mul_(3)
    return TransformerModel(encoder, **more)


def test_a_label_scores_what_its_hypothesis_does_and_the_other_that_none_holds() -> None:
    logits = np.random.default_rng(1).normal(size=(5, 2, 3)) * 4
    odds = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    found = STANCE.scores(logits)
    np.testing.assert_allclose(found[:, [0, 2]], np.log(odds[:, :, 1] / odds[:, :, 0]))
    best = odds[:, :, 1].max(axis=1)
    np.testing.assert_allclose(found[:, 1], np.log((1 - best) / best))
    by_torch = STANCE.scores(torch.tensor(logits), of=torch)
    np.testing.assert_allclose(by_torch.numpy(), found)


@pytest.mark.parametrize(
    "names",
    [("CONTRADICTION", "NEUTRAL", "ENTAILMENT"), ("Entailment", "not entailment"), THREE],
)
def test_classes_are_found_in_any_case_and_order(names: tuple[str, ...]) -> None:
    assert nli_classes(names) == tuple(name.lower().replace(" ", "_") for name in names)


@pytest.mark.parametrize(
    "names", [(), ("LABEL_0", "LABEL_1"), ("entailment", "neutral"), ("entailment",) * 2]
)
def test_other_labels_are_no_classes(names: tuple[str, ...]) -> None:
    assert nli_classes(names) is None


@pytest.mark.parametrize("how", CHOICES)
def test_a_wording_is_read_in_the_targets_place(tiny_encoder: Path, how: LongText) -> None:
    plain = model(tiny_encoder, how)
    worded = replace(plain, target_as="Rain on hills: {target}.")
    short, long = example("Shares fell."), example(BODY * 3)
    same = replace(short, target="Rain on hills: the goalkeeper.")
    assert (worded.forward([short]) == plain.forward([same])).all()
    if how == "relevant":  # is what is like the target, not like the wording
        assert "The coach praised" in worded.window_texts(long)[0]
        assert "Rain fell" not in worded.window_texts(long)[0]
    assert (worded.forward([long]) != plain.forward([long])).any()


@pytest.mark.parametrize("how", CHOICES)
def test_hypotheses_are_read_one_by_one(tiny_encoder: Path, how: LongText) -> None:
    asking = model(tiny_encoder, how, hypotheses=STANCE)
    items = [example("Shares fell."), example(BODY * 3), example("Rain.", "the bank")]
    found = asking.forward(items)
    assert found.shape == (3, 3)
    np.testing.assert_allclose(found, np.vstack([asking.forward([x]) for x in items]), atol=1e-5)
    if how != "windows":
        one = replace(asking, hypotheses=None)
        texts = [example(asking.window_texts(item)[0], title="") for item in items]
        for column, wording in ((0, FOR), (2, OFF)):
            pairs = [
                replace(text, target=wording.replace("{target}", item.target or ""))
                for text, item in zip(texts, items, strict=True)
            ]
            logits = replace(one, encoder=model(tiny_encoder).encoder).forward(pairs)
            np.testing.assert_allclose(found[:, column], logits[:, 1] - logits[:, 0], atol=1e-5)
    label = 2
    gains = dict(asking.gains(items[0], label))
    scores = asking.forward([items[0], example("")])
    over = scores[:, label] - scores.mean(axis=1)
    span = (8, 8 + len("Shares fell."))
    assert gains[span] == pytest.approx(over[0] - over[1], abs=1e-4)
    assert asking.forward([]).shape == (0, 3)


def test_topics_are_hypotheses_without_a_target(tiny_encoder: Path) -> None:
    wordings = ("It is about rain.", "It is about shares.", "It is about the coach.")
    asking = model(tiny_encoder, hypotheses=Hypotheses(wordings, THREE))
    scores = asking.forward([example(target=None)])
    logits = model(tiny_encoder).forward([example(target=x) for x in wordings])
    np.testing.assert_allclose(scores[0], logits[:, 1] - logits[:, 0], atol=1e-5)


def test_a_long_target_is_cut_inside_its_wording(tiny_encoder: Path) -> None:
    encoder = model(tiny_encoder, max_tokens=24).encoder
    found = encoder.worded("{target} fell in the rain", "the coach " * 9)
    assert found == "the coach the coach the coach the fell in the rain"
    assert len(encoder._located(found)[0]) == 12
    # A target's own braces are no place for a target.
    assert encoder.worded("on {target}", "{target}") == "on {target}"


def test_a_model_is_loaded_as_it_was_saved(tiny_encoder: Path, tmp_path: Path) -> None:
    items = [example(), example(BODY * 2, "rain")]
    for name, more in (("w", {"target_as": "Rain: {target}"}), ("h", {"hypotheses": STANCE})):
        found = model(tiny_encoder, "relevant", mark_target=True, **more)
        folder = tmp_path / name
        folder.mkdir()
        settings = found.save(folder)
        kept = description(**settings)
        assert checked(kept, WHERE) == kept
        again = TransformerModel.load(folder, settings)
        assert (again.forward(items) == found.forward(items)).all()
        assert replace(again, encoder=found.encoder) == found
    two = settings | {"hypotheses": {"wordings": [FOR, OFF], "classes": ["entailment"]}}
    with pytest.raises(NewsstandError):
        TransformerModel.load(folder, two)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"target_as": "for it"}, "model.target_as: expected text with {target}, got 'for it'"),
        (
            {"hypotheses": {"wordings": ["a", None, None], "classes": list(THREE)}},
            "model.hypotheses.wordings: expected a hypothesis for all labels, or all but one",
        ),
        (
            {"hypotheses": {"wordings": ["a", "b", "c"], "classes": ["entailment", "neutral"]}},
            "model.hypotheses.classes: expected the classes of an NLI network",
        ),
    ],
)
def test_a_damaged_description_is_refused(more: dict[str, Any], message: str) -> None:
    values = description(labels=3, **more)
    with pytest.raises(BundleError) as caught:
        checked(values, WHERE)
    assert message in str(caught.value)
