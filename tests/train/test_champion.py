"""When an alias moves to a new version, and the note on it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

import newsstand
from newsstand.train.champion import Standing
from newsstand.train.result import Result
from quick_run import WORDS, write_rows

CHAMPION = Standing.of(["sport", "economy"], test_rows=40, test_digest="d", macro_f1=0.75)


@pytest.mark.parametrize(
    ("change", "why_not"),
    [
        ({}, None),
        ({"test_macro_f1": 0.76}, None),
        ({"test_macro_f1": 0.7499999}, "test macro-F1 0.750000, not at least 0.750000"),
        ({"test_macro_f1": float("nan")}, "test macro-F1 nan, not at least 0.750000"),
        ({"test_digest": "e", "test_rows": 8}, "different test rows (8 instead of 40)"),
        ({"labels_digest": "e", "labels": 3}, "different labels (3 instead of 2)"),
    ],
)
def test_only_models_of_the_same_rows_and_labels_are_compared(
    change: dict[str, Any], why_not: str | None
) -> None:
    assert replace(CHAMPION, **change).not_better(CHAMPION) == why_not


def test_a_champion_without_tags_cannot_be_compared() -> None:
    assert CHAMPION.not_better(Standing.of_tags({})) is not None


def test_tags_keep_a_standing_and_the_order_of_labels_does_not_matter() -> None:
    assert Standing.of_tags(CHAMPION.tags()) == CHAMPION
    turned = Standing.of(["economy", "sport"], test_rows=40, test_digest="d", macro_f1=0.75)
    assert turned == CHAMPION
    assert Standing.of_tags(CHAMPION.tags() | {"newsstand.test_rows": "many"}) is None


def champion(name: str) -> int:
    return int(MlflowClient().get_model_version_by_alias(name, "champion").version)


def test_an_alias_moves_to_a_better_version_or_if_forced(
    quick: Callable[..., Result], reporter: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = {"tracking__experiment": "gate", "tracking__register_as": "gate"}
    first = quick(**gate)
    assert (first.model, champion("gate")) == ("models:/gate@champion", 1)
    assert reporter.notes[-1] == "gate version 1; gate@champion set to version 1"

    write_rows(Path("rows.csv"), WORDS | {"weather": "rain"})
    other = quick(**gate)
    assert (other.model, champion("gate")) == ("models:/gate/2", 1)
    assert reporter.notes[-1] == (
        "gate version 2; gate@champion stays at version 1: different labels (3 instead of 2); "
        "tracking.alias_force=true moves it"
    )
    assert newsstand.load(other.model).score("rain rain").label == "weather"

    # Other ids and another order are the same test.
    write_rows(Path("rows.csv"), dict(reversed(WORDS.items())))
    rows = Path("rows.csv").read_text(encoding="utf-8").replace("test-", "row-")
    Path("rows.csv").write_text(rows, encoding="utf-8")
    assert quick(**gate).model == "models:/gate@champion"
    assert reporter.notes[-1] == "gate version 3; gate@champion moves from version 1 to 3"

    client = MlflowClient()
    client.set_model_version_tag("gate", "3", "newsstand.test_macro_f1", "1.5")
    assert quick(**gate).model == "models:/gate/4"
    assert "stays at version 3: test macro-F1 1.000000, not at least 1.5" in reporter.notes[-1]
    client.delete_model_version_tag("gate", "3", "newsstand.test_digest")
    client.delete_model_version_tag("gate", "3", "newsstand.test_rows")
    assert quick(**gate).model == "models:/gate/5"
    assert "stays at version 3: its labels and test rows are not recorded" in reporter.notes[-1]
    assert quick(**gate, tracking__alias_force=True).model == "models:/gate@champion"
    assert champion("gate") == 6
    assert reporter.notes[-1].endswith(
        "gate@champion moves from version 3 to 6 (tracking.alias_force)"
    )
    run = client.get_run(client.get_model_version("gate", "6").run_id)
    assert {"newsstand.test_digest", "newsstand.labels_digest"} <= run.data.tags.keys()
