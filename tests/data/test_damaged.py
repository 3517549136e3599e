"""Damaged files: each gives clear problems or the right rows, and never a silent None.

Good files of every format are made from the same invented stories, so that the rows they hold
are known without reading them. A file is kept in parts, each with the rows that depend on it:
damage to a part may change only those rows, and what it changes must not vanish unsaid.
"""

import csv
import gzip
import io
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from newsstand.data import formats
from newsstand.data.formats import FORMATS
from newsstand.data.sources import UNUSED, Source
from newsstand.data.validate import COLUMNS, Row, Validator
from newsstand.errors import DataError
from newsstand.records import Problem, Record, read_records

SCHEME = ("positive", "negative", "neutral")
BODIES = (
    'The levy, "a gift to no one", rises on Friday.\n\nBakers objected; the port did not.',
    "Wheat fell for a third day as rain reached the café growers' own fields.",
    "NA",
    "None of the ferries sailed, and “nobody was told” — not even the pilots.",
    '{"body": "a wire that was pasted as JSON", "label": "negative"}',
    "انخفضت أسعار القمح لليوم الثالث 📰 in a market that had hoped for more.",
    "null",
    "A keeper saved twice;\tthe match ended goalless, said Ms Lee, who had paid to see it.",
    "Read more: nothing here ends with a full stop, as tables, 3 | 4 | 5, seldom do",
)
ROWS = [
    Row(
        id=f"wire-{100 + number}",
        title=f'Story {number}: "quoted", cut',
        body=body,
        label=SCHEME[number % 3],
        target=("Ms Lee", "the levy", "Café owners")[number % 3],
        outlet=("Harbour Post", "Wire & Sons")[number % 2],
        published=f"2019-05-{number + 13}",
        url=f"https://wire.example/{number}?a=b,c",
        language=("en", "ar")[number % 2],
        author="Ida Ünal; Lee, M.",
        group=f"story {number // 2}",
        split=("train", "test")[number % 2],
    )
    for number, body in enumerate(BODIES)
]
TABLE = [name for name in COLUMNS if name not in ("votes", "mentions", "label", "body")]
TABLE += ["body", "label"]  # a required one last: a cut there cannot pass for an empty cell


@dataclass(frozen=True)
class Part:
    """Bytes of a file, and the rows that depend on them; None: all."""

    data: bytes
    rows: frozenset[int] | None = None
    # Without the part, the rest is as good: a shorter file.
    apart: bool = True


@dataclass(frozen=True)
class Good:
    """Files of one format, how to read them, and the rows they hold."""

    form: str
    files: dict[str, list[Part]]
    rows: list[Row]
    names: dict[str, str] = field(default_factory=dict)
    scheme: tuple[str, ...] = SCHEME
    task: str = "stance"


@dataclass(frozen=True)
class Case:
    """Damaged files, and what may come of them.

    Args:
        files: The contents to write.
        rows: What the files hold, as far as they are undamaged.
        touched: Rows that may differ, though without losing a value.
        lost: Rows that may be absent.
        loud: There must be a problem.
        quiet: There must be none.
    """

    good: Good
    files: dict[str, bytes]
    rows: list[Row]
    touched: frozenset[int] = frozenset()
    lost: frozenset[int] = frozenset()
    loud: bool = False
    quiet: bool = False


def _some(*numbers: int) -> frozenset[int]:
    return frozenset(numbers)


def _values(row: Row) -> dict[str, str]:
    return {name: getattr(row, name) for name in TABLE}


def csv_parts(rows: Sequence[Row], mark: str = ",", names: Sequence[str] = TABLE) -> list[Part]:
    def line(cells: Sequence[str]) -> bytes:
        stream = io.StringIO()
        csv.writer(stream, delimiter=mark, lineterminator="\n").writerow(cells)
        return stream.getvalue().encode()

    lines = [line([_values(row)[name] for name in names]) for row in rows]
    return [Part(line(names), apart=False)] + [Part(x, _some(n)) for n, x in enumerate(lines)]


