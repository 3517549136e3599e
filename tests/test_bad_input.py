"""Whatever is wrong with what came in: a clear message, exit status 2, nothing left behind."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from given import Cli
from newsstand.io.bundle import Bundle

SPORT, WEATHER = "The goalkeeper saved a penalty in the match.", "Heavy rain and snow on the coast."


CONFIG = """\
task: topic
labels: [sport, weather]
data:
  format: table
  path: rows.csv
model: {kind: linear, words: [1, 1], bits: 12}
tracking: {experiment: quick}
"""
STANCE = CONFIG.replace("topic", "stance").replace("sport, weather", "favor, against")
ROWS = "body,label,split\n" + "".join(
    f"{word} {split},{label},{split}\n"
    for split in ("train", "validation", "test")
    for word, label in (("goal", "sport"), ("rain", "weather"))
)


@dataclass(frozen=True)
class Case:
    """Files beside the two bundles, a command, and what it must say: of all, or of one article."""

    name: str
    command: str
    message: str
    files: dict[str, str | bytes] = field(default_factory=dict)
    of_article: bool = False


def train(name: str, message: str, config: str = CONFIG, rows: str | bytes = ROWS) -> Case:
    return Case(name, "train c.yaml", message, {"c.yaml": config, "rows.csv": rows})


def score(name: str, file: str, message: str, content: str | bytes | None) -> Case:
    files = {} if content is None else {file: content}
    return Case(name, f"score --model topic {file}", message, files, of_article=True)


CASES = [
    # The config.
    Case("missing config", "train c.yaml", "c.yaml: no such file"),
    Case("a folder as config", "train topic", "topic: expected a file, this is a folder"),
    Case("an empty config", "config c.yaml", "c.yaml: the file is empty", {"c.yaml": ""}),
    Case(
        "a config that is no YAML",
        "config c.yaml",
        "c.yaml:2: not valid YAML (mapping values are not allowed here)",
        {"c.yaml": "task: topic\nlabels: a: b\n"},
    ),
    train(
        "unknown key",
        "c.yaml:6: model.wrods: unknown key; did you mean 'words'?",
        CONFIG.replace("words", "wrods"),
    ),
    train(
        "wrong type",
        "c.yaml:6: model.bits: expected a whole number, got 'twelve'",
        CONFIG.replace("12", "twelve"),
    ),
    train(
        "several at once",
        "c.yaml:1: task: expected 'topic' or 'stance', got 'topics'; did you mean 'topic'?\n"
        "c.yaml:8: sede: unknown key; did you mean 'seed'?",
        CONFIG.replace("topic", "topics") + "sede: 1\n",
    ),
    Case(
        "unknown key on the command line",
        "train c.yaml model.wrods=[1,2]",
        "command line: model.wrods: unknown key; did you mean 'words'?",
        {"c.yaml": CONFIG},
    ),
    # The rows to train on.
    Case(
        "no data",
        "train c.yaml",
        "rows.csv: no such file or folder (data.path)",
        {"c.yaml": CONFIG},
    ),
    train("empty data", "rows.csv: the file is empty", rows=""),
    train("no rows", "rows.csv: no rows", rows="body,label\n"),
    train(
        "missing column",
        "rows.csv: no column 'body' (columns here: bodyy, label, split); "
        "did you mean 'bodyy'? (data.columns)",
        rows=ROWS.replace("body", "bodyy"),
    ),
    train(
        "unknown label",
        "rows.csv: row 2, line 3: field 'label': unknown label 'wether'; did you mean 'weather'?",
        rows=ROWS.replace("weather", "wether", 1),
    ),
    train(
        "broken UTF-8 in the data",
        "rows.csv: byte 30, line 2: expected UTF-8 text (invalid start byte); as windows-1252 it "
        "reads 'spÿrt' (data.csv.encoding=windows-1252, or save it as UTF-8)\n"
        "rows.csv: row 1, line 2: field 'label': unknown label 'spÿrt'; did you mean 'sport'?",
        rows=ROWS.encode().replace(b"sport", b"sp\xffrt", 1),
    ),
    train(
        "a NUL byte in the data",
        "rows.csv: byte 30, line 2: expected UTF-8 text, found a NUL byte",
        rows=ROWS.encode().replace(b"sport", b"sp\0rt", 1),
    ),
    Case(
        "broken JSON in line 3 of the data",
        "train c.yaml data.path=rows.jsonl",
        "rows.jsonl:3, column 10: expected a JSON object per line (Expecting value)",
        {
            "c.yaml": CONFIG,
            "rows.jsonl": '{"body": "a", "label": "sport"}\n{"body": "b", "label": "weather"}\n'
            '{"body": oh}\n',
        },
    ),
    Case(
        "unknown kind of data",
        "train c.yaml data.path=rows.docx",
        "rows.docx: unknown kind of table '.docx', expected one of "
        ".csv, .tsv, .jsonl, .ndjson, .json, .parquet; save it as CSV (UTF-8)",
        {"c.yaml": CONFIG, "rows.docx": ROWS},
    ),
    train(
        "stance rows without a target",
        "rows.csv: no column 'target' (columns here: body, label, split)",
        STANCE,
        ROWS.replace("sport", "favor").replace("weather", "against"),
    ),
    train(
        "no test rows",
        "no test rows: name their file or set data.split",
        rows="".join(line + "\n" for line in ROWS.splitlines() if "test" not in line),
    ),
    # The articles to score.
    score("missing article", "a.txt", "a.txt: no such file", None),
    score("a folder as article", "topic", "topic: expected a file, this is a folder", None),
    score("empty file", "a.txt", "a.txt: the file is empty", ""),
    score("empty article", "a.txt", "a.txt: empty: title and body hold no text", " \n\n"),
    score(
        "empty article in a table",
        "a.csv",
        "a.csv: row 1, line 2: empty: title and body hold no text",
        "body\n \n",
    ),
    score(
        "broken UTF-8",
        "a.txt",
        "a.txt: byte 3: expected UTF-8 text (invalid continuation byte); from Windows-1252: "
        "iconv -f WINDOWS-1252 -t UTF-8 a.txt",
        b"caf\xe9 noir",
    ),
    score(
        "UTF-16",
        "a.txt",
        "a.txt: byte 0: expected UTF-8 text, this looks like UTF-16",
        SPORT.encode("utf-16"),
    ),
    score(
        "NUL bytes", "a.txt", "a.txt: byte 4: expected UTF-8 text, found a NUL byte", b"The \0 x"
    ),
    score(
        "unknown file extension",
        "a.docx",
        "a.docx: unknown kind of file '.docx', expected .txt, .html, .htm, .csv, .tsv, .jsonl, "
        ".ndjson, .json, .parquet",
        SPORT,
    ),
    score(
        "rows without a body",
        "a.jsonl",
        "a.jsonl:1: no column 'body' (columns here: text)",
        '{"text": "x"}',
    ),
    score(
        "broken JSON in line 3",
        "a.jsonl",
        "a.jsonl:3, column 3: expected a JSON object per line "
        "(Expecting property name enclosed in double quotes)",
        "\n\n{ }}\n".replace("}}", "oh}"),
    ),
    Case(
        "stance without a target",
        "score --model stance a.txt",
        "a.txt: a stance model needs a target",
        {"a.txt": SPORT},
        of_article=True,
    ),
    Case(
        "topic with a target",
        "score --model topic --target x a.txt",
        "--target: a topic model takes no target",
        {"a.txt": SPORT},
    ),
    # The model.
    Case(
        "no such folder",
        "score --model nowhere a.txt",
        "nowhere: no such bundle folder (models in MLflow are runs:/RUN_ID, models:/NAME@ALIAS)",
        {"a.txt": SPORT},
    ),
    Case(
        "a folder that is no bundle",
        "verify folder",
        "folder: not a bundle, it has no bundle.json",
        {"folder/notes.txt": "mine"},
    ),
    Case(
        "a changed byte",
        "score --model changed a.txt",
        "changed/linear.safetensors: damaged, its SHA-256 is not the one that bundle.json names; "
        "copy the bundle again",
        {"a.txt": SPORT},
    ),
    Case(
        "a changed byte in the description",
        "verify redescribed",
        "redescribed/bundle.json: damaged, its SHA-256 is not the one in its last line; "
        "copy the bundle again",
    ),
    Case(
        "a missing file",
        "verify incomplete",
        "incomplete/linear.safetensors: missing; copy the bundle again",
    ),
    Case(
        "a bundle of later days",
        "verify later",
        "later/bundle.json: bundle format 99, this version of newsstand reads formats 2, 3, 4, "
        "5, 6, 7 and 8",
        {"later/bundle.json": '{"format": 99}'},
    ),
    Case(
        "a run where there is no MLflow",
        "score --model runs:/0123 a.txt",
        "runs:/0123: no MLflow database at {here}/mlflow.db; go to the folder that has it, or set "
        "MLFLOW_TRACKING_URI",
        {"a.txt": SPORT},
    ),
    Case(
        "a model where there is no MLflow",
        "verify models:/topic@champion",
        "models:/topic@champion: no MLflow database at {here}/mlflow.db; go to the folder that "
        "has it, or set MLFLOW_TRACKING_URI",
    ),
    Case(
        "an MLflow database that is none",
        "verify runs:/0123",
        "runs:/0123: not found in MLflow ((sqlite3.DatabaseError) file is not a database)",
        {"mlflow.db": "not a database, though long enough to be taken for one"},
    ),
]


@pytest.fixture
def folder(
    tmp_path: Path, small: Bundle, small_stance: Bundle, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A working directory with good and damaged bundles, and no MLflow."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for name in ("topic", "changed", "redescribed", "incomplete"):
        small.save(Path(name))
    small_stance.save(Path("stance"))
    weights, description = Path("changed/linear.safetensors"), Path("redescribed/bundle.json")
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    description.write_text(description.read_text().replace("2.5", "2.6"))
    Path("incomplete/linear.safetensors").unlink()
    return tmp_path


def listing() -> dict[str, int | None]:
    paths = sorted(Path().rglob("*"))
    return {str(path): path.stat().st_size if path.is_file() else None for path in paths}


def fails(cli: Cli, command: str, message: str, *, of_article: bool) -> None:
    """The command ends in exactly this message, and changes nothing."""
    before = listing()
    done = cli(*command.split())
    if of_article:
        assert json.loads(done.out)["error"] == message
        assert done.err == f"newsstand: {message}\nnewsstand: 0 scored, 1 failed\n"
    else:
        assert (done.out, done.err) == ("", f"newsstand: {message}\n")
    assert done.code == 2
    assert listing() == before


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_input_is_one_clear_message(case: Case, folder: Path, cli: Cli) -> None:
    for name, content in case.files.items():
        path = Path(name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    message = case.message.replace("{here}", str(folder))
    fails(cli, case.command, message, of_article=case.of_article)


@pytest.mark.parametrize("command", ["score --model models:/topic@champion a.txt", "train c.yaml"])
def test_a_server_that_is_not_there(
    command: str, folder: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9")
    monkeypatch.setattr("newsstand.io.mlflow_store._RETRIES", 0)
    for name, content in (("a.txt", SPORT), ("c.yaml", CONFIG), ("rows.csv", ROWS)):
        Path(name).write_text(content)
    done = cli(*command.split())
    assert (done.code, done.out) == (2, "")
    *progress, message = done.err.splitlines()
    assert progress == []  # asked before anything is read
    assert message.startswith(
        "newsstand: models:/topic@champion: not found in MLflow (API request to http://127.0.0.1:9"
        if "score" in command
        else "newsstand: MLflow at http://127.0.0.1:9: API request to http://127.0.0.1:9/health"
    )
    assert "Connection refused" in message
    assert "secret" not in message


def test_a_working_directory_that_cannot_be_written(
    folder: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("c.yaml").write_text(CONFIG)
    Path("rows.csv").write_text(ROWS)
    asked = os.access
    # Told, and not tried: whoever runs this may be allowed to write everywhere.
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and asked(path, mode))
    done = cli("train", "c.yaml")
    assert done.code == 2
    message = f"{folder} is not writable; train in a folder that is, or set MLFLOW_TRACKING_URI\n"
    assert done.err.endswith(message)
    assert not Path("mlflow.db").exists()


# What looks bad and is not.


def label(cli: Cli, name: str, content: bytes) -> Any:
    Path(name).write_bytes(content)
    done = cli("score", "--model", "topic", name)
    assert (done.code, done.err) == (0, "")
    return json.loads(done.out)["label"]


def test_an_article_of_five_megabytes_is_scored(folder: Path, cli: Cli) -> None:
    text = f"Shares fell.\n\n{WEATHER} It rained on.\n\n" * 80_000
    assert len(text) > 5_000_000
    assert label(cli, "a.txt", text.encode()) == "weather"


def test_text_from_right_to_left_is_scored(folder: Path, cli: Cli) -> None:
    assert label(cli, "a.txt", "سجل الفريق هدفين في المباراة النهائية".encode()) == "sport"
    text = "\u202b המניות ירדו בבורסה \u202c"
    page = f'<html dir="rtl"><p>{text}</p></html>'
    assert label(cli, "a.html", page.encode()) == "economy"


def test_nul_characters_that_json_escapes_are_no_nul_bytes(folder: Path, cli: Cli) -> None:
    row = json.dumps({"body": "The goal\u0000keeper saved a penalty\u0000."})
    assert label(cli, "a.jsonl", row.encode()) == "sport"
