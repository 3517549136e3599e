"""Runs that fail: each has an error of one line, and logs no run, or one marked as failed."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities import ViewType

from given import Cli
from newsstand.config.loader import load_config
from newsstand.errors import ConfigError, DataError, NewsstandError
from newsstand.train.evaluation import plots
from newsstand.train.result import Result
from newsstand.train.run import train
from quick_run import CONFIG


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("body,label\na,b\n", "rows.csv: expected at least two labels, all 1 rows have 'b'"),
        ("body,label\n,b\n", "rows.csv: no rows; 1 row left out with an empty body"),
        (None, "rows.csv: no such file or folder (data.path)"),
    ],
)
def test_data_that_cannot_be_used_leave_no_run_and_no_file(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    reporter: Any,
    text: str | None,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    Path("quick.yaml").write_text(CONFIG, encoding="utf-8")
    if text:
        Path("rows.csv").write_text(text)
    before = sorted(os.listdir())
    with pytest.raises(DataError) as caught:
        train(load_config("quick.yaml"), name="quick", reporter=reporter)
    assert str(caught.value) == message
    assert sorted(os.listdir()) == before


@pytest.mark.parametrize("command", ["train", "data"])
@pytest.mark.parametrize("kind", ["embedding", "transformer"])
def test_a_missing_encoder_is_an_error_before_data_are_read(
    folder: Path, cli: Cli, command: str, kind: str
) -> None:
    text = CONFIG.replace("kind: linear, words: [1, 1], bits: 12, C: 10.0", f"kind: {kind}")
    Path("c.yaml").write_text(text, encoding="utf-8")
    done = cli(command, "c.yaml", "model.encoder=./nowhere", "data.path=nowhere.csv")
    assert done.err == "newsstand: encoder './nowhere': no such folder (model.encoder)\n"
    assert (done.code, done.out, os.listdir()) == (2, "", ["c.yaml"])


def test_a_missing_teacher_is_an_error_before_data_are_read(
    folder: Path, tiny_encoder: Path, cli: Cli
) -> None:
    text = CONFIG.replace("kind: linear, words: [1, 1], bits: 12, C: 10.0", "kind: transformer")
    Path("c.yaml").write_text(text, encoding="utf-8")
    settings = [f"model.encoder={tiny_encoder}", "model.teacher={bundle: ./gone}"]
    done = cli("train", "c.yaml", *settings, "data.path=nowhere.csv")
    assert done.err.startswith("newsstand: ./gone: no such bundle folder")


def test_a_metric_of_a_label_without_rows_is_refused(quick: Callable[..., Result]) -> None:
    with pytest.raises(DataError, match=r"evaluation\.f_avg: .*'sprot'"):
        quick(evaluation__f_avg="[sport, sprot]", tracking__experiment="none")
    assert mlflow.get_experiment_by_name("none") is None


def test_an_exception_before_logging_leaves_no_run(
    quick: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no ink")

    monkeypatch.setattr(plots, "confusion_matrix", fail)
    with pytest.raises(RuntimeError, match="no ink"):
        quick(tracking__experiment="failing")
    assert mlflow.get_experiment_by_name("failing") is None
    assert mlflow.active_run() is None


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        ("register_as", "a/b", "expected a name without '/' and ':'"),
        ("register_as", "a:b", "expected a name without '/' and ':'"),
        ("register_as", "..", "expected a name without '/' and ':'"),
        ("alias", "latest", "expected a name that MLflow does not reserve"),
        ("alias", "v1", "expected a name that MLflow does not reserve"),
        ("alias", "a b", "expected up to 255 letters, digits, '_' and '-'"),
        ("experiment", "e" * 501, "should have at most 500 characters"),
    ],
)
def test_names_that_mlflow_refuses_are_config_errors(
    tmp_path: Path, setting: str, value: str, expected: str
) -> None:
    (tmp_path / "quick.yaml").write_text(CONFIG, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "quick.yaml", [f"tracking.{setting}='{value}'"])
    assert str(caught.value).startswith(f"command line: tracking.{setting}: ")
    assert expected in str(caught.value)


def test_a_deleted_experiment_is_an_error_with_advice(quick: Callable[..., Result]) -> None:
    quick(tracking__experiment="old")
    found = mlflow.get_experiment_by_name("old")
    assert found is not None
    mlflow.delete_experiment(found.experiment_id)
    with pytest.raises(NewsstandError) as caught:
        quick(tracking__experiment="old")
    assert str(caught.value) == (
        "MLflow experiment 'old' is deleted; restore it (mlflow experiments restore "
        f"--experiment-id {found.experiment_id}) or set tracking.experiment"
    )
    gone = MlflowClient().search_runs([found.experiment_id], run_view_type=ViewType.ALL)
    assert len(gone) == 1


def test_a_folder_that_is_not_writable_is_an_error_at_once(
    quick: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    monkeypatch.setattr(os, "access", lambda place, mode: mode != os.W_OK)
    before = sorted(os.listdir())
    with pytest.raises(NewsstandError) as caught:
        quick()
    assert str(caught.value).endswith(
        f"mlflow.db: {tmp_path} is not writable; train in a folder that is, "
        "or set MLFLOW_TRACKING_URI"
    )
    assert sorted(os.listdir()) == before
