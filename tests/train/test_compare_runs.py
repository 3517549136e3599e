"""Runs in MLflow that are compared: how they are named, what may be missing, what is logged."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient

from comparing import predictions
from given import Cli
from newsstand.cli.command import quiet_libraries
from newsstand.train.comparison.runs import find_runs
from newsstand.train.evaluation.rows import FILE, EvaluatedRows
from newsstand.train.tracking import run

TRUTH = [0, 1, 2, 0, 1, 2] * 4


@dataclass(frozen=True)
class Runs:
    """A store and the ids of its runs: two on the same rows, one on others, one without any."""

    folder: Path
    first: str
    second: str
    other: str
    bare: str


def logged(name: str, rows: EvaluatedRows | None, scratch: Path, *, setting: int = 1) -> str:
    with run("news", name=name, params={"model.C": setting}, tags={}, started=0.0) as active:
        if rows is not None:
            rows.save(scratch)
            mlflow.log_artifact(str(scratch / FILE), run_id=active.run_id)
    return active.run_id


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    quiet_libraries()
    folder, scratch = tmp_path_factory.mktemp("runs"), tmp_path_factory.mktemp("scratch")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        yield Runs(
            folder,
            logged("linear", predictions(TRUTH, TRUTH), scratch),
            logged("linear", predictions(TRUTH, [1, *TRUTH[1:]]), scratch, setting=2),
            logged("short/one", predictions([0], [1], digest="other"), scratch),
            logged("bare", None, scratch),
        )


@pytest.fixture
def store(made: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """The runs in the folder of their store."""
    monkeypatch.chdir(made.folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{made.folder}/mlflow.db")
    return made


@pytest.fixture
def copied(made: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the folder, without its artifacts."""
    (tmp_path / "mlruns").mkdir()
    shutil.copy(made.folder / "mlflow.db", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    return tmp_path


def refused(cli: Cli, *arguments: str) -> str:
    done = cli("compare", *arguments)
    assert (done.code, done.out) == (2, ""), done.err
    assert len(done.err.splitlines()) == 1
    return done.err.removeprefix("newsstand: ").rstrip()


def test_a_comparison_is_logged_as_a_run(store: Runs, cli: Cli) -> None:
    done = cli("compare", store.first[:10], f"runs:/{store.second}", "--json")
    assert (done.code, done.err) == (0, "")
    found = json.loads(done.out)
    assert [each["run_id"] for each in found["runs"]] == [store.first, store.second]
    assert [each["settings"] for each in found["runs"]] == [{"model.C": "1"}, {"model.C": "2"}]
    made = MlflowClient().get_run(found["run"])
    assert made.info.status == "FINISHED"
    assert mlflow.get_experiment(made.info.experiment_id).name == "news"
    assert made.data.tags["newsstand.kind"] == "comparison"
    assert made.data.tags["newsstand.compared"] == f"{store.first} {store.second}"
    assert "no significant difference" in made.data.tags["mlflow.note.content"]
    assert made.data.metrics["B-A/difference"] == found["pairs"][0]["test"]["difference"]
    assert made.data.metrics["B-A/p"] == found["pairs"][0]["p"]
    files = store.folder / "mlruns/news" / found["run"] / "artifacts"
    without_place = {key: found[key] for key in found if key not in ("run", "page")}
    assert json.loads((files / "comparison.json").read_text(encoding="utf-8")) == without_place
    assert "newsstand compare" in (files / "comparison.html").read_text(encoding="utf-8")
    # It is no run to compare, and not one of its experiment's.
    message = refused(cli, store.first, found["run"])
    assert message.endswith("is itself a comparison, not a training run")
    assert found["run"] not in [each.run_id for each in find_runs(["experiment:news"]).listed]


def test_nothing_is_logged_unless_all_runs_are_in_mlflow(
    store: Runs, cli: Cli, tmp_path: Path
) -> None:
    predictions(TRUTH, TRUTH).save(tmp_path)
    before = len(MlflowClient().search_runs(["1"]))
    for arguments in ([store.first, store.second, "--no-log"], [store.first, str(tmp_path)]):
        done = cli("compare", *arguments, "--json")
        assert (done.code, "run" in json.loads(done.out)) == (0, False)
    assert len(MlflowClient().search_runs(["1"])) == before


def test_an_experiment_gives_its_finished_runs(store: Runs, cli: Cli) -> None:
    found = find_runs(["experiment:news"])
    assert [each.run_id for each in found.listed] == [store.other, store.second, store.first]
    assert found.notes == [f"experiment:news: 1 of 4 finished runs left out, without {FILE}"]
    one = find_runs(["experiment:news/short/one"])
    assert [each.run_id for each in one.named] == [store.other]
    # A run that is named counts once.
    both = find_runs([store.first, "experiment:news"])
    assert [each.run_id for each in both.named] == [store.first]
    assert store.first not in [each.run_id for each in both.listed]
    # The test rows of the named run decide which others are taken.
    done = cli("compare", store.first, "experiment:news", "--no-log")
    assert done.code == 0
    text = " ".join(done.out.split())
    assert "1 of 2 runs of the experiment left out, whose test rows are not those of" in text


def test_names_that_are_unknown_or_not_unique(store: Runs, cli: Cli) -> None:
    place = f"MLflow at sqlite:///{store.folder}/mlflow.db"
    unknown = "0" * 32 if not store.first.startswith("0" * 32) else "1" * 32
    assert refused(cli, unknown, store.first) == (
        f"{unknown}: no such run in {place}; if it is in another store, go to the folder with its "
        "mlflow.db, or set MLFLOW_TRACKING_URI"
    )
    assert refused(cli, "experiment:nws", store.first) == (
        f"experiment:nws: no experiment 'nws' in {place}; did you mean 'news'?"
    )
    assert refused(cli, "experiment:news/liner", store.first) == (
        "experiment:news/liner: experiment 'news' has no run 'liner'; did you mean 'linear'?"
    )
    assert refused(cli, "experiment:news/linear", store.first) == (
        "experiment:news/linear: 2 runs have this name; use an id: "
        f"{store.second[:12]}, {store.first[:12]}"
    )
    assert refused(cli, "models:/news@champion", store.first).startswith(
        f"models:/news@champion: no such model version in {place}"
    )
    assert "expected models:/NAME@ALIAS" in refused(cli, "models:/news", store.first)
    assert "expected a run id of hexadecimal digits" in refused(cli, "runs:/linear", store.first)


def test_a_run_without_predictions_says_why(store: Runs, cli: Cli) -> None:
    assert refused(cli, store.bare, store.first).startswith(
        f"{store.bare}: run {store.bare} has no {FILE} among its artifacts: it was deleted, or"
    )
    client = MlflowClient()
    for status, end in (
        ("RUNNING", f"has not finished, and has no {FILE} yet"),
        ("FAILED", f"ended as failed, without {FILE}"),
    ):
        client.update_run(store.bare, status=status)
        assert refused(cli, store.bare, store.first).endswith(end)
    client.update_run(store.bare, status="FINISHED")


def test_a_deleted_run_or_experiment_says_how_to_restore_it(
    made: Runs, copied: Path, cli: Cli
) -> None:
    client = MlflowClient()
    client.delete_run(made.second)
    assert refused(cli, made.second, made.first).endswith(
        f"is deleted; restore it with: mlflow runs restore --run-id {made.second}"
    )
    client.delete_experiment("1")
    expected = "experiment 'news' is deleted; restore it with: mlflow experiments restore"
    assert expected in refused(cli, "experiment:news", made.other)


def test_artifacts_that_are_gone_are_named(
    made: Runs, copied: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Only the database was copied: its artifacts are those of the original.
    (copied / "mlruns").rmdir()
    done = cli("compare", made.first, made.second, "--no-log")
    assert done.code == 0
    # The whole folder was copied: its database still names the original's.
    shutil.copytree(made.folder / "mlruns", copied / "mlruns")
    message = refused(cli, made.first, made.second)
    assert message == (
        f"{made.first}: {copied}/mlflow.db names artifacts in {made.folder}/mlruns: the folder was "
        "moved or copied; update the locations with: newsstand relocate"
    )
    assert "newsstand relocate" in refused(cli, "experiment:news")
    assert cli("relocate").code == 0
    assert cli("compare", made.first, made.second, "--no-log").code == 0
    (copied / "mlruns/news" / made.second / "artifacts" / FILE).unlink()
    message = refused(cli, made.first, made.second)
    assert message.startswith(f"{made.second}: run {made.second} has no {FILE} among its artifacts")
    shutil.rmtree(copied / "mlruns/news")
    message = refused(cli, made.first, made.second)
    assert message.startswith(
        f"{made.first}: the artifacts of experiment 'news' should be in {copied}/mlruns/news, "
        "which does not exist"
    )


def test_without_a_store_nothing_is_created(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    assert refused(cli, "experiment:news").startswith(f"no MLflow database at {tmp_path}/mlflow.db")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mlflow.db").write_bytes(b"not a database" * 100)
    assert "is incomplete or damaged" in refused(cli, "experiment:news")


def test_a_store_that_cannot_be_written_is_told_before_the_work(
    store: Runs, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    from newsstand.errors import NewsstandError
    from newsstand.train.comparison import log

    def full(*_: object, **__: object) -> None:
        raise NewsstandError("not writable")

    monkeypatch.setattr(log, "check_tracking", full)
    message = refused(cli, store.first, store.second)
    assert message == "not writable; --no-log compares without logging"
