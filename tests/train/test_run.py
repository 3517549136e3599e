"""A whole run: its result, and what it logs in MLflow."""

import csv
import json
from collections.abc import Callable
from functools import partial, update_wrapper
from pathlib import Path
from typing import Any

import datasets
import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient
from pyarrow import parquet

import newsstand
from given import Trained
from loading import load_rows
from newsstand.config.loader import load_config
from newsstand.io.bundle import bundle_hash, verify
from newsstand.train.evaluation.rows import COLUMNS, EvaluatedRows
from newsstand.train.families.sgd import fit_stream
from newsstand.train.result import Result
from newsstand.train.run import train
from newsstand.train.run_summary import parameters
from newsstand.train.tracking.names import metric_names
from quick_run import runs, write_rows

ROOT = Path(__file__).parents[2]
STAGES = ["load", "prepare", "fit", "calibrate", "evaluate", "controls", "log", "register"]


@pytest.fixture
def client(trained: Trained) -> MlflowClient:
    return MlflowClient(f"sqlite:///{trained.folder}/mlflow.db")


def test_the_result_has_all_keys(trained: Trained) -> None:
    result = trained.stance.to_dict()
    assert list(result) == [
        *("run_id", "experiment", "task", "model", "bundle", "bundle_hash", "url"),
        *("metrics", "seconds"),
    ]
    assert result["experiment"] == result["task"] == "stance"
    assert result["model"] == "models:/stance@champion"
    assert result["url"].endswith(f"/runs/{result['run_id']}?workflowType=machine_learning")
    names = ["accuracy", "macro_f1", "balanced_accuracy", "mcc", "log_loss", "brier", "ece", "aurc"]
    names += [f"accuracy_at_{share}" for share in (80, 90, 95)]
    by_label = [f"f1/{label}" for label in ("favor", "against", "neutral")]
    ends = [f"{name}_{end}" for name in names for end in ("low", "high")]
    before = [f"uncalibrated/{name}" for name in ("log_loss", "brier", "ece")]
    usual = [f"test/{name}" for name in (*names, *by_label, *ends, *before)]
    usual += [f"validation/{name}" for name in (*names, *by_label)]
    assert list(result["metrics"])[: len(usual)] == usual
    controls = ["text_only_macro_f1", "target_only_macro_f1", "target_changes_answer"]
    assert {f"test/{name}" for name in controls} <= set(result["metrics"])
    assert all(type(value) is float for value in result["metrics"].values())
    assert list(result["seconds"]) == [*STAGES, "total"]
    assert list(trained.topic.seconds) == [*STAGES, "total"]


def test_stages_add_up_to_the_total(trained: Trained) -> None:
    seconds = dict(trained.topic.seconds)
    total = seconds.pop("total")
    assert min(seconds.values()) >= 0
    assert sum(seconds.values()) == pytest.approx(total, abs=0.05)


def test_models_learn_the_corpus(trained: Trained) -> None:
    # By chance: 1 in 17 and 1 in 3.
    assert trained.topic.metrics["test/accuracy"] > 0.4
    assert trained.stance.metrics["test/accuracy"] > 0.38


def test_the_run_in_mlflow_has_params_metrics_and_tags(
    trained: Trained, client: MlflowClient
) -> None:
    run = client.get_run(trained.topic.run_id)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "topic-linear"
    config = load_config(ROOT / "configs/topic-linear.yaml")
    assert run.data.params == parameters(config)
    logged = {k: v for k, v in run.data.metrics.items() if not k.startswith("wall_seconds/")}
    rows = {f"{split}/rows" for split in ("train", "validation", "test")}
    assert rows <= logged.keys()
    expected = metric_names(trained.topic.metrics)
    assert {k: v for k, v in logged.items() if k not in rows} == expected
    assert "test/f1/arts culture entertainment and media" in expected
    assert {"wall_seconds/load", "wall_seconds/fit"} <= run.data.metrics.keys()
    assert run.data.tags["newsstand.task"] == "topic"
    spent = (run.info.end_time - run.info.start_time) / 1000
    assert spent == pytest.approx(trained.topic.seconds["total"], abs=1)


