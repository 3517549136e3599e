"""A hundred damaged caches, seeded: how many runs end in an exception, or with another result.

    python -m pytest -s -o addopts=--import-mode=importlib tests/bench/damaged_caches.py

Each kind of cache is made, damaged, and used again, as a run that comes later would: prepared rows
and near-duplicates, the state of a streamed fit, an encoder's vectors, checkpoints.
"""

import hashlib
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

import datasets
import numpy as np
import pytest
from safetensors.torch import save

import small_fit
from cache_damages import OF_FILES, OF_FOLDERS
from newsstand.config.data_specs import DataSpec, NearDuplicateSpec, SourceSpec, SplitSpec
from newsstand.data.load import load
from newsstand.encoders.torch_encoder import Encoder
from newsstand.errors import NewsstandError
from newsstand.features.weighting import FeatureSpec
from newsstand.text.example import Example
from newsstand.text.normalize import TextSpec
from newsstand.train.families.sgd import fit_stream
from newsstand.train.families.vector_cache import CachedVectors

WORDS = ["harbour", "bank", "rain", "vote", "bridge", "tax", "storm", "match", "school", "river"]
SEED = 18


def texts(seed: int, count: int = 60) -> list[str]:
    random = Random(seed)
    return [" ".join(random.choices(WORDS, k=50)) for _ in range(count)]


class Rows:
    """Prepared rows, and near-duplicates among them."""

    runs = 40

    def __init__(self, root: Path, seed: int) -> None:
        self.path = root / "table.csv"
        found = texts(seed)
        rows = [f"{'ab'[n % 2]},{text}" for n, text in enumerate([*found, *found[:3]])]
        self.path.write_text("label,body\n" + "\n".join(rows))

    def make(self) -> None:
        self.use()

    def use(self) -> str:
        root = self.path.parent
        datasets.config.HF_DATASETS_CACHE = str(root / "cache")
        news = load(
            DataSpec(
                task="topic",
                labels="from-data",
                sources=SourceSpec(format="table", path=str(self.path)),
                text=TextSpec(),
                repeats="drop",
                near_duplicates=NearDuplicateSpec(),
                split=SplitSpec(),
                seed=0,
            )
        )
        assert news.near_duplicates is not None
        return repr([news.rows[:], news.digest, news.near_duplicates.cluster.tolist()])


class Streamed:
    """What a streamed fit has learned before it was killed."""

    runs = 30

    def __init__(self, root: Path, seed: int) -> None:
        self.file = root / "cache" / f"fit-{seed}.safetensors"
        self.file.parent.mkdir(mode=0o700)
        self.examples = [Example.of_prepared("", text, None) for text in texts(seed, 300)]

    def make(self) -> None:
        with pytest.raises(small_fit.Killed):
            self.fit(kill=15)

    def use(self) -> str:
        self.file.parent.mkdir(mode=0o700, exist_ok=True)
        return self.fit(kill=None)

    def fit(self, kill: int | None) -> str:
        seen = 0

        def progress(_stage: str, _done: int, _total: int | None) -> None:
            nonlocal seen
            seen += 1
            if seen == kill:
                raise small_fit.Killed

        labels = np.arange(len(self.examples)) % 3
        model = fit_stream(
            self.examples, labels, np.ones(len(labels)), spec=FeatureSpec(bits=10), C=1.0,
            epochs=2, seed=5, file=self.file, progress=progress,
            block=32, shuffled=4, saved_every=0.0,  # many groups, saved after each
        )  # fmt: skip
        return repr([model.coefficients.tolist(), model.intercepts.tolist()])


class Vectors:
    """An encoder's vectors."""

    runs = 20
    tiny: Path

    def __init__(self, root: Path, seed: int) -> None:
        self.folder = root / "cache" / f"encoder-{seed}"
        self.texts = texts(seed, 30)
        self.encoder = Encoder.open(self.tiny, max_tokens=16, device="cpu")

    def make(self) -> None:
        self.use()

    def use(self) -> str:
        if self.folder.is_file():
            self.folder.unlink()
        return repr(CachedVectors(self.encoder, self.folder)(self.texts).tolist())


class Checkpoints:
    """Checkpoints of a fine-tuning that was killed."""

    runs = 10
    tiny: Path

    def __init__(self, root: Path, seed: int) -> None:
        self.folder, self.seed = root / "cache", seed

    def make(self) -> None:
        with pytest.raises(small_fit.Killed):
            small_fit.fit(self.tiny, self.folder, kill=7, seed=self.seed)

    def use(self) -> str:
        model = small_fit.fit(self.tiny, self.folder, seed=self.seed)
        return hashlib.sha256(save(small_fit.weights(model))).hexdigest()


def files(root: Path) -> list[Path]:
    return sorted(path.relative_to(root) for path in root.rglob("*") if path.is_file())


@pytest.mark.parametrize("kind", [Rows, Streamed, Vectors, Checkpoints])
def test_damages(
    kind: Callable[..., object] | type,
    tiny_encoder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for user in (Vectors, Checkpoints):
        monkeypatch.setattr(user, "tiny", tiny_encoder, raising=False)
    random = Random(SEED)
    for name, seed in (("one", 1), ("other", 2)):
        (tmp_path / name).mkdir()
        made = kind(tmp_path / name, seed)
        made.make()
        if name == "one":
            user_, kept = made, tmp_path / "kept"
            shutil.copytree(tmp_path / "one" / "cache", kept)
            expected = made.use()
    ends: Counter[str] = Counter()
    damages = [*OF_FILES, *(OF_FOLDERS if kind is Rows else ())]
    for run in range(kind.runs):
        cache = tmp_path / "one" / "cache"
        shutil.rmtree(cache)
        shutil.copytree(kept, cache)
        damage = damages[run % len(damages)]
        place = random.choice(files(cache))
        others = [x for x in files(tmp_path / "other" / "cache") if x.name == place.name]
        other = others[0] if others else random.choice(files(tmp_path / "other" / "cache"))
        damage(cache / place, tmp_path / "other" / "cache" / other, random)
        try:
            ends["the same" if user_.use() == expected else "ANOTHER RESULT"] += 1
        except NewsstandError as error:
            ends[f"refused: {error}"] += 1
        except Exception as error:
            ends[f"EXCEPTION {damage.__name__} of {place}: {error!r}"] += 1
    print(f"\n{kind.__name__}: {dict(ends)}")
    assert ends["the same"] == kind.runs
