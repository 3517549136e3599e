"""Files that are logged with a run: config, evaluation, report and search trials."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from newsstand.config.loader import dump_config
from newsstand.config.schema import Config
from newsstand.train.evaluation.result import Evaluation
from newsstand.train.evaluation.rows import EvaluatedRows
from newsstand.train.families.linear_search import Trial
from newsstand.train.learning_curve import Point, write_learning_curve
from newsstand.train.report.description import RunDescription
from newsstand.train.report.report import write_report


def write_artifacts(
    folder: Path,
    config: Config,
    *,
    evaluated: EvaluatedRows,
    evaluation: Evaluation,
    about: RunDescription,
    trials: Sequence[Trial],
    curve: Sequence[Point] = (),
) -> None:
    """Writes a run's files into a new folder.

    Args:
        folder: The folder, which must not exist.
        config: The experiment.
        evaluated: The test rows with the model's probabilities.
        evaluation: What their evaluation found.
        about: What was trained, for the report and the model card.
        trials: Trials of the search; if empty, no file is written.
        curve: Points of the learning curve; if empty, no file is written.
    """
    folder.mkdir()
    (folder / "config.yaml").write_text(dump_config(config), encoding="utf-8")
    write_report(folder, evaluated, evaluation, about)
    evaluation.save(folder)
    evaluated.save(folder)
    if trials:
        text = json.dumps([asdict(trial) for trial in trials], indent=2)
        (folder / "search.json").write_text(text, encoding="utf-8")
    if curve:
        write_learning_curve(folder, curve)
