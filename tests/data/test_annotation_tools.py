"""Exports of Label Studio, doccano and Prodigy, read as training data with votes."""

import json
from pathlib import Path
from typing import Any

import pytest

from loading import load_rows
from newsstand.data.readers.annotation_tools import joined_text
from newsstand.data.readers.formats import reader
from newsstand.data.readers.sources import Source
from newsstand.errors import DataError
from newsstand.io.records import Problem
from reading import put, read

pytestmark = pytest.mark.usefixtures("in_tmp_path")


def records(form: str, path: str, label: str = "label") -> list[Any]:
    """The values of each record, or the message of each problem."""
    source = Source(task="topic", path=path, label=label)
    return [
        item.message if isinstance(item, Problem) else item.values
        for _, item in reader(form)(source)
    ]


def choice(*labels: str, control: str = "label") -> dict[str, Any]:
    return {
        "id": "x7",
        "from_name": control,
        "to_name": "body",
        "type": "choices",
        "value": {"choices": [*labels]},
        "origin": "manual",
    }


def annotation(*results: Any, who: int = 1, **more: Any) -> dict[str, Any]:
    return {"completed_by": who, "was_cancelled": False, "result": [*results], **more}


def task(number: int, *annotations: Any, **data: Any) -> dict[str, Any]:
    return {
        "id": number,
        "data": {"body": f"text {number}", **data},
        "annotations": [*annotations],
        "predictions": [{"model_version": "m", "score": 0.4, "result": [choice("wrong")]}],
        "project": 3,
    }


def as_lines(items: list[Any]) -> str:
    return "".join(json.dumps(item) + "\n" for item in items)


def test_label_studio_tasks_with_votes_and_what_is_left_out() -> None:
    tasks = [
        task(1, annotation(choice("sport")), article_id="a1", title="T", outlet="Wire"),
        task(2, annotation(choice("sport")), annotation(choice("economy"), who=2)),
        task(3, annotation(choice("sport"), was_cancelled=True)),
        task(4),
        task(5, annotation(choice("sport")), annotation(choice("economy"), who=1)),
        task(6, annotation(choice("sport")), annotation(who=2)),
    ]
    put({"e.json": json.dumps(tasks)})
    first, second, *rest = records("label-studio", "e.json")
    assert first == {
        "id": "a1",
        "article_id": "a1",
        "title": "T",
        "outlet": "Wire",
        "body": "text 1",
        "label": "sport",
    }
    assert second == {"id": 2, "body": "text 2", "label": ["sport", "economy"]}
    assert rest == [
        {"id": 3, "body": "text 3", "answer": "ignore"},
        {"id": 4, "body": "text 4", "answer": "ignore"},
        {"id": 5, "body": "text 5", "label": "economy"},  # one annotator's last answer
        {"id": 6, "body": "text 6", "label": "sport"},
        {"id": 6, "body": "text 6", "answer": "ignore"},
    ]
    [(_, where, _), *_] = read("label-studio", "e.json")
    assert where == "e.json, task 1"


def test_label_studio_controls_of_other_names() -> None:
    one = [task(1, annotation(choice("a", control="desk"), {"type": "rating", "value": {}}))]
    put({"one.json": json.dumps(one)})
    assert records("label-studio", "one.json") == [{"id": 1, "body": "text 1", "label": "a"}]
    two = [
        task(1, annotation(choice("a", control="desk"), choice("yes", control="sure"))),
        task(2, annotation(choice("no", control="sure"))),
    ]
    put({"two.json": json.dumps(two)})
    assert records("label-studio", "two.json") == [
        "two.json: no control 'label' (controls here: desk, sure); name that of the label in "
        "data.columns: {label: …}"
    ]
    assert records("label-studio", "two.json", "desk") == [
        {"id": 1, "body": "text 1", "desk": "a"},
        {"id": 2, "body": "text 2", "answer": "ignore"},
    ]


