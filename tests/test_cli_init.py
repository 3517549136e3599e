"""`newsstand init`: a config for a table of one's own, which loads, and which training takes."""

import gzip
import json
import random
import re
from pathlib import Path
from typing import Any

import pytest

from given import Cli
from newsstand.config.loader import load_config
from newsstand.data.load import load
from newsstand.data.new_config import config_text, quoted
from newsstand.data.survey import survey

ROOT = Path(__file__).parents[1]
WORDS = {
    "Sport": "Tor Stürmer Elfmeter Spiel Trainer Sieg",
    "Politik": "Minister Bundestag Gesetz Wahl Koalition Partei",
    "Wirtschaft": "Aktien Börse Zinsen Umsatz Bank Gewinn",
}


def german(rows: int = 60) -> str:
    rng = random.Random(3)
    lines = ["Titel;Text;Rubrik;Datum;Seite"]
    for number in range(rows):
        label = list(WORDS)[number % 3]
        words = [*WORDS[label].split(), "und", "der", "in", "die", "am", "das"]
        text = " ".join(rng.choices(words, k=30))
        lines.append(f"{label} {number};{text};{label};{number % 28 + 1:02}.03.2024;{number}")
    return "\n".join(lines) + "\n"


def write_jsonl(name: str, rows: list[dict[str, Any]]) -> None:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def stances(labels: tuple[Any, ...], rows: int = 60) -> list[dict[str, Any]]:
    texts = ("It is good and right", "It is bad and wrong", "It was built in spring")
    return [
        {
            "Comment": f"{texts[number % len(labels)]}, says reader {number} of the paper",
            "Topic": f"the {('port', 'levy')[number // 3 % 2]}",
            "Stance": labels[number % len(labels)],
        }
        for number in range(rows)
    ]


def test_a_german_table_is_trained_from(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsstand.encoders.hub.installed_encoder", lambda _: None)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    Path("artikel.csv").write_text(german(180), encoding="utf-8")
    done = cli("init", "topic", "artikel.csv")
    assert (done.code, done.err) == (0, "")
    lines = dict(
        re.split(r"  +", line, maxsplit=1) for line in done.out.split("\n\n")[0].split("\n")
    )
    assert lines["columns"] == "title = Titel, body = Text, label = Rubrik, published = Datum"
    assert lines["not used"] == "Seite"
    assert lines["labels"] == "Sport 60, Politik 60, Wirtschaft 60"
    assert lines["dates"] == "2024-03-01 to 2024-03-28"
    assert "pip install 'newsstand[train,offline]'" in lines["model"]
    assert lines["config"] == "artikel-topic.yaml"
    commands = [line.partition("#")[0].split() for line in done.out.splitlines()[-3:]]
    for command in ("data", "check", "train"):
        assert ["newsstand", command, "artikel-topic.yaml"] in commands
        ran = cli(command, "artikel-topic.yaml")
        assert ran.code == 0, ran.err
    assert "models:/artikel-topic@champion" in ran.out


def test_a_stance_table_is_trained_from(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsstand.encoders.hub.installed_encoder", lambda _: None)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    write_jsonl("rows.jsonl", stances((1, -1, 0)))
    assert cli("init", "stance", "rows.jsonl").code == 0
    done = cli("train", "rows-stance.yaml")
    assert done.code == 0, done.err
    assert "models:/rows-stance/1" in done.out
    assert "rows-stance@champion is not set: tested on 12 rows" in done.err


def test_the_config_can_be_read(cli: Cli, folder: Path) -> None:
    Path("artikel.csv").write_text(german(), encoding="utf-8")
    assert cli("init", "topic", "artikel.csv").code == 0
    text = Path("artikel-topic.yaml").read_text(encoding="utf-8")
    assert max(map(len, text.splitlines())) <= 100
    keys = [x for x in text.splitlines() if re.match(r" *\w+: [^#]", x)]
    assert [x for x in keys if "#" not in x] == [
        "    title: Titel", "    body: Text", "    label: Rubrik", "    published: Datum"
    ]  # fmt: skip
    assert "  - Wirtschaft" in text
    assert "# or strategy: time" in text


@pytest.mark.parametrize("task", ["topic", "stance"])
def test_the_model_is_the_default_of_the_task(task: str, folder: Path) -> None:
    rows = [{**row, "text": row["Comment"]} for row in stances(("favor", "against"), 2000)]
    write_jsonl("rows.jsonl", rows)
    found = survey(Path("rows.jsonl"), task=task, given={"label": "Stance", "body": "text"})
    for encoder, name in ((True, task), (False, f"{task}-linear")):
        Path("c.yaml").write_text(config_text(found, name="x", encoder=encoder))
        own, default = load_config("c.yaml"), load_config(ROOT / f"configs/{name}.yaml")
        changed = {"class_weight", "cross_target"} if not encoder else {"fine_tune"}
        dumped = [x.model.model_dump(exclude=changed) for x in (own, default)]
        assert dumped[0] == dumped[1]
        assert own.export == default.export
        if encoder and task == "stance":
            # The corpus has a column for a curriculum; three passes are the same without one.
            tuned, shipped = (x.model.model_dump()["fine_tune"] for x in (own, default))
            assert tuned == shipped | {"curriculum": None, "epochs": len(shipped["curriculum"])}


def test_small_tables_have_settings_of_their_own(folder: Path) -> None:
    write_jsonl("rows.jsonl", stances(("favor", "against")))
    for task, settings in (("topic", (256, 0.03)), ("stance", (96, 0.01))):
        found = survey(Path("rows.jsonl"), task=task, given={"label": "Stance"})
        Path("c.yaml").write_text(config_text(found, name="x", encoder=True))
        config = load_config("c.yaml")
        model = config.model.model_dump()
        assert (model["max_tokens"], model["C"], model["fine_tune"]) == (*settings, None)
        assert config.data.split.validation == 0.2


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (("favor", "against", "neutral"), {}),
        (("PRO", "con"), {"PRO": "favor", "con": "against"}),
        ((1, -1, 0), {"1": "favor", "-1": "against", "0": "neutral"}),
        (("FAVOR", "AGAINST", "NONE"), {"NONE": "neutral"}),
    ],
)
def test_stances_are_recognized(
    labels: tuple[Any, ...], names: dict[str, str], cli: Cli, folder: Path
) -> None:
    write_jsonl("rows.jsonl", stances(labels))
    done = cli("init", "stance", "rows.jsonl", "--output", "c.yaml")
    assert (done.code, done.err) == (0, "")
    config = load_config("c.yaml")
    assert config.labels == "favor-against-neutral"
    assert config.data.labels == names
    assert config.data.columns == {"body": "Comment", "target": "Topic", "label": "Stance"}
    assert ("assumed: " in done.out) == bool(names)
    assert set(load(config.loading()).labels.labels) <= {"favor", "against", "neutral"}


