"""Shares of labels by cell: the cells, their marks, the table and the plot."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from newsstand.errors import InputError
from newsstand.io.bundle import Bundle
from newsstand.train.monitor import prevalence as module
from newsstand.train.monitor.prevalence import Prevalence, prevalence
from newsstand.train.monitor.prevalence_plot import plot
from scored_files import answers, model, scored, write

LABELS = ("sport", "economy", "weather")
MONTHS = ("2024-05-03", "2024-06-09")


def made(small: Bundle, tmp_path: Path, rows: int = 160, **columns: Any) -> Path:
    """Articles of the Post, mostly sport, and of the Times, mostly weather, in two months."""
    digest = model(small, tmp_path / "model", rows=200)
    rng = np.random.default_rng(8)
    post = np.arange(rows) % 2 == 0
    truth = np.where(rng.random(rows) < 0.7, np.where(post, 0, 2), rng.integers(0, 3, rows))
    given = {
        "outlet": np.where(post, "Post", "Times").tolist(),
        "published": [MONTHS[number // 2 % 2] for number in range(rows)],
        **columns,
    }
    rows_ = scored(LABELS, answers(truth, 3, seed=4), tmp_path / "model", digest, given)
    return write(tmp_path / "s.csv", rows_)


def of(path: Path, by: list[str], **more: Any) -> Prevalence:
    return prevalence([path], by, resamples=20, **more)


def test_cells_have_the_rows_of_their_values(small: Bundle, tmp_path: Path) -> None:
    done: list[tuple[int, int]] = []
    found = of(
        made(small, tmp_path),
        ["outlet", "month", "outlet"],
        report=lambda *count: done.append(count),
    )
    assert [(tuple(cell.values.values()), cell.rows) for cell in found.cells] == [
        (("Post", "2024-05"), 40),
        (("Post", "2024-06"), 40),
        (("Times", "2024-05"), 40),
        (("Times", "2024-06"), 40),
    ]
    assert done == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert (found.by, found.rows, found.held_out, found.groups) == (
        ["outlet", "month"],
        160,
        200,
        200,
    )
    sport = [cell.shares[0] for cell in found.cells]
    assert [x.label for x in sport] == ["sport"] * 4
    assert min(x.low for x in sport[:2]) > max(x.high for x in sport[2:])
    assert found.notes == []
    assert "prior probability shift" in found.assumption
    [whole] = of(tmp_path / "s.csv", []).cells
    assert (whole.values, whole.rows) == ({}, 160)


def test_small_cells_and_missing_values_are_marked(small: Bundle, tmp_path: Path) -> None:
    dates = [*["soon"] * 3, *["2024-01-01"] * 27, *["2024-02-02"] * 30]
    found = of(made(small, tmp_path, rows=60, published=dates), ["month"], method="pacc")
    assert [(cell.values["month"], cell.few_rows) for cell in found.cells] == [
        ("(not given)", True),
        ("2024-01", True),
        ("2024-02", False),
    ]
    assert found.notes == [
        "2 of 3 with fewer than 30 rows are marked *",
        "3 dates cannot be read; their month is (not given)",
    ]


def test_too_many_cells_are_refused(
    small: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_CELLS", 10)
    with pytest.raises(InputError, match="--by id: more than 10 different values"):
        of(made(small, tmp_path), ["id"])


def test_stances_are_divided_by_target(small_stance: Bundle, tmp_path: Path) -> None:
    digest = model(small_stance, tmp_path / "model", rows=100)
    columns = {"target": ["levy", "port"] * 20, "outlet": ["Post"] * 40}
    rows = scored(
        ("favor", "against"), answers(np.arange(40) % 2, 2), tmp_path / "model", digest, columns
    )
    for row in rows[:5]:
        row["warning"] = "the target isn't found in the text"
    found = of(write(tmp_path / "s.jsonl", rows), ["outlet"])
    assert found.by == ["target", "outlet"]
    assert [cell.values["target"] for cell in found.cells] == ["levy", "port"]
    assert found.notes[-1].startswith("5 rows have warnings")


def test_counting_says_that_nothing_is_corrected(small: Bundle, tmp_path: Path) -> None:
    found = of(made(small, tmp_path), ["outlet"], method="cc")
    assert found.assumption == "nothing is corrected: predictions are counted"
    assert all(x.share == x.counted for cell in found.cells for x in cell.shares)


def test_the_table_has_a_line_for_each_cell_and_label(small: Bundle, tmp_path: Path) -> None:
    found = of(made(small, tmp_path), ["outlet"])
    lines = list(csv.DictReader(io.StringIO(found.csv())))
    assert [(line["outlet"], line["label"]) for line in lines] == [
        (outlet, label) for outlet in ("Post", "Times") for label in LABELS
    ]
    for line, share in zip(lines[3:], found.cells[1].shares, strict=True):
        assert (line["rows"], line["few_rows"], line["label_name"]) == ("80", "false", share.name)
        assert float(line["share"]) == pytest.approx(share.share, abs=1e-6)
        assert float(line["high"]) == pytest.approx(share.high, abs=1e-6)


def test_the_plot_says_what_it_leaves_out(
    small: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from newsstand.train.monitor import prevalence_plot

    path = made(small, tmp_path, desk=[f"$x_{number % 4}^$^" for number in range(160)])
    for by in (["desk"], ["desk", "month"]):
        assert plot(tmp_path / "p.png", of(path, by)) is None
        assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    monkeypatch.setattr(prevalence_plot, "_MOST_PANELS", 2)
    monkeypatch.setattr(prevalence_plot, "_MOST_CELLS", 3)
    assert plot(tmp_path / "p.svg", of(path, ["desk"]), "svg") == (
        "the plot leaves out 1 labels with the smallest shares and 1 of 4 values of desk"
    )
