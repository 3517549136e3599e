"""`newsstand score -o OUT`: rows kept and scores added, what is rejected, and resuming."""

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from command_line import SPORT, WEATHER
from given import Cli
from newsstand.io.bundle import Bundle, bundle_hash
from newsstand.version import __version__
from score_tables import left, read_csv, read_jsonl, rows, write_jsonl


@pytest.fixture
def topic(folder: Path, small: Bundle) -> str:
    small.save(folder / "topic")
    return "topic"


@pytest.fixture
def stance(folder: Path, small_stance: Bundle) -> str:
    small_stance.save(folder / "stance")
    return "stance"


def test_the_same_scores_in_every_format(cli: Cli, topic: str) -> None:
    write_jsonl("a.jsonl", rows(5))
    printed = [json.loads(x) for x in cli("score", "--model", topic, "a.jsonl").out.splitlines()]
    for name in ("o.jsonl", "o.csv", "o.parquet"):
        done = cli("score", "--model", topic, "a.jsonl", "-o", name)
        assert (done.code, done.out, done.err) == (0, f"{name}: 5 scored, 0 rejected\n", "")
    as_json, table = read_jsonl("o.jsonl"), parquet.read_table("o.parquet").to_pylist()
    added = ["model", "model_digest", "newsstand"]
    many = [f"p_{label}" for label in printed[0]["probabilities"]]
    names = ["id", "n", "body", "label", "label_name", "probability", *many, "warning", *added]
    assert list(table[0]) == list(read_csv("o.csv")[0]) == names
    single = ["id", "n", "body", "label", "label_name", "probability", "probabilities", "warning"]
    assert list(as_json[0]) == [*single, *added]
    for score, one, two, three, given in zip(
        printed, as_json, table, read_csv("o.csv"), rows(5), strict=True
    ):
        assert given.items() <= one.items()
        assert given.items() <= two.items()
        assert (three["n"], three["body"]) == (str(given["n"]), given["body"])
        assert one["probabilities"] == score["probabilities"]
        for label, value in score["probabilities"].items():
            assert two[f"p_{label}"] == float(three[f"p_{label}"]) == value
        for row in (one, two, three):
            assert (row["label"], row["label_name"]) == (score["label"], score["label_name"])
            assert row["model"] == "topic"
            assert row["model_digest"] == bundle_hash(Path("topic"))
            assert row["newsstand"] == __version__
    assert left() == []


def test_one_bad_row_never_stops_a_run(cli: Cli, topic: str) -> None:
    bad = rows(6)
    bad[2]["body"] = 7
    bad[4]["body"] = " "
    write_jsonl("a.jsonl", bad)
    with Path("a.jsonl").open("a") as stream:
        stream.write('{oops\n{"id": "last", "body": "The match."}\n')
    Path("b.csv").write_text(f'id,body\nx,"{SPORT}"\ny,two,three\n')
    done = cli("score", "--model", topic, "a.jsonl", "b.csv", "missing.txt", "-o", "o.csv")
    assert (done.code, done.out) == (3, "o.csv: 6 scored, 5 rejected\n")
    assert done.err == "newsstand: 5 rejected, with reasons: o.csv.rejected.jsonl\n"
    assert [row["id"] for row in read_csv("o.csv")] == ["n0", "n1", "n3", "n5", "last", "x"]
    found = read_jsonl("o.csv.rejected.jsonl")
    assert [(x["file"], x["row"], x["id"]) for x in found] == [
        ("a.jsonl", 3, "n2"),
        ("a.jsonl", 5, "n4"),
        ("a.jsonl", 7, "a.jsonl:7"),
        ("b.csv", 2, "b.csv:3"),
        ("missing.txt", None, "missing.txt"),
    ]
    assert found[0]["error"] == "column 'body': expected text, got int 7"
    assert found[3]["place"] == "b.csv: row 2, line 3"
    good = cli("score", "--model", topic, "b.csv", "-o", "o.csv", "--column", "body=id")
    assert good.code == 3  # the row of three cells
    Path("b.csv").write_text(f"id,body\nx,{SPORT}\n")
    assert cli("score", "--model", topic, "b.csv", "-o", "o.csv").code == 0
    assert not Path("o.csv.rejected.jsonl").exists()  # nothing of an earlier run stays


