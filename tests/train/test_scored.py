"""Files of scores are read in each format, and others are refused in one line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from newsstand.errors import BundleError, InputError
from newsstand.io.bundle import Bundle
from newsstand.train.monitor.scored import Scored, in_order, known_model
from scored_files import answers, model, scored, write

LABELS = ("sport", "economy", "weather")


@pytest.fixture
def made(small: Bundle, tmp_path: Path) -> tuple[list[dict[str, Any]], Path]:
    folder = tmp_path / "model"
    digest = model(small, folder, rows=30)
    truth = np.arange(4) % 3
    columns = {
        "outlet": ["Post", "", None, "Times"],
        "published": ["2024-05-01", "3 June 2024", "05/06/2024", None],
        "desk": ["A", 7, "A", None],
    }
    return scored(LABELS, answers(truth, 3), folder, digest, columns), folder


@pytest.mark.parametrize("name", ["s.jsonl", "s.csv", "s.parquet"])
def test_each_format_is_read(made: Any, tmp_path: Path, name: str) -> None:
    rows, folder = made
    if name == "s.parquet":
        for row in rows:
            row["desk"] = None if row["desk"] is None else str(row["desk"])
    source = Scored([write(tmp_path / name, rows)], wanted=("outlet", "month", "desk"))
    found = list(source.rows())
    assert [row.texts for row in found] == [
        {"outlet": "Post", "month": "2024-05", "desk": "A"},
        {"month": "2024-06", "desk": "7"},
        {"desk": "A"},
        {"outlet": "Times"},
    ]
    assert (source.model, source.unread_dates) == (str(folder), 1)
    for row, given in zip(found, rows, strict=True):
        assert in_order(row, LABELS) == pytest.approx(list(given["probabilities"].values()))
    known = known_model(None, source)
    assert list(known.labels) == list(LABELS)
    assert len(known.reference) == 30


def test_columns_have_names_of_their_own(made: Any, tmp_path: Path) -> None:
    rows, _ = made
    for row in rows:
        row["Source"], row["Day"] = row.pop("outlet"), row.pop("published")
    columns = {"outlet": "Source", "published": "Day"}
    path = write(tmp_path / "s.jsonl", rows)
    source = Scored([path], columns, wanted=("outlet", "month"), dates="day-first")
    assert [row.texts.get("month") for row in source.rows()][2] == "2024-06"
    assert next(source.rows()).texts["outlet"] == "Post"
    with pytest.raises(InputError, match=r"no column 'outlet' .* \(--column outlet=NAME\)$"):
        list(Scored([path], wanted=("outlet",)).rows())
    with pytest.raises(InputError, match=r"no column 'published' .* \(--column published=NAME\)$"):
        list(Scored([path], wanted=("month",)).rows())


def other_model(rows: list[dict[str, Any]]) -> None:
    rows[2]["model_digest"] = "f" * 64


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: [row.pop("model_digest") for row in rows], "no column 'model_digest', expec"),
        (lambda rows: rows[1].update(label=None), ":2: the row has no label; rows that could"),
        (other_model, r":3: scored by .* \(digest ffffffffffff…\), rows before by"),
        (lambda rows: rows[0].pop("probabilities"), ":1: no probabilities, expected columns"),
        (
            lambda rows: rows[0].update(probabilities={"sport": 2, "economy": 0}),
            ":1: sport: expected a probability from 0 to 1, got 2",
        ),
        (
            lambda rows: rows[0].update(probabilities={"sport": "x"}),
            ":1: sport: expected a probability from 0 to 1, got 'x'",
        ),
        (
            lambda rows: rows[0].update(probabilities={"sport": 0.5, "economy": 0.1}),
            ":1: probabilities sum to 0.600, expected 1",
        ),
        (
            lambda rows: rows[0].update(probabilities={"sport": 0.5, "music": 0.5}),
            ":1: expected probabilities of sport, economy, weather, got sport, music",
        ),
    ],
)
def test_other_files_are_refused(
    made: Any, tmp_path: Path, change: Callable[[Any], object], message: str
) -> None:
    rows, _ = made
    change(rows)
    path = write(tmp_path / "s.jsonl", rows)
    with pytest.raises(InputError, match=message) as caught:
        [in_order(row, LABELS) for row in Scored([path]).rows()]
    assert str(caught.value).startswith(str(path))


def test_missing_and_empty_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.csv: no such file"):
        list(Scored([tmp_path / "nowhere.csv"]).rows())
    (tmp_path / "head.csv").write_text("label,model\n")
    with pytest.raises(InputError, match=r"head\.csv"):
        list(Scored([tmp_path / "head.csv"]).rows())


def test_the_model_must_be_the_one_that_scored(made: Any, small: Bundle, tmp_path: Path) -> None:
    rows, folder = made
    source = Scored([write(tmp_path / "s.jsonl", rows)])
    moved = folder.rename(tmp_path / "moved")
    with pytest.raises(BundleError, match=r"/model: no such bundle folder"):
        known_model(None, source)
    assert known_model(str(moved), source).uri == str(moved)
    digest = model(small, tmp_path / "other", rows=40)
    with pytest.raises(InputError) as caught:
        known_model(str(tmp_path / "other"), source)
    assert str(caught.value) == (
        f"{tmp_path / 'other'}: not the model that scored the rows (its digest is {digest[:12]}…, "
        f"that in the rows {rows[0]['model_digest'][:12]}…); name that one with --model, or score "
        "again with this"
    )


def test_a_model_of_an_older_version_is_named(tmp_path: Path) -> None:
    from newsstand.io.bundle import bundle_hash

    older = Path(__file__).parents[1] / "core" / "bundle-format-7"
    labels = tuple(json.loads((older / "bundle.json").read_text())["labels"]["names"])
    rows = scored(labels, answers(np.arange(3), 3), older, bundle_hash(older), {})
    with pytest.raises(BundleError) as caught:
        known_model(None, Scored([write(tmp_path / "s.csv", rows)]))
    assert str(caught.value).startswith(f"{older}: the model has no reference data, as newsstand")
