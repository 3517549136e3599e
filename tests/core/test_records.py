"""The table readers: right values at right places, and one clear line for what is unreadable."""

import gzip
import tracemalloc
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from newsstand.errors import InputError
from newsstand.io.records import Problem, Record, read_jsonl, read_records, read_text, text_flaw

MIB = 1 << 20
PLAIN = "; if quotation marks are part of the text, set data.csv.quote: none"
WINDOWS = "(data.csv.encoding=windows-1252, or save it as UTF-8)"


@pytest.fixture(autouse=True)
def _in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(name: str, content: str | bytes | None) -> list[tuple[str, Any] | str]:
    """(place, values) of each record and the message of each problem."""
    path = Path(name)
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    items = list(read_records(path))
    assert all(item.file == name for item in items if isinstance(item, Record))
    return [x.message if isinstance(x, Problem) else (x.where, x.values) for x in items]


def row(label: str, body: str) -> dict[str, str]:
    return {"label": label, "body": body}


def test_csv_places_are_lines_even_after_quotes_over_lines() -> None:
    text = 'label, body \nx,"one\ntwo\n\nthree"\n\n\ny,"a ""quoted"" word"\r\nz,last'
    assert read("a.csv", text) == [
        ("a.csv:2", row("x", "one\ntwo\n\nthree")),
        ("a.csv:8", row("y", 'a "quoted" word')),
        ("a.csv:9", row("z", "last")),
    ]


def test_csv_texts_stay_texts() -> None:
    texts = ["NA", "None", "null", "", "1", "1e5", "true", "2024-01-01", "\u2028", "  "]
    content = "label,body\n" + "".join(f'x,"{text}"\n' for text in texts)
    assert [item[1]["body"] for item in read("a.csv", content)] == texts  # type: ignore[index]


