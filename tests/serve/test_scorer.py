"""The scorer: order, laziness, targets, errors that name the article, and where models are."""

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import newsstand
from given import Trained
from newsstand.errors import BundleError, InputError
from newsstand.io.bundle import Bundle
from newsstand.serve.score import Score
from newsstand.serve.scorer import Scorer
from newsstand.text.article import Article
from newsstand.text.normalize import TextSpec

SPORT, ECONOMY, WEATHER = (
    "The goalkeeper saved a penalty in the match.",
    "The bank raised interest rates and shares fell.",
    "Heavy rain and snow on the coast.",
)


@pytest.fixture
def topic(small: Bundle) -> Scorer:
    return Scorer(small)


@pytest.fixture
def stance(small_stance: Bundle) -> Scorer:
    return Scorer(small_stance)


def test_a_score_says_all(topic: Scorer) -> None:
    article = Article(title="Final", body=f"{SPORT}\n\nRead more: Coach quits", id="a-1")
    score = topic.score(article, explain=True)
    assert (score.label, score.label_name, score.id, score.target) == (
        "sport",
        "sport",
        "a-1",
        None,
    )
    assert tuple(score.probabilities) == tuple(topic.labels) == ("sport", "economy", "weather")
    assert sum(score.probabilities.values()) == pytest.approx(1)
    assert score.probability == score.probabilities["sport"] == max(score.probabilities.values())
    assert score.evidence
    assert [(x.rule, article.body[x.start : x.end]) for x in score.removed] == [
        ("related", "Read more: Coach quits")
    ]
    assert score.warning is None
    assert topic.task == "topic"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        (SPORT, "sport"),
        (ECONOMY, "economy"),
        (WEATHER, "weather"),
        ("سجل الفريق هدفين في المباراة النهائية", "sport"),
        ("البورصة: الأسهم والنفط", "economy"),
        ("גשם ורוחות", "weather"),
    ],
)
def test_text_left_to_right_and_right_to_left(topic: Scorer, text: str, label: str) -> None:
    assert topic.score(text).label == label
    assert topic.score(Article(title=text, body="")).label == label


def test_plain_text_is_read_as_an_article(topic: Scorer) -> None:
    text = f"Late penalty\n\n{SPORT}"
    assert topic.score(text) == topic.score(Article(title="Late penalty", body=SPORT))


def test_to_dict_is_plain_json(topic: Scorer) -> None:
    score = topic.score(Article(body=f"{SPORT}\n\nRead more: Coach quits", id="7"))
    values = json.loads(json.dumps(score.to_dict()))
    assert values == {
        "id": "7",
        "label": "sport",
        "label_name": "sport",
        "probability": score.probability,
        "probabilities": dict(score.probabilities),
        "target": None,
        "evidence": [
            {
                "part": x.part,
                "start": x.start,
                "end": x.end,
                "text": x.text,
                "weight": x.weight,
                "quoted": x.quoted,
            }
            for x in score.evidence
        ],
        "removed": [
            {"part": x.part, "start": x.start, "end": x.end, "text": x.text, "rule": x.rule}
            for x in score.removed
        ],
        "warning": None,
    }
    assert next(iter(values)) == "id"


def test_many_in_order_lazily_and_without_evidence_unless_asked(topic: Scorer) -> None:
    taken = 0

    def endless() -> Iterator[Article]:
        nonlocal taken
        while True:
            taken += 1
            yield Article(body=(SPORT, ECONOMY, WEATHER)[taken % 3], id=str(taken))

    scores = topic.score_many(endless(), batch_size=10)
    assert taken == 0
    seen = [next(scores) for _ in range(25)]
    assert taken == 30  # no more than the batch in hand
    assert [score.id for score in seen] == [str(n) for n in range(1, 26)]
    names = ("sport", "economy", "weather")
    assert [score.label for score in seen] == [names[n % 3] for n in range(1, 26)]
    assert all(score.evidence == () for score in seen)
    assert all(score.evidence for score in topic.score_many([SPORT, ECONOMY], explain=True))
    assert list(topic.score_many([])) == []


