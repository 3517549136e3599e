"""Cached vectors: the encoder's own, computed once, and never from a damaged file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from newsstand.encoders.torch_encoder import Encoder
from newsstand.train.families import vector_cache
from newsstand.train.families.vector_cache import CachedVectors, RememberedVectors
from newsstand.train.families.vectors_head import open_encoder
from newsstand.types import Float32s

TEXTS = [f"{word} on day {day}" for day in range(4) for word in ("rain", "Snow", "")]


class Counting(Encoder):
    """An encoder that notes what it is asked for."""

    def __init__(self, inner: Encoder) -> None:
        super().__init__(inner.network, inner.tokenizer, inner.max_tokens)
        self.asked: list[str] = []

    def vectors(self, texts: Sequence[str]) -> Float32s:
        self.asked += texts
        return super().vectors(texts)


@pytest.fixture
def encoder(tiny_encoder: Path) -> Counting:
    return Counting(Encoder.open(tiny_encoder, max_tokens=16, device="cpu"))


def test_each_text_is_encoded_once_whatever_the_run(encoder: Counting, tmp_path: Path) -> None:
    found = CachedVectors(encoder, tmp_path)([*TEXTS, *TEXTS])
    assert sorted(encoder.asked) == sorted(TEXTS)
    fresh = Encoder.vectors(encoder, TEXTS)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.vstack([fresh, fresh]), atol=1e-6)
    again = CachedVectors(encoder, tmp_path)
    assert (again([*TEXTS[::-1], "new"])[: len(TEXTS)] == found[: len(TEXTS)][::-1]).all()
    assert encoder.asked[len(TEXTS) :] == ["new"]
    assert again([]).shape == (0, 24)


def test_half_precision_is_close_and_kept_apart(tiny_encoder: Path, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"sha256": None, "max_tokens": 16, "long_text": "head"}
    found = {}
    for precision in ("fp32", "bf16", "fp32"):
        _, vectors = open_encoder(
            str(tiny_encoder), device="cpu", precision=precision, progress=None, **settings
        )
        found[precision] = vectors(TEXTS)
        assert found[precision].dtype == np.float32
    fresh = Encoder.open(tiny_encoder, max_tokens=16, device="cpu").vectors(TEXTS)
    np.testing.assert_allclose(found["fp32"], fresh, atol=1e-6)
    cosines = (found["bf16"] * fresh).sum(axis=1)
    assert 0.99 < cosines.min() < 1 - 1e-7


def test_in_memory_each_text_is_encoded_once(encoder: Counting) -> None:
    vectors = RememberedVectors(encoder)
    found = vectors([*TEXTS, *TEXTS])
    assert sorted(encoder.asked) == sorted(TEXTS)
    fresh = Encoder.vectors(encoder, TEXTS)
    np.testing.assert_allclose(found, np.vstack([fresh, fresh]), atol=1e-6)
    assert (vectors([*TEXTS[::-1], "new"])[: len(TEXTS)] == found[: len(TEXTS)][::-1]).all()
    assert encoder.asked[len(TEXTS) :] == ["new"]
    assert vectors([]).shape == (0, 24)


def test_what_was_encoded_before_a_crash_is_kept(
    encoder: Counting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector_cache, "_CHUNK", 5)
    heard: list[tuple[int, int]] = []

    def crash(done: int, total: int) -> None:
        heard.append((done, total))
        if done == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        CachedVectors(encoder, tmp_path, crash)(TEXTS)
    assert heard == [(5, 12), (10, 12)]
    before = len(encoder.asked)
    CachedVectors(encoder, tmp_path)(TEXTS)
    assert len(encoder.asked) - before == 2
    # An unfinished file has no name that is looked for.
    (tmp_path / "tmp1").write_bytes(b"half")
    CachedVectors(encoder, tmp_path)(TEXTS)


def test_a_damaged_file_is_named_and_made_again(
    encoder: Counting, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = CachedVectors(encoder, tmp_path)(TEXTS)
    [path] = tmp_path.glob("*.npy")
    path.write_bytes(path.read_bytes()[:-8])
    again = CachedVectors(encoder, tmp_path)(TEXTS)
    assert (again == found).all()
    assert len(encoder.asked) == 2 * len(TEXTS)
    [said] = [record.getMessage() for record in caplog.records]
    assert said == f"{path}: damaged (checksum); its texts are encoded again"
