"""What fits models of a family, what it is lent by the run, and what it gives back."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

from newsstand.config.schema import Config
from newsstand.errors import NewsstandError
from newsstand.models.base import Model
from newsstand.progress import ProgressCallback
from newsstand.train.dataset import Rows
from newsstand.train.families.linear_search import Trial
from newsstand.train.finetune.processes import processes
from newsstand.train.fit_checkpoint import Unfinished
from newsstand.train.stage_timer import Clock, Silent
from newsstand.train.tracked_run import TrackedRun, untracked


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """What a run lends the trainer of its model.

    Args:
        stages: Times the stages of the run.
        progress: Called with what is being done, how much is done, and of how much.
        checkpoints: Files of fits that can go on after they were interrupted.
        scratch: A folder that lasts as long as the run.
        digest: Of the data.
        tracked: The run in MLflow, which a trainer may begin before it fits.
        resume: The interrupted run to go on with, or None.
        evaluate: Metrics of a model, calibrated, on validation and test rows.
    """

    stages: Clock
    progress: ProgressCallback
    checkpoints: Unfinished
    scratch: Path
    digest: str
    tracked: TrackedRun
    resume: str | None
    evaluate: Callable[[Model], dict[str, float]]

    @classmethod
    def alone(
        cls, checkpoints: Unfinished, scratch: Path, progress: ProgressCallback | None = None
    ) -> Self:
        """The context of a fit that is no part of a run: nothing is tracked or evaluated.

        Args:
            checkpoints: Files of fits that can go on after they were interrupted.
            scratch: A folder for files that are not kept.
            progress: As above; None for none.
        """
        silent = Silent()
        tracked = TrackedRun(
            untracked, experiment="", name="", tags={}, started=time.time, stack=ExitStack()
        )
        return cls(
            stages=Clock(silent),
            progress=progress or silent.progress,
            checkpoints=checkpoints,
            scratch=scratch,
            digest=checkpoints.digest,
            tracked=tracked,
            resume=None,
            evaluate=lambda _model: {},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What a trainer gives back.

    Args:
        model: The fitted model.
        metrics: Of the fit, by name, for the run.
        chosen: Settings of the config's model section that the fit has chosen.
        trials: Settings that were tried, in order; empty without a search.
        seed: Of the model, where the fit has chosen among several.
        share: Of the training steps, how much was done when the model was at its best; 0 to 1.
    """

    model: Model
    metrics: Mapping[str, float] = field(default_factory=dict)
    chosen: Mapping[str, Any] = field(default_factory=dict)
    trials: Sequence[Trial] = ()
    seed: int | None = None
    share: float = 1.0


class ExportCost(Protocol):
    """What an export changed, measured on validation rows; `str` gives it in a line."""

    def metrics(self) -> dict[str, float]:
        """By name, for the run."""
        ...


class Trainer(Protocol):
    """Fits models of one family. `of` is the only part that sees a config."""

    @classmethod
    def check(cls, config: Config, resume: str | None) -> None:
        """Refuses what cannot work, before any data is read.

        Raises:
            NewsstandError: What cannot work, and what to change.
        """
        ...

    @classmethod
    def of(cls, config: Config, context: RunContext) -> Self:
        """The trainer that a config asks for."""
        ...

    def fit(self, rows: Rows, validation: Rows) -> Fitted:
        """Fits a model, with all that belongs to it: search, several seeds, going on.

        Args:
            rows: Training rows.
            validation: What to choose by.

        Raises:
            NewsstandError: Rows that cannot be learned from.
        """
        ...

    def refit(self, rows: Rows, fitted: Fitted) -> Model:
        """Fits once more, from the start, with what `fit` has chosen.

        Args:
            rows: All rows that are not test rows.
            fitted: What `fit` gave.
        """
        ...

    def export(self, model: Model, validation: Rows) -> tuple[Model, ExportCost | None]:
        """The model as its bundle is to keep it, and what that costs on validation rows.

        The cost is None where the config asks for no export, or nothing new was measured.
        """
        ...


class BaseTrainer:
    """What most families have in common: one process, no going on by run, no export."""

    @classmethod
    def check(cls, config: Config, resume: str | None) -> None:
        """Refuses several processes and `--resume`, which only fine-tuning can use."""
        if processes() > 1:
            raise NewsstandError(
                "torchrun: only fine-tuning (model.kind: transformer) is shared by several "
                f"processes; model.kind is '{config.model.kind}', so use `newsstand train`"
            )
        if resume is not None:
            raise NewsstandError("--resume: only fine-tuning (model.kind: transformer) can go on")

    def export(self, model: Model, validation: Rows) -> tuple[Model, ExportCost | None]:  # noqa: ARG002
        """The model itself."""
        return model, None
