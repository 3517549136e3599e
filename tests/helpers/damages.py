"""Damage to good files, of every kind and drawn at random, and what may come of it."""

import bz2
import csv
import gzip
import io
import json
import lzma
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from good_files import (
    GOODS,
    ROWS,
    TABLE,
    Good,
    Part,
    _some,
    _values,
    csv_parts,
    good,
    parquet_bytes,
    rows_of,
    whole,
)
from newsstand.data.validate import Row


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
        # The data has checksums; the footer, which names the columns, has none.
        footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
        touched = lost = everything if end > footer else _some()
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
    packed = gzip.compress(data)
    new = rng.choice((b"", b"\n\n \n\t\n", packed, noise, b"PK\x03\x04" + data, b"[]"))
    every = frozenset(range(len(case.rows)))
    if new is packed and case.form in BY_CONTENT:
        return Case(case, whole(case.files) | {name: new}, case.rows, quiet=True)
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
        if encoding != "utf-16-be" and case.form in BY_CONTENT:  # a byte order mark says it
            return Case(case, whole(case.files) | {name: new}, case.rows, quiet=True)
    else:
        new = b"".join(latin if part is one else part.data for part in parts)
    return Case(case, whole(case.files) | {name: new}, case.rows, every, every, loud=True)


def packed(rng: random.Random, case: Good) -> Case:
    """One file is packed, and that damaged or not: its checksum tells."""
    if case.form not in BY_CONTENT:
        return replaced(rng, case)
    name, _, data = place(rng, case)
    new = bytearray(rng.choice((gzip.compress, bz2.compress, lzma.compress))(data))
    damage = rng.choice(("none", "cut", "changed"))
    at = rng.randrange(len(new))
    if damage == "cut":
        del new[at:]
    elif damage == "changed":
        new[at] ^= 1 << rng.randrange(8)
    files = whole(case.files) | {name: bytes(new)}
    return Case(case, files, case.rows, quiet=damage == "none", loud=damage == "cut")


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


# Formats whose files are known by their first bytes, whatever they are packed or encoded in.
BY_CONTENT = ("table", "newsmtsc", "fnc1", "article-bias")
BY_BYTES = (truncated, swapped, changed, left_out, put_in, quote_lost, line_lost)
ANY = (*BY_BYTES, record_lost, replaced, packed, recoded, missing, harmless)
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
DESCRIBING = ("outlet", "url", "language", "author")


def described(name: str, value: Any) -> tuple[str | None, bool]:
    """What a value of no text is in a column that only describes, and whether that is said."""
    if name == "published":
        return None, value == value
    if isinstance(value, dict | bytes):
        return None, True
    if isinstance(value, list):
        return ", ".join(value), False
    if isinstance(value, str):
        return value.replace("\ud83d", "\ufffd"), "\ud83d" in value
    text = str(value).lower()
    return (None if text == "nan" else text), False


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
    if what == "wrong date":
        return undescribed(kind, number, "published", rng.choice(WRONG_DATES))
    wrong: dict[str, Any] = {
        "wrong label": {"label": rng.choice(("positve", "1", "", " ", "positive negative"))},
        "empty": {"target": " "},
        "split": {"split": "holdout"},
    }[what]
    return one_wrong(kind, number, **wrong)


def in_types(rng: random.Random) -> Case:
    """JSON or Parquet holds something else where text is expected."""
    names = (*DESCRIBING, "title", "body", "label", "published")
    number, name = rng.randrange(len(ROWS)), rng.choice(names)
    if rng.random() < 0.3:
        values = [_values(row)[name] for row in ROWS]
        other: list[Any] = rng.choice(
            (
                [x.encode() for x in values],
                [{"text": x} for x in values],
                list(range(len(values))),
                [1.5] * len(values),
            )
        )
        columns = {x: [_values(row)[x] for row in ROWS] for x in TABLE} | {name: pa.array(other)}
        data = parquet_bytes(columns)
        if name not in (*DESCRIBING, "published"):
            return Case(good("parquet"), {"d.parquet": data}, [], loud=True)
        read = [described(name, x) for x in other]
        rows = [replace(row, **{name: x}) for row, (x, _) in zip(ROWS, read, strict=True)]
        said = read[0][1]
        return Case(good("parquet"), {"d.parquet": data}, rows, loud=said, quiet=not said)
    if rng.random() < 0.4:
        line, data = rng.choice(WRONG_LINES), whole(good("jsonl").files)["d.jsonl"]
        return Case(good("jsonl"), {"d.jsonl": data + line.encode()}, ROWS, loud=True)
    if rng.random() < 0.2:
        return one_wrong("jsonl", number, **{rng.choice(("body", "label", "target")): None})
    wrong = rng.choice(WRONG_VALUES)
    wrong = {"x": 1} if name == "label" and isinstance(wrong, list) else wrong
    if name in (*DESCRIBING, "published"):
        return undescribed("jsonl", number, name, wrong)
    if name == "title" and wrong != wrong:
        return undescribed("jsonl", number, name, wrong, "")
    if name != "label" and isinstance(wrong, str):
        return undescribed("jsonl", number, name, wrong)
    return one_wrong("jsonl", number, **{name: wrong})


def undescribed(kind: str, number: int, name: str, value: Any, empty: str | None = None) -> Case:
    """A table with a value in one row that is read as something else, or as none."""
    text, said = described(name, value)
    items = [_values(row) for row in ROWS]
    items[number] |= {name: value}
    rows = [*ROWS]
    rows[number] = replace(rows[number], **{name: empty if text is None else text})
    return table_case(kind, items, rows, loud=said, quiet=not said)


def in_columns(rng: random.Random) -> Case:
    mark = rng.choice(";\t|:")
    what = rng.choice(("delimiter", "twice", "cells", "name", "key twice"))
    if what == "delimiter":
        data = whole({"d": csv_parts(ROWS, mark)})["d"]
        right = mark != ":"
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
