"""Damaged caches: damaged files are reported, and their content is computed again.

`tests/bench/damaged_caches.py` tries more of them, through the commands.
"""

import hashlib
import json
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import datasets
import numpy as np
import pytest

from cache_damages import OF_FILES, OF_FOLDERS, Damage, delete, forbid
from loading import load_rows
from newsstand.data.sealed import (
    DamagedError,
    find_damage,
    load_arrays,
    save_arrays,
    write_checksums,
)
from newsstand.train.families import vector_cache
from newsstand.train.families.vector_cache import CachedVectors

WORDS = ["harbour", "bank", "rain", "vote", "bridge", "tax", "storm", "match", "school", "river"]


def table(path: Path, seed: int) -> Path:
    """Twenty articles, two of which were printed twice."""
    random = Random(seed)
    bodies = [" ".join(random.choices(WORDS, k=60)) for _ in range(18)]
    bodies += [f"(Wire) {body} Ends." for body in bodies[:2]]
    rows = [{"label": "ab"[n % 2], "body": body} for n, body in enumerate(bodies)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def content(path: Path) -> tuple[str, Path]:
    """A digest of all that is loaded, and where it is kept."""
    news = load_rows(
        format="table", task="topic", labels="from-data", path=str(path), near_duplicates={}
    )
    assert news.near_duplicates is not None
    values = [
        news.rows[:],
        news.digest,
        news.near_duplicates.cluster.tolist(),
        news.near_duplicates.shared.tolist(),
    ]
    return hashlib.sha256(repr(values).encode()).hexdigest(), news.folder


@dataclass(frozen=True)
class Made:
    """A table, what it holds, and where that and another table's rows are kept."""

    path: Path
    digest: str
    cache: Path
    name: str
    other: Path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    root = tmp_path_factory.mktemp("damaged")
    path = table(root / "a.jsonl", 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets.config, "HF_DATASETS_CACHE", str(root / "cache"))
        digest, folder = content(path)
        _, other = content(table(root / "b.jsonl", 2))
    return Made(path, digest, root / "cache", folder.name, other)


@pytest.mark.parametrize("damage", [*OF_FILES, *OF_FOLDERS], ids=lambda x: x.__name__)
def test_prepared_rows_are_prepared_again(
    made: Made,
    damage: Damage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    shutil.copytree(made.cache, tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "cache" / "newsstand" / made.name
    random = Random(damage.__name__)
    names = sorted(x.name for x in folder.iterdir())
    assert len(names) == 5  # rows, texts, what else there is to say, checksums, near-duplicates
    name = random.choice(names)
    before = (folder / name).read_bytes()
    damage(folder / name, made.other / name, random)
    harmless = readable(folder / name) == before  # as what was zero is zeroed
    assert content(made.path) == (made.digest, folder), name
    lost = damage is delete and name.startswith("near")  # as if it had never been looked for
    messages = [x.getMessage() for x in caplog.records if x.levelno == logging.WARNING]
    assert len(messages) == (0 if harmless or lost else 1), (name, messages)
    assert all("prepared again" in x or "searched again" in x for x in messages)
    assert not list(folder.parent.glob("unfinished-*"))
    caplog.clear()
    assert content(made.path) == (made.digest, folder)
    assert not caplog.records


def readable(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


class Lengths:
    """Stands in for an encoder."""

    width = 2

    def __init__(self) -> None:
        self.encoded = 0

    def vectors(self, texts: Sequence[str]) -> Any:
        self.encoded += len(texts)
        return np.array([[len(text), text.count("a")] for text in texts], dtype=np.float32)


def vectors(folder: Path, texts: Sequence[str]) -> tuple[Any, int]:
    encoder: Any = Lengths()
    return CachedVectors(encoder, folder)(texts), encoder.encoded


@pytest.mark.parametrize(
    "damage", [x for x in OF_FILES if x is not forbid], ids=lambda x: x.__name__
)
def test_vectors_are_computed_again(
    tmp_path: Path,
    damage: Damage,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(vector_cache, "_CHUNK", 4)
    texts = [f"{word} {n}" for n in range(2) for word in WORDS]
    first, _ = vectors(tmp_path / "one", texts)
    vectors(tmp_path / "other", [text.upper() for text in texts])
    for path in sorted((tmp_path / "one").glob("*.npy"))[:2]:
        damage(path, next((tmp_path / "other").iterdir()), Random(damage.__name__))
        again, encoded = vectors(tmp_path / "one", texts)
        assert np.array_equal(again, first)
        assert encoded == 4  # a file
        messages = [x.getMessage() for x in caplog.records]
        assert messages == [] if damage.__name__ == "delete" else "encoded again" in messages[0]
        assert vectors(tmp_path / "one", texts)[1] == 0


def test_vectors_of_another_encoder_are_not_used(tmp_path: Path) -> None:
    vectors(tmp_path / "one", ["rain"])
    (tmp_path / "one").rename(tmp_path / "other")
    assert vectors(tmp_path / "other", ["rain"])[1] == 1


def test_nan_vectors_are_refused(tmp_path: Path) -> None:
    encoder: Any = Lengths()
    encoder.vectors = lambda texts: np.full((len(texts), 2), np.nan, dtype=np.float32)
    with pytest.raises(Exception, match=r"^model\.encoder: computes vectors with NaN"):
        CachedVectors(encoder, tmp_path)(["rain"])
    assert not list(tmp_path.iterdir())


def test_arrays_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "kept.safetensors"
    arrays = {"a": np.arange(6.0).reshape(2, 3).T, "none": np.empty((0, 2), dtype=np.int64)}
    save_arrays(path, arrays, of="these", facts={"t": 0.1})
    found, facts = load_arrays(path, of="these")
    assert facts == {"t": 0.1}
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        assert np.array_equal(found[name], array)
    with pytest.raises(DamagedError, match=r"^made of other data$"):
        load_arrays(path, of="those")
    assert path.stat().st_mode & 0o777 == 0o600


def test_flaws_of_a_sealed_folder_are_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("rain")
    write_checksums(tmp_path, ["a"], of="x")
    assert find_damage(tmp_path, of="x") is None
    assert find_damage(tmp_path, of="y") == "made of other data"
    (tmp_path / "a").write_text("snow")
    assert find_damage(tmp_path, of="x") == "a: checksum"
    (tmp_path / "a").write_text("sleet")
    assert find_damage(tmp_path, of="x") == "a: size"
    (tmp_path / "a").unlink()
    assert find_damage(tmp_path, of="x") == "a: No such file or directory"
    for text in ("", "[]", '{"of": "x"}', '{"of": "x", "files": {"a": 1}}', "\x00"):
        (tmp_path / "checksums.json").write_text(text)
        assert find_damage(tmp_path, of="x") == "checksums.json: changed"
