"""`newsstand score`: articles of every kind in, scores out, in this process or in others."""

import gc
import json
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from command_line import COMMAND, ECONOMY, SPORT, WEATHER, environment
from given import Cli
from newsstand.article import Article
from newsstand.bundle import Bundle


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


@pytest.mark.parametrize("kind", ["topic", "stance"])
def test_scored_articles_do_not_stay_in_memory(
    cli: Cli, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    held: list[int] = []

    def read(paths: Iterable[str]) -> Iterator[tuple[Article, str]]:
        for number in range(1200):
            yield Article(body=f"{SPORT} {number}"), "the match"
        gc.collect()
        held.append(sum(type(x) is Article for x in gc.get_objects()))

    monkeypatch.setattr("newsstand.serve.batch.read_articles", read)
    done = cli("score", "--model", request.getfixturevalue(kind), "any.jsonl")
    assert len(done.out.splitlines()) == 1200
    assert held[0] < 600


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


def test_scores_before_an_error_are_printed(cli: Cli, topic: str) -> None:
    lines = [json.dumps({"body": text}) for text in (SPORT, WEATHER, " ", ECONOMY)]
    Path("a.jsonl").write_text("\n".join(lines))
    message = "newsstand: article 'a.jsonl:3': empty: title and body hold no text\n"
    done = cli("score", "--model", topic, "a.jsonl")
    assert (done.code, done.err) == (2, message)
    assert [json.loads(line)["label"] for line in done.out.splitlines()] == ["sport", "weather"]


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
    command = f"'{COMMAND}' score --model {topic} a.jsonl | head -1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
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
