"""The plots: their values, and images for labels with any characters."""

from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from matplotlib.figure import Figure

from made_evaluation import made_evaluation, made_rows
from newsstand.train.evaluation import plots
from newsstand.train.evaluation.plot_text import drawable
from newsstand.train.evaluation.result import Estimate, Reliability, SliceMetrics
from newsstand.types import Floats

ODD = ("costs $5", r"$\frac{1}{", "$a_b$ & {c^", "x" * 300, "政治", "سياسة", "🙂", " ", "a\nb")
MANY = tuple(f"topic number {number} of a hundred and eight" for number in range(108))


def ink(path: Path) -> Floats:
    """How dark each pixel is, 0 to 1."""
    image = matplotlib.image.imread(path)[..., :3]
    return np.asarray(1 - image.mean(axis=2), dtype=np.float64)


@pytest.mark.parametrize(("names", "rows"), [(("favor", "against"), 1), (ODD, 60), (MANY, 60)])
def test_all_plots_have_ink(names: tuple[str, ...], rows: int, tmp_path: Path) -> None:
    made = made_rows(names, rows)
    evaluation = made_evaluation(made, slices=[part("seen", 0.7), part("unseen", 0.5, below=True)])
    plots.confusion_matrix(tmp_path / "c.png", evaluation)
    plots.reliability_diagram(tmp_path / "r.png", evaluation, made.probabilities.max(axis=1))
    plots.risk_coverage(tmp_path / "k.png", evaluation)
    plots.label_f1(tmp_path / "f.png", evaluation)
    plots.slice_forest(tmp_path / "s.png", evaluation)
    plots.learning_curve(tmp_path / "l.png", [100, 200], [Estimate(0.5), Estimate(0.6, 0.5, 0.7)])
    for path in tmp_path.iterdir():
        dark = ink(path)
        assert min(dark.shape) > 150
        assert max(dark.shape) < 4000
        assert (dark > 0.3).mean() > 0.001
        assert (dark < 0.1).mean() > 0.3
        # Nothing is cut: the edges of the picture are blank.
        edges = np.concatenate([dark[0], dark[-1], dark[:, 0], dark[:, -1]])
        assert edges.max() < 0.05