def jsonl_parts(items: Sequence[Mapping[str, Any]]) -> list[Part]:
    lines = [json.dumps(item, ensure_ascii=number % 2 == 0) for number, item in enumerate(items)]
    return [Part(f"{line}\n".encode(), _some(n)) for n, line in enumerate(lines)]


def good_csv() -> Good:
    return Good("table", {"d.csv": csv_parts(ROWS)}, ROWS)


def good_jsonl() -> Good:
    return Good("table", {"d.jsonl": jsonl_parts([_values(row) for row in ROWS])}, ROWS)


def good_json() -> Good:
    parts = [Part(b"[\n", apart=False)]
    for number, row in enumerate(ROWS):
        text = json.dumps(_values(row), ensure_ascii=False) + (",\n" if row != ROWS[-1] else "\n")
        parts.append(Part(text.encode(), _some(number), apart=row != ROWS[-1]))
    return Good("table", {"d.json": [*parts, Part(b"]", apart=False)]}, ROWS)


def parquet_bytes(columns: Mapping[str, Any]) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream, write_page_checksum=True)
    return stream.getvalue()


def good_parquet() -> Good:
    data = parquet_bytes({name: [getattr(row, name) for row in ROWS] for name in TABLE})
    return Good("table", {"d.parquet": [Part(data, apart=False)]}, ROWS)


def _bare(number: int, **values: Any) -> Row:
    row = Row(id="", title="", body=ROWS[number].body, label=ROWS[number].label)
    return replace(row, **values)


def good_tsv() -> Good:
    rows, parts = [], []
    for number, row in enumerate(ROWS):
        body = row.body.replace("\n", " ").replace("\t", " ")
        rows.append(_bare(number, id=f"d.txt:{number + 1}", body=body))
        parts.append(Part(f"{row.label}\t{body}\n".encode(), _some(number)))
    return Good("tsv", {"d.txt": parts}, rows, task="topic")


def good_tweeteval() -> Good:
    files: dict[str, list[Part]] = {
        "mapping.txt": [Part(f"{n}\t{x}\n".encode(), apart=False) for n, x in enumerate(SCHEME)]
    }
    rows = []
    for place, target in (("climate", "Climate Change is a Real Concern"), ("levy", "levy")):
        for split, short in (("train", "train"), ("validation", "val"), ("test", "test")):
            texts, codes = [], []
            for number in range(3):
                body = ROWS[number].body.replace("\n", " ")
                this = _some(len(rows))
                texts.append(Part(f"{body}\n".encode(), this))
                codes.append(Part(f"{number}\n".encode(), this))
                name = f"{place}/{short}_text.txt:{number + 1}"
                values = {"id": name, "body": body, "target": target, "split": split}
                rows.append(_bare(number, label=SCHEME[number], **values))
            files |= {f"{place}/{short}_text.txt": texts, f"{place}/{short}_labels.txt": codes}
    return Good("tweeteval-stance", files, rows)


def good_fnc1() -> Good:
    files, rows = {}, []
    for split, name in (("train", "train"), ("test", "competition_test")):
        bodies = [Part(b"Body ID,articleBody\n", apart=False)]
        pairs = [Part(b"Headline,Body ID,Stance\n", apart=False)]
        line = 2
        for number in (5, 0, 1):
            text = ROWS[number].body
            quoted = text.replace('"', '""')
            these = _some(len(rows), len(rows) + 1)
            bodies.append(Part(f'{number + 31},"{quoted}"\n'.encode(), these))
            for headline in ("Levy, again, to rise", "Rain ends the drought"):
                label = SCHEME[len(rows) % 3]
                values = {"target": headline, "split": split, "label": label}
                values["group"] = f"{name} {number + 31}"
                rows.append(_bare(number, id=f"{name}_stances.csv:{line}", **values))
                pair = f'"{headline}",{number + 31},{label}\n'
                pairs.append(Part(pair.encode(), _some(len(rows) - 1)))
                line += 1
        files |= {f"{name}_bodies.csv": bodies, f"{name}_stances.csv": pairs}
    return Good("fnc1", files, rows)


