"""The statistics of `newsstand data`."""

from pathlib import Path

import pytest

from loading import load_rows
from newsstand.data.describe import describe
from newsstand.data.load import NewsData

CSV = """\
id,label,title,body,outlet,published,split
a,economy,Grain,PARIS (AFP) - Wheat fell on Monday.,Wire,2021-03-01,train
b,sport,,The keeper saved twice.,Wire,2021-03-09,train
c,economy,,Rye rose again.,Gazette,2021-04-02,train
d,sport,,The striker limped off in rain.,,,dev
e,economy,,Barley is dear this year.,Wire,2021-05-01,test
f,sport,,The umpire apologised.,Post,2021-05-01,test
g,sport,,the umpire  apologised.,Post,2021-05-02,test
"""


@pytest.fixture
def news(tmp_path: Path) -> NewsData:
    path = tmp_path / "w.csv"
    path.write_text(CSV, encoding="utf-8")
    return load_rows(
        format="table",
        task="topic",
        labels="from-data",
        path=str(path),
        near_duplicates={"share": 0.5},
    )


def test_counts_by_split_of_used_rows(news: NewsData) -> None:
    found = describe(news)
    assert found["rows"] == {"train": 3, "validation": 1, "test": 2}
    assert found["left_out"] == {"repeat": 1}
    assert found["labels"] == {
        "economy": {"train": 2, "validation": 0, "test": 1},
        "sport": {"train": 1, "validation": 1, "test": 1},
    }
    assert list(found["outlets"].items()) == [
        ("Wire", {"train": 2, "validation": 0, "test": 1}),
        ("", {"train": 0, "validation": 1, "test": 0}),
        ("Gazette", {"train": 1, "validation": 0, "test": 0}),
        ("Post", {"train": 0, "validation": 0, "test": 1}),
    ]
    assert list(found["months"]) == ["", "2021-03", "2021-04", "2021-05"]
    assert found["months"]["2021-05"] == {"train": 0, "validation": 0, "test": 2}
    assert found["words"]["train"] == {"shortest": 3, "median": 4, "95%": 4, "longest": 5}
    assert found["near_duplicates"] == {"stories": 0, "texts": 0}


def test_samples_cover_splits_and_show_removed_boilerplate(news: NewsData) -> None:
    samples = describe(news)["samples"]
    assert len(samples) == 3
    assert {sample["label"] for sample in samples} == {"economy", "sport"}
    first = samples[0]
    assert (first["id"], first["title"], first["body"]) == ("a", "Grain", "Wheat fell on Monday.")
    assert first["removed"] == [{"rule": "dateline", "text": "PARIS (AFP) -"}]
    assert describe(news)["samples"] == samples


def test_near_duplicates_count_each_distinct_text_once(tmp_path: Path) -> None:
    story = " ".join(f"Sentence {n} of it tells how wharf {n} was built." for n in range(12))
    texts = [story, f"An editor's note. {story}", "Of something else.", "And of another."]
    path = tmp_path / "w.csv"
    rows = [
        f"{target},{label},{text}\n"
        for label, text in zip("abab", texts, strict=True)
        for target in ("the pier", "the levy")
    ]
    path.write_text("target,label,body\n" + "".join(rows), encoding="utf-8")
    news = load_rows(
        format="table",
        task="stance",
        labels="from-data",
        path=str(path),
        near_duplicates={"share": 0.5},
    )
    assert describe(news)["near_duplicates"] == {"stories": 1, "texts": 2}
