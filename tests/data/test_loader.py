"""The loader as a whole: files in, splits with names and a digest out."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from newsstand.data.loader import NewsData, data_digest, load
from newsstand.data.validate import COLUMNS, Row
from newsstand.errors import DataError


@pytest.fixture(autouse=True)
def _in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def table(name: str, rows: list[dict[str, str]]) -> None:
    with Path(name).open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def rows(count: int, **more: str) -> list[dict[str, str]]:
    return [
        {"id": f"n{n}", "label": ("earn", "acq", "ship")[n % 3], "body": f"text {n}", **more}
        for n in range(count)
    ]


def load_table(path: str = "w.csv", **settings: Any) -> NewsData:
    return load(
        **{"format": "table", "task": "topic", "labels": "from-data", "path": path} | settings
    )


def problems(path: str = "w.csv", **settings: Any) -> list[str]:
    with pytest.raises(DataError) as caught:
        load_table(path, **settings)
    return caught.value.problems


def test_a_table_becomes_three_splits_in_canonical_columns() -> None:
    table("w.csv", rows(60, outlet="Wire"))
    news = load_table()
    assert {name: len(part) for name, part in news.splits.items()} == {
        "train": 42,
        "validation": 6,
        "test": 12,
    }
    assert news.labels.labels == ("acq", "earn", "ship")
    for name, part in news.splits.items():
        assert part.column_names == list(COLUMNS)
        assert part.features["label"].names == ["acq", "earn", "ship"]
        for item in part:
            number = int(item["id"][1:])
            assert item["body"] == f"text {number}"
            assert news.labels.labels[item["label"]] == ("earn", "acq", "ship")[number % 3]
            assert (item["outlet"], item["target"], item["split"]) == ("Wire", None, name)


def test_labels_that_look_like_numbers_keep_their_order() -> None:
    table("w.csv", [{**row, "label": str(n % 2 * 10)} for n, row in enumerate(rows(20))])
    news = load_table(labels=("10", "0", "7"))
    assert news.labels.labels == ("10", "0")
    for part in news.splits.values():
        for item in part:
            expected = str(int(item["id"][1:]) % 2 * 10)
            assert news.labels.labels[item["label"]] == expected


def test_iptc_topics_in_the_order_of_the_scheme() -> None:
    names = ["weather", "medtop:15000000", "Labor", "sports"]
    table("w.csv", [{**row, "label": names[n % 4]} for n, row in enumerate(rows(40))])
    news = load_table(labels="iptc-media-topics")
    assert news.labels.labels == ("09000000", "15000000", "17000000")
    assert sum(len(part) for part in news.splits.values()) == 40


def test_the_digest_is_of_the_rows_in_their_splits() -> None:
    table("w.csv", rows(60))
    table("copy.csv", rows(60))
    first = load_table()
    assert load_table("copy.csv").digest == first.digest
    assert len(first.digest) == 32
    assert load_table(seed=1).digest != first.digest
    table("copy.csv", list(reversed(rows(60))))
    assert load_table("copy.csv").digest != first.digest


BASE = Row(id="1", title="T", body="B", label="acq", target="x", split="train")


@pytest.mark.parametrize("column", COLUMNS)
def test_any_change_changes_the_digest(column: str) -> None:
    changed = [replace(BASE, **{column: value}) for value in ("other", "other ", "", "\ud800")]
    digests = {data_digest([item]) for item in [BASE, *changed]}
    assert len(digests) == 5


def test_the_digest_tells_rows_and_columns_apart() -> None:
    two = replace(BASE, id="2")
    digests = {
        data_digest(part)
        for part in (
            [],
            [BASE],
            [BASE, BASE],
            [BASE, two],
            [two, BASE],
            [replace(BASE, title="TB", body="")],
            [replace(BASE, title="", body="TB")],
            [replace(BASE, outlet="x", url=None)],
            [replace(BASE, outlet=None, url="x")],
        )
    }
    assert len(digests) == 9
    assert data_digest([BASE, two]) == data_digest([replace(BASE), replace(two)])


def test_given_files_keep_their_split() -> None:
    Path("d").mkdir()
    for name, size in (("train", 30), ("dev", 6), ("test", 9)):
        table(f"d/{name}.csv", [{**row, "id": f"{name}{row['id']}"} for row in rows(size)])
    news = load_table(
        "d", files={"train": "train.csv", "validation": "dev.csv", "test": "test.csv"}
    )
    assert {name: len(part) for name, part in news.splits.items()} == {
        "train": 30,
        "validation": 6,
        "test": 9,
    }
    assert all(item["id"].startswith("dev") for item in news.splits["validation"])
    with pytest.raises(
        DataError, match=r"^d/dev\.csv: matches both data\.train and data\.validation$"
    ):
        load_table("d", files={"train": "*.csv", "validation": "dev.csv"})


def test_splits_that_cannot_be_trained_on() -> None:
    table("w.csv", rows(30, split="train"))
    assert problems() == ["no test rows: name their file or set data.split"]
    table("w.csv", rows(30, split="test"))
    assert problems() == [
        "no train rows: name their file or set data.split",
        "no validation rows: name their file or set data.split",
    ]
    table("w.csv", rows(30))
    assert problems(validation=0.0, test=0.0) == [
        "no validation rows: name their file or set data.split",
        "no test rows: name their file or set data.split",
    ]
    mixed = [{**row, "split": "test" if row["label"] == "ship" else "train"} for row in rows(30)]
    table("w.csv", mixed)
    assert problems() == ["label 'ship' occurs in the data, but in none of the 18 training rows"]


def test_files_without_rows_are_named() -> None:
    Path("w.csv").write_text("label,body\n")
    assert problems() == ["w.csv: no rows"]
    Path("w.csv").write_text("label,body\nacq,x\nacq,y\n")
    assert problems() == ["w.csv: expected at least two labels, all 2 rows have 'acq'"]


def test_a_file_with_many_faults_is_reported_whole() -> None:
    Path("w.csv").write_text(
        'label,body\nacq,"Wheat\nfell"\nearn\n,x\nerrn,x\nearn,\nship,"x"\n', encoding="utf-8"
    )
    assert problems(labels=("acq", "earn", "ship")) == [
        "w.csv:4: expected 2 cells as in the header, got 1",
        "w.csv:5: field 'label': empty; expected a label",
        "w.csv:6: field 'label': unknown label 'errn'; did you mean 'earn'?",
        "w.csv:7: field 'body': empty; expected the article's text",
    ]


@pytest.mark.parametrize(
    ("task", "labels"), [("topic", "iptc-media-topics"), ("stance", "favor-against-neutral")]
)
def test_the_corpus_loads(task: str, labels: str) -> None:
    news = load(format="corpus", task=task, labels=labels)
    assert all(len(part) >= len(news.labels) for part in news.splits.values())
    groups = [set(part["group"]) for part in news.splits.values()]
    assert None not in set.union(*groups)
    assert sum(map(len, groups)) == len(set.union(*groups))
