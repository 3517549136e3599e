"""Publishers' file formats: rows and splits, and reported problems."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from newsstand.data.readers.sources import UNUSED
from reading import inputs, put, read, refused

pytestmark = pytest.mark.usefixtures("in_tmp_path")
MAPPING = "0\tnone\n1\tagainst\n2\tfavor \n"


def tweets(root: str, texts: str, labels: str, **others: str) -> dict[str, str | bytes]:
    """A target's folder; training and test files as given, two rows for validation."""
    files: dict[str, str | bytes] = {}
    for split in ("train", "val", "test"):
        files[f"{root}/{split}_text.txt"] = texts
        files[f"{root}/{split}_labels.txt"] = labels
    return files | {f"{root}/{name}.txt": content for name, content in others.items()}


def test_tweeteval_reads_target_folders() -> None:
    put({"s/mapping.txt": "0\tfirst\n1\tsecond\n"})
    put(tweets("s/climate", "warm\u2028days\rhere\r\ncold\n\n", "1\n0 \n", mapping=MAPPING))
    put(tweets("s/harbour levy", "yes\n", "1\n"))
    found = read("tweeteval-stance", "s", task="stance")
    assert Counter(split for split, _, _ in found) == {"train": 3, "validation": 3, "test": 3}
    split, place, values = found[0]
    assert (split, place) == ("train", "s/climate/train_text.txt:1")
    assert values == {
        "id": "climate/train_text.txt:1",
        "body": "warm\u2028days\rhere",
        "target": "Climate Change is a Real Concern",
        "label": "against",
    }
    assert (found[1][2]["body"], found[1][2]["label"]) == ("cold", "none")
    # The folder's own mapping goes before the root's; another folder's name is its target.
    assert found[-1][2] == {
        "id": "harbour levy/test_text.txt:1",
        "body": "yes",
        "target": "harbour levy",
        "label": "second",
    }
    assert len({values["id"] for _, _, values in found}) == len(found)


def test_tweeteval_inconsistent_files_are_reported() -> None:
    files = tweets("s/atheism", "one\n\nthree\n", "0\n9\n2\n")
    files["s/mapping.txt"] = MAPPING
    files["s/atheism/val_labels.txt"] = "0\n"
    del files["s/atheism/test_labels.txt"]
    put(files)
    found = read("tweeteval-stance", "s", task="stance")
    assert [item for item in found if isinstance(item, str)] == [
        "s/atheism/train_labels.txt:2: label '9' is not in mapping.txt (0, 1, 2)",
        "s/atheism/val_labels.txt: 1 labels for the 3 lines of val_text.txt",
        "s/atheism/test_labels.txt: no such file",
    ]
    # An empty line is a row, so that those after it keep their own labels.
    assert [values["label"] for _, _, values in found[:1] + found[2:3]] == ["none", "favor"]


@pytest.mark.parametrize(
    ("mapping", "problem"),
    [
        (None, "s: no mapping.txt (integer, tab, label)"),
        (b"", "s/mapping.txt: the file is empty"),
        (b"0\tn\xe9e\n", "s/mapping.txt: byte 3: expected UTF-8 text (invalid continuation byte)"),
    ],
)
def test_tweeteval_needs_a_mapping(mapping: bytes | None, problem: str) -> None:
    put(tweets("s/atheism", "one\n", "0\n"))
    if mapping is not None:
        put({"s/mapping.txt": mapping})
    assert refused("tweeteval-stance", "s") == [problem]


def test_tweeteval_needs_folders() -> None:
    put({"s/mapping.txt": MAPPING})
    assert refused("tweeteval-stance", "s") == [
        "s: expected a folder with train_text.txt for each target"
    ]