def test_csv_with_a_byte_order_mark_and_a_cell_of_5_mb() -> None:
    long = "word, " * 900_000
    for head in ("label,body", '"label","body"'):
        content = b"\xef\xbb\xbf" + f'{head}\nx,"{long}"\ny,z\n'.encode()
        found = read("a.csv", content)
        assert found == [("a.csv:2", row("x", long)), ("a.csv:3", row("y", "z"))]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", None, ["a.csv: no such file"]),
        ("a.csv", "", ["a.csv: the file is empty"]),
        ("a.csv", "label,body\n", []),
        ("a.csv", "label,body,label\nx,y,z\n", ["a.csv:1: columns named twice: 'label'"]),
        ("a.csv", "label,body,,\nx,y,,\n", [("a.csv:2", row("x", "y"))]),
        (
            "a.csv",
            'label,body\nx\n"y\nz",1,2\n\nw,v\n',
            [
                "a.csv: row 1, line 2: expected 2 cells as in the header, got 1",
                "a.csv: row 2, line 3: expected 2 cells as in the header, got 3",
                ("a.csv:6", row("w", "v")),
            ],
        ),
        (
            "a.csv",
            'label,body\nx,y\nz,"never\nclosed\n',
            [
                ("a.csv:2", row("x", "y")),
                "a.csv: row 2, line 4: not readable as CSV (unexpected end of data), "
                f"in the record that begins in line 3{PLAIN}",
            ],
        ),
        (
            "a.csv",
            'label,body\nx,"one" two\n',
            [f"a.csv: row 1, line 2: not readable as CSV (',' expected after '\"'){PLAIN}"],
        ),
        (
            "a.csv",
            b"label,body\nx,caf\xe9\n",
            [
                "a.csv: byte 16, line 2: expected UTF-8 text (invalid continuation byte); "
                f"as windows-1252 it reads 'café' {WINDOWS}",
                ("a.csv:2", row("x", "café")),
            ],
        ),
        (
            "a.csv",
            b"label,body\nx,caf\xc3",
            ["a.csv: byte 16, line 2: expected UTF-8 text (unexpected end of data)"],
        ),
        (
            "a.csv",
            b"label,body\nx,\0\n",
            ["a.csv: byte 13, line 2: expected UTF-8 text, found a NUL byte"],
        ),
        (
            "a.csv",
            "label,body\nx,café\n".encode("utf-16"),
            [("a.csv:2", row("x", "café"))],
        ),
        (
            "a.jsonl",
            '{"a": "é"}\n'.encode("utf-32"),
            [("a.jsonl:1", {"a": "é"})],
        ),
        (
            "a.csv",
            "label,body\n".encode("utf-16-le"),
            [
                "a.csv: byte 1, line 1: expected UTF-8 text, found a NUL byte; "
                "it looks like utf-16-le (data.csv.encoding=utf-16-le)"
            ],
        ),
        (
            "a.csv",
            gzip.compress(b"label,body\nx,y", mtime=0),
            [("a.csv:2", row("x", "y"))],
        ),
        (
            "a.csv",
            b"PK\x03\x04",
            ["a.csv: damaged, not readable as zip (File is not a zip file)"],
        ),
        (
            "a.xls",
            "x",
            [
                "a.xls: unknown kind of table '.xls', expected one of .csv, .tsv, .jsonl, "
                ".ndjson, .json, .parquet; save it as CSV (UTF-8)"
            ],
        ),
        ("a.CSV", "label,body\nx,y\n", [("a.CSV:2", row("x", "y"))]),
        # Many Excels write semicolons, and what is copied from a sheet has tabs.
        (
            "a.csv",
            'label;body\nx;"y;z"\nw;a,b\n',
            [
                ("a.csv:2", row("x", "y;z")),
                ("a.csv:3", row("w", "a,b")),
            ],
        ),
        ("a.csv", "\n\nlabel\tbody\nx\ty;z\n", [("a.csv:4", row("x", "y;z"))]),
        ("a.csv", "label,body;x\ny,z\n", [("a.csv:2", {"label": "y", "body;x": "z"})]),
        ("a.csv", "body\nx;y\n", [("a.csv:2", {"body": "x;y"})]),
        ("a.csv", "\n  \n,,\n", ["a.csv: nothing but blank lines"]),
        ("a.csv", b"\xef\xbb\xbf\n", ["a.csv: nothing but blank lines"]),
        ("a.jsonl", "\n \t\n", ["a.jsonl: nothing but blank lines"]),
        (
            "a.jsonl",
            '{"body": "x", "label": "y", "body": "z"}\n{"a": {"b": 1, "b": 1}}\n{"a": 1}',
            [
                "a.jsonl:1: expected a JSON object per line (key twice: 'body')",
                "a.jsonl:2: expected a JSON object per line (key twice: 'b')",
                ("a.jsonl:3", {"a": 1}),
            ],
        ),
        (
            "a.jsonl",
            b'\xef\xbb\xbf{"id": 7}\r\n\n  \n[1]\n"s"\nnull\n{"a": 1,}\n{"a": "x\xe2\x80\xa8y"}',
            [
                ("a.jsonl:1", {"id": 7}),
                "a.jsonl:4: expected a JSON object, got list",
                "a.jsonl:5: expected a JSON object, got str",
                "a.jsonl:6: expected a JSON object, got NoneType",
                "a.jsonl:7, column 9: expected a JSON object per line (Expecting property name "
                "enclosed in double quotes)",
                ("a.jsonl:8", {"a": "x\u2028y"}),
            ],
        ),
        (
            "a.ndjson",
            "[" * 100_000 + '\n{"n": ' + "9" * 5000 + '}\n{"body": {"nested": [1]}}\n',
            [
                "a.ndjson:1: expected a JSON object per line (nested too deeply)",
                "a.ndjson:2: expected a JSON object per line (Exceeds the limit (4300 digits) "
                "for integer string conversion: value has 5000 digits)",
                ("a.ndjson:3", {"body": {"nested": [1]}}),
            ],
        ),
        ("a.json", '{"a": 1}', [("a.json", {"a": 1})]),
        (
            "a.json",
            '[{"a": 1}, 2]',
            [("a.json, item 1", {"a": 1}), "a.json, item 2: expected a JSON object, got int"],
        ),
        (
            "a.json",
            "[\n{bad}]",
            [
                "a.json:2, column 2: expected a JSON object or a list of them (Expecting "
                "property name enclosed in double quotes)"
            ],
        ),
        (
            "a.json",
            "[" * 100_000,
            ["a.json: expected a JSON object or a list of them (nested too deeply)"],
        ),
        (
            "a.parquet",
            b"PAR1 and no more",
            [
                "a.parquet: not readable as Parquet (Parquet magic bytes not found in footer. "
                "Either the file is corrupted or this is not a parquet file.)"
            ],
        ),
        ("a.parquet", b"", ["a.parquet: the file is empty"]),
    ],
)
def test_what_a_file_gives(name: str, content: str | bytes | None, expected: list[Any]) -> None:
    assert read(name, content) == expected


@pytest.mark.parametrize(
    ("before", "flaw", "byte", "reason"),
    [
        (MIB - 1, b"\xff", MIB - 1, "invalid start byte"),
        (MIB, b"\xff", MIB, "invalid start byte"),
        (MIB - 1, b"\xc3(", MIB - 1, "invalid continuation byte"),
        (MIB - 3, b"\xf0\x9f\x93(", MIB - 3, "invalid continuation byte"),
        (MIB - 2, "é".encode() + b"\xe9.", MIB, "invalid continuation byte"),
        (MIB - 1, "é".encode() + b"\xff", MIB + 1, "invalid start byte"),
        (2 * MIB - 1, b"\xe2\x82", 2 * MIB - 1, "unexpected end of data"),
    ],
)
def test_a_bad_byte_is_found_at_its_offset_across_chunks(
    before: int, flaw: bytes, byte: int, reason: str
) -> None:
    Path("a.txt").write_bytes(b"a" * before + flaw)
    assert text_flaw(Path("a.txt")) == f"a.txt: byte {byte}: expected UTF-8 text ({reason})"


