"""Excerpts of long articles by each choice, and their spans in the article."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from newsstand.encoders.long_text import CHOICES, Excerpt, LongText, excerpts, joined, sources
from newsstand.encoders.torch_encoder import Encoder
from newsstand.text.article import Article, Span
from newsstand.text.example import Example, encode
from newsstand.text.normalize import TextSpec

BODY = (
    "Rain fell on the hills. The coach praised the goalkeeper. Shares fell on the market.\n\n"
    "Snow fell overnight. The bank raised interest rates. Strong winds are forecast."
)


def example(body: str = BODY, title: str = "A week", target: str | None = None) -> Example:
    return encode(Article(title=title, body=body), target, TextSpec())


def words(text: str) -> list[Span]:
    """Spans of words, in place of tokens."""
    found, at = [], 0
    for word in text.split():
        at = text.index(word, at)
        found.append((at, at + len(word)))
        at += len(word)
    return found


def read(item: Example, how: LongText, room: int, wanted: str = "") -> list[str]:
    def similarity(pieces: Sequence[Span]) -> list[float]:
        texts = [item.text[start:end] for start, end in pieces]
        return [float(wanted in text) for text in texts]

    found = excerpts(item, how=how, room=room, places=words(item.text), similarity=similarity)
    for excerpt in found:
        assert list(excerpt) == sorted(excerpt)
        assert len(joined(item, excerpt).split()) <= room
    return [joined(item, excerpt) for excerpt in found]


@pytest.mark.parametrize("how", CHOICES)
def test_a_text_that_fits_is_read_completely(how: LongText) -> None:
    item = example()
    assert read(item, how, len(item.text.split())) == [item.text]
    assert read(item, how, len(item.text.split()) - 1) != [item.text]


def test_head_reads_the_start() -> None:
    assert read(example(), "head", 6) == ["A week\n\nRain fell on the"]


def test_head_tail_reads_both_ends() -> None:
    assert read(example(), "head_tail", 7) == ["A week\n\nRain fell winds are forecast."]


def test_windows_read_all_sentences_each_with_the_title() -> None:
    found = read(example(), "windows", 13)
    assert found == [
        "A week Rain fell on the hills. The coach praised the goalkeeper.",
        "A week Shares fell on the market. Snow fell overnight.",
        "A week The bank raised interest rates. Strong winds are forecast.",
    ]


def test_relevant_reads_the_most_similar_sentences_in_their_order() -> None:
    found = read(example(), "relevant", 12, wanted="bank")
    assert found == ["A week Rain fell on the hills. The bank raised interest rates."]
    # A sentence that does not fit is skipped for a shorter one.
    assert read(example(), "relevant", 10, wanted="bank") == [
        "A week Snow fell overnight. The bank raised interest rates."
    ]


@pytest.mark.parametrize("how", ["windows", "relevant"])
def test_a_sentence_that_is_too_long_is_split(how: LongText) -> None:
    found = read(example("rain " * 50, title=""), how, 8)
    counts = [text.split().count("rain") for text in found]
    assert counts == ([8] * 6 + [2] if how == "windows" else [8])


@pytest.mark.parametrize("how", ["windows", "relevant"])
def test_a_title_has_at_most_half_of_the_tokens(how: LongText) -> None:
    for text in read(example(title="On and on " * 9), how, 10):
        assert text.startswith("On and on On and ")
        assert len(text.split()) > 5


def test_spans_of_an_excerpt_map_to_the_article() -> None:
    item = example()
    for how in CHOICES:
        [excerpt, *_] = excerpts(
            item,
            how=how,
            room=12,
            places=words(item.text),
            similarity=lambda pieces: [float(number % 2) for number, _ in enumerate(pieces)],
        )
        text = joined(item, excerpt)
        back = sources(excerpt, words(text))
        assert [item.text[a:b] for a, b in back] == text.split(), how


@pytest.fixture(scope="module")
def encoder(tiny_encoder: Path) -> Encoder:
    return Encoder.open(tiny_encoder, max_tokens=24, long_text="relevant", device="cpu")


def test_relevant_prefers_the_same_words_then_similar_ones(
    encoder: Encoder,
) -> None:
    def chosen(target: str) -> str:
        item = example(target=target)
        [excerpt] = encoder.excerpts(item, beside=[target])
        return joined(item, excerpt)

    assert "The bank raised interest rates." in chosen("interest rates")
    assert "Snow fell overnight." in chosen("snow overnight")
    # A token with the same embedding counts as the same token.
    table = encoder.network.get_input_embeddings().weight.detach()
    numbers = encoder.tokenizer("match rain shares", add_special_tokens=False)["input_ids"]
    match, *others = numbers
    assert len(others) == 2
    kept = table[match].clone()
    try:
        for other, sentence in zip(others, ("Rain fell", "Shares fell"), strict=True):
            table[match] = table[other]
            assert sentence in chosen("match")
    finally:
        table[match] = kept
    assert chosen("").startswith("A week Rain fell")


@pytest.mark.parametrize("how", CHOICES)
@pytest.mark.parametrize("paired", [True, False])
def test_excerpts_are_not_truncated_by_the_tokenizer(
    tiny_encoder: Path, how: LongText, paired: bool
) -> None:
    encoder = Encoder.open(tiny_encoder, max_tokens=24, long_text=how, device="cpu")
    item = example(BODY * 3, target="the goalkeeper " * 9)
    found: list[Excerpt] = encoder.excerpts(item, beside=[item.target or ""] if paired else [])
    texts = [joined(item, excerpt) for excerpt in found]
    if how == "head":  # truncated by the tokenizer
        assert texts == [item.text]
        return
    targets = [item.target or ""] * len(texts) if paired else None
    sizes = encoder.tokens(texts, targets).lengths()
    whole = Encoder(encoder.network, encoder.tokenizer, 64).tokens(texts, targets).lengths()
    if paired:  # the target is truncated to half of 24, not of 64
        whole = np.minimum(whole, sizes)
    assert sizes.tolist() == whole.tolist()
    assert max(sizes) >= 18


def test_tokens_read_are_counted_once(tiny_encoder: Path) -> None:
    item = example(BODY * 3, target="the goalkeeper")
    for how in CHOICES:
        encoder = Encoder.open(tiny_encoder, max_tokens=24, long_text=how, device="cpu")
        read, whole = encoder.tokens_read(item)
        assert whole == len(encoder.tokenizer.tokenize(item.text))
        assert (read == whole) == (how == "windows"), how
        assert 16 <= read <= (whole if how == "windows" else 22), how
        less, _ = encoder.tokens_read(item, beside=["the goalkeeper"])
        # Whole sentences may leave as many tokens unused as the target has.
        assert less < read if how.startswith("head") else less <= read, how
