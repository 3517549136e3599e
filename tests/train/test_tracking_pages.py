"""What MLflow's pages show of an experiment, a run, its model and its registered version."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient

import newsstand
from newsstand.errors import BundleError
from newsstand.train import tracking
from newsstand.train.result import Result
from newsstand.train.tracking import pages
from quick_run import runs

VIEW = "mlflow.sharedViewState.newsstand"
NOTE = "mlflow.note.content"


def test_the_links_of_a_run_open_the_pages_for_training(quick: Callable[..., Result]) -> None:
    result = quick(tracking__experiment="linked")
    [run] = runs("linked")
    number = run.info.experiment_id
    home = f"http://127.0.0.1:5000/#/experiments/{number}/runs"
    kind = "workflowType=machine_learning"
    assert result.url == f"{home}/{result.run_id}?{kind}"
    assert result.runs_url == f"{home}?{kind}&viewStateShareKey=newsstand"


def test_an_experiment_has_a_view_with_columns_that_its_runs_have(
    quick: Callable[..., Result],
) -> None:
    result = quick(tracking__experiment="viewed")
    experiment = mlflow.get_experiment_by_name("viewed")
    assert experiment is not None
    view = json.loads(experiment.tags[VIEW])
    assert view["name"] == "newsstand"
    assert isinstance(view["createdAt"], int)
    state = json.loads(view["state"])
    assert state["columnWidths"].keys() == set(state["columnOrder"])
    assert set(state["selectedColumns"]) < set(state["columnOrder"])
    run = MlflowClient().get_run(result.run_id)
    for column in state["selectedColumns"]:
        kind, name = column.split(".", 1)
        own: dict[str, Any] = {"tags": run.data.tags, "metrics": run.data.metrics}
        assert kind not in own or name.strip("`") in own[kind], column
    assert "viewStateShareKey=newsstand)" in experiment.tags[NOTE]
    # Of a list of experiments: what precedes the link is readable text.
    assert "[" not in experiment.tags[NOTE][:32]


def test_the_description_of_an_experiment_is_kept(quick: Callable[..., Result]) -> None:
    number = mlflow.create_experiment("mine", tags={NOTE: "Ours.", VIEW: "{}"})
    quick(tracking__experiment="mine")
    tags = MlflowClient().get_experiment(number).tags
    assert (tags[NOTE], tags[VIEW]) == ("Ours.", "{}")


def test_who_may_not_change_an_experiment_can_log_runs(
    quick: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refusing(MlflowClient):
        def set_experiment_tag(self, *_: object) -> None:
            raise mlflow.exceptions.MlflowException("permission denied")

    monkeypatch.setattr(pages, "MlflowClient", Refusing)
    result = quick(tracking__experiment="locked")
    assert MlflowClient().get_run(result.run_id).info.status == "FINISHED"


def test_a_run_its_model_and_its_version_say_what_they_are(quick: Callable[..., Result]) -> None:
    result = quick(tracking__experiment="said", tracking__run_name="'C=10.0'")
    client = MlflowClient()
    [run] = runs("said")
    tags = run.data.tags
    assert re.match(
        r"Macro-F1 1\.000 \(0\.\d{3}.1\.000, 95% interval\) and accuracy 1\.000 on 30 test rows "
        r"of rows\.csv\.",
        tags[NOTE],
    )
    assert (tags["newsstand.kind"], tags["newsstand.family"]) == ("train", "linear")
    assert tags["newsstand.data"] == "rows.csv"
    assert tags["test macro-F1"].startswith("1.000 (0.")
    assert tags["newsstand.version"] == newsstand.__version__
    assert (run.data.metrics["test/rows"], run.data.metrics["train/rows"]) == (30, 6)
    [output] = run.outputs.model_outputs
    model = client.get_logged_model(output.model_id)
    assert model.name == "C=10_0"
    assert model.tags[NOTE] == tags[NOTE]
    assert model.tags["test macro-F1"] == tags["test macro-F1"]
    assert model.params == run.data.params
    [version] = client.search_model_versions(f"run_id='{result.run_id}'")
    assert version.description == tags[NOTE]
    assert version.tags["newsstand.data"] == "rows.csv"
    assert version.tags["test macro-F1"] == tags["test macro-F1"]
    registered = client.get_registered_model("quick")
    assert registered.description.startswith("Topic classifiers trained by newsstand")


def test_the_model_of_a_run_is_found_by_any_name(quick: Callable[..., Result]) -> None:
    result = quick(tracking__experiment="found", tracking__run_name="mine")
    for name in ("", "/model", "/mine"):
        loaded = newsstand.load(f"runs:/{result.run_id}{name}")
        assert loaded.score("the goal").label == "sport"
    with pytest.raises(BundleError, match="has logged no model 'other'; it is finished"):
        newsstand.load(f"runs:/{result.run_id}/other")


def test_digests_do_not_depend_on_the_name_of_a_file(quick: Callable[..., Result]) -> None:
    def digests(result: Result) -> list[tuple[str, str]]:
        run: Any = MlflowClient().get_run(result.run_id)
        used = run.inputs.dataset_inputs
        return [(x.tags[0].value, x.dataset.digest) for x in used]

    first = quick(tracking__experiment="named")
    Path("rows.csv").rename("others.csv")
    second = quick(tracking__experiment="named", data__path="others.csv")
    assert digests(first) == digests(second)
    assert {context for context, _ in digests(first)} == {"test", "training"}


def test_the_commit_is_that_of_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert tracking.source_tags() == {}
    given = ("-c", "user.name=n", "-c", "user.email=e@x", "commit", "--allow-empty", "-qm", "m")
    for command in (("init", "-q", "-b", "news"), given):
        subprocess.run(["git", *command], check=True)
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    assert tracking.source_tags() == {
        "mlflow.source.git.commit": head,
        "mlflow.source.git.branch": "news",
    }


def test_a_resumed_run_keeps_the_parameters_it_has(workplace: Path) -> None:
    start: dict[str, Any] = {"name": "r", "tags": {}, "started": 0.0}
    with tracking.run("r", params={"a": "(1, 1)"}, **start) as first:
        pass
    with tracking.run("r", params={"a": "[1, 1]", "b": "2"}, resume=first.run_id, **start):
        pass
    assert MlflowClient().get_run(first.run_id).data.params == {"a": "(1, 1)", "b": "2"}