def test_no_output_where_nothing_could_be_scored(cli: Cli, topic: str) -> None:
    Path("a.csv").write_text("text\none\ntwo\n")
    done = cli("score", "--model", topic, "a.csv", "-o", "o.csv")
    assert (done.code, done.out) == (2, "")
    assert "none of 2 scored, o.csv not written; 2 rejected" in done.err
    assert not Path("o.csv").exists()
    assert "no column 'body' (columns here: text)" in Path("o.csv.rejected.jsonl").read_text()


def test_input_columns_with_the_names_of_added_ones_are_renamed(cli: Cli, topic: str) -> None:
    names = {"label": "gold", "input_label": "older", "model": "theirs", "p_sport": "x"}
    write_jsonl("a.jsonl", [{"id": "1", "body": SPORT, **names}, {"id": "2", "body": SPORT}])
    cli("score", "--model", topic, "a.jsonl", "-o", "o.csv")
    row, other = read_csv("o.csv")
    assert (row["label"], row["input_label"], row["input_input_label"]) == (
        "sport",
        "gold",
        "older",
    )
    assert (row["model"], row["input_model"], row["input_p_sport"]) == ("topic", "theirs", "x")
    assert (other["input_label"], other["label"]) == ("", "sport")
    cli("score", "--model", topic, "a.jsonl", "-o", "o.jsonl")
    first = read_jsonl("o.jsonl")[0]
    assert (first["p_sport"], first["input_label"]) == ("x", "gold")  # no column of this format
    # The output can be scored again.
    assert cli("score", "--model", topic, "o.jsonl", "-o", "again.jsonl").code == 0
    assert read_jsonl("again.jsonl")[0]["input_input_label"] == "gold"


def test_stance_has_a_row_for_each_target(cli: Cli, stance: str) -> None:
    Path("a.csv").write_text("id,body,target\n1,It is cheap., the port\n2,It is cheap.,\n")
    options = ("--target", "the levy", "--target", "the port")
    done = cli("score", "--model", stance, "a.csv", *options, "-o", "o.csv")
    assert done.code == 0
    assert [(x["id"], x["target"], x["label"]) for x in read_csv("o.csv")] == [
        ("1", "the port", "against"),
        ("2", "the levy", "favor"),
        ("2", "the port", "against"),
    ]
    done = cli("score", "--model", stance, "a.csv", "-o", "o.jsonl", "--column", "target=id")
    assert [(x["input_target"], x["target"]) for x in read_jsonl("o.jsonl")] == [
        (" the port", "1"),
        ("", "2"),
    ]


