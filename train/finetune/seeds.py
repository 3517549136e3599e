"""Fits with several seeds as one run group, and keeps the model of the median seed."""

import json
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newsstand.data.sealed import CHECKSUMS, discard, find_damage, write_checksums
from newsstand.io.files import write_whole
from newsstand.models.transformer import TransformerModel
from newsstand.train.dataset import LabelledRows
from newsstand.train.evaluation.pooled import mean_and_deviation
from newsstand.train.finetune.checkpoints import best_share
from newsstand.train.finetune.training_targets import TrainingTargets
from newsstand.train.run_summary import HEADLINE, headline

if TYPE_CHECKING:
    from newsstand.train.families.transformer import TransformerTrainer

_METRICS = "metrics.json"
_RUN = "run_id"
_MODEL = "model"
_CHOSEN_BY = "validation/macro_f1"


@dataclass(frozen=True, slots=True)
class Seeds:
    """The result of all seeds.

    Args:
        model: The model of the median seed, by macro-F1 on validation rows; for an even number of
            seeds, of the lower of the two in the middle.
        seed: The median seed.
        share: The share of its steps after which its best checkpoint was written.
        metrics: Mean and sample standard deviation of each metric, as `…_mean`, `…_std`.
    """

    model: TransformerModel
    seed: int
    share: float
    metrics: dict[str, float]

    def __str__(self) -> str:
        mean, deviation = (self.metrics[f"test/macro_f1_{x}"] for x in ("mean", "std"))
        return f"test macro-F1 {mean:.3f} ± {deviation:.3f}; the median is seed {self.seed}'s"


def fit_seeds(
    trainer: "TransformerTrainer",
    train_rows: LabelledRows,
    targets: TrainingTargets,
    validation_rows: LabelledRows,
    folder: Path,
) -> Seeds:
    """Fits a model with each seed, and keeps the median one.

    Finished seeds and checkpoints are saved in the folder, so that an interrupted group resumes at
    the seed and step it had reached.

    Args:
        trainer: Fits a model with a seed.
        train_rows: The training rows.
        targets: Their training targets.
        validation_rows: Rows to choose checkpoints and the median seed by.
        folder: The folder of checkpoints and finished models.
    """
    seeds = range(trainer.seed, trainer.seed + trainer.seeds)
    metrics: dict[int, dict[str, float]] = {}
    shares: dict[int, float] = {}
    settings: dict[str, Any] = {}
    for seed in seeds:
        place = folder / f"seed-{seed}"
        with trainer.context.timer.stage(f"seed {seed}") as note:
            if not _is_done(place):
                _fit_seed(trainer, seed, place, train_rows, targets, validation_rows)
            saved = json.loads((place / _METRICS).read_text(encoding="utf-8"))
            metrics[seed], shares[seed] = saved["metrics"], saved["share"]
            settings = saved["settings"]
            note(
                f"macro-F1 {metrics[seed][_CHOSEN_BY]:.3f} on validation rows, "
                f"{metrics[seed]['test/macro_f1']:.3f} on test rows"
            )
    order = sorted(seeds, key=lambda seed: metrics[seed][_CHOSEN_BY])
    median = order[(len(order) - 1) // 2]
    place = folder / f"seed-{median}" / _MODEL
    model = TransformerModel.load(place, settings, trainer.device)
    return Seeds(model, median, shares[median], mean_and_deviation(list(metrics.values())))


def _fit_seed(
    trainer: "TransformerTrainer",
    seed: int,
    place: Path,
    train_rows: LabelledRows,
    targets: TrainingTargets,
    validation_rows: LabelledRows,
) -> None:
    """Fits one seed in a nested tracked run, and saves model and metrics in a folder."""
    place.mkdir(parents=True, exist_ok=True)
    nested = trainer.context.tracked.nested
    tracked = nested(f"seed {seed}", {"seed": seed}, _interrupted(place))
    with tracked as run:
        write_whole(place / _RUN, run.run_id)
        model = trainer.tune(
            trainer.open(train_rows, seed=seed),
            targets,
            validation_rows,
            folder=place / "checkpoints",
            seed=seed,
            log=run.log_step,
        )
        metrics = trainer.context.evaluate(model)
        run.log_metrics(metrics)
        run.tag(HEADLINE, headline(metrics))
    shutil.rmtree(place / _MODEL, ignore_errors=True)
    (place / _MODEL).mkdir()
    result = {
        "metrics": metrics,
        "share": best_share(place / "checkpoints"),
        "settings": model.save(place / _MODEL),
    }
    write_whole(place / _METRICS, json.dumps(result))
    write_checksums(place, _files(place), of=place.name)
    shutil.rmtree(place / "checkpoints")


def _interrupted(place: Path) -> str | None:
    """The id of the tracked run of an interrupted seed; None if there is none."""
    with suppress(OSError, UnicodeDecodeError):
        run_id = (place / _RUN).read_text(encoding="utf-8")
        return run_id if re.fullmatch(r"[0-9a-f]{32}", run_id) else None
    return None


def _is_done(place: Path) -> bool:
    """Whether a seed's model and metrics are complete and undamaged."""
    if not (place / CHECKSUMS).is_file():  # written last
        return False
    why = find_damage(place, of=place.name)
    if why:
        for name in (CHECKSUMS, _METRICS, _MODEL):
            discard(place / name, f"damaged ({why})", "the seed is fitted again")
    return not why


def _files(place: Path) -> list[str]:
    """The metrics of a seed, and all files of its model."""
    model = [path for path in (place / _MODEL).rglob("*") if path.is_file()]
    return [_METRICS, *(str(path.relative_to(place)) for path in model)]
