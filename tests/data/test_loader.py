"""The loader: from files to named splits and a digest."""

import csv
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import datasets
import pytest

from loading import load_rows
from newsstand.config.data_specs import DataSpec, SourceSpec, SplitSpec
from newsstand.data.load import NewsData, data_digest, load_unsplit, relabelled
from newsstand.data.readers.formats import reader
from newsstand.data.readers.sources import UNUSED, Source
from newsstand.data.validate import COLUMNS
from newsstand.errors import DataError
from newsstand.labels import LabelSet
from newsstand.text.normalize import TextSpec


@pytest.fixture(autouse=True)
def _in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


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
    return load_rows(
        **{"format": "table", "task": "topic", "labels": "from-data", "path": path} | settings
    )


SENTENCES = (
    "The harbour board met on Tuesday to weigh the plan for a second pier",
    "Nobody in the hall had expected the treasurer to speak against it",
    "She said the sand would have to be carried from forty miles away",
    "A ferry captain laughed and was asked to leave by the clerk",
    "The vote was put off until the dredging company sends new figures",
    "Fishermen outside held up a painted door instead of a banner",
)
STORY = ". ".join(SENTENCES) + "."


def problems(path: str = "w.csv", **settings: Any) -> list[str]:
    with pytest.raises(DataError) as caught:
        load_table(path, **settings)
    return caught.value.problems


def test_table_becomes_three_splits_in_canonical_columns() -> None:
    table("w.csv", rows(60, outlet="Wire"))
    news = load_table()
    assert {name: len(part) for name, part in news.splits.items()} == {
        "train": 42,
        "validation": 6,
        "test": 12,
    }
    assert news.labels.labels == ("acq", "earn", "ship")
    for part in news.splits.values():
        assert part.column_names[: len(COLUMNS)] == list(COLUMNS)
        assert part.features["label"].names == ["acq", "earn", "ship"]
        for item in part:
            number = int(item["id"][1:])
            assert item["body"] == f"text {number}"
            assert news.labels.labels[item["label"]] == ("earn", "acq", "ship")[number % 3]
            assert (item["outlet"], item["target"], item["split"]) == ("Wire", None, None)


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


def test_digest_depends_on_rows_and_splits() -> None:
    table("w.csv", rows(60))
    table("copy.csv", rows(60))
    first = load_table()
    assert load_table("copy.csv").digest == first.digest
    assert len(first.digest) == 32
    assert load_table(seed=1).digest != first.digest
    table("copy.csv", list(reversed(rows(60))))
    assert load_table("copy.csv").digest != first.digest


