"""The result of a sweep: what is printed, written to its folder and logged."""

import csv
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from newsstand.config.loader import dump_config
from newsstand.config.schema import Config
from newsstand.train.sweep.plots import Shown, write_plots
from newsstand.train.sweep.space import text_of
from newsstand.train.sweep.spec import Sweep
from newsstand.train.sweep.trial import FAILED, METRICS, SETTINGS

BEST = "best.yaml"
_COUNTED = (TrialState.COMPLETE, TrialState.PRUNED)
_LEAST = 4  # finished trials from which the importance of settings is estimated


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepResult:
    """The result of a sweep.

    Args:
        name: Its name.
        storage: URL of its database, without a password.
        folder: The folder of its files.
        metric: The metric of the validation rows that settings are chosen by.
        run_id: Its run in MLflow; empty if not tracked.
        url: The page of that run.
        trials: Number of trials by how they ended: `finished`, `pruned`, `failed`.
        top: The best trials, best first: `trial`, `value` and `settings`.
        importance: Share of each setting in the variance of the metric.
        winner: The runs of the winner: `seed`, `run_id`, `model` and `metrics`.
        test: Mean and sample standard deviation of the winner's test metrics over the seeds.
        nested: `folds`, `rows`, `metrics` and `by_fold` of the nested cross-validation, or None.
    """

    name: str
    storage: str
    folder: str
    metric: str
    run_id: str
    url: str
    trials: Mapping[str, int]
    top: Sequence[Mapping[str, Any]]
    importance: Mapping[str, float]
    winner: Sequence[Mapping[str, Any]]
    test: Mapping[str, Mapping[str, float]]
    nested: Mapping[str, Any] | None

    def to_dict(self) -> dict[str, Any]:
        """The values that `newsstand sweep --json` prints."""
        return asdict(self)

    def metrics(self) -> dict[str, float]:
        """The metrics of the sweep's run in MLflow, by name."""
        best = {f"validation/{self.metric}": float(self.top[0]["value"])}
        test = {f"test/{k}_{x}": v for k, values in self.test.items() for x, v in values.items()}
        nested = self.nested["metrics"] if self.nested else {}
        return best | test | {f"nested/{name}": value for name, value in nested.items()}


def counted_trials(study: Study) -> list[FrozenTrial]:
    """The trials that have ended, by number, without those of processes that were stopped."""
    return study.get_trials(deepcopy=False, states=_COUNTED)


def counts(trials: Sequence[FrozenTrial]) -> dict[str, int]:
    """The number of trials by how they ended."""
    ends = [
        "finished"
        if trial.state == TrialState.COMPLETE
        else ("failed" if FAILED in trial.user_attrs else "pruned")
        for trial in trials
    ]
    return {name: ends.count(name) for name in ("finished", "pruned", "failed")}


def top(trials: Sequence[FrozenTrial], *, minimizes: bool, most: int = 5) -> list[dict[str, Any]]:
    """The best finished trials with different settings, best first."""
    sign = 1 if minimizes else -1
    finished = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    finished.sort(key=lambda trial: (sign * (trial.value or 0.0), trial.number))
    best: list[dict[str, Any]] = []
    for trial in finished:
        settings = trial.user_attrs[SETTINGS]
        if len(best) < most and all(settings != other["settings"] for other in best):
            best.append({"trial": trial.number, "value": trial.value, "settings": settings})
    return best


def importance(study: Study) -> dict[str, float]:
    """The share of each setting in the variance of the metric, by fANOVA (Hutter et al. 2014).

    Empty with few finished trials, or if all have the same value.
    """
    finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(finished) < _LEAST or len({trial.value for trial in finished}) < 2:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        found = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0))
    return {key: float(share) for key, share in found.items()}


def write_results(
    sweep: Sweep, trials: Sequence[FrozenTrial], best: Config, result: SweepResult
) -> None:
    """Writes `best.yaml`, `trials.csv`, `result.json` and the plots to the sweep's folder."""
    folder = sweep.folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / BEST).write_text(dump_config(best), encoding="utf-8")
    text = json.dumps(result.to_dict(), indent=1, ensure_ascii=False)
    (folder / "result.json").write_text(text + "\n", encoding="utf-8")
    _write_table(folder / "trials.csv", sweep, trials)
    shown = Shown(trials, sweep.parameters, sweep.spec.metric, sweep.minimizes, result.importance)
    write_plots(folder, shown)


def _write_table(path: Path, sweep: Sweep, trials: Sequence[FrozenTrial]) -> None:
    """A row for each trial: how it ended, its settings, and its metrics on the validation rows."""
    names = next(
        (list(trial.user_attrs[METRICS]) for trial in trials if METRICS in trial.user_attrs), []
    )
    with path.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["trial", "state", "seconds", *sweep.parameters, *names])
        for trial in trials:
            settings = trial.user_attrs.get(SETTINGS, {})
            values = trial.user_attrs.get(METRICS, {})
            seconds = trial.duration.total_seconds() if trial.duration else 0.0
            [state] = [name for name, count in counts([trial]).items() if count]
            table.writerow(
                [
                    *(trial.number, state, f"{seconds:.1f}"),
                    *(text_of(settings.get(key)) for key in sweep.parameters),
                    *(values.get(name, "") for name in names),
                ]
            )
