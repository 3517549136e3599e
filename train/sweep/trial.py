"""One trial: a model is fitted with drawn settings, and evaluated on the validation rows."""

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.exceptions import TrialPruned
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState

from newsstand.config.schema import Config
from newsstand.errors import ConfigError, NewsstandError
from newsstand.train.run import validate
from newsstand.train.run_data import RunData, load_data
from newsstand.train.stage_timer import Reporter, StageTimer, WithinStage
from newsstand.train.sweep.space import texts_of
from newsstand.train.sweep.spec import Sweep, with_values
from newsstand.train.tracked_run import Run, Tracker

# Attributes of trials: the drawn settings, all metrics, and why one was refused.
SETTINGS, METRICS, FAILED = "settings", "metrics", "failed"


class _Stopped(BaseException):
    """Ends the run of a pruned trial: MLflow's state is that of an interrupted one, not failed."""


class Rows:
    """The rows of the configs of a sweep, loaded again only if settings of data or text change.

    Args:
        reporter: Shows the stages of loading.
    """

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._loaded: tuple[RunData, str] | None = None

    def of(self, config: Config) -> RunData:
        """The rows of a config."""
        return self._load(config)[0].of(config)

    def digest(self, config: Config) -> str:
        """A digest of the validation rows of a config."""
        return self._load(config)[1]

    def _load(self, config: Config) -> tuple[RunData, str]:
        if self._loaded is None or self._loaded[0].config.loading() != config.loading():
            data = load_data(config, StageTimer(self._reporter), self._reporter)
            self._loaded = data, data.validation.digest()
        return self._loaded


