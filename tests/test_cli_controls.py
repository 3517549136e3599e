"""Texts of the web in what commands show: no control character of theirs reaches the terminal."""

import json
from pathlib import Path

import pytest

from given import Cli
from newsstand.cli.display import show_result
from newsstand.cli.terminal import visible
from newsstand.io.bundle import Bundle
from newsstand.train.evaluation.metrics import LabelReport
from newsstand.train.result import Result
from random_rows import some_rows

ESC, TURN = "\x1b[31m", "\u202e"
CONFIG = """
task: topic
labels: from-data
data: {format: table, path: rows.jsonl}
model: {kind: linear, words: [1, 1], bits: 12}
tracking: {experiment: quick}
"""


@pytest.fixture
def _rows(folder: Path) -> None:
    rows = [
        {
            "id": f"{ESC}{TURN}{word}\nrow",
            "title": f"{TURN}the {word}",
            "body": f"{ESC}the {word} {split} {n % 2}",
            "label": f"[b]{word}",
            "outlet": f"Wire\x9b{TURN}\n",
            "split": split,
        }
        for word in ("goal", "shares")
        for split in ("train", "validation", "test")
        for n in range(6)
    ]
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Path(f"{ESC}.yaml").write_text(CONFIG)


def safe(*texts: str) -> bool:
    return all(visible(text, lines=True) == text for text in texts)


@pytest.mark.usefixtures("_rows")
def test_data_and_check_show_no_control_character(cli: Cli) -> None:
    name = f"{ESC}.yaml"
    for command in (["data"], ["data", "--json"], ["check", "--json"]):
        done = cli(*command, name)
        assert safe(done.out, done.err)
        assert r"\u202e" in done.out
    checked = cli("check", name, "--html", "report.html")
    page = Path("report.html").read_text(encoding="utf-8")
    assert safe(checked.out, checked.err, page)
    assert r"\x1b[31m" in checked.out
    assert r"\x9b\u202e" in page
    # A finding is a line, and what it names is in it.
    assert not [line for line in checked.out.splitlines() if line.startswith("row")]


@pytest.mark.usefixtures("_rows")
def test_errors_of_data_and_config_show_none(cli: Cli) -> None:
    with Path("rows.jsonl").open("a") as stream:
        stream.write(json.dumps({"body": "x", "label": "", "split": f"{ESC}{TURN}"}) + "\n")
    for arguments in (["data", f"{ESC}.yaml"], ["config", f"{ESC}.yaml", f"{ESC}={TURN}"]):
        done = cli(*arguments)
        assert done.code == 2
        assert safe(done.err)
        assert r"\x1b[31m" in done.err


def test_the_result_of_a_run_shows_none(capsys: pytest.CaptureFixture[str], small: Bundle) -> None:
    figures = dict.fromkeys(("precision", "recall", "f1"), 0.5)
    result = Result(
        run_id="1",
        experiment=f"{ESC}news",
        task="topic",
        model=f"models:/{ESC}",
        bundle=f"{TURN}/bundle\n",
        bundle_hash="0",
        url="http://127.0.0.1:5000",
        metrics={"test/accuracy": 0.5},
        seconds={},
        labels=[LabelReport(label="a", support=3, **figures)],
        names={"a": f"[bold]{ESC}{TURN}"},
        fitted=small,
        evaluated=some_rows(6, 2),
    )
    show_result(result)
    shown = capsys.readouterr().out
    assert safe(shown)
    assert r"[bold]\x1b[31m\u202e" in shown
    assert r"\u202e/bundle\n" in shown
