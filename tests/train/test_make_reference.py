"""The reference data that a run writes: of test rows only, bounded, the same for equal runs."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from given import Trained
from newsstand.io.bundle import REFERENCE, read_reference
from newsstand.io.reference import MOST_NAMES, NOT_GIVEN, OTHER, hashed_words
from newsstand.text.example import Example
from newsstand.train.monitor import reference as module
from newsstand.train.monitor.reference import make_reference
from random_rows import some_rows


def examples(count: int) -> list[Example]:
    return [Example.of_prepared("", f"word{row} word{row + 1} word", None) for row in range(count)]


def test_a_run_writes_its_test_rows(trained: Trained) -> None:
    from newsstand.train.evaluation.rows import EvaluatedRows

    for result, bundle in (
        (trained.topic, trained.topic_bundle),
        (trained.stance, trained.stance_bundle),
    ):
        runs = Path(bundle).parents[4].glob(f"**/{result.run_id}/artifacts/predictions.parquet")
        rows = EvaluatedRows.load(next(runs))
        found = read_reference(bundle)
        assert len(found) == len(rows)
        order = np.lexsort((*found.probabilities.T, found.truth))
        other = np.lexsort((*rows.probabilities.astype(np.float32).T, rows.truth))
        assert (found.truth[order] == rows.truth[other]).all()
        np.testing.assert_allclose(found.probabilities[order], rows.probabilities[other], atol=1e-6)
        assert sorted(found.words) == sorted(rows.columns["words"].to_pylist())
        targets = {x for x in rows.columns["target"].to_pylist() if x}
        assert set(found.targets) <= targets
        assert len(found.targets) == min(len(targets), MOST_NAMES["targets"])
        assert (bundle / REFERENCE).stat().st_size < 1_500_000


def test_rows_and_words_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = some_rows(40, labels=4)
    whole = make_reference(rows, examples(40), 1)
    assert (len(whole), whole.presence.shape[0], whole.presence.nnz) == (40, 40, 120)
    monkeypatch.setattr(module, "MOST_PROBABILITIES", 48)
    monkeypatch.setattr(module, "MOST_WORDS", 20)
    monkeypatch.setattr(module, "_TEXTS", 4)
    found = make_reference(rows, examples(40), 1)
    assert (len(found), found.presence.shape[0], found.presence.nnz) == (12, 6, 18)
    assert (found.truth == whole.truth[:12]).all()
    assert (found.presence != whole.presence[:6]).nnz == 0
    assert (make_reference(rows, examples(40), 2).truth[:12] != found.truth).any()


def test_words_are_of_the_row_they_are_with() -> None:
    rows, texts = some_rows(10, labels=2), examples(10)
    found = make_reference(rows, texts, 5)
    drawn = np.random.default_rng(5).permutation(10)
    expected = hashed_words([texts[row].text for row in drawn])
    assert (found.presence != expected).nnz == 0
    assert (found.words == np.array(rows.columns["words"].to_pylist())[drawn]).all()


def test_names_are_the_most_frequent(monkeypatch: pytest.MonkeyPatch) -> None:
    outlets = ["Post"] * 3 + ["Times"] * 4 + ["Rare", None, "x" * 101]
    rows = some_rows(10, labels=2, outlet=pa.array(outlets))
    monkeypatch.setitem(module.MOST_NAMES, "outlets", 2)
    found = make_reference(rows, examples(10), 0)
    assert found.outlets == ("Times", "Post")
    assert sorted(found.outlet) == [OTHER, OTHER, NOT_GIVEN, 0, 0, 0, 0, 1, 1, 1]
    assert found.targets == ()
    assert set(found.target) == {NOT_GIVEN}


def test_groups_are_those_of_the_first_column_with_values() -> None:
    group = pa.array(["a", "a", None, None, "b", "b"])
    outlet = pa.array(["P", "T"] * 3)
    for columns, expected in (
        ({"group": group, "outlet": outlet}, [1, 1, 2, 2]),
        ({"outlet": outlet}, [3, 3]),
        ({}, [1] * 6),
    ):
        found = make_reference(some_rows(6, labels=2, **columns), examples(6), 0)
        assert sorted(np.unique(found.groups, return_counts=True)[1]) == expected
