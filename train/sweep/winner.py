"""Trains the best settings of a sweep: with several seeds, and on the folds of a nested one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from newsstand.config.schema import Config
from newsstand.train.evaluation.evaluation import evaluate
from newsstand.train.evaluation.metrics import metrics
from newsstand.train.evaluation.pooled import pooled
from newsstand.train.evaluation.rows import FILE, EvaluatedRows
from newsstand.train.run import train
from newsstand.train.stage_timer import Reporter, WithinStage
from newsstand.train.sweep.spec import with_values
from newsstand.train.sweep.trial import Parent, Rows

_UNREGISTERED = {"tracking.register_as": None, "tracking.alias": None}
_ENDS = ("_low", "_high")  # of intervals, which are not averaged over seeds


@dataclass(frozen=True, slots=True, kw_only=True)
class Winner:
    """Trains the best settings.

    Args:
        name: The name of the sweep.
        rows: Loads the rows of a config.
        reporter: Called for each run.
        parent: The tracked run of the sweep.
    """

    name: str
    rows: Rows
    reporter: Reporter
    parent: Parent

    def configs(self, config: Config, seeds: int) -> dict[str, Config]:
        """The configs that the winner is trained with, by the names of their runs.

        Only the run with the seed of the config registers its model: the run that `newsstand train`
        of the best settings would be. A family that fits several seeds itself, and keeps the median
        one, has a single run.
        """
        splits = config.seed if config.data.seed is None else config.data.seed
        if seeds > 1 and "seeds" in type(config.model).model_fields:
            values: dict[str, Any] = {
                "model.seeds": seeds,
                "tracking.run_name": f"{self.name}, winner",
            }
            return {
                f"seeds {config.seed} to {config.seed + seeds - 1}": with_values(config, values)
            }
        configs = {}
        for number in range(seeds):
            seed = (config.seed + number) % 2**32
            values = {"seed": seed, "data.seed": splits, **_UNREGISTERED} if number else {}
            values["tracking.run_name"] = f"{self.name}, seed {seed}"
            configs[f"seed {seed}"] = with_values(config, values)
        return configs

    def train(self, stage: str, config: Config) -> dict[str, Any]:
        """Trains a config; what is kept of the result."""
        self.reporter.begin(stage)
        result, seconds = self._train(config)
        shown = (result["metrics"][f"test/{name}"] for name in ("accuracy", "macro_f1"))
        accuracy, macro_f1 = shown
        note = f"test accuracy {accuracy:.3f}, macro-F1 {macro_f1:.3f}"
        self.reporter.end(stage, note, seconds)
        return result

    def test_fold(self, stage: str, config: Config, folder: Path) -> dict[str, Any]:
        """Trains a config on a fold, and saves the evaluated test rows of the fold in a folder."""
        run_name = f"{self.name}, {stage}"
        config = with_values(config, {"tracking.run_name": run_name, **_UNREGISTERED})
        self.reporter.begin(stage)
        result, seconds = self._train(config, folder)
        value = result["metrics"]["test/macro_f1"]
        self.reporter.end(stage, f"macro-F1 {value:.3f} on the test rows of the fold", seconds)
        return result

    def _train(self, config: Config, rows_to: Path | None = None) -> tuple[dict[str, Any], float]:
        data = self.rows.of(config)
        result = train(
            config,
            name=self.name,
            reporter=WithinStage(self.reporter),
            track=self.parent.run_id is not None,
            data=data,
            parent=self.parent.run_id,
        )
        if rows_to is not None:
            rows_to.mkdir(parents=True, exist_ok=True)
            result.evaluated.save(rows_to)
        kept = {
            "seed": config.seed,
            "run_id": result.run_id,
            "model": result.model,
            "metrics": result.metrics,
        }
        return kept, result.seconds["total"]


def over_seeds(results: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Mean and sample standard deviation of each test metric over the seeds, by name."""
    first: Mapping[str, float] = results[0]["metrics"]
    names = [name.removeprefix("test/") for name in first if name.startswith("test/")]
    names = [name for name in names if "/" not in name and not name.endswith(_ENDS)]
    if len(results) == 1:  # perhaps of several seeds, with their own means
        means = [name.removesuffix("_mean") for name in names if name.endswith("_mean")]
        means = [name for name in means if not name.endswith(_ENDS)]
        if means:
            return {name: {x: first[f"test/{name}_{x}"] for x in ("mean", "std")} for name in means}
    summary = {}
    for name in names:
        values = [result["metrics"][f"test/{name}"] for result in results]
        summary[name] = {"mean": fmean(values)}
        if len(values) > 1:
            summary[name]["std"] = stdev(values)
    return summary


def nested_estimate(folders: Sequence[Path], into: Path) -> dict[str, Any]:
    """The metrics of the test rows of all folds together, each scored by the model of its fold.

    Args:
        folders: Hold the evaluated rows of each fold.
        into: A folder that all evaluated rows and their evaluation are saved in.

    Returns:
        `folds`, `rows`, `metrics` of all rows, and `by_fold`, the metrics of each fold.
    """
    of_folds = [EvaluatedRows.load(folder / FILE) for folder in folders]
    whole = pooled(of_folds)
    into.mkdir(parents=True, exist_ok=True)
    whole.save(into)
    evaluate(whole).save(into)
    return {
        "folds": len(of_folds),
        "rows": len(whole),
        "metrics": _metrics(whole),
        "by_fold": [_metrics(rows) for rows in of_folds],
    }


def _metrics(rows: EvaluatedRows) -> dict[str, float]:
    return metrics(rows.probabilities, rows.truth, list(rows.labels), rows.settings)