FNC = {
    "f/train_bodies.csv": "Body ID,articleBody\n"
    '7,"The levy, he said,\nwill rise."\n0,Wheat fell.\n',
    "f/train_stances.csv": "Headline,Body ID,Stance\n"
    "Levy to rise,7,agree\nLevy to fall,7,disagree\nOil up,0,unrelated\n",
    "f/competition_test_bodies.csv": "Body ID,articleBody\n7,Rain is forecast.\n",
    "f/competition_test_stances.csv": 'Headline,Body ID,Stance\n"Rain, again",7,discuss\n',
}


def test_fnc1_joins_stances_and_bodies() -> None:
    put(FNC)
    put({"f/readme.csv": "not, a table of it"})
    found = read("fnc1", "f", task="stance")
    assert [(split, where) for split, where, _ in found] == [
        ("train", "f/train_stances.csv:2"),
        ("train", "f/train_stances.csv:3"),
        ("train", "f/train_stances.csv:4"),
        ("test", "f/competition_test_stances.csv:2"),
    ]
    body = "The levy, he said,\nwill rise."
    values = {"body": body, "target": "Levy to fall", "label": "disagree", "group": "train 7"}
    assert found[1][2] == values
    # The test set has numbers of its own.
    assert (found[3][2]["body"], found[3][2]["group"]) == (
        "Rain is forecast.",
        "competition_test 7",
    )
    assert inputs("fnc1", "f") == sorted(FNC)


@pytest.mark.parametrize(
    ("file", "content", "problems"),
    [
        (
            "train_bodies.csv",
            "Body ID,articleBody\n0,x\n",
            [
                "f/train_stances.csv: row 1, line 2: field 'Body ID': '7' has no body in "
                "train_bodies.csv",
                "f/train_stances.csv: row 2, line 3: field 'Body ID': '7' has no body in "
                "train_bodies.csv",
            ],
        ),
        (
            "train_bodies.csv",
            "Body ID,articleBody\n0,x\n0,y\n7,z\n",
            ["f/train_bodies.csv: row 2, line 3: field 'Body ID': '0' is the ID of two bodies"],
        ),
        # The rows without a body follow from this.
        ("train_bodies.csv", None, ["f/train_bodies.csv: no such file"]),
        (
            "train_bodies.csv",
            'Body ID,articleBody\n0,x\n7,"z\n',
            [
                "f/train_bodies.csv: row 2, line 3: not readable as CSV (unexpected end of data)",
            ],
        ),
        (
            "train_stances.csv",
            "Headline,BodyID,Stance\na,7,agree\nb,0,agree\n",
            ["f/train_stances.csv: no column 'Body ID' (columns here: Headline, BodyID, Stance)"],
        ),
        (
            "competition_test_bodies.csv",
            "Body ID,articleBody\n",
            [
                "f/competition_test_bodies.csv: no rows; expected the header Body ID, articleBody "
                "and rows"
            ],
        ),
        ("competition_test_stances.csv", "", ["f/competition_test_stances.csv: the file is empty"]),
    ],
)
def test_fnc1_inconsistent_files_are_reported(
    file: str, content: str | None, problems: list[str]
) -> None:
    put(FNC)
    if content is None:
        Path("f", file).unlink()
    else:
        put({f"f/{file}": content})
    assert [item for item in read("fnc1", "f", "stance") if isinstance(item, str)] == problems
    assert refused("fnc1", "f/train_stances.csv") == [
        "f/train_stances.csv: expected a folder, got a file (data.path)"
    ]
    assert refused("fnc1", "gone") == ["gone: no such folder (data.path)"]


def mention(text: str, start: int, **more: object) -> dict[str, object]:
    return {"from": start, "to": start + len(text), "mention": text, **more}


SENTENCE = "Ms Lee said 🎉 she would thank Mr Okoro."
TARGETS: list[dict[str, Any]] = [
    mention("Ms Lee", 0, **{"Input.gid": "g1", "polarity": 4.0})
    | {"further_mentions": [mention("she", 14)]},
    mention("Mr Okoro", 30, **{"Input.gid": "g2", "polarity": 6}),
]


def news_mtsc(name: str, targets: object, sentence: object = SENTENCE) -> None:
    put({name: json.dumps({"sentence_normalized": sentence, "targets": targets}) + "\n"})


