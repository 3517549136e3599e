"""Several seeds as one run group: each fits the model anew, and the median one is kept."""

import json
import re
import shutil
import statistics
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newsstand.data.sealed import CHECKSUMS, discard, find_damage, write_checksums
from newsstand.io.files import write_whole
from newsstand.models.transformer import TransformerModel
from newsstand.train.dataset import Rows
from newsstand.train.finetune.checkpoints import best_share
from newsstand.train.finetune.training_targets import TrainingTargets

if TYPE_CHECKING:
    from newsstand.train.families.transformer import TransformerTrainer

_METRICS = "metrics.json"
_RUN = "run_id"
_MODEL = "model"
_CHOSEN_BY = "validation/macro_f1"


@dataclass(frozen=True, slots=True)
class Seeds:
    """What came of all seeds.

    Args:
        model: The model of the median seed, by macro-F1 on validation rows; of an even number of
            seeds the lower of the two in the middle.
        seed: Which seed that is.
        share: Of its steps, after which its best checkpoint was written.
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
    rows: Rows,
    targets: TrainingTargets,
    validation: Rows,
    folder: Path,
) -> Seeds:
    """Fits a model with each seed, and keeps the median one.

    What is done is kept in the folder, so that a group that was interrupted goes on with the seed,
    and at the step, where it was.

    Args:
        trainer: Fits a model with a seed.
        rows: The training rows.
        targets: What is learned of them.
        validation: What to choose by.
        folder: Where checkpoints and finished models are kept.
    """
    seeds = range(trainer.seed, trainer.seed + trainer.seeds)
    metrics: dict[int, dict[str, float]] = {}
    shares: dict[int, float] = {}
    settings: dict[str, Any] = {}
    for seed in seeds:
        place = folder / f"seed-{seed}"
        with trainer.context.stages.stage(f"seed {seed}") as note:
            if not _is_done(place):
                _fit_seed(trainer, seed, place, rows, targets, validation)
            kept = json.loads((place / _METRICS).read_text(encoding="utf-8"))
            metrics[seed], shares[seed] = kept["metrics"], kept["share"]
            settings = kept["settings"]
            note(
                f"macro-F1 {metrics[seed][_CHOSEN_BY]:.3f} on validation rows, "
                f"{metrics[seed]['test/macro_f1']:.3f} on test rows"
            )
    order = sorted(seeds, key=lambda seed: metrics[seed][_CHOSEN_BY])
    median = order[(len(order) - 1) // 2]
    place = folder / f"seed-{median}" / _MODEL
    model = TransformerModel.load(place, {**settings, "device": trainer.device})
    return Seeds(model, median, shares[median], _summary(list(metrics.values())))


def _fit_seed(
    trainer: "TransformerTrainer",
    seed: int,
    place: Path,
    rows: Rows,
    targets: TrainingTargets,
    validation: Rows,
) -> None:
    """Fits one seed in a tracked run of its own, and keeps model and metrics in a folder."""
    place.mkdir(parents=True, exist_ok=True)
    params = {**trainer.settings, "seed": seed}
    tracked = trainer.context.tracked.part(f"seed {seed}", params, _interrupted(place))
    with tracked as run:
        write_whole(place / _RUN, run.run_id)
        model = trainer.tune(
            trainer.open(rows, seed=seed),
            targets,
            validation,
            folder=place / "checkpoints",
            seed=seed,
            log=run.log_step,
        )
        metrics = trainer.context.evaluate(model)
        run.log_metrics(metrics)
    shutil.rmtree(place / _MODEL, ignore_errors=True)
    (place / _MODEL).mkdir()
    kept = {
        "metrics": metrics,
        "share": best_share(place / "checkpoints"),
        "settings": model.save(place / _MODEL),
    }
    write_whole(place / _METRICS, json.dumps(kept))
    write_checksums(place, _files(place), of=place.name)
    shutil.rmtree(place / "checkpoints")


def _summary(metrics: list[dict[str, float]]) -> dict[str, float]:
    names = [name for name in metrics[0] if "f1/" not in name]
    values = {name: [one[name] for one in metrics] for name in names}
    means = {f"{name}_mean": statistics.fmean(of_seeds) for name, of_seeds in values.items()}
    return means | {f"{name}_std": statistics.stdev(of_seeds) for name, of_seeds in values.items()}


def _interrupted(place: Path) -> str | None:
    """The tracked run of a seed that was interrupted."""
    with suppress(OSError, UnicodeDecodeError):
        found = re.fullmatch(r"[0-9a-f]{32}", (place / _RUN).read_text(encoding="utf-8"))
        return found and found[0]
    return None


def _is_done(place: Path) -> bool:
    """Whether a seed's model and metrics are there, as they were written."""
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
