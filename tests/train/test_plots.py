"""The plots: their values, and images for labels with any characters."""

from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from newsstand.labels import IPTC_MEDIA_TOPICS
from newsstand.train.evaluation.plots import confusion_matrix, reliability_diagram
from newsstand.types import Floats

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


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that are saved during the test."""
    figures: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, path: figures.append(figure))
    return figures


def test_the_confusion_matrix_counts_predictions_by_true_label(
    drawn: list[Figure], tmp_path: Path
) -> None:
    counts = np.array([[5, 2, 1], [0, 3, 1], [0, 0, 0]])  # rows are true labels
    truth, predicted = (places.repeat(counts.ravel()) for places in np.divmod(np.arange(9), 3))
    confusion_matrix(tmp_path / "c.png", np.eye(3)[predicted], truth, ("a", "b", "c" * 30))
    [axes] = drawn[0].axes
    shares = np.asarray(axes.images[0].get_array())
    assert shares == pytest.approx(np.array([[5 / 8, 2 / 8, 1 / 8], [0, 3 / 4, 1 / 4], [0, 0, 0]]))
    assert axes.images[0].get_clim() == (0, 1)
    texts = {text.get_position(): text.get_text() for text in axes.texts}  # (column, row)
    assert texts == {(0, 0): "5", (1, 0): "2", (2, 0): "1", (1, 1): "3", (2, 1): "1"}
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("true", "predicted")
    for labels in (axes.get_yticklabels(), axes.get_xticklabels()):
        assert [label.get_text() for label in labels] == ["a", "b", "c" * 27 + "…"]
    assert axes.get_title() == "Confusion matrix, 12 test rows"


def test_the_reliability_diagram_shows_accuracy_by_confidence(
    drawn: list[Figure], tmp_path: Path
) -> None:
    # Ten rows at 0.9, of which 8 are right; four at 0.6, of which 1 is right.
    first = np.repeat([0.9, 0.6], [10, 4])
    truth = np.array([0] * 8 + [1] * 2 + [0] + [1] * 3)
    reliability_diagram(tmp_path / "r.png", np.stack([first, 1 - first], axis=1), truth)
    axes, below = drawn[0].axes
    model = next(line for line in axes.lines if line.get_label() == "model")
    assert np.asarray(model.get_xydata()) == pytest.approx(np.array([[0.6, 0.25], [0.9, 0.8]]))
    bars = [bar for bar in below.patches if isinstance(bar, Rectangle) and bar.get_height()]
    assert [bar.get_height() for bar in bars] == [4, 10]
    for bar, confidence in zip(bars, (0.6, 0.9), strict=True):
        assert bar.get_x() - 1e-9 <= confidence <= bar.get_x() + bar.get_width() + 1e-9
    error = (10 * 0.1 + 4 * 0.35) / 14
    assert axes.get_title() == f"Reliability, 14 test rows, ECE {error:.3f}"


def test_very_many_labels_still_fit_in_memory(tmp_path: Path) -> None:
    truth = np.arange(100)
    confusion_matrix(tmp_path / "c.png", np.eye(100), truth, [f"label {i}" for i in truth])
    assert max(ink(tmp_path / "c.png").shape) < 4000