def test_newsmtsc_has_a_row_for_each_target_with_its_places() -> None:
    news_mtsc("n/train.jsonl", TARGETS)
    news_mtsc("n/rw/dev.jsonl", [TARGETS[1] | {"polarity": 2, "further_mentions": None}])
    found = read("newsmtsc", "n", "stance", train="train.jsonl", validation="rw/dev.jsonl")
    assert [(split, where, values["label"]) for split, where, values in found] == [
        ("train", "n/train.jsonl:1", "neutral"),
        ("train", "n/train.jsonl:1", "positive"),
        ("validation", "n/rw/dev.jsonl:1", "negative"),
    ]
    assert found[0][2] == {
        "id": "g1",
        "body": SENTENCE,
        "target": "Ms Lee",
        "label": "neutral",
        "mentions": [[0, 6], [14, 17]],
    }
    assert inputs("newsmtsc", "n", train="train.jsonl", test="rw/*") == [
        "n/train.jsonl",
        "n/rw/dev.jsonl",
    ]


@pytest.mark.parametrize(
    ("change", "field", "expected"),
    [
        ({"from": 1}, "", "from and to, with the mention between them"),
        # Python's slices forgive it.
        ({"to": 99, "mention": SENTENCE[30:]}, "", "from and to, with the mention between them"),
        ({"from": -9}, "", "from and to, with the mention between them"),
        ({"from": 5, "to": 5, "mention": ""}, "", "from and to, with the mention between them"),
        ({"from": "30"}, "", "from and to, with the mention between them"),
        ({"mention": None}, "", "from and to, with the mention between them"),
        ({"polarity": 3}, ".polarity", "2, 4 or 6"),
        ({"polarity": True}, ".polarity", "2, 4 or 6"),
        ({"polarity": [6]}, ".polarity", "2, 4 or 6"),
        ({"Input.gid": 7}, ".Input.gid", "text"),
        ({"further_mention": []}, ".further_mention", "only Input.gid, from, further_mentions"),
        ({"further_mentions": 3}, ".further_mentions", "a list"),
        ({"further_mentions": ["she"]}, ".further_mentions[0]", "from and to, with the mention"),
        (
            {"further_mentions": [mention("she", 13)]},
            ".further_mentions[0]",
            "from and to, with the mention",
        ),
    ],
)
def test_newsmtsc_wrong_target_places_are_reported(
    change: dict[str, Any], field: str, expected: str
) -> None:
    news_mtsc("n/train.jsonl", [TARGETS[0], TARGETS[1] | change])
    good, bad = read("newsmtsc", "n/train.jsonl", "stance")
    assert good[2]["id"] == "g1"
    assert isinstance(bad, str)
    assert bad.startswith(f"n/train.jsonl:1: field 'targets[1]{field}': ")
    assert f"; expected {expected}" in bad


@pytest.mark.parametrize(
    ("targets", "sentence", "problem"),
    [
        ([], SENTENCE, "field 'targets': expected a list of targets"),
        (None, SENTENCE, "field 'targets': expected a list of targets"),
        ([7], SENTENCE, "field 'targets[0]': 7; expected a JSON object"),
        (TARGETS, None, "field 'sentence_normalized': expected text"),
    ],
)
def test_newsmtsc_invalid_sentences_are_reported(
    targets: object, sentence: object, problem: str
) -> None:
    news_mtsc("n/train.jsonl", targets, sentence)
    assert read("newsmtsc", "n/train.jsonl", "stance") == [f"n/train.jsonl:1: {problem}"]


def article(name: str, **change: object) -> None:
    values = {
        "topic": "trade",
        "source": "Wire",
        "bias": 2,
        "url": "https://wire.example/1",
        "title": "Levy to rise",
        "date": "2019-05-03",
        "authors": "",
        "content": "the levy will rise .",
        "content_original": "The levy will rise.",
        "source_url": "wire.example",
        "bias_text": "right",
        "ID": name,
    }
    values.update(change)
    put({f"a/jsons/{name}.json": json.dumps({k: v for k, v in values.items() if v is not None})})


