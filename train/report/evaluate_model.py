"""Evaluates a trained model on labelled rows: those of a config, or all rows of a table."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from newsstand.errors import EmptyArticleError, InputError
from newsstand.io.bundle import Bundle, bundle_hash
from newsstand.io.bundle_uri import located
from newsstand.io.files import remove, scratch_folder
from newsstand.models.calibration import Calibration
from newsstand.text.example import Example
from newsstand.train.dataset import LabelledRows
from newsstand.train.evaluation import result
from newsstand.train.evaluation.evaluation import evaluate
from newsstand.train.evaluation.result import Evaluation
from newsstand.train.evaluation.rows import EvaluatedRows, evaluated_rows
from newsstand.train.report.chosen_rows import ChosenRows, Request, choose_rows, row_numbers
from newsstand.train.report.description import RunDescription, family_summary, git_commit, now
from newsstand.train.report.report import write_report
from newsstand.train.stage_timer import Reporter, StageTimer
from newsstand.types import Floats

_UNKNOWN_SOURCE = (
    "The bundle does not list the rows that it was trained on; if some of them are among these, "
    "the figures are too good."
)


@dataclass(frozen=True, slots=True)
class Evaluated:
    """An evaluated model.

    Args:
        rows: The rows with the model's probabilities.
        evaluation: Of the rows.
        about: The model and the data.
        left_out: What was left out of the data, one line each.
    """

    rows: EvaluatedRows
    evaluation: Evaluation
    about: RunDescription
    left_out: list[str]

    def to_dict(self) -> dict[str, Any]:
        """The values that `newsstand evaluate --json` prints."""
        about = self.about
        return {
            "model": about.name,
            "bundle_hash": about.bundle_hash,
            "data": about.tested_on,
            "split": about.split,
            "digest": self.rows.digest,
            "left_out": self.left_out,
            "notes": list(about.notes),
            "evaluation": asdict(self.evaluation),
        }

    def save(self, folder: Path) -> None:
        """Writes the report and the files that `newsstand compare` reads; complete or not at all.

        Args:
            folder: A new folder, or that of an earlier evaluation, which is replaced.
        """
        check_output(folder)
        folder = folder.absolute()
        with scratch_folder(folder.parent) as scratch:
            self.rows.save(scratch)
            self.evaluation.save(scratch)
            write_report(scratch, self.rows, self.evaluation, self.about)
            scratch.chmod(0o755)  # temporary folders are private
            remove(folder)
            scratch.rename(folder)


def check_output(folder: Path) -> None:
    """Refuses a folder that an evaluation must not replace.

    Raises:
        InputError: It has files, but no earlier evaluation; or its parent does not exist.
    """
    if not folder.absolute().parent.is_dir():
        raise InputError(f"--out: {folder.parent}: no such folder")
    if folder.is_dir() and (not any(folder.iterdir()) or (folder / result.FILE).is_file()):
        return
    if folder.exists():
        raise InputError(f"--out: {folder}: exists, and is not an earlier evaluation")


def evaluate_model(request: Request, reporter: Reporter) -> Evaluated:
    """Evaluates a model on labelled rows.

    Args:
        request: What to evaluate on which rows.
        reporter: Called for each stage.

    Raises:
        NewsstandError: The model, the data or a label cannot be used.
    """
    timer = StageTimer(reporter)
    with located(request.model) as folder:
        bundle = Bundle.load(folder)
        digest = bundle_hash(folder)
        with timer.stage("load") as note:
            chosen = choose_rows(request, bundle, reporter.progress)
            note(", ".join([f"{len(chosen.rows):,} rows ({chosen.split})", *chosen.left_out]))
        with timer.stage("score") as note:
            evaluated, empty = _evaluated(bundle, chosen)
            note(f"{len(evaluated):,} rows")
    with timer.stage("evaluate") as note:
        evaluation = evaluate(evaluated)
        note(f"{evaluation.resamples:,} resamples")
    left_out = [*chosen.left_out, *empty]
    about = RunDescription(
        name=request.model,
        task=bundle.task,
        kind=bundle.model.kind,
        summary=family_summary(bundle.model.kind),
        tested_on=chosen.name,
        split=chosen.split,
        data_digest=str(bundle.data.get("digest", "")) or None,
        sizes={str(k): int(v) for k, v in dict(bundle.data.get("rows", {})).items()},
        commit=git_commit(),
        date=now(),
        bundle_hash=digest,
        notes=_notes(chosen, left_out),
    )
    return Evaluated(evaluated, evaluation, about, left_out)


def _evaluated(bundle: Bundle, chosen: ChosenRows) -> tuple[EvaluatedRows, list[str]]:
    """The rows with the model's probabilities, and how many rows have no text for it."""
    rows, empty = chosen.rows, []
    examples: Sequence[Example] = rows.examples
    if not chosen.prepared:
        rows, examples, without = _encoded(bundle, chosen)
        empty = [f"{without:,} rows without text"] if without else []
    with np.errstate(all="ignore"):
        scores: Floats = bundle.model.forward(examples)
    made = evaluated_rows(
        rows,
        LabelledRows(chosen.news, chosen.news.numbers("train")),
        task=bundle.task,
        labels=bundle.labels.names,
        probabilities=bundle.calibrated(scores),
        uncalibrated=Calibration.none().apply(scores),
        settings={},
    )
    if chosen.trained_on:
        return made, empty
    nothing = pa.nulls(len(made), pa.bool_())
    unknown = {"outlet_seen": nothing, "target_seen": nothing}
    return replace(made, columns={**made.columns, **unknown}), empty


def _encoded(bundle: Bundle, chosen: ChosenRows) -> tuple[LabelledRows, list[Example], int]:
    """The rows as the model prepares them, where the config prepares them in another way."""
    kept, examples = [], []
    given = chosen.rows.examples
    for number in range(len(chosen.rows)):
        try:
            examples.append(bundle.encode(chosen.rows.article(number), given[number].target))
        except EmptyArticleError:
            continue
        kept.append(number)
    numbers = row_numbers(chosen.news, chosen.split)[np.array(kept, dtype=np.int64)]
    rows = LabelledRows(chosen.news, numbers)
    return rows, examples, len(chosen.rows) - len(kept)


def _notes(chosen: ChosenRows, left_out: Sequence[str]) -> tuple[str, ...]:
    """Remarks on the rows, each a sentence."""
    found = []
    if not chosen.trained_on:
        found.append(_UNKNOWN_SOURCE)
    elif chosen.split == "test":
        found.append("They are the test rows of the data that the model was trained on.")
    else:
        found.append(
            "Warning: the data are those that the model was trained on, and these rows are not "
            "only its test rows: the figures are too good."
        )
    if left_out:
        found.append(f"Left out: {'; '.join(left_out)}.")
    return tuple(found)
