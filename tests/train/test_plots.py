"""The plots: pictures that open and show something, whatever the labels are called."""

from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from newsstand.calibration import Floats
from newsstand.labels import IPTC_MEDIA_TOPICS
from newsstand.train.plots import confusion_matrix, reliability_diagram

NAMES = [
    ("favor", "against"),
    tuple(IPTC_MEDIA_TOPICS.values()),
    ("costs $5", r"$\frac{1}{", "$a_b$ & {c^", "x" * 300, "政治", "سياسة", "🙂", " ", "a\nb"),
]


def ink(path: Path) -> Floats:
    """How dark each pixel is, 0 to 1."""
    image = matplotlib.image.imread(path)[..., :3]
    return np.asarray(1 - image.mean(axis=2), dtype=np.float64)


@pytest.mark.parametrize("names", NAMES)
@pytest.mark.parametrize("rows", [1, 60])
def test_both_plots_have_ink(names: tuple[str, ...], rows: int, tmp_path: Path) -> None:
    size = len(names)
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.ones(size), rows)
    truth = random.integers(0, max(size - 1, 1), rows)  # the last label has no rows
    confusion_matrix(tmp_path / "c.png", probabilities, truth, names)
    reliability_diagram(tmp_path / "r.png", probabilities, truth)
    for path in tmp_path.iterdir():
        dark = ink(path)
        assert min(dark.shape) > 200
        assert (dark > 0.5).mean() > 0.001
        assert (dark < 0.1).mean() > 0.3


def test_more_right_means_a_darker_diagonal(tmp_path: Path) -> None:
    truth = np.arange(40) % 2
    pictures = []
    for right in (40, 20):
        predicted = np.where(np.arange(40) < right, truth, 1 - truth)
        confusion_matrix(tmp_path / "c.png", np.eye(2)[predicted], truth, ("a", "b"))
        pictures.append(ink(tmp_path / "c.png"))
    assert pictures[0].shape == pictures[1].shape
    # All right: two cells are full and two are empty. Half right: all four are half dark.
    assert pictures[0].max() > pictures[1].max() - 1e-9
    assert (pictures[0] > 0.6).mean() > (pictures[1] > 0.6).mean() + 0.05


def test_very_many_labels_still_fit_in_memory(tmp_path: Path) -> None:
    truth = np.arange(100)
    confusion_matrix(tmp_path / "c.png", np.eye(100), truth, [f"label {i}" for i in truth])
    assert max(ink(tmp_path / "c.png").shape) < 4000
