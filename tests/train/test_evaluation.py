"""An evaluation: its parts, its file, and what a run logs and prints of it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evaluated import LABELS, drawn, evaluated
from given import Trained
from newsstand.cli.display import show_result
from newsstand.errors import NewsstandError
from newsstand.train.evaluation.evaluation import evaluate, logged, summary
from newsstand.train.evaluation.metrics import label_reports, metrics
from newsstand.train.evaluation.result import FILE, Evaluation


def made(count: int = 120) -> Evaluation:
    probabilities, truth = drawn(count)
    sharper = probabilities**4 / (probabilities**4).sum(axis=1, keepdims=True)
    rows = evaluated(
        probabilities,
        truth,
        uncalibrated=sharper,
        settings={"f_avg": ("favor", "against"), "mae": False},
        genre=["report", "opinion"] * (count // 2) + ["report"] * (count % 2),
        group=[f"story {place // 2}" for place in range(count)],
        votes=[["favor", "against"]] * count,
    )
    return evaluate(rows, controls={"flip_accuracy": 0.5}, resamples=200)


def test_an_evaluation_has_the_metrics_of_the_rows() -> None:
    probabilities, truth = drawn(120)
    found = made()
    assert (found.rows, found.groups, found.grouped_by) == (120, 60, "group")
    expected = metrics(probabilities, truth, LABELS, {"f_avg": ("favor", "against")})
    values = {name: of.value for name, of in found.metrics.items()}
    assert values == pytest.approx({name: expected[name] for name in values}, abs=1e-12)
    assert len(values) == len(expected) - len(LABELS)  # f1/<label>
    assert list(found.uncalibrated) == ["log_loss", "brier", "ece"]
    assert found.uncalibrated["log_loss"].value > values["log_loss"]
    for of, report in zip(found.labels, label_reports(probabilities, truth, LABELS), strict=True):
        assert (of.label, of.name, of.support) == (
            report.label,
            report.label.title(),
            report.support,
        )
        assert of.f1.value == pytest.approx(report.f1)
        assert of.precision.value == pytest.approx(report.precision)
        assert of.recall.value == pytest.approx(report.recall)
        assert of.f1.low is not None
        assert of.f1.low < of.f1.value
    counts = np.zeros((3, 3), dtype=int)
    np.add.at(counts, (truth, probabilities.argmax(axis=1)), 1)
    assert found.confusion == counts.tolist()
    assert sum(found.reliability.rows) == 120
    assert set(found.reliability.rows) == {10}  # 12 bins of equal count
    assert {x.value for x in found.slices} == {"report", "opinion"}
    assert found.agreement is not None
    assert found.controls == {"flip_accuracy": 0.5}


def test_the_risk_coverage_curve_ends_at_the_accuracy() -> None:
    found, (probabilities, truth) = made(), drawn(120)
    curve = found.risk_coverage
    assert curve.coverage[-1] == 1
    assert curve.accuracy[-1] == pytest.approx(found.metrics["accuracy"].value)
    assert curve.threshold[-1] == probabilities.max(axis=1).min()
    assert list(curve.coverage) == sorted(curve.coverage)
    place = curve.coverage.index(0.5)
    first = np.argsort(-probabilities.max(axis=1))[:60]
    right = probabilities.argmax(axis=1) == truth
    assert curve.accuracy[place] == pytest.approx(right[first].mean())
    assert len(made(1000).risk_coverage.coverage) <= 200


def test_a_label_without_rows_has_no_interval() -> None:
    probabilities = np.array([[0.8, 0.2, 0.0], [0.7, 0.2, 0.1], [0.1, 0.9, 0.0]])
    found = evaluate(evaluated(probabilities, np.array([0, 1, 1])), resamples=50)
    neutral = found.labels[2]
    assert (neutral.support, neutral.recall.value, neutral.recall.low) == (0, 0, None)
    assert neutral.precision.low is None
    assert neutral.f1.high is None


@pytest.mark.parametrize("rows", [1, 2])
def test_one_row_is_enough(rows: int, tmp_path: Path) -> None:
    probabilities, truth = drawn(rows)
    found = evaluate(evaluated(probabilities, truth), resamples=20)
    found.save(tmp_path)
    assert Evaluation.load(tmp_path / FILE) == found


def test_a_saved_evaluation_is_read_back(tmp_path: Path) -> None:
    found = made()
    found.save(tmp_path)
    assert Evaluation.load(tmp_path / FILE) == found
    assert evaluate(evaluated(*drawn(50)), resamples=50) == evaluate(
        evaluated(*drawn(50)), resamples=50
    )


def test_a_file_that_is_no_evaluation_is_refused(tmp_path: Path) -> None:
    path = tmp_path / FILE
    with pytest.raises(NewsstandError, match=r"evaluation\.json: no such file"):
        Evaluation.load(path)
    made().save(tmp_path)
    values = json.loads(path.read_text())
    path.write_text(path.read_text()[:100])
    with pytest.raises(NewsstandError, match=r"evaluation\.json: expected an evaluation of this v"):
        Evaluation.load(path)
    values["metrics"]["accuracy"]["value"] = "high"
    del values["labels"]
    path.write_text(json.dumps(values))
    with pytest.raises(NewsstandError, match=r"metrics\.accuracy\.value: .*train or evaluate the"):
        Evaluation.load(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(NewsstandError, match=r"evaluation\.json: "):
        Evaluation.load(path)


def test_a_run_saves_logs_and_prints_its_evaluation(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    for result in (trained.topic, trained.stance):
        folder = trained.folder / "mlruns" / result.experiment / result.run_id / "artifacts"
        found = Evaluation.load(folder / FILE)
        assert found == result.evaluation
        values = {f"test/{name}": value for name, value in logged(found).items()}
        assert values.items() <= result.metrics.items()
        assert {"test/macro_f1_low", "test/mcc_high", "test/uncalibrated/ece"} <= values.keys()
        for name, estimate in found.metrics.items():
            assert result.metrics[f"test/{name}"] == pytest.approx(estimate.value, abs=1e-12)
        show_result(result)
        shown = capsys.readouterr().out
        accuracy = found.metrics["accuracy"]
        assert f"accuracy {accuracy.value:.3f} ({accuracy.low:.3f}\u2013" in shown
        assert f" ({found.uncalibrated['ece'].value:.3f} uncalibrated)" in shown
        assert f"accuracy {accuracy.value:.3f} ({accuracy.low:.3f}\u2013" in summary(found)
    assert trained.stance.evaluation is not None
    assert "text_only_macro_f1" in trained.stance.evaluation.controls


def test_slices_below_the_rest_are_named(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    probabilities, truth = drawn(400, right=0.95)
    truth[:100] = (probabilities[:100].argmax(axis=1) + 1) % 3
    genres = ["a\x1b[31m"] * 100 + ["b"] * 300
    found = evaluate(evaluated(probabilities, truth, genre=genres), resamples=200)
    show_result(replace(trained.topic, evaluation=found))
    shown = capsys.readouterr().out
    [line] = [line for line in shown.splitlines() if line.startswith("slices")]
    assert "genre" in line
    assert "0.000 in 100 rows, 0.9" in line
    assert "\x1b" not in line
    assert "'b'" not in line
