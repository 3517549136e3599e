"""The controls of a stance model: what it fails, and what its scores then say."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mutations import reseal
from newsstand.errors import BundleError
from newsstand.io.bundle import Bundle
from newsstand.models.controls import FAILURES, NOT_FOUND, NOT_SIMILAR, Controls
from newsstand.serve.scorer import Scorer
from newsstand.text.article import Article
from tiny_models import make_bundle

GOOD = {
    "text_only_macro_f1": 0.4,
    "target_only_macro_f1": 0.3,
    "target_changes_answer": 0.5,
    "side_change": 0.6,
    "flip_accuracy": 0.4,
    "flip_pairs": 200.0,
}


@pytest.mark.parametrize(
    ("metrics", "macro_f1", "failed"),
    [
        ({}, 0.6, ()),
        ({"target_changes_answer": 0.049}, 0.6, ("target_changes_answer",)),
        ({}, 0.419, ("text_only_macro_f1",)),
        ({}, 0.421, ()),
        ({"target_only_macro_f1": 0.59}, 0.6, ("target_only_macro_f1",)),
        ({"side_change": 0.0}, 0.6, ("side_change",)),
        ({"side_change": 0.0, "flip_pairs": 19.0}, 0.6, ()),
        ({"target_changes_answer": 0.0, "side_change": 0.0}, 0.3, tuple(FAILURES)),
    ],
)
def test_what_a_model_fails(
    metrics: dict[str, float], macro_f1: float, failed: tuple[str, ...]
) -> None:
    found = Controls.evaluate(GOOD | metrics, macro_f1)
    assert found.failed == failed
    assert found.passed == (not failed)
    assert found.warning == (FAILURES[failed[0]] if failed else None)
    assert Controls.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_metrics_that_are_not_there_are_not_failed() -> None:
    assert Controls.evaluate({}, 0.1).passed


def test_each_score_of_a_model_that_failed_says_so(small_stance: Bundle, tmp_path: Path) -> None:
    failed = Controls.evaluate(GOOD | {"target_changes_answer": 0.0}, 0.6)
    replace(small_stance, controls=failed).save(tmp_path / "b")
    scorer = Scorer(Bundle.load(tmp_path / "b"))
    assert scorer.bundle.controls == failed
    texts, targets = ["The levy is cheap and fair.", "It is cheap."], ["the levy", "zebras"]
    named, unnamed = scorer.score_many(texts, target=targets)
    assert named.warning == "this model's answers don't depend on the target"
    assert unnamed.warning == f"{named.warning}; {NOT_FOUND}"
    parallel = scorer.score_many(texts, target=targets, workers=2)
    assert [x.warning for x in parallel] == [named.warning, unnamed.warning]


def test_a_model_that_passed_warns_only_where_the_target_is_not_found(small_stance: Bundle) -> None:
    scorer = Scorer(replace(small_stance, controls=Controls.evaluate(GOOD, 0.6)))
    assert scorer.score("The levies are cheap.", target="the levy").warning is None
    assert scorer.score("It is cheap.", target="the levy").warning == NOT_FOUND


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m["controls"].update(passed=False), "controls: passed: expected true if"),
        (
            lambda m: m["controls"].update(failed=["mood"]),
            r"controls.failed.0: expected 'target_ch",
        ),
        (lambda m: m["controls"].pop("metrics"), "controls.metrics: missing"),
        (lambda m: m["controls"]["metrics"].update(x=-1.0), "controls.metrics.x: expected"),
        (lambda m: m.update(task="topic"), "controls: expected none, as the task is topic"),
        (lambda m: m.update(controls=None), "controls: expected keys and values, got None"),
    ],
)
def test_controls_that_are_invalid_are_refused(
    small_stance: Bundle, tmp_path: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    replace(small_stance, controls=Controls.evaluate(GOOD, 0.6)).save(tmp_path / "b")
    reseal(tmp_path / "b", change)
    with pytest.raises(BundleError, match=message):
        Bundle.load(tmp_path / "b")


@pytest.mark.parametrize("family", ["embedding", "transformer"])
def test_an_encoder_finds_targets_by_similarity(
    tiny_encoder: Path, tmp_path: Path, family: str
) -> None:
    make_bundle(family, tmp_path / "b", tiny_encoder)
    bundle = replace(Bundle.load(tmp_path / "b"), task="stance")
    text = "Rain and snow fell on the hills overnight."
    [similarity] = bundle.model.similarity([bundle.encode(Article(body=text), "storm")])
    for least, warning in ((similarity - 1e-3, None), (similarity + 1e-3, NOT_SIMILAR)):
        controls = Controls(least_similarity=float(least))
        scorer = Scorer(replace(bundle, controls=controls))
        assert scorer.score(text, target="storm", explain=False).warning == warning
        assert scorer.score(text, target="the snow", explain=False).warning is None
