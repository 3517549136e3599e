"""`newsstand suggest`: which articles are chosen, and the way to the tools and back."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from command_line import ECONOMY, SPORT, WEATHER
from given import Cli
from loading import load_rows
from newsstand.io.bundle import Bundle, bundle_hash
from newsstand.train.monitor.choose import choose, uncertainty
from newsstand.train.monitor.labelling_tasks import choices

LABELS = ["sport", "economy", "weather"]


@pytest.fixture
def topic(folder: Path, small: Bundle) -> str:
    small.save(folder / "topic")
    return "topic"


@pytest.fixture
def stance(folder: Path, small_stance: Bundle) -> str:
    small_stance.save(folder / "stance")
    return "stance"


def write_jsonl(name: str, rows: list[dict[str, Any]]) -> None:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows))


def read_jsonl(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(name).read_text().splitlines()]


SURE = [f"{text} {text} {n}" for n in range(8) for text in (SPORT, ECONOMY, WEATHER)]
# Half of one label, half of another.
UNSURE = [
    f"{left} {right} {n}"
    for n in range(14)
    for left, right in ((SPORT, ECONOMY), (ECONOMY, WEATHER), (WEATHER, SPORT))
]


def test_unsure_and_different_texts_are_chosen() -> None:
    kinds = ("goal match", "bank shares", "rain wind", "court judge")
    texts = [f"{kind} {kind} {n}" for kind in kinds for n in range(20)]
    weights = np.array([0.9] * 20 + [0.8] * 20 + [0.7] * 20 + [0.1] * 20)
    chosen = choose(texts, [""] * 80, weights, count=4)
    assert sorted(x // 20 for x in chosen.tolist()) == [0, 1, 2, 3]
    assert choose(texts, [""] * 80, weights, count=4).tolist() == chosen.tolist()
    many = choose(texts, [""] * 80, weights, count=50)
    assert len(set(many.tolist())) == 50
    assert choose(texts[:3], [""] * 3, weights[:3], count=5).tolist() == [0, 1, 2]
    assert len(choose(["!", "?", "..."], [""] * 3, np.zeros(3), count=2)) == 2  # without words
    assert choose(["a", "a"], ["", ""], np.array([0.5, 0.6]), count=1).tolist() == [1]
    assert choose(["a", "a"], ["the levy", "the port"], np.zeros(2), count=2).tolist() == [0, 1]


def test_of_near_duplicates_the_most_uncertain_is_chosen() -> None:
    story = " ".join(f"word{n}" for n in range(60))
    texts = [story, f"Editor's note. {story}", f"{story} The end.", "Something else entirely."]
    assert choose(texts, [""] * 4, np.array([0.1, 0.3, 0.2, 0.1]), count=4).tolist() == [1, 3]


def test_uncertainty_is_the_margin() -> None:
    found = uncertainty(np.array([[0.2, 0.5, 0.3], [1.0, 0.0, 0.0]]))
    assert found.round(6).tolist() == [0.8, 0.0]
    assert uncertainty(np.array([[1.0]])).tolist() == [0.0]


def test_the_next_articles_are_those_the_model_is_unsure_of(cli: Cli, topic: str) -> None:
    rows: list[dict[str, Any]] = [{"id": f"s{n}", "body": x} for n, x in enumerate(SURE)]
    rows += [{"id": f"u{n}", "title": "T", "body": x} for n, x in enumerate(UNSURE)]
    rows += [{"id": "copy", "title": "T", "body": UNSURE[0].upper()}, {"id": "bad", "body": 7}]
    write_jsonl("new.jsonl", rows)
    done = cli("suggest", topic, "new.jsonl", "-n", "4", "-o", "next.json")
    assert (done.code, done.err) == (0, "")
    first, bad, *files = done.out.splitlines()
    assert first.startswith("4 of 68 articles to label; 1 copy; 1 could not be read; mean prob")
    assert bad == (
        "first that could not be read: new.jsonl:68, id 'bad': column 'body': expected text, got "
        "int 7"
    )
    assert files == [
        "next.json: import as tasks",
        "next.xml: the project's labelling interface (Code)",
    ]
    tasks = json.loads(Path("next.json").read_text())
    chosen = [task["data"]["article_id"] for task in tasks]
    assert [name[0] for name in chosen] == ["u"] * 4  # ten candidates for each
    assert len({int(name[1:]) % 3 for name in chosen}) == 3  # of each kind
    prediction = tasks[0]["predictions"][0]
    assert prediction["model_version"] == f"topic {bundle_hash(Path('topic'))[:12]}"
    [result] = prediction["result"]
    assert (result["from_name"], result["to_name"], result["type"]) == ("label", "body", "choices")
    assert result["value"]["choices"][0] in LABELS
    again = cli("suggest", topic, "new.jsonl", "-n", "4", "-o", "again.json")
    assert again.code == 0
    assert Path("again.json").read_bytes() == Path("next.json").read_bytes()


def test_the_labelling_interface_names_what_tasks_have(cli: Cli, stance: str) -> None:
    write_jsonl("new.jsonl", [{"body": "It is cheap & welcome.", "target": "the levy"}])
    assert cli("suggest", stance, "new.jsonl", "-o", "next.json").code == 0
    view = ElementTree.parse("next.xml").getroot()
    assert [x.get("value") for x in view.iter("Choice")] == ["favor", "against"]
    [control] = view.iter("Choices")
    [text] = view.iter("Text")
    assert (control.get("name"), control.get("toName"), text.get("name")) == (
        "label",
        "body",
        "body",
    )
    [task] = json.loads(Path("next.json").read_text())
    shown = {x.get("value", "") for x in view.iter() if "$" in x.get("value", "")}
    assert {x.rpartition("$")[2] for x in shown} <= set(task["data"])  # else the import fails
    assert choices({"1": "same", "2": "same", "3": "other"}) == {
        "1": "1",
        "2": "2",
        "3": "other",
    }


def article(number: int) -> dict[str, Any]:
    body = (SURE + UNSURE)[number]
    return {
        "id": f"n{number}",
        "title": f"Title {number}",
        "body": f"{body}\n\nSecond paragraph.",
        "outlet": "Wire",
        "published": "2024-05-01",
        "group": f"story {number}",
    }


@pytest.mark.parametrize("tool", ["label-studio", "doccano"])
@pytest.mark.parametrize("kind", ["topic", "stance"])
def test_what_is_labelled_becomes_training_data(
    cli: Cli, request: pytest.FixtureRequest, tool: str, kind: str
) -> None:
    model = request.getfixturevalue(kind)
    labels = LABELS if kind == "topic" else ["favor", "against"]
    targets = ["the levy", "the port"] if kind == "stance" else [None]
    rows = [{**article(n), "target": target} for n in range(12) for target in targets]
    write_jsonl("new.jsonl", rows)
    options = ("-n", "40", "-o", "tasks.json", "--format", tool)
    done = cli("suggest", model, "new.jsonl", *options)
    assert (done.code, done.err) == (0, "")
    if tool == "doccano":
        exported = read_jsonl("tasks.json")
        assert all(row["label"] == [] and row["suggested"] in labels for row in exported)
        known = json.loads(Path("tasks.labels.json").read_text())
        assert known == [{"text": label} for label in labels]
        for number, row in enumerate(exported):
            row |= {"id": number, "label": [labels[number % 2]], "Comments": []}
        write_jsonl("export.jsonl", exported)
    else:
        tasks = json.loads(Path("tasks.json").read_text())
        for number, task in enumerate(tasks):
            result = {**task["predictions"][0]["result"][0], "id": "r"}
            result["value"] = {"choices": [labels[number % 2]]}
            task["annotations"] = [{"completed_by": 1, "result": [result]}]
            task["id"] = number
        Path("export.jsonl").write_text(json.dumps(tasks))
    news = load_rows(format=tool, path="export.jsonl", task=kind, labels=labels)
    got = {
        (row["id"], row["target"]): {x: row[x] for x in ("title", "body", "outlet", "group")}
        for row in news.rows
    }
    assert got == {
        (row["id"], row["target"]): {x: row[x] for x in ("title", "body", "outlet", "group")}
        for row in rows
    }
    assert set(news.column("published")) == {"2024-05-01"}
    # What is labelled is not suggested again.
    write_jsonl("more.jsonl", [*rows, {**article(20), "target": targets[0]}])
    again = ("suggest", model, "more.jsonl", "-o", "next.json", "--labelled", "export.jsonl")
    assert f"{len(rows)} labelled already" in cli(*again).out
    assert [x["data"]["article_id"] for x in json.loads(Path("next.json").read_text())] == ["n20"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["new.jsonl", "-n", "0"], "Invalid value for '--count' / '-n'"),
        (["-"], "standard input cannot be read twice; give it as a file"),
        (["missing.jsonl"], "no article to suggest; missing.jsonl: no such file"),
        (["new.jsonl", "--target", "x"], "--target: a topic model takes no target"),
        (["new.jsonl", "--labelled", "none.csv"], "none.csv: no such file"),
        (["new.jsonl", "--labelled", "new.jsonl"], "all 1 are labelled already"),
        (["new.jsonl", "--format", "excel"], "Invalid value for '--format'"),
        (["new.jsonl", "-o", "no/x.json"], "no/x.json: no folder no"),
        (["new.jsonl", "-o", "new.jsonl"], "new.jsonl: is also an input; it would be replaced"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    cli: Cli, topic: str, options: list[str], message: str
) -> None:
    write_jsonl("new.jsonl", [{"body": SPORT}])
    output = [] if "-o" in options else ["-o", "next.json"]
    done = cli("suggest", topic, *options, *output)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert not Path("next.json").exists()


def test_stance_needs_targets(cli: Cli, stance: str) -> None:
    write_jsonl("new.jsonl", [{"body": "It is cheap."}, {"body": "It is dear."}])
    done = cli("suggest", stance, "new.jsonl", "-o", "next.json")
    assert (done.code, done.err) == (
        2,
        "newsstand: no article to suggest; new.jsonl:1: a stance model needs a target\n",
    )
    two = ("--target", "the levy", "--target", "the port")
    assert cli("suggest", stance, "new.jsonl", "-o", "next.json", *two).code == 0
    tasks = json.loads(Path("next.json").read_text())
    assert {(x["data"]["body"], x["data"]["target"]) for x in tasks} == {
        (body, target)
        for body in ("It is cheap.", "It is dear.")
        for target in ("the levy", "the port")
    }
