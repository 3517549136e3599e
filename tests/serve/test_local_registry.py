"""A registered model in a local database: found without MLflow, and as MLflow finds it."""

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import mlflow
import pytest

from given import Trained
from newsstand.io.local_registry import local_artifact

CHAMPION = "models:/topic@champion"


@pytest.fixture
def store(trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the session's database, in the working directory of a process without MLflow."""
    monkeypatch.delitem(sys.modules, "mlflow")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copy(trained.folder / "mlflow.db", tmp_path / "mlflow.db"))


def change(store: Path, statement: str) -> None:
    with sqlite3.connect(store) as connection:
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize("uri", [CHAMPION, f"{CHAMPION}/", "models:/topic/1"])
def test_the_folder_that_mlflow_names(store: Path, trained: Trained, uri: str) -> None:
    found = local_artifact(uri)
    assert found is not None
    assert found.samefile(trained.topic_bundle.parent.parent)


@pytest.mark.parametrize("uri", ["sqlite:///mlflow.db", "sqlite:///{store}"])
def test_a_database_that_the_environment_names(
    store: Path, monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri.format(store=store))
    assert local_artifact(CHAMPION)


def test_it_is_read_in_a_process_that_never_imports_mlflow(trained: Trained) -> None:
    program = (
        "import sys, newsstand\n"
        f"score = newsstand.load({CHAMPION!r}).score('The goalkeeper saved a penalty.')\n"
        "print(score.label, 'mlflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=trained.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split()[-1] == "False"


@pytest.mark.parametrize(
    "uri",
    [
        *("models:/nobody@champion", "models:/topic@nobody", "models:/topic/99"),
        *("models:/topic", "models:/topic@latest", "models:/topic/1/2", "models:/m-1", "runs:/1"),
    ],
)
def test_what_mlflow_is_asked_for(store: Path, uri: str) -> None:
    assert local_artifact(uri) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000"),
        ("MLFLOW_TRACKING_URI", "sqlite:///other.db"),
        ("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db?mode=ro"),
        ("MLFLOW_REGISTRY_URI", "http://127.0.0.1:5000"),
        ("MLFLOW_WORKSPACE", "desk"),
    ],
)
def test_other_stores_are_mlflow_s(
    store: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert local_artifact(CHAMPION) is None


def test_where_mlflow_is_imported_it_decides(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    assert local_artifact(CHAMPION) is None


def test_runs_in_folders_come_first_as_in_mlflow(store: Path) -> None:
    (store.parent / "mlruns" / "0").mkdir(parents=True)
    (store.parent / "mlruns" / "0" / "meta.yaml").touch()
    assert local_artifact(CHAMPION) is None


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE model_versions",
        "UPDATE model_versions SET current_stage = 'Deleted_Internal'",
        "UPDATE model_versions SET storage_location = '/nowhere'",
        "UPDATE model_versions SET storage_location = 's3://bucket/model'",
        "UPDATE model_versions SET storage_location = 'file://host/model'",
    ],
)
def test_what_is_not_as_expected_is_mlflow_s(store: Path, statement: str) -> None:
    change(store, statement)
    assert local_artifact(CHAMPION) is None


def test_a_file_that_is_no_database(store: Path) -> None:
    store.write_text("no database")
    assert local_artifact(CHAMPION) is None
