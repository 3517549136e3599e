"""The command line but `score`, mostly in this process; in others where that is the point."""

import importlib
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import newsstand
from command_line import COMMAND, SPORT, environment
from given import Cli, Trained
from newsstand.cli.main import main
from newsstand.config.loader import load_config
from newsstand.config.reference import reference_text
from newsstand.config.schema import Config
from newsstand.io.bundle import bundle_hash

ROOT = Path(__file__).parents[1]
COMMANDS = (
    *("init", "data", "check", "train", "score", "config", "verify", "promote", "rollback", "log"),
    "relocate",
)
CONFIG = """
task: topic
labels: from-data
data: {format: table, path: rows.jsonl}
model: {kind: linear, words: [1, 1], bits: 12}
tracking: {experiment: quick, register_as: quick, alias: champion}
"""


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
    for word in ("Usage: newsstand", *COMMANDS):
        assert word in done.out
    assert done.err == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(cli: Cli, command: str) -> None:
    done = cli(command, "--help")
    assert (done.code, done.err) == (0, "")
    assert f"Usage: newsstand {command}" in done.out
    assert f"Example: newsstand {command}" in done.out


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
    trained: Trained, part_of_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "my news 100% ü"
    folder.mkdir()
    config = ROOT / "configs/topic-linear.yaml"
    table = [f"data.path={part_of_corpus / 'articles.jsonl'}", "data.format=table"]
    done = subprocess.run(
        [COMMAND, "train", config, *table, "--json"],
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
    stages = ["load", "prepare", "fit", "calibrate", "fit", "evaluate", "controls", "log"]
    stages.append("register")
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
    assert re.fullmatch(
        r"accuracy 1\.000 \(0\.\d{3}–1\.000\), macro-F1 1\.000 \(0\.\d{3}–1\.000\), "  # noqa: RUF001
        r"ECE 0\.\d{3} \(0\.\d{3} uncalibrated\)",
        named["test"],
    )
    # With six test rows, it is registered and no champion.
    assert named["model"] == "models:/quick/1"
    assert "quick@champion is not set: tested on 6 rows, expected at least 30" in done.err
    assert f"/runs/{named['run']}?" in named["page"]
    assert "/runs?workflowType=machine_learning&" in named["runs"]
    assert Path(named["bundle"]).is_dir()
    # What it names can be scored with.
    Path("a.txt").write_text("the goal")
    for model in (named["model"], named["bundle"], f"runs:/{named['run']}"):
        scored = cli("score", "--model", model, "a.txt")
        assert (scored.code, scored.err) == (0, "")
        assert json.loads(scored.out)["label"] == "sport"


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


def test_the_reference_of_settings_is_the_one_in_docs(cli: Cli) -> None:
    done = cli("config", "--reference")
    assert (done.code, done.err) == (0, "")
    assert done.out == (ROOT / "docs/config.md").read_text(encoding="utf-8"), (
        "run: newsstand config --reference > docs/config.md"
    )
    assert "| `C` | number, ≥ 1e-06, ≤ 1000000.0 | `1.0` | " in done.out


def test_the_reference_has_every_setting() -> None:
    headings = {"data", "data.split", "data.csv", "model` with `kind: linear", "model.fine_tune"}
    text = reference_text()
    assert all(f"## `{heading}`" in text for heading in headings)
    schema = Config.model_json_schema()
    for name, section in schema["$defs"].items():
        for key in section["properties"]:
            assert f"\n| `{key}` | " in text, (name, key)


def test_config_wants_a_file(cli: Cli) -> None:
    done = cli("config")
    assert (done.code, done.out) == (2, "")
    assert done.err == "newsstand: config: expected a file, --schema or --reference\n"


def test_verify(cli: Cli, trained: Trained) -> None:
    digest = trained.topic.bundle_hash
    for model in (trained.topic.bundle, "models:/topic@champion"):
        done = cli("verify", model)
        assert (done.code, done.err) == (0, "")
        assert done.out == f"{model}: intact, 8 golden rows score the same, hash {digest}\n"


def test_training_without_its_libraries_names_the_cure(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("quick.yaml").write_text(CONFIG)
    for room in ("data", "train"):  # what is imported again below must not stay
        monkeypatch.setattr(newsstand, room, importlib.import_module(f"newsstand.{room}"))
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
    assert re.fullmatch(r"load +\d+\.\d s  18 rows(, cached)?\n", done.err)
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    for line in ("rows 6 train, 6 validation, 6 test", "sport 3 3 3", "train 4 4 4 4"):
        assert line in lines
    assert sum(line.startswith("row rows.jsonl:") for line in lines) == 3
    again = cli("data", "quick.yaml", "--json")
    assert "18 rows, cached" in again.err
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
    assert re.fullmatch(r".*\d+ of \d+ checks OK\n", summary)
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
    monkeypatch.setattr("newsstand.cli.progress.stderr", lambda: console)
    monkeypatch.setattr(sys, "argv", ["newsstand", "train", "quick.yaml"])
    Path("quick.yaml").write_text(CONFIG)  # its rows are not there
    with pytest.raises(SystemExit):
        main()
    hidden, shown = "\x1b[?25l", "\x1b[?25h"
    assert screen.getvalue().count(hidden) == screen.getvalue().count(shown) == 1
    assert screen.getvalue().rindex(shown) > screen.getvalue().rindex(hidden)
