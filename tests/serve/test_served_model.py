"""A logged model as `mlflow models serve` answers: JSON in, JSON out, an error a row."""

import json
from typing import Any

import mlflow
import pytest
from mlflow.pyfunc import PyFuncModel
from mlflow.pyfunc.scoring_server import invocations

from given import Trained

SPORT = "The goalkeeper saved a penalty."
EMPTY = "empty: title and body hold no text"


@pytest.fixture(scope="module", params=["topic", "stance"])
def served(request: pytest.FixtureRequest, trained: Trained) -> PyFuncModel:
    return mlflow.pyfunc.load_model(f"models:/{request.param}@champion")


def columns(model: PyFuncModel) -> list[str]:
    return list(model.metadata.get_output_schema().input_names())


def ask(model: PyFuncModel, request: Any, kind: str = "application/json") -> list[dict[str, Any]]:
    """The rows of the answer, which must be JSON to the letter."""
    sent = request if isinstance(request, str) else json.dumps(request)
    answer = invocations(sent, kind, model, model.metadata.get_input_schema())
    assert answer.status == 200

    def refuse(token: str) -> None:
        raise AssertionError(token)

    found: list[dict[str, Any]] = json.loads(answer.response, parse_constant=refuse)["predictions"]
    return found


def test_a_bad_row_is_an_error_of_its_own(served: PyFuncModel) -> None:
    bodies = [SPORT, None, " ", 5, ["a list"], {"of": "parts"}, True, SPORT]
    rows = [{"body": body, "target": "the levy"} for body in bodies]
    good, *bad, again = ask(served, {"dataframe_records": rows})
    assert list(good) == columns(served)
    assert good == again
    assert good["error"] is None
    assert isinstance(good["probability"], float)
    for row in bad:
        assert list(row) == columns(served)
        assert all(value is None for name, value in row.items() if name != "error")
    said = [row["error"] for row in bad]
    assert said[:2] == [EMPTY, EMPTY]
    assert [text.partition(",")[0] for text in said[2:]] == ["column 'body': expected text"] * 4


def test_all_rows_bad_and_none(served: PyFuncModel) -> None:
    split = {"columns": ["body", "target"], "data": [[None, "the levy"]] * 2}
    assert [row["error"] for row in ask(served, {"dataframe_split": split})] == [EMPTY] * 2
    assert ask(served, {"dataframe_split": {**split, "data": []}}) == []
    assert ask(served, 'body,target\n"",the levy\n', "text/csv")[0]["error"] == EMPTY


def test_a_stance_row_without_its_target(trained: Trained) -> None:
    model = mlflow.pyfunc.load_model("models:/stance@champion")
    rows = [{"body": SPORT, "target": target} for target in ("the levy", None, 7)]
    said = [row["error"] for row in ask(model, {"dataframe_records": rows})]
    assert said == [None, "a stance model needs a target", "target: expected text, got int 7"]


@pytest.mark.parametrize(
    "request_", [{"dataframe_records": [{"title": SPORT}]}, {"inputs": {"title": [SPORT]}}]
)
def test_a_missing_column_is_a_bad_request_that_names_it(
    served: PyFuncModel, request_: Any
) -> None:
    with pytest.raises(mlflow.MlflowException, match=r"Model is missing inputs \['body'") as caught:
        ask(served, request_)
    assert caught.value.get_http_status_code() == 400
