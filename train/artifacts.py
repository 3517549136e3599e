"""Files that are logged with a run: config, plots, predictions and search trials."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from newsstand.config.loader import dump_config
from newsstand.config.schema import Config
from newsstand.train.evaluation import plots
from newsstand.train.evaluation.rows import EvaluatedRows
from newsstand.train.families.linear_search import Trial


def write_artifacts(
    folder: Path,
    config: Config,
    *,
    evaluated: EvaluatedRows,
    trials: Sequence[Trial],
) -> None:
    """Writes a run's files into a new folder.

    Args:
        folder: The folder, which must not exist.
        config: The experiment.
        evaluated: The test rows with the model's probabilities.
        trials: Trials of the search; if empty, no file is written.
    """
    folder.mkdir()
    (folder / "config.yaml").write_text(dump_config(config), encoding="utf-8")
    names = list(evaluated.labels.values())
    plots.confusion_matrix(
        folder / "confusion_matrix.png", evaluated.probabilities, evaluated.truth, names
    )
    plots.reliability_diagram(folder / "reliability.png", evaluated.probabilities, evaluated.truth)
    evaluated.save(folder)
    if trials:
        text = json.dumps([asdict(trial) for trial in trials], indent=2)
        (folder / "search.json").write_text(text, encoding="utf-8")