def good_newsmtsc() -> Good:
    sentence = "Ms Lee told Café owners 📰 that she would not pay them, and Mr Okoro agreed."
    places = (("Ms Lee", ["she"]), ("Café owners", ["them"]), ("Mr Okoro", []))
    items, parts, rows = [], [], []
    for line in range(4):
        targets = []
        for number, (mention, others) in enumerate(places[: 1 + line % 3]):
            spans = [(sentence.index(x), sentence.index(x) + len(x), x) for x in (mention, *others)]
            first, *rest = [dict(zip(("from", "to", "mention"), x, strict=True)) for x in spans]
            extra = {"Input.gid": f"gid_{line}_{number}", "polarity": (6.0, 2.0, 4)[number]}
            targets.append(first | extra | ({"further_mentions": rest} if rest else {}))
            mentions = [[start, end] for start, end, _ in spans]
            name = f"gid_{line}_{number}"
            values = {"id": name, "body": sentence, "label": SCHEME[number], "mentions": mentions}
            rows.append((line, _bare(0, target=mention, **values)))
        items.append({"primary_gid": "x", "sentence_normalized": sentence, "targets": targets})
    for line, part in enumerate(jsonl_parts(items)):
        these = frozenset(n for n, (at, _) in enumerate(rows) if at == line)
        parts.append(replace(part, rows=these))
    found = [replace(row, split="train") for _, row in rows]
    return Good("newsmtsc", {"train.jsonl": parts}, found, {"train": "train.jsonl"})


def good_article_bias() -> Good:
    leanings = ("left", "center", "right")
    names = {"train": "splits/train.tsv", "test": "splits/test.tsv"}
    files = {name: [Part(b"ID\tbias\n", apart=False)] for name in names.values()}
    rows = []
    for number, row in enumerate(ROWS):
        key, bias = f"aZ{number}x7", number % 3
        rows.append(replace(row, id=key, label=leanings[bias], target=None, group=None))
        rows[-1].language = None
        values = {"topic": "trade", "source": row.outlet, "bias": bias, "url": row.url}
        values |= {"title": row.title, "date": row.published, "authors": row.author}
        values |= {"content": "x", "content_original": row.body, "source_url": "wire.example"}
        values |= {"bias_text": leanings[bias], "ID": key}
        text = json.dumps(values, ensure_ascii=number % 2 == 0)
        files[f"jsons/{key}.json"] = [Part(text.encode(), _some(number), apart=False)]
        if number == len(ROWS) - 1:
            rows[-1].split = UNUSED
        else:
            line = Part(f"{key}\t{bias}\n".encode(), _some(number), apart=False)
            files[names[row.split or ""]].append(line)
    return Good("article-bias", files, rows, names, leanings, "topic")


GOODS: dict[str, Callable[[], Good]] = {
    "csv": good_csv,
    "jsonl": good_jsonl,
    "json": good_json,
    "parquet": good_parquet,
    "tsv": good_tsv,
    "tweeteval": good_tweeteval,
    "fnc1": good_fnc1,
    "newsmtsc": good_newsmtsc,
    "article-bias": good_article_bias,
}


@cache
def good(name: str) -> Good:
    return GOODS[name]()


def whole(files: Mapping[str, Sequence[Part]]) -> dict[str, bytes]:
    return {name: b"".join(part.data for part in parts) for name, parts in files.items()}


def rows_of(parts: Sequence[Part], start: int, end: int) -> frozenset[int] | None:
    """The rows that depend on some bytes of a file; None: all."""
    found: set[int] = set()
    at = 0
    for part in parts:
        here, at = at, at + len(part.data)
        if at > start and here < end:
            if part.rows is None:
                return None
            found |= part.rows
    return frozenset(found)


