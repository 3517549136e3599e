"""The embedded corpus: what its datasheet promises, and what would make it useless."""

import json
import re
from collections import Counter, defaultdict
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

import newsstand.data
from newsstand.labels import IPTC_MEDIA_TOPICS

FOLDER = Path(newsstand.data.__file__).parent / "corpus"
STANCES = {"favor", "against", "neutral"}
KEYS = {
    *("id", "title", "body", "label", "outlet", "author", "published", "url", "language"),
    *("group", "genre", "voice", "stances", "split"),
}


@pytest.fixture(scope="module")
def articles() -> list[dict[str, Any]]:
    lines = (FOLDER / "articles.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def words(article: dict[str, Any]) -> list[str]:
    return re.findall(r"\w+", f"{article['title']} {article['body']}".lower())


def test_every_article_is_complete(articles: list[dict[str, Any]]) -> None:
    assert len({article["id"] for article in articles}) == len(articles)
    for article in articles:
        assert set(article) == KEYS, article["id"]
        assert 80 <= len(article["body"].split()) <= 220, article["id"]
        assert re.fullmatch(r"(19|20)\d\d-\d\d-\d\d", article["published"]), article["id"]
        assert article["title"].strip(), article["id"]
        assert article["outlet"].strip(), article["id"]


def test_topics_are_balanced_over_all_splits(articles: list[dict[str, Any]]) -> None:
    counts = Counter((article["label"], article["split"]) for article in articles)
    assert {label for label, _ in counts} == set(IPTC_MEDIA_TOPICS)
    for label in IPTC_MEDIA_TOPICS:
        assert sum(n for (topic, _), n in counts.items() if topic == label) >= 8
        assert all(counts[label, split] for split in ("train", "validation", "test")), label


def test_every_target_has_all_three_stances(articles: list[dict[str, Any]]) -> None:
    seen: dict[str, set[str]] = defaultdict(set)
    for article in articles:
        for stance in article["stances"]:
            seen[stance["target"]].add(stance["label"])
    assert len(seen) >= 12
    assert all(labels == STANCES for labels in seen.values())


def test_no_story_straddles_a_split(articles: list[dict[str, Any]]) -> None:
    splits: dict[str, set[str]] = defaultdict(set)
    for article in articles:
        splits[article["group"]].add(article["split"])
    assert all(len(found) == 1 for found in splits.values())


def test_no_article_repeats_another(articles: list[dict[str, Any]]) -> None:
    where: dict[tuple[str, ...], set[str]] = defaultdict(set)
    fives: dict[str, set[tuple[str, ...]]] = {}
    for article in articles:
        text = words(article)
        for start in range(len(text) - 7):
            where[tuple(text[start : start + 8])].add(article["id"])
        fives[article["id"]] = {tuple(text[i : i + 5]) for i in range(len(text) - 4)}
    assert [ids for ids in where.values() if len(ids) > 2] == []
    for (one, left), (other, right) in combinations(fives.items(), 2):
        assert len(left & right) / len(left | right) <= 0.05, (one, other)


def test_the_datasheet_counts_what_is_there(articles: list[dict[str, Any]]) -> None:
    sheet = (FOLDER / "DATASHEET.md").read_text(encoding="utf-8")
    assert f"holds {len(articles)} fictional news articles" in sheet
    lengths = sorted(len(article["body"].split()) for article in articles)
    assert f"articles of {lengths[0]} to {lengths[-1]} words" in sheet
    for split in ("train", "validation", "test"):
        part = [article for article in articles if article["split"] == split]
        labels = Counter(s["label"] for article in part for s in article["stances"])
        row = [
            len(part),
            sum(labels.values()),
            *(labels[x] for x in ("favor", "against", "neutral")),
        ]
        assert f"| {split} | {' | '.join(map(str, row))} |" in sheet
