"""The interface of trainers: how a model family is fitted within a run."""

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
from newsstand.train.dataset import LabelledRows
from newsstand.train.families.linear_search import Trial
from newsstand.train.finetune.processes import processes
from newsstand.train.fit_checkpoint import FitCheckpoints
from newsstand.train.stage_timer import SilentReporter, StageTimer
from newsstand.train.tracked_run import TrackedRun, untracked


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """The parts of a run that trainers use.

    Args:
        timer: Times the stages of the run.
        progress: Called with a description, the amount done, and the total or None.
        checkpoints: Checkpoint files, from which interrupted fits resume.
        scratch: A temporary folder, removed at the end of the run.
        runs: Folder with the checkpoints of tracked runs, each in a folder named by its id.
        digest: Of the data.
        tracked: The tracked run, which a trainer may begin before it fits.
        resume: The id of the interrupted run to resume, or None.
        evaluate: Returns the metrics of a model, calibrated, on validation and test rows.
    """

    timer: StageTimer
    progress: ProgressCallback
    checkpoints: FitCheckpoints
    scratch: Path
    runs: Path
    digest: str
    tracked: TrackedRun
    resume: str | None
    evaluate: Callable[[Model], dict[str, float]]

    @classmethod
    def alone(
        cls, checkpoints: FitCheckpoints, scratch: Path, progress: ProgressCallback | None = None
    ) -> Self:
        """The context of a fit outside of a run: nothing is tracked or evaluated.

        Args:
            checkpoints: Checkpoint files, from which interrupted fits resume.
            scratch: A folder for temporary files.
            progress: Called as in a run, or None.
        """
        silent = SilentReporter()
        tracked = TrackedRun(
            untracked, experiment="", name="", tags={}, started=time.time, stack=ExitStack()
        )
        return cls(
            timer=StageTimer(silent),
            progress=progress or silent.progress,
            checkpoints=checkpoints,
            scratch=scratch,
            runs=scratch,
            digest=checkpoints.digest,
            tracked=tracked,
            resume=None,
            evaluate=lambda _model: {},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedModel:
    """The result of a fit.

    Args:
        model: The fitted model.
        metrics: Metrics of the fit, by name.
        chosen: Settings of the config's model section that a search has chosen.
        trials: The trials of the search, in order; empty without a search.
        seed: The seed of the model, if the fit has chosen among several.
        share: Share of the training steps after which the model was best, 0 to 1.
    """

    model: Model
    metrics: Mapping[str, float] = field(default_factory=dict)
    chosen: Mapping[str, Any] = field(default_factory=dict)
    trials: Sequence[Trial] = ()
    seed: int | None = None
    share: float = 1.0


class ExportCost(Protocol):
    """The effect of an export on validation rows; `str` gives it in a line."""

    def metrics(self) -> dict[str, float]:
        """The effect as metrics of the run, by name."""
        ...


class Trainer(Protocol):
    """Fits models of one family. `of` is the only part that sees a config."""

    @classmethod
    def check(cls, config: Config, resume: str | None) -> None:
        """Checks the config before any data is read.

        Raises:
            NewsstandError: What cannot work, and what to change.
        """
        ...

    @classmethod
    def of(cls, config: Config, context: RunContext) -> Self:
        """Creates the trainer from a config."""
        ...

    def fit(self, train_rows: LabelledRows, validation_rows: LabelledRows) -> FittedModel:
        """Fits a model, including search, several seeds and resuming.

        Args:
            train_rows: Training rows.
            validation_rows: Rows to choose settings, seeds and checkpoints by.

        Raises:
            NewsstandError: No model can be fitted to the rows.
        """
        ...

    def refit(self, rows: LabelledRows, result: FittedModel) -> Model:
        """Fits a model from the start with the settings that `fit` has chosen.

        Args:
            rows: All rows that are not test rows.
            result: The result of `fit`.
        """
        ...

    def export(
        self, model: Model, validation_rows: LabelledRows
    ) -> tuple[Model, ExportCost | None]:
        """The model as its bundle stores it, and the effect on validation rows.

        The effect is None if the config requests no export, or nothing new was measured.
        """
        ...


class BaseTrainer:
    """A base class of trainers with one process, no resuming by run id, and no export."""

    @classmethod
    def check(cls, config: Config, resume: str | None) -> None:
        """Refuses several processes and `--resume`, which only fine-tuning supports."""
        if processes() > 1:
            raise NewsstandError(
                "torchrun: only fine-tuning (model.kind: transformer) supports several processes; "
                f"model.kind is '{config.model.kind}', so use `newsstand train`"
            )
        if resume is not None:
            raise NewsstandError(
                "--resume: only fine-tuning (model.kind: transformer) can be resumed"
            )

    def export(
        self,
        model: Model,
        validation_rows: LabelledRows,  # noqa: ARG002
    ) -> tuple[Model, ExportCost | None]:
        """Returns the model itself."""
        return model, None