def test_label_studio_json_min() -> None:
    def record(number: int, who: int, **more: Any) -> dict[str, Any]:
        of_annotation = {"annotation_id": number * 10 + who, "annotator": who, "lead_time": 1.5}
        own = {"article_id": f"a{number}", "text": f"t{number}", "id": number}
        return {**own, **more, **of_annotation}

    rows = [
        record(1, 1, label="sport"),
        record(1, 2, label="economy"),
        record(1, 1, label="economy"),  # the same annotator again
        record(2, 1),
        {**record(3, 0), "annotation_id": None},
        record(4, 1, label=[{"choices": ["sport"]}]),
    ]
    put({"m.json": json.dumps(rows)})
    found = records("label-studio", "m.json")
    base = {"article_id": "a1", "id": "a1", "text": "t1", "body": "t1"}
    assert found[0] == {**base, "label": ["economy", "economy"]}
    assert [x.get("answer") for x in found] == [None, "ignore", "ignore", None]
    assert found[3]["label"] == "sport"
    put({"n.json": json.dumps([record(1, 1, desk="sport")])})
    assert records("label-studio", "n.json", "desk")[0]["desk"] == "sport"
    assert records("label-studio", "n.json") == [
        "n.json: no task has the key 'label' (keys here: article_id, text, id, desk, body); name "
        "that of the label in data.columns: {label: …}"
    ]


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (
            {"data": {"text": "x"}, "predictions": []},
            "key 'annotations': missing; expected a list of annotations (keys here: data, "
            "predictions); is this a file to import, not an export?",
        ),
        ({"annotations": []}, "key 'data': missing; expected an object with the columns"),
        ({"data": {}, "annotations": {}}, "key 'annotations': {}; expected a list"),
        (task(1, "x"), "key 'annotations[0]': 'x'; expected an object"),
        (task(1, {"result": 5}), "key 'annotations[0].result': 5; expected a list"),
        (task(1, annotation(5)), "key 'annotations[0].result[0].value': missing; expected an obj"),
        (
            task(1, annotation(), annotation(choice("a", "b"))),
            "key 'annotations[1].result[0].value.choices': ['a', 'b']; expected one label",
        ),
        (
            task(1, annotation({"value": {"choices": "a"}})),
            "key 'annotations[0].result[0].value.choices': 'a'; expected a list of labels",
        ),
    ],
)
def test_malformed_tasks_are_named(item: Any, message: str) -> None:
    put({"e.json": json.dumps([task(9, annotation(choice("a"))), item])})
    problems = [x for x in records("label-studio", "e.json") if isinstance(x, str)]
    [problem] = problems
    assert problem.startswith(f"e.json, task 2: {message}")


def test_doccano_with_a_file_for_each_annotator() -> None:
    text = joined_text("Rates", "The bank.\n\nIt raised.", "the bank")
    own = {"article_id": "a1", "title": "Rates", "target": "the bank", "outlet": "Wire"}
    put(
        {
            "out/ann.jsonl": as_lines(
                [
                    {"id": 4, "text": text, "label": ["for"], "Comments": [], **own},
                    {"id": 5, "text": "other", "label": ["for"]},
                    {"id": 6, "data": "third", "label": []},
                ]
            ),
            "out/bo.jsonl": as_lines(
                [
                    {"id": 4, "text": text, "label": ["against"], "Comments": ["?"], **own},
                    {"id": 5, "text": "other", "label": ["for"]},
                ]
            ),
        }
    )
    first, second, third = records("doccano", "out")
    assert {x: first[x] for x in ("id", "title", "body", "target", "outlet", "label")} == {
        "id": "a1",
        "title": "Rates",
        "body": "The bank.\n\nIt raised.",
        "target": "the bank",
        "outlet": "Wire",
        "label": ["for", "against"],
    }
    assert (second["id"], second["body"], second["label"]) == (5, "other", ["for", "for"])
    assert (third["body"], third["answer"]) == ("third", "ignore")
    put({"whole.json": json.dumps([{"id": 1, "text": "x", "label": ["a", "b", "b"]}])})
    assert records("doccano", "whole.json")[0]["label"] == ["a", "b", "b"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"id": 1, "label": []}, "key 'text': missing; expected the text of the article"),
        (
            {"text": "x", "cats": []},
            "key 'label': missing; expected a list of labels (keys here: t",
        ),
        ({"text": "x", "label": 3}, "key 'label': 3; expected a list of labels"),
        (
            {"text": "x", "label": [[0, 4, "PER"]]},
            "key 'label[0]': [0, 4, 'PER']; expected the name of a label; is the project one of",
        ),
    ],
)
def test_malformed_rows_of_doccano_are_named(row: Any, message: str) -> None:
    put({"e.jsonl": as_lines([{"text": "y", "label": ["a"]}, row])})
    problem = next(x for x in records("doccano", "e.jsonl") if isinstance(x, str))
    assert problem.startswith(f"e.jsonl:2: {message}")


