"""`newsstand score`: articles of every kind in, scores out, in this process or in others."""

import json
import os
import signal
import subprocess
import sys
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from command_line import COMMAND, ECONOMY, SPORT, WEATHER, environment
from given import Cli
from newsstand.cli.terminal import visible
from newsstand.io.bundle import Bundle
from newsstand.labels import LabelSet
from newsstand.serve.batch import Row
from newsstand.text.article import Article


@pytest.fixture
def topic(folder: Path, small: Bundle) -> str:
    small.save(folder / "topic")
    return "topic"


@pytest.fixture
def stance(folder: Path, small_stance: Bundle) -> str:
    small_stance.save(folder / "stance")
    return "stance"


def test_score_reads_every_kind_in_the_order_given(cli: Cli, topic: str) -> None:
    Path("a.txt").write_text(f"Late penalty\n\n{SPORT}\n\nRead more: Coach quits")
    Path("b.html").write_text(f"<h1>Rates</h1><p>{ECONOMY}</p>")
    Path("c.json").write_text(json.dumps([{"id": "c1", "body": WEATHER}, {"body": SPORT}]))
    Path("d.jsonl").write_text(json.dumps({"body": ECONOMY, "target": "ignored"}) + "\n")
    Path("e.csv").write_text(f'id,body\ne1,"{WEATHER}"\n')
    parquet.write_table(pa.table({"body": [SPORT], "id": ["f1"]}), "f.parquet")
    names = ["f.parquet", "a.txt", "b.html", "-", "c.json", "d.jsonl", "e.csv"]
    done = cli("score", "--model", topic, *names, stdin=json.dumps({"body": WEATHER}).encode())
    assert (done.code, done.err) == (0, "")
    found = [json.loads(line) for line in done.out.splitlines()]
    assert [(row["id"], row["label"]) for row in found] == [
        ("f1", "sport"),
        ("a.txt", "sport"),
        ("b.html", "economy"),
        ("stdin:1", "weather"),
        ("c1", "weather"),
        ("c.json, item 2", "sport"),
        ("d.jsonl:1", "economy"),
        ("e1", "weather"),
    ]
    assert all(row["evidence"] == [] for row in found)
    assert [item["rule"] for item in found[1]["removed"]] == ["related"]
    names.remove("-")
    shared = cli("score", "--model", topic, "--workers", "2", *names)
    assert shared.out.splitlines() == [x for x in done.out.splitlines() if '"stdin:1"' not in x]
    refused = cli("score", "--model", topic, "--workers", "0", *names)
    assert refused.code == 2
    assert "'--workers'" in refused.err


class Watched(Article):
    """An article that weak references can point to."""