def test_the_run_logs_the_digest_of_its_data(trained: Trained, client: MlflowClient) -> None:
    reading = {"empty_bodies": "keep"}
    labels = "iptc-media-topics"
    digest = load_rows(format="corpus", task="topic", labels=labels, read=reading).digest
    run = client.get_run(trained.topic.run_id)
    assert run.data.tags["newsstand.data_digest"] == digest
    used = {x.dataset.name: x for x in run.inputs.dataset_inputs}
    assert used.keys() == {"corpus, train", "corpus, test"}
    tested = used["corpus, test"]
    assert tested.dataset.digest == run.data.tags["newsstand.test_digest"][:8]
    assert json.loads(tested.dataset.profile) == {
        "num_rows": int(run.data.tags["newsstand.test_rows"])
    }
    assert [(tag.key, tag.value) for tag in tested.tags] == [("mlflow.data.context", "test")]
    digests = {x.dataset.digest for x in run.inputs.dataset_inputs}
    assert len(digests) == 2
    assert all(len(digest) == 8 for digest in digests)


def test_artifacts(trained: Trained, client: MlflowClient) -> None:
    result = trained.topic
    names = sorted(item.path for item in client.list_artifacts(result.run_id))
    assert names == [
        *("MODEL_CARD.md", "config.yaml", "confusion_matrix.png", "evaluation.json"),
        *("label_f1.png", "predictions.csv", "predictions.parquet", "reliability.png"),
        *("report.html", "risk_coverage.png", "slices.png"),
    ]
    folder = trained.folder / "mlruns/topic" / result.run_id / "artifacts"
    assert load_config(folder / "config.yaml") == load_config(ROOT / "configs/topic-linear.yaml")
    for name in (name for name in names if name.endswith(".png")):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")


def test_predictions_agree_with_the_metrics(trained: Trained) -> None:
    for result in (trained.topic, trained.stance):
        folder = trained.folder / "mlruns" / result.experiment / result.run_id / "artifacts"
        table = parquet.read_table(folder / "predictions.parquet")
        labels = list(result.names)
        assert table.column_names == [
            *COLUMNS,
            *("label", "predicted", "probability"),
            *(f"p_{label}" for label in labels),
        ]
        columns = table.to_pydict()
        scheme = "iptc-media-topics" if result.task == "topic" else "favor-against-neutral"
        rows = load_rows(format="corpus", task=result.task, labels=scheme).splits["test"]
        assert columns["id"] == rows["id"]
        assert all(columns["target"]) == (result.task == "stance")
        probabilities = np.column_stack([columns[f"p_{label}"] for label in labels])
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)
        assert probabilities.max(axis=1).tolist() == columns["probability"]
        assert [labels[i] for i in probabilities.argmax(axis=1)] == columns["predicted"]
        right = np.mean(
            [a == b for a, b in zip(columns["label"], columns["predicted"], strict=True)]
        )
        assert right == result.metrics["test/accuracy"]
        loaded = EvaluatedRows.load(folder / "predictions.parquet")
        assert loaded.table().equals(table)
        assert (loaded.labels, loaded.task) == (result.names, result.task)
        assert set(columns["outlet_seen"]) <= {True, False, None}
        assert any(share > 0 for share in columns["quote_share"])


def test_the_registered_model_is_this_run(trained: Trained, client: MlflowClient) -> None:
    version = client.get_model_version_by_alias("topic", "champion")
    assert (version.version, version.run_id) == (1, trained.topic.run_id)
    assert bundle_hash(trained.topic_bundle) == trained.topic.bundle_hash
    assert verify(trained.topic_bundle) == 8
    model = client.get_logged_model(version.source.removeprefix("models:/"))
    assert model.source_run_id == trained.topic.run_id
    logged = {m.key: m for m in model.metrics}
    expected = metric_names(trained.topic.metrics)
    assert {key: logged[key].value for key in expected} == expected
    assert logged["test/accuracy"].dataset_name == "corpus, test"
    assert logged["validation/accuracy"].dataset_name is None


