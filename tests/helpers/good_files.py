"""Good files of every format, of the same invented stories: the rows they hold are known.

A file is kept in parts, each with the rows that depend on it.
"""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from newsstand.data.readers.sources import UNUSED
from newsstand.data.validate import COLUMNS, Row

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
_OTHERS = ("votes", "mentions", "label", "body", "curriculum")
TABLE = [name for name in COLUMNS if name not in _OTHERS]
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
