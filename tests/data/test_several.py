"""Several sources: one table, disjoint splits across them, and settings of each source."""

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest

import loading
from loading import load_rows
from newsstand.config.data_specs import SourceSpec
from newsstand.data.load import NewsData
from newsstand.errors import DataError

STORY = (
    "The harbour board met on Tuesday to weigh the plan for a second pier. Nobody in the hall had "
    "expected the treasurer to speak against it. She said the sand would have to be carried from "
    "forty miles away. The vote was put off until the dredging company sends new figures."
)


@pytest.fixture(autouse=True)
def _in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def table(name: str, rows: list[dict[str, str]]) -> None:
    with Path(name).open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def source(path: str, **settings: Any) -> SourceSpec:
    name = path.removesuffix(".csv")
    return loading.source(**{"name": name, "format": "table", "path": path} | settings)


def load_all(*sources: SourceSpec, **settings: Any) -> NewsData:
    return load_rows(**{"task": "topic", "labels": "from-data", "sources": sources} | settings)


def own(prefix: str, count: int, **more: str) -> list[dict[str, str]]:
    """Rows whose texts no other source has."""
    return [
        {"id": f"n{n}", "label": ("earn", "acq", "ship")[n % 3], "body": f"{prefix} text {n}"}
        | more
        for n in range(count)
    ]


def sizes(news: NewsData) -> dict[str, dict[str, int]]:
    """Of each source, its rows by split."""
    assert news.origins is not None
    of = [news.origins.name(row) for row in range(len(news.rows))]
    counts = Counter(zip(of, news.split, strict=True))
    return {
        name: {split: n for (other, split), n in counts.items() if other == name}
        for name in news.origins.names
    }


def problems(*sources: SourceSpec, **settings: Any) -> list[str]:
    with pytest.raises(DataError) as caught:
        load_all(*sources, **settings)
    return caught.value.problems


def test_sources_are_split_together_with_their_own_labels_and_columns() -> None:
    table("a.csv", own("a", 30))
    table("b.csv", [{"text": x["body"], "class": x["label"].upper()} for x in own("b", 30)])
    columns = {"body": "text", "label": "class"}
    names = {"EARN": "earn", "ACQ": "acq", "SHIP": "ship"}
    more = source("b.csv", weight=2.0, read={"columns": columns, "labels": names})
    news = load_all(source("a.csv"), more)
    assert {name: len(part) for name, part in news.splits.items()} == {
        "train": 42,
        "validation": 6,
        "test": 12,
    }
    assert news.labels.labels == ("acq", "earn", "ship")
    found = sizes(news)
    assert sum(found["a"].values()) == sum(found["b"].values()) == 30
    assert min(found["a"]["test"], found["b"]["test"]) > 1
    assert news.rows[45]["body"] == "b text 15"
    assert news.origins is not None
    assert (news.origins.name(45), news.origins.weights) == ("b", (1.0, 2.0))


def test_source_may_have_a_fixed_redrawn_or_separate_split() -> None:
    given = ["train"] * 20 + ["validation"] * 4 + ["test"] * 6
    parts = {}
    for name in "abcde":
        parts[name] = [{**x, "split": s} for x, s in zip(own(name, 30), given, strict=True)]
        table(f"{name}.csv", parts[name])
    alone = {"strategy": "random", "ignore_given": True, "test": 0.5, "validation": 0.0}
    news = load_all(
        source("a.csv"),
        source("b.csv", split="train"),
        source("c.csv", only=("train", "test")),
        source("d.csv", split="none"),
        source("e.csv", split=alone),
    )
    assert sizes(news) == {
        "a": {"train": 20, "validation": 4, "test": 6},
        "b": {"train": 30},
        "c": {"train": 20, "": 4, "test": 6},
        "d": {"train": 30},  # nothing is drawn that other sources give
        "e": {"train": 15, "test": 15},
    }
    assert news.left_out == {"unused": 4}
    # Where nothing gives validation rows they are drawn, but not from what is put into training.
    drawn = sizes(load_all(source("a.csv", only=("train", "test")), source("b.csv", split="train")))
    assert drawn == {"a": {"train": 17, "validation": 3, "": 4, "test": 6}, "b": {"train": 30}}


@pytest.mark.parametrize("repeats", ["keep", "drop"])
def test_copies_of_another_sources_test_rows_leave_training(repeats: str) -> None:
    seen = {"id": "x", "label": "acq", "outlet": "Wire"}
    held = [{**seen, "body": STORY}, {**seen, "body": "the harbour vote"}]
    parts = {"validation": own("v", 9), "test": own("t", 9), "train": own("r", 9)}
    first = [{**x, "outlet": "", "split": split} for split, xs in parts.items() for x in xs]
    first += [{**held[0], "split": "test"}, {**held[1], "split": "validation"}]
    table("first.csv", first)
    cut = STORY.rpartition("The vote")[0]
    other = [{**seen, "body": f"{cut}"}, {**seen, "body": "The Harbour  vote"}]
    table("other.csv", own("o", 9, outlet="") + other)
    sources = source("first.csv"), source("other.csv", split="train")
    near = {"share": 0.5, "window_days": None}
    news = load_all(*sources, near_duplicates=near, repeats=repeats)
    assert sizes(news)["other"] == {"train": 9, "": 2}
    assert news.split[27:29] == ["test", "validation"]
    # A copy word for word is found as a repeat first, where those are dropped.
    assert news.left_out == {"copied": 2} if repeats == "keep" else {"copied": 1, "repeat": 1}
    last = len(news.rows) - 1
    assert news.refit_only == ([last] if repeats == "keep" else [])
    # Within one source, given splits are as published.
    table("whole.csv", first + [{**x, "split": "train"} for x in other])
    alone = load_rows(
        task="topic",
        labels="from-data",
        format="table",
        path="whole.csv",
        near_duplicates=near,
        repeats="keep",
    )
    assert not alone.left_out


