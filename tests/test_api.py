"""Training from Python: every way to give the config and the rows, with and without MLflow."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pytest

import newsstand
from newsstand.config.loader import load_config
from newsstand.errors import ConfigError, DataError

WORDS = {"sport": "goal", "economy": "shares"}
CONFIG: dict[str, Any] = {
    "task": "topic",
    "labels": ["sport", "economy"],
    "seed": 3,
    "model": {"kind": "linear", "bits": 12},
}


def rows(split: bool = False) -> list[dict[str, Any]]:
    found = [
        {"label": label, "body": f"The {word} {word} of day {day}."}
        for day in range(20)
        for label, word in WORDS.items()
    ]
    parts = ("train", "train", "validation", "test")
    return [{**row, "split": parts[i // 2 % 4]} for i, row in enumerate(found)] if split else found


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    return folder


def test_a_data_frame_is_fitted_in_an_empty_folder_without_mlflow(empty_folder: Path) -> None:
    result = newsstand.fit(CONFIG, data=pd.DataFrame(rows()), track=False)
    assert result.metrics["test/accuracy"] == 1.0
    assert (result.bundle, result.run_id, result.model) == (None, None, None)
    assert result.scorer.predict(["A goal, a goal.", "The shares."]).tolist() == [
        "sport",
        "economy",
    ]
    assert list(empty_folder.iterdir()) == []


def test_a_tracked_run_gives_the_model_that_mlflow_has(empty_folder: Path) -> None:
    config = {
        **CONFIG,
        "tracking": {
            "experiment": "api",
            "register_as": "api",
            "alias": "champion",
            "alias_force": "few test rows",
        },
    }
    result = newsstand.fit(config, data=rows())
    assert result.model == "models:/api@champion"
    assert result.bundle is not None
    assert Path(result.bundle, "bundle.json").is_file()
    assert sorted(path.name for path in empty_folder.iterdir()) == ["mlflow.db", "mlruns"]
    again = newsstand.load(result.model)
    texts = ["A goal.", "Shares, and a goal."]
    assert np.array_equal(again.predict_proba(texts), result.scorer.predict_proba(texts))


TABLES: dict[str, Callable[[], Any]] = {
    "frame": lambda: pd.DataFrame(rows(split=True)),
    "mappings": lambda: rows(split=True),
    "generator": lambda: (row for row in rows(split=True)),
    "dataset": lambda: datasets.Dataset.from_list(rows(split=True)),
    "class labels": lambda: datasets.Dataset.from_list(rows(split=True)).class_encode_column(
        "label"
    ),
    "splits": lambda: {
        split: [row for row in rows(split=True) if row["split"] == split]
        for split in ("train", "validation", "test")
    },
    "dataset splits": lambda: datasets.DatasetDict(
        {
            split: datasets.Dataset.from_list(
                [
                    {"label": row["label"], "body": row["body"]}
                    for row in rows(split=True)
                    if row["split"] == split
                ]
            )
            for split in ("train", "validation", "test")
        }
    ),
}


@pytest.mark.parametrize("kind", TABLES)
def test_every_kind_of_table_gives_the_same_model(kind: str) -> None:
    result = newsstand.fit(CONFIG, data=TABLES[kind](), track=False)
    expected = newsstand.fit(CONFIG, data=rows(split=True), track=False)
    texts = [row["body"] for row in rows()]
    found, wanted = (x.scorer.predict_proba(texts) for x in (result, expected))
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_a_config_is_a_path_a_mapping_or_an_object(empty_folder: Path) -> None:
    path = empty_folder / "mine.yaml"
    path.write_text(
        json.dumps(
            {
                **CONFIG,
                "data": {"format": "table", "path": "rows.jsonl"},
                "tracking": {"experiment": "x"},
            }
        )
    )
    Path("rows.jsonl").write_text("\n".join(map(json.dumps, rows())))
    of_path = newsstand.fit(path, track=False, overrides={"model.C": 2})
    of_object = newsstand.fit(load_config(path, ["model.C=2"]), track=False)
    of_rows = newsstand.fit(path, data=rows(), track=False, overrides={"model.C": 2})
    texts = [row["body"] for row in rows()]
    expected = of_path.scorer.predict_proba(texts)
    for other in (of_object, of_rows):
        np.testing.assert_allclose(other.scorer.predict_proba(texts), expected, atol=1e-6)


def test_bad_rows_are_reported_all_at_once_by_their_number() -> None:
    bad = [*rows(), {"label": "sport"}, {"label": "opera", "body": "An aria."}]
    with pytest.raises(DataError) as refused:
        newsstand.fit(CONFIG, data=bad, track=False)
    assert [problem.partition(": ")[0] for problem in refused.value.problems] == [
        "data:41",
        "data:42",
    ]
    with pytest.raises(DataError, match="data: row 1: expected a mapping of columns, got str"):
        newsstand.fit(CONFIG, data=["text"], track=False)  # type: ignore[list-item]


def test_wrong_settings_are_reported_all_at_once() -> None:
    config = {**CONFIG, "labels": "favor-against-neutral", "sed": 1}
    with pytest.raises(ConfigError) as refused:
        newsstand.fit(config, data=rows(), overrides={"model.C": "high"}, track=False)
    found = "\n".join(refused.value.problems)
    assert "model.C: expected a number, got 'high'" in found
    assert "sed: unknown key; did you mean 'seed'?" in found
    assert "labels: 'favor-against-neutral' is a stance scheme, but task is topic" in found


def test_progress_is_called_with_the_stages(capfd: pytest.CaptureFixture[str]) -> None:
    stages: list[str] = []
    newsstand.fit(
        CONFIG, data=rows(), track=False, progress=lambda stage, _done, _total: stages.append(stage)
    )
    assert [x for x in dict.fromkeys(stages) if x in ("load", "fit", "evaluate")] == [
        "load",
        "fit",
        "evaluate",
    ]
    assert capfd.readouterr() == ("", "")


def test_a_bundle_is_saved_where_asked(tmp_path: Path) -> None:
    result = newsstand.fit(CONFIG, data=rows(), track=False, bundle=tmp_path / "mine")
    assert result.bundle == str(tmp_path / "mine")
    texts = ["A goal.", "Shares."]
    again = newsstand.load(result.bundle).predict_proba(texts)
    assert np.array_equal(again, result.scorer.predict_proba(texts))


def test_stance_rows_carry_their_targets() -> None:
    table = pd.DataFrame(
        [
            {"label": label, "body": f"The levy is {word}, day {day}.", "target": "the levy"}
            for day in range(20)
            for label, word in (("favor", "fair"), ("against", "a theft"))
        ]
    )
    config = {**CONFIG, "task": "stance", "labels": ["favor", "against"]}
    scorer = newsstand.fit(config, data=table, track=False).scorer
    assert (scorer.predict(table) == table["label"]).mean() == 1.0
    assert scorer.predict(table["body"], target="the levy").tolist() == table["label"].tolist()
    assert scorer.classes_.tolist() == ["favor", "against"]
    assert repr(scorer).startswith("Scorer(task='stance', labels=[favor, against]")


def test_a_fit_that_is_not_tracked_needs_no_mlflow(empty_folder: Path) -> None:
    code = f"""
import sys
sys.modules["mlflow"] = None
import newsstand
result = newsstand.fit({CONFIG!r}, data={rows()!r}, track=False)
print(result.scorer.predict(["A goal."]).tolist())
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=empty_folder,
        env={**os.environ, "HF_DATASETS_CACHE": str(empty_folder.parent / "cache")},
    )
    assert (done.stdout, done.stderr) == ("['sport']\n", "")


def test_help_of_public_names_is_enough() -> None:
    for name in newsstand.__all__:
        value = getattr(newsstand, name)
        if name != "__version__":
            assert len(value.__doc__.splitlines()) >= 1, name
    for name in ("config", "data", "overrides", "track", "progress"):
        assert f"{name}:" in newsstand.fit.__doc__
