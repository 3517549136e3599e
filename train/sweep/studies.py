"""Optuna's studies in one storage, which several processes share and interrupted ones resume."""

import json
import logging
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any, TypeAlias

import optuna
from optuna.exceptions import (
    OptunaError,
    StorageInternalError,
    TrialPruned,
    UpdateFinishedTrialError,
)
from optuna.pruners import BasePruner
from optuna.samplers import TPESampler
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from newsstand.errors import NewsstandError
from newsstand.io.bundle_uri import reason, without_password

Objective: TypeAlias = Callable[[Trial], float]

# Seconds between the signs of life of a running trial, and without one until it counts as dead.
_HEARTBEAT = 10
_DEAD_AFTER = 120
_POLL = 0.5  # seconds between looks at trials that other processes run
_LOCKED = 60  # seconds that a process waits for another one that writes to an SQLite file
_TRIES = 5
_USED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
# Attributes of trials.
_PROCESS, _SEEN, _RESULT = "process", "seen", "result"

# The trials that this process runs: storage, study and number.
_OURS: set[tuple[str, str, int]] = set()


@contextmanager
def _storage_errors(url: str) -> Iterator[None]:
    """Converts errors of the storage to `NewsstandError`, for a `with` block."""
    try:
        yield
    except (StorageInternalError, SQLAlchemyError) as error:
        raise NewsstandError(f"storage {without_password(url)}: {_cause(error)}") from error


def _cause(error: Exception) -> str:
    """The first line of the error that Optuna's own was raised from, without passwords."""
    return reason(error.__cause__ if isinstance(error.__cause__, Exception) else error)


