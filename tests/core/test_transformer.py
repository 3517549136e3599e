"""The transformer model: a batch changes nothing but rounding, windows are averaged."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from newsstand.encoders.long_text import CHOICES, LongText
from newsstand.encoders.torch_encoder import Encoder
from newsstand.models.transformer import TransformerModel, _text
from newsstand.text.article import Article
from newsstand.text.example import Example, encode
from newsstand.text.normalize import TextSpec

BODY = "Rain fell on the hills. The coach praised the goalkeeper.\n\nShares fell. Snow fell again."


def example(body: str = BODY, title: str = "A week", target: str | None = None) -> Example:
    return encode(Article(title=title, body=body), target, TextSpec())


def model(tiny: Path, long_text: LongText = "head", max_tokens: int = 24) -> TransformerModel:
    torch.manual_seed(3)
    encoder = Encoder.open(tiny, max_tokens=max_tokens, long_text=long_text, labels=3, device="cpu")
    with torch.no_grad():  # as a fit leaves it, and not all but zero
        encoder.network.classifier.weight.mul_(3)
    return TransformerModel(encoder)


@pytest.mark.parametrize("how", CHOICES)
@pytest.mark.parametrize("target", [None, "the goalkeeper"])
def test_a_batch_gives_what_single_rows_give(
    tiny_encoder: Path, how: LongText, target: str | None
) -> None:
    found = model(tiny_encoder, how)
    items = [example(body, target=target) for body in (BODY, "x", BODY * 3, "Shares fell.")]
    batch = found.forward(items)
    assert batch.dtype == np.float64
    assert batch.shape == (4, 3)
    assert len(np.unique(batch.round(3), axis=0)) >= 3
    np.testing.assert_allclose(batch, np.vstack([found.forward([x]) for x in items]), atol=1e-5)
    np.testing.assert_allclose(found.forward(items[::-1])[::-1], batch, atol=1e-5)
    assert found.forward([]).shape == (0, 3)


def test_windows_have_the_mean_of_their_scores(tiny_encoder: Path) -> None:
    windows, head = model(tiny_encoder, "windows"), model(tiny_encoder)
    item = example(BODY * 2)
    texts = windows.window_texts(item)
    assert len(texts) > 2
    each = head.forward([example(text, title="") for text in texts])
    np.testing.assert_allclose(windows.forward([item])[0], each.mean(axis=0), atol=1e-5)


def test_the_target_is_read(tiny_encoder: Path) -> None:
    found = model(tiny_encoder)
    scores = found.forward([example(target="the goalkeeper"), example(target="rain")])
    assert np.abs(scores[0] - scores[1]).max() > 0.01


@pytest.mark.parametrize("how", CHOICES)
def test_a_sentence_gains_what_the_score_loses_without_it(
    tiny_encoder: Path, how: LongText
) -> None:
    found = model(tiny_encoder, how, max_tokens=64)
    item = example(target="rain")
    gains = {item.text[a:b]: gain for (a, b), gain in found.gains(item, 1)}
    sentences = ["A week", "Rain fell on the hills.", "The coach praised the goalkeeper."]
    assert list(gains) == [*sentences, "Shares fell.", "Snow fell again."]
    without = example(BODY.replace("The coach praised the goalkeeper.", ""), target="rain")
    scores = found.forward([item, without])
    over = scores[:, 1] - scores.mean(axis=1)
    assert gains["The coach praised the goalkeeper."] == pytest.approx(over[0] - over[1], abs=1e-4)


def test_a_sentence_that_is_not_read_gains_nothing(tiny_encoder: Path) -> None:
    for how in ("head_tail", "relevant"):
        found = model(tiny_encoder, how)  # type: ignore[arg-type]
        item = example(BODY * 4, target="shares")
        spans = [span for span, _ in found.gains(item, 0)]
        assert 1 < len(spans) < 17


def test_targets_are_marked_where_the_text_names_them(tiny_encoder: Path, tmp_path: Path) -> None:
    plain = model(tiny_encoder)
    marking = replace(plain, mark_target=True)
    named = example("The levy (a levy) is cheap. Levying it, or the levy's end?", "", "levy")
    assert marking.window_texts(named) == [
        "The @ levy @ (a @ levy @) is cheap. Levying it, or the @ levy @'s end?"
    ]
    assert marking.window_texts(example("The levy.", "")) == ["The levy."]
    # Places that are known are marked, and no others; of two that overlap, the first.
    known = replace(
        example("Lee said she would. Lee?", "Lee", "Lee"), mentions=((9, 12), (0, 3), (2, 5))
    )
    assert marking.window_texts(known) == ["Lee\n\n@ Lee @ said @ she @ would. Lee?"]
    # Where it is cut, a place that is not read in whole is not marked.
    read = _text(known, ((0, 3), (5, 16)), marking._places(known))
    assert read == "Lee @ Lee @ said sh"
    assert plain.window_texts(named) == [named.text]
    again = TransformerModel.load(tmp_path, marking.save(tmp_path))
    assert again.mark_target
    assert (again.forward([named]) == marking.forward([named])).all()
    assert (again.forward([named]) != plain.forward([named])).any()
    spans = [span for span, _ in marking.gains(named, 1)]
    assert [named.text[a:b].strip() for a, b in spans] == [
        "The levy (a levy) is cheap.",
        "Levying it, or the levy's end?",
    ]
