"""Tables as people save them: packed, of any delimiter, quote, encoding and JSON shape."""

import bz2
import gzip
import io
import json
import lzma
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from newsstand.io.records import CsvFormat, Problem, is_table, read_records

TEXT = b"label;Head, line;body\nacq;Wheat, again;It fell.\nearn;Corn;It rose, a bit.\n"
ROWS = [
    {"label": "acq", "Head, line": "Wheat, again", "body": "It fell."},
    {"label": "earn", "Head, line": "Corn", "body": "It rose, a bit."},
]


@pytest.fixture(autouse=True)
def _in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(name: str, content: bytes | str, form: CsvFormat | None = None, **limit: int) -> list[Any]:
    """The values of each record, and the message of each problem."""
    Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
    items = read_records(Path(name), form, **limit)
    return [x.message if isinstance(x, Problem) else x.values for x in items]


def zipped(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, TEXT)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", TEXT),
        ("a.csv.gz", gzip.compress(TEXT, mtime=0)),
        ("a.csv", gzip.compress(TEXT, mtime=0)),
        ("a.csv.bz2", bz2.compress(TEXT)),
        ("a.csv.xz", lzma.compress(TEXT[:40]) + lzma.compress(TEXT[40:])),
        ("a.zip", zipped("rows.csv", "__MACOSX/._rows.csv")),
        ("a.csv", TEXT.decode().encode("utf-16")),
        ("a.csv", gzip.compress(b"\xef\xbb\xbf" + TEXT, mtime=0)),
        ("a.csv", TEXT.replace(b"\n", b"\r")),
        ("a.csv", b"sep=;\r\n" + TEXT),
        ("a.csv", TEXT.replace(b"\n", b";;\n")),
        ("a.csv", b'"label";"Head, line";"body"\n\n' + TEXT.partition(b"\n")[2]),
        ("a.csv", TEXT.replace(b";", b"|")),
        ("a.tsv", TEXT.replace(b";", b"\t")),
        ("a.json", "\n".join(map(json.dumps, ROWS))),
        ("a.csv", "\n".join(map(json.dumps, ROWS))),
        ("a.jsonl", json.dumps(ROWS)),
        ("a.jsonl", json.dumps(ROWS, indent=1)),
        ("a.json", json.dumps({"count": 2, "articles": ROWS})),
        (
            "a.json.gz",
            gzip.compress(json.dumps({"data": ROWS, "page": {"next": 1}}).encode(), mtime=0),
        ),
    ],
)
def test_one_table_however_it_is_saved(name: str, content: bytes | str) -> None:
    assert read(name, content) == ROWS
    assert is_table(Path(name))


def test_parquet_is_known_by_its_first_bytes() -> None:
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS), stream)
    assert read("a.csv", stream.getvalue()) == ROWS
    assert read("a.parquet.gz", gzip.compress(stream.getvalue())) == ROWS


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.xlsx",
            zipped("[Content_Types].xml", "xl/workbook.xml"),
            "a.xlsx: this is an Excel or Word file; save it as CSV (UTF-8)",
        ),
        ("a.pdf", b"%PDF-1.7", "a.pdf: this is a PDF; save it as CSV (UTF-8)"),
        (
            "a.xls",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
            "a.xls: this is an old Excel or Word file; ",
        ),
        ("a.csv.zst", b"\x28\xb5\x2f\xfd\0", "a.csv.zst: packed with zstd, which this Python "),
        ("a.zip", zipped("a.csv", "b.csv"), "a.zip: a zip archive of 2 files, expected one"),
        (
            "a.csv.xz",
            lzma.compress(TEXT)[:-9],
            "a.csv.xz: damaged, not readable as xz (unexpected end",
        ),
        (
            "a.csv.gz",
            gzip.compress(TEXT, mtime=0)[:-9],
            "a.csv.gz: damaged, not readable as gzip (",
        ),
        ("a.csv.bz2", bz2.compress(TEXT)[:-9], "a.csv.bz2: damaged, not readable as bzip2 ("),
        (
            "a.csv.gz",
            gzip.compress(b" " * (65 << 20), 1, mtime=0),
            "a.csv.gz: unpacks to more than 67,108,864 bytes, 200 times its size",
        ),
    ],
)
def test_what_is_no_table_is_named(
    name: str, content: bytes, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "zstandard", None)
    monkeypatch.setitem(sys.modules, "compression", None)
    [found] = read(name, content)
    assert found.startswith(message)


def test_an_encrypted_archive_is_named() -> None:
    content = bytearray(zipped("a.csv"))
    content[6] |= 1  # the flag in both headers
    content[content.index(b"PK\x01\x02") + 8] |= 1
    [found] = read("a.zip", bytes(content))
    assert found.startswith("a.zip: a zip archive that cannot be unpacked (it is encrypted)")


def test_zstd_is_read_where_a_library_is(monkeypatch: pytest.MonkeyPatch) -> None:
    class Zstandard:
        class ZstdDecompressor:
            def stream_reader(self, raw: Any, *, read_across_frames: bool) -> io.BytesIO:
                assert read_across_frames
                assert raw.read(4) == b"\x28\xb5\x2f\xfd"
                return io.BytesIO(TEXT)

    monkeypatch.setitem(sys.modules, "compression", None)
    monkeypatch.setitem(sys.modules, "zstandard", Zstandard)
    assert read("a.csv.zst", b"\x28\xb5\x2f\xfd\0") == ROWS


