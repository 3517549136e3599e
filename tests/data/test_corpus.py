"""The embedded corpus: what its datasheet promises, and what would make it useless.

Every check is a function from rows to complaints. It must have none about the corpus as shipped,
and some about a copy damaged on purpose.
"""

import copy
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

import newsstand.data
from loading import load_rows
from newsstand.data.readers import formats
from newsstand.encoders.hub import MINILM, find_encoder
from newsstand.encoders.torch_encoder import Encoder
from newsstand.features.weighting import FeatureSpec, count
from newsstand.labels import IPTC_MEDIA_TOPICS
from newsstand.text.example import Example
from newsstand.text.normalize import Part, Prepared
from newsstand.train.families.linear_solver import fit_linear

Rows = list[dict[str, Any]]
Check = Callable[[Rows], Iterator[str]]

FOLDER = Path(newsstand.data.__file__).parent / "corpus"
FILES = ("articles", "passages", "arguments")
STANCES = ("against", "favor", "neutral")
SPLITS = ("train", "validation", "test")
KINDS = {"own", "subject", "opposite", "quoted", "related", "claim", "other"}
KEYS = {
    "articles": {
        *("id", "title", "body", "label", "topics", "outlet", "author", "published", "url"),
        *("language", "group", "genre", "voice", "debate", "family", "stances", "voices", "split"),
    },
    "passages": {"id", "body", "genre", "debate", "family", "stances", "split"},
    "arguments": {"id", "body", "kind", "debate", "stances", "split"},
}
CLAIM = re.compile(
    r"[A-Z].*\b(should|must|is|are|does|do|will|can|cannot|has|have|was|were|ought|needs?|\w+s)\b"
)