@pytest.mark.parametrize("kind", ["topic", "stance"])
def test_scored_articles_do_not_stay_in_memory(
    cli: Cli, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    made: list[weakref.ref[Article]] = []
    held: list[int] = []

    def read(paths: Iterable[str], _: object = None) -> Iterator[Row]:
        for number in range(1200):
            article = Watched(body=f"{SPORT} {number}")
            made.append(weakref.ref(article))
            held.append(sum(x() is not None for x in made))
            yield Row(article, "the match", f"any.jsonl:{number}")

    monkeypatch.setattr("newsstand.serve.batch.read_articles", read)
    done = cli("score", "--model", request.getfixturevalue(kind), "any.jsonl")
    assert len(done.out.splitlines()) == 1200
    assert max(held) < 600  # a few batches of 256


def test_score_explains(cli: Cli, topic: str) -> None:
    Path("a.txt").write_text(f"Final\n\n{SPORT}\n\nRead more: Coach quits")
    done = cli("score", "--model", topic, "--explain", "--format", "jsonl", "a.txt")
    row = json.loads(done.out)
    assert "goalkeeper" in " ".join(item["text"] for item in row["evidence"])
    table = cli("score", "--model", topic, "--explain", "--format", "table", "a.txt")
    assert (table.code, table.err) == (0, "")
    for text in ("a.txt", "sport", f"{row['probability']:.3f}", "goalkeeper", "Coach quits"):
        assert text in table.out
    assert "goalkeeper" not in cli("score", "--model", topic, "--format", "table", "a.txt").out


def test_a_table_shows_texts_as_they_are(cli: Cli, topic: str) -> None:
    rows = [{"id": "[bold]x[/bold] سياسة", "body": SPORT}, {"id": "[/]", "body": WEATHER}]
    Path("a.json").write_text(json.dumps(rows))
    done = cli("score", "--model", topic, "--format", "table", "a.json")
    assert done.code == 0
    assert "[bold]x[/bold] سياسة" in done.out
    assert "[/]" in done.out


def test_a_warning_goes_beside_the_score(cli: Cli, topic: str) -> None:
    Path("a.txt").write_text("Read more: Champion wins the final match")
    done = cli("score", "--model", topic, "--format", "table", "a.txt")
    assert done.code == 0
    assert done.err.startswith("newsstand: a.txt: ")
    assert json.loads(cli("score", "--model", topic, "a.txt").out)["warning"] in done.err


def test_half_a_character_comes_out_as_json_writes_it(topic: str) -> None:
    row = '{"id": "\\ud800", "body": "The goalkeeper \\udc00 saved a penalty. \\u00e9"}\n'
    done = subprocess.run(
        [COMMAND, "score", "--model", topic, "--explain", "-"],
        input=row.encode(),
        capture_output=True,
        env=environment(PYTHONIOENCODING="utf-8"),
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["id"] == "\ud800"


def test_stance_takes_the_row_s_target_before_the_option_s(cli: Cli, stance: str) -> None:
    Path("a.csv").write_text("id,body,target\n1,It is cheap.,the port\n2,It is cheap.,\n")
    Path("a.txt").write_text("It is cheap.")
    done = cli("score", "--model", stance, "--target", "the levy", "a.csv", "a.txt")
    assert (done.code, done.err) == (0, "")
    found = [json.loads(line) for line in done.out.splitlines()]
    assert [(row["id"], row["target"], row["label"]) for row in found] == [
        ("1", "the port", "against"),
        ("2", "the levy", "favor"),
        ("a.txt", "the levy", "favor"),
    ]
    table = cli("score", "--model", stance, "--target", "the levy", "--format", "table", "a.csv")
    assert "the port" in table.out
    assert "the levy" in table.out


def test_a_closed_pipe_is_no_error(topic: str) -> None:
    lines = (json.dumps({"body": SPORT * 20}) + "\n") * 3000
    Path("a.jsonl").write_text(lines)
    command = f"set -o pipefail; '{COMMAND}' score --model {topic} a.jsonl | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (141, "")  # as of a program that SIGPIPE ends
    assert json.loads(done.stdout)["label"] == "sport"


def test_no_permission_and_no_space_are_messages(
    cli: Cli, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("a.txt").write_text(SPORT)
    for error, message in (
        (PermissionError(13, "Permission denied", "some/place"), "some/place: Permission denied"),
        (OSError(28, "No space left on device"), "[Errno 28] No space left on device"),
    ):

        def fail(*_: object, error: OSError = error) -> None:
            raise error

        monkeypatch.setattr(Bundle, "load", fail)
        done = cli("score", "--model", topic, "a.txt")
        assert (done.code, done.out, done.err) == (2, "", f"newsstand: {message}\n")


ESC = "\x1b[31m"


def bulk() -> None:
    """496 rows, of which row 200 is empty and row 300 no JSON."""
    rows = [json.dumps({"id": f"n{n}", "body": f"{SPORT} {n}"}) for n in range(1, 497)]
    rows[199] = json.dumps({"id": "n200", "title": " ", "body": ""})
    rows[299] = "{oops"
    Path("bulk.jsonl").write_text("\n".join(rows))


BULK = (
    "newsstand: bulk.jsonl:200, id 'n200': empty: title and body hold no text\n"
    "newsstand: bulk.jsonl:300, column 2: expected a JSON object per line "
    "(Expecting property name enclosed in double quotes)\n"
    "newsstand: 494 scored, 2 failed\n"
)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_of_496_rows_all_others_are_scored(cli: Cli, topic: str, workers: str) -> None:
    bulk()
    done = cli("score", "--model", topic, "--workers", workers, "bulk.jsonl")
    assert (done.code, done.err) == (3, BULK)
    found = [json.loads(line) for line in done.out.splitlines()]
    assert [row["id"] for row in found] == [
        f"n{n}" if n != 300 else "bulk.jsonl:300" for n in range(1, 497)
    ]
    failed = {row["id"]: row for row in found if "label" not in row}
    assert failed == {
        "n200": {
            "id": "n200",
            "error": "bulk.jsonl:200, id 'n200': empty: title and body hold no text",
        },
        "bulk.jsonl:300": {
            "id": "bulk.jsonl:300",
            "error": "bulk.jsonl:300, column 2: expected a JSON object per line "
            "(Expecting property name enclosed in double quotes)",
        },
    }


def test_a_table_has_a_row_for_each_article(cli: Cli, topic: str) -> None:
    bulk()
    done = cli("score", "--model", topic, "--format", "table", "bulk.jsonl")
    assert (done.code, done.err) == (3, BULK)
    lines = [line.split("│")[1:-1] for line in done.out.splitlines() if line.startswith("│")]
    cells = [[cell.strip() for cell in line] for line in lines]
    assert len(cells) == 496
    assert cells[198][:2] == ["n199", "sport"]
    assert cells[199] == ["n200", "-", "-"]
    assert cells[299] == ["bulk.jsonl:300", "-", "-"]


def test_a_file_that_cannot_be_read_does_not_keep_others_from_it(
    cli: Cli, topic: str, stance: str
) -> None:
    Path("good.txt").write_text(SPORT)
    Path("latin.txt").write_bytes("Le gardien a arrêté un penalty".encode("latin-1"))
    Path("broken.csv").write_text('id,body\n1,Heavy rain\n2,"Snow"fall\n3,Wind\n')
    Path("broken.parquet").write_bytes(b"PAR1 and no more")
    names = ("missing.jsonl", "latin.txt", "broken.csv", "broken.parquet", "good.txt")
    done = cli("score", "--model", topic, *names, "-", stdin=b'oops\n{"body": "Rain"}\n[]')
    assert done.code == 3
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert [(row["id"], "label" in row) for row in rows] == [
        ("missing.jsonl", False),
        ("latin.txt", False),
        ("1", True),
        ("broken.csv:3", False),
        ("broken.parquet", False),
        ("good.txt", True),
        ("stdin:1", False),
        ("stdin:2", True),
        ("stdin:3", False),
    ]
    said = done.err.splitlines()
    assert said[-1] == "newsstand: 3 scored, 6 failed"
    assert said[:-1] == [f"newsstand: {row['error']}" for row in rows if "error" in row]
    assert "iconv -f WINDOWS-1252" in said[1]


def test_rows_whose_target_is_none_are_errors_for_stance_alone(
    cli: Cli, topic: str, stance: str
) -> None:
    targets = ["the levy", None, 7, "", ["x"]]
    rows = [{"body": "It is cheap.", "target": target} for target in targets]
    Path("a.json").write_text(json.dumps(rows))
    done = cli("score", "--model", stance, "a.json")
    assert done.code == 3
    assert done.err.splitlines() == [
        "newsstand: a.json, item 2: a stance model needs a target",
        "newsstand: a.json, item 3: target: expected text, got int 7",
        "newsstand: a.json, item 4: a stance model needs a target",
        "newsstand: a.json, item 5: target: expected text, got list ['x']",
        "newsstand: 1 scored, 4 failed",
    ]
    # A topic model has no use for a target, so a wrong one stops nothing.
    assert cli("score", "--model", topic, "a.json").code == 0


def test_several_targets_are_answered_for_each_article_in_turn(cli: Cli, stance: str) -> None:
    Path("a.csv").write_text("id,body,target\n1,It is cheap.,the port\n2,It is cheap.,\n")
    Path("b.json").write_text('[{"id": "3", "body": ""}]')
    words = ["--target", "the levy", "--target", "the port", "--format", "jsonl"]
    done = cli("score", "--model", stance, *words, "a.csv", "b.json")
    found = [json.loads(line) for line in done.out.splitlines()]
    assert [(row["id"], row.get("target")) for row in found[:3]] == [
        ("1", "the port"),
        ("2", "the levy"),
        ("2", "the port"),
    ]
    assert found[0]["probabilities"] == found[2]["probabilities"]
    assert (done.code, len(found)) == (3, 5)  # the empty one fails toward each


@pytest.mark.parametrize("option", ["--model", "--format", "--workers"])
def test_an_option_given_twice_is_refused(cli: Cli, topic: str, option: str) -> None:
    Path("a.txt").write_text(SPORT)
    given = {"--model": topic, "--format": "jsonl", "--workers": "1"}
    words = [word for pair in given.items() for word in pair]
    twice = cli("score", *words, option, given[option], "a.txt")
    assert (twice.code, twice.out) == (2, "")
    assert f"Invalid value for '{option}': given 2 times, expected once" in twice.err
    assert cli("score", *words, "--explain", "--explain", "a.txt").code == 0


def test_a_setting_given_twice_is_refused(cli: Cli, folder: Path) -> None:
    Path("c.yaml").write_text("task: topic\nlabels: from-data\nmodel: {kind: linear}\n")
    done = cli("config", "c.yaml", "seed=1", "model.C=2", "seed=1", "model.C=3", "seed=2")
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines()[:2] == [
        "newsstand: command line: seed: given 3 times, expected once",
        "command line: model.C: given 2 times, expected once",
    ]


@pytest.mark.parametrize("form", ["table", "jsonl"])
def test_no_control_character_of_a_text_is_printed(
    cli: Cli, small: Bundle, folder: Path, form: str
) -> None:
    names = {"sport": "sp\u2066ort", "economy": "e\u202econ", "weather": "weather"}
    replace(small, labels=LabelSet("custom", names)).save(Path("model"))
    related = f"Read more: Champion {ESC}wins\u2066 the final match"
    rows = [
        {"id": f"a{ESC}\nnewsstand: forged\r\x9b", "title": f"{ESC}Final", "body": SPORT},
        {"id": f"{ESC}\u202e", "body": related},
        {"id": f"{ESC}empty", "body": ""},
        {"id": ESC, f"{ESC}column": "x"},
    ]
    Path(f"{ESC}.json").write_text(json.dumps(rows))
    files = (f"{ESC}.json", f"{ESC}.txt", f"{ESC}.docx")
    done = cli("score", "--model", "model", "--explain", "--format", form, *files)
    assert done.code == 3
    assert len(done.err.splitlines()) == (6 if form == "table" else 5)
    for text in (done.out, done.err):
        assert visible(text, lines=True) == text
        assert "forged" in text or text is done.err
    if form == "jsonl":
        assert [json.loads(line)["id"] for line in done.out.splitlines()][:4] == [
            row["id"] for row in rows
        ]
    wrong = cli("score", "--model", f"{ESC}\n", "a.txt")
    assert wrong.err.startswith(r"newsstand: \x1b[31m\n: no such bundle folder")


# A command whose model prints, as libraries and their native code do.
NOISY = """
import sys
from tokenizers import AddedToken
from newsstand.io.bundle import Bundle
from newsstand.cli.main import main

unchecked = Bundle.unchecked

def noisy(self, examples):
    print("printed by a library")
    AddedToken("x", printed_by_native_code=1)
    return unchecked(self, examples)

Bundle.unchecked = noisy
sys.argv = ["newsstand", *sys.argv[1:]]
main()
"""


@pytest.mark.parametrize("form", ["table", "jsonl"])
def test_nothing_but_scores_reaches_standard_output(topic: str, form: str) -> None:
    Path("a.txt").write_text(SPORT)
    done = subprocess.run(
        [sys.executable, "-c", NOISY, "score", "--model", topic, "--format", form, "a.txt"],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
    )
    assert done.returncode == 0
    assert "printed" not in done.stdout
    assert {"printed by a library", "Ignored unknown kwarg option printed_by_native_code"} <= set(
        done.stderr.splitlines()
    )
    if form == "jsonl":
        assert json.loads(done.stdout)["label"] == "sport"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_interrupted_command_says_so_in_one_line(topic: str, workers: str) -> None:
    Path("a.jsonl").write_text((json.dumps({"body": SPORT}) + "\n") * 4000)
    command = subprocess.Popen(
        [COMMAND, "score", "--model", topic, "--workers", workers, "a.jsonl"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # nohup ignores it
    )
    assert command.stdout
    # It cannot end before the signal comes: the pipe holds less than all scores.
    assert json.loads(command.stdout.readline())["label"] == "sport"
    os.killpg(command.pid, signal.SIGINT)  # as a terminal does, to its workers, too
    _, said = command.communicate(timeout=60)
    assert (command.returncode, said.decode()) == (130, "newsstand: interrupted\n")


@pytest.mark.parametrize("form", ["table", "jsonl"])
def test_a_full_disk_is_one_line(topic: str, form: str) -> None:
    Path("a.txt").write_text(SPORT)
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [COMMAND, "score", "--model", topic, "--format", form, "a.txt"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (2, "newsstand: [Errno 28] No space left on device\n")