@pytest.mark.parametrize("before", range(MIB - 4, MIB + 1))
def test_a_character_across_a_chunk_is_whole(before: int) -> None:
    head = b"body\n"
    [found] = read("a.csv", head + b"a" * (before - len(head)) + "📰".encode())
    assert found == ("a.csv:2", {"body": "a" * (before - len(head)) + "📰"})


def parquet(columns: dict[str, Any], **options: Any) -> bytes:
    buffer = BytesIO()
    pq.write_table(pa.table(columns), buffer, **options)
    return buffer.getvalue()


def test_parquet_rows_and_their_types() -> None:
    day = datetime(2024, 1, 2)
    content = parquet(
        {
            "id": pa.array([1, 2]),
            "body": pa.array(["a", None]).dictionary_encode(),
            "published": pa.array([day, day], pa.timestamp("ms")),
        }
    )
    assert read("a.parquet", content) == [
        ("a.parquet, row 1", {"id": 1, "body": "a", "published": day}),
        ("a.parquet, row 2", {"id": 2, "body": None, "published": day}),
    ]


def test_damaged_parquet_is_one_problem() -> None:
    good = parquet({"body": [f"text {n} " * 20 for n in range(500)]}, compression="snappy")
    damaged = bytearray(good)
    damaged[1000:1200] = b"\xff" * 200
    [message] = read("a.parquet", bytes(damaged))
    assert isinstance(message, str)
    assert message.startswith("a.parquet: not readable as Parquet (")
    not_utf8 = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe")]
    )
    for array in (not_utf8, pa.array([2**40], pa.timestamp("s"))):
        [message] = read("a.parquet", parquet({"x": array}))
        assert isinstance(message, str)
        assert message.startswith("a.parquet: not readable as Parquet (")
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    pq.write_table(twice, "b.parquet")
    assert read("b.parquet", None) == ["b.parquet: columns named twice: 'a'"]


def test_jsonl_from_a_stream_names_the_bad_line_and_goes_on() -> None:
    items = list(read_jsonl(BytesIO(b'{"a": 1}\n\xff\n{"a": 2}\n'), "stdin"))
    assert [getattr(item, "values", None) for item in items] == [{"a": 1}, None, {"a": 2}]
    assert isinstance(items[1], Problem)
    assert items[1].message == "stdin:2: byte 0 of the line: expected UTF-8 (invalid start byte)"


def test_read_text() -> None:
    path = Path("a.txt")
    path.write_bytes(b"\xef\xbb\xbfR\xc3\xa9sum\xc3\xa9")
    assert read_text(path) == "Résumé"
    path.write_bytes(b"R\xe9sum\xe9")
    with pytest.raises(InputError, match=r"^a\.txt: byte 1: expected UTF-8 text"):
        read_text(path)
    with pytest.raises(InputError, match=r"^\.: expected a file, this is a folder$"):
        read_text(Path())


@pytest.mark.parametrize(
    ("name", "head", "tail", "message"),
    [
        ("a.csv", "label,body\nx,", "\nz,w\n", "a.csv: row 1, line 2: not readable as CSV ({})"),
        (
            "a.csv",
            'label,body\nx,"one\n',
            '"\nz,w\n',
            "a.csv: row 1, line 3: not readable as CSV ({}), in the record that begins in line 2",
        ),
        ("a.jsonl", '{"a": 1}\n{"a": "', '"}\n{"a": 2}\n', "a.jsonl:2: {}"),
    ],
)
def test_a_line_without_end_is_not_read_into_memory(
    name: str, head: str, tail: str, message: str
) -> None:
    with Path(name).open("w") as stream:
        stream.write(head)
        for _ in range(100):
            stream.write("x" * MIB)
        stream.write(tail)
    reason = "a line of more than 33,554,432 characters; is a line end missing?"
    tracemalloc.start()
    assert read(name, None)[-1] == message.format(reason)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 80 * MIB


def test_parquet_with_checksums_tells_of_a_changed_byte() -> None:
    good = parquet(
        {"body": ["Wheat fell."] * 3},
        write_page_checksum=True,
        write_statistics=False,
        compression="none",
        use_dictionary=False,
    )
    assert len(read("a.parquet", good)) == 3
    [message] = read("a.parquet", good.replace(b"Wheat", b"Whaet", 1))
    assert isinstance(message, str)
    assert message.startswith("a.parquet: not readable as Parquet (could not verify page integrity")