def test_other_stances_are_listed(cli: Cli, folder: Path) -> None:
    write_jsonl("fnc.jsonl", stances(("agree", "disagree", "discuss")))
    write_jsonl("own.jsonl", stances(("yes", "no", "maybe")))
    for name in ("fnc", "own"):
        assert cli("init", "stance", f"{name}.jsonl", "--output", f"{name}.yaml").code == 0
    assert load_config("fnc.yaml").labels == "agree-disagree-discuss-unrelated"
    own = load_config("own.yaml")
    assert own.labels == ("yes", "no", "maybe")
    assert load(own.loading()).labels.labels == ("yes", "no", "maybe")


@pytest.mark.parametrize("task", ["topic", "stance"])
def test_coded_labels_get_names_to_replace(task: str, cli: Cli, folder: Path) -> None:
    write_jsonl("rows.jsonl", stances((0, 1, 2)))
    done = cli("init", task, "rows.jsonl", "--label", "Stance", "--output", "c.yaml")
    assert done.code == 0
    assert "the labels 0, 1, 2 are codes" in done.out
    config = load_config("c.yaml")
    assert config.data.labels == {"0": "label 0", "1": "label 1", "2": "label 2"}
    assert load(config.loading()).labels.labels == ("label 0", "label 1", "label 2")


def test_given_splits_and_outlets_and_dates(cli: Cli, folder: Path) -> None:
    rows = ["title,text,category,set,newspaper,date"]
    for number in range(60):
        part = ("train", "train", "test", "dev")[number % 4]
        paper = f"Paper {number % 5}"
        rows.append(
            f"a,body {number},{'xy'[number // 4 % 2]},{part},{paper},{number % 28 + 1}/03/2019"
        )
    Path("rows.csv.gz").write_bytes(gzip.compress("\n".join(rows).encode()))
    assert cli("init", "topic", "rows.csv.gz").code == 0
    config = load_config("rows-topic.yaml")
    assert config.data.columns["split"] == "set"
    assert (config.data.split.strategy, config.data.dates) == ("given", "day-first")
    news = load(config.loading())
    assert {x: len(news.numbers(x)) for x in ("train", "validation", "test")} == {
        "train": 30, "validation": 15, "test": 15
    }  # fmt: skip
    Path("rows.csv").write_text("\n".join(rows).replace(",set,", ",fold no,"))
    assert cli("init", "topic", "rows.csv", "--force").code == 0
    text = Path("rows-topic.yaml").read_text()
    assert "# or strategy: grouped, by: [outlet]  # no outlet in two splits (5 outlets)" in text