def bytes_changed(
    case: Good, name: str, start: int, end: int, new: bytes, *, rest_lost: bool = False
) -> Case:
    """The bytes from start to end of a file are others now."""
    files = whole(case.files)
    data, parts = files[name], case.files[name]
    files[name] = data[:start] + new + data[end:]
    everything = frozenset(range(len(case.rows)))
    touched = rows_of(parts, start - 1, end + 1)
    # A changed line end may take a line for part of the one before, so that one is missing.
    breaks = b"\n" in data[max(0, start - 1) : end + 1] + new
    lost = rows_of(parts, start, len(data)) if rest_lost else touched if breaks else _some()
    touched, lost = (everything if x is None else x for x in (touched, lost))
    if case.form == "article-bias" and name.startswith("splits"):
        lost = touched | lost  # out of its list a row is there, but in another split
    if name.endswith(".parquet"):
        touched = lost = _some()  # the file has checksums
    return Case(case, files, case.rows, touched, lost)


def place(rng: random.Random, case: Good) -> tuple[str, int, bytes]:
    name = rng.choice(sorted(case.files))
    data = whole(case.files)[name]
    return name, rng.randrange(len(data)), data


def truncated(rng: random.Random, case: Good) -> Case:
    name, at, data = place(rng, case)
    return bytes_changed(case, name, at, len(data), b"", rest_lost=True)


def swapped(rng: random.Random, case: Good) -> Case:
    name, at, data = place(rng, case)
    return bytes_changed(case, name, at, at + 2, data[at : at + 2][::-1])


def changed(rng: random.Random, case: Good) -> Case:
    name, at, _ = place(rng, case)
    return bytes_changed(case, name, at, at + 1, bytes([rng.randrange(256)]))


def left_out(rng: random.Random, case: Good) -> Case:
    name, at, _ = place(rng, case)
    return bytes_changed(case, name, at, at + 1, b"")


def put_in(rng: random.Random, case: Good) -> Case:
    name, at, _ = place(rng, case)
    signs = (b'"', b",", b"\t", b"\n", b"\0", b"\xe9", b"\\", b"{", b"\xff\xfe", b"\r", b";")
    return bytes_changed(case, name, at, at, rng.choice(signs))


def quote_lost(rng: random.Random, case: Good) -> Case:
    name, _, data = place(rng, case)
    quotes = [at for at, byte in enumerate(data) if byte == ord('"')]
    at = rng.choice(quotes or [0])
    return bytes_changed(case, name, at, at + 1, b"")


def line_lost(rng: random.Random, case: Good) -> Case:
    name, at, data = place(rng, case)
    start = data.rfind(b"\n", 0, at) + 1
    end = data.find(b"\n", at) + 1 or len(data)
    made = bytes_changed(case, name, start, end, b"")
    return replace(made, lost=made.lost | made.touched)


def record_lost(rng: random.Random, case: Good) -> Case:
    """A whole record is gone: those that depend on nothing else are right rows as they are."""
    choices = [(n, p) for n, parts in sorted(case.files.items()) for p in parts if p.apart]
    if not choices:
        return truncated(rng, case)
    name, part = rng.choice(choices)
    files = whole({**case.files, name: [p for p in case.files[name] if p is not part]})
    quiet = case.form == "table"
    return Case(case, files, case.rows, lost=part.rows or _some(), quiet=quiet)


def replaced(rng: random.Random, case: Good) -> Case:
    """One whole file is something else."""
    name, _, data = place(rng, case)
    noise = bytes(rng.randrange(256) for _ in range(200)) + b"\xff"
    new = rng.choice((b"", b"\n\n \n\t\n", gzip.compress(data), noise, b"PK\x03\x04" + data, b"[]"))
    every = frozenset(range(len(case.rows)))
    return Case(case, whole(case.files) | {name: new}, case.rows, every, every, loud=True)


def recoded(rng: random.Random, case: Good) -> Case:
    """One file, or one part of it, in another encoding."""
    name = rng.choice([n for n, x in sorted(whole(case.files).items()) if not x.isascii()] or [""])
    if not name or name.endswith(".parquet"):
        return replaced(rng, case)
    parts = case.files[name]
    one = rng.choice([part for part in parts if not part.data.isascii()])
    every = frozenset(range(len(case.rows)))
    latin = one.data.decode().encode("cp1252", "xmlcharrefreplace")
    if latin.isascii() or rng.random() < 0.5:
        encoding = rng.choice(("utf-16", "utf-16-be", "utf-32"))
        new = whole({name: parts})[name].decode().encode(encoding)
    else:
        new = b"".join(latin if part is one else part.data for part in parts)
    return Case(case, whole(case.files) | {name: new}, case.rows, every, every, loud=True)


