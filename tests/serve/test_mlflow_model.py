"""The bundle as MLflow sees it: a function from DataFrame to DataFrame."""

import shutil
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.models import get_model_info

from given import Trained
from newsstand.errors import InputError
from newsstand.io.bundle import Bundle
from newsstand.models.controls import NOT_FOUND
from newsstand.serve.mlflow_model import BundleModel, _load_pyfunc
from newsstand.serve.scorer import Scorer

SPORT, WEATHER = "The goalkeeper saved a penalty.", "Rain and snow on the coast."


def test_a_frame_in_and_a_frame_out(small: Bundle) -> None:
    frame = pd.DataFrame({"title": ["Final", "Storm"], "body": [SPORT, WEATHER]}, index=[7, "x"])
    found = BundleModel(small).predict(frame)
    assert list(found.columns) == [
        *(
            "label",
            "label_name",
            "probability",
            "warning",
            "error",
            "p_sport",
            "p_economy",
            "p_weather",
        )
    ]
    assert found.index.tolist() == [7, "x"]
    assert found["label"].tolist() == ["sport", "weather"]
    scores = Scorer(small).score_many(["Final\n\n" + SPORT, "Storm\n\n" + WEATHER])
    for (_, row), score in zip(found.iterrows(), scores, strict=True):
        assert (row["label_name"], row["probability"]) == (score.label_name, score.probability)
        assert row[["p_sport", "p_economy", "p_weather"]].tolist() == list(
            score.probabilities.values()
        )


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT])
def test_missing_titles_are_none(small: Bundle, missing: Any) -> None:
    frame = pd.DataFrame({"title": ["Final", missing], "body": [SPORT, SPORT]}, dtype=object)
    found = BundleModel(small).predict(frame)
    alone = BundleModel(small).predict(pd.DataFrame({"body": [SPORT]}))
    assert found["probability"][1] == alone["probability"][0] != found["probability"][0]


def test_other_columns_do_not_matter(small: Bundle) -> None:
    frame = pd.DataFrame({"body": [SPORT], "id": [5], "date": [pd.Timestamp("2024-01-01")]})
    assert BundleModel(small).predict(frame)["label"].tolist() == ["sport"]


def test_no_rows_give_the_same_columns(small: Bundle) -> None:
    model = BundleModel(small)
    full = model.predict(pd.DataFrame({"body": [SPORT]}))
    none = model.predict(pd.DataFrame({"body": pd.Series(dtype=object)}))
    assert len(none) == 0
    assert list(none.columns) == list(full.columns)


def test_stance_takes_a_target_a_row(small_stance: Bundle) -> None:
    model = BundleModel(small_stance)
    frame = pd.DataFrame({"body": ["It is cheap."] * 2, "target": ["the levy", "the port"]})
    assert model.predict(frame)["label"].tolist() == ["favor", "against"]
    found = model.predict(frame.assign(target=["the levy", None]))
    assert found["error"].tolist() == [None, "a stance model needs a target"]
    assert found["warning"].tolist() == [NOT_FOUND, None]
    with pytest.raises(InputError, match=r"^no column 'target' \(columns here: body\)$"):
        model.predict(frame[["body"]])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (None, "empty: title and body hold no text"),
        (" ", "empty: title and body hold no text"),
        (5, "column 'body': expected text, got int"),
        (np.array(["x"]), "column 'body': expected text, got ndarray"),
    ],
)
def test_a_row_that_cannot_be_scored_is_named(small: Bundle, body: Any, message: str) -> None:
    found = BundleModel(small).predict(pd.DataFrame({"body": [SPORT, body, SPORT]}, dtype=object))
    first, error, last = found["error"]
    assert (first, last) == (None, None)
    assert error.startswith(message)
    assert found.drop(columns="error").iloc[1].tolist() == [None] * 7
    good = BundleModel(small).predict(pd.DataFrame({"body": [SPORT]}))
    assert found.iloc[0].tolist() == found.iloc[2].tolist() == good.iloc[0].tolist()
    assert good["p_sport"].dtype == float


def test_a_frame_without_bodies_is_refused(small: Bundle) -> None:
    with pytest.raises(InputError, match=r"^no column 'body' \(columns here: text\)$"):
        BundleModel(small).predict(pd.DataFrame({"text": [SPORT]}))


def test_load_pyfunc_reads_a_bundle_folder(small: Bundle, tmp_path: Path) -> None:
    small.save(tmp_path / "b")
    assert _load_pyfunc(str(tmp_path / "b")).scorer.labels == small.labels.names


def test_the_logged_model_declares_itself(trained: Trained) -> None:
    info = get_model_info("models:/stance@champion")
    assert info.flavors["python_function"]["loader_module"] == "newsstand.serve.mlflow_model"
    assert info.signature is not None
    inputs = {column.name: column.required for column in info.signature.inputs}
    assert inputs == {"title": False, "body": True, "target": True}
    outputs = info.signature.outputs.input_names()
    assert outputs == [
        *(
            "label",
            "label_name",
            "probability",
            "warning",
            "error",
            "p_favor",
            "p_against",
            "p_neutral",
        )
    ]
    folder = trained.stance_bundle.parent.parent
    assert not [x for x in folder.rglob("*") if x.suffix in {".pkl", ".pt", ".bin", ".joblib"}]
    requirements = (folder / "requirements.txt").read_text().splitlines()
    assert [x.partition("=")[0] for x in requirements] == ["mlflow", "newsstand", "pandas"]


def test_the_input_example_can_be_scored(trained: Trained) -> None:
    for bundle in (trained.topic_bundle, trained.stance_bundle):
        folder = str(bundle.parent.parent)
        model = mlflow.pyfunc.load_model(folder)
        assert len(model.predict(model.metadata.load_input_example(folder))) == 1


def test_mlflow_checks_the_columns(trained: Trained) -> None:
    model = mlflow.pyfunc.load_model("models:/topic@champion")
    frame = pd.DataFrame({"body": [SPORT], "outlet": ["Wire"], "clicks": [5]})
    assert len(model.predict(frame)) == 1  # what it does not know, it leaves out
    with pytest.raises(mlflow.MlflowException, match="body"):
        model.predict(pd.DataFrame({"title": [SPORT]}))


# What MLflow wrote beside a bundle when the modules were elsewhere; loader_module never moves.
OLD_MLMODEL = """
flavors:
  python_function:
    data: data/bundle
    loader_module: newsstand.serve.mlflow_model
    python_version: 3.11.7
    streamable: false
mlflow_version: 3.5.0
model_uuid: m-b3234b052645441a9d14aa9beea590d0
"""


@pytest.mark.parametrize("number", ["2", "3", "4", "6", "7"])
def test_models_that_were_logged_long_ago_still_load(number: str, tmp_path: Path) -> None:
    older = Path(__file__).parents[1] / "core" / f"bundle-format-{number}"
    shutil.copytree(older, tmp_path / "data" / "bundle")
    (tmp_path / "MLmodel").write_text(OLD_MLMODEL)
    model = mlflow.pyfunc.load_model(str(tmp_path))
    bundle = Bundle.load(older)
    row = {"body": SPORT} | ({"target": "the levy"} if bundle.task == "stance" else {})
    found = model.predict(pd.DataFrame([row]))
    score = Scorer(bundle).score(SPORT, target=row.get("target"))
    assert (found["label"][0], found["probability"][0]) == (score.label, score.probability)
