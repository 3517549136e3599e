"""Cached vectors: equal to the encoder's, computed once, and never from a damaged file."""

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
    """An encoder that records the texts it encodes."""

    def __init__(self, inner: Encoder) -> None:
        super().__init__(inner.network, inner.tokenizer, inner.max_tokens)
        self.encoded: list[str] = []

    def vectors(self, texts: Sequence[str]) -> Float32s:
        self.encoded += texts
        return super().vectors(texts)


@pytest.fixture
def encoder(tiny_encoder: Path) -> Counting:
    return Counting(Encoder.open(tiny_encoder, max_tokens=16, device="cpu"))


def test_each_text_is_encoded_once_in_all_runs(encoder: Counting, tmp_path: Path) -> None:
    found = CachedVectors(encoder, tmp_path)([*TEXTS, *TEXTS])
    assert sorted(encoder.encoded) == sorted(TEXTS)
    fresh = Encoder.vectors(encoder, TEXTS)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.vstack([fresh, fresh]), atol=1e-6)
    again = CachedVectors(encoder, tmp_path)
    assert (again([*TEXTS[::-1], "new"])[: len(TEXTS)] == found[: len(TEXTS)][::-1]).all()
    assert encoder.encoded[len(TEXTS) :] == ["new"]
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
    assert sorted(encoder.encoded) == sorted(TEXTS)
    fresh = Encoder.vectors(encoder, TEXTS)
    np.testing.assert_allclose(found, np.vstack([fresh, fresh]), atol=1e-6)
    assert (vectors([*TEXTS[::-1], "new"])[: len(TEXTS)] == found[: len(TEXTS)][::-1]).all()
    assert encoder.encoded[len(TEXTS) :] == ["new"]
    assert vectors([]).shape == (0, 24)


def test_vectors_from_before_a_crash_are_kept(
    encoder: Counting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector_cache, "_CHUNK", 5)
    reported: list[tuple[int, int]] = []

    def crash(done: int, total: int) -> None:
        reported.append((done, total))
        if done == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        CachedVectors(encoder, tmp_path, crash)(TEXTS)
    assert reported == [(5, 12), (10, 12)]
    before = len(encoder.encoded)
    CachedVectors(encoder, tmp_path)(TEXTS)
    assert len(encoder.encoded) - before == 2
    # Temporary files are ignored.
    (tmp_path / "tmp1").write_bytes(b"half")
    CachedVectors(encoder, tmp_path)(TEXTS)


def test_a_damaged_file_is_reported_and_replaced(
    encoder: Counting, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = CachedVectors(encoder, tmp_path)(TEXTS)
    [path] = tmp_path.glob("*.npy")
    path.write_bytes(path.read_bytes()[:-8])
    again = CachedVectors(encoder, tmp_path)(TEXTS)
    assert (again == found).all()
    assert len(encoder.encoded) == 2 * len(TEXTS)
    [message] = [record.getMessage() for record in caplog.records]
    assert message == f"{path}: damaged (checksum); its texts are encoded again"