@pytest.mark.parametrize("batch_size", [1, 3, 4, 256])
def test_an_error_names_its_article_after_all_before_it(topic: Scorer, batch_size: int) -> None:
    articles = [SPORT, Article(body=WEATHER, id="x"), ECONOMY, Article(body=" \u200b "), SPORT]
    scores = topic.score_many(articles, batch_size=batch_size)
    assert [next(scores).label for _ in range(3)] == ["sport", "weather", "economy"]
    with pytest.raises(InputError) as caught:
        next(scores)
    assert str(caught.value) == "article 4: empty: title and body hold no text"
    assert list(scores) == []
    with pytest.raises(InputError, match=r"^article 'x': empty: title and body hold no text$"):
        topic.score(Article(body="", id="x"))


def test_an_error_of_the_caller_s_reader_comes_after_all_before_it(topic: Scorer) -> None:
    def reader() -> Iterator[str]:
        yield SPORT
        raise InputError("rows.csv:3: broken")

    scores = topic.score_many(reader())
    assert next(scores).label == "sport"
    with pytest.raises(InputError, match=r"^rows\.csv:3: broken$"):
        next(scores)


@pytest.mark.parametrize("item", [None, 5, [SPORT], float("nan"), b"bytes"])
def test_what_is_no_article_is_named(topic: Scorer, item: Any) -> None:
    kind = type(item).__name__
    with pytest.raises(
        InputError, match=rf"^article 2: expected an Article, its text or its columns.*{kind}$"
    ):
        list(topic.score_many([SPORT, item]))


@pytest.mark.parametrize("one", [SPORT, Article(body=SPORT)])
def test_one_article_in_place_of_many_is_refused(topic: Scorer, one: Any) -> None:
    with pytest.raises(InputError, match=r"got one; use score\(\)"):
        list(topic.score_many(one))


@pytest.mark.parametrize("size", [0, -1])
def test_a_batch_holds_at_least_one(topic: Scorer, size: int) -> None:
    with pytest.raises(ValueError, match=r"^batch_size: expected 1 or more"):
        next(topic.score_many([SPORT], batch_size=size))


def test_stance_depends_on_the_target(stance: Scorer) -> None:
    text = "It is cheap."
    assert stance.score(text, target="the levy").label == "favor"
    assert stance.score(text, target="the port").label == "against"
    score = stance.score(text, target="  The  Levy ")
    assert score.label == "favor"
    assert score.target == "The  Levy"
    for one in (["the levy", "the port"], iter(["the levy", "the port"])):
        scores = stance.score_many([text, text], target=one)
        assert [(x.label, x.target) for x in scores] == [
            ("favor", "the levy"),
            ("against", "the port"),
        ]
    assert [x.label for x in stance.score_many([text] * 3, target="the port")] == ["against"] * 3


@pytest.mark.parametrize("target", [None, "", "  "])
def test_stance_needs_a_target(stance: Scorer, target: str | None) -> None:
    with pytest.raises(InputError, match=r"^article 1: a stance model needs a target$"):
        stance.score("It is cheap.", target=target)
    scores = stance.score_many(["It is cheap."] * 2, target=["the levy", target])
    assert next(scores).label == "favor"
    with pytest.raises(InputError, match=r"^article 2: a stance model needs a target$"):
        next(scores)


