"""What a run's page shows beside its figures: the config, plots, predictions and the search."""

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
from newsstand.train import plots
from newsstand.train.dataset import Rows
from newsstand.train.families.linear_search import Trial
from newsstand.types import Floats


def write_artifacts(
    folder: Path,
    config: Config,
    *,
    labels: LabelSet,
    probabilities: Floats,
    test: Rows,
    trials: Sequence[Trial],
) -> None:
    """Writes a run's files into a new folder.

    Args:
        folder: Where they go.
        config: The experiment.
        labels: Those of the model.
        probabilities: Of the test rows, float64, shape (rows, labels).
        test: The test rows.
        trials: Settings that were searched; none writes no file.
    """
    folder.mkdir()
    (folder / "config.yaml").write_text(dump_config(config), encoding="utf-8")
    readable = list(labels.names.values())
    plots.confusion_matrix(folder / "confusion_matrix.png", probabilities, test.labels, readable)
    plots.reliability_diagram(folder / "reliability.png", probabilities, test.labels)
    names = labels.labels
    columns: dict[str, Any] = {
        **{name: test.column(name) for name in ("id", "outlet", "target")},
        "label": [names[i] for i in test.labels],
        "predicted": [names[i] for i in MOST_PROBABLE.predict(probabilities)],
        "probability": probabilities.max(axis=1),
    }
    columns |= {f"p_{label}": probabilities[:, i] for i, label in enumerate(names)}
    parquet.write_table(pyarrow.table(columns), folder / "predictions.parquet")
    if trials:
        told = json.dumps([asdict(trial) for trial in trials], indent=2)
        (folder / "search.json").write_text(told, encoding="utf-8")
