"""Models recognise texts without known tokens or n-grams, and scores of them have a warning."""

# ruff: noqa: RUF001, E501  (typographic forms are the point)
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from newsstand.features.coverage import NOTHING_KNOWN, first_words_known, in_buckets
from newsstand.features.hashed_ngrams import HashedNgrams
from newsstand.features.weighting import Features, FeatureSpec
from newsstand.io.bundle import Bundle
from newsstand.serve.scorer import Scorer
from newsstand.text.article import Article
from newsstand.text.example import Example, encode
from newsstand.text.normalize import TextSpec

SEEN = ["Rye fell on Monday.", "Wheat rose on Friday.", "Oats fell, and rye rose."]
UNSEEN = ["?! …", "ꦏꦺꦴꦧꦺꦂ", "Zyxwv qponm."]


def example(body: str, target: str | None = None) -> Example:
    return encode(Article(body=body), target, TextSpec())


def test_linear_features() -> None:
    spec = FeatureSpec(words=(1, 2), cross_target=True, fields={"target": 1.0, "near": 1.0})
    features = Features.fit(spec, [example(body, "Rye") for body in SEEN])
    asked = [example(body, "Rye") for body in (*SEEN, *UNSEEN, "Zyxwv fell.")]
    # N-grams of the target do not make a text known.
    assert features.knows(asked).tolist() == [True] * 3 + [False] * 3 + [True]
    assert features.knows([]).tolist() == []


def test_words_inside_a_hashtag_are_known() -> None:
    asked = [example("#RyeFell")]
    for hashtags in (True, False):
        features = Features.fit(FeatureSpec(hashtags=hashtags), [example(x) for x in SEEN])
        assert features.knows(asked).tolist() == [hashtags]


def test_hits_by_chance_do_not_make_a_text_known() -> None:
    hasher = HashedNgrams(words=(1, 1), bits=12)
    rng = np.random.default_rng(5)
    used = rng.random(1 << 12) < 0.3
    strange = [" ".join(f"{k}x{i}" for i in range(400)) for k in range(20)]
    assert not in_buckets(strange, hasher, used).any()
    used[hasher.positions(" ".join(SEEN)).buckets] = True
    familiar = [f"{SEEN[0]} {SEEN[1]} {SEEN[2]} {text[:20]}" for text in strange]
    assert in_buckets(familiar, hasher, used).all()


def test_a_whole_text_is_tested_where_its_first_words_are_unknown() -> None:
    asked: list[int] = []

    def knows(texts: list[str]) -> np.ndarray:
        asked.extend(map(len, texts))
        return np.array(["rye" in text for text in texts])

    late = "x " * 100 + "rye"
    found = first_words_known(["rye " * 500, late, "x " * 200], knows)  # type: ignore[arg-type]
    assert found.tolist() == [True, True, False]
    assert asked == [240, 120, 120, len(late), 400]


@pytest.mark.parametrize("body", ["!? …", "𐤀𐤁𐤂"])
def test_the_score_of_an_unknown_text_has_a_warning(small: Bundle, body: str) -> None:
    scorer = Scorer(small)
    one, other = scorer.score_many([body, "The striker scored twice."])
    assert one.warning == NOTHING_KNOWN
    assert other.warning is None


def test_several_warnings_are_joined(small: Bundle) -> None:
    body = "𐤀𐤁𐤂.\n\nSign up for our newsletter: wheat, rye and oats in your inbox"
    warning = Scorer(small).score(body).warning
    assert warning is not None
    stripped, nothing = warning.split("; ")
    assert "stripped as boilerplate" in stripped
    assert nothing == NOTHING_KNOWN


def test_letter_variants_score_like_plain_letters(small: Bundle) -> None:
    plain = "The final offer: profits of the firm fluctuate, a striker scored."
    forms = [
        "The ﬁnal oﬀer: proﬁts of the ﬁrm ﬂuctuate, a ſtriker scored.",
        "Ｔｈｅ　ｆｉｎａｌ offer： ｐｒｏｆｉｔｓ of the firm fluctuate， a striker ｓｃｏｒｅｄ．",
        "The fi\u00adnal of\u200bfer: pro\u2060fits of the firm fluc\u00adtuate, a striker scored.",
        "The 𝐟𝐢𝐧𝐚𝐥 offer: profits of the firm fluctuate, a Ⓢtriker scored.".replace("Ⓢ", "ⓢ"),
    ]
    first, *rest = Scorer(small).score_many([plain, *forms], explain=True)
    for score, form in zip(rest, forms, strict=True):
        assert score.probabilities == first.probabilities
        assert score.evidence
        assert all(form[x.start : x.end] == x.text for x in score.evidence)


@pytest.mark.parametrize("family", ["embedding", "transformer"])
def test_encoders_know_texts_with_known_tokens(tiny_encoder: Path, family: str) -> None:
    from newsstand.encoders.torch_encoder import Encoder
    from newsstand.models.embedding import EmbeddingModel
    from newsstand.models.transformer import TransformerModel

    make: dict[str, Callable[[], EmbeddingModel | TransformerModel]] = {
        "embedding": lambda: EmbeddingModel(
            Encoder.open(tiny_encoder, max_tokens=24), np.zeros((1, 1)), np.zeros(1)
        ),
        "transformer": lambda: TransformerModel(
            Encoder.open(tiny_encoder, max_tokens=24, labels=2, device="cpu")
        ),
    }
    asked = [example(body) for body in ("The striker scored.", "!? …", "𐤀𐤁𐤂", "?! 𐤀 the")]
    assert make[family]().knows(asked).tolist() == [True, False, False, True]
