"""Files that are logged with a run: config, plots, predictions and search trials."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import parquet

from newsstand.config.loader import dump_config
from newsstand.config.schema import Config
from newsstand.labels import LabelSet
from newsstand.models.decision import MOST_PROBABLE
from newsstand.train.dataset import LabelledRows
from newsstand.train.evaluation import plots
from newsstand.train.families.linear_search import Trial
from newsstand.types import Floats


def write_artifacts(
    folder: Path,
    config: Config,
    *,
    labels: LabelSet,
    probabilities: Floats,
    test_rows: LabelledRows,
    trials: Sequence[Trial],
) -> None:
    """Writes a run's files into a new folder.

    Args:
        folder: The folder, which must not exist.
        config: The experiment.
        labels: The model's labels.
        probabilities: Of the test rows, float64, shape (rows, labels).
        test_rows: The test rows.
        trials: Trials of the search; if empty, no file is written.
    """
    folder.mkdir()
    (folder / "config.yaml").write_text(dump_config(config), encoding="utf-8")
    readable = list(labels.names.values())
    plots.confusion_matrix(
        folder / "confusion_matrix.png", probabilities, test_rows.labels, readable
    )
    plots.reliability_diagram(folder / "reliability.png", probabilities, test_rows.labels)
    names = labels.labels
    columns: dict[str, Any] = {
        **{name: test_rows.column(name) for name in ("id", "outlet", "target")},
        "label": [names[i] for i in test_rows.labels],
        "predicted": [names[i] for i in MOST_PROBABLE.predict(probabilities)],
        "probability": probabilities.max(axis=1),
    }
    columns |= {f"p_{label}": probabilities[:, i] for i, label in enumerate(names)}
    parquet.write_table(pyarrow.table(columns), folder / "predictions.parquet")
    if trials:
        text = json.dumps([asdict(trial) for trial in trials], indent=2)
        (folder / "search.json").write_text(text, encoding="utf-8")
