"""A table of a new user: the errors suggest all necessary settings at once."""

import json
from pathlib import Path
from typing import Any

import datasets
import pytest

from checking import OTHERS, check, found, problems
from newsstand.config.loader import load_config
from newsstand.data.checks.audit import LIMITS
from newsstand.data.checks.counts import joined_labels
from newsstand.data.checks.findings import View
from newsstand.data.columns import suggest_columns
from newsstand.data.load import NewsData, load
from newsstand.errors import ConfigError, DataError

CONFIG = """\
task: topic
labels: from-data
data: {format: table, path: news.csv}
model: {kind: linear}
tracking: {experiment: quick}
"""


@pytest.fixture(autouse=True)
def _in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    Path("c.yaml").write_text(CONFIG)


def loaded(*overrides: str) -> NewsData:
    return load(load_config("c.yaml", overrides).loading())


def messy() -> bytes:
    dates = ("03/05/2019", "2019-05-03", "27 Sep 13", "3 May 2019", "", "soon")
    lines = ['Headline;"Article text";Category;Date;Editor']
    for number in range(60):
        label = ("Économie", "Sport")[number % 2]
        label = label.upper() if number % 5 == 0 else label
        body = "" if number % 20 == 7 else f"Café owners met, and vote {number} “fell” again."
        lines.append(f'Café, story {number};"{body}";{label};{dates[number % 6]};{number}')
    lines += lines[3:5]
    return b"\xef\xbb\xbf" + "\r\n".join(lines).encode("cp1252")


def test_messy_table_loads_with_the_suggested_settings() -> None:
    Path("news.csv").write_bytes(messy())
    with pytest.raises(DataError) as caught:
        loaded()
    first, *rest = caught.value.problems
    assert [line.partition("; ")[0] for line in rest] == [
        f"news.csv: no column '{name}' (columns here: Headline, Article text, Category, Date, "
        "Editor)"
        for name in ("label", "body")
    ] + [
        "news.csv: labels 'SPORT' and 'Sport' differ only in case or spacing",
        "news.csv: labels 'ÉCONOMIE' and 'Économie' differ only in case or spacing",
        "news.csv: byte 52, line 2: expected UTF-8 text (invalid continuation byte)",
    ]
    columns = 'body: "Article text", label: "Category", title: "Headline", published: "Date"'
    assert first == (
        f"news.csv: suggested settings: 'data.columns={{{columns}}}' "
        "data.csv.encoding=windows-1252 data.fold_case=true"
    )
    news = loaded(
        f"data.columns={{{columns}}}", "data.csv.encoding=windows-1252", "data.fold_case=true"
    )
    assert news.labels.labels == ("sport", "économie")
    assert [note.what for note in news.notes] == [
        "30 rows undated, dates not understood",
        "3 rows left out with an empty body",
    ]
    assert (len(news.rows), news.left_out) == (59, {"repeat": 2})
    assert news.rows[0]["title"] == "Café, story 0"


def test_each_name_is_suggested_once_for_the_likeliest_column() -> None:
    names = ["Text", "content", "TOPIC", "source_name", "pub-date", "x" * 100]
    wanted = ["body", "label", "title", "target", "outlet", "published"]
    assert suggest_columns(names, wanted) == {
        "body": "Text",
        "label": "TOPIC",
        "outlet": "source_name",
        "published": "pub-date",
    }


def test_name_of_a_required_column_may_contain_other_words() -> None:
    names = ["text_id", "Text (full)", "label_count", "News category", "Text category", "topic url"]
    assert suggest_columns(names, ["body", "label", "title"]) == {
        "body": "Text (full)",
        "label": "News category",
    }


def test_label_names_without_a_match_are_reported() -> None:
    rows = found([{"label": label, "body": "x"} for label in (0.0, "1.0", True, "False")])
    names = {"0": "no", "1": "yes", "True": "on", "false": "off"}
    assert [row.label for row in check(rows, labels=names)[0]] == ["no", "yes", "on", "off"]
    assert problems(rows, labels={**names, "2": "maybe"}) == [
        "data.labels: '2' matches no label of the data (its labels: '0', '1', 'true', 'false')"
    ]


def test_fold_case_merges_labels() -> None:
    rows = found([{"label": x, "body": "y"} for x in ("Sport", " SPORT ", "money  FX", "Cup")])
    folded, _ = check(rows, fold_case=True)
    assert [row.label for row in folded] == ["sport", "sport", "money fx", "cup"]
    named, _ = check(rows, fold_case=True, labels={"CUP": "Sport"})
    assert [row.label for row in named] == ["Sport", "Sport", "money fx", "Sport"]


def test_rejected_answers_are_left_out() -> None:
    answers = ("accept", "reject", "ignore", "accept")
    rows = found([{**OTHERS[n % 2], "answer": x} for n, x in enumerate(answers)])
    used, _ = check(rows)
    assert [row.id for row in used] == ["w.csv:2", "w.csv:5"]
    # Where the column is the data's own label, its values are labels.
    labelled, _ = check(rows, columns={"label": "answer"})
    assert len(labelled) == 4


@pytest.mark.parametrize("name", ["author", "url", "language", "outlet", "id", "published", "desk"])
def test_unused_columns_are_ignored(name: str) -> None:
    odd: list[Any] = [{"deep": [1]}, [[1]], 1.5, True, None, 10**400, "half \ud83d"]
    rows = [{**OTHERS[n % 2], name: value} for n, value in enumerate(odd)]
    assert len(check(found(rows))[0]) == len(odd)
    # A topic has no target, whatever is in a column of that name.
    assert len(check(found([{**row, "target": 5} for row in OTHERS]))[0]) == 2


def test_joined_labels_are_reported() -> None:
    labels = ["sport", "politics", "Sport | politics", "arts, and letters"] * 10
    rows = [{"label": x, "body": f"text {n}"} for n, x in enumerate(labels)]
    Path("news.csv").write_text("")
    Path("rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    view = View(loaded("data.path=rows.jsonl"), task="topic", seed=0, limits=LIMITS)
    [finding] = joined_labels(view)
    assert finding.verdict == "warning"
    assert finding.examples == ["'Sport | politics' joins 'sport', 'politics'"]
    assert finding.statistics == {"labels": 1, "rows": 10}
    assert 'data.label_separator: "|"' in finding.advice


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("data.csv.encoding=windows-1253x", "expected an encoding, such as windows-1252, "),
        ("data.csv.encoding=base64", "expected an encoding, such as windows-1252, "),
        ("data.csv.delimiter=ab", "expected one character, or tab"),
        ("data.csv.header=[a, a]", "expected true, false, or a list of different names"),
        ("data.max_columns=0", "expected greater than or equal to 1|input should"),
    ],
)
def test_csv_settings_are_checked(setting: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"{setting.partition('=')[0]}: (.*)({message})"):
        load_config("c.yaml", [setting])


def test_csv_delimiters_have_names() -> None:
    config = load_config("c.yaml", ["data.csv.delimiter=tab", "data.csv.quote=single"])
    assert (config.data.csv.delimiter, config.data.csv.quote) == ("\t", "'")
    assert load_config("c.yaml", ["data.csv.encoding=UTF8"]).data.csv.encoding is None
