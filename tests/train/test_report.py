"""The report of an evaluation: complete, self-contained, escaped, and readable by anyone."""

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from html_page import Page
from made_evaluation import ABOUT, made_agreement, made_evaluation, made_rows
from newsstand.cli.terminal import visible
from newsstand.train.evaluation.result import Estimate, Evaluation
from newsstand.train.evaluation.rows import EvaluatedRows
from newsstand.train.report.errors import worst_errors
from newsstand.train.report.report import report_html, write_report
from newsstand.train.report.summary import summarize


def page(
    rows: EvaluatedRows | None = None, evaluation: Evaluation | None = None, **changes: Any
) -> Page:
    rows = rows or made_rows()
    made = Page(report_html(rows, evaluation or made_evaluation(rows), replace(ABOUT, **changes)))
    assert made.open == []
    return made


def test_the_folder_has_all_files(tmp_path: Path) -> None:
    rows = made_rows()
    write_report(tmp_path, rows, made_evaluation(rows), ABOUT)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("MODEL_CARD.md", "confusion_matrix.png", "label_f1.png", "predictions.csv"),
        *("reliability.png", "report.html", "risk_coverage.png", "slices.png"),
    ]


def test_the_page_has_every_metric_label_part_and_error() -> None:
    rows = made_rows()
    evaluation = made_evaluation(rows, agreement=made_agreement())
    text = page(rows, evaluation).text
    for estimate in (*evaluation.metrics.values(), *evaluation.uncalibrated.values()):
        shown = f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"
        assert shown in text
    for label in evaluation.labels:
        assert f"{label.f1.value:.3f}" in text
    for part in evaluation.slices:
        assert part.value in text
    for error in worst_errors(rows):
        assert error.title in text
        assert error.words in text
    assert "wrong predictions, the 20 with the highest probability" in text
    for fact in (ABOUT.data_digest, ABOUT.bundle_hash, ABOUT.commit, "800 train", rows.digest):
        assert str(fact) in text
    assert "Krippendorff's alpha 0.61" in text


def test_the_page_fetches_and_runs_nothing() -> None:
    rows = made_rows()
    raw = report_html(rows, made_evaluation(rows), ABOUT)
    tags = {tag for tag, _ in Page(raw).tags}
    assert not tags & {"script", "link", "img", "iframe", "object", "base"}
    links = [attributes.get("href", "") for tag, attributes in Page(raw).tags if tag == "a"]
    ids = {attributes.get("id") for _, attributes in Page(raw).tags}
    assert links
    assert all(link and link[1:] in ids for link in links)
    assert not re.search(r"url\(|@import|https?:", raw)


def test_texts_of_the_data_are_escaped() -> None:
    evil = '<script>alert("x")</script>&amp;{{ 7 * 7 }}\x1b[2J\u202e'
    same = [evil] * 300
    rows = made_rows((evil, "b", "c"), title=same, first_words=same, outlet=same, target=same)
    raw = report_html(rows, made_evaluation(rows), replace(ABOUT, name=evil, tested_on=evil))
    assert not set(raw) & set("\x1b\u202e")
    found = Page(raw)
    assert "script" not in {tag for tag, _ in found.tags}
    assert found.text.count(visible(evil)) > 10


def test_headings_tables_and_marks_are_accessible() -> None:
    rows = made_rows(task="stance")
    evaluation = made_evaluation(rows, controls={"target_changes_answer": 0.5})
    found = page(rows, evaluation)
    levels = [int(tag[1]) for tag, _ in found.tags if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    heads = [attributes for tag, attributes in found.tags if tag == "th"]
    assert all(x.get("scope") in ("row", "col", "rowgroup") for x in heads)
    assert all(x.get("aria-label") for tag, x in found.tags if tag == "svg")
    scrolled = [x for _, x in found.tags if (x.get("class") or "").startswith("wide")]
    assert scrolled
    assert all(x.get("tabindex") == "0" for x in scrolled)  # by keyboard, too


def test_parts_that_are_below_are_named_first() -> None:
    rows = made_rows()
    slices = made_evaluation(rows).slices
    changed = [replace(slices[0], value="The Courier", others=0.9, below=True), *slices[1:]]
    evaluation = made_evaluation(rows, slices=changed)
    [first, *_] = summarize(rows, evaluation, ABOUT).fails
    assert first.startswith(
        "Significantly less accurate than on the other rows: outlet The Courier"
    )
    assert "below" in page(rows, evaluation).text
    calm = [replace(x, below=False) for x in slices]
    [first, *_] = summarize(rows, made_evaluation(rows, slices=calm), ABOUT).fails
    assert first.startswith(f"On none of {len(slices)} parts")


@pytest.mark.parametrize(
    ("controls", "found"),
    [
        ({}, []),
        ({"target_changes_answer": 0.4}, ["It passes the controls"]),
        (
            {"target_changes_answer": 0.0, "text_only_macro_f1": 0.99},
            ["Warning: this model's answers don't depend", "Warning: this model gains nothing"],
        ),
    ],
)
def test_controls_are_said_in_words(controls: dict[str, float], found: list[str]) -> None:
    rows = made_rows(("favor", "against"), task="stance")
    evaluation = made_evaluation(rows, controls=controls)
    said = summarize(rows, evaluation, replace(ABOUT, task="stance")).controls
    assert len(said) == len(found)
    assert all(a.startswith(b) for a, b in zip(said, found, strict=True))
    text = page(rows, evaluation, task="stance").text
    assert all(name in text for name in controls)


def test_probabilities_are_judged_on_average() -> None:
    rows = made_rows()
    mean = float(rows.probabilities.max(axis=1).mean())
    metrics = dict(made_evaluation(rows).metrics)
    for accuracy, word in ((mean - 0.1, "too high"), (mean + 0.1, "too low"), (mean, "neither")):
        evaluation = made_evaluation(rows, metrics={**metrics, "accuracy": Estimate(accuracy)})
        assert word in summarize(rows, evaluation, ABOUT).how_sure[0]


def test_one_row_of_one_label_makes_a_page() -> None:
    rows = made_rows(("favor", "against"), 1, sharpness=20.0)
    evaluation = made_evaluation(rows, slices=[], uncalibrated={})
    found = page(rows, evaluation)
    assert "So few rows say little" in found.text
    assert "Worst errors" not in found.text
    assert "Parts of the rows" not in found.text


def test_of_many_labels_the_page_shows_those_with_most_errors() -> None:
    names = [f"topic {number}" for number in range(108)]
    rows = made_rows(names, 400)
    found = page(rows)
    assert "the 20 of 108 labels with most errors" in found.text
    assert "The other" in found.text
    assert "any other label" in found.text
    assert all(name in found.text for name in names)


def test_errors_are_sorted_and_one_of_each_text() -> None:
    rows = made_rows(sharpness=0.5, title=["a"] * 150 + ["b"] * 150, first_words=["x"] * 300)
    first, second = worst_errors(rows)
    assert {first.title, second.title} == {"a", "b"}
    assert first.probability >= second.probability
    confidence = rows.probabilities.max(axis=1)
    assert first.probability == confidence[rows.predicted != rows.truth].max()
    assert len(worst_errors(made_rows(sharpness=0.5), 7)) == 7


def test_rows_of_unknown_origin_claim_nothing_about_training() -> None:
    nothing = [None] * 300
    rows = made_rows(outlet_seen=nothing, published=nothing, language=nothing)
    said = " ".join(summarize(rows, made_evaluation(rows), ABOUT).tested_on)
    assert "5 outlets." in said
    assert "training" not in said