LISTS = {"train": "splits/random/train.tsv", "test": "splits/random/test.tsv"}


def bias_lists(train: str, test: str) -> None:
    head = "ID\tbias\n"
    put({"a/splits/random/train.tsv": head + train, "a/splits/random/test.tsv": head + test})


def test_article_bias_uses_the_split_lists() -> None:
    article("x1")
    article("x2", bias=0, bias_text="left")
    article("x3")
    bias_lists("x1\t2\n", "x2\t0\n")
    found = read("article-bias", "a", **LISTS)
    assert [(split, where, values["label"]) for split, where, values in found] == [
        ("train", "a/jsons/x1.json", "right"),
        ("test", "a/jsons/x2.json", "left"),
        (UNUSED, "a/jsons/x3.json", "right"),
    ]
    expected = {
        "id": "x1",
        "title": "Levy to rise",
        "body": "The levy will rise.",
        "topic": "trade",
        "outlet": "Wire",
        "published": "2019-05-03",
        "url": "https://wire.example/1",
        "author": "",
    }
    assert expected.items() <= found[0][2].items()
    # Without lists there is no given split.
    assert [split for split, _, _ in read("article-bias", "a")] == [None] * 3
    jsons = [f"a/jsons/x{number}.json" for number in (1, 2, 3)]
    assert inputs("article-bias", "a", **LISTS) == [f"a/{x}" for x in LISTS.values()] + jsons
    assert inputs("article-bias", "a") == jsons


def test_article_bias_inconsistent_files_are_reported() -> None:
    article("x1")
    article("x2", bias=0)
    article("x3", ID="y3")
    article("x4", content_original=None)
    article("x5")
    put({"a/jsons/x6.json": "[1, 2]", "a/jsons/x7.json": b'{"ID": "x\xff"}', "a/jsons/x8.json": ""})
    put({"a/jsons/x9.json": '{"ID": "x9"'})
    bias_lists("x1\t2\nx5\t1\ngone\t2\n", "x1\t2\nx2\t0\nx3\t2\nx4\t2\n")
    here = "topic, source, bias, url, title, date, authors, content, source_url, bias_text, ID"
    first, second = (f"a/{x}" for x in LISTS.values())
    assert [item for item in read("article-bias", "a", **LISTS) if isinstance(item, str)] == [
        f"{second}: row 1, line 2: field 'ID': 'x1' is also in {first}: row 1, line 2",
        "a/jsons/x2.json: field 'bias': 0, but bias_text is 'right'",
        "a/jsons/x3.json: field 'ID': 'y3'; expected the file's name",
        f"a/jsons/x4.json: field 'content_original': missing (fields here: {here})",
        f"{first}: row 2, line 3: field 'bias': '1', but a/jsons/x5.json has 2",
        "a/jsons/x6.json: expected one JSON object, got a list of 2",
        "a/jsons/x7.json: byte 9, line 1: expected UTF-8 text (invalid start byte); save it as "
        "UTF-8",
        "a/jsons/x8.json: the file is empty",
        "a/jsons/x9.json:1, column 12: expected a JSON object or a list of them (Expecting ',' "
        "delimiter)",
        f"{first}: row 3, line 4: field 'ID': 'gone' has no JSON file",
    ]


def test_article_bias_needs_its_folder() -> None:
    put({"a/splits/x": "", "b/jsons/x.txt": ""})
    assert refused("article-bias", "a") == ["a/jsons: no such folder; expected one of JSON files"]
    assert refused("article-bias", "b") == ["b/jsons: no file ends in .json"]
    article("x1")
    put({"a/list.tsv": "ID,split\nx1,2\n"})
    assert [x for x in read("article-bias", "a", train="list.tsv") if isinstance(x, str)] == [
        "a/list.tsv: no column 'bias' (columns here: ID, split)"
    ]
