"""Tokenising is thread-safe and leaves the tokenizer unchanged."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from newsstand.encoders.torch_encoder import Encoder
from newsstand.text.article import Article
from newsstand.text.example import Example, encode
from newsstand.text.normalize import TextSpec

SENTENCES = ("Rain fell on the hills.", "The coach praised the goalkeeper.", "Shares fell again.")


@pytest.fixture(scope="module")
def encoder(tiny_encoder: Path) -> Encoder:
    return Encoder.open(tiny_encoder, max_tokens=24, long_text="windows", device="cpu")


def example(number: int) -> Example:
    body = " ".join(SENTENCES[(number + i) % 3] for i in range(1 + number % 9))
    return encode(Article(title=f"Week {number}", body=body), "the hills", TextSpec())


def test_threads_sharing_a_tokenizer_get_the_same_tokens(encoder: Encoder) -> None:
    examples = [example(number) for number in range(200)]

    def read(item: Example) -> list[list[int]]:
        texts = [
            item.text[a:b] for part in encoder.excerpts(item, beside=["the hills"]) for a, b in part
        ]
        pairs = encoder.tokens(texts, ["the hills"] * len(texts)).ids
        return [
            *pairs,
            *encoder.tokens([item.text]).ids,
            list(encoder.tokens_read(item)),
        ]

    expected = [read(item) for item in examples]
    assert max(map(len, expected)) > 5
    with ThreadPoolExecutor(8) as workers:
        assert list(workers.map(read, examples, chunksize=1)) == expected


def test_a_saved_tokenizer_is_unchanged(encoder: Encoder, tmp_path: Path) -> None:
    encoder.tokens(["rain " * 100], ["the hills"])
    encoder.save(tmp_path / "one")
    again = Encoder.open(tmp_path / "one" / "encoder", max_tokens=12, device="cpu")
    again.tokens(["rain " * 100])
    again.save(tmp_path / "two")
    one, two = (tmp_path / x / "encoder" / "tokenizer.json" for x in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
