"""Evidence: passages of the article as handed in, that did speak for the label."""

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import pytest

import newsstand
from given import Trained
from newsstand.io.bundle import Bundle
from newsstand.io.records import Record, read_records
from newsstand.serve.explain import Evidence, find_evidence
from newsstand.serve.scorer import Scorer
from newsstand.text.article import Article


def check(article: Article, evidence: Iterable[Evidence]) -> None:
    """What holds for the evidence of any article."""
    found = list(evidence)
    assert len(found) <= 3
    weights = [item.weight for item in found]
    assert weights == sorted(weights, reverse=True)
    assert all(weight > 0 for weight in weights)
    for item in found:
        original = article.title if item.part == "title" else article.body
        assert original[item.start : item.end] == item.text
        assert item.text == item.text.strip() != ""
        assert 1 <= len(item.text.split()) <= 12
        assert "\n" not in item.text
    phrases = [item.text.casefold() for item in found]
    assert len(set(phrases)) == len(phrases)
    for phrase in phrases:
        assert {phrase.split()[0], phrase.split()[-1]}.isdisjoint({"the", "of", "said", "that"})
    for part in ("title", "body"):
        spans = sorted((x.start, x.end) for x in found if x.part == part)
        assert all(first[1] <= second[0] for first, second in pairwise(spans))


def explained(bundle: Bundle, article: Article, target: str | None = None) -> tuple[Evidence, ...]:
    evidence = Scorer(bundle).score(article, target=target, explain=True).evidence
    check(article, evidence)
    return evidence


def test_holds_for_all_articles(trained: Trained, part_of_corpus: Path) -> None:
    found = read_records(part_of_corpus / "articles.jsonl")
    rows = [item.values for item in found if isinstance(item, Record)]
    assert len(rows) > 100
    articles = [Article.from_mapping(row) for row in rows]
    topics = newsstand.load(trained.topic_bundle).score_many(articles, explain=True)
    for article, score in zip(articles, topics, strict=True):
        assert score.evidence
        check(article, score.evidence)
    pairs = [(a, s["target"]) for a, r in zip(articles, rows, strict=True) for s in r["stances"]]
    stances = newsstand.load(trained.stance_bundle).score_many(
        [article for article, _ in pairs], target=[goal for _, goal in pairs], explain=True
    )
    for (article, _), score in zip(pairs, stances, strict=True):
        check(article, score.evidence)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("On Tuesday, as ever, the goalkeeper was late for lunch.", {"goalkeeper"}),
        ("Nobody in the village saw the striker. They had gone home.", {"striker"}),
        ("قال الوزير أمس إن المباراة مهمة جدا.", {"المباراة"}),
        ("אתמול בערב השוער הלך הביתה", {"השוער"}),
    ],
)
def test_known_words_are_found(small: Bundle, body: str, words: set[str]) -> None:
    evidence = explained(small, Article(body=body))
    assert words <= {word.strip(".") for item in evidence for word in item.text.split()}


def test_places_are_those_of_the_article_as_handed_in(small: Bundle) -> None:
    body = (
        "LONDON, May 3 (AFP) - <b>Fans</b> cheered &amp; sang.\u200b\r\n\r\n"
        "Read more: Shares fell on the market\r\n\r\n"
        "Then   the goalkeeper&nbsp;saved a penalty in the cafe\u0301."
    )
    article = Article(title="Late &quot;drama&quot; in the match", body=body)
    evidence = explained(small, article)
    assert any("goalkeeper&nbsp;saved" in item.text for item in evidence)
    # What was taken out cannot be evidence.
    removed = Scorer(small).score(article).removed
    assert [item.rule for item in removed] == ["dateline", "related"]
    for item in evidence:
        assert item.part == "title" or all(
            item.end <= gone.start or gone.end <= item.start for gone in removed
        )


def test_title_and_body_are_told_apart(small: Bundle) -> None:
    [item] = explained(small, Article(title="The goalkeeper", body="Nothing."))
    assert (item.part, item.text) == ("title", "The goalkeeper"[item.start :])
    [item] = explained(small, Article(title="Nothing", body="The goalkeeper"))
    assert item.part == "body"
    assert item.end == len("The goalkeeper")


def test_quoted_speech_is_marked(small: Bundle) -> None:
    body = 'The striker scored twice. "The goalkeeper saved a penalty," said a man of the club.'
    evidence = explained(small, Article(title='"The coach"', body=body))
    quoted = {item.text: item.quoted for item in evidence}
    assert any(flag for text, flag in quoted.items() if "goalkeeper" in text)
    assert not any(flag for text, flag in quoted.items() if "striker" in text)


def test_a_passage_stays_within_a_sentence(small: Bundle) -> None:
    body = "He met the striker. The goalkeeper waved! The coach… The referee\nThe champion"
    for item in explained(small, Article(body=body)):
        assert not any(mark in item.text for mark in ".!…\n")


def test_stance_evidence_depends_on_the_target(small_stance: Bundle) -> None:
    article = Article(body="It is dear and much more of the same.")
    for target, label in (("the levy", "against"), ("the port", "favor")):
        score = Scorer(small_stance).score(article, target=target, explain=True)
        assert score.label == label
        check(article, score.evidence)
        assert any("dear" in item.text for item in score.evidence)


def test_evidence_for_another_label_speaks_for_that_one(small: Bundle) -> None:
    article = Article(body="The goalkeeper saw rain and snow on the coast. Shares fell.")
    example = small.encode(article)
    seen = []
    for label in range(3):
        evidence = find_evidence(small.model, article, example, label)
        check(article, evidence)
        seen.append(evidence[0].text)
    assert "goalkeeper" in seen[0]
    assert "Shares" in seen[1]
    assert seen[2] in {"rain", "snow", "rain and snow"}
    assert find_evidence(small.model, article, example, 0, limit=0) == ()


@pytest.mark.parametrize("body", ["…", "!!! ???", "ØØØ ÅÅÅ", "🙂"])
def test_a_text_of_unknown_signs_has_no_evidence(small: Bundle, body: str) -> None:
    assert explained(small, Article(body=body)) == ()


def test_one_word_and_a_word_many_times(small: Bundle) -> None:
    [item] = explained(small, Article(body="goalkeeper"))
    assert (item.start, item.end) == (0, 10)
    many = explained(small, Article(body="goalkeeper " * 1000))
    assert 1 <= len(many) <= 3
