"""Drift: nothing is reported of rows like the held-out ones, each kind of shift by its test."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.stats import chi2_contingency, fisher_exact
from statsmodels.stats.multitest import multipletests

from newsstand.io.bundle import Bundle
from newsstand.io.reference import hashed_words
from newsstand.train.monitor import drift as module
from newsstand.train.monitor import drift_tests as tests
from newsstand.train.monitor.changes import word_changes
from newsstand.train.monitor.drift import Drift, drift
from references import small_reference
from scored_files import WORDS, answers, model, scored, texts, write

LABELS = ("sport", "economy", "weather")
ROWS = 240


def of(small: Bundle, tmp_path: Path, name: str = "s.jsonl", **columns: Any) -> Drift:
    """Drift of rows like the held-out ones but for the given columns, or `truth`."""
    folder = tmp_path / "model"
    digest = model(small, folder)
    rng = np.random.default_rng(9)
    truth = columns.pop("truth", rng.integers(0, 3, ROWS))
    probabilities = columns.pop("probabilities", answers(truth, 3, seed=11))
    outlets = rng.choice(["Post", "Times"], ROWS).tolist()
    given = {"title": [""] * ROWS, "body": texts(ROWS, seed=7), "outlet": outlets}
    given = {key: values for key, values in (given | columns).items() if values is not None}
    path = write(tmp_path / name, scored(LABELS, probabilities, folder, digest, given))
    return drift(str(folder), [path])


def moved(found: Drift) -> set[str]:
    return {sign.name for sign in found.signs if sign.moved}


def test_rows_like_the_held_out_ones_have_not_moved(small: Bundle, tmp_path: Path) -> None:
    found = of(small, tmp_path)
    assert (found.drifted, moved(found), found.changes) == (False, set(), [])
    assert {sign.name for sign in found.signs} == {
        *("vocabulary", "domain classifier", "length", "outlets", "new outlets"),
        *("confidence", "labels"),
    }
    assert (found.rows, found.texts, found.held_out, found.held_out_texts) == (ROWS, ROWS, 400, 400)
    assert dict(found.skipped) == {}


def test_other_words_are_noticed_and_named(small: Bundle, tmp_path: Path) -> None:
    found = of(small, tmp_path, "s.csv", body=texts(ROWS, seed=7, words=[*WORDS, "Vaccine"]))
    assert moved(found) == {"vocabulary", "domain classifier"}
    first = found.changes[0]
    assert (first.what, first.name, first.before) == ("word", "vaccine", 0)
    assert first.now > 0.4


def test_a_word_of_every_text_has_not_changed() -> None:
    before, now = [f"the {number}" for number in range(10)], ["the storm"] * 11
    found = word_changes(hashed_words(before), hashed_words(now), now)
    assert [change.name for change in found] == ["storm"]


def test_other_outlets_are_noticed_and_named(small: Bundle, tmp_path: Path) -> None:
    found = of(small, tmp_path, outlet=["Post"] * 60 + ["Gazette"] * 180)
    assert moved(found) == {"outlets", "new outlets"}
    assert found.changes[0].what == "outlet"
    assert (found.changes[0].name, found.changes[0].now) == ("Gazette", 0.75)
    [sign] = [sign for sign in found.signs if sign.name == "new outlets"]
    assert sign.value == 0.75
    found = of(small, tmp_path, outlet=["Post"] * 180 + ["Times"] * 60)
    assert moved(found) == {"outlets"}


def test_shares_of_rare_outlets_are_not_compared(small: Bundle, tmp_path: Path) -> None:
    comparison = module._Comparison()
    reference = replace(small_reference(3), outlet=np.arange(6), outlets=tuple("abcdef"))
    module._compare_outlets(comparison, reference, ["a", "g"], np.random.default_rng(0))
    assert comparison.skipped == {"outlets": "none has 10 rows"}
    assert [sign.name for sign in comparison.signs()] == ["new outlets"]


def test_rare_outlets_are_expected_to_be_new_ones(small: Bundle, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    names = np.array([f"paper {number}" for number in range(2000)])
    shares = 1 / np.arange(1, 2001)
    drawn = rng.choice(names, 640, p=shares / shares.sum())
    before = Counter(drawn[:400].tolist())
    listed = list(before)
    codes = np.array([listed.index(name) for name in drawn[:400]])
    for now, expected in ((drawn[400:], set()), (names[-240:], {"new outlets", "outlets"})):
        comparison = module._Comparison()
        reference = replace(small_reference(3), outlet=codes, outlets=tuple(listed))
        module._compare_outlets(comparison, reference, now.tolist(), rng)
        assert {sign.name for sign in comparison.signs() if sign.moved} == expected


def test_other_lengths_labels_and_confidences_are_noticed(small: Bundle, tmp_path: Path) -> None:
    assert "length" in moved(of(small, tmp_path, body=[x + " " + x for x in texts(ROWS, seed=7)]))
    found = of(small, tmp_path, truth=np.zeros(ROWS, dtype=np.int64))
    assert "labels" in moved(found)
    assert (found.changes[0].what, found.changes[0].name) == ("label", "sport")
    truth = np.random.default_rng(9).integers(0, 3, ROWS)
    flat = answers(truth, 3, seed=11) ** 0.5
    flat /= flat.sum(axis=1, keepdims=True)
    assert moved(of(small, tmp_path, truth=truth, probabilities=flat)) == {"confidence"}


def test_what_is_not_given_is_not_compared(small: Bundle, tmp_path: Path) -> None:
    found = of(small, tmp_path, body=None, outlet=None)
    assert {sign.name for sign in found.signs} == {"confidence", "labels"}
    assert dict(found.skipped) == {
        **dict.fromkeys(
            ("vocabulary", "domain classifier", "length"),
            "the scored rows have no text (--column body=NAME)",
        ),
        **dict.fromkeys(
            ("outlets", "new outlets"), "the scored rows name no outlets (--column outlet=NAME)"
        ),
    }


def test_large_files_are_sampled_and_equal_texts_count_once(
    small: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_TEXTS", 100)
    assert of(small, tmp_path).texts == 100
    monkeypatch.undo()
    assert of(small, tmp_path, body=["rain and snow", "shares fell"] * (ROWS // 2)).texts == 2


def test_p_values_of_equal_samples_are_seldom_small() -> None:
    rng = np.random.default_rng(0)
    p: dict[str, list[float]] = {"vocabulary": [], "domain classifier": []}
    for seed in range(40):
        found = hashed_words(texts(120, seed=seed))
        one, other = found[:60], found[60:]
        p["vocabulary"].append(tests.vocabulary(one, other, rng).p)
        p["domain classifier"].append(tests.domain_classifier(one, other, seed).p)
    for name, values in p.items():
        assert np.mean(values) > 0.35, name
        assert np.mean(np.array(values) < 0.1) <= 0.25, name


def test_shares_are_compared_whether_categories_are_frequent_or_rare() -> None:
    rng = np.random.default_rng(0)
    frequent = np.array([50, 40, 16]), np.array([30, 60, 17])
    expected = chi2_contingency(np.array(frequent), correction=False)
    found = tests.chi2(*frequent, rng)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.value == pytest.approx(np.sqrt(expected.statistic / 213))
    # A table of 2 by 2 has an exact test.
    rare = np.array([8, 2]), np.array([1, 6])
    assert tests.chi2(*rare, rng).p == pytest.approx(fisher_exact(rare).pvalue, abs=0.01)
    assert tests.chi2(np.array([5, 0]), np.array([7, 0]), rng) == tests.Tested(0.0, 1.0)
    many = np.ones(60, dtype=np.int64)
    assert tests.chi2(many, many, rng).p == 1
    assert tests.chi2(np.append(2 * many, 0 * many), np.append(0 * many, 2 * many), rng).p < 0.01


def test_as_many_new_categories_as_chance_brings_are_expected() -> None:
    rng = np.random.default_rng(0)
    single = np.arange(100) < 50
    tested, expected = tests.unseen(single.astype(np.int64), (~single).astype(np.int64), rng)
    assert (tested, expected) == (tests.Tested(1.0, 1.0), 1.0)
    before, after = np.array([40, 40, 0]), np.array([20, 15, 5])
    tested, expected = tests.unseen(before, after, rng)
    assert tested.value == 5 / 40
    # All five of the last category are new ones: 40·39·38·37·36 of 120·119·118·117·116 tables.
    assert expected == pytest.approx(5 / 40 * 0.00345, abs=1e-3)
    assert tested.p == pytest.approx(0.00345, abs=0.004)


def test_p_values_are_corrected_as_by_statsmodels() -> None:
    p = [0.03, 0.001, 0.4, 0.012, 0.9, 0.012]
    assert tests.holm(p) == pytest.approx(multipletests(p, method="holm")[1])
    assert tests.holm([]) == []


def test_texts_without_common_words_do_not_fail() -> None:
    nothing = csr_array((12, 1 << 14), dtype=np.float32)
    assert tests.vocabulary(nothing, nothing, np.random.default_rng(0)) == tests.Tested(0.0, 1.0)
    assert tests.domain_classifier(nothing[:3], nothing, 0) == tests.Tested(0.5, 1.0)
    assert tests.domain_classifier(nothing, nothing, 0).p >= 0.5
