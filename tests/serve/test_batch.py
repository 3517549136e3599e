"""Articles from files: every kind, in the order given, and clear about what cannot be read."""

import io
import json
import sys
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from newsstand.article import Article
from newsstand.errors import InputError
from newsstand.serve.batch import read_articles


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
    assert list(read_articles(names)) == [
        (Article(id="g.parquet, row 1", body="eight", outlet="Wire"), None),
        (text, None),
        (Article(id="b.HTML", title="Snow", body="It fell."), None),
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
    assert [article.body for article, _ in read_articles(["a.parquet"])] == ["one"]


def test_reading_is_lazy() -> None:
    Path("a.jsonl").write_text('{"body": "one"}\nbroken\n')
    found = read_articles(["a.jsonl", "missing.txt"])
    assert next(found)[0].body == "one"
    with pytest.raises(InputError, match=r"^a\.jsonl:2, column 1: expected a JSON object a line"):
        next(found)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.docx", b"x", "a.docx: unknown kind of file '.docx', expected .txt, .html, .htm, "),
        ("README", b"x", "README: unknown kind of file '', expected .txt, .html, .htm, "),
        ("a.txt", None, "a.txt: no such file"),
        ("a.txt", b"", "a.txt: the file is empty"),
        ("a.txt", b"caf\xe9 noir", "a.txt: byte 3: expected UTF-8 text (invalid continuation"),
        ("a.html", b"a\0b", "a.html: byte 1: expected UTF-8 text, found a NUL byte"),
        ("a.jsonl", b'{"text": "x"}', "a.jsonl:1: no column 'body' (columns here: text)"),
        ("a.jsonl", b'{"body": 5}', "a.jsonl:1: column 'body': expected text, got int 5"),
        (
            "a.jsonl",
            b'{"body": "x", "target": 5}',
            "a.jsonl:1: column 'target': expected text, got int 5",
        ),
        ("a.csv", b"body\nx,y\n", "a.csv: row 1, line 2: expected 1 cells as in the header, got 2"),
        ("a.csv", b"title,body\n", "a.csv: no articles"),
        ("a.json", b"[]", "a.json: no articles"),
        ("a.parquet", b"PAR1", "a.parquet: not readable as Parquet ("),
    ],
)
def test_what_cannot_be_read_is_named(name: str, content: bytes | None, message: str) -> None:
    if content is not None:
        Path(name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        list(read_articles([name]))
    assert str(caught.value).startswith(message)


def test_a_folder_is_no_article() -> None:
    Path("a.txt").mkdir()
    Path("folder").mkdir()
    with pytest.raises(InputError, match=r"^a\.txt: expected a file, this is a folder$"):
        list(read_articles(["a.txt"]))
    with pytest.raises(InputError, match=r"^folder: expected a file, this is a folder$"):
        list(read_articles(["folder"]))


def test_rows_from_a_program_that_wrote_json_numbers_as_ids() -> None:
    Path("a.jsonl").write_text("".join(json.dumps({"id": n, "body": "x"}) + "\n" for n in (0, 1)))
    assert [article.id for article, _ in read_articles(["a.jsonl"])] == ["0", "1"]
