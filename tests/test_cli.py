"""The command line, mostly in this process; in others where that is the point."""

import gc
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pytest
from pyarrow import parquet

import newsstand
from newsstand import cli as commands
from newsstand.article import Article
from newsstand.bundle import Bundle, bundle_hash
from newsstand.config_file import load_config

ROOT = Path(__file__).parents[1]
COMMAND = str(Path(sys.executable).parent / "newsstand")
SPORT, ECONOMY, WEATHER = (
    "The goalkeeper saved a penalty in the match.",
    "The bank raised interest rates and shares fell.",
    "Heavy rain and snow on the coast.",
)
CONFIG = """
task: topic
labels: from-data
data: {format: table, path: rows.jsonl}
model: {kind: linear, words: [1, 1], bits: 12}
tracking: {experiment: quick, register_as: quick, alias: champion}
"""


class Done(Protocol):
    code: int
    out: str
    err: str


Cli = Callable[..., Done]


class Trained(Protocol):
    topic: Any


def environment(**more: str) -> dict[str, str]:
    usual = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
    return {**usual, **more}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def topic(folder: Path, small: Bundle) -> str:
    small.save(folder / "topic")
    return "topic"


@pytest.fixture
def stance(folder: Path, small_stance: Bundle) -> str:
    small_stance.save(folder / "stance")
    return "stance"


def write_rows() -> None:
    rows = [
        {"body": f"the {word} {split} {n}", "label": label, "split": split}
        for label, word in (("sport", "goal"), ("economy", "shares"))
        for split in ("train", "validation", "test")
        for n in range(3)
    ]
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Path("quick.yaml").write_text(CONFIG)


def test_without_arguments_help(cli: Cli) -> None:
    done = cli()
    assert done.code == 2
    for word in ("Usage: newsstand", "train", "data", "check", "score", "config", "verify"):
        assert word in done.out
    assert done.err == ""


@pytest.mark.parametrize("command", ["train", "data", "check", "score", "config", "verify"])
def test_every_command_explains_itself(cli: Cli, command: str) -> None:
    done = cli(command, "--help")
    assert (done.code, done.err) == (0, "")
    assert f"Usage: newsstand {command}" in done.out


def test_version(cli: Cli) -> None:
    done = cli("--version")
    assert (done.code, done.out, done.err) == (0, f"{newsstand.__version__}\n", "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["scroe"], "No such command 'scroe'"),
        (["score", "a.txt"], "Missing option '--model'"),
        (["score", "--model", "m"], "Missing argument 'PATH"),
        (["score", "--model", "m", "--format", "xml", "a.txt"], "'xml' is not one of"),
    ],
)
def test_wrong_usage(cli: Cli, arguments: list[str], words: str) -> None:
    done = cli(*arguments)
    assert (done.code, done.out) == (2, "")
    assert words in done.err