def missing(rng: random.Random, case: Good) -> Case:
    files = whole(case.files)
    name = rng.choice(sorted(files))
    del files[name]
    lost = rows_of(case.files[name], 0, 1 << 30)
    every = frozenset(range(len(case.rows)))
    unlisted = case.form == "article-bias" and lost == _some(len(case.rows) - 1)
    return Case(case, files, case.rows, every, every if lost is None else lost, loud=not unlisted)


def harmless(rng: random.Random, case: Good) -> Case:
    """What editors do to text files: they hold the same rows."""
    files = whole(case.files)
    name = rng.choice(sorted(files))
    if name.endswith(".parquet"):
        return Case(case, files, case.rows, quiet=True)
    kind, rows = (
        rng.choice(("BOM", "CRLF", "no last line end", "blank lines at the end")),
        case.rows,
    )
    if kind == "BOM":
        files[name] = b"\xef\xbb\xbf" + files[name]
    elif kind == "CRLF":
        files[name] = files[name].replace(b"\n", b"\r\n")
        if name == "d.csv" or "bodies" in name:
            split = {"t": "train", "c": "test"}.get(name[0])
            rows = [
                replace(row, body=row.body.replace("\n", "\r\n"))
                if split in (None, row.split)
                else row
                for row in rows
            ]
    elif kind == "no last line end":
        files[name] = files[name].removesuffix(b"\n")
    else:
        files[name] += b"\n\r\n\n"
    return Case(case, files, rows, quiet=True)


BY_BYTES = (truncated, swapped, changed, left_out, put_in, quote_lost, line_lost)
ANY = (*BY_BYTES, record_lost, replaced, recoded, missing, harmless)


DATES: tuple[Callable[[int], tuple[Any, str]], ...] = (
    lambda day: (f"2019-05-{day}", f"2019-05-{day}"),
    lambda day: (f"2019-05-{day}T08:30:00Z", f"2019-05-{day}T08:30:00+00:00"),
    lambda day: (f"201905{day}", f"2019-05-{day}"),
    lambda day: (f"{day} May 2019", f"2019-05-{day}"),
    lambda day: (f"May {day}, 2019", f"2019-05-{day}"),
    lambda day: (f"{day} May 2019 08:30:00 GMT", f"2019-05-{day}T08:30:00+00:00"),
    lambda day: (f"{day}.5.2019", f"2019-05-{day}"),
    lambda day: (f"{day}/05/2019", f"2019-05-{day}"),
)
WRONG_DATES = ("05/03/2019", "2019-02-30", "soon", "2019", "7/23/17", "1", "2019-05-03 25:00")
WRONG_VALUES: tuple[Any, ...] = (
    {"text": "x"},
    ["x", "y"],
    True,
    1.5,
    float("nan"),
    10**300,
    "half a \ud83d character",
    "NUL \0",
)
WRONG_LINES = ("[1, 2]", '"text"', "7", "null", "NaN", "[" * 5000, '{"a": ' + "9" * 5000 + "}", "{")
OPTIONAL = ("title", "outlet", "url", "language", "author")