def test_digest_does_not_depend_on_the_file() -> None:
    plain = [{"label": row["label"], "body": row["body"]} for row in rows(60)]
    table("w.csv", plain)
    table("copy.csv", plain)
    Path("lines.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in plain))
    digest = load_table().digest
    assert [load_table(x).digest for x in ("copy.csv", "lines.jsonl")] == [digest, digest]
    table("w.csv", [{**row, "id": str(n)} for n, row in enumerate(plain)])
    assert load_table().digest != digest


def test_given_files_keep_their_split() -> None:
    Path("d").mkdir()
    for name, size in (("train", 30), ("dev", 6), ("test", 9)):
        own = [{**row, "id": name + row["id"], "body": f"{name} {row['id']}"} for row in rows(size)]
        table(f"d/{name}.csv", own)
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


def test_splits_unfit_for_training_are_refused() -> None:
    table("w.csv", rows(30, split="train"))
    assert problems() == ["no test rows: name their file or set data.split"]
    table("w.csv", rows(30, split="test"))
    assert problems() == ["no train rows: name their file or set data.split"]
    table("w.csv", rows(30))
    assert problems(split={"validation": 0.0, "test": 0.0}) == [
        "no validation rows: name their file or set data.split",
        "no test rows: name their file or set data.split",
    ]
    mixed = [{**row, "split": "test" if row["label"] == "ship" else "train"} for row in rows(30)]
    table("w.csv", mixed)
    assert problems() == ["label 'ship' occurs in the data, but in none of the 18 training rows"]


def test_files_without_rows_are_reported() -> None:
    Path("w.csv").write_text("label,body\n")
    assert problems() == ["w.csv: no rows"]
    Path("w.csv").write_text("label,body\nacq,x\nacq,y\n")
    assert problems() == ["w.csv: expected at least two labels, all 2 rows have 'acq'"]


def test_all_problems_of_a_file_are_reported() -> None:
    Path("w.csv").write_text(
        'label,body\nacq,"Wheat\nfell"\nearn\n,x\nerrn,x\nearn,\nship,"x"\n', encoding="utf-8"
    )
    assert problems(labels=("acq", "earn", "ship")) == [
        "w.csv: row 2, line 4: expected 2 cells as in the header, got 1",
        "w.csv: row 3, line 5: field 'label': empty; expected a label",
        "w.csv: row 4, line 6: field 'label': unknown label 'errn'; did you mean 'earn'?",
    ]


@pytest.mark.parametrize(
    ("task", "labels"), [("topic", "iptc-media-topics"), ("stance", "favor-against-neutral")]
)
def test_corpus_loads(task: str, labels: str) -> None:
    news = load_rows(format="corpus", task=task, labels=labels)
    assert all(len(part) >= len(news.labels) for part in news.splits.values())
    groups = [set(part["group"]) for part in news.splits.values()]
    assert None not in set.union(*groups)
    assert sum(map(len, groups)) == len(set.union(*groups))


def splits_of(news: NewsData) -> dict[str, str]:
    return dict(zip(news.rows["id"], news.split, strict=True))


def test_first_copy_is_kept_and_conflicting_copies_are_dropped() -> None:
    copies = [
        {"id": "first", "label": "earn", "body": "The same  words.", "split": ""},
        {"id": "second", "label": "earn", "body": "the SAME words.", "split": ""},
        {"id": "yes", "label": "earn", "body": "Said of both.", "split": ""},
        {"id": "no", "label": "ship", "body": "Said of both.", "split": ""},
    ]
    table("w.csv", [*({**row, "split": ""} for row in rows(60)), *copies])
    news = load_table()
    found = splits_of(news)
    assert found["first"]
    assert [found[name] for name in ("second", "yes", "no")] == ["", "", ""]
    assert news.left_out == {"repeat": 1, "conflict": 2}
    assert sum(len(part) for part in news.splits.values()) == 61
    kept = load_table(repeats="keep")
    assert kept.left_out == {}
    assert len({splits_of(kept)[name] for name in ("first", "second")}) == 1


def test_copies_may_differ_in_boilerplate() -> None:
    table("w.csv", [*rows(60), {"id": "c", "label": "earn", "body": "OSLO (Reuters) - Text 0"}])
    assert load_table().left_out == {"repeat": 1}


def test_copy_in_the_given_test_split_is_kept() -> None:
    given = [
        {**row, "split": ("train", "train", "dev", "test")[n // 3 % 4]}
        for n, row in enumerate(rows(48))
    ]
    copy = {"label": "earn", "body": "Twice told."}
    more = [{"id": split, **copy, "split": split} for split in ("train", "dev", "test")]
    table("w.csv", [*given, *more])
    found = splits_of(load_table())
    assert (found["train"], found["dev"], found["test"]) == ("", "", "test")


def test_same_text_with_two_targets_is_not_a_copy() -> None:
    targets = ("the levy", "the port")
    table("w.csv", [{**row, "target": target} for row in rows(30) for target in targets])
    news = load_table(task="stance")
    assert news.left_out == {}
    for number in range(30):
        places = {
            x for x, name in zip(news.split, news.rows["id"], strict=True) if name == f"n{number}"
        }
        assert len(places) == 1


def test_reprints_stay_in_one_split() -> None:
    reprints = [STORY, f"An early edition had this. {STORY}", ". ".join(SENTENCES[1:5])]
    body = [{"id": f"r{n}", "label": "earn", "body": text} for n, text in enumerate(reprints)]
    table("w.csv", [*rows(60), *body])
    for seed in range(6):
        found = splits_of(load_table(seed=seed, near_duplicates={"share": 0.5}))
        assert len({found[f"r{n}"] for n in range(3)}) == 1
    apart = [splits_of(load_table(seed=seed)) for seed in range(6)]
    assert any(len({found[f"r{n}"] for n in range(3)}) > 1 for found in apart)
    news = load_table(near_duplicates={"share": 0.5})
    assert news.near_duplicates is not None
    assert len(set(news.near_duplicates.cluster[60:].tolist())) == 1
    assert len(set(news.near_duplicates.cluster.tolist())) == 61


def test_second_load_uses_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    table("w.csv", rows(60))
    settings = {"near_duplicates": {"share": 0.5}}
    first, second = load_table(**settings), load_table(**settings)
    assert (first.cached, second.cached) == (False, True)
    assert (first.digest, first.split) == (second.digest, second.split)
    assert first.rows.to_list() == second.rows.to_list()
    assert not load_table(text=TextSpec(strip=())).cached
    assert not load_table(labels=("earn", "acq", "ship")).cached
    table("w.csv", [*rows(59), {"id": "n59", "label": "ship", "body": "other text"}])
    assert not load_table().cached
    monkeypatch.setattr("newsstand.data.prepare.code_key", lambda _: "another version")
    assert not load_table().cached


def test_problems_are_cached() -> None:
    Path("w.csv").write_text("label,body\nacq,x\n,y\n")
    expected = ["w.csv: row 2, line 3: field 'label': empty; expected a label"]
    assert problems(labels=("acq", "earn")) == problems(labels=("acq", "earn")) == expected


def test_notes_are_cached() -> None:
    odd = [
        {"id": "e", "label": "acq", "body": ""},
        {"id": "m", "label": "acq", "body": "<p></p>"},
    ]
    table("w.csv", [*({**row, "published": "soon"} for row in rows(60)), *odd])
    first, second = load_table(), load_table()
    assert [note.what for note in first.notes] == [
        "60 rows undated, dates not understood",
        "1 row left out with an empty body",
        "1 row left out without text",
    ]
    assert (first.notes, first.cached, second.cached) == (second.notes, False, True)
    assert second.summary.startswith("60 rows, 60 rows undated, dates not understood, 1 row left")
    assert second.summary.endswith(", cached")


def test_not_strict_loads_the_usable_rows() -> None:
    table("w.csv", [*rows(30), {"id": "x", "label": "", "body": "y"}])
    news = load_table(strict=False)
    assert len(news.rows) == 30
    assert news.problems == ["w.csv: row 31, line 32: field 'label': empty; expected a label"]


def test_workers_prepare_the_same_as_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    table("w.csv", rows(600))
    alone = load_table()
    monkeypatch.setattr("newsstand.data.prepare.code_key", lambda _: "again")
    monkeypatch.setattr("newsstand.data.prepare._BATCH", 50)
    monkeypatch.setattr("newsstand.data.prepare._INLINE", 100)
    together = load_table()
    assert not together.cached
    assert together.rows.to_list() == alone.rows.to_list()
    assert together.digest == alone.digest


def test_failing_reader_leaves_no_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("newsstand.data.prepare._BATCH", 10)
    monkeypatch.setattr("newsstand.data.prepare._INLINE", 20)
    table("w.csv", rows(300))
    real = reader("table")

    def failing(source: Source) -> Iterator[Any]:
        yield from islice(real(source), 200)
        raise DataError("the disk is gone")

    monkeypatch.setattr("newsstand.data.readers.formats.read_table", failing)
    cache = Path(datasets.config.HF_DATASETS_CACHE) / "newsstand"
    before = set(cache.glob("*"))
    with pytest.raises(DataError, match=r"^the disk is gone$"):
        load_table()
    assert set(cache.glob("*")) == before


def test_labels_of_left_out_rows_only_are_dropped() -> None:
    lost = {"label": "rare", "body": "In no list."}
    table("w.csv", [*({**row, "split": ""} for row in rows(30)), {"id": "x", **lost, "split": ""}])
    real = reader("table")

    def listing(source: Source) -> Iterator[Any]:
        for split, item in real(source):
            yield UNUSED if item.values["label"] == "rare" else split, item

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("newsstand.data.readers.formats.read_table", listing)
        news = load_table()
    assert news.left_out == {"unused": 1}
    assert news.labels.labels == ("acq", "earn", "ship")
    assert news.rows.features["label"].names == ["acq", "earn", "rare", "ship"]
    for part in news.splits.values():
        assert part.features["label"].names == ["acq", "earn", "ship"]
        for item in part:
            expected = ("earn", "acq", "ship")[int(item["id"][1:]) % 3]
            assert news.labels.labels[item["label"]] == expected


def test_rows_crossing_training_and_validation_are_refit_only() -> None:
    pairs = [
        {"body": f"text {n}", "target": f"target {m}", "label": ("pro", "con")[(n + m) % 2]}
        for n in range(12)
        for m in range(8)
    ]
    table("train.csv", pairs)
    table("test.csv", [{**row, "body": f"{row['body']} tested"} for row in pairs])
    split = {"strategy": "unseen", "by": ("text", "target")}
    news = load_table(".", task="stance", labels=("pro", "con"), split=split)
    parts = [news.splits["train"], news.splits["validation"], news.refit_only_rows]
    assert len(news.refit_only_rows) == news.left_out["crosses-splits"] > 0
    # The three make up the given training rows, each once.
    keys = [(row["body"], row["target"]) for part in parts for row in part]
    assert sorted(keys) == sorted((row["body"], row["target"]) for row in pairs)
    held = news.splits["validation"]
    for row in news.refit_only_rows:
        assert row["body"] in held["body"] or row["target"] in held["target"]
    drawn = load_table("train.csv", task="stance", labels=("pro", "con"), split=split)
    tested = drawn.splits["test"]
    assert 0 < len(drawn.refit_only_rows) < drawn.left_out["crosses-splits"]
    for row in drawn.refit_only_rows:
        assert row["body"] not in tested["body"]
        assert row["target"] not in tested["target"]


def test_digest_distinguishes_rows_splits_and_order() -> None:
    parts = [
        (["a", "b"], ["train", "test"]),
        (["a", "b"], ["test", "train"]),
        (["b", "a"], ["train", "train"]),
        (["a", "b"], ["train", "train"]),
        (["a"], ["train"]),
        (["a", "a"], ["train", "train"]),
        (["a", "b"], ["train", "validation"]),
    ]
    assert len({data_digest(*part) for part in parts}) == len(parts)
    assert data_digest(["a", "b"], ["train", ""]) == data_digest(["a"], ["train"])


def unsplit(path: str = "w.csv", **settings: Any) -> NewsData:
    spec = DataSpec(
        task="topic",
        labels="from-data",
        sources=SourceSpec(format="table", path=path, **settings),
        text=TextSpec(),
        repeats="drop",
        near_duplicates=None,
        split=SplitSpec(),
        seed=0,
    )
    return load_unsplit(spec)


def test_rows_to_evaluate_are_not_split_and_keep_copies() -> None:
    table("w.csv", [*rows(4), *rows(4)])
    news = unsplit()
    assert news.split == ["test"] * 8
    assert news.problems == []
    table("w.csv", [{**row, "split": "train"} for row in rows(2)] + [rows(1)[0] | {"split": ""}])
    assert unsplit().split == ["train", "train", "test"]
    table("w.csv", [*rows(2), {"id": "x", "label": "", "body": "x"}])
    assert len(unsplit().problems) == 1


def test_rows_take_the_labels_of_a_model() -> None:
    table("w.csv", rows(6))
    news = unsplit()
    model = LabelSet("custom", {"SHIPS": "ships", "other": "other", "EARN": "earnings"})
    made = relabelled(news, model, {"earn": "EARN", "ship": "SHIPS"})
    numbers = made.numbers("test")
    assert [news.column("id")[n] for n in numbers] == ["n0", "n2", "n3", "n5"]  # without acq
    assert made.label_numbers[numbers].tolist() == [2, 0, 2, 0]
    assert made.labels is model
