"""Articles that cannot be scored, each an error in its place; and one scorer in many threads."""

import random
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from newsstand.errors import BundleError, InputError
from newsstand.io.article_files import ScoreError
from newsstand.io.bundle import Bundle
from newsstand.models.linear import LinearModel
from newsstand.serve.score import Score
from newsstand.serve.scorer import Scorer
from newsstand.text.article import Article
from newsstand.text.example import Example

SPORT, WEATHER = "The goalkeeper saved a penalty.", "Rain and snow on the coast."
EMPTY = "empty: title and body hold no text"
NO_ARTICLE = "expected an Article, its text or its columns, got NoneType"
NOT_FINITE = "the model gave a score that is not a finite number"


@pytest.fixture
def topic(small: Bundle) -> Scorer:
    return Scorer(small)


def mixed() -> list[Any]:
    unread = ScoreError(id="9", place="rows.csv:9", message="expected 2 cells, got 3")
    return [SPORT, " ", Article(body="", id="x"), WEATHER, unread, None, SPORT]


@pytest.mark.parametrize(("batch_size", "workers"), [(1, 1), (3, 1), (256, 1), (2, 2)])
def test_errors_stand_in_their_places(topic: Scorer, batch_size: int, workers: int) -> None:
    found = list(topic.score_many(mixed(), errors="yield", batch_size=batch_size, workers=workers))
    good = topic.score(SPORT, explain=False)
    assert [found[0], found[3], found[6]] == [good, topic.score(WEATHER, explain=False), good]
    assert [item for item in found if not isinstance(item, Score)] == [
        ScoreError(place="article 2", message=EMPTY),
        ScoreError(place="article 'x'", message=EMPTY, id="x"),
        ScoreError(place="rows.csv:9", message="expected 2 cells, got 3", id="9"),
        ScoreError(place="article 6", message=NO_ARTICLE),
    ]


def test_an_error_says_itself() -> None:
    error = ScoreError(id="9", place="rows.csv:9", message=EMPTY)
    assert str(error) == f"rows.csv:9: {EMPTY}"
    assert error.to_dict() == {"id": "9", "error": f"rows.csv:9: {EMPTY}"}


def test_errors_are_raised_unless_asked_for(topic: Scorer) -> None:
    unread = mixed()[4]
    scores = topic.score_many([SPORT, unread, SPORT])
    assert next(scores).label == "sport"
    with pytest.raises(InputError, match=r"^rows\.csv:9: expected 2 cells, got 3$"):
        next(scores)
    wrong: Any = "ignore"
    with pytest.raises(ValueError, match=r"^errors: expected 'raise' or 'yield', got 'ignore'$"):
        next(topic.score_many([SPORT], errors=wrong))


def test_errors_come_lazily(topic: Scorer) -> None:
    def endless() -> Iterator[str]:
        while True:
            yield from (SPORT, "")

    scores = topic.score_many(endless(), errors="yield", batch_size=4)
    assert [isinstance(next(scores), ScoreError) for _ in range(50)] == [False, True] * 25


def test_targets_are_errors_of_their_articles_too(small_stance: Bundle) -> None:
    text: Any = "It is cheap."
    targets: Any = ["the levy", None, 7, float("nan"), "the port \ud800"]
    found = list(Scorer(small_stance).score_many([text] * 5, target=targets, errors="yield"))
    assert [getattr(item, "message", None) for item in found] == [
        None,
        "a stance model needs a target",
        "target: expected text, got int 7",
        "target: expected text, got float nan",
        None,
    ]
    assert found[-1].target == "the port \ufffd"  # type: ignore[union-attr]
    scores = Scorer(small_stance).score_many([text] * 2, target=["the levy"], errors="yield")
    with pytest.raises(InputError, match=r"^article 2: target: fewer targets than articles$"):
        list(scores)


def test_of_496_rows_one_fails(topic: Scorer) -> None:
    bodies = [f"{SPORT} {number}" for number in range(496)]
    bodies[199] = "\u200b"
    found = list(topic.score_many(bodies, errors="yield"))
    assert [number for number, item in enumerate(found) if isinstance(item, ScoreError)] == [199]
    assert len(found) == 496


@pytest.fixture(params=[float("nan"), float("inf"), float("-inf")])
def broken(
    topic: Scorer, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Scorer:
    """A scorer whose model's score of some texts is no number."""
    forward = LinearModel.forward

    def give(self: LinearModel, examples: Sequence[Example]) -> NDArray[np.float64]:
        scores = forward(self, examples)
        scores[["broken" in example.text for example in examples], 1] = request.param
        return scores

    monkeypatch.setattr(LinearModel, "forward", give)
    return topic


def test_a_score_that_is_no_number_never_leaves(broken: Scorer) -> None:
    texts = [SPORT, f"{SPORT} broken", SPORT]
    good, bad, again = broken.score_many(texts, errors="yield")
    assert good == again
    if isinstance(bad, Score):  # softmax takes a score of minus infinity for a probability of 0
        assert bad.probabilities["economy"] == 0
        return
    assert bad == ScoreError(place="article 2", message=NOT_FINITE)
    with pytest.raises(BundleError, match=rf"^article 2: {NOT_FINITE}$"):
        list(broken.score_many(texts))
    with pytest.raises(BundleError, match=rf"^article 1: {NOT_FINITE}$"):
        broken.score(texts[1])


def test_evidence_that_is_no_number_never_leaves(
    topic: Scorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from newsstand.serve import scoring
    from newsstand.serve.explain import Evidence

    found = (Evidence("body", 0, 3, "The", float("nan"), False),)
    monkeypatch.setattr(scoring, "find_evidence", lambda *_: found)
    with pytest.raises(BundleError, match=NOT_FINITE):
        topic.score(SPORT, explain=True)
    assert topic.score(SPORT).label == "sport"


@pytest.mark.parametrize("kind", ["small", "small_stance"])
def test_threads_share_a_scorer(request: pytest.FixtureRequest, kind: str) -> None:
    scorer = Scorer(request.getfixturevalue(kind))
    draw = random.Random(5)
    words = f"{SPORT} {WEATHER} Shares fell as the bank raised rates: cheap, fair, wrong.".split()
    texts = [" ".join(draw.choices(words, k=draw.randint(1, 60))) for _ in range(24)]
    target = "the levy" if scorer.task == "stance" else None
    expected = list(scorer.score_many(texts, target=target, explain=True))

    def wrong(number: int) -> int:
        order = random.Random(number).sample(range(len(texts)), len(texts))
        scores = scorer.score_many(
            [texts[n] for n in order], target=target, explain=True, batch_size=1 + number
        )
        return sum(score != expected[n] for n, score in zip(order, scores, strict=True))

    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)  # threads take turns inside a score, not between them
    try:
        with ThreadPoolExecutor(8) as threads:
            assert list(threads.map(wrong, range(8))) == [0] * 8
    finally:
        sys.setswitchinterval(usual)
