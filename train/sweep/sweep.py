"""One sweep, from its checked file to the trained winner, in the order of its steps."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.study import Study

from newsstand.config.schema import Config
from newsstand.errors import NewsstandError
from newsstand.io.bundle_uri import without_password
from newsstand.train.finetune.processes import processes
from newsstand.train.stage_timer import Reporter
from newsstand.train.sweep.results import (
    SweepResult,
    counted_trials,
    counts,
    importance,
    top,
    write_results,
)
from newsstand.train.sweep.space import text_of
from newsstand.train.sweep.spec import Sweep, with_values
from newsstand.train.sweep.studies import Studies
from newsstand.train.sweep.trial import SETTINGS, Objective, Parent, Rows, best_trial
from newsstand.train.sweep.winner import Winner, nested_estimate, over_seeds
from newsstand.train.tracked_run import Run, Tracker, untracked

_SETTINGS, _ROWS = "sweep", "validation rows"  # attributes of a study
_STARTUP = 5  # finished trials before any is pruned


def run_sweep(
    sweep: Sweep,
    *,
    reporter: Reporter,
    track: bool = True,
    workers: Callable[[], None] | None = None,
    reports: bool = True,
) -> SweepResult:
    """Searches for the best settings, trains the winner and logs everything.

    Processes that run the same sweep at the same time share the work, and an interrupted sweep is
    continued: what is done is in the storage.

    Args:
        sweep: From `load_sweep`.
        reporter: Called for each trial and each run.
        track: Whether to log runs in MLflow.
        workers: Called when all is checked: runs other processes with the same sweep, and returns
            when they have ended.
        reports: Whether to write and log the result, as one of several processes does.

    Raises:
        NewsstandError: The data or settings cannot be used, the sweep was begun with other ones,
            or no trial was finished.
    """
    studies, rows = _opened(sweep, track=track), Rows(reporter)
    study = studies.open(sweep.name)
    _check_same(study, sweep, rows.digest(sweep.config))
    folds = _folds(sweep, rows)
    begun = _begin(sweep, studies) if track else {}
    with _resumed(sweep, begun.get("run_id"), reports=reports) as (parent, run):
        if workers:
            workers()
        objective = partial(Objective, sweep=sweep, rows=rows, reporter=reporter, parent=parent)
        winner = Winner(name=sweep.name, rows=rows, reporter=reporter, parent=parent)
        best = _search(studies, study, objective, sweep.config)
        runs = _train_winner(sweep, studies, study, winner, best)
        nested = _nested(sweep, studies, objective, winner, folds)
        trials = counted_trials(study)
        result = SweepResult(
            name=sweep.name,
            storage=without_password(sweep.storage),
            folder=str(sweep.folder),
            metric=sweep.spec.metric,
            run_id=begun.get("run_id", ""),
            url=run.url,
            trials=counts(trials),
            top=top(trials, minimizes=sweep.minimizes),
            importance=importance(study),
            winner=runs,
            test=over_seeds(runs),
            nested=nested,
        )
        if reports:
            write_results(sweep, trials, best, result)
            run.log_metrics(result.metrics())
            run.log_files(sweep.folder)
    return result


def _opened(sweep: Sweep, *, track: bool) -> Studies:
    """The storage, when nothing speaks against the sweep."""
    if processes() > 1:
        raise NewsstandError("torchrun: a sweep runs its own processes; set --workers")
    if track:
        from newsstand.train.preflight import check_tracking  # importing MLflow takes seconds

        tracking = sweep.config.tracking
        check_tracking(tracking.experiment, register_as=tracking.register_as, resume=None)
    pruners: dict[str | None, BasePruner] = {
        None: NopPruner(),
        "median": MedianPruner(n_startup_trials=_STARTUP, n_warmup_steps=1),
        "hyperband": HyperbandPruner(),
    }
    return Studies(
        sweep.storage,
        minimizes=sweep.minimizes,
        pruner=pruners[sweep.spec.pruner],
        seed=sweep.config.seed,
    )


def _check_same(study: Study, sweep: Sweep, digest: str) -> None:
    """Refuses to continue a sweep with other settings or other validation rows."""
    ours = sweep.identity()
    theirs: Mapping[str, str] = study.user_attrs.get(_SETTINGS) or ours
    where = f"sweep '{sweep.name}' in {without_password(sweep.storage)}"
    advice = "set another 'name', or delete the storage to start over"
    changed = [key for key in sorted({*ours, *theirs}) if ours.get(key) != theirs.get(key)]
    if changed:
        first = changed[0]
        others = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        raise NewsstandError(
            f"{where} was begun with other settings: {first} was {theirs.get(first, 'not set')}, "
            f"is {ours.get(first, 'not set')}{others}; {advice}"
        )
    if study.user_attrs.get(_ROWS, digest) != digest:
        raise NewsstandError(f"{where} was begun with other validation rows; {advice}")
    if _SETTINGS not in study.user_attrs:
        study.set_user_attr(_SETTINGS, ours)
        study.set_user_attr(_ROWS, digest)


def _begin(sweep: Sweep, studies: Studies) -> dict[str, Any]:
    """The tracked run of the sweep, which the first process begins."""
    from newsstand.train.tracking import known, run, store

    spec, config = sweep.spec, sweep.config
    params = {
        "metric": spec.metric,
        **{f"search.{key}": text_of(x.spec()) for key, x in sweep.parameters.items()},
        "pruner": spec.pruner,
        "seeds": spec.seeds,
    }

    def begin() -> dict[str, Any]:
        tags = {"newsstand.kind": "sweep", "newsstand.task": config.task}
        with run(
            config.tracking.experiment,
            name=sweep.name,
            params={key: value for key, value in params.items() if value is not None},
            tags=tags,
            started=time.time(),
        ) as begun:
            return {"run_id": begun.run_id}

    begun = studies.once(f"{sweep.name}: run", begin)
    if known(begun["run_id"]) is None:
        raise NewsstandError(
            f"sweep '{sweep.name}' was begun as MLflow run {begun['run_id']}, which is not in "
            f"{store()}; set MLFLOW_TRACKING_URI as before, or go on with --no-track"
        )
    return begun


@contextmanager
def _resumed(sweep: Sweep, run_id: str | None, *, reports: bool) -> Iterator[tuple[Parent, Run]]:
    """The tracked run of the sweep, which ends with the block of the process that reports."""
    tracker: Tracker = untracked
    if run_id is not None:
        from newsstand.train.tracking import run as tracker
    with (tracker if reports else untracked)(
        sweep.config.tracking.experiment,
        name=sweep.name,
        params={},
        tags={},
        started=time.time(),
        resume=run_id,
    ) as run:
        yield Parent(tracker=tracker, run_id=run_id), run


def _search(
    studies: Studies, study: Study, objective: "partial[Objective]", config: Config
) -> Config:
    """Runs the trials of a study; the config with the best settings."""
    sweep: Sweep = objective.keywords["sweep"]
    rows: Rows = objective.keywords["rows"]
    minutes = sweep.spec.timeout_minutes
    deadline = None if minutes is None else time.monotonic() + 60 * minutes
    run_trial = objective(config=config, digest=rows.digest(config))
    studies.share(study, sweep.spec.trials, run_trial, deadline)
    return with_values(config, best_trial(study).user_attrs[SETTINGS])


def _train_winner(
    sweep: Sweep, studies: Studies, study: Study, winner: Winner, best: Config
) -> list[dict[str, Any]]:
    """Trains the best settings with each seed."""
    of = f"{sweep.name}: trial {best_trial(study).number}"
    configs = winner.configs(best, sweep.spec.seeds)
    return studies.each(
        {f"{of}, {stage}": partial(winner.train, stage, x) for stage, x in configs.items()}
    )


def _folds(sweep: Sweep, rows: Rows) -> list[Config]:
    """The config of each outer fold; empty without a nested cross-validation."""
    count = sweep.spec.folds or 0
    folds = [
        with_values(sweep.config, {"data.split.folds": count, "data.split.fold": fold})
        for fold in range(count)
    ]
    if len({rows.of(config).test.digest() for config in folds[:2]}) == 1:
        raise NewsstandError(
            "folds: the data gives its test rows, which would be those of every fold; set "
            "data.split.ignore_given: true in 'overrides'"
        )
    return folds


def _nested(
    sweep: Sweep,
    studies: Studies,
    objective: "partial[Objective]",
    winner: Winner,
    folds: list[Config],
) -> dict[str, Any] | None:
    """Searches in each outer fold, and evaluates what is best there on the rows of the fold."""
    if not folds:
        return None
    tests: dict[str, Callable[[], dict[str, Any]]] = {}
    folders: list[Path] = []
    for number, config in enumerate(folds):
        stage = f"fold {number}"
        study = studies.open(f"{sweep.name}: {stage}")
        inner = partial(objective, prefix=f"{stage}, ")
        best = _search(studies, study, inner, config)
        trial = best_trial(study).number
        folders.append(sweep.folder / "folds" / f"{number}-trial-{trial}")
        tests[f"{sweep.name}: {stage}, trial {trial}"] = partial(
            winner.test_fold, stage, best, folders[-1]
        )
    studies.each(tests)
    return nested_estimate(folders, sweep.folder)
