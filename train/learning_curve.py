"""The learning curve: macro-F1 of models that are fitted on growing parts of the training rows."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from newsstand.config.schema import Config
from newsstand.models.base import FAMILIES
from newsstand.models.calibration import Calibration
from newsstand.train.dataset import LabelledRows
from newsstand.train.evaluation import plots
from newsstand.train.evaluation.bootstrap import group_codes
from newsstand.train.evaluation.evaluation import metric_estimates
from newsstand.train.evaluation.metrics import MetricTable
from newsstand.train.evaluation.result import Estimate
from newsstand.train.evaluation.rows import EvaluatedRows
from newsstand.train.evaluation.sums import Predictions
from newsstand.train.families.base import FittedModel, RunContext
from newsstand.train.fit_checkpoint import FitCheckpoints
from newsstand.train.run_data import RunData
from newsstand.types import Floats, Ints

# Shares of the training rows; each about twice the one before. The model of the run is the last.
SHARES = (0.05, 0.1, 0.2, 0.4, 0.7)
_RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Point:
    """A point of the curve: the number of training rows, and macro-F1 on the test rows."""

    rows: int
    macro_f1: Estimate


def learning_curve(
    config: Config, data: RunData, fit: FittedModel, evaluated: EvaluatedRows, context: RunContext
) -> list[Point]:
    """Fits models on growing parts of the training rows, and evaluates them on the test rows.

    The parts are drawn by the seed of the config and nested; texts with several targets are drawn
    as a whole, and each part has a row of each label. The settings are those that the fit on all
    rows has chosen. The last point is the model of the run.

    Args:
        config: The experiment.
        data: Its rows.
        fit: The fit on all training rows.
        evaluated: The test rows with the probabilities of the run's model.
        context: Of the run.
    """
    kind = FAMILIES[config.model.kind].trainer_class
    order = _order(data.train, config.seed)
    points = []
    for number, share in enumerate(SHARES):
        rows = _part(data.train, order, share)
        context.progress("learning curve", number, len(SHARES))
        checkpoints = FitCheckpoints(data.news.folder, f"{context.digest} {len(rows)} rows")
        alone = RunContext.alone(checkpoints, context.scratch)
        model = kind.of(config, alone).refit(rows, fit)
        probabilities = Calibration.none().apply(model.forward(data.test.examples))
        points.append(Point(len(rows), _macro_f1(evaluated, probabilities)))
        checkpoints.remove()
    used = len(data.train)
    if config.model.refit:
        used += len(data.validation) + len(data.news.refit_only_numbers)
    return [*points, Point(used, _macro_f1(evaluated, evaluated.probabilities))]


def write_learning_curve(folder: Path, points: Sequence[Point]) -> None:
    """Writes `learning_curve.png` and `learning_curve.json` into a folder."""
    sizes, estimates = [x.rows for x in points], [x.macro_f1 for x in points]
    plots.learning_curve(folder / "learning_curve.png", sizes, estimates)
    text = json.dumps([asdict(point) for point in points], indent=1)
    (folder / "learning_curve.json").write_text(text + "\n", encoding="utf-8")


def summary(points: Sequence[Point]) -> str:
    """The ends of the curve in one line."""
    half, last = points[-3], points[-1]
    return (
        f"macro-F1 {half.macro_f1.value:.3f} with {half.rows:,} training rows, "
        f"{last.macro_f1.value:.3f} with {last.rows:,}"
    )


def _order(rows: LabelledRows, seed: int) -> Ints:
    """The rows in the order in which they are added: those of a text one after the other."""
    texts = rows.codes("text_key")
    ranks = np.random.default_rng(seed).permutation(int(texts.max()) + 1)
    return np.argsort(ranks[texts], kind="stable").astype(np.int64)


def _part(rows: LabelledRows, order: Ints, share: float) -> LabelledRows:
    """The first rows in an order, and the first one of each label."""
    firsts = np.unique(rows.labels[order], return_index=True)[1]
    places = np.union1d(np.arange(round(share * len(rows))), firsts)
    return rows.select(np.sort(order[places]))


def _macro_f1(evaluated: EvaluatedRows, probabilities: Floats) -> Estimate:
    """Macro-F1 of a model on the evaluated rows, with its interval."""
    predictions = Predictions(probabilities, evaluated.truth, list(evaluated.labels))
    groups, _ = group_codes(evaluated)
    table = MetricTable(predictions, names=["macro_f1"])
    return metric_estimates(table, groups, count=_RESAMPLES, seed=0)["macro_f1"]
