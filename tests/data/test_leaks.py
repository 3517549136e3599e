"""The checks with probes: each finds the shortcut in the data, and is OK for sound data."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from newsstand.data.checks import probe
from newsstand.data.checks.audit import LIMITS, Finding
from newsstand.data.checks.findings import View
from newsstand.data.checks.leaks import CHECKS
from newsstand.data.checks.probe import Sample, accuracy_lead, errors_avoided
from newsstand.data.load import NewsData

Rows = list[dict[str, Any]]
Make = Callable[..., Any]


def found_in(news: NewsData, *, task: str = "topic", seed: int = 0) -> dict[str, Finding]:
    """All findings of the probes, by check."""
    view = View(news, task=task, seed=seed, limits=LIMITS)
    sample = Sample.of(view)
    return {x.check: x for look in CHECKS.values() for x in look(view, sample)}


def _of_outlets(make_rows: Make, *, by_label: bool) -> Rows:
    """Rows of ten outlets; with `by_label`, each has a single label."""
    rows: Rows = make_rows(400, marked=False)
    for number, row in enumerate(rows):
        paper = random.Random(number).randrange(5)
        row["outlet"] = f"{row['label'] if by_label else 'Paper'} {paper}"
    return rows


def test_outlet_that_predicts_the_label_is_an_error(make_rows: Make, make_news: Make) -> None:
    found = found_in(make_news(_of_outlets(make_rows, by_label=True)))
    label = found["outlet-label"]
    assert (label.verdict, label.statistics["all"], label.statistics["test"]) == ("error", 1, 1)
    assert label.statistics["majority"] == 0.5
    assert label.title.startswith(
        "The outlet's most frequent label has accuracy 100% on all 400 rows "
    )
    split = found["outlet-split"]
    assert (split.verdict, split.statistics["outlets"], split.statistics["rows"]) == (
        "note",
        10,
        80,
    )
    calm = found_in(make_news(_of_outlets(make_rows, by_label=False)))
    assert {calm[x].verdict for x in ("outlet-label", "outlet-split")} == {"ok"}
    assert "outlet-score" not in calm


def test_unknown_outlets_are_a_note(make_rows: Make, make_news: Make) -> None:
    rows = _of_outlets(make_rows, by_label=True)
    for row in rows:
        row["outlet"] += " East" if row["split"] == "test" else " West"
    found = found_in(make_news(rows))
    assert (found["outlet-label"].verdict, found["outlet-label"].statistics["test"]) == (
        "note",
        0.5,
    )
    assert (found["outlet-split"].verdict, found["outlet-split"].statistics["rows"]) == ("ok", 0)


def test_some_known_outlets_are_a_warning(make_rows: Make, make_news: Make) -> None:
    rows = _of_outlets(make_rows, by_label=True)
    for number, row in enumerate([row for row in rows if row["split"] == "test"]):
        row["outlet"] += " East" if number >= 30 else ""
    label = found_in(make_news(rows))["outlet-label"]
    assert (label.verdict, label.statistics["test"]) == ("warning", 55 / 80)


def test_outlets_with_one_article_predict_nothing(make_rows: Make, make_news: Make) -> None:
    rows = make_rows(200, marked=False)
    for number, row in enumerate(rows):
        row["outlet"] = f"Paper {number}"
    label = found_in(make_news(rows))["outlet-label"]
    assert label.verdict == "ok"
    assert (label.statistics["all"], label.statistics["others"]) == (1, 0.5)


def test_house_phrases_reveal_the_outlet(make_rows: Make, make_news: Make) -> None:
    rows = _of_outlets(make_rows, by_label=False)
    calm = found_in(make_news(rows))["outlet-in-text"]
    assert calm.verdict == "ok"
    assert calm.statistics["accuracy"] < 0.4
    for row in rows:
        row["body"] += f" Everybody in quarter{row['outlet'][-1]} knows."
    told = found_in(make_news(rows))["outlet-in-text"]
    assert (told.verdict, told.statistics["outlets"]) == ("note", 5)
    assert told.statistics["accuracy"] > 0.95


def test_known_outlets_are_easier_if_texts_reveal_only_the_outlet(
    make_rows: Make, make_news: Make
) -> None:
    rows = _of_outlets(make_rows, by_label=True)
    for number, row in enumerate([row for row in rows if row["split"] == "test"]):
        row["outlet"] += " East" if number % 2 else ""
    for row in rows:
        phrase = row["outlet"].replace(" ", "")
        row["body"] += f" Everybody in {phrase} knows how {phrase} is."
    score = found_in(make_news(rows))["outlet-score"]
    assert score.verdict == "warning"
    assert score.statistics["known"] == 1
    assert score.statistics["unknown"] == pytest.approx(0.5, abs=0.2)
    assert "test rows from outlets of train" in score.title


def test_whole_outlets_are_held_out_if_all_are_known(make_rows: Make, make_news: Make) -> None:
    rows = _of_outlets(make_rows, by_label=True)
    for row in rows:
        row["body"] += f" Everybody in {row['outlet'].replace(' ', '')} knows."
    score = found_in(make_news(rows))["outlet-score"]
    assert score.verdict == "warning"
    assert score.statistics["known"] > 0.95
    assert score.statistics["unknown"] < 0.7
    assert "whole outlets are held out" in score.title


def test_unknown_outlets_are_not_harder_if_texts_predict_labels(
    make_rows: Make, make_news: Make
) -> None:
    rows = make_rows(400)  # marked: the text predicts the label
    for number, row in enumerate(rows):
        row["outlet"] = f"{row['label']} {random.Random(number).randrange(5)}"
    assert found_in(make_news(rows))["outlet-score"].verdict == "ok"


def _of_targets(make_rows: Make, *, by_label: bool, marked: bool = False) -> Rows:
    rows: Rows = make_rows(400, marked=marked)
    for number, row in enumerate(rows):
        kind = row["label"] if by_label else "any"
        row["target"] = f"the {kind} plan of town {random.Random(number).randrange(8)}"
    return rows


def test_target_that_predicts_the_label_is_an_error(make_rows: Make, make_news: Make) -> None:
    found = found_in(make_news(_of_targets(make_rows, by_label=True)), task="stance")
    alone = found["target-alone"]
    assert (alone.verdict, alone.statistics["all"], alone.statistics["all_majority"]) == (
        "error",
        1,
        0.5,
    )
    assert found["text-alone"].verdict == "ok"
    calm = found_in(make_news(_of_targets(make_rows, by_label=False)), task="stance")
    assert calm["target-alone"].verdict == "ok"
    assert "target-alone" not in found_in(make_news(_of_targets(make_rows, by_label=True)))


def test_text_that_predicts_the_label_without_its_target_is_a_note(
    make_rows: Make, make_news: Make
) -> None:
    rows = _of_targets(make_rows, by_label=False, marked=True)
    alone = found_in(make_news(rows), task="stance")["text-alone"]
    assert (alone.verdict, alone.statistics["all"], alone.statistics["macro_f1"]) == ("note", 1, 1)
    assert alone.statistics["points"] == 0.5
    assert alone.statistics["majority_macro_f1"] == pytest.approx(1 / 3, abs=1e-4)
    assert alone.title.endswith("macro-F1 1.000 (most frequent label: 0.333)")
    assert alone.advice.startswith("The text alone predicts the label")


def test_flip_pairs_are_counted(make_rows: Make, make_news: Make) -> None:
    rows = _of_targets(make_rows, by_label=False)
    assert "flip-pairs" not in found_in(make_news(rows), task="stance")  # no label has an opposite
    for row in rows:
        row["label"] = {"sport": "favor", "economy": "against"}[row["label"]]
    missed = found_in(make_news(rows), task="stance")["flip-pairs"]
    assert (missed.verdict, missed.statistics) == ("note", {"test": 0, "train": 0, "texts": 0})
    assert missed.title.startswith("No test text is favor toward one target and against toward an")
    other = {"target": "the harbour", "label": "against"}
    favoring = [x for x in rows if x["split"] == "test" and x["label"] == "favor"]
    more = [{**row, "id": f"{row['id']}b", **other} for row in favoring]
    found = found_in(make_news([*rows, *more]), task="stance")["flip-pairs"]
    assert (found.verdict, found.statistics["test"], found.statistics["texts"]) == ("ok", 40, 40)
    assert "40 flip pairs (train: 0)" in found.title


def test_seen_and_unseen_targets_are_measured_separately(make_rows: Make, make_news: Make) -> None:
    rows = _of_targets(make_rows, by_label=True)
    for number, row in enumerate([row for row in rows if row["split"] == "test"]):
        row["target"] = f"harbour number {number}" if number >= 40 else row["target"]
    alone = found_in(make_news(rows), task="stance")["target-alone"]
    assert (alone.statistics["seen"], alone.statistics["seen_rows"]) == (1, 40)
    assert (alone.statistics["unseen"], alone.statistics["unseen_rows"]) == (0.5, 40)
    assert [name for name, _ in alone.chart][-1] == "target alone, rows toward unseen targets"


def _with_datelines(make_rows: Make, *, by_label: bool) -> Rows:
    rows: Rows = make_rows(400, marked=False)
    for number, row in enumerate(rows):
        inland = row["label"] == "sport" if by_label else random.Random(number).random() < 0.5
        row["body"] = ("PARIS (AFP) - " if inland else "LONDON (Reuters) - ") + row["body"]
    return rows


def test_boilerplate_that_predicts_the_label_is_a_warning(make_rows: Make, make_news: Make) -> None:
    told = found_in(make_news(_with_datelines(make_rows, by_label=True)))["boilerplate-label"]
    assert (told.verdict, told.statistics["accuracy"], told.statistics["rows"]) == (
        "warning",
        1,
        400,
    )
    calm = found_in(make_news(_with_datelines(make_rows, by_label=False)))["boilerplate-label"]
    assert (calm.verdict, calm.statistics["rows"]) == ("ok", 400)
    none = found_in(make_news(make_rows(400)))["boilerplate-label"]
    assert (none.verdict, none.statistics["rows"]) == ("ok", 0)


def test_wrong_labels_are_contradicted_most(make_rows: Make, make_news: Make) -> None:
    rows = make_rows(300)
    assert found_in(make_news(rows))["label-noise"].verdict == "ok"
    flipped = [11, 52, 93, 134, 175, 216]
    for number in flipped:
        rows[number]["label"] = "economy" if rows[number]["label"] == "sport" else "sport"
    found = found_in(make_news(rows))["label-noise"]
    assert (found.verdict, found.statistics["contradicted"]) == ("note", 6)
    assert {x.split("; ")[1].split(" ")[0] for x in found.examples} == {f"r{n}" for n in flipped}
    assert found.examples[0].startswith("probe: ")


def test_weak_probe_contradicts_no_labels(make_rows: Make, make_news: Make) -> None:
    found = found_in(make_news(make_rows(300, marked=False)))["label-noise"]
    assert (found.verdict, found.examples) == ("ok", [])
    assert found.title.endswith("is too weak to find wrong labels")


def test_at_most_twenty_labels_are_listed(make_rows: Make, make_news: Make) -> None:
    rows = make_rows(300)
    for row in rows[5:300:10]:
        row["label"] = "economy" if row["label"] == "sport" else "sport"
    found = found_in(make_news(rows))["label-noise"]
    assert len(found.examples) == 20
    assert int(found.statistics["contradicted"]) >= 25


def test_copies_groups_and_clusters_share_a_fold(make_rows: Make, make_news: Make) -> None:
    rows = make_rows(300)
    for number in range(0, 40, 2):
        rows[number] |= {"body": rows[0]["body"]}
    for number in range(100, 140):
        rows[number]["group"] = "one story"
    near = [(200, number) for number in range(201, 230)]
    view = View(make_news(rows, near=near), task="topic", seed=0, limits=LIMITS)
    fold = Sample.of(view).fold
    assert len(set(fold[100:140])) == len(set(fold[200:230])) == 1
    assert len(set(fold)) == probe.FOLDS
    alone = View(make_news(rows, near=None), task="topic", seed=0, limits=LIMITS)
    assert len(set(Sample.of(alone).fold[0:40:2])) == 1


def test_large_data_are_sampled_by_content_with_a_remark(
    make_rows: Make, make_news: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "MAX_TRAIN_ROWS", 150)
    monkeypatch.setattr(probe, "MAX_TEST_ROWS", 40)
    rows = make_rows(400)
    found = found_in(make_news(rows))["label-noise"]
    assert found.statistics["rows"] == 190
    assert found.title.endswith("(a sample of 190 of 400 rows)") or found.verdict == "ok"
    view = View(make_news(rows), task="topic", seed=0, limits=LIMITS)
    ids = {rows[n]["id"] for n in Sample.of(view).rows}
    random.Random(2).shuffle(rows)
    view = View(make_news(rows), task="topic", seed=0, limits=LIMITS)
    assert {rows[n]["id"] for n in Sample.of(view).rows} == ids
    view = View(make_news(rows), task="topic", seed=1, limits=LIMITS)
    assert {rows[n]["id"] for n in Sample.of(view).rows} != ids


def test_few_rows_are_not_significant() -> None:
    right = np.ones(4, dtype=np.bool_)
    assert errors_avoided(right, 0.5) < 0.1 < errors_avoided(np.ones(40, dtype=np.bool_), 0.5)
    assert (
        errors_avoided(np.zeros(40, dtype=np.bool_), 0.5)
        == errors_avoided(right, 1.0)
        == errors_avoided(right[:0], 0.5)
        == 0
    )
    half = np.arange(40) % 2 == 0
    assert accuracy_lead(half, half) == accuracy_lead(right[:0], half) == 0
    assert accuracy_lead(np.ones(40, dtype=np.bool_), half) == pytest.approx(
        0.5 - 1.96 * 0.0791, abs=1e-3
    )
