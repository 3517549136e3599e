"""Fixtures of the training tests."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from newsstand.config.loader import load_config
from newsstand.models.transformer import TransformerModel
from newsstand.train import local_store, tracking
from newsstand.train.result import Result
from newsstand.train.run import train
from quick_run import CONFIG, WORDS, write_rows


@pytest.fixture(scope="session")
def plain_encoder(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny encoder without dropout: in training it computes as it does in scoring."""
    folder = tmp_path_factory.mktemp("plain") / "encoder"
    shutil.copytree(tiny_encoder, folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of MLflow without runs: making one takes longer than a run."""
    database = tmp_path_factory.mktemp("empty") / "mlflow.db"
    with local_store.locked(database):
        local_store.make(database, tracking.initialise)
    return database


@pytest.fixture
def workplace(empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with an MLflow store of its own."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(empty_store, tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    return tmp_path


@pytest.fixture(scope="module")
def store(
    trained: object, empty_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """An MLflow store of this module, beside the session's."""
    folder = tmp_path_factory.mktemp("store")
    shutil.copy(empty_store, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        yield folder


@pytest.fixture
def quick(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reporter: Any
) -> Callable[..., Result]:
    """Trains on a few rows; keyword arguments are overrides with dots as `__`."""
    monkeypatch.chdir(tmp_path)
    write_rows(Path("rows.csv"), WORDS)
    Path("quick.yaml").write_text(CONFIG, encoding="utf-8")

    def run(**overrides: Any) -> Result:
        texts = [f"{key.replace('__', '.')}={value}" for key, value in overrides.items()]
        return train(load_config("quick.yaml", texts), name="quick", reporter=reporter)

    return run


@pytest.fixture
def run(tiny_encoder: Path, workplace: Path, cli: Callable[..., Any]) -> Callable[..., Any]:
    """`newsstand train`, where there are rows and a config, `t.yaml`."""
    import tuned_run  # imports torch, for the tests that need it

    splits = ("train", "train", "validation", "test")
    lines = [f"{split},{row}\n" for split in splits for row in tuned_run.ROWS]
    Path("rows.csv").write_text("split,label,body\n" + "".join(lines))
    Path("t.yaml").write_text(tuned_run.CONFIG.replace("ENCODER", str(tiny_encoder)))
    return lambda *arguments: cli("train", *arguments)


@pytest.fixture(scope="module")
def whole(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> TransformerModel:
    """The model of a fit that nothing interrupts: 15 steps, an evaluation every second."""
    from small_fit import fit  # imports torch, as above

    return fit(tiny_encoder, tmp_path_factory.mktemp("whole"))