def test_prodigy_choices_and_binary_questions() -> None:
    options = [{"id": "sport", "text": "Sport"}, {"id": "economy", "text": "Economy"}]

    def answer(text: str, *accept: str, who: str = "ann", kind: str = "accept") -> dict[str, Any]:
        own = {"text": text, "options": options, "accept": [*accept], "answer": kind}
        return {**own, "_annotator_id": who, "meta": {"outlet": "Wire", "article_id": text[0]}}

    put(
        {
            "p.jsonl": as_lines(
                [
                    answer("one", "sport"),
                    answer("two", "sport", kind="reject"),
                    answer("one", "economy", who="bo"),
                    answer("three", kind="ignore"),
                    answer("one", "economy"),  # ann changes her mind
                    answer("four"),
                ]
            )
        }
    )
    first, *rest = records("prodigy", "p.jsonl")
    assert (first["id"], first["body"], first["outlet"]) == ("o", "one", "Wire")
    assert first["label"] == ["economy", "economy"]
    assert [(x["body"], x["answer"]) for x in rest] == [
        ("two", "ignore"),
        ("three", "ignore"),
        ("four", "ignore"),
    ]
    binary = [
        {"text": "one", "label": "sport", "answer": "accept", "_session_id": "s"},
        {"text": "one", "label": "economy", "answer": "reject", "_session_id": "s"},
        {"text": "two", "label": "sport", "answer": "accept"},
    ]
    put({"b.jsonl": as_lines(binary)})
    found = records("prodigy", "b.jsonl")
    assert [x.get("label", x.get("answer")) for x in found] == ["sport", "ignore", "sport"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"text": "x", "label": "a"}, "key 'answer': missing; expected accept, reject, ignore; is"),
        ({"answer": "accept", "label": "a"}, "key 'text': missing; expected the text"),
        ({"text": "x", "answer": "accept"}, "key 'label': missing; expected a label, or 'accept'"),
        (
            {"text": "x", "answer": "accept", "accept": ["a", "b"]},
            "key 'accept': ['a', 'b']; expected one label",
        ),
        ({"text": "x", "answer": "accept", "accept": "a"}, "key 'accept': 'a'; expected a list"),
    ],
)
def test_malformed_answers_of_prodigy_are_named(row: Any, message: str) -> None:
    put({"e.jsonl": as_lines([{"text": "y", "label": "a", "answer": "accept"}, row])})
    problem = next(x for x in records("prodigy", "e.jsonl") if isinstance(x, str))
    assert problem.startswith(f"e.jsonl:2: {message}")


def test_exports_become_rows_and_the_rest_is_counted() -> None:
    tasks = []
    for n in range(30):
        label = ("sport", "economy")[n % 2]
        votes = [annotation(choice(label), who=1), annotation(choice(label), who=2)]
        tasks.append(task(n, *votes, body=f"{label} news of day {n}", article_id=f"a{n}"))
    tasks += [task(30, annotation(was_cancelled=True)), task(31)]
    tasks.append(
        task(32, annotation(choice("sport")), annotation(choice("economy"), who=2), body="tied")
    )
    put({"e.json": json.dumps(tasks)})
    news = load_rows(
        format="label-studio", path="e.json", task="topic", labels=["sport", "economy"]
    )
    assert news.column("id") == [f"a{n}" for n in range(30)]
    assert news.column("votes")[0] == ["sport", "sport"]
    assert news.ties == 1
    assert [note.what for note in news.notes] == ["2 rows rejected"]
    named: dict[str, Any] = {"read": {"columns": {"label": "desk"}}}
    put({"d.json": json.dumps(tasks).replace('"from_name": "label"', '"from_name": "desk"')})
    other = load_rows(
        format="label-studio", path="d.json", task="topic", labels=["sport", "economy"], **named
    )
    assert other.column("votes") == news.column("votes")
    Path("e.json").write_text(json.dumps([{"data": {"body": "x"}}]))
    with pytest.raises(DataError, match=r"e\.json, task 1: key 'annotations': missing"):
        load_rows(format="label-studio", path="e.json", task="topic", labels=["sport", "economy"])