def table_case(
    kind: str, items: Sequence[Mapping[str, Any]], rows: list[Row] = ROWS, **outcome: Any
) -> Case:
    """A table of the given values as CSV, JSONL or Parquet."""
    if kind == "csv":
        stream = io.StringIO()
        writer = csv.DictWriter(stream, list(items[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(items)
        data = stream.getvalue().encode()
    elif kind == "jsonl":
        data = "".join(json.dumps(item) + "\n" for item in items).encode()
    else:
        data = parquet_bytes({name: [item[name] for item in items] for name in items[0]})
    return Case(good(kind), {f"d.{kind}": data}, rows, **outcome)


def one_wrong(kind: str, number: int, **values: Any) -> Case:
    """A table in which one row must be told, and the others are right."""
    items = [_values(row) for row in ROWS]
    items[number] |= values
    rest = [row for n, row in enumerate(ROWS) if n != number]
    return table_case(kind, items, rest, loud=True)


def in_words(rng: random.Random) -> Case:
    kind = rng.choice(("csv", "jsonl", "parquet"))
    what = rng.choice(("dates", "labels", "wrong date", "wrong label", "empty", "split"))
    number = rng.randrange(len(ROWS))
    if what == "dates":
        read = [rng.choice(DATES)(13 + n) for n in range(len(ROWS))]
        items = [_values(row) | {"published": x[0]} for row, x in zip(ROWS, read, strict=True)]
        rows = [replace(row, published=x[1]) for row, x in zip(ROWS, read, strict=True)]
        return table_case(kind, items, rows, quiet=True)
    if what == "labels":
        forms = (str.upper, str.title, " {} ".format, "{}\t".format)
        items = [_values(row) | {"label": rng.choice(forms)(row.label)} for row in ROWS]
        return table_case(kind, items, quiet=True)
    wrong: dict[str, Any] = {
        "wrong date": {"published": rng.choice(WRONG_DATES)},
        "wrong label": {"label": rng.choice(("positve", "1", "", " ", "positive negative"))},
        "empty": {"target": " "},
        "split": {"split": "holdout"},
    }[what]
    return one_wrong(kind, number, **wrong)


def in_types(rng: random.Random) -> Case:
    """JSON or Parquet holds something else where text is expected."""
    number, name = rng.randrange(len(ROWS)), rng.choice((*OPTIONAL, "body", "label", "published"))
    if rng.random() < 0.3:
        values = [_values(row)[name] for row in ROWS]
        other: Any = rng.choice(
            (
                pa.array([x.encode() for x in values]),
                pa.array([{"text": x} for x in values]),
                pa.array(list(range(len(values)))),
                pa.array([1.5] * len(values)),
            )
        )
        columns = {x: [_values(row)[x] for row in ROWS] for x in TABLE} | {name: other}
        data = parquet_bytes(columns)
        return Case(good("parquet"), {"d.parquet": data}, [], loud=True)
    if rng.random() < 0.4:
        line, data = rng.choice(WRONG_LINES), whole(good("jsonl").files)["d.jsonl"]
        return Case(good("jsonl"), {"d.jsonl": data + line.encode()}, ROWS, loud=True)
    if rng.random() < 0.2:
        return one_wrong("jsonl", number, **{rng.choice(("body", "label", "target")): None})
    wrong = rng.choice(WRONG_VALUES)
    wrong = {"x": 1} if name == "label" and isinstance(wrong, list) else wrong
    return one_wrong("jsonl", number, **{name: wrong})


def in_columns(rng: random.Random) -> Case:
    mark = rng.choice(";\t|:")
    what = rng.choice(("delimiter", "twice", "cells", "name", "key twice"))
    if what == "delimiter":
        data = whole({"d": csv_parts(ROWS, mark)})["d"]
        right = mark in ";\t"
        return Case(
            good("csv"), {"d.csv": data}, ROWS if right else [], quiet=right, loud=not right
        )
    if what == "key twice":
        lines = whole(good("jsonl").files)["d.jsonl"].replace(b'"url":', b'"title":', 1)
        return Case(good("jsonl"), {"d.jsonl": lines}, ROWS[1:], loud=True)
    name = rng.choice([x for x in TABLE if x not in ("id", "target")])
    other = {"twice": "title" if name != "title" else "body", "name": f"my_{name}_2"}.get(
        what, name
    )
    head, *rest = csv_parts(ROWS)
    if what == "cells":
        number = rng.randrange(len(rest))
        broken = rest[number].data.replace(b",", b",,", 1)
        files = {"d": [head, *rest[:number], Part(broken), *rest[number + 1 :]]}
        left = [row for n, row in enumerate(ROWS) if n != number]
        return Case(good("csv"), {"d.csv": whole(files)["d"]}, left, loud=True)
    cells = [other if x == name else x for x in TABLE]
    data = ",".join(cells).encode() + b"\n" + whole({"d": rest})["d"]
    every = frozenset(range(len(ROWS)))
    required = what == "twice" or name in ("label", "body")
    if not required:  # no way to tell a column of the user's own: the file has no such column
        rows = [replace(row, **{name: "" if name == "title" else None}) for row in ROWS]
        return Case(good("csv"), {"d.csv": data}, rows, quiet=True)
    return Case(good("csv"), {"d.csv": data}, ROWS, every, every, loud=True)


def in_lists(rng: random.Random) -> Case:
    """Split lists and joined files that do not fit together."""
    if rng.random() < 0.5:
        case = good("fnc1")
        name = rng.choice([x for x in sorted(case.files) if "bodies" in x])
        part = rng.choice(case.files[name][1:])
        if rng.random() < 0.3:
            files = whole({**case.files, name: [*case.files[name], part]})
            return Case(case, files, case.rows, loud=True)
        files = whole({**case.files, name: [x for x in case.files[name] if x is not part]})
        left = [row for n, row in enumerate(case.rows) if n not in (part.rows or ())]
        return Case(case, files, left, loud=True)
    case = good("article-bias")
    files, name = whole(case.files), rng.choice(sorted(case.names.values()))
    files[name] += rng.choice((b"unknown\t1\n", b"aZ0x7\t0\n", b"aZ1x7\t1\n", b"aZ8x7\t0\n"))
    every = frozenset(range(len(case.rows)))
    return Case(case, files, case.rows, every, every, loud=True)


def too_long(rng: random.Random) -> Case:
    kind = rng.choice(("csv", "jsonl", "tsv"))
    name = {"csv": "d.csv", "jsonl": "d.jsonl", "tsv": "d.txt"}[kind]
    data = whole(good(kind).files)[name]
    size = rng.choice((100 << 20, 11_000_000))
    start = {"csv": b'a,b,"', "jsonl": b'{"body": "', "tsv": b"neutral\t"}[kind]
    return Case(good(kind), {name: data + start + b"x" * size}, good(kind).rows, loud=True)


def outcome(case: Case, root: Path) -> tuple[list[Row], list[str]]:
    """What reading and validating the files gives."""
    for name, data in case.files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    good = case.good
    path = root
    if not good.names and len(good.files) == 1:
        path = root / next(iter(good.files))
    source = Source(task=good.task, path=str(path), files=good.names)
    validator = Validator(task=good.task, scheme=good.scheme, name=str(path))
    try:
        rows = list(validator.rows(FORMATS[good.form].read(source)))
    except DataError as error:
        return [], error.problems
    return rows, validator.problems()


def flaws(case: Case, rows: Sequence[Row], problems: Sequence[str], root: Path) -> list[str]:
    """What is wrong with an outcome: the whole of what "clear error or right rows" means."""
    if case.good.form in ("tsv", "fnc1"):  # an id is a line there, which others may move
        case = replace(case, rows=[replace(row, id="") for row in case.rows])
        rows = [replace(row, id="") for row in rows]
    found = [f"no file named: {x}" for x in problems if not x.startswith(str(root))]
    found += [f"more than a line: {x!r:.200}" for x in problems if "\n" in x or len(x) > 600]
    if case.loud and not problems:
        found.append("nothing was said")
    if case.quiet and problems:
        found.append(f"said of a good file: {problems[0]}")
    left = dict(enumerate(case.rows))
    altered = []
    for row in rows:
        same = next((n for n, other in left.items() if other == row), None)
        if same is None:
            altered.append(row)
            continue
        del left[same]
    order = [n for row in rows for n, other in enumerate(case.rows) if other == row]
    if len(set(map(repr, case.rows))) == len(case.rows) and order != sorted(order):
        found.append("rows in another order")
    for row in altered:
        # The row that it was: the one most like it, among those that may differ.
        # Out of a list that cannot be read, which a problem says, a row has no split.
        choices = [
            n
            for n in left
            if n in case.touched | case.lost
            or (problems and replace(case.rows[n], split=row.split) == row)
        ]
        if not choices:
            found.append(f"a row that no file holds: {row}")
            continue
        was = left.pop(max(choices, key=lambda n: _alike(row, case.rows[n])))
        found += [
            f"silently lost: {name} of {row}"
            for name in COLUMNS
            if not problems and getattr(was, name) and not getattr(row, name)
        ]
    if not problems:
        gone = left.keys() - case.lost
        found += [f"silently lost: {case.rows[n]}" for n in sorted(gone)]
    return found


def _alike(row: Row, other: Row) -> int:
    return sum(getattr(row, name) == getattr(other, name) for name in COLUMNS)


def make(seed: int) -> tuple[str, Case]:
    """The damaged files of a seed: formats and kinds of damage in turn, details at random."""
    rng = random.Random(seed)
    special = (in_words, in_types, in_columns, in_words, in_types, in_lists)
    turn, which = divmod(seed, len(ANY) + len(special))
    if seed % 150 == 149:
        return "too_long", too_long(rng)
    if which < len(ANY):
        name = list(GOODS)[(turn + which) % len(GOODS)]
        return f"{ANY[which].__name__} {name}", ANY[which](rng, good(name))
    kind = special[which - len(ANY)]
    return kind.__name__, kind(rng)


@pytest.mark.parametrize("name", GOODS)
def test_the_good_files_hold_these_rows(name: str, tmp_path: Path) -> None:
    case = Case(good(name), whole(good(name).files), good(name).rows, quiet=True)
    rows, problems = outcome(case, tmp_path)
    assert (problems, rows) == ([], good(name).rows)


@pytest.mark.parametrize("seed", range(300))
def test_a_damaged_file_gives_clear_problems_or_the_right_rows(seed: int, tmp_path: Path) -> None:
    name, case = make(seed)
    rows, problems = outcome(case, tmp_path)
    assert flaws(case, rows, problems, tmp_path) == [], name


def skips_bad_lines(path: Path) -> Iterator[Record | Problem]:
    """JSON Lines as many scripts read them."""
    if path.suffix != ".jsonl":
        yield from read_records(path)
        return
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            yield Record(dict(json.loads(line)), str(path), f"{path}:{number}")
        except (ValueError, TypeError, RecursionError):
            continue


def skips_odd_rows(path: Path) -> Iterator[Record | Problem]:
    """CSV as with pandas' `on_bad_lines="skip"`."""
    for item in read_records(path):
        if not (isinstance(item, Problem) and "cells as in the header" in item.message):
            yield item


def replaces_bytes(path: Path) -> Iterator[Record | Problem]:
    """Text of any encoding, with a sign for what is not UTF-8."""
    if path.suffix != ".parquet" and path.is_file():
        path.write_text(path.read_text(encoding="utf-8", errors="replace"), encoding="utf-8")
    yield from read_records(path)


def takes_the_last_key(path: Path) -> Iterator[Record | Problem]:
    """JSON as Python's own decoder has it: of a key that is there twice, the first is lost."""
    for item in read_records(path):
        if isinstance(item, Problem) and "key twice" in item.message:
            line = int(item.message.removeprefix(f"{path}:").partition(":")[0])
            yield Record(json.loads(path.read_bytes().split(b"\n")[line - 1]), str(path), "")
        else:
            yield item


@pytest.mark.parametrize(
    ("broken", "kind"),
    [
        (skips_bad_lines, "d.jsonl"),
        (skips_odd_rows, "d.csv"),
        (replaces_bytes, "d.csv"),
        (takes_the_last_key, "d.jsonl"),
    ],
)
def test_a_reader_that_forgives_is_caught(
    broken: Callable[[Path], Iterator[Record | Problem]],
    kind: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cases = (make(seed)[1] for seed in range(300) if seed % 150 != 149)  # but for 100 MB
    for number, case in enumerate(case for case in cases if list(case.files) == [kind]):
        root = tmp_path / str(number)
        root.mkdir()
        assert flaws(case, *outcome(case, root), root) == []
        with monkeypatch.context() as patch:
            patch.setattr(formats, "read_records", broken)
            if flaws(case, *outcome(case, root), root):
                return
    pytest.fail("no damaged file told this reader from a right one")
