"""`newsstand prevalence` and `newsstand drift`: what they print, write and refuse."""

import json
from pathlib import Path

import numpy as np
import pytest

from given import Cli
from newsstand.io.bundle import Bundle
from scored_files import answers, model, scored, texts, write

LABELS = ("sport", "economy", "weather")


@pytest.fixture
def scores(small: Bundle, folder: Path) -> Path:
    """60 articles, of which all are sport, by a model in the working directory."""
    digest = model(small, folder / "model", rows=120)
    columns = {"body": texts(60, seed=7), "Source": ["Post", "[b]Times"] * 30}
    rows = scored(LABELS, answers(np.zeros(60, np.int64), 3), "model", digest, columns)
    return write(folder / "s.csv", rows)


def test_prevalence_prints_and_writes(cli: Cli, scores: Path, folder: Path) -> None:
    command = ("prevalence", "s.csv", "--by", "outlet", "--column", "outlet=Source")
    files = ("-o", "shares.csv", "--plot", "p.svg")
    done = cli(*command, *files, "--resamples", "100")
    assert done.code == 0, done.err
    for text in ("[b]Times", "economy", "emq, from 120 held-out rows", "prior probability shift"):
        assert text in done.out
    assert len((folder / "shares.csv").read_text().splitlines()) == 7
    assert "<svg" in (folder / "p.svg").read_text()
    again = cli(*command, "--resamples", "100", "--json")
    found = json.loads(again.out)
    assert [cell["values"] for cell in found["cells"]] == [
        {"outlet": "Post"},
        {"outlet": "[b]Times"},
    ]
    assert found["cells"][0]["shares"][0]["label"] == "sport"
    assert found["model"] == "model"


def test_drift_prints_and_fails_only_if_asked(cli: Cli, scores: Path) -> None:
    done = cli("drift", "model", "s.csv")
    assert done.code == 0, done.err
    assert done.out.startswith("moved: labels")
    assert (
        "not compared: outlets, new outlets; the scored rows name no outlets (--column" in done.out
    )
    assert "sport" in done.out
    assert cli("drift", "model", "s.csv", "--fail").code == 4
    found = json.loads(cli("drift", "model", "s.csv", "--json").out)
    assert (found["drifted"], found["rows"], found["texts"]) == (True, 60, 60)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("prevalence s.csv --column Source", "--column Source: expected NAME=COLUMN with one of"),
        ("prevalence s.csv --column desk=Source", "--column desk=Source: expected NAME=COLUMN"),
        (
            "prevalence s.csv --column outlet=a --column outlet=b",
            "--column outlet=b: outlet is given twice",
        ),
        ("prevalence s.csv -o x.txt", "--output: x.txt: expected a name that ends in .csv"),
        ("prevalence s.csv --plot x.jpg", "--plot: x.jpg: expected a name that ends in .png or"),
        ("prevalence s.csv -o nowhere/x.csv", "--output: nowhere: no such folder"),
        ("prevalence s.csv --by outlet", "s.csv: no column 'outlet' (columns here: id, body, Sou"),
        ("prevalence s.csv --model nowhere", "nowhere: no such bundle folder"),
        ("prevalence none.csv", "none.csv: no such file"),
        ("drift nowhere s.csv", "nowhere: no such bundle folder"),
        ("drift model model/golden.jsonl", "model/golden.jsonl"),
    ],
)
def test_what_cannot_be_used_is_one_line(cli: Cli, scores: Path, words: str, message: str) -> None:
    done = cli(*words.split())
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"newsstand: {message}")
    assert len(done.err.splitlines()) == 1
