"""Values of a row: training and scoring take the same, as the same."""

from datetime import date
from typing import Any

import pytest

from newsstand.config.data_specs import ReadSpec
from newsstand.data.validate import Validator
from newsstand.io.records import Record
from newsstand.io.values import read_values
from newsstand.text.article import Article

NAMES = ("title", "body", "id", "outlet", "author", "published", "url", "language")


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("id", 7, "7"),
        ("id", 7.0, "7"),
        ("id", 7.5, "7.5"),
        ("id", True, "true"),
        ("id", ["7"], None),
        ("outlet", None, None),
        ("outlet", float("nan"), None),
        ("outlet", {"name": "Wire"}, None),
        ("author", ["Ida Ünal", None, "M. Lee"], "Ida Ünal, M. Lee"),
        ("author", [{"name": "Ida"}], None),
        ("url", 10**400, str(10**400)),
        ("language", "half \ud83d", "half \ufffd"),
        ("title", float("nan"), None),
        ("body", "NUL \0 and half \udc00", "NUL \0 and half \ufffd"),
        ("published", 1714730400, "2024-05-03T10:00:00+00:00"),
        ("published", 1714730400.0, "2024-05-03T10:00:00+00:00"),
        ("published", 20240503, "2024-05-03"),
        ("published", 2024, None),
        ("published", "1404/05/13", None),
        ("published", "27 Sep 13", None),
        ("published", "2019-05-03 10:00 IRDT", None),
        ("published", ["2019-05-03"], None),
        ("published", date(2024, 5, 3), "2024-05-03"),
    ],
)
def test_training_and_scoring_read_the_same(name: str, value: Any, text: str | None) -> None:
    row = {"body": "Wheat fell.", "label": "acq", name: value}
    article = Article.from_mapping(row)
    validator = Validator(task="topic", scheme="from-data", read=ReadSpec())
    [trained] = validator.rows([(None, Record(row, "w.jsonl", "w.jsonl:1"))])
    expected = "" if text is None and name == "title" else text
    assert getattr(article, name) == expected
    if name == "id" and text is None:
        assert (trained.id, trained.own_id) == ("w.jsonl:1", False)
    else:
        assert getattr(trained, name) == expected


@pytest.mark.parametrize("value", [5, True, 1.5, ["x"], {"p": "x"}, b"x"])
@pytest.mark.parametrize("name", ["title", "body"])
def test_title_and_body_must_be_text_on_both_sides(name: str, value: Any) -> None:
    found = read_values({"body": "x", name: value}, [(x, x) for x in NAMES])
    [(which, flaw)] = found.flaws
    assert (which, flaw.startswith(f"expected text, got {type(value).__name__} ")) == (name, True)


@pytest.mark.parametrize("body", [None, "", "  ", float("nan")])
def test_an_article_of_a_title_alone_is_scored_and_learned_from_only_if_asked(body: Any) -> None:
    row = {"title": "Wheat falls", "body": body, "label": "acq"}
    article = Article.from_mapping(row)
    assert (article.title, article.body.strip()) == ("Wheat falls", "")
    told = {}
    for choice in ("drop", "keep"):
        validator = Validator(task="topic", scheme="from-data", read=ReadSpec(empty_bodies=choice))
        rows = list(validator.rows([(None, Record(row, "w.jsonl", "w.jsonl:1"))]))
        told[choice] = len(rows), [note.what for note in validator.notes]
    assert told["drop"] == (0, ["1 row left out with an empty body"])
    assert told["keep"] == (1, [])