QUOTED = "acq;'It fell; it''s so'\nearn;'It''s up'\nship;'None; sailed'\n"


def test_single_quotes_are_seen_or_set() -> None:
    bodies = ["It fell; it's so", "It's up", "None; sailed"]
    assert [x["body"] for x in read("a.csv", f"label;body\n{QUOTED}")] == bodies
    named = CsvFormat(header=("label", "body"), quote="'", delimiter=";")
    assert [x["body"] for x in read("a.csv", QUOTED, named)] == bodies
    assert [x["2"] for x in read("a.csv", QUOTED, CsvFormat(header=False))] == bodies
    # Apostrophes that begin some cells are no quotes.
    some = "label,body\na,'Tis so\nb,'Never' again\nc,x\n"
    assert [x["body"] for x in read("a.csv", some)] == ["'Tis so", "'Never' again", "x"]


def test_quotes_that_are_text() -> None:
    text = 'label\tbody\nacq\t"Wheat" fell\nearn\t6" of rain\n'
    [found] = read("a.tsv", text)
    assert found.endswith("; if quotation marks are part of the text, set data.csv.quote: none")
    bodies = [x["body"] for x in read("a.tsv", text, CsvFormat(quote="none"))]
    assert bodies == ['"Wheat" fell', '6" of rain']


def test_windows_1252_is_offered_and_read() -> None:
    data = b"\xef\xbb\xbf" + "label,body\nacq,Café “naïve”\nearn,été\n".encode("cp1252")
    problem, *rows = read("a.csv", data)
    assert problem == (
        "a.csv: byte 21, line 2: expected UTF-8 text (invalid continuation byte); as windows-1252 "
        "it reads 'Café' (data.csv.encoding=windows-1252, or save it as UTF-8)"
    )
    assert [x["body"] for x in rows] == ["Café “naïve”", "été"]
    assert read("a.csv", data, CsvFormat(encoding="windows-1252")) == rows
    [found] = read("a.csv", b"a,b\n\x81\n", CsvFormat(encoding="windows-1252"))
    assert found.startswith("a.csv: near byte 4: expected windows-1252 text (")


def test_exports_of_labelling_tools() -> None:
    def task(number: int, *choices: str, cancelled: bool = False) -> dict[str, Any]:
        result = [{"from_name": "kind", "type": "choices", "value": {"choices": [*choices]}}]
        annotation = {"was_cancelled": cancelled, "result": result}
        return {"id": number, "data": {"text": f"t{number}"}, "annotations": [annotation]}

    tasks = [task(1, "sport"), task(2, "sport", cancelled=True), {**task(3), "annotations": []}]
    assert read("a.json", json.dumps(tasks)) == [
        {"id": 1, "text": "t1", "kind": ["sport"], "label": ["sport"]},
        {"id": 2, "text": "t2", "answer": "ignore"},
        {"id": 3, "text": "t3", "answer": "ignore"},
    ]
    choice = {"text": "t", "options": [{"id": "sport"}], "accept": ["sport"], "answer": "accept"}
    [one, none] = read("a.jsonl", f"{json.dumps(choice)}\n{json.dumps({**choice, 'accept': []})}")
    assert (one["label"], one["answer"], none["answer"]) == (["sport"], "accept", "ignore")


def test_too_many_columns_are_refused() -> None:
    names = [f"c{number}" for number in range(12)]
    message = "12 columns, expected at most 10 (data.max_columns)"
    line = ",".join(names)
    assert read("a.csv", f"{line}\n{line}\n", most=10) == [f"a.csv:1: {message}"]
    row = json.dumps(dict.fromkeys(names, 1))
    assert read("a.jsonl", row, most=10) == [f"a.jsonl:1: {message}"]
    pq.write_table(pa.table({name: [1] for name in names}), "a.parquet")
    assert read("a.parquet", Path("a.parquet").read_bytes(), most=10) == [f"a.parquet: {message}"]
    assert len(read("a.csv", f"{line}\n{line}\n")[0]) == 12


@pytest.mark.parametrize("kind", ["csv", "jsonl", "twice"])
def test_very_many_columns_cost_one_pass(kind: str) -> None:
    def cost(number: int) -> float:
        names = [f"c{x}" for x in range(number)]
        if kind == "csv":
            content = ",".join(names) + "\n" + ",".join("x" * number) + "\n"
        else:
            again = "" if kind == "jsonl" else ', "c0": 1'
            content = json.dumps(dict.fromkeys(names, 1))[:-1] + again + "}\n"
        Path("a").with_suffix(f".{'csv' if kind == 'csv' else 'jsonl'}").write_text(content)
        times = []
        for _ in range(3):
            start = time.process_time()
            [problem] = read_records(Path("a.csv" if kind == "csv" else "a.jsonl"))
            times.append(time.process_time() - start)
            assert isinstance(problem, Problem)
            assert len(problem.message) < 200
        return min(times)

    assert cost(50_000) < 25 * cost(5_000) + 0.05