def test_a_second_run_moves_the_alias_and_learns_the_same(quick: Callable[..., Result]) -> None:
    first = quick()
    client = MlflowClient()
    assert client.get_model_version_by_alias("quick", "champion").run_id == first.run_id
    second = quick()
    assert client.get_model_version_by_alias("quick", "champion").run_id == second.run_id
    assert first.run_id != second.run_id
    assert first.bundle != second.bundle
    assert first.bundle_hash == second.bundle_hash
    assert first.metrics == second.metrics
    assert bundle_hash(Path(first.bundle)) == bundle_hash(Path(second.bundle))
    assert newsstand.load("models:/quick@champion").score("the goal").label == "sport"


def test_refit_uses_the_validation_rows(quick: Callable[..., Result]) -> None:
    plain, refitted = (quick(model__refit=value) for value in ("false", "true"))
    assert plain.metrics["validation/accuracy"] == refitted.metrics["validation/accuracy"]
    before, after = (newsstand.load(result.bundle) for result in (plain, refitted))
    assert before.bundle.calibration == after.bundle.calibration
    # A word of the validation rows alone: unknown before, and a sign of their label after.
    unknown = before.score("quagga").probabilities
    assert before.score("zebra").probabilities == unknown
    assert after.score("zebra").probabilities["economy"] > 0.1 + unknown["economy"]


REFIT_ONLY = """
task: stance
labels: [agree, disagree]
data:
  format: table
  path: .
  near_duplicates: null
  split: {strategy: unseen, by: [text, target], validation: 0.2}
model: {kind: linear, words: [1, 1], bits: 12, refit: true}
tracking: {experiment: refit}
"""


def test_refit_uses_the_refit_only_rows(workplace: Path, reporter: Any) -> None:
    for split, numbers in (("train", range(14)), ("test", range(14, 20))):
        with (workplace / f"{split}.csv").open("w", encoding="utf-8", newline="") as stream:
            table = csv.writer(stream)
            table.writerow(["body", "target", "label"])
            for number in numbers:  # each target is that of four rows, each text that of two
                near = numbers[number - numbers[0] - 1]
                for label, word in (("agree", "confirmed"), ("disagree", "denied")):
                    body = f"story {number} is {word}"
                    table.writerows([body, f"claim {x}", label] for x in (number, near))
    (workplace / "refit.yaml").write_text(REFIT_ONLY, encoding="utf-8")
    result = train(load_config("refit.yaml"), name="refit", reporter=reporter)
    assert "refit on all 56 training and validation rows, 22 of them refit-only" in reporter.notes
    assert result.metrics["test/accuracy"] == 1


def test_stages_are_reported_in_order(quick: Callable[..., Result], reporter: Any) -> None:
    config = load_config(
        "quick.yaml",
        ["model.refit=true", "tracking.register_as=null", "tracking.alias=null"],
    )
    result = train(config, name="n", reporter=reporter)
    stages = ["load", "prepare", "fit", "calibrate", "fit", "evaluate", "controls", "log"]
    assert reporter.begun == stages
    assert result.model.startswith("models:/m-")
    assert newsstand.load(result.model).score("shares").label == "economy"


def test_labels_with_any_characters_are_logged(quick: Callable[..., Result]) -> None:
    words = {
        "arts, culture & $5": "opera",
        "a//b/../c": "choir",
        "métiers: naïve?": "bread",
        "سياسة": "vote",
        "long " * 80: "novel",
    }
    write_rows(Path("rows.csv"), words)
    result = quick(tracking__experiment="labels")
    assert {x.removeprefix("test/f1/") for x in result.metrics if "test/f1/" in x} == {
        word.strip() for word in words
    }
    [run] = runs("labels")
    assert run.info.status == "FINISHED"
    names = {x for x in run.data.metrics if x.startswith("test/f1/")}
    assert len(names) == 5
    assert {"test/f1/arts culture 5", "test/f1/سياسة", "test/f1/a/_/b/_/c"} <= names
    score = newsstand.load(result.bundle).score("the opera opera")
    assert score.label == "arts, culture & $5"


