"""Articles from files: every kind, in the order given, and clear about what cannot be read."""

import io
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from newsstand.io.article_files import ScoreError, read_articles
from newsstand.io.records import Record
from newsstand.text.article import Article


@pytest.fixture(autouse=True)
def _in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_every_kind_in_the_order_given(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("a.txt").write_text("\ufeffGrain falls\r\n\r\nWheat fell.", encoding="utf-8")
    Path("b.HTML").write_text("<h1>Snow</h1><article><p>It fell.</p></article>")
    Path("c.json").write_text('{"id": 3, "body": "one", "title": "T"}')
    Path("d.json").write_text('[{"body": "two"}, {"body": "three", "target": "the levy"}]')
    Path("e.jsonl").write_text('{"body": "four"}\n\n{"body": "five", "id": "own"}\n')
    Path("f.csv").write_text('id,body,target\n,"six\nlines",\nseven,7,the port\n')
    rows = {"body": ["eight"], "title": [None], "outlet": ["Wire"]}
    parquet.write_table(pa.table(rows), "g.parquet")
    lines = b'{"body": "nine", "target": null}\n'
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines)))
    names = ["g.parquet", "a.txt", "b.HTML", "c.json", "d.json", "-", "e.jsonl", "f.csv", "a.txt"]
    text = Article(id="a.txt", title="Grain falls", body="Wheat fell.")
    found = read_articles(names)
    assert [(row.article, row.target) for row in found] == [
        (Article(id="g.parquet, row 1", body="eight", outlet="Wire"), None),
        (text, None),
        (replace(Article.from_html("<h1>Snow</h1><p>It fell.</p>"), id="b.HTML"), None),
        (Article(id="3", title="T", body="one"), None),
        (Article(id="d.json, item 1", body="two"), None),
        (Article(id="d.json, item 2", body="three"), "the levy"),
        (Article(id="stdin:1", body="nine"), None),
        (Article(id="e.jsonl:1", body="four"), None),
        (Article(id="own", body="five"), None),
        (Article(id="f.csv:2", body="six\nlines"), None),
        (Article(id="seven", body="7"), "the port"),
        (text, None),
    ]


def test_what_a_table_holds_beside_the_article_does_not_matter() -> None:
    rows = {"body": ["one"], "published": [date(2024, 5, 1)], "seen": [date(2024, 5, 2)]}
    parquet.write_table(pa.table(rows), "a.parquet")
    assert [row.article for row in read_articles(["a.parquet"])] == [
        Article(id="a.parquet, row 1", body="one", published="2024-05-01")
    ]


def test_reading_is_lazy_and_goes_on_behind_what_cannot_be_read() -> None:
    Path("a.jsonl").write_text('{"body": "one"}\nbroken\n{"id": 7, "body": 5}\n{"body": "two"}\n')
    Path("b.txt").write_text("three")
    found = read_articles(["a.jsonl", "missing.txt", "./b.txt", "./a.csv"])
    assert next(found).article == Article(id="a.jsonl:1", body="one")
    Path("a.csv").write_text('body\n"four"x\n')
    assert [row.article for row in found] == [
        ScoreError(
            id="a.jsonl:2",
            place="a.jsonl:2, column 1",
            message="expected a JSON object per line (Expecting value)",
        ),
        ScoreError(
            id="7", place="a.jsonl:3, id '7'", message="column 'body': expected text, got int 5"
        ),
        Article(id="a.jsonl:4", body="two"),
        ScoreError(id="missing.txt", place="missing.txt", message="no such file"),
        Article(id="./b.txt", body="three"),
        ScoreError(
            id="a.csv:2",
            place="a.csv: row 1, line 2",
            message="not readable as CSV (',' expected after '\"')",
        ),
    ]


def error(name: str) -> str:
    [row] = read_articles([name])
    assert isinstance(row.article, ScoreError)
    return str(row.article)


def test_a_file_that_cannot_be_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(path: Path, _: object, *, advise: bool) -> Iterator[Record]:
        yield Record({"body": "one"}, str(path), f"{path}:1")
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("newsstand.io.article_files.read_records", read)
    first, second = read_articles(["a.jsonl"])
    assert first.article == Article(id="a.jsonl:1", body="one")
    assert str(second.article) == "a.jsonl: cannot be read (Input/output error)"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.docx", b"x", "a.docx: unknown kind of file '.docx', expected .txt, .html, .htm, "),
        ("README", b"x", "README: unknown kind of file '', expected .txt, .html, .htm, "),
        ("a.txt", None, "a.txt: no such file"),
        ("a.txt", b"", "a.txt: the file is empty"),
        ("a.txt", b"caf\xe9 noir", "a.txt: byte 3: expected UTF-8 text (invalid continuation"),
        ("a.html", b"\x1f\x8b\x08", "a.html: byte 0: expected a web page, this looks like gzip"),
        ("a.jsonl", b'{"text": "x"}', "a.jsonl:1: no column 'body' (columns here: text)"),
        ("a.jsonl", b'{"body": 5}', "a.jsonl:1: column 'body': expected text, got int 5"),
        ("a.csv", b"body\nx,y\n", "a.csv: row 1, line 2: expected 1 cells as in the header, got 2"),
        ("a.csv", b"title,body\n", "a.csv: no articles"),
        ("a.json", b"[]", "a.json: no articles"),
        ("a.parquet", b"PAR1", "a.parquet: not readable as Parquet ("),
    ],
)
def test_what_cannot_be_read_is_named(name: str, content: bytes | None, message: str) -> None:
    if content is not None:
        Path(name).write_bytes(content)
    assert error(name).startswith(message)


def test_pages_are_read_by_their_encoding() -> None:
    page = "<meta charset=windows-1251><h1>Лёд</h1><p>Рыбаки вышли в море.</p>"
    Path("a.htm").write_bytes(page.encode("cp1251"))
    article = next(iter(read_articles(["a.htm"]))).article
    assert (article.title, article.body, article.id) == ("Лёд", "Рыбаки вышли в море.", "a.htm")
    assert article.warning == "only 4 words of text were found in the page"


def test_a_folder_is_no_article() -> None:
    Path("a.txt").mkdir()
    Path("folder").mkdir()
    for name in ("a.txt", "folder"):
        assert error(name) == f"{name}: expected a file, this is a folder"


def test_rows_from_a_program_that_wrote_json_numbers_as_ids() -> None:
    Path("a.jsonl").write_text("".join(json.dumps({"id": n, "body": "x"}) + "\n" for n in (0, 1)))
    assert [row.article.id for row in read_articles(["a.jsonl"])] == ["0", "1"]