def part(value: str, accuracy: float, *, below: bool = False, rows: int = 30) -> SliceMetrics:
    estimate = Estimate(accuracy, accuracy - 0.1, accuracy + 0.1)
    return SliceMetrics(
        by="outlet seen",
        value=value,
        rows=rows,
        groups=rows,
        accuracy=estimate,
        macro_f1=estimate,
        others=0.8,
        p=0.01 if below else 1.0,
        below=below,
    )


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that are saved during the test."""
    figures: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, path: figures.append(figure))
    return figures


def test_the_confusion_matrix_counts_predictions_by_true_label(
    drawn: list[Figure], tmp_path: Path
) -> None:
    counts = [[5, 2, 1], [0, 3, 1], [0, 0, 0]]  # rows are true labels
    evaluation = made_evaluation(made_rows(("a", "b", "c")), confusion=counts, rows=12)
    plots.confusion_matrix(tmp_path / "c.png", evaluation)
    axes = drawn[0].axes[0]
    shares = np.asarray(axes.images[0].get_array())
    assert shares == pytest.approx(np.array([[5 / 8, 2 / 8, 1 / 8], [0, 3 / 4, 1 / 4], [0, 0, 0]]))
    assert axes.images[0].get_clim() == (0, 1)
    texts = {text.get_position(): text.get_text() for text in axes.texts}  # (column, row)
    first = {(0, 0): "5\n62%", (1, 0): "2\n25%", (2, 0): "1\n12%"}
    assert texts == {**first, (1, 1): "3\n75%", (2, 1): "1\n25%"}
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("true", "predicted")
    for labels in (axes.get_yticklabels(), axes.get_xticklabels()):
        assert [label.get_text() for label in labels] == ["a", "b", "c"]
    assert axes.get_title() == "Confusion matrix, 12 test rows"


def test_of_many_labels_the_matrix_has_those_with_most_errors(
    drawn: list[Figure], tmp_path: Path
) -> None:
    size = 40
    counts = np.eye(size, dtype=np.int64) * 5
    counts[7, 9], counts[9, 39] = 6, 4
    names = [f"topic {number}" for number in range(size)]
    evaluation = made_evaluation(made_rows(names), confusion=counts.tolist())
    plots.confusion_matrix(tmp_path / "c.png", evaluation)
    axes = drawn[0].axes[0]
    rows = [label.get_text() for label in axes.get_yticklabels()]
    columns = [label.get_text() for label in axes.get_xticklabels()]
    assert columns == [*rows, "any other label"]
    assert {"topic 7", "topic 9", "topic 39"} < set(rows)
    assert len(rows) == 20
    assert f"the 20 of {size} labels with most errors" in axes.get_title()
    shares = np.asarray(axes.images[0].get_array())
    assert shares.sum(axis=1) == pytest.approx(np.ones(20))  # the last column has the rest


def test_the_reliability_diagram_shows_accuracy_by_confidence(
    drawn: list[Figure], tmp_path: Path
) -> None:
    bins = Reliability(
        confidence=[0.6, 0.9], accuracy=[0.25, 0.8], low=[0.1, 0.5], high=[0.6, 0.95], rows=[4, 10]
    )
    ece = {"ece": Estimate(0.171)}
    evaluation = made_evaluation(made_rows(), reliability=bins, rows=14, uncalibrated=ece)
    plots.reliability_diagram(tmp_path / "r.png", evaluation, np.repeat([0.6, 0.9], [4, 10]))
    axes, below = drawn[0].axes
    [container] = axes.containers
    points, _, [bars] = container.lines
    assert np.asarray(points.get_xydata()) == pytest.approx(np.array([[0.6, 0.25], [0.9, 0.8]]))
    ends = [segment[:, 1].tolist() for segment in bars.get_segments()]
    assert ends == [pytest.approx([0.1, 0.6]), pytest.approx([0.5, 0.95])]
    heights = [bar.get_height() for bar in below.patches if bar.get_height()]  # type: ignore[attr-defined]
    assert heights == [4, 10]
    assert "14 test rows in 2 bins of 4 to 10" in axes.get_title()
    assert "(0.171 before calibration)" in axes.get_title()


def test_lines_of_a_forest_are_its_intervals(drawn: list[Figure], tmp_path: Path) -> None:
    slices = [part("seen", 0.7), part("unseen", 0.5, below=True)]
    plots.slice_forest(tmp_path / "s.png", made_evaluation(made_rows(), slices=slices))
    [axes] = drawn[0].axes
    ends = [
        segment[:, 0].tolist()
        for collection in axes.collections
        for segment in collection.get_segments()  # type: ignore[attr-defined]
    ]
    assert ends == [pytest.approx([0.6, 0.8]), pytest.approx([0.4, 0.6])]
    usual, below = axes.lines[:2]
    assert np.asarray(usual.get_xydata()) == pytest.approx(np.array([[0.7, 0]]))
    assert np.asarray(below.get_xydata()) == pytest.approx(np.array([[0.5, 1]]))
    assert (usual.get_marker(), below.get_marker()) == ("o", "s")  # not by colour alone
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["outlet seen: seen", "outlet seen: unseen"]


def test_slices_that_are_below_are_never_left_out() -> None:
    slices = [part(str(n), 0.7, rows=100 - n) for n in range(20)]
    slices += [part("last", 0.2, below=True, rows=5)]
    shown = plots.shown_slices(slices, 3)
    assert [x.value for x in shown] == ["0", "1", "last"]


def test_labels_are_sorted_by_f1(drawn: list[Figure], tmp_path: Path) -> None:
    evaluation = made_evaluation(made_rows())
    plots.label_f1(tmp_path / "f.png", evaluation)
    names = [label.get_text() for label in drawn[0].axes[0].get_yticklabels()]
    by_f1 = sorted(evaluation.labels, key=lambda label: -label.f1.value)
    assert names == [label.name for label in by_f1]


def test_names_that_no_font_has_are_numbers() -> None:
    assert drawable(["sport", "\U00013000", "\t", "sport"], 20) == [
        "sport",
        "no. 2",
        r"\t",
        "sport (4)",
    ]
    long = drawable(["word " * 40], 20)[0]
    assert [len(line) <= 20 for line in long.split("\n")] == [True, True]
    assert long.endswith("…")
