"""Small data sets for the tests of the checks."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest

from newsstand.data.load import NewsData
from newsstand.data.prepare import FEATURES, content_key
from newsstand.data.readers.sources import SPLITS, UNUSED
from newsstand.data.splits.near_duplicates import NearDuplicates
from newsstand.labels import LabelSet
from newsstand.text.article import Article
from newsstand.text.normalize import TextSpec, normalise

Rows = list[dict[str, Any]]

PLAIN = """the council said that a new bridge over river will be built next year and people from
both towns were asked what they think about it while our mayor would not tell when work could begin
or who is going to pay for this after all these months of talk"""
MARKS = {
    "sport": "goal match keeper striker coach league penalty final referee season",
    "economy": "shares bank interest profit market bonds dividend inflation trade budget",
}


def written(rng: random.Random, marks: str = "", length: int = 40) -> str:
    """A text of plain words and some of the marks, long enough to identify its language."""
    words = rng.choices(PLAIN.split(), k=length)
    words += rng.choices(marks.split(), k=8) if marks else []
    rng.shuffle(words)
    return f"{' '.join(words).capitalize()}."


def made(count: int = 200, *, seed: int = 0, marked: bool = True) -> Rows:
    """Rows of two topics: three fifths for training, one for validation, one for testing."""
    rng = random.Random(seed)
    rows = []
    for number in range(count):
        label = ("sport", "economy")[number % 2]
        split = ("train", "train", "train", "validation", "test")[number // 2 % 5]
        body = written(rng, MARKS[label] if marked else "")
        rows.append({"id": f"r{number}", "body": body, "label": label, "split": split})
    return rows


def news_of(
    rows: Rows,
    *,
    near: Sequence[tuple[int, int]] | None = (),
    problems: Sequence[str] = (),
    left_out: dict[str, int] | None = None,
) -> NewsData:
    """Data in the form of the loader's result; `given` is the split in the files if it differs."""
    names = sorted({row["label"] for row in rows})
    features = datasets.Features({**FEATURES, "label": datasets.ClassLabel(names=names)})
    columns: dict[str, list[Any]] = {name: [] for name in features}
    for row in rows:
        values = {"title": "", **row, "split": row.get("given", row["split"]) or None}
        prepared = normalise(Article(title=values["title"], body=values["body"]), TextSpec())
        title, body = prepared.title.text, prepared.body.text
        values |= {"prepared_title": title, "prepared_body": body, "warning": prepared.warning}
        values["text_key"] = content_key(f"{title}\n\n{body}" if title else body)
        values["removed"] = [
            {"part": x.part, "start": x.start, "end": x.end, "rule": x.rule}
            for x in prepared.removed
        ]
        for name, column in columns.items():
            column.append(values.get(name))
    pairs = np.array(near if near is not None else (), dtype=np.int64).reshape(-1, 2)
    cluster = np.arange(len(rows))
    for first, second in pairs.tolist():
        cluster[cluster == cluster[second]] = cluster[first]
    found = NearDuplicates(cluster, pairs, np.full(len(pairs), 0.8, dtype=np.float32))
    return NewsData(
        rows=datasets.Dataset.from_dict(columns, features=features),
        labels=LabelSet("from-data", {name: name for name in names}),
        split=[row["split"] if row["split"] in SPLITS else "" for row in rows],
        left_out=left_out or {},
        near_duplicates=None if near is None else found,
        note="",
        problems=list(problems),
        ties=0,
        digest="0123456789abcdef0123456789abcdef",
        cached=False,
        folder=Path(),
    )


@pytest.fixture
def make_rows() -> Callable[..., Rows]:
    return made


@pytest.fixture
def make_news() -> Callable[..., NewsData]:
    return news_of


@pytest.fixture
def write() -> Callable[..., str]:
    return written


@pytest.fixture
def unused() -> str:
    return UNUSED


@pytest.fixture
def in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Changes the working directory to the test's temporary folder."""
    monkeypatch.chdir(tmp_path)
