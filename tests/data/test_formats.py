"""The readers: which file gives which rows to which split, and what each refuses."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import datasets
import pytest

from newsstand.data.formats import FORMATS, hub_fingerprint, input_files
from newsstand.data.sources import UNUSED, Source
from newsstand.errors import DataError
from newsstand.records import Problem


@pytest.fixture(autouse=True)
def _in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def put(files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def read(form: str, path: str | None, task: str = "topic", **files: str | None) -> list[Any]:
    """(split, place, values) of each record, and the message of each problem."""
    source = Source(task=task, path=path, files=files)
    return [
        item.message if isinstance(item, Problem) else (split, item.where, item.values)
        for split, item in FORMATS[form].read(source)
    ]


def refused(form: str, path: str, **files: str | None) -> list[str]:
    with pytest.raises(DataError) as caught:
        read(form, path, **files)
    return caught.value.problems


def test_corpus_gives_a_row_an_article_or_a_row_a_target() -> None:
    topics = read("corpus", None)
    stances = read("corpus", None, task="stance")
    assert len(topics) == len({values["id"] for _, _, values in topics})
    assert len(stances) == sum(len(values["stances"]) for _, _, values in topics)
    bodies = {values["id"]: values["body"] for _, _, values in topics}
    for _, _, values in stances:
        article, _, number = values["id"].rpartition("/")
        assert values["body"] == bodies[article]
        assert int(number) >= 1
        assert values["target"]
        assert values["label"] in {"favor", "against", "neutral"}


def test_tsv_keeps_places_and_tabs_and_odd_ends_of_line() -> None:
    put({"a.txt": "\ufeffacq\tone\ttwo\r\n\n\n earn \tx\u2028y\rz\nno tab here\nship\t\n\n"})
    assert read("tsv", "a.txt") == [
        (None, "a.txt:1", {"label": "acq", "body": "one\ttwo"}),
        (None, "a.txt:4", {"label": " earn ", "body": "x\u2028y\rz"}),
        "a.txt:5: expected label, tab, text; there is no tab",
        (None, "a.txt:6", {"label": "ship", "body": ""}),
    ]


def test_unreadable_tsv_files_are_problems_of_their_own() -> None:
    put({"d/a.txt": b"acq\tcaf\xe9\n", "d/b.txt": "", "d/c.txt": "acq\tx\n", "d/e.txt/f": ""})
    assert read("tsv", "d", train="*.txt") == [
        "d/a.txt: byte 7: expected UTF-8 text (invalid continuation byte)",
        "d/b.txt: the file is empty",
        ("train", "d/c.txt:1", {"label": "acq", "body": "x"}),
        "d/e.txt: expected a file, this is a folder",
    ]


def test_named_files_and_globs_give_their_split_in_order() -> None:
    names = ("d/t-2.csv", "d/t-1.csv", "d/v/dev.csv", "d/other.csv")
    put(dict.fromkeys(names, "body\nx\n"))
    found = read("table", "d", train="t-*.csv", validation="v/dev.csv", test=None)
    assert [(split, where) for split, where, _ in found] == [
        ("train", "d/t-1.csv:2"),
        ("train", "d/t-2.csv:2"),
        ("validation", "d/v/dev.csv:2"),
    ]


def test_a_folder_without_names_gives_all_its_tables() -> None:
    put({"d/b.CSV": "body\nx\n", "d/a.jsonl": '{"body": "y"}\n', "d/notes.txt": "no table"})
    found = read("table", "d")
    assert [(split, where) for split, where, _ in found] == [
        (None, "d/a.jsonl:1"),
        (None, "d/b.CSV:2"),
    ]


@pytest.mark.parametrize(
    ("path", "files", "problems"),
    [
        ("gone", {}, ["gone: no such file or folder (data.path)"]),
        (
            "empty",
            {},
            [
                "empty: no file ends in .csv, .jsonl, .ndjson, .json, .parquet; name them in "
                "data.train"
            ],
        ),
        (
            "d/a.csv",
            {"train": "a.csv"},
            ["d/a.csv: expected a folder, as data.train names a file in it"],
        ),
        (
            "d",
            {"train": "x.csv", "test": "*.tsv"},
            ["d: no file matches data.train 'x.csv'", "d: no file matches data.test '*.tsv'"],
        ),
        # The same rows for fitting and for measuring.
        (
            "d",
            {"train": "*.csv", "test": "b.csv"},
            ["d/b.csv: matches both data.train and data.test"],
        ),
        (
            "d",
            {"train": "/d/a.csv"},
            ["data.train: '/d/a.csv' is absolute, expected files in d"],
        ),
    ],
)
def test_files_that_cannot_be_found(path: str, files: dict[str, str], problems: list[str]) -> None:
    put({"d/a.csv": "body\nx\n", "d/b.csv": "body\nx\n", "empty/x.txt": ""})
    assert refused("table", path, **files) == problems


def inputs(form: str, path: str | None, **files: str | None) -> list[str]:
    return [str(x) for x in input_files(form, Source(task="topic", path=path, files=files))]


def test_a_glob_takes_files_and_their_names_may_be_splits() -> None:
    names = ("d/a.csv", "d/b.csv", "e/train.csv", "e/dev.csv", "e/x.txt", "[x]/a.csv")
    put(dict.fromkeys(names, "body\nx\n"))
    assert [(split, where) for split, where, _ in read("table", "d/*.csv")] == [
        (None, "d/a.csv:2"),
        (None, "d/b.csv:2"),
    ]
    assert {(split, where) for split, where, _ in read("table", "**/*[nv].csv")} == {
        ("train", "e/train.csv:2"),
        ("validation", "e/dev.csv:2"),
    }
    assert [where for _, where, _ in read("table", "[x]/a.csv")] == ["[x]/a.csv:2"]
    assert refused("table", "d/*.parquet") == ["d/*.parquet: no file matches (data.path)"]
    assert refused("table", "d/*", train="a.csv") == [
        "d/*: expected a folder, as data.train names a file in it, there is none"
    ]
    assert inputs("table", "d/*.csv") == inputs("table", "d") == ["d/a.csv", "d/b.csv"]
    assert inputs("table", "d/b.csv") == ["d/b.csv"]
    assert inputs("table", "d", train="b.csv", test="a*") == ["d/b.csv", "d/a.csv"]
    put({"r8/train.txt": "acq\tx\n", "r8/test.txt": "acq\ty\n", "r8/notes.md": "no rows"})
    assert [split for split, _, _ in read("tsv", "r8")] == ["test", "train"]
    assert inputs("tsv", "r8") == ["r8/test.txt", "r8/train.txt"]


def test_the_corpus_is_a_file_of_its_own() -> None:
    [path] = inputs("corpus", None)
    assert {where.rpartition(":")[0] for _, where, _ in read("corpus", None)} == {path}


MAPPING = "0\tnone\n1\tagainst\n2\tfavor \n"


def test_a_folder_with_a_train_table_is_split_by_file_name() -> None:
    row = '{"body": "x", "label": "a"}\n'
    put({f"d/{name}.jsonl": row for name in ("train", "dev", "test", "extra")})
    assert {(place, split) for split, place, _ in read("table", "d")} == {
        ("d/train.jsonl:1", "train"),
        ("d/dev.jsonl:1", "validation"),
        ("d/test.jsonl:1", "test"),
        ("d/extra.jsonl:1", None),
    }
    # Alone, the name says nothing.
    put({"e/train.jsonl": row})
    assert [split for split, _, _ in read("table", "e")] == [None]


def tweets(root: str, texts: str, labels: str, **others: str) -> dict[str, str | bytes]:
    """A target's folder; training and test files as given, two rows for validation."""
    files: dict[str, str | bytes] = {}
    for split in ("train", "val", "test"):
        files[f"{root}/{split}_text.txt"] = texts
        files[f"{root}/{split}_labels.txt"] = labels
    return files | {f"{root}/{name}.txt": content for name, content in others.items()}


