"""Readers of tables, the corpus and the hub: rows and splits of each file."""

import os
import subprocess
import sys
from pathlib import Path

import datasets
import pytest

from newsstand.config.formats import FORMATS
from newsstand.data.prepare import _key
from newsstand.data.readers.formats import hub_fingerprint, input_files, reader
from newsstand.data.readers.sources import Source
from reading import inputs, put, read, refused

pytestmark = pytest.mark.usefixtures("in_tmp_path")


# In a process of its own: the config takes its choices from the table when it is imported.
NEW_FORMAT = """
import sys
import newsstand.data.readers.publishers as publishers
from newsstand.config.formats import FORMATS, Format

function, entry = sys.argv[1:]
exec(function, vars(publishers))
exec("FORMATS.update({" + entry + "})")
from newsstand.config.loader import load_config
from newsstand.data.load import load
from newsstand.errors import ConfigError

news = load(load_config("c.yaml").loading())
print(sorted(news.column("id")), news.labels.labels)
try:
    load_config("c.yaml", ["task=stance", "data.path=null"])
except ConfigError as error:
    print(error)
"""


def test_new_format_of_the_contributing_guide_works() -> None:
    guide = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = guide.partition("## Adding a format")[2].partition("\n## ")[0]
    blocks = [block.partition("```")[0] for block in section.split("```python\n")[1:]]
    put(
        {
            "w.csv": "".join(f"{'ab'[n % 2]}|text {n}\n" for n in range(20)),
            "c.yaml": "task: topic\nlabels: from-data\ndata: {format: mine, path: w.csv}\n"
            "model: {kind: linear}\ntracking: {experiment: x}\n",
        }
    )
    told = subprocess.run(
        [sys.executable, "-c", NEW_FORMAT, *blocks],
        env={**os.environ, "HF_DATASETS_CACHE": "cache"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert told == [
        f"{sorted(f'w.csv:{n}' for n in range(1, 21))} ('a', 'b')",
        "c.yaml:3: data.format: 'mine' rows have no target, but task is stance",
        "command line: data.path: missing; format 'mine' needs it (data.path=… on the command "
        "line)",
    ]


@pytest.mark.parametrize("form", FORMATS)
def test_each_format_names_a_reader(form: str) -> None:
    assert callable(reader(form))


@pytest.mark.parametrize(("form", "module"), [("fnc1", "publishers"), ("vast", "debates")])
def test_cache_key_depends_on_the_reader_code(
    form: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def key(edited: str) -> str:
        monkeypatch.setattr(
            "newsstand.data.prepare.code_key",
            lambda name: f"edited {name}" if name == f"newsstand.data.readers.{edited}" else name,
        )
        source = Source(task="stance", path=".", files={})
        return _key(form, source, {})

    assert key(module) != key("none")
    assert key("annotations") == key("none")


def test_corpus_has_a_row_for_each_article_or_target() -> None:
    topics = read("corpus", None)
    stances = read("corpus", None, task="stance")
    assert len(topics) == len({values["id"] for _, _, values in topics})
    of_articles = [values for _, _, values in stances if "title" in values]
    assert len(of_articles) == sum(len(values["stances"]) for _, _, values in topics)
    assert len(of_articles) < len(stances)
    bodies = {values["id"]: values["body"] for _, _, values in topics}
    for values in of_articles:
        article, _, number = values["id"].rpartition("/")
        assert values["body"] == bodies[article]
        assert int(number) >= 1
    for _, _, values in stances:
        assert values["group"]
        assert values["target"]
        assert values["label"] in {"favor", "against", "neutral"}


def test_tsv_keeps_places_tabs_and_unusual_line_ends() -> None:
    put({"a.txt": "\ufeffacq\tone\ttwo\r\n\n\n earn \tx\u2028y\rz\nno tab here\nship\t\n\n"})
    assert read("tsv", "a.txt") == [
        (None, "a.txt:1", {"label": "acq", "body": "one\ttwo"}),
        (None, "a.txt:4", {"label": " earn ", "body": "x\u2028y\rz"}),
        "a.txt:5: expected label, tab, text; found no tab",
        (None, "a.txt:6", {"label": "ship", "body": ""}),
    ]


def test_unreadable_tsv_file_is_one_problem() -> None:
    put({"d/a.txt": b"acq\tcaf\xe9\n", "d/b.txt": "", "d/c.txt": "acq\tx\n", "d/e.txt/f": ""})
    assert read("tsv", "d", train="*.txt") == [
        "d/a.txt: byte 7: expected UTF-8 text (invalid continuation byte)",
        "d/b.txt: the file is empty",
        ("train", "d/c.txt:1", {"label": "acq", "body": "x"}),
        "d/e.txt: expected a file, this is a folder",
    ]


def test_named_files_and_globs_give_splits_in_order() -> None:
    names = ("d/t-2.csv", "d/t-1.csv", "d/v/dev.csv", "d/other.csv")
    put(dict.fromkeys(names, "body\nx\n"))
    found = read("table", "d", train="t-*.csv", validation="v/dev.csv", test=None)
    assert [(split, where) for split, where, _ in found] == [
        ("train", "d/t-1.csv:2"),
        ("train", "d/t-2.csv:2"),
        ("validation", "d/v/dev.csv:2"),
    ]


def test_folder_without_named_files_gives_all_tables() -> None:
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
                "empty: no file ends in .csv, .tsv, .jsonl, .ndjson, .json, .parquet; name them in "
                "data.train"
            ],
        ),
        (
            "d/a.csv",
            {"train": "a.csv"},
            ["d/a.csv: expected a folder, as data.train names a file in it; got a file"],
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
def test_missing_files_are_reported(path: str, files: dict[str, str], problems: list[str]) -> None:
    put({"d/a.csv": "body\nx\n", "d/b.csv": "body\nx\n", "empty/x.txt": ""})
    assert refused("table", path, **files) == problems


def test_glob_matches_files_whose_names_may_be_splits() -> None:
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
        "d/*: expected a folder, as data.train names a file in it; no such folder"
    ]
    assert inputs("table", "d/*.csv") == inputs("table", "d") == ["d/a.csv", "d/b.csv"]
    assert inputs("table", "d/b.csv") == ["d/b.csv"]
    assert inputs("table", "d", train="b.csv", test="a*") == ["d/b.csv", "d/a.csv"]
    put({"r8/train.txt": "acq\tx\n", "r8/test.txt": "acq\ty\n", "r8/notes.md": "no rows"})
    assert [split for split, _, _ in read("tsv", "r8")] == ["test", "train"]
    assert inputs("tsv", "r8") == ["r8/test.txt", "r8/train.txt"]


def test_corpus_reads_only_its_own_files() -> None:
    [path] = inputs("corpus", None)
    assert {where.rpartition(":")[0] for _, where, _ in read("corpus", None)} == {path}


def test_folder_with_a_train_table_is_split_by_file_name() -> None:
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
def test_hf_gives_label_names_and_splits() -> None:
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
def test_hf_reads_a_csv_folder_and_reports_load_errors() -> None:
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