class WatchedRun:
    """The run of a trial: what is logged of its validation rows decides whether it is pruned.

    Args:
        run: The tracked run.
        trial: The trial.
        metric: The metric of the sweep.
    """

    def __init__(self, run: Run, trial: Trial, metric: str) -> None:
        self.run_id = run.run_id
        self.evaluations = 0
        self._run, self._trial, self._metric = run, trial, metric

    @property
    def url(self) -> str:
        """The run's page."""
        return self._run.url

    def log_step(self, metrics: Mapping[str, float], step: int, group: str = "fit") -> None:
        """Logs a point of the curves.

        Raises:
            TrialPruned: The validation rows were evaluated, and the trial is not worth finishing.
        """
        self._run.log_step(metrics, step, group)
        if self._metric in metrics:
            # Evaluations are counted instead of steps, whose number depends on the batch size.
            self.evaluations += 1
            self._trial.report(metrics[self._metric], self.evaluations)
            if self._trial.should_prune():
                raise TrialPruned(f"pruned after evaluation {self.evaluations}")

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        """Logs metrics."""
        self._run.log_metrics(metrics)

    def log_files(self, folder: Path) -> None:
        """Logs files."""
        self._run.log_files(folder)

    def tag(self, name: str, value: str) -> None:
        """Adds a tag."""
        self._run.tag(name, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """The tracked run that those of trials are nested in.

    Args:
        tracker: Starts runs.
        run_id: Its id; None without tracking.
    """

    tracker: Tracker
    run_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """Runs the trials of a study.

    Args:
        sweep: The sweep.
        config: The config whose settings are searched; that of a fold, for one.
        rows: Loads the rows of a config.
        digest: Of the validation rows, which must be the same in all trials.
        reporter: Called for each trial.
        parent: The tracked run of the sweep.
        prefix: The beginning of the trials' names.
    """

    sweep: Sweep
    config: Config
    rows: Rows
    digest: str
    reporter: Reporter
    parent: Parent
    prefix: str = ""

    def __call__(self, trial: Trial) -> float:
        """The metric of the validation rows.

        Raises:
            TrialPruned: The trial was stopped, or no model can be fitted with its settings.
        """
        started = time.perf_counter()
        settings = {key: x.draw(trial) for key, x in self.sweep.parameters.items()}
        trial.set_user_attr(SETTINGS, settings)
        stage = f"{self.prefix}trial {trial.number}"
        self.reporter.begin(stage)
        try:
            metrics, note = self._metrics(trial, settings, stage)
        except TrialPruned as pruned:
            seconds = time.perf_counter() - started
            self.reporter.end(stage, f"{pruned}: {texts_of(settings)}", seconds)
            raise
        value = metrics[self.sweep.spec.metric]
        trial.set_user_attr(METRICS, metrics)
        seconds = time.perf_counter() - started
        metric = self.sweep.spec.metric
        self.reporter.end(stage, f"{metric} {value:.4f}{note}: {texts_of(settings)}", seconds)
        return value

    def _metrics(
        self, trial: Trial, settings: Mapping[str, Any], stage: str
    ) -> tuple[dict[str, float], str]:
        """The metrics of the validation rows, and a note."""
        same = _same(trial, settings)
        if same is not None:
            return same.user_attrs[METRICS], f", as trial {same.number}"
        try:
            config = _with_settings(self.config, settings)
        except ConfigError as error:
            raise _failed(trial, f"refused, {error.problems[0]}") from None
        data = self.rows.of(config)
        if self.rows.digest(config) != self.digest:
            raise NewsstandError(
                f"{texts_of(settings)} changes the validation rows, so that trials cannot be "
                "compared; set it in the config"
            )
        with self._run(settings, stage) as run:
            metrics = self._fit(trial, config, data, run)
            run.log_metrics({f"validation/{name}": value for name, value in metrics.items()})
        return metrics, ""

    @contextmanager
    def _run(self, settings: Mapping[str, Any], stage: str) -> Iterator[Run]:
        """The tracked run of a trial."""
        tags = {"newsstand.kind": "trial", "newsstand.task": self.config.task}
        pruned: TrialPruned | None = None
        with (
            suppress(_Stopped),
            self.parent.tracker(
                self.config.tracking.experiment,
                name=f"{self.sweep.name}, {stage}",
                params=settings,
                tags=tags,
                started=time.time(),
                parent=self.parent.run_id,
            ) as run,
        ):
            try:
                yield run
            except TrialPruned as error:
                pruned = error
                run.tag("newsstand.stopped", str(error))
                raise _Stopped from None
        if pruned is not None:
            raise pruned

    def _fit(self, trial: Trial, config: Config, data: RunData, run: Run) -> dict[str, float]:
        """Fits a model; its metrics on the validation rows."""
        watched = WatchedRun(run, trial, self.sweep.spec.metric)
        try:
            metrics = validate(
                config,
                data=data,
                reporter=WithinStage(self.reporter),
                tracker=lambda *_, **__: nullcontext(watched),
            )
        except NewsstandError as error:
            raise _failed(trial, f"failed, {error.lines[0]}") from error
        value = metrics.get(self.sweep.spec.metric)
        if value is None or not math.isfinite(value):
            raise _failed(trial, f"failed, {self.sweep.spec.metric} is {value}")
        return metrics


def best_trial(study: Study) -> FrozenTrial:
    """The best finished trial of a study, of equal ones the first.

    Raises:
        NewsstandError: No trial was finished.
    """
    finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if finished:
        sign = -1 if study.direction == StudyDirection.MINIMIZE else 1
        return max(finished, key=lambda trial: (sign * (trial.value or 0.0), -trial.number))
    failed = [
        x.user_attrs[FAILED] for x in study.get_trials(deepcopy=False) if FAILED in x.user_attrs
    ]
    why = f"; the first one {failed[0]}" if failed else ""
    raise NewsstandError(f"sweep '{study.study_name}': no trial was finished{why}")


def _with_settings(config: Config, settings: Mapping[str, Any]) -> Config:
    """The config of a trial, which is fitted with one seed."""
    seeds = {"model.seeds": 1} if "seeds" in type(config.model).model_fields else {}
    return with_values(config, {**settings, **seeds})


def _same(trial: Trial, settings: Mapping[str, Any]) -> FrozenTrial | None:
    """A finished trial with the same settings."""
    finished = trial.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return next((x for x in finished if x.user_attrs.get(SETTINGS) == settings), None)


def _failed(trial: Trial, why: str) -> TrialPruned:
    """The exception that ends a trial without a model: it counts, and the search goes on."""
    trial.set_user_attr(FAILED, why)
    return TrialPruned(why)
