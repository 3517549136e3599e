"""The readers: which file gives which rows to which split, and what each refuses."""

from collections import Counter
from pathlib import Path
from typing import Any

import datasets
import pytest

from newsstand.data.formats import FORMATS, Source
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
        for split, item in FORMATS[form](source)
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
            [
                "data.train: '/d/a.csv' is no pattern of files in d (Non-relative patterns are "
                "unsupported)"
            ],
        ),
    ],
)
def test_files_that_cannot_be_found(path: str, files: dict[str, str], problems: list[str]) -> None:
    put({"d/a.csv": "body\nx\n", "d/b.csv": "body\nx\n", "empty/x.txt": ""})
    assert refused("table", path, **files) == problems


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
    [problem] = refused("table", "hf:./gone")
    assert problem.startswith("hf:./gone: cannot be loaded (")
    [problem] = refused("table", "hf:./bad")
    assert problem.startswith("hf:./bad: cannot be loaded (")
    assert "line 4" in problem
    put({"empty/readme.md": ""})
    [problem] = refused("table", "hf:./empty")
    assert problem.startswith("hf:./empty: cannot be loaded (")
