"""Fixtures of the training tests."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from newsstand.config_file import load_config
from newsstand.train.run import Result, train
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


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with an MLflow store of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    return tmp_path


@pytest.fixture(scope="module")
def store(trained: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An MLflow store of this module, beside the session's."""
    folder = tmp_path_factory.mktemp("store")
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