@pytest.mark.parametrize("name", ["News / Köln 100% #1", ".."])
def test_an_experiment_of_any_name_is_found_again(
    quick: Callable[..., Result], store: Path, name: str
) -> None:
    result = quick(tracking__experiment=f"'{name}'")
    assert result.experiment == name
    assert verify(Path(result.bundle)) == 6
    assert Path(result.bundle).is_relative_to(store / "mlruns")
    assert newsstand.load(f"runs:/{result.run_id}").score("the goal").label == "sport"


def test_a_search_logs_its_trials_and_the_chosen_settings(quick: Callable[..., Result]) -> None:
    result = quick(model__search="quick", model__C=0.01, tracking__experiment="searched")
    folder = Path(mlflow.artifacts.download_artifacts(run_id=result.run_id))
    trials = json.loads((folder / "search.json").read_text())
    assert trials[0]["C"] == 0.01
    assert trials[0]["bits"] == 12
    best = max(trials, key=lambda trial: trial["macro_f1"])
    chosen = load_config(str(folder / "config.yaml")).model
    assert (chosen.C, chosen.bits) == (best["C"], best["bits"])
    assert result.metrics["search/C"] == best["C"]
    assert result.metrics["search/bits"] == best["bits"]
    assert result.metrics["validation/macro_f1"] == best["macro_f1"]
    [run] = runs("searched")
    assert run.data.params["model.C"] == str(best["C"])
    assert run.data.metrics["search/C"] == best["C"]


def test_an_export_logs_its_cost(quick: Callable[..., Result]) -> None:
    plain = quick()
    small = quick(export__weights="int8")
    metrics = small.metrics
    assert metrics["export/after_megabytes"] < metrics["export/before_megabytes"]
    assert metrics["export/before_accuracy"] == plain.metrics["validation/accuracy"]
    assert metrics["export/after_accuracy"] == metrics["validation/accuracy"]
    assert not [name for name in plain.metrics if name.startswith("export/")]
    assert verify(Path(small.bundle)) > 0


@pytest.mark.parametrize("settings", [{}, {"model__refit": True}, {"model__search": "quick"}])
def test_a_streaming_fit_removes_its_checkpoint(
    quick: Callable[..., Result], settings: dict[str, Any]
) -> None:
    first, again = (quick(model__classifier="sgd", **settings) for _ in range(2))
    assert first.bundle_hash == again.bundle_hash
    assert first.metrics["test/accuracy"] == 1.0
    cache = Path(datasets.config.HF_DATASETS_CACHE)
    assert list(cache.rglob("rows.arrow"))
    assert not list(cache.rglob("fit-*"))


def test_an_interrupted_streaming_fit_resumes(
    quick: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, reporter: Any
) -> None:
    whole = quick(model__classifier="sgd", seed=3)
    with monkeypatch.context() as patch:
        saving = update_wrapper(partial(fit_stream, saved_every=0.0), fit_stream)
        patch.setattr("newsstand.train.families.linear.fit_stream", saving)
        patch.setattr(reporter, "progress", stop_while_fitting)
        with pytest.raises(KeyboardInterrupt):
            quick(model__classifier="sgd", seed=3)
    assert quick(model__classifier="sgd", seed=3).bundle_hash == whole.bundle_hash
    assert any(
        detail.endswith("resumed from where an earlier run stopped") for detail in reporter.notes
    )


def stop_while_fitting(stage: str, done: int, total: int | None) -> None:
    if stage.startswith("fit, epoch 2"):
        raise KeyboardInterrupt
