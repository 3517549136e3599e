"""`newsstand sweep`: what a search tries, keeps, logs and resumes."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import mlflow
import optuna
import pytest
from mlflow import MlflowClient
from optuna.trial import TrialState

from given import Cli
from newsstand.config.loader import load_config
from newsstand.errors import NewsstandError
from newsstand.train.evaluation.rows import EvaluatedRows
from newsstand.train.run import validate
from newsstand.train.run_data import RunData
from newsstand.train.sweep import results, trial
from quick_run import runs
from small_fit import Killed
from sweeping import SWEEP, after, swept, write_sweep

DATABASE = "sqlite:///sweeps/s.db"


def study(name: str = "s") -> optuna.Study:
    return optuna.load_study(study_name=name, storage=DATABASE)


def drawn() -> list[dict[str, Any]]:
    """The settings of the trials that count, in order."""
    counted = (TrialState.COMPLETE, TrialState.PRUNED)
    return [x.user_attrs["settings"] for x in study().trials if x.state in counted]


def states() -> list[str]:
    return [x.state.name for x in study().trials]


@pytest.fixture
def place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a sweep, whose plots are not drawn, which takes longest."""
    monkeypatch.setattr(results, "write_plots", lambda *_: None)
    write_sweep()
    return folder


def test_a_sweep_is_logged_with_nested_runs(workplace: Path, cli: Cli) -> None:
    write_sweep(SWEEP.replace("seeds: 1", "seeds: 2"))
    done = cli("sweep", "s.yaml", "--json")
    assert done.code == 0, done.err
    result = json.loads(done.out)
    assert result["trials"] == {"finished": 5, "pruned": 0, "failed": 0}
    logged = {run.info.run_name: run for run in runs("quick")}
    [parent] = [x for x in logged.values() if x.data.tags.get("newsstand.kind") == "sweep"]
    assert (parent.info.run_id, parent.info.status) == (result["run_id"], "FINISHED")
    assert parent.data.metrics["test/macro_f1_std"] == result["test"]["macro_f1"]["std"]
    trials = [x for x in logged.values() if x.data.tags.get("newsstand.kind") == "trial"]
    assert len(trials) == 5
    for run in trials:
        assert set(run.data.params) == {"model.C", "model.words"}
        assert "validation/macro_f1" in run.data.metrics
        assert not any(name.startswith("test/") for name in run.data.metrics)
    winners = [logged["s, seed 0"], logged["s, seed 1"]]
    assert [x.info.run_id for x in winners] == [x["run_id"] for x in result["winner"]]
    assert len({x.data.tags["newsstand.test_digest"] for x in winners}) == 1  # the same rows
    assert all(x.data.tags["mlflow.parentRunId"] == result["run_id"] for x in (*trials, *winners))
    [version] = MlflowClient().search_model_versions("name='quick'")
    assert version.run_id == result["winner"][0]["run_id"]
    files = {x.path for x in MlflowClient().list_artifacts(result["run_id"])}
    assert files == {"best.yaml", "history.png", "parallel.png", "result.json", "trials.csv"}
    best = load_config("sweeps/s/best.yaml")
    assert best.model.model_dump()["C"] == result["top"][0]["settings"]["model.C"]
    with Path("sweeps/s/trials.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["state"] for row in rows] == ["finished"] * 5
    # Once more: nothing is left to do.
    again = cli("sweep", "s.yaml", "--json")
    assert json.loads(again.out) == result
    assert len(runs("quick")) == len(logged)


def test_an_interrupted_sweep_goes_on(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    errors = (KeyboardInterrupt(), SystemExit(143))
    for left, error in zip((1, 2), errors, strict=True):
        with monkeypatch.context() as patch:
            patch.setattr(trial, "validate", after(left, validate, error))
            with pytest.raises(type(error)):
                swept()
    assert states() == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE", "RUNNING"]
    interrupted = [study().trials[number].user_attrs["settings"] for number in (1, 4)]
    assert swept().trials["finished"] == 5
    first = drawn()
    assert [first[1], first[3]] == interrupted
    Path("sweeps/s.db").unlink()
    swept(2)
    assert drawn() == first[:2]  # as if it had not been interrupted


def test_trials_of_a_killed_process_are_run_again(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with monkeypatch.context() as patch:
        patch.setattr(trial, "validate", after(1, validate, Killed()))
        patch.setattr(os, "getpid", lambda: ended.pid)
        with pytest.raises(Killed):
            swept()
    assert states() == ["COMPLETE", "RUNNING"]
    settings = study().trials[1].user_attrs["settings"]
    swept(3)
    assert states() == ["COMPLETE", "FAIL", *["COMPLETE"] * 2]
    assert study().trials[2].user_attrs["settings"] == settings


def test_processes_share_the_trials_and_print_them(place: Path, cli: Cli) -> None:
    done = cli("sweep", "s.yaml", "--no-track", "--trials", "6", "--workers", "2")
    assert done.code == 0, done.err
    counted = [x for x in study().trials if x.state == TrialState.COMPLETE]
    assert len(counted) == 6
    # The second process may start when the first has done them all; neither is the command's own.
    assert os.getpid() not in {x.user_attrs["process"][1] for x in counted}
    [winner] = [x for x in optuna.get_all_study_names(DATABASE) if "seed" in x]
    assert [x.state.name for x in study(winner).trials].count("COMPLETE") == 1
    lines = {line.split()[0]: line for line in done.out.splitlines() if line[:1].islower()}
    assert lines["trials"].split() == ["trials", "6", "finished"]
    assert "model.words=[1, " in lines["best"]
    assert "macro-F1 1.000" in lines["test"]
    assert "run" not in lines
    # More trials can be added; this process shows its own.
    done = cli("sweep", "s.yaml", "--no-track", "--trials", "7", "--json")
    assert done.err.count("macro_f1 1.0000: model.C=") == 1
    assert json.loads(done.out)["trials"] == {"finished": 7, "pruned": 0, "failed": 0}


def test_a_refused_worker_ends_the_command(place: Path, cli: Cli) -> None:
    text = SWEEP.replace("model.C:", "text.strip: [[], [dateline]]\n  model.C:")
    write_sweep(text.replace("trials: 5", "trials: 1"))
    swept(1)
    Path("rows.csv").write_text(Path("rows.csv").read_text().replace("validation 0", "validation"))
    done = cli("sweep", "s.yaml", "--no-track", "--workers", "2")
    assert done.code == 2
    assert "was begun with other validation rows" in done.err


def test_a_changed_sweep_is_refused(place: Path) -> None:
    swept(1)
    for old, new, named in (
        ("high: 100", "high: 10", "search.model.C was [0.01, 100.0, true, null], is [0.01, 10.0"),
        ("[1, 2]]", "[1, 3]]", "search.model.words"),
        ("seeds: 1", "metric: accuracy", 'metric was "macro_f1", is "accuracy"'),
        ("seeds: 1", "overrides: {model.min_df: 2}", "model.min_df was 1, is 2"),
    ):
        write_sweep(SWEEP.replace(old, new))
        with pytest.raises(NewsstandError, match="begun with other settings") as refused:
            swept(1)
        assert named in str(refused.value)


def test_settings_that_cannot_be_used_count_and_are_reported(
    place: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sweep(
        "config: quick.yaml\ntrials: 9\nseeds: 1\noverrides: {model.chars: [2, 3]}\n"
        "search: {model.words: [null, [1, 1]], model.chars: [null, [2, 3], [2, 4]]}\n"
    )

    def refuses(config: Any, **options: Any) -> Any:
        if config.model.chars == (2, 4):
            raise NewsstandError("loss is NaN")
        return validate(config, **options)

    monkeypatch.setattr(trial, "validate", refuses)
    result = swept()
    assert sum(result.trials.values()) == 9
    reasons = {x.user_attrs["failed"][:14] for x in study().trials if "failed" in x.user_attrs}
    assert reasons == {"refused, model", "failed, loss i"}
    assert result.top[0]["settings"]["model.chars"] != [2, 4]
    monkeypatch.setattr(trial, "validate", after(0, validate, NewsstandError("loss is NaN")))
    Path("sweeps/s.db").unlink()
    write_sweep()
    done = cli("sweep", "s.yaml", "--no-track", "--trials", "2")
    assert (done.code, done.err.splitlines()[-1]) == (
        2,
        "newsstand: sweep 's': no trial was finished; the first one failed, loss is NaN",
    )


def test_equal_settings_are_fitted_once_and_the_winner_is_tested_once(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sweep(
        "config: quick.yaml\ntrials: 5\nseeds: 1\nmetric: log_loss\nsearch: {model.C: [0.1, 10]}\n"
    )
    calls: list[str] = []
    evaluated = RunData.evaluated

    def fits(*args: Any, **options: Any) -> Any:
        calls.append("fit")
        return validate(*args, **options)

    def tests(*args: Any) -> Any:
        calls.append("test")
        return evaluated(*args)

    monkeypatch.setattr(trial, "validate", fits)
    monkeypatch.setattr(RunData, "evaluated", tests)
    result = swept()
    assert calls == ["fit", "fit", "test"]
    assert result.trials["finished"] == 5
    assert result.top[0]["value"] < result.top[1]["value"]  # a loss


def test_a_timeout_begins_no_further_trial(place: Path) -> None:
    write_sweep(f"{SWEEP}timeout_minutes: 1e-9\n")
    with pytest.raises(NewsstandError, match="no trial was finished"):
        swept()


NESTED = """
config: quick.yaml
overrides: {data.split.ignore_given: true, data.split.validation: 0.3}
trials: 2
search: {model.C: [0.1, 1, 10]}
seeds: 1
folds: 2
"""


def test_nested_cross_validation_tests_every_row_once(place: Path) -> None:
    write_sweep(NESTED)
    nested = swept().nested
    assert nested is not None
    assert (nested["folds"], nested["rows"], len(nested["by_fold"])) == (2, 42, 2)
    rows = EvaluatedRows.load(Path("sweeps/s/predictions.parquet"))
    ids = rows.columns["id"].to_pylist()
    assert len(set(ids)) == len(ids) == 42
    right = float((rows.predicted == rows.truth).mean())
    assert nested["metrics"]["accuracy"] == pytest.approx(right)
    names = set(optuna.get_all_study_names(DATABASE))
    assert {"s", "s: fold 0", "s: fold 1"} < names
    assert all(len(study(f"s: fold {fold}").trials) == 2 for fold in (0, 1))


def test_folds_need_test_rows_that_are_drawn(place: Path) -> None:
    write_sweep(NESTED.replace("data.split.ignore_given: true, ", ""))
    rows = Path("rows.csv").read_text()
    Path("rows.csv").write_text(rows.replace(",validation", ","))
    with pytest.raises(NewsstandError, match="folds: the data gives its test rows"):
        swept()


def test_another_store_is_named(
    workplace: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sweep()
    swept(1, track=True)
    other = workplace / "other"
    other.mkdir()
    shutil.copy(empty_store, other)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{other}/mlflow.db")
    with pytest.raises(NewsstandError, match="which is not in sqlite"):
        swept(1, track=True)
    assert mlflow.get_experiment_by_name("quick") is None


def test_a_program_keeps_its_loggers(place: Path) -> None:
    import logging

    levels = {name: logging.getLogger(name).level for name in ("optuna", "alembic")}
    swept(1)
    assert levels == {name: logging.getLogger(name).level for name in levels}
