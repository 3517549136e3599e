"""Local stores: created once by concurrent runs, never incomplete, relocated after a move."""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from filelock import FileLock

import newsstand
from command_line import environment
from given import Cli
from newsstand.errors import BundleError, NewsstandError
from newsstand.train import local_store
from newsstand.train.preflight import check_tracking
from newsstand.train.result import Result

FIRST_RUN = """
import sys
from newsstand.train.tracking import run
sys.stdin.readline()  # imported: all begin at once
with run("first", name="first", params={"a": 1}, tags={}, started=0.0) as begun:
    print(begun.run_id)
"""


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory without a database of MLflow."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    return tmp_path


def check(experiment: str = "quick") -> None:
    check_tracking(experiment, register_as=None, resume=None)


def test_two_concurrent_first_runs_are_both_logged(tmp_path: Path) -> None:
    # Left by runs that were killed while creating the database.
    for name in ("mlflow.db.new", "mlflow.db.new-journal"):
        (tmp_path / name).write_bytes(b"half")
    store = f"sqlite:///{tmp_path}/elsewhere/x.db"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", FIRST_RUN],
            cwd=tmp_path,
            env=environment(MLFLOW_TRACKING_URI=store),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    done = [process.communicate() for process in processes]
    assert [err for _, err in done] == ["", ""]
    with closing(sqlite3.connect(tmp_path / "elsewhere/x.db")) as database:
        found = database.execute("SELECT run_uuid, status, artifact_uri FROM runs").fetchall()
    assert {run_id for run_id, _, _ in found} == {out.strip() for out, _ in done}
    assert {status for _, status, _ in found} == {"FINISHED"}
    # Artifacts lie beside the database, not in the working directory.
    beside = (tmp_path / "elsewhere/mlruns/first").as_uri()
    assert all(place.startswith(beside) for _, _, place in found)
    assert not (tmp_path / "mlruns").exists()


def test_a_database_is_created_atomically(tmp_path: Path) -> None:
    database = tmp_path / "mlflow.db"
    (tmp_path / "mlflow.db.new").write_bytes(b"half")

    def stopped(place: Path) -> None:
        assert not place.exists()
        place.write_bytes(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), local_store.locked(database):
        local_store.make(database, stopped)
    assert os.listdir(tmp_path) == ["mlruns"]
    database.touch()  # an empty file is none, either
    with local_store.locked(database):
        local_store.make(database, lambda place: place.write_bytes(b"whole") and None)
        local_store.make(database, stopped)
    assert database.read_bytes() == b"whole"


def test_a_lock_held_too_long_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_store, "_LOGGING", 0.06)
    (tmp_path / "mlruns").mkdir()
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with FileLock(tmp_path / "mlruns/.lock"):
            held.set()
            done.wait()

    other = threading.Thread(target=hold)
    other.start()
    held.wait()
    refused = pytest.raises(NewsstandError, match=r"another run has locked .*/mlruns/\.lock for")
    with refused, local_store.locked(tmp_path / "mlflow.db"):
        pass
    done.set()
    other.join()


def test_an_incomplete_database_is_reported_and_left_unchanged(bare: Path) -> None:
    with closing(sqlite3.connect("mlflow.db")) as database:
        database.execute("CREATE TABLE experiments (experiment_id INTEGER)")
        database.execute("CREATE TABLE runs (run_uuid TEXT)")
        database.execute("CREATE TABLE metrics (key TEXT)")
    with pytest.raises(NewsstandError) as caught:
        check()
    message = str(caught.value)
    assert message.startswith(f"MLflow's database {bare}/mlflow.db is incomplete or damaged")
    assert f"mv '{bare}/mlflow.db' '{bare}/mlflow.db.damaged'" in message
    assert "\n" not in message
    assert Path("mlflow.db").stat().st_size > 0


def test_a_file_that_is_not_a_database_is_reported(bare: Path) -> None:
    Path("mlflow.db").write_text("no database, though long enough to be taken for one " * 50)
    with pytest.raises(NewsstandError, match=r"damaged .file is not a database"):
        check()


def test_waiting_for_a_locked_database_is_limited(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_store, "_LOCKED", 0.05)
    with closing(sqlite3.connect("mlflow.db", isolation_level=None)) as other:
        other.execute("CREATE TABLE x (y)")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(NewsstandError, match="another program has locked it"):
            check()


def test_a_copied_folder_is_detected_and_relocated(
    quick: Callable[..., Result],
    store: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cli: Cli,
) -> None:
    names = {"tracking__experiment": "copy me", "tracking__register_as": "copied"}
    original = quick(**names)
    copy = tmp_path / "a copy"
    shutil.copytree(store, copy)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{copy}/mlflow.db")
    with pytest.raises(NewsstandError) as caught:
        quick(**names)
    assert f"has its artifacts in {store}/mlruns: the folder was moved" in str(caught.value)

    aside = store.rename(store.with_name("gone"))
    with pytest.raises(BundleError) as missing:
        newsstand.load("models:/copied@champion")
    assert str(missing.value).startswith(
        f"models:/copied@champion: its artifact {store}/mlruns/copy%20me/models/"
    )
    assert "does not exist" in str(missing.value)

    done = cli("relocate")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"{store} is now {copy}\n")
    for uri in ("models:/copied@champion", f"runs:/{original.run_id}/model"):
        assert newsstand.load(uri).score("the goal").label == "sport"
    again = quick(**names)
    assert Path(again.bundle).is_relative_to(copy)
    assert "nothing to do" in cli("relocate").out
    aside.rename(store)


def test_artifacts_at_a_chosen_location_are_not_a_move(tmp_path: Path) -> None:
    database = tmp_path / "here/mlflow.db"
    assert local_store.moved(database, "x", (tmp_path / "here/mlruns/x").as_uri()) is None
    assert local_store.moved(database, "x", "s3://bucket/mlruns/x") is None
    assert local_store.moved(database, "x", (tmp_path / "store/x").as_uri()) is None
    made_before = tmp_path / "work/mlruns/x"
    made_before.mkdir(parents=True)
    assert local_store.moved(database, "x", made_before.as_uri()) is None
    (tmp_path / "here/mlruns/x").mkdir(parents=True)
    found = local_store.moved(database, "x", made_before.as_uri())
    assert found == local_store.Move(tmp_path / "work", tmp_path / "here")