def test_what_is_too_long_is_refused(small_stance: Bundle) -> None:
    short = Scorer(replace(small_stance, text=TextSpec(max_characters=100)))
    text = "It is cheap. " * 7
    assert short.score(text, target="the levy").label == "favor"
    message = (
        "article 1: title and body have 0 and 104 characters, expected at most 100 together "
        "(text.max_characters); is a quotation mark or a line end missing?"
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        short.score(text + "It is cheap. ", target="the levy")
    assert short.score(text, target="x" * 1_000).target == "x" * 1_000
    message = r"^article 1: target: 1,001 characters, expected at most 1,000$"
    with pytest.raises(InputError, match=message):
        short.score(text, target="x" * 1_001)


def test_targets_that_run_out_or_are_no_text(stance: Scorer) -> None:
    with pytest.raises(InputError, match=r"^article 2: target: fewer targets than articles$"):
        list(stance.score_many(["It is cheap."] * 2, target=["the levy"]))
    scores = stance.score_many(["It is cheap."], target=["the levy", "the dam"])
    assert next(scores).target == "the levy"
    with pytest.raises(InputError, match=r"^target: more targets than articles$"):
        next(scores)
    wrong: Any = [float("nan")]
    with pytest.raises(InputError, match=r"^article 1: target: expected text, got float nan$"):
        list(stance.score_many(["It is cheap."], target=wrong))


def test_topic_takes_no_target(topic: Scorer) -> None:
    message = "^article 1: a topic model takes no target, got 'the levy'$"
    with pytest.raises(InputError, match=message):
        topic.score(SPORT, target="the levy")
    with pytest.raises(InputError, match=message):
        list(topic.score_many([SPORT], target=["the levy"]))
    assert next(topic.score_many([SPORT], target=[None])).label == "sport"


def test_a_text_of_boilerplate_alone_is_scored_with_a_warning(topic: Scorer) -> None:
    score = topic.score("Read more: Champion wins the final match")
    assert score.label == "sport"
    assert score.warning


def test_what_the_reader_of_a_page_noticed_goes_with_its_score(topic: Scorer) -> None:
    page = "<title>Champion wins the final</title><div id=app></div>"
    noticed = "no text was found in the page"
    assert topic.score(Article.from_html(page)).warning == noticed
    both = Article(body="Read more: Champion wins the final match", warning=noticed)
    other = topic.score("Read more: Champion wins the final match").warning
    assert topic.score(both).warning == f"{noticed}; {other}"
    [score] = topic.score_many([both], workers=1)
    assert score.to_dict()["warning"] == f"{noticed}; {other}"


def test_the_package_gives_what_it_names() -> None:
    assert newsstand.Score is Score
    assert newsstand.Scorer is Scorer
    for name in newsstand.__all__:
        assert getattr(newsstand, name)
    assert set(newsstand.__all__) == set(dir(newsstand))
    with pytest.raises(AttributeError, match="has no attribute 'Scores'"):
        _ = newsstand.Scores


def uris(trained: Trained) -> list[str | Path]:
    model = trained.topic_bundle.parent.parent  # MLflow's own folder around the bundle
    return [
        trained.topic_bundle,
        str(trained.topic_bundle),
        model,
        "models:/topic@champion",
        "models:/topic/1",
        f"models:/{model.parent.name}",
        f"runs:/{trained.topic.run_id}",
        f"runs:/{trained.topic.run_id}/model",
    ]


def test_every_way_to_a_model(trained: Trained, capfd: pytest.CaptureFixture[str]) -> None:
    expected = newsstand.load(trained.topic_bundle).score(SPORT)
    for uri in uris(trained):
        assert newsstand.load(uri).score(SPORT) == expected, uri
    assert capfd.readouterr() == ("", "")


def test_a_download_leaves_nothing_behind(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    newsstand.load(f"runs:/{trained.topic.run_id}")
    assert list(tmp_path.iterdir()) == []


def test_paths_from_the_working_directory_and_home(
    small: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.save(tmp_path / "b")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for uri in ("b", "./b/", "~/b", Path("b")):
        assert newsstand.load(uri).score(SPORT).label == "sport"


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("models:/nobody@champion", "Registered Model with name=nobody not found"),
        ("models:/topic@nobody", "Registered model alias nobody not found."),
        ("models:/topic/99", "Model Version (name=topic, version=99) not found"),
        ("runs:/0123", "Run with id=0123 not found"),
    ],
)
def test_unknown_models_give_mlflow_s_reason(trained: Trained, uri: str, reason: str) -> None:
    with pytest.raises(BundleError) as caught:
        newsstand.load(uri)
    assert str(caught.value) == f"{uri}: not found in MLflow ({reason})"


@pytest.mark.parametrize(
    "uri", ["models:/", "models:/topic/1/2", "runs:/", "runs://x", "models:/@"]
)
def test_uris_of_no_kind_are_one_line(trained: Trained, uri: str) -> None:
    with pytest.raises(BundleError, match=rf"\A{uri}: not found in MLflow \(.*\)[^\n]*\Z"):
        newsstand.load(uri)


def test_a_registered_model_without_alias_gets_a_hint(trained: Trained) -> None:
    with pytest.raises(BundleError) as caught:
        newsstand.load("models:/topic")
    assert str(caught.value).endswith(
        "; for a registered model, add its alias or version: models:/topic@ALIAS, models:/topic/1"
    )


def test_a_run_whose_model_is_not_ours(trained: Trained, tmp_path: Path) -> None:
    model = trained.topic_bundle.parent.parent
    shutil.copytree(model, tmp_path / "m", ignore=shutil.ignore_patterns("data"))
    with pytest.raises(BundleError, match=r"/m: a model of MLflow, but not one of newsstand$"):
        newsstand.load(tmp_path / "m")


@pytest.mark.parametrize("uri", ["models:/topic@champion", "runs:/0123"])
def test_no_database_is_made_where_there_is_none(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BundleError, match=rf"^{uri}: no MLflow database at .*mlflow\.db; go to"):
        newsstand.load(uri)
    assert os.listdir() == []


@pytest.mark.parametrize("uri", ["nowhere", "file:///nowhere", "s3://bucket/x", "a\0b", ""])
def test_folders_that_are_not_there(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BundleError, match=r"no such bundle folder|it has no bundle\.json"):
        newsstand.load(uri)


def test_workers_change_nothing_but_the_speed(stance: Scorer) -> None:
    articles = [Article(body=f"{SPORT} {n}", id=f"a{n}") for n in range(40)]
    targets = [f"target {n % 3}" for n in range(40)]
    alone = list(stance.score_many(articles, target=targets, explain=True))
    shared = list(
        stance.score_many(articles, target=targets, explain=True, batch_size=3, workers=2)
    )
    assert shared == alone


def test_with_workers_an_error_comes_after_all_before_it(topic: Scorer) -> None:
    articles: list[Any] = [SPORT] * 11
    articles[7] = Article(body=" ", id="blank")
    scores = topic.score_many(articles, batch_size=2, workers=2)
    assert [next(scores).label for _ in range(7)] == ["sport"] * 7
    with pytest.raises(InputError, match=r"^article 'blank': empty: title and body hold no text$"):
        next(scores)


def test_fewer_than_one_worker_is_refused(topic: Scorer) -> None:
    with pytest.raises(ValueError, match="workers: expected 1 or more, got 0"):
        next(topic.score_many([SPORT], workers=0))


def test_two_scorers_at_once_keep_apart(topic: Scorer, stance: Scorer) -> None:
    first = topic.score_many([SPORT] * 4, batch_size=1, workers=2)
    second = stance.score_many([SPORT] * 4, target="the match", batch_size=1, workers=2)
    for one, other in zip(first, second, strict=True):
        assert (one.target, other.target) == (None, "the match")


def test_a_device_is_checked_before_anything_is_loaded() -> None:
    with pytest.raises(ValueError, match="device: expected 'auto', 'cpu' or 'cuda', got 'tpu'"):
        newsstand.load("nowhere", device="tpu")  # type: ignore[arg-type]
