"""The table of predictions: what a spreadsheet shows, and what it must not run."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest

from made_evaluation import made_rows
from newsstand.train.evaluation.rows import EvaluatedRows
from newsstand.train.report.predictions_csv import write_predictions


def read(folder: Path, rows: EvaluatedRows) -> list[dict[str, str]]:
    write_predictions(folder, rows)
    raw = (folder / "predictions.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")  # else Excel does not read UTF-8
    return list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline="")))


def test_columns_are_in_reading_order_and_match_the_rows(tmp_path: Path) -> None:
    rows = made_rows({"04000000": "economy", "15000000": "sport"})
    table = read(tmp_path, rows)
    assert list(table[0]) == [
        *("id", "title", "first words", "outlet", "published", "true label", "predicted"),
        *("probability", "correct", "outlet seen in training", "genre", "language", "words"),
        *("quote share", "p_04000000", "p_15000000"),
    ]
    names = list(rows.labels.values())
    assert [row["true label"] for row in table] == [names[place] for place in rows.truth]
    assert [row["correct"] == "yes" for row in table] == (rows.predicted == rows.truth).tolist()
    shares = [float(row["p_15000000"]) for row in table]
    assert np.array(shares) == pytest.approx(rows.probabilities[:, 1], abs=5.1e-5)
    assert {row["outlet seen in training"] for row in table} == {"yes", "no"}


def test_no_cell_is_a_formula(tmp_path: Path) -> None:
    bad = ["=cmd|' /C calc'!A0", "+1", "-2", "@SUM(A1)", "\t=1", "  =1", "a=b"]
    rows = made_rows(rows=7, title=bad, outlet=bad, id=bad)
    table = read(tmp_path, rows)
    for column in ("title", "outlet", "id"):
        cells = [row[column] for row in table]
        assert cells[-1] == "a=b"
        assert all(cell.startswith("'") for cell in cells[:-1])


def test_texts_are_one_line_of_any_script(tmp_path: Path) -> None:
    rows = made_rows(rows=2, title=['He said "no",\nand left', "政治 سياسة"], target=[None, "x"])
    first, second = read(tmp_path, rows)
    assert first["title"] == 'He said "no", and left'
    assert second["title"] == "政治 سياسة"
    assert (first["target"], second["target"]) == ("", "x")
