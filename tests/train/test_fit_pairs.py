"""Fitting the pair model: it learns what an article says of a target, and is repeatable."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from newsstand.article import Article
from newsstand.bundle import Bundle, verify
from newsstand.calibration import Calibration
from newsstand.config_file import load_config
from newsstand.encode import Example, encode
from newsstand.labels import LabelSet
from newsstand.pairs import PairModel
from newsstand.serve.scorer import Scorer
from newsstand.text import TextSpec
from newsstand.train.fit_pairs import Fitting, fit_pairs
from newsstand.train.run import train

LABELS = ("agree", "disagree", "unrelated")
THINGS = [
    "ferry",
    "bridge",
    "mill",
    "tower",
    "lighthouse",
    "quarry",
    "tunnel",
    "market",
    "library",
    "orchard",
    "brewery",
    "theatre",
    "stadium",
    "cinema",
    "museum",
    "nursery",
    "bakery",
    "school",
    "station",
    "harbour",
]
QUICK = Fitting(hidden=30, networks=2, epochs=30, learning_rate=0.01, dropout=0.2)


def article(thing: str, *, denied: bool) -> Article:
    lead = f"The {thing} burned down on Monday." if not denied else f"The {thing} story is a hoax."
    return Article(body=f"{lead} People of the town met.\n\nThe council spoke of the {thing}.")


def pairs(things: list[str]) -> tuple[list[Example], NDArray[np.int64]]:
    examples, labels = [], []
    for number, thing in enumerate(things):
        for label, denied in enumerate((False, True)):
            body = article(thing, denied=denied)
            other = things[number - 1]
            examples += [encode(body, f"{name} burned down", TextSpec()) for name in (thing, other)]
            labels += [label, 2]
    return examples, np.array(labels)


def fit(examples: list[Example], truth: NDArray[np.int64], **settings: Any) -> PairModel:
    usual = {"terms": 100, "fitting": QUICK, "seed": 3}
    return fit_pairs(examples, truth, **{**usual, **settings})


@pytest.mark.parametrize("terms", [0, 100])
def test_it_learns_and_tells_pairs_of_unseen_things(terms: int) -> None:
    examples, truth = pairs(THINGS[:14])
    found = fit(examples, truth, terms=terms)
    assert (found.forward(examples).argmax(axis=1) == truth).mean() > 0.95
    unseen, expected = pairs(THINGS[14:])
    assert (found.forward(unseen).argmax(axis=1) == expected).mean() > 0.9


def test_the_same_seed_gives_the_same_bundle_and_another_seed_another(tmp_path: Path) -> None:
    examples, truth = pairs(THINGS[:6])
    digests = []
    for number, seed in enumerate((3, 3, 4)):
        bundle = Bundle(
            task="stance",
            labels=LabelSet.of(LABELS),
            text=TextSpec(),
            model=fit(examples, truth, seed=seed),
            calibration=Calibration("temperature", (1.0,)),
        )
        golden = [(article("ferry", denied=True), "Ferry burned down")]
        digests.append(bundle.save(tmp_path / str(number), golden=golden))
    assert digests[0] == digests[1] != digests[2]


def test_balance_lifts_the_rare_label() -> None:
    examples, truth = pairs(THINGS)
    rare = np.flatnonzero(truth == 1)[3:]
    kept = np.setdiff1d(np.arange(len(truth)), rare)
    asked = [examples[i] for i in rare]
    plain, balanced = (
        fit([examples[i] for i in kept], truth[kept], fitting=replace(QUICK, epochs=5, balance=x))
        .forward(asked)[:, 1]
        .mean()
        for x in (0.0, 1.0)
    )
    assert balanced > plain + 0.1


def test_more_networks_are_one_wider_network() -> None:
    examples, truth = pairs(THINGS[:3])
    found = fit(examples, truth, fitting=replace(QUICK, networks=3, epochs=1))
    assert found.network.hidden.shape == (found.matches.columns, 3 * QUICK.hidden)


def test_an_empty_article_and_target_have_scores() -> None:
    examples, truth = pairs(THINGS[:3])
    empty = [encode(Article(body="…"), target, TextSpec()) for target in ("…", "x")]
    found = fit([*examples, *empty], np.append(truth, [2, 2]))
    assert np.isfinite(found.forward(empty)).all()


def test_a_score_comes_with_the_sentences_that_are_like_the_target() -> None:
    examples, truth = pairs(THINGS)
    bundle = Bundle(
        task="stance",
        labels=LabelSet.of(LABELS),
        text=TextSpec(),
        model=fit(examples, truth),
        calibration=Calibration("temperature", (1.0,)),
    )
    body = "PORTSIDE (Wire) - People met.&nbsp; “The mill  story is a hoax.”\n\nRead more: Tides"
    handed_in = Article(title="Of the &amp; mill", body=body)
    score = Scorer(bundle).score(handed_in, target="The mill burned down")
    assert {item.part for item in score.evidence} == {"title", "body"}
    for item in score.evidence:
        assert item.text == getattr(handed_in, item.part)[item.start : item.end]
        assert 0 < item.weight <= 1
    said = next(item for item in score.evidence if item.part == "body")
    assert "The mill  story is a hoax." in said.text
    assert said.quoted


CONFIG = """
task: stance
labels: [agree, disagree, unrelated]
seed: 5
data:
  format: table
  path: .
  near_duplicates: null
  split: {strategy: unseen, by: [text, target], validation: 0.2}
model: {kind: pairs, terms: 50, hidden: 20, networks: 1, learning_rate: 0.01, refit: true}
tracking: {experiment: pairs}
"""


def test_a_run_fits_again_on_all_given_training_rows(workplace: Path, reporter: Any) -> None:
    for split, things in (("train", THINGS[:14]), ("test", THINGS[14:])):
        examples, truth = pairs(things)
        with (workplace / f"{split}.csv").open("w", encoding="utf-8", newline="") as stream:
            rows = csv.writer(stream)
            rows.writerow(["body", "target", "label"])
            for item, label in zip(examples, truth.tolist(), strict=True):
                rows.writerow([item.prepared.body.text, item.target, LABELS[label]])
    (workplace / "pairs.yaml").write_text(CONFIG, encoding="utf-8")
    first, second = (
        train(load_config("pairs.yaml"), name="pairs", reporter=reporter) for _ in range(2)
    )
    assert first.bundle_hash == second.bundle_hash
    assert first.metrics["test/accuracy"] > 0.8
    assert "again, on all 56 training and validation rows, 24 of them spare" in reporter.notes
    assert verify(Path(first.bundle)) > 0
