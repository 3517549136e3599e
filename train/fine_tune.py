"""A run that fine-tunes an encoder: tracked from its first step on, gone on with if cut short."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newsstand.config import Config, flatten
from newsstand.config_encoders import TransformerConfig
from newsstand.data.prepare import Progress
from newsstand.encoder import Encoder
from newsstand.encoders import find_encoder
from newsstand.errors import NewsstandError
from newsstand.serve.locate import MLFLOW, located
from newsstand.train.checkpoints import check_settings, checkpoint_folder, note_settings
from newsstand.train.entailment import own_classes
from newsstand.train.fit import fit_transformer, open_transformer
from newsstand.train.lessons import Lesson
from newsstand.train.processes import check_sharding, processes
from newsstand.train.rows import Rows
from newsstand.transformer import TransformerModel

if TYPE_CHECKING:
    from newsstand.train.tracking import Run


@dataclass(frozen=True, slots=True)
class FineTuning:
    """What a fine-tuning begins with.

    Args:
        encoder: With an untrained classifier.
        lesson: What is learned.
        run: The tracked run.
        folder: Where its checkpoints are.
    """

    encoder: Encoder
    lesson: Lesson
    run: "Run"
    folder: Path

    def __str__(self) -> str:
        said = f"{self.lesson.note}; " if self.lesson.note else ""
        run_id = self.run.run_id
        return f"{said}run {run_id}; if it is cut short, go on with --resume {run_id}"

    def again(
        self, config: Config, rows: Rows, share: float, progress: Progress
    ) -> TransformerModel:
        """A model that is fitted from the start to other rows, with nothing to judge it by.

        Args:
            config: The experiment.
            rows: What to learn from.
            share: Of all steps, where to end.
            progress: Hears of the steps that are done.
        """
        return fit_transformer(
            config,
            open_transformer(config, rows),
            Lesson.of(config, rows, progress),
            None,
            self.folder / "again",
            partial(self.run.log_step, group="refit"),
            progress,
            until=share,
        )


def check_possible(config: Config, resume: str | None) -> None:
    """Refuses, before any data is read, what cannot be shared by processes or gone on with.

    Args:
        config: The experiment.
        resume: The run to go on with.

    Raises:
        NewsstandError: What cannot be, and what to change.
    """
    if isinstance(config.model, TransformerConfig):
        check_sharding(config.model.device, fsdp=config.model.fsdp)
        if processes() > 1 and config.model.seeds > 1:
            raise NewsstandError(
                "torchrun: processes share the fit of one seed; set model.seeds: 1"
            )
        if processes() > 1 and config.model.refit:
            raise NewsstandError("torchrun: processes share one fit; set model.refit: false")
        if processes() > 1 and not config.model.epochs:
            raise NewsstandError("torchrun: model.epochs: 0 leaves nothing to share out")
        if config.model.hypotheses:
            own_classes(find_encoder(config.model.encoder, config.model.encoder_sha256))
        teacher = config.model.teacher
        if teacher is not None and not teacher.bundle.startswith(MLFLOW):
            with located(teacher.bundle):  # what is in MLflow is not downloaded twice
                pass
        if resume is not None:
            check_settings(checkpoint_folder(resume), _decisive(config))
    elif processes() > 1:
        raise NewsstandError(
            "torchrun: only fine-tuning (model.kind: transformer) is shared by several processes; "
            f"model.kind is '{config.model.kind}', so use `newsstand train`"
        )
    elif resume is not None:
        raise NewsstandError("--resume: only fine-tuning (model.kind: transformer) can go on")


def learned(config: Config) -> str:
    """What came of a fine-tuning, in a word."""
    assert isinstance(config.model, TransformerConfig)  # noqa: S101 - narrows the type
    if config.model.epochs and not config.model.evaluations:
        return "the weights of the last step"
    if config.model.epochs:
        return "the checkpoint with the best macro-F1 on validation rows"
    by_label = config.calibration.method == "sigmoid"
    hint = "" if by_label else "; calibration.method: sigmoid would weigh each label by itself"
    return f"nothing is fitted, as model.epochs is 0{hint}"


@contextmanager
def begun(
    config: Config,
    fitted: Rows,
    digest: str,
    *,
    resume: str | None,
    open_run: Callable[[Config, str | None], AbstractContextManager["Run"]],
    progress: Progress,
) -> Iterator[FineTuning]:
    """Begins a run, or goes on with one, for a `with` statement.

    Args:
        config: An experiment with a transformer.
        fitted: The training rows.
        digest: Of the data.
        resume: The run to go on with.
        open_run: Begins the tracked run of a config, or goes on with the one of that id.
        progress: Hears of the teacher's work.

    Raises:
        NewsstandError: The encoder or the teacher cannot be had, or other settings than those
            that the run was begun with.
    """
    encoder = open_transformer(config, fitted)
    lesson = Lesson.of(config, fitted, progress)
    settings = _decisive(config) | {"data": digest}
    settings |= {"teacher": lesson.teacher, "unlabelled": lesson.unlabelled}
    with open_run(config, resume) as run:
        if lesson.teacher:
            run.tag("newsstand.teacher", lesson.teacher)
        folder = checkpoint_folder(run.run_id)
        if resume is None:
            note_settings(folder, settings)
        check_settings(folder, settings)
        if processes() > 1:
            from newsstand.train.take_part import call_others

            call_others(folder)
        yield FineTuning(encoder, lesson, run, folder)


def _decisive(config: Config) -> dict[str, Any]:
    """What decides a fine-tuned model, beside the data."""
    return flatten(config) | {"torchrun's processes": processes()}