@pytest.fixture(scope="module")
def rows() -> Rows:
    found = []
    for name in FILES:
        lines = (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        found += [{"file": name, **json.loads(line)} for line in lines]
    return found


def of(rows: Rows, file: str) -> Rows:
    return [row for row in rows if row["file"] == file]


def pairs(rows: Rows, split: str | None = None) -> list[tuple[dict[str, Any], str, str]]:
    return [
        (row, stance["target"], stance["label"])
        for row in rows
        if split in (None, row["split"])
        for stance in row["stances"]
    ]


def at_least(what: str, found: float, wanted: float) -> Iterator[str]:
    if found < wanted:
        yield f"{what}: {found}, expected {wanted}"


def schema(rows: Rows) -> Iterator[str]:
    ids = Counter(row["id"] for row in rows)
    yield from (f"{name}: {n} times" for name, n in ids.items() if n > 1)
    for row in rows:
        name = row["id"]
        if row.keys() - {"file"} != KEYS[row["file"]]:
            yield f"{name}: keys {sorted(row.keys() ^ KEYS[row['file']])}"
        if row["split"] not in SPLITS or not (row["body"] or row.get("title")).strip():
            yield f"{name}: split {row['split']}, or no text"
        if row["file"] == "articles":
            if row["topics"][0] != row["label"] or {*row["topics"]} - {*IPTC_MEDIA_TOPICS}:
                yield f"{name}: {row['label']}, topics {row['topics']}"
            if not re.fullmatch(r"(19[89]|20[012])\d-\d\d-\d\d", row["published"]):
                yield f"{name}: published {row['published']}"
        for stance in row["stances"]:
            if stance["label"] not in STANCES or stance["kind"] not in KINDS:
                yield f"{name}: {stance}"
        if len({x["target"] for x in row["stances"]}) < len(row["stances"]):
            yield f"{name}: a target twice"
        for voice in row.get("voices", ()):
            said = row["body"][voice["start"] : voice["end"]]
            if len(said.strip()) < 2 or voice["label"] not in STANCES or not voice["speaker"]:
                yield f"{name}: {voice}"


def topics(rows: Rows) -> Iterator[str]:
    articles = of(rows, "articles")
    counts = Counter((row["label"], row["split"]) for row in articles)
    for label in IPTC_MEDIA_TOPICS:
        found = [counts[label, split] for split in SPLITS]
        yield from at_least(label, sum(found), 70)
        yield from at_least(f"{label}, validation and test", min(found[1:]), 7)
    sizes = np.array([len(row["body"].split()) for row in articles])
    yield from at_least("briefs", ((sizes >= 20) & (sizes <= 60)).mean(), 0.2)
    yield from at_least("long articles", ((sizes >= 350) & (sizes <= 900)).mean(), 0.2)
    yield from at_least(
        "articles of several topics", np.mean([len(row["topics"]) > 1 for row in articles]), 0.45
    )
    slanted = [row for row in articles if row["genre"] == "slanted agency copy"]
    yield from at_least("slanted agency copy", len(slanted), 40)
    yield from at_least("outlets", len({row["outlet"] for row in articles}), 1000)
    yield from at_least("articles with voices", sum(bool(row["voices"]) for row in articles), 400)


def stances(rows: Rows) -> Iterator[str]:
    yield from at_least("pairs", len(pairs(rows)), 12_000)
    four = [row for row in of(rows, "articles") if len(row["stances"]) >= 4]
    yield from at_least("articles with four targets", len(four), 700)
    two = [row for row in of(rows, "passages") if len(row["stances"]) >= 2]
    yield from at_least("passages with two targets", len(two), 1600)
    arguments = of(rows, "arguments")
    both = [
        row for row in arguments if {"favor", "against"} <= {x["label"] for x in row["stances"]}
    ]
    yield from at_least("arguments for one claim and against another", len(both), 3000)
    sides: dict[str, Counter[str]] = defaultdict(Counter)
    for _, target, label in pairs(arguments):
        sides[target][label] += 1
    shared = [x for x in sides.values() if min(x["favor"], x["against"]) >= 3]
    yield from at_least("claims with three arguments a side", len(shared), 500)
    targets = {target: row["split"] for row, target, _ in pairs(rows)}
    yield from at_least("targets", len(targets), 2000)
    where = Counter(targets.values())
    yield from at_least("targets of the test split", where["test"], 300)
    yield from at_least("targets of the validation split", where["validation"], 150)
    claims = float(np.mean([bool(CLAIM.match(t)) and len(t.split()) > 3 for t in targets]))
    if not 0.4 <= claims <= 0.6:
        yield f"{claims:.2f} of the targets are claims"
    families = {row["family"] for row in rows if row.get("family")}
    yield from at_least("families of minimal pairs", len(families), 300)


def splits(rows: Rows) -> Iterator[str]:
    """What belongs together is in one split, and no target is in two."""
    where: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in rows:
        for kind in ("debate", "group", "family"):
            if row.get(kind):
                where[kind, row[kind]].add(row["split"])
        for stance in row["stances"]:
            where["target", stance["target"].casefold()].add(row["split"])
    yield from (f"{what} in {sorted(found)}" for what, found in where.items() if len(found) > 1)


def repeats(rows: Rows) -> Iterator[str]:
    """Eight words in a row that stand in more than two texts, minimal pairs counted once."""
    found: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for row in rows:
        words = re.findall(r"\w+", f"{row.get('title', '')} {row['body']}".lower())
        for start in range(len(words) - 7):
            found[tuple(words[start : start + 8])].add(row.get("family") or row["id"])
    yield from (f"{' '.join(x)}: {sorted(y)}" for x, y in found.items() if len(y) > 2)


def every(rows: Rows, key: str, value: Any, step: int = 1) -> None:
    for row in rows[::step]:
        row[key] = copy.deepcopy(value)


def stance(label: str = "favor", kind: str = "own") -> dict[str, str]:
    return {"target": "t", "label": label, "kind": kind}


def forget(rows: Rows, label: str) -> None:
    for row in rows:
        row["stances"] = [x for x in row["stances"] if x["label"] != label]


def move_a_debate(rows: Rows) -> None:
    test = next(row for row in rows if row["split"] == "test" and row["debate"])
    next(row for row in rows if row["split"] == "train")["debate"] = test["debate"]


# Check, what the damage does, the damage: every condition of every check is broken once.
CHECKS: list[tuple[Check, str, Callable[[Rows], Any]]] = [
    (schema, "an id twice", lambda rows: every(rows[:2], "id", "x-1")),
    (schema, "a key too many", lambda rows: every(rows[:1], "note", "")),
    (schema, "a wrong date", lambda rows: every(rows[:1], "published", "1 May 2001")),
    (schema, "no text", lambda rows: [every(rows[:1], key, " ") for key in ("title", "body")]),
    (schema, "an unknown split", lambda rows: every(rows[:1], "split", "dev")),
    (schema, "an unknown topic", lambda rows: every(rows[:1], "topics", ["18000000"])),
    (schema, "an unknown label", lambda rows: every(rows[:1], "stances", [stance("pro")])),
    (schema, "an unknown kind", lambda rows: every(rows[:1], "stances", [stance(kind="mine")])),
    (schema, "a target twice", lambda rows: every(rows[:1], "stances", [stance()] * 2)),
    (
        schema,
        "a voice outside",
        lambda rows: every(
            rows[:1],
            "voices",
            [{"speaker": "A", "target": "t", "label": "favor", "start": 10**6, "end": 10**6 + 5}],
        ),
    ),
    (topics, "a topic too small", lambda rows: every(rows, "label", "17000000")),
    (topics, "nothing to test", lambda rows: every(rows, "split", "train")),
    (topics, "no briefs", lambda rows: every(rows, "body", "Rain fell. " * 200)),
    (topics, "nothing long", lambda rows: every(rows, "body", "Rain fell. " * 20)),
    (topics, "one topic each", lambda rows: every(rows, "topics", ["17000000"])),
    (topics, "nothing slanted", lambda rows: every(rows, "genre", "opinion")),
    (topics, "one outlet", lambda rows: every(rows, "outlet", "The Lantern")),
    (topics, "no voices", lambda rows: every(rows, "voices", [])),
    (stances, "too few pairs", lambda rows: every(rows, "stances", [stance()])),
    (stances, "nothing against", lambda rows: forget(rows, "against")),
    (stances, "no family", lambda rows: every(rows, "family", None)),
    (stances, "nothing to test", lambda rows: every(rows, "split", "train")),
    (splits, "a debate on both sides", move_a_debate),
    (splits, "targets everywhere", lambda rows: every(rows, "split", "test", step=2)),
    (repeats, "a body three times", lambda rows: every(rows[:3], "body", rows[0]["body"])),
]


@pytest.mark.parametrize("check", list(dict.fromkeys(check for check, *_ in CHECKS)))
def test_corpus_passes_the_check(rows: Rows, check: Check) -> None:
    assert list(check(rows)) == []


@pytest.mark.parametrize(
    ("check", "what", "damage"), CHECKS, ids=lambda x: getattr(x, "__name__", x)
)
def test_each_corpus_check_can_fail(
    rows: Rows, check: Check, what: str, damage: Callable[[Rows], Any]
) -> None:
    damaged = [dict(row) for row in rows]
    damage(damaged)
    assert next(check(damaged), None) is not None, what


def test_whole_corpus_is_read(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "CORPUS", FOLDER)
    topic = load_rows(
        format="corpus", task="topic", labels="iptc-media-topics", read={"empty_bodies": "keep"}
    )
    assert len(topic.rows) == len(of(rows, "articles"))
    stance = load_rows(format="corpus", task="stance", labels="favor-against-neutral")
    assert len(stance.rows) == len(pairs(rows))
    assert stance.left_out == {}
    # A curriculum begins where the text alone tells the side, and ends with what is hardest.
    stages = Counter(stance.rows.data.column("curriculum").to_pylist())
    subjects = sum(x["kind"] == "subject" for row in rows for x in row["stances"])
    assert stages["1"] == subjects
    plain = {row["id"] for row in rows if any(x["kind"] == "subject" for x in row["stances"])}
    hard = [row for row in rows if row["file"] != "arguments" and row["id"] not in plain]
    assert stages["3"] == len(pairs(hard))
    assert set(stages) == {"1", "2", "3", "4"}


def test_datasheet_counts_match_the_corpus(rows: Rows) -> None:
    sheet = (FOLDER / "DATASHEET.md").read_text(encoding="utf-8")
    for name in FILES:
        part = of(rows, name)
        words = sum(len(row["body"].split()) for row in part)
        assert f"| `{name}.jsonl` | {len(part):,} | {words:,} | {len(pairs(part)):,} |" in sheet
    for split in SPLITS:
        part = [row for row in rows if row["split"] == split]
        found = pairs(part)
        counts = Counter(label for *_, label in found)
        row = [len(of(part, "articles")), len(part), len(found), len({x for _, x, _ in found})]
        cells = " | ".join(f"{n:,}" for n in [*row, *(counts[label] for label in STANCES)])
        assert f"| {split} | {cells} |" in sheet


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


def text_of(row: dict[str, Any]) -> str:
    return f"{row.get('title', '')}\n\n{row['body']}"


def test_stance_is_not_predicted_without_the_pair(rows: Rows) -> None:
    """Classifiers of the text alone, the target alone, or mood, against the most frequent label."""
    train, test = pairs(rows, "train")[::3], pairs(rows, "test")  # each third pair, to save time
    truth = np.array([STANCES.index(label) for *_, label in test])
    most = np.bincount(truth).max() / len(truth)

    def linear(see: Callable[[dict[str, Any], str], str]) -> NDArray[np.int64]:
        spec = FeatureSpec(words=(1, 2), bits=18)
        model = fit_linear(
            count(spec, [example(see(row, target)) for row, target, _ in train]),
            np.array([STANCES.index(label) for *_, label in train]),
            spec=spec,
            classifier="logistic",
            C=1.0,
            class_weight=None,
            seed=0,
        )
        scores = model.forward([example(see(row, target)) for row, target, _ in test])
        found: NDArray[np.int64] = scores.argmax(axis=1)
        return found

    by_text = linear(lambda row, _: text_of(row))
    assert np.mean(by_text == truth) <= most + 0.08
    assert f1_score(truth, by_text, average="macro") <= 0.42
    assert np.mean(linear(lambda _, target: target) == truth) <= most + 0.08
    mood = re.compile(rf"\b({'|'.join((GOOD + BAD).split())})\b")
    by_mood = linear(lambda row, _: " ".join(mood.findall(text_of(row).lower())))
    assert np.mean(by_mood == truth) <= most + 0.05


def test_stance_is_not_predicted_by_embeddings_of_one_part(rows: Rows) -> None:
    """As above, with vectors of the default encoder, on a part of the pairs."""
    encoder = Encoder.open(find_encoder(MINILM), max_tokens=48)
    random = np.random.default_rng(0)
    train, test = (
        [found[i] for i in random.choice(len(found), size, replace=False)]
        for found, size in ((pairs(rows, "train"), 1200), (pairs(rows, "test"), 800))
    )
    truth = np.array([label for *_, label in test])
    most = max(np.mean(truth == label) for label in STANCES)
    for see in (lambda row, _: text_of(row), lambda _, target: target):
        known, asked = (
            encoder.vectors([see(row, target) for row, target, _ in part]) for part in (train, test)
        )
        model = LogisticRegression(C=10, max_iter=500)
        model.fit(known, [label for *_, label in train])
        assert np.mean(model.predict(asked) == truth) <= most + 0.08


def example(text: str) -> Example:
    return Example(Prepared(Part(""), Part(text), (), 0.0, None))
