"""What MLflow shows of a run: parameters, names, descriptions, and old folders without them."""

import json
from pathlib import Path

import pytest

from newsstand.config.loader import load_config
from newsstand.train.outcome import Outcome
from newsstand.train.run_summary import (
    MOST_PARAMETERS,
    data_name,
    description,
    headline,
    parameters,
    with_label_names,
)
from newsstand.train.tracking.names import metric_names, model_name

ROOT = Path(__file__).parents[2]
CONFIGS = [x for x in sorted((ROOT / "configs").rglob("*.yaml")) if x.parent.name != "sweeps"]
FIGURES = {"test/macro_f1": 0.7312, "test/accuracy": 0.8}
INTERVAL = {"test/macro_f1_low": 0.7, "test/macro_f1_high": 0.7649}
DASH = "\N{EN DASH}"


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_parameters_say_something(path: Path) -> None:
    needed = ["data.path=rows"] if path.parent.name == "benchmarks" else []
    found = parameters(load_config(path, needed))
    assert 10 < len(found) <= MOST_PARAMETERS
    assert not {"None", "null", "{}", "()", "[]", "", "0"} & set(found.values())
    assert not [key for key in found if key.startswith("tracking.")]
    assert {"task", "labels", "seed", "model.kind"} <= found.keys()
    assert len({"data.format", "data.sources"} & found.keys()) == 1


def test_a_setting_that_differs_from_its_default_is_a_parameter() -> None:
    path = ROOT / "configs/topic-linear.yaml"
    assert "data.split.gap_days" not in parameters(load_config(path))
    settings = ["text.max_characters=500", "model.idf=false", "model.words=null"]
    found = parameters(load_config(path, settings))
    assert (found["text.max_characters"], found["model.idf"]) == ("500", "false")
    assert (found["model.words"], found["model.chars"]) == ("off", "[3, 5]")
    assert "model.search" not in found
    found = parameters(load_config(path, ["model.chars=null", "data.near_duplicates=null"]))
    assert (found["model.chars"], found["data.near_duplicates"]) == ("off", "off")


def test_many_settings_are_cut_with_those_of_the_model_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("newsstand.train.run_summary.MOST_PARAMETERS", 20)
    found = parameters(load_config(ROOT / "configs/stance-public.yaml"))
    assert len(found) == 20
    assert "data.sources" not in found
    assert "model.encoder" in found


def test_the_name_of_data_is_that_of_its_file_or_sources() -> None:
    r8 = load_config(ROOT / "configs/benchmarks/r8-linear.yaml", ["data.path=/somewhere/r8"])
    assert data_name(r8) == "r8"
    assert data_name(load_config(ROOT / "configs/topic-linear.yaml")) == "corpus"
    public = load_config(ROOT / "configs/stance-public.yaml")
    assert data_name(public) == "corpus, vast, argkp, iam, ibm-claims"


def test_the_headline_has_the_interval_if_there_is_one() -> None:
    assert headline(FIGURES) == "0.731"
    assert headline(FIGURES | INTERVAL) == f"0.731 (0.700{DASH}0.765)"
    assert headline({}) == ""


def test_a_description_says_what_a_model_is_and_how_good() -> None:
    text = description(
        load_config(ROOT / "configs/topic.yaml"),
        rows={"train": 3781, "validation": 415, "test": 849},
        labels=17,
        metrics=FIGURES | INTERVAL,
        splits="at random",
        commit="0123456789",
        warning="reads no target",
    )
    assert "\n" not in text
    for part in (
        f"Macro-F1 0.731 (0.700{DASH}0.765, 95% interval) and accuracy 0.800 on 849 test rows of ",
        " the newsstand corpus. A topic classifier of 17 labels: embedding model with the encoder ",
        ", trained on 3,781 rows and calibrated on 415 validation rows, then fitted again on both.",
        "git commit 0123456. Warning: reads no target",
    ):
        assert part in text


def test_labels_are_named_unless_a_name_is_shared() -> None:
    metrics = {"test/f1/1": 0.1, "test/f1/2": 0.2, "test/precision/3": 0.3, "test/source/3/rows": 1}
    named = with_label_names(metrics, {"1": "same", "2": "same", "3": "a/b"})
    assert list(named) == ["test/f1/1", "test/f1/2", "test/precision/a/b", "test/source/3/rows"]


def test_metrics_are_ordered_by_what_is_read_first() -> None:
    given = ("wall_seconds/fit", "fit/loss", "validation/ece", "test/f1/sport", "test/ece")
    assert list(metric_names(dict.fromkeys(given, 1.0))) == [*reversed(given)]
    # The charts of the UI sort their groups by name.
    assert sorted({"test", "train", "validation", "wall_seconds"})[-1] == "wall_seconds"


def test_names_of_labels_stay_different() -> None:
    names = metric_names({"test/f1/a, b": 1.0, "test/f1/a; b": 2.0, f"test/{'x' * 300}": 3.0})
    assert names == {f"test/{'x' * 245}": 3.0, "test/f1/a b": 1.0, "test/f1/a b 2": 2.0}


@pytest.mark.parametrize(
    ("run", "model"), [("topic C=0.5", "topic C=0_5"), ("a/b: 'c'", "a_b_ _c_"), (" ", "model")]
)
def test_models_are_named_after_their_run(run: str, model: str) -> None:
    assert model_name(run) == model


def test_a_folder_of_an_earlier_version_can_still_be_logged(tmp_path: Path) -> None:
    names = ("experiment", "name", "started", "params", "tags", "metrics", "data", "signature")
    more = ("example", "extra", "register_as", "alias", "alias_force", "standing", "run_id")
    values = dict.fromkeys((*names, *more), "x")
    (tmp_path / "run.json").write_text(json.dumps(values))
    read = Outcome.read(tmp_path)
    assert (read.splits, read.description) == ({}, "")