def test_tweeteval_folders() -> None:
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


def test_tweeteval_files_that_do_not_fit_together() -> None:
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
        (None, "s: expected mapping.txt (integer, tab, label); found none"),
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
        "s: expected folders with train_text.txt, one a target; found none"
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
                "f/train_stances.csv:2: field 'Body ID': '7' has no body in train_bodies.csv",
                "f/train_stances.csv:3: field 'Body ID': '7' has no body in train_bodies.csv",
            ],
        ),
        (
            "train_bodies.csv",
            "Body ID,articleBody\n0,x\n0,y\n7,z\n",
            ["f/train_bodies.csv:3: field 'Body ID': '0' is the ID of two bodies"],
        ),
        # The rows without a body follow from this.
        ("train_bodies.csv", None, ["f/train_bodies.csv: no such file"]),
        (
            "train_bodies.csv",
            'Body ID,articleBody\n0,x\n7,"z\n',
            [
                "f/train_bodies.csv:3: not readable as CSV (unexpected end of data)",
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
                "f/competition_test_bodies.csv: no rows; expected a header of Body ID, articleBody "
                "and rows"
            ],
        ),
        ("competition_test_stances.csv", "", ["f/competition_test_stances.csv: the file is empty"]),
    ],
)
def test_fnc1_files_that_do_not_fit_together(
    file: str, content: str | None, problems: list[str]
) -> None:
    put(FNC)
    if content is None:
        Path("f", file).unlink()
    else:
        put({f"f/{file}": content})
    assert [item for item in read("fnc1", "f", "stance") if isinstance(item, str)] == problems
    assert refused("fnc1", "f/train_stances.csv") == [
        "f/train_stances.csv: expected a folder, this is a file (data.path)"
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


def test_newsmtsc_gives_a_row_a_target_with_its_places() -> None:
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
def test_newsmtsc_targets_that_are_not_where_they_are_said_to_be(
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
def test_newsmtsc_sentences_without_rows(targets: object, sentence: object, problem: str) -> None:
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


def test_article_bias_in_the_splits_of_its_lists() -> None:
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


def test_article_bias_files_that_do_not_fit_together() -> None:
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
        f"{second}:2: field 'ID': 'x1' is in {first}:2 too",
        "a/jsons/x2.json: field 'bias': 0, but bias_text is 'right'",
        "a/jsons/x3.json: field 'ID': 'y3'; expected the file's name",
        f"a/jsons/x4.json: field 'content_original': missing (fields here: {here})",
        f"{first}:3: field 'bias': '1', but a/jsons/x5.json has 2",
        "a/jsons/x6.json: expected one JSON object, got a list of 2",
        "a/jsons/x7.json: byte 9: expected UTF-8 text (invalid start byte)",
        "a/jsons/x8.json: the file is empty",
        "a/jsons/x9.json:1, column 12: expected a JSON object or a list of them (Expecting ',' "
        "delimiter)",
        f"{first}:4: field 'ID': 'gone' has no JSON file",
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


@pytest.fixture
def _hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)


def parquet(name: str, labels: list[int | None]) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    features = datasets.Features(
        {"body": datasets.Value("string"), "label": datasets.ClassLabel(names=["acq", "earn"])}
    )
    columns = {"body": [f"text {n}" for n in range(len(labels))], "label": labels}
    datasets.Dataset.from_dict(columns, features=features).to_parquet(name)


@pytest.mark.usefixtures("_hub")
def test_hf_gives_the_names_of_coded_labels_and_the_splits() -> None:
    parquet("wire/train.parquet", [1, 0, None, -1])
    parquet("wire/test.parquet", [0])
    found = read("table", "hf:./wire")
    assert [(split, where, values["label"]) for split, where, values in found] == [
        ("train", "hf:./wire, train row 1", "earn"),
        ("train", "hf:./wire, train row 2", "acq"),
        ("train", "hf:./wire, train row 3", None),
        ("train", "hf:./wire, train row 4", -1),
        ("test", "hf:./wire, test row 1", "acq"),
    ]
    # A single split is no split: the rows are still to be shared out.
    parquet("one/train.parquet", [1, 0])
    assert [split for split, _, _ in read("table", "hf:./one")] == [None, None]


@pytest.mark.usefixtures("_hub")
def test_hf_reads_a_folder_of_csv_and_says_what_it_cannot_load() -> None:
    put(
        {
            "wire/train.csv": "label,body\nacq,Wheat fell\n",
            "bad/train.csv": "label,body\nacq,a\nb\n,c,d,e\n",
        }
    )
    [(_, _, values)] = read("table", "hf:./wire")
    assert values == {"label": "acq", "body": "Wheat fell"}
    before = hub_fingerprint("hf:./wire")
    assert hub_fingerprint("hf:./wire") == before
    put({"wire/train.csv": "label,body\nacq,Wheat rose\n"})
    assert hub_fingerprint("hf:./wire") != before
    assert input_files("table", Source(task="topic", path="hf:./wire")) == []
    [problem] = refused("table", "hf:./gone")
    assert problem.startswith("hf:./gone: cannot be loaded (")
    [problem] = refused("table", "hf:./bad")
    assert problem.startswith("hf:./bad: cannot be loaded (")
    assert "line 4" in problem
    put({"empty/readme.md": ""})
    [problem] = refused("table", "hf:./empty")
    assert problem.startswith("hf:./empty: cannot be loaded (")
