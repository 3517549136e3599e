"""Preparation: the columns of each row, and its digest."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from newsstand.config.data_specs import ReadSpec
from newsstand.data.prepare import PreparedRows, content_key, prepare, row_digest
from newsstand.data.readers.sources import Source
from newsstand.data.validate import COLUMNS, Row
from newsstand.text.normalize import TextSpec

BASE = Row(id="1", title="T", body="B", label="acq", target="x", split="train")


def prepared(
    tmp_path: Path, text: str, spec: TextSpec | None = None, **settings: Any
) -> PreparedRows:
    path = tmp_path / "w.jsonl"
    path.write_text(text, encoding="utf-8")
    source = Source(task="topic", path=str(path))
    return prepare(
        source,
        format_name="table",
        scheme="from-data",
        read=ReadSpec(**settings),
        spec=spec or TextSpec(),
    )


@pytest.mark.parametrize("column", [name for name in COLUMNS if name not in ("split", "genre")])
def test_each_column_changes_the_row_digest(column: str) -> None:
    changed = [replace(BASE, **{column: value}) for value in ("other", "other ", "", "\ud800")]
    assert len({row_digest(item) for item in [BASE, *changed]}) == 5


def test_row_digest_distinguishes_columns() -> None:
    pairs = [
        (replace(BASE, title="TB", body=""), replace(BASE, title="", body="TB")),
        (replace(BASE, outlet="x", url=None), replace(BASE, outlet=None, url="x")),
        (replace(BASE, outlet=""), replace(BASE, outlet=None)),
    ]
    for first, second in pairs:
        assert row_digest(first) != row_digest(second)
    assert row_digest(BASE) == row_digest(replace(BASE, split="test"))


def test_content_key_ignores_case_and_spacing() -> None:
    assert content_key("Grain  FALLS\n\nWheat\n fell") == content_key("grain falls wheat fell ")
    assert content_key("wheat fell") != content_key("wheat rose")
    assert len(content_key("\ud800")) == 32


def test_row_has_raw_and_prepared_text(tmp_path: Path) -> None:
    found = prepared(
        tmp_path,
        '{"label": "economy", "title": "Grain &amp; rye", "outlet": "NA",'
        ' "body": "PARIS (AFP) - Wheat fell.\\n\\nRead more: Rye"}\n'
        '{"label": "sport", "body": "The keeper saved."}\n',
    )
    first, second = found.table
    assert (first["title"], first["outlet"], second["outlet"]) == ("Grain &amp; rye", "NA", None)
    assert (first["prepared_title"], first["prepared_body"]) == ("Grain & rye", "Wheat fell.")
    taken = [first["body"][span["start"] : span["end"]] for span in first["removed"]]
    assert taken == ["PARIS (AFP) -", "Read more: Rye"]
    assert [first["words"], second["words"]] == [5, 3]
    assert list(found.texts()) == [
        ([first["text_key"], second["text_key"]], ["Wheat fell.", "The keeper saved."])
    ]
    assert found.column("label") == ["economy", "sport"]


def test_too_long_row_is_reported(tmp_path: Path) -> None:
    text = "".join(
        json.dumps({"label": label, "title": "Rye", "body": body}) + "\n"
        for label, body in (("a", "x" * 97), ("b", "x" * 98))
    )
    found = prepared(tmp_path, text, TextSpec(max_characters=100))
    assert len(found.table) == 1
    assert found.problems == [
        f"{tmp_path}/w.jsonl:2: title and body have 3 and 98 characters, expected at most 100 "
        "together (text.max_characters); is a quotation mark or a line end missing?"
    ]
