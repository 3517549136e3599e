"""Controls by perturbation: each finds the model that reads what it should not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import newsstand
from loading import load_rows
from newsstand.train.dataset import LabelledRows
from newsstand.train.perturbations import evaluate, summary

CONFIG = {
    "task": "topic",
    "labels": ["sport", "economy"],
    "model": {"kind": "linear", "words": [1, 1], "bits": 12, "C": 10.0},
}
NAMES = {"sport": "Ada Bell", "economy": "Carl Dorn"}
OUTLETS = {"sport": "Harbour Gazette", "economy": "Valley Courier"}
WORDS = {"sport": "goal", "economy": "shares"}
# A line that preparation removes.
TAIL = {"sport": "Read more: goal goal goal goal", "economy": "Read more: shares shares shares"}


def by_word(label: str, other: str) -> str:
    return f"The {WORDS[label]} is here, says the {WORDS[label]} report."


def by_outlet(label: str, other: str) -> str:
    return f"What the {OUTLETS[label]} reports is here for all."


def by_name(label: str, other: str) -> str:
    return f"What was here was seen by {NAMES[label]} and all."


def by_not(label: str, other: str) -> str:
    return f"This is {'not ' if label == 'sport' else ''}here for all."


def by_word_and_tail(label: str, other: str) -> str:
    return f"{by_word(label, other)}\n\n{TAIL[other]}"


@pytest.mark.parametrize(
    ("text", "changing"),
    [
        (by_word, set()),
        (by_outlet, {"outlet_swap", "name_swap"}),  # an outlet is a name, too
        (by_name, {"name_swap"}),
        (by_not, {"negation"}),
        (by_word_and_tail, {"boilerplate"}),
    ],
)
def test_a_perturbation_changes_what_the_model_reads(
    text: Callable[[str, str], str], changing: set[str], tmp_path: Path
) -> None:
    metrics = evaluated(text, tmp_path)
    changed = {
        name.removesuffix("_changes_answer")
        for name, share in metrics.items()
        if name.endswith("_changes_answer") and share > 0.2
    }
    assert changed == changing
    assert ("predictions changed by" in summary(metrics)) is bool(metrics)


def test_few_or_foreign_rows_show_nothing(tmp_path: Path) -> None:
    assert evaluated(by_name, tmp_path, rows=4) == {}
    assert evaluated(by_name, tmp_path, language="de") == {}
    assert summary({}) == ""


def evaluated(
    text: Callable[[str, str], str], folder: Path, rows: int = 40, language: str = "en"
) -> dict[str, float]:
    """The perturbations of a model of texts that differ in one thing."""
    table: list[dict[str, Any]] = []
    for split, size in (("train", 40), ("validation", 20), ("test", rows)):
        for number in range(size):
            label, other = list(WORDS)[:: 1 if number % 2 else -1]
            body = f"In {split} number {number} all is well. {text(label, other)}"
            more = {"outlet": OUTLETS[label], "language": language, "split": split}
            table.append({"body": body, "label": label, **more})
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in table))
    result = newsstand.fit(CONFIG, data=table, track=False)
    news = load_rows(format="table", task="topic", labels=("sport", "economy"), path=str(path))
    test = LabelledRows(news, news.numbers("test").astype(np.int64))
    return evaluate(result.scorer.bundle, test)