def test_train_in_a_process_of_its_own(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "my news 100% ü"
    folder.mkdir()
    done = subprocess.run(
        [COMMAND, "train", ROOT / "configs/topic-linear.yaml", "--json"],
        cwd=folder,
        env=environment(PYTHONHASHSEED="7", PYTHONWARNINGS="error::UserWarning:newsstand"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    result = json.loads(done.stdout)  # one object, and nothing else
    assert done.stdout.count("\n") == 1
    assert list(result) == list(trained.topic.to_dict())
    # The same config learns the same bytes in another process and another folder.
    assert result["bundle_hash"] == trained.topic.bundle_hash
    assert result["metrics"] == trained.topic.metrics
    # What happened meanwhile is told on the other channel, a line a stage.
    stages = ["load", "prepare", "fit", "calibrate", "fit", "evaluate", "log"]
    assert [line.split()[0] for line in done.stderr.splitlines()] == stages
    # MLflow's own places, in the working directory.
    assert sorted(os.listdir(folder)) == ["mlflow.db", "mlruns"]
    assert bundle_hash(Path(result["bundle"])) == result["bundle_hash"]
    monkeypatch.chdir(folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    expected = newsstand.load(trained.topic.bundle).score(SPORT)
    assert newsstand.load("models:/topic@champion").score(SPORT) == expected


def test_train_prints_a_table_and_where_things_are(
    cli: Cli, folder: Path, trained: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    write_rows()
    done = cli("train", "quick.yaml", "model.C=10")
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0].strip() == "topic: test rows"
    rows = [line.split("│")[1:-1] for line in lines if line.startswith("│")]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["economy", "1.000", "1.000", "1.000", "3"],
        ["sport", "1.000", "1.000", "1.000", "3"],
    ]
    named = dict(line.split(maxsplit=1) for line in lines if line[:1].isalpha())
    assert named["test"].startswith("accuracy 1.0000  macro_f1 1.0000  ece 0.")
    assert named["model"] == "models:/quick@champion"
    assert named["page"].endswith(f"/runs/{named['run']}")
    assert Path(named["bundle"]).is_dir()
    # What it names can be scored with.
    Path("a.txt").write_text("the goal")
    for model in (named["model"], named["bundle"], f"runs:/{named['run']}"):
        scored = cli("score", "--model", model, "a.txt")
        assert (scored.code, scored.err) == (0, "")
        assert json.loads(scored.out)["label"] == "sport"


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


def test_config_prints_every_setting_and_reads_back(cli: Cli, folder: Path) -> None:
    Path("quick.yaml").write_text(CONFIG)
    done = cli("config", "quick.yaml", "seed=5", "model.words=[1, 3]")
    assert (done.code, done.err) == (0, "")
    Path("whole.yaml").write_text(done.out)
    expected = load_config("quick.yaml", ["seed=5", "model.words=[1, 3]"])
    assert load_config("whole.yaml") == expected
    assert cli("config", "whole.yaml").out == done.out
    assert "min_df: 1" in done.out


def test_config_schema(cli: Cli) -> None:
    done = cli("config", "--schema")
    assert done.code == 0
    schema = json.loads(done.out)
    assert {"task", "labels", "data", "model", "tracking"} <= schema["properties"].keys()
    for section in [schema, *schema["$defs"].values()]:
        assert section["additionalProperties"] is False
        for name, setting in section["properties"].items():
            assert setting.get("description") or "$ref" in setting, name


def test_config_wants_a_file(cli: Cli) -> None:
    done = cli("config")
    assert (done.code, done.out) == (2, "")
    assert done.err == "newsstand: config: name a file, or ask for --schema\n"


def test_verify(cli: Cli, trained: Trained) -> None:
    digest = trained.topic.bundle_hash
    for model in (trained.topic.bundle, "models:/topic@champion"):
        done = cli("verify", model)
        assert (done.code, done.err) == (0, "")
        assert done.out == f"{model}: intact, 8 golden rows score the same, hash {digest}\n"


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


def test_training_without_its_libraries_names_the_cure(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("quick.yaml").write_text(CONFIG)
    for module in [x for x in sys.modules if x.startswith(("newsstand.train", "newsstand.data"))]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "datasets", None)
    done = cli("train", "quick.yaml")
    assert (done.code, done.out) == (2, "")
    assert done.err == "newsstand: this needs datasets: pip install 'newsstand[train]'\n"


def test_data_shows_what_a_config_loads(cli: Cli, folder: Path) -> None:
    write_rows()
    done = cli("data", "quick.yaml")
    assert done.code == 0
    assert re.fullmatch(r"load +\d+\.\d s  18 rows(, prepared before)?\n", done.err)
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    for line in ("rows 6 train, 6 validation, 6 test", "sport 3 3 3", "train 4 4 4 4"):
        assert line in lines
    assert sum(line.startswith("row rows.jsonl:") for line in lines) == 3
    again = cli("data", "quick.yaml", "--json")
    assert "18 rows, prepared before" in again.err
    found = json.loads(again.out)
    assert found["labels"]["economy"] == {"train": 3, "validation": 3, "test": 3}
    assert len(found["samples"]) == 3


def test_data_refuses_what_training_would(cli: Cli, folder: Path) -> None:
    write_rows()
    with Path("rows.jsonl").open("a") as stream:
        stream.write('{"body": "x", "label": ""}\n')
    for command in ("data", "train"):
        done = cli(command, "quick.yaml")
        assert (done.code, done.out) == (2, "")
        expected = "newsstand: rows.jsonl:19: field 'label': empty; expected a label\n"
        assert done.err == expected


def test_check_gives_a_verdict_a_line_and_a_page(cli: Cli, folder: Path) -> None:
    write_rows()
    done = cli("check", "quick.yaml", "--html", "report.html")
    assert done.code == 0
    found, _, summary = done.out.rpartition("\n\n")
    assert re.fullmatch(r".*\d+ of \d+ checks in order\n", summary)
    verdicts = {line.split()[0] for line in found.splitlines() if line[:1].strip()}
    assert verdicts <= {"ok", "note", "warning"}
    page = Path("report.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "quick" in page
    found = json.loads(cli("check", "quick.yaml", "--json").out)
    assert {finding["verdict"] for finding in found} == verdicts


def test_check_says_at_once_that_a_page_has_no_folder(cli: Cli, folder: Path) -> None:
    Path("quick.yaml").write_text(CONFIG)  # its rows are not there, and not looked for
    done = cli("check", "quick.yaml", "--html", "none/report.html")
    assert (done.code, done.out) == (2, "")
    assert done.err == "newsstand: --html: none: no such folder\n"


def test_check_fails_on_errors_and_still_reports_the_rest(cli: Cli, folder: Path) -> None:
    write_rows()
    with Path("rows.jsonl").open("a") as stream:
        stream.write('{"body": "x", "label": ""}\n')
    done = cli("check", "quick.yaml")
    assert done.code == 1
    assert "rows.jsonl:19: field 'label': empty; expected a label" in done.out
    assert len(done.out.splitlines()) > 5
    assert "Traceback" not in done.err


def test_a_failed_run_gives_the_cursor_back(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.console import Console

    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True)
    monkeypatch.setattr("newsstand.show.stderr", lambda: console)
    monkeypatch.setattr(sys, "argv", ["newsstand", "train", "quick.yaml"])
    Path("quick.yaml").write_text(CONFIG)  # its rows are not there
    with pytest.raises(SystemExit):
        commands.main()
    hidden, shown = "\x1b[?25l", "\x1b[?25h"
    assert screen.getvalue().count(hidden) == screen.getvalue().count(shown) == 1
    assert screen.getvalue().rindex(shown) > screen.getvalue().rindex(hidden)
