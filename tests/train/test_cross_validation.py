"""Cross-validation and the learning curve."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow import MlflowClient

import newsstand
from newsstand.errors import ConfigError, DataError, NewsstandError
from newsstand.train.evaluation.rows import EvaluatedRows
from newsstand.train.result import Result
from newsstand.train.run import train
from quick_run import runs

FOLDS = {"data__split__folds": 3, "data__split__ignore_given": True}
CROSS = {**FOLDS, "evaluation__cross_validate": True, "tracking__alias": None}


def test_each_row_is_predicted_once_by_a_model_that_has_not_seen_it(
    quick: Callable[..., Result], reporter: Any
) -> None:
    result = quick(**CROSS, tracking__experiment="folds", tracking__register_as=None)
    parent, *folds = sorted(runs("folds"), key=lambda run: run.info.start_time)
    assert result.run_id == parent.info.run_id
    assert parent.data.tags["newsstand.kind"] == "cross-validation"
    assert {run.data.tags["mlflow.parentRunId"] for run in folds} == {result.run_id}
    assert [run.info.run_name for run in folds] == [f"quick, fold {k}" for k in range(3)]

    keys = result.evaluated.columns["key"].to_pylist()
    assert len(keys) == len(set(keys)) == sum(run.data.metrics["test/rows"] for run in folds)
    of_folds = [run.data.metrics["test/accuracy"] for run in folds]
    assert result.metrics["test/accuracy_mean"] == pytest.approx(np.mean(of_folds))
    assert result.metrics["test/accuracy_std"] == pytest.approx(np.std(of_folds, ddof=1))
    right = result.evaluated.predicted == result.evaluated.truth
    assert result.metrics["test/accuracy"] == pytest.approx(np.mean(right))
    assert parent.data.metrics["test/accuracy"] == result.metrics["test/accuracy"]

    folder = Path(MlflowClient().download_artifacts(result.run_id, ""))
    assert EvaluatedRows.load(folder / "predictions.parquet").digest == result.evaluated.digest
    assert (folder / "report.html").is_file()


def test_given_test_rows_would_be_those_of_every_fold(quick: Callable[..., Result]) -> None:
    rows = Path("rows.csv").read_text().replace(",validation", ",train")
    Path("rows.csv").write_text(rows)
    with pytest.raises(DataError, match=r"set data\.split\.ignore_given=true"):
        quick(**{**CROSS, "data__split__ignore_given": False}, tracking__register_as=None)


def test_folds_are_needed_and_a_cross_validation_is_not_resumed(reporter: Any) -> None:
    config = {
        "task": "topic",
        "labels": ["sport", "economy"],
        "data": {"format": "table", "path": "rows.csv"},
        "model": {"kind": "linear"},
        "evaluation": {"cross_validate": True},
        "tracking": {"experiment": "x"},
    }
    with pytest.raises(ConfigError, match=r"evaluation.cross_validate: needs data.split.folds"):
        newsstand.config.schema.Config.from_dict(config)
    loaded = newsstand.config.schema.Config.from_dict(config, {"data.split.folds": 3})
    with pytest.raises(NewsstandError, match="--resume: not with evaluation"):
        train(loaded, name="x", reporter=reporter, resume="0" * 32)


def test_a_learning_curve_has_growing_parts_and_ends_with_the_model(
    quick: Callable[..., Result],
) -> None:
    result = quick(
        evaluation__learning_curve=True,
        tracking__experiment="curve",
        tracking__register_as=None,
        tracking__alias=None,
    )
    folder = Path(MlflowClient().download_artifacts(result.run_id, ""))
    points = json.loads((folder / "learning_curve.json").read_text())
    sizes = [point["rows"] for point in points]
    assert sizes == sorted(sizes)
    assert sizes[0] == 2  # one row of each label
    assert points[-1]["macro_f1"]["value"] == pytest.approx(result.metrics["test/macro_f1"])
    assert points[-1]["macro_f1"]["low"] < points[-1]["macro_f1"]["value"]
    assert (folder / "learning_curve.png").read_bytes().startswith(b"\x89PNG")
