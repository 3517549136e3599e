"""The embedded corpus: what its datasheet promises, and what would make it useless.

Every check is a function from articles to complaints. It must have none about the articles as
shipped, and some about a copy damaged on purpose.
"""

import copy
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score

import newsstand.data
from newsstand.article import Article
from newsstand.encode import Example, encode
from newsstand.labels import IPTC_MEDIA_TOPICS
from newsstand.linear import FeatureSpec, count
from newsstand.text import Part, Prepared, TextSpec
from newsstand.train.fit_linear import fit_linear

Articles = list[dict[str, Any]]
Check = Callable[[Articles], Iterator[str]]

FOLDER = Path(newsstand.data.__file__).parent / "corpus"
STANCES = ("favor", "against", "neutral")
SPLITS = ("train", "validation", "test")
KEYS = {
    *("id", "title", "body", "label", "outlet", "author", "published", "url", "language"),
    *("group", "genre", "voice", "stances", "split"),
}
GENRES = {
    *("agency report", "broadsheet report", "tabloid", "local paper", "opinion", "editorial"),
    *("interview", "analysis", "press release", "live blog", "obituary", "review", "explainer"),
    "letter to the editor",
}
OPINION = {"opinion", "editorial", "letter to the editor"}


@pytest.fixture(scope="module")
def articles() -> Articles:
    lines = (FOLDER / "articles.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def pairs(articles: Articles) -> list[tuple[dict[str, Any], str, str]]:
    return [(a, s["target"], s["label"]) for a in articles for s in a["stances"]]


def example(article: dict[str, Any]) -> Example:
    return encode(Article(title=article["title"], body=article["body"]), None, TextSpec())


def schema(articles: Articles) -> Iterator[str]:
    seen: set[str] = set()
    for article in articles:
        name = article["id"]
        if set(article) != KEYS:
            yield f"{name}: keys {sorted(set(article) ^ KEYS)}"
        if name in seen:
            yield f"{name}: twice"
        seen.add(name)
        if not re.fullmatch(r"(19[89]|20[012])\d-\d\d-\d\d", article["published"]):
            yield f"{name}: published {article['published']}"
        for key in ("title", "body", "outlet", "group"):
            if not article[key].strip():
                yield f"{name}: {key} is empty"
        if article["genre"] not in GENRES or article["split"] not in SPLITS:
            yield f"{name}: {article['genre']}, {article['split']}"


def lengths(articles: Articles) -> Iterator[str]:
    counts = {a["id"]: len(a["body"].split()) for a in articles}
    yield from (f"{name}: {n} words" for name, n in counts.items() if not 90 <= n <= 260)
    if sum(counts.values()) < 75_000:
        yield f"{sum(counts.values())} words in all"
    if np.std(list(counts.values())) < 25:
        yield "all articles are of one length"


def topics(articles: Articles) -> Iterator[str]:
    counts = Counter(a["label"] for a in articles)
    in_split = Counter((a["label"], a["split"]) for a in articles)
    for label in {*IPTC_MEDIA_TOPICS, *counts}:
        if label not in IPTC_MEDIA_TOPICS or counts[label] < 30:
            yield f"{label}: {counts[label]} articles"
        if min(in_split[label, "validation"] / 2, in_split[label, "test"] / 4) < 1:
            yield f"{label}: too few to validate or test"


def genres(articles: Articles) -> Iterator[str]:
    counts = Counter(a["genre"] for a in articles)
    yield from (f"no {genre}" for genre in GENRES - set(counts))
    if sum(counts[genre] for genre in OPINION) < 110:
        yield f"{sum(counts[genre] for genre in OPINION)} pieces of opinion"
    if len({a["outlet"] for a in articles}) < 40:
        yield "too few outlets"
    marked = sum(bool(example(a).prepared.removed) for a in articles)
    if not 0.3 * len(articles) <= marked <= 0.7 * len(articles):
        yield f"boilerplate found in {marked}"


def stances(articles: Articles) -> Iterator[str]:
    found = pairs(articles)
    of_target: dict[str, set[str]] = defaultdict(set)
    for _, target, label in found:
        of_target[target].add(label)
    if len(of_target) < 50 or len(found) < 400:
        yield f"{len(of_target)} targets, {len(found)} pairs"
    yield from (f"{t}: only {sorted(x)}" for t, x in of_target.items() if len(x) < 3)
    for label, n in Counter(label for *_, label in found).items():
        if not 0.28 <= n / len(found) <= 0.40:
            yield f"{label}: {n} of {len(found)}"


def double_stances(articles: Articles) -> Iterator[str]:
    double = [[s["label"] for s in a["stances"]] for a in articles if len(a["stances"]) > 1]
    opposite = sum({"favor", "against"} <= set(labels) for labels in double)
    if len(double) < 50 or opposite < 20:
        yield f"{len(double)} articles with two stances, {opposite} of them opposite"
    yield from (
        f"{a['id']}: a target twice"
        for a in articles
        if len({s["target"] for s in a["stances"]}) < len(a["stances"])
    )


def splits(articles: Articles) -> Iterator[str]:
    groups: dict[str, set[str]] = defaultdict(set)
    where: dict[str, set[str]] = defaultdict(set)
    for article in articles:
        groups[article["group"]].add(article["split"])
        for stance in article["stances"]:
            where[stance["target"]].add(article["split"])
    yield from (f"story {g} is in {sorted(x)}" for g, x in groups.items() if len(x) > 1)
    unseen = [target for target, found in where.items() if found == {"test"}]
    if len(unseen) < 15:
        yield f"{len(unseen)} unseen targets"
    outlets = {s: {a["outlet"] for a in articles if a["split"] == s} for s in SPLITS}
    if len(outlets["test"] - outlets["train"] - outlets["validation"]) < 5:
        yield "too few unseen outlets"


def repeats(articles: Articles) -> Iterator[str]:
    eights: dict[tuple[str, ...], set[str]] = defaultdict(set)
    fives: dict[tuple[str, ...], set[str]] = defaultdict(set)
    sizes: dict[str, int] = {}
    for article in articles:
        # Boilerplate repeats by nature, so it does not count.
        words = re.findall(r"\w+", example(article).text.lower())
        for start in range(len(words) - 7):
            eights[tuple(words[start : start + 8])].add(article["id"])
        own = {tuple(words[i : i + 5]) for i in range(len(words) - 4)}
        sizes[article["id"]] = len(own)
        for five in own:
            fives[five].add(article["id"])
    yield from (f"{' '.join(k)}: {sorted(v)}" for k, v in eights.items() if len(v) > 2)
    shared = Counter(pair for ids in fives.values() for pair in combinations(sorted(ids), 2))
    for (one, other), n in shared.items():
        if n / (sizes[one] + sizes[other] - n) > 0.05:
            yield f"{one} and {other} share {n} word 5-grams"
    starts = Counter(tuple(example(a).prepared.body.text.lower().split()[:4]) for a in articles)
    yield from (f"{n} articles begin with {s}" for s, n in starts.items() if n > 3)


def each(articles: Articles, key: str, value: Any, step: int = 1) -> None:
    for article in articles[::step]:
        article[key] = copy.deepcopy(value)


def relabel(articles: Articles, target: str | None, label: str) -> None:
    for article in articles:
        for stance in article["stances"]:
            if target in (None, stance["target"]):
                stance["label"] = label


def retarget(articles: Articles) -> None:
    for article in articles:
        for stance in article["stances"]:
            stance["target"] = stance["target"][:1]


def split_a_story(articles: Articles) -> None:
    test = next(a for a in articles if a["split"] == "test")
    next(a for a in articles if a["split"] == "train")["group"] = test["group"]


def show_all_outlets(articles: Articles) -> None:
    for test, train in zip(
        (a for a in articles if a["split"] == "test"),
        (a for a in articles if a["split"] == "train"),
        strict=False,
    ):
        train["outlet"] = test["outlet"]


def repeat_a_sentence(articles: Articles) -> None:
    sentence = " Nobody in the old town had ever seen the like before."
    for article in articles[:3]:
        article["body"] += sentence


def begin_alike(articles: Articles) -> None:
    for article in articles[:4]:
        article["body"] = "Once upon a time it rained. " + article["body"]


def cut(articles: Articles, words: int) -> None:
    for article in articles:
        article["body"] = " ".join(article["body"].split()[:words])


# Check, what the damage does, the damage: every condition of every check is broken once.
CHECKS: list[tuple[Check, str, Callable[[Articles], Any]]] = [
    (schema, "an id twice", lambda rows: each(rows[:2], "id", "x-1")),
    (schema, "a key too many", lambda rows: each(rows[:1], "note", "")),
    (schema, "a wrong date", lambda rows: each(rows[:1], "published", "1 May 2001")),
    (schema, "an empty body", lambda rows: each(rows[:1], "body", " ")),
    (schema, "an unknown genre", lambda rows: each(rows[:1], "genre", "poem")),
    (schema, "an unknown split", lambda rows: each(rows[:1], "split", "dev")),
    (lengths, "one too short", lambda rows: each(rows[:1], "body", "Too short.")),
    (lengths, "too few words in all", lambda rows: rows.__delitem__(slice(100, None))),
    (lengths, "all of one length", lambda rows: cut(rows, 107)),
    (topics, "an unknown topic", lambda rows: each(rows[:1], "label", "18000000")),
    (topics, "a topic too small", lambda rows: each(rows[:1], "label", "17000000")),
    (topics, "nothing to test", lambda rows: each(rows[:30], "split", "train")),
    (genres, "a genre missing", lambda rows: each(rows, "genre", "opinion")),
    (genres, "no opinion", lambda rows: each(rows, "genre", "analysis")),
    (genres, "one outlet", lambda rows: each(rows, "outlet", "The Lantern")),
    (genres, "no boilerplate", lambda rows: each(rows, "body", "Rain fell. " * 50)),
    (stances, "one target always in favor", lambda rows: relabel(rows, "the sugar tax", "favor")),
    (stances, "shares off balance", lambda rows: relabel(rows, None, "neutral")),
    (stances, "too few targets", retarget),
    (double_stances, "none", lambda rows: [a["stances"].__delitem__(slice(1, 9)) for a in rows]),
    (double_stances, "none opposite", lambda rows: relabel(rows, None, "favor")),
    (
        double_stances,
        "a target twice",
        lambda rows: [a["stances"].extend(a["stances"]) for a in rows],
    ),
    (splits, "a story on both sides", split_a_story),
    (splits, "no unseen target", lambda rows: each(rows, "split", "train", step=2)),
    (splits, "no unseen outlet", show_all_outlets),
    (repeats, "a body twice", lambda rows: each(rows[:2], "body", rows[0]["body"])),
    (repeats, "a sentence three times", repeat_a_sentence),
    (repeats, "four begin alike", begin_alike),
]


@pytest.mark.parametrize("check", list(dict.fromkeys(check for check, *_ in CHECKS)))
def test_the_corpus_holds(articles: Articles, check: Check) -> None:
    assert list(check(articles)) == []


@pytest.mark.parametrize(
    ("check", "what", "damage"), CHECKS, ids=lambda x: getattr(x, "__name__", x)
)
def test_every_check_can_fail(
    articles: Articles, check: Check, what: str, damage: Callable[[Articles], Any]
) -> None:
    damaged = copy.deepcopy(articles)
    damage(damaged)
    assert list(check(damaged)) != [], what


def test_the_files_are_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 1_500_000


def test_the_datasheet_counts_what_is_there(articles: Articles) -> None:
    sheet = (FOLDER / "DATASHEET.md").read_text(encoding="utf-8")
    assert f"holds {len(articles)} fictional news articles" in sheet
    sizes = sorted(len(article["body"].split()) for article in articles)
    assert f"articles of {sizes[0]} to {sizes[-1]} words" in sheet
    for split in SPLITS:
        part = [article for article in articles if article["split"] == split]
        counts = Counter(label for *_, label in pairs(part))
        row = [len(part), sum(counts.values()), *(counts[label] for label in STANCES)]
        assert f"| {split} | {' | '.join(map(str, row))} |" in sheet
    for name, value in stance_baselines(articles).items():
        assert f"| {name} | {value:.2f} |" in sheet


# Words of mood, as a sentiment lexicon would have them; none is a stance by itself.
GOOD = """
admirable best better bold brave bright calm celebrate charming cheer clever decent delight
delighted eager elegant enjoy excellent fair fine fond friendly fun generous gentle gift glad good
grace graceful grand grateful great happy heal help helpful honest honour hope hopeful improve joy
kind kindness likeable lovely loyal lucky marvel modest neat nice noble peace perfect pleasant
please pleased pleasure praise pride prize proud remarkable rescue respect rich right safe safer
sensible smile splendid strong success succeed superb support sweet thank thanks thrive tidy
triumph trust useful warm welcome wise win wonder wonderful worth
"""
BAD = """
abuse afraid alarm anger angry ashamed awful bad betray betrayal bitter blame broken cheat cold
collapse corrupt cost costly coward crime crisis cruel cynical damage danger dangerous dead death
despair die dirty disaster disgrace dismal dread dreadful fail failed failure false fault fear
filthy folly foolish fraud furious grave greed grief guilty harm hate horror hurt idle ill
injury insult killed lie lies lose loss lost mad mean mess miserable misery mistake mock nonsense
outrage pain panic poison poor rage reckless risk rotten rude sad scandal scared shabby shame
shameful sick squander stupid suffer terrible threat tired trouble ugly unfair useless victim
vile waste weak wicked worry worse worst wrong
"""


def text_example(text: str) -> Example:
    return Example(Prepared(Part(""), Part(text), (), 0.0, None))


def stance_baselines(articles: Articles) -> dict[str, float]:
    """Macro-F1 of stance predictors that should not be able to do well, on the test pairs."""
    train = pairs([a for a in articles if a["split"] != "test"])
    test = pairs([a for a in articles if a["split"] == "test"])
    known = {target for _, target, _ in train}
    seen = [pair for pair in test if pair[1] in known]

    def truth(rows: list[tuple[dict[str, Any], str, str]]) -> list[int]:
        return [STANCES.index(label) for *_, label in rows]

    def bag_of_words(see: Callable[[dict[str, Any], str], str], rows: Any) -> float:
        spec = FeatureSpec(words=(1, 1), bits=18)
        model = fit_linear(
            count(spec, [text_example(see(a, t)) for a, t, _ in train]),
            np.array(truth(train)),
            spec=spec,
            classifier="svc",
            C=1.0,
            class_weight="balanced",
            seed=0,
        )
        found = model.forward([text_example(see(a, t)) for a, t, _ in rows]).argmax(axis=1)
        return float(f1_score(truth(rows), found, average="macro"))

    def mood(article: dict[str, Any]) -> float:
        words = re.findall(r"[a-z]+", f"{article['title']} {article['body']}".lower())
        count = Counter(words)
        balance = sum(count[w] for w in GOOD.split()) - sum(count[w] for w in BAD.split())
        return 100 * balance / len(words)

    def by_mood(rows: Any, low: float, high: float) -> float:
        found = [1 if mood(a) < low else 0 if mood(a) > high else 2 for a, *_ in rows]
        return float(f1_score(truth(rows), found, average="macro"))

    steps = [-3, -2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 3]
    limits = [(low, high) for low in steps for high in steps if low <= high]
    low, high = max(limits, key=lambda pair: by_mood(train, *pair))
    return {
        "target alone, seen targets": bag_of_words(lambda _, target: target, seen),
        "text alone": bag_of_words(lambda a, _: example(a).text, test),
        "count of mood words": by_mood(test, low, high),
    }


def test_stance_is_not_given_away(articles: Articles) -> None:
    found = stance_baselines(articles)
    assert found["target alone, seen targets"] <= 0.40
    assert found["count of mood words"] <= 0.45
