"""The corpus's second edition, while it is written: what every part of it holds to."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import newsstand.data
from newsstand.labels import IPTC_MEDIA_TOPICS

Rows = list[dict[str, Any]]

FOLDER = Path(newsstand.data.__file__).parent / "corpus" / "second-edition"
STANCES = {"favor", "against", "neutral"}
KINDS = {"own", "opposite", "quoted", "related", "claim"}


@pytest.fixture(scope="module")
def rows() -> Rows:
    files = (FOLDER / f"{name}.jsonl" for name in ("articles", "passages", "arguments"))
    lines = (file.read_text(encoding="utf-8").splitlines() for file in files)
    return [json.loads(line) for part in lines for line in part]


def flaws(rows: Rows) -> Iterator[str]:
    ids = Counter(row["id"] for row in rows)
    yield from (f"{name}: {count} times" for name, count in ids.items() if count > 1)
    splits: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in rows:
        yield from (f"{row['id']}: {flaw}" for flaw in row_flaws(row))
        for kind in ("debate", "group", "family"):
            if row.get(kind):
                splits[kind, row[kind]].add(row["split"])
        for stance in row["stances"]:
            splits["target", stance["target"]].add(row["split"])
    yield from (f"{what} in {sorted(found)}" for what, found in splits.items() if len(found) > 1)


def row_flaws(row: dict[str, Any]) -> Iterator[str]:
    if row["split"] not in ("train", "validation", "test"):
        yield f"split {row['split']}"
    for topic in row.get("topics", []):
        if topic not in IPTC_MEDIA_TOPICS:
            yield f"topic {topic}"
    targets = [stance["target"] for stance in row["stances"]]
    if len(set(targets)) < len(targets):
        yield "a target twice"
    for stance in row["stances"]:
        if stance["label"] not in STANCES or stance["kind"] not in KINDS or not stance["target"]:
            yield f"stance {stance}"
    for voice in row.get("voices", []):
        said = row["body"][voice["start"] : voice["end"]]
        if not said.strip() or len(said) != voice["end"] - voice["start"]:
            yield f"voice {voice}"


def repeated(rows: Rows) -> Iterator[str]:
    """Eight words in a row that stand in more than two texts, minimal pairs counted once."""
    found: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for row in rows:
        words = re.findall(r"\w+", f"{row.get('title', '')} {row['body']}".lower())
        for start in range(len(words) - 7):
            found[tuple(words[start : start + 8])].add(row.get("family") or row["id"])
    yield from (f"{' '.join(x)}: {sorted(y)}" for x, y in found.items() if len(y) > 2)


def test_rows_are_right(rows: Rows) -> None:
    assert not list(flaws(rows))


def test_no_text_repeats_another(rows: Rows) -> None:
    assert not list(repeated(rows))


def test_damage_is_found(rows: Rows) -> None:
    """The checks above can fail."""
    [article] = [row for row in rows if row["id"] == "pol-001"]
    damaged = [
        {**article, "split": "dev"},
        {**article, "topics": ["18000000"]},
        {**article, "stances": [{"target": "t", "label": "pro", "kind": "own"}]},
        {**article, "stances": [{"target": "t", "label": "favor", "kind": "own"}] * 2},
        {**article, "voices": [{"start": 0, "end": 10**6}]},
        {**article, "group": next(x["group"] for x in rows if x["split"] == "test")},
    ]
    for row in damaged:
        assert list(flaws([*rows, {**row, "id": "new"}]))
    assert list(flaws([*rows, article]))
    sentence = "nobody here had ever seen the like of it before"
    assert list(repeated([{**article, "id": str(n), "body": sentence} for n in range(3)]))