class Studies:
    """The studies of a sweep.

    Args:
        url: URL of the database; a local file is created with its folder.
        minimizes: Whether less of the metric is better.
        pruner: Decides which trials are stopped.
        seed: Seed of the drawn settings.

    Raises:
        NewsstandError: The database cannot be opened.
    """

    def __init__(self, url: str, *, minimizes: bool, pruner: BasePruner, seed: int) -> None:
        self.url = url
        self._direction = StudyDirection.MINIMIZE if minimizes else StudyDirection.MAXIMIZE
        self._pruner = pruner
        self._seed = seed
        self._storage = _opened(url)

    def open(self, name: str) -> optuna.Study:
        """The study of a name, created if it does not exist."""
        with _storage_errors(self.url):
            return optuna.create_study(
                study_name=name,
                storage=self._storage,
                direction=self._direction,
                pruner=self._pruner,
                sampler=TPESampler(seed=self._seed),
                load_if_exists=True,
            )

    def share(
        self, study: optuna.Study, count: int, objective: Objective, deadline: float | None = None
    ) -> None:
        """Runs trials until the processes that share a study have run a number of them in total.

        Trials of processes that ended within them are run again. Returns when none is running.

        Args:
            study: The study.
            count: The number of trials.
            objective: Runs a trial.
            deadline: `time.monotonic()` after which no trial begins.
        """
        with _storage_errors(self.url):
            while True:
                self._revive(study)
                used = study.get_trials(deepcopy=False, states=_USED)
                late = deadline is not None and time.monotonic() > deadline
                if len(used) < count and not late:
                    self._run(study, count, objective)
                elif any(trial.state == TrialState.RUNNING for trial in used):
                    time.sleep(_POLL)
                else:
                    return

    def once(self, name: str, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The result of a function that only one of the processes calls, and only once.

        Args:
            name: Name of the study that holds the result.
            compute: Returns values that JSON can hold.
        """
        study = self.open(name)

        def objective(trial: Trial) -> float:
            trial.set_user_attr(_RESULT, json.dumps(compute()))
            return 0.0

        self.share(study, 1, objective)
        [trial] = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        result: dict[str, Any] = json.loads(trial.user_attrs[_RESULT])
        return result

    def each(
        self, computations: Mapping[str, Callable[[], dict[str, Any]]]
    ) -> list[dict[str, Any]]:
        """As `once`, for several results: processes compute different ones at the same time."""
        for name, compute in computations.items():
            if not self.open(name).get_trials(deepcopy=False, states=_USED):
                self.once(name, compute)
        return [self.once(name, compute) for name, compute in computations.items()]

    def _run(self, study: optuna.Study, count: int, objective: Objective) -> None:
        """Runs a trial, unless others have begun the last one at the same moment.

        An interrupt leaves it running, for `_revive`: it may have come within a transaction, which
        keeps a database locked for as long as it is handled. `Study.optimize` would write then.
        """
        study.sampler = self._sampler(len(study.get_trials(deepcopy=False)))
        trial = study.ask()
        key = (self.url, study.study_name, trial.number)
        _OURS.add(key)
        try:
            trial.set_user_attr(_PROCESS, [platform.node(), os.getpid()])
            if _earlier(study, trial) >= count:
                study.tell(trial, state=TrialState.FAIL)
                return
            study.sampler = self._sampler(trial.number)
            with _signs_of_life(trial):
                value = objective(trial)
            study.tell(trial, value, skip_if_finished=True)
        except TrialPruned:
            study.tell(trial, state=TrialState.PRUNED, skip_if_finished=True)
        except UpdateFinishedTrialError:
            return  # another process has taken it over, as while this machine was asleep
        except Exception:
            study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)
            raise
        finally:
            _OURS.discard(key)

    def _revive(self, study: optuna.Study) -> None:
        """Ends the running trials of dead processes, and enqueues them again."""
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if (self.url, study.study_name, trial.number) not in _OURS and _is_dead(trial):
                try:
                    study.tell(trial.number, state=TrialState.FAIL)
                except (ValueError, UpdateFinishedTrialError):  # another process was faster
                    continue
                study.enqueue_trial(trial.params)

    def _sampler(self, number: int) -> TPESampler:
        """The sampler of a trial: a resumed search draws the same as one that was not stopped."""
        return TPESampler(seed=(self._seed * 100_003 + number) % 2**32)


def _opened(url: str) -> RDBStorage:
    shown = without_password(url)
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise NewsstandError(
            f"storage: expected the URL of a database, such as sqlite:///trials.db or "
            f"postgresql://HOST/NAME, got {shown!r}"
        ) from None
    options: dict[str, Any] = {}
    if parsed.get_backend_name() == "sqlite":
        if parsed.database in (None, "", ":memory:"):
            raise NewsstandError(
                f"storage: {shown} is not kept; name a file, such as sqlite:///trials.db"
            )
        Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
        options = {"connect_args": {"timeout": _LOCKED}}
    try:
        return _connected(url, options)
    except ImportError as error:
        raise NewsstandError(f"storage {shown}: install its driver ({_cause(error)})") from error
    except (OptunaError, RuntimeError) as error:  # such as tables of another version of Optuna
        raise NewsstandError(f"storage {shown}: {reason(error)}") from error


def _connected(url: str, options: dict[str, Any]) -> RDBStorage:
    """Opens a database, whose tables another process may be creating."""
    alembic = logging.getLogger("alembic")
    level = alembic.level
    try:
        for _ in range(_TRIES - 1):
            with suppress(NewsstandError), _storage_errors(url):
                return RDBStorage(url, engine_kwargs=options)
            time.sleep(_POLL)
        with _storage_errors(url):
            return RDBStorage(url, engine_kwargs=options)
    finally:
        alembic.setLevel(level)  # which Optuna sets


def _earlier(study: optuna.Study, trial: Trial) -> int:
    """The number of trials with lower numbers that count."""
    trials = study.get_trials(deepcopy=False)
    return sum(x.number < trial.number and x.state != TrialState.FAIL for x in trials)


@contextmanager
def _signs_of_life(trial: Trial) -> Iterator[None]:
    """Writes the time to a trial every few seconds, in a `with` block."""
    ended = Event()

    def write() -> None:
        while True:
            with suppress(Exception):  # another process has taken the trial over
                trial.set_user_attr(_SEEN, time.time())
            if ended.wait(_HEARTBEAT):
                return

    Thread(target=write, daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def _is_dead(trial: FrozenTrial) -> bool:
    """Whether the process that ran a trial has ended; of another machine, two minutes ago."""
    node, pid = trial.user_attrs.get(_PROCESS, ("", 0))
    if node == platform.node() and pid == os.getpid():
        return True  # was interrupted, as this process does not run it
    if node == platform.node() and os.name == "posix":
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
    begun = trial.datetime_start.timestamp() if trial.datetime_start else 0.0
    return time.time() - float(trial.user_attrs.get(_SEEN, begun)) > _DEAD_AFTER
