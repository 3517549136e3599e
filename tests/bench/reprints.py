"""Any number of articles for measuring: those of a folder, then reprints made from them by edits.

The folder holds articles as JSON files (`title`, `content_original`, `date`, `source`,
`bias_text`), such as the `jsons` of article-bias. A reprint has sentences dropped and moved, words
replaced, and a line before it.
"""

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

_GROUP = 2000


def edited(text: str, rng: random.Random) -> str:
    """A reprint: about a tenth of the sentences dropped, two moved, some words replaced."""
    sentences = [x for x in re.split(r"(?<=[.!?])\s+", text) if rng.random() > 0.1] or [text]
    for _ in range(2):
        sentences.insert(
            rng.randrange(len(sentences)), sentences.pop(rng.randrange(len(sentences)))
        )
    words = " ".join(sentences).split(" ")
    for _ in range(len(words) // 40):
        words[rng.randrange(len(words))] = f"{rng.choice(words)}{rng.randrange(100)}"
    return f"Edition {rng.randrange(10**6)}. " + " ".join(words)


def articles(folder: Path, count: int) -> Iterator[dict[str, str | None]]:
    """The folder's articles, then edited ones, up to a count."""
    files = sorted(folder.glob("*.json"))
    rng = random.Random(1)
    for number in range(count):
        row = json.loads(files[number % len(files)].read_text(encoding="utf-8"))
        body = row["content_original"]
        yield {
            "id": str(number),
            "title": row["title"],
            "body": body if number < len(files) else edited(body, rng),
            "label": row["bias_text"],
            "outlet": row["source"],
            "published": row["date"] or None,
        }


def write(path: Path, folder: Path, count: int) -> None:
    names = ("id", "title", "body", "label", "outlet", "published")
    schema = pa.schema([(name, pa.string()) for name in names])
    with pq.ParquetWriter(path, schema) as writer:
        rows: list[dict[str, str | None]] = []
        for row in articles(folder, count):
            rows.append(row)
            if len(rows) == _GROUP:
                writer.write_table(pa.Table.from_pylist(rows, schema))
                rows.clear()
        if rows:
            writer.write_table(pa.Table.from_pylist(rows, schema))