def test_copies_of_another_sources_test_rows_leave_validation() -> None:
    copy = {"id": "c", "label": "acq", "body": "the same words"}
    table("a.csv", [*own("a", 9), copy])
    table("b.csv", [*own("b", 9), copy])
    table("c.csv", own("c", 9))
    put = source("a.csv", split="test"), source("b.csv", split="validation")
    news = load_all(*put, source("c.csv", split="train"), repeats="keep")
    assert sizes(news) == {"a": {"test": 10}, "b": {"validation": 9, "": 1}, "c": {"train": 9}}
    assert news.refit_only == []


def test_groups_and_ids_are_separate_for_each_source() -> None:
    table("a.csv", own("a", 30, group="story"))
    table("b.csv", own("b", 30, group="story"))
    split = {"strategy": "random", "validation": 0.0}
    news = load_all(source("a.csv"), source("b.csv"), split=split, strict=False)
    assert [len(found) for found in sizes(news).values()] == [1, 1]
    assert Counter(news.split) == {"train": 30, "test": 30}


def test_problems_of_all_sources_are_reported_together() -> None:
    table("a.csv", [{**x, "label": ""} if n == 4 else x for n, x in enumerate(own("a", 6))])
    table("b.csv", own("b", 6))
    bad = source("b.csv", read={"labels": {"earnings": "earn"}})
    assert problems(source("a.csv"), bad) == [
        "a.csv: row 5, line 6: field 'label': empty; expected a label",
        "data.labels: 'earnings' matches no label of the data (its labels: 'earn', 'acq', "
        "'ship') [source 'b']",
    ]
    assert problems(source("n.csv"), source("m.csv"), source("a.csv")) == [
        "n.csv: no such file or folder (data.path) [source 'n']",
        "m.csv: no such file or folder (data.path) [source 'm']",
        "a.csv: row 5, line 6: field 'label': empty; expected a label",
    ]


def test_labels_are_counted_over_all_sources() -> None:
    table("a.csv", [{**x, "label": "acq"} for x in own("a", 30)])
    table("b.csv", [{**x, "label": "ship"} for x in own("b", 30)])
    table("c.csv", [{**x, "label": "Ship"} for x in own("c", 30)])
    assert load_all(source("a.csv"), source("b.csv")).labels.labels == ("acq", "ship")
    assert problems(source("a.csv")) == [
        "data.sources: expected at least two labels in total, got only 'acq'"
    ]
    assert problems(source("b.csv"), source("c.csv")) == [
        "data.sources: labels 'Ship' and 'ship' differ only in case or spacing; "
        "set data.fold_case=true, or give them one name in data.labels"
    ]


def test_split_errors_name_the_source() -> None:
    table("a.csv", own("a", 30))
    table("b.csv", own("b", 30))
    bad = source("b.csv", split={"strategy": "grouped", "by": ("author",)})
    assert problems(source("a.csv"), bad) == ["data.split.by: no row has 'author' [source 'b']"]


def test_digest_covers_sources_and_each_is_cached_separately() -> None:
    table("a.csv", own("a", 30))
    table("b.csv", own("b", 30))
    first = load_all(source("a.csv"), source("b.csv"))
    again = load_all(source("a.csv"), source("b.csv"))
    assert (first.cached, again.cached, again.digest) == (False, True, first.digest)
    renamed = load_all(source("a.csv"), source("b.csv", name="other"))
    assert renamed.cached
    assert renamed.digest != first.digest
    table("b.csv", own("b", 31))
    assert not load_all(source("a.csv"), source("b.csv")).cached
    kept = [json.loads(x.read_text()) for x in Path("cache").rglob("meta.json")]
    assert len(kept) == 3  # a, b, and b with one row more


def test_near_duplicates_are_searched_once() -> None:
    table("a.csv", [*own("a", 30), {"id": "s", "label": "acq", "body": STORY}])
    table("b.csv", [*own("b", 30), {"id": "s", "label": "acq", "body": f"{STORY} More."}])
    near = {"share": 0.5, "window_days": None}
    stages: list[str] = []
    for expected in (True, False):
        stages.clear()
        news = load_all(
            source("a.csv"),
            source("b.csv"),
            near_duplicates=near,
            progress=lambda stage, _done, _total: stages.append(stage),
        )
        assert ("near-duplicates" in stages) == expected
        assert news.near_duplicates is not None
        assert news.near_duplicates.cluster[30] == news.near_duplicates.cluster[61]
        assert len(np.unique(news.near_duplicates.cluster)) == 61
        assert news.split[30] == news.split[61]