def test_csv_in_another_encoding_and_dialect(cli: Cli, topic: str) -> None:
    text = f"Nr;Überschrift;Text\n=1+1;Café “naïve”;{SPORT}\n-2,5;@home;{WEATHER}\n"
    Path("a.csv").write_bytes(text.encode("cp1252"))
    named = ("--column", "body=Text", "--column", "title=Überschrift", "--column", "id=Nr")
    done = cli("score", "--model", topic, "a.csv", "-o", "o.csv", *named)
    assert done.code == 3
    assert "--encoding windows-1252" in Path("o.csv.rejected.jsonl").read_text()
    right = ("--encoding", "windows-1252", "--delimiter", ";")
    done = cli("score", "--model", topic, "a.csv", "-o", "o.csv", *named, *right)
    assert (done.code, done.err) == (0, "")
    assert Path("o.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    first, second = read_csv("o.csv")
    assert (first["Nr"], first["id"], first["Überschrift"]) == ("'=1+1", "'=1+1", "Café “naïve”")
    assert (second["Nr"], second["Überschrift"]) == ("-2,5", "'@home")  # a number is no formula
    assert [first["label"], second["label"]] == ["sport", "weather"]
    Path("b.csv").write_bytes(f"body\t n\n{SPORT}\t1\n".encode("utf-16"))
    assert cli("score", "--model", topic, "b.csv", "-o", "o.jsonl").code == 0
    assert read_jsonl("o.jsonl")[0]["label"] == "sport"


def test_values_of_parquet_keep_their_types(cli: Cli, topic: str) -> None:
    columns: dict[str, list[Any]] = {
        "body": [SPORT, WEATHER],
        "day": [date(2024, 5, 1), None],
        "at": [datetime(2024, 5, 1, 12, 30), datetime(2024, 5, 2)],
        "words": [7, None],
        "paid": [True, False],
        "share": [0.5, float("nan")],
        "tags": [["a", "b"], []],
    }
    parquet.write_table(pa.table(columns), "a.parquet")
    assert cli("score", "--model", topic, "a.parquet", "-o", "o.parquet").code == 0
    table = parquet.read_table("o.parquet")
    kept = table.to_pydict()
    assert kept["id"] == ["a.parquet, row 1", "a.parquet, row 2"]
    assert {x: kept[x] for x in ("body", "day", "at", "words", "paid")} == {
        x: columns[x] for x in ("body", "day", "at", "words", "paid")
    }
    assert (kept["share"], kept["tags"]) == ([0.5, None], ['["a", "b"]', "[]"])
    assert kept["probability"] == [max(kept[f"p_{x}"][n] for x in columns_of(kept)) for n in (0, 1)]
    write_jsonl("b.jsonl", [{"body": SPORT, "x": 1}, {"body": SPORT, "x": "two", "y": 1 << 70}])
    assert cli("score", "--model", topic, "b.jsonl", "-o", "o.parquet").code == 0
    mixed = parquet.read_table("o.parquet").to_pydict()
    assert (mixed["x"], mixed["y"]) == (["1", "two"], [None, str(1 << 70)])


def columns_of(kept: dict[str, Any]) -> list[str]:
    return [name.removeprefix("p_") for name in kept if name.startswith("p_")]


def test_articles_of_their_own_files_and_evidence(cli: Cli, topic: str) -> None:
    Path("a.txt").write_text(
        f"Final \ud800\n\n{SPORT}\n\nRead more: Coach quits", "utf-8", "replace"
    )
    assert cli("score", "--model", topic, "a.txt", "-o", "o.jsonl", "--explain").code == 0
    [row] = read_jsonl("o.jsonl")
    assert (row["id"], row["title"], row["label"]) == ("a.txt", "Final ?", "sport")
    assert "goalkeeper" in " ".join(item["text"] for item in row["evidence"])
    assert [item["rule"] for item in row["removed"]] == ["related"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-o", "o.xlsx"], "o.xlsx: unknown kind of output '.xlsx', expected one of .jsonl, .csv"),
        (["-o", "a.jsonl"], "a.jsonl: is also an input; it would be replaced"),
        (["-o", "none/o.csv"], "none/o.csv: no folder none"),
        (["-o", "o.csv", "--explain"], "o.csv: evidence (--explain) can be written to .jsonl only"),
        (["-o", "o.csv", "--format", "jsonl"], "--format is for the terminal"),
        (["--resume"], "--resume: expected with --output"),
        (["-", "-o", "o.csv", "--resume"], "--resume: standard input cannot be read again"),
        (["--column", "body"], "--column: 'body': expected NAME=COLUMN"),
        (["--column", "text=x"], "--column: unknown name 'text' (known: body, title, id,"),
        (["--column", "id=x", "--column", "id=y"], "--column: 'id' is given twice"),
        (["--encoding", "utf-99"], "--encoding: unknown encoding 'utf-99'"),
        (["--delimiter", "::"], "--delimiter: expected one character or 'tab', got '::'"),
    ],
)
def test_what_does_not_fit_is_refused(
    cli: Cli, topic: str, options: list[str], message: str
) -> None:
    write_jsonl("a.jsonl", rows(1))
    done = cli("score", "--model", topic, "a.jsonl", *options)
    assert done.code == 2
    assert done.err.startswith(f"newsstand: {message}")
    assert left() == []
    assert read_jsonl("a.jsonl") == rows(1)