def test_codes_of_iptc_are_recognized(cli: Cli, folder: Path) -> None:
    codes = ("04000000", "15000000", "medtop:11000000")
    rows = [f"text {number},{codes[number % 3]}" for number in range(30)]
    Path("rows.csv").write_text("\n".join(["text,topic", *rows]))
    assert cli("init", "topic", "rows.csv").code == 0
    config = load_config("rows-topic.yaml")
    assert (config.labels, config.data.labels) == ("iptc-media-topics", {})
    assert load(config.loading()).labels.labels == ("04000000", "11000000", "15000000")


def test_windows_1252_is_recognized(cli: Cli, folder: Path) -> None:
    Path("artikel.csv").write_bytes(german().encode("cp1252"))
    assert cli("init", "topic", "artikel.csv").code == 0
    config = load_config("artikel-topic.yaml")
    assert config.data.csv.encoding == "cp1252"
    assert len(load(config.loading()).rows) == 60


def test_names_of_any_kind_are_quoted(cli: Cli, folder: Path) -> None:
    names = ["no", "a: b", "- x", 'say "hi"', "#1", "5", "ok ", "\\n", "naïve (old)", "👩‍🚀 space"]
    rows = [
        {"my: body": f"text {number} of {name}", "label # 1": name, "@title": "x"}
        for number in range(6)
        for name in names
    ]
    write_jsonl("odd: name [1].jsonl", rows)
    columns = ("--body", "my: body", "--label", "label # 1", "--title", "@title")
    done = cli("init", "topic", "odd: name [1].jsonl", *columns)
    assert (done.code, done.err) == (0, "")
    assert "  newsstand train 'odd: name [1]-topic.yaml'" in done.out
    config = load_config("odd: name [1]-topic.yaml")
    assert config.tracking.register_as == "odd- name [1]-topic"
    labels = set(load(config.loading()).labels.labels)
    assert labels == {*(name.strip() for name in names if name != "5"), "label 5"}
    assert quoted("\u202e") == '"\\U0000202e"'


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["plain.csv"],
            "plain.csv: no column found for body and label; name them with --body COLUMN "
            "--label COLUMN (columns here: a, b, c)",
        ),
        (
            ["plain.csv", "--body", "b"],
            "plain.csv: no column found for label; name it with --label COLUMN "
            "(columns here: a, b, c)",
        ),
        (
            ["plain.csv", "--label", "Rubric"],
            "plain.csv: no column 'Rubric' (--label) (columns here: a, b, c)",
        ),
        (
            ["plain.csv", "--body", "b", "--label", "a"],
            "plain.csv: column 'a', taken for the label: 30 different values in 30 rows; "
            "name another with --label COLUMN",
        ),
        (
            ["plain.csv", "--body", "a", "--label", "c"],
            "plain.csv: column 'c', taken for the label: 'z' in every row, expected at least two "
            "labels; name another with --label COLUMN",
        ),
        (
            ["plain.csv", "--body", "b", "--label", "b"],
            "plain.csv: column 'b' is given for body and label, expected one of them",
        ),
        (["plain.csv", "--body", ""], "plain.csv: no column '' (--body) (columns here: a, b, c)"),
        (["none.csv"], "none.csv: no such file"),
        (["header.csv"], "header.csv: no rows"),
        (["."], ".: expected a file, this is a folder"),
        (["plain.csv", "--target", "c"], "--target: the task topic has no targets"),
        (
            ["plain.csv", "--output", "plain.csv", "--force"],
            "--output: plain.csv: expected a name that ends in .yaml or .yml",
        ),
        (["plain.csv", "--output", "no/c.yaml"], "--output: no: no such folder"),
        (
            ["plain.csv", "--output", "old.yaml"],
            "old.yaml: the file exists; --force replaces it, --output names another",
        ),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    arguments: list[str], message: str, cli: Cli, folder: Path
) -> None:
    Path("plain.csv").write_text("a,b,c\n" + "".join(f"{n},x{n},z\n" for n in range(30)))
    Path("header.csv").write_text("title,body,label\n")
    Path("old.yaml").write_text("mine")
    done = cli("init", "topic", *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err == f"newsstand: {message}\n"
    assert sorted(x.name for x in folder.iterdir()) == ["header.csv", "old.yaml", "plain.csv"]
    assert Path("old.yaml").read_text() == "mine"


def test_rows_to_look_at_are_reported(cli: Cli, folder: Path) -> None:
    lines = german().splitlines()
    lines[5:5] = ["one cell"]
    lines += ["Titel;ohne Rubrik;;;1", "Titel;Text;Selten;;1"]
    Path("artikel.csv").write_text("\n".join(lines), encoding="utf-8")
    done = cli("init", "topic", "artikel.csv")
    assert done.code == 0
    assert "1 row has no label" in done.out
    assert "labels with fewer than 5 rows: Selten" in done.out
    assert "row 5, line 6: expected 5 cells as in the header, got 1" in done.out


def test_help_has_an_example(cli: Cli) -> None:
    assert "Example: newsstand init topic articles.csv" in cli("--help").out
