"""Smaller models: their size, their most important features, and saving."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from newsstand.errors import DataError
from newsstand.features.weighting import FeatureSpec, count
from newsstand.models.linear import WEIGHTS_FILE, LinearModel
from newsstand.models.quantize import Stored
from newsstand.text.example import Example
from newsstand.train.families.export_linear import LinearCost, export_linear
from newsstand.train.families.linear_solver import fit_linear

SPEC = FeatureSpec(words=(1, 2), chars=(3, 4), bits=18)
SIGNS = ["goal", "shares", "rain"]


def rows(count: int, seed: int = 0) -> tuple[list[Example], NDArray[np.int64]]:
    """A word in each text determines its label; thousands of others are noise."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, 3, count)
    texts = [
        " ".join([SIGNS[label], *(f"noise{n}" for n in random.integers(0, 3000, 20))])
        for label in truth.tolist()
    ]
    return [Example.of_prepared("", text, None) for text in texts], truth


@pytest.fixture(scope="module")
def model() -> LinearModel:
    examples, truth = rows(600)
    counts = count(SPEC, examples)
    return fit_linear(counts, truth, spec=SPEC, classifier="svc", C=1.0, class_weight=None, seed=0)


def size(model: LinearModel, folder: Path) -> int:
    model.save(folder)
    return (folder / WEIGHTS_FILE).stat().st_size


@pytest.mark.parametrize("weights", ["float32", "float16", "int8"])
@pytest.mark.parametrize("size_mb", [None, 0.12, 0.02])
def test_the_size_is_as_requested_and_the_model_round_trips(
    model: LinearModel, tmp_path: Path, weights: Stored, size_mb: float | None
) -> None:
    smaller = export_linear(model, weights=weights, size_mb=size_mb)
    settings = smaller.save(tmp_path)
    loaded = LinearModel.load(tmp_path, settings)
    examples, truth = rows(200, seed=1)
    assert np.array_equal(loaded.forward(examples), smaller.forward(examples))
    assert loaded.stored == weights
    if size_mb is not None:
        file = (tmp_path / WEIGHTS_FILE).stat().st_size
        assert file <= size_mb * 1e6
        assert file > 0.8 * size_mb * 1e6
    assert np.mean(smaller.forward(examples).argmax(axis=1) == truth) > 0.99


def test_without_settings_the_model_is_unchanged(model: LinearModel) -> None:
    same = export_linear(model, weights="float32", size_mb=None)
    assert np.array_equal(same.coefficients, model.coefficients)
    assert np.array_equal(same.features.blocks[1].buckets, model.features.blocks[1].buckets)
    large = export_linear(model, weights="float32", size_mb=100.0)
    assert len(large.coefficients) == len(model.coefficients)


def test_smaller_numbers_give_smaller_files(model: LinearModel, tmp_path: Path) -> None:
    sizes = [
        size(export_linear(model, weights=weights, size_mb=None), tmp_path)
        for weights in ("float32", "float16", "int8")
    ]
    assert sizes[0] > 1.3 * sizes[1] > 1.3 * sizes[2]


def test_the_most_important_features_are_kept(model: LinearModel) -> None:
    few = export_linear(model, weights="float32", size_mb=0.003)
    assert 0 < len(few.coefficients) < 100
    telling = [Example.of_prepared("", word, None) for word in SIGNS]
    assert few.forward(telling).argmax(axis=1).tolist() == [0, 1, 2]


def test_too_small_a_size_is_refused(model: LinearModel) -> None:
    with pytest.raises(DataError, match=r"^export\.size_mb: too small"):
        export_linear(model, weights="int8", size_mb=0.001)


def test_the_cost_is_measured(model: LinearModel) -> None:
    examples, truth = rows(200, seed=2)
    few = export_linear(model, weights="int8", size_mb=0.01)
    cost = LinearCost.measure(model, few, examples, truth)
    metrics = cost.metrics()
    assert metrics["export/before_megabytes"] > metrics["export/after_megabytes"] > 0
    assert metrics["export/after_accuracy"] == np.mean(few.forward(examples).argmax(1) == truth)
    assert str(cost).startswith("0.01 MB of ")
