"""Several seeds as one run group: each fits the model anew, and the median one is kept."""

import json
import re
import shutil
import statistics
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newsstand.config import Config
from newsstand.config_encoders import TransformerConfig
from newsstand.data.kept import CHECKSUMS, discard, flaw, seal
from newsstand.data.prepare import Progress
from newsstand.files import write_whole
from newsstand.train.checkpoints import best_share
from newsstand.train.clock import Clock
from newsstand.train.fit import fit_transformer, open_transformer
from newsstand.train.lessons import Lesson
from newsstand.train.rows import Rows
from newsstand.transformer import TransformerModel

if TYPE_CHECKING:
    from newsstand.train.tracking import Run

_FIGURES = "figures.json"
_RUN = "run_id"
_MODEL = "model"
_JUDGED_BY = "validation/macro_f1"


@dataclass(frozen=True, slots=True)
class Seeds:
    """What came of all seeds.

    Args:
        model: The model of the median seed, by macro-F1 on validation rows; of an even number of
            seeds the lower of the two in the middle.
        seed: Which seed that is.
        share: Of its steps, after which its best checkpoint was written.
        figures: The mean and the sample standard deviation of each figure, as `…_mean`, `…_std`.
    """

    model: TransformerModel
    seed: int
    share: float
    figures: dict[str, float]

    def __str__(self) -> str:
        mean, deviation = (self.figures[f"test/macro_f1_{x}"] for x in ("mean", "std"))
        return f"test macro-F1 {mean:.3f} ± {deviation:.3f}; the median is seed {self.seed}'s"


def fit_seeds(
    config: Config,
    fitted: Rows,
    lesson: Lesson,
    held_out: Rows,
    *,
    folder: Path,
    begin: Callable[[Config, str | None], AbstractContextManager["Run"]],
    judge: Callable[[TransformerModel], Mapping[str, float]],
    clock: Clock,
    progress: Progress,
) -> Seeds:
    """Fits a model with each seed, and keeps the median one.

    What is done is kept in the folder, so that a group that was cut short goes on with the seed,
    and at the step, where it was.

    Args:
        config: An experiment with a transformer and several seeds.
        fitted: The training rows.
        lesson: What is learned of them.
        held_out: What to choose by.
        folder: Where checkpoints and finished models are kept.
        begin: Begins the tracked run of a seed's config, or goes on with the one of that id.
        judge: Figures of a model, `validation/…` and `test/…`.
        clock: Times each seed as a stage.
        progress: Hears of the steps that are done.
    """
    assert isinstance(config.model, TransformerConfig)  # noqa: S101 - narrows the type
    seeds = range(config.seed, config.seed + config.model.seeds)
    told: dict[int, dict[str, float]] = {}
    shares: dict[int, float] = {}
    settings: dict[str, Any] = {}
    for seed in seeds:
        place = folder / f"seed-{seed}"
        with clock.stage(f"seed {seed}") as note:
            if not _is_done(place):
                place.mkdir(parents=True, exist_ok=True)
                before = _begun(place)
                one = config.model_copy(update={"seed": seed})
                with begin(one, before) as run:
                    write_whole(place / _RUN, run.run_id)
                    model = fit_transformer(
                        one,
                        open_transformer(one, fitted),
                        lesson,
                        held_out,
                        place / "checkpoints",
                        run.log_step,
                        progress,
                    )
                    figures = dict(judge(model))
                    run.log_figures(figures)
                shutil.rmtree(place / _MODEL, ignore_errors=True)
                (place / _MODEL).mkdir()
                kept = {
                    "figures": figures,
                    "share": best_share(place / "checkpoints"),
                    "settings": model.save(place / _MODEL),
                }
                write_whole(place / _FIGURES, json.dumps(kept))
                seal(place, _files(place), of=place.name)
                shutil.rmtree(place / "checkpoints")
            found = json.loads((place / _FIGURES).read_text(encoding="utf-8"))
            told[seed], shares[seed] = found["figures"], found["share"]
            settings = found["settings"]
            note(
                f"macro-F1 {told[seed][_JUDGED_BY]:.3f} on validation rows, "
                f"{told[seed]['test/macro_f1']:.3f} on test rows"
            )
    order = sorted(seeds, key=lambda seed: told[seed][_JUDGED_BY])
    median = order[(len(order) - 1) // 2]
    place = folder / f"seed-{median}" / _MODEL
    model = TransformerModel.load(place, {**settings, "device": config.model.device})
    return Seeds(model, median, shares[median], _summary(list(told.values())))


def _summary(told: list[dict[str, float]]) -> dict[str, float]:
    names = [name for name in told[0] if "f1/" not in name]
    values = {name: [figures[name] for figures in told] for name in names}
    means = {f"{name}_mean": statistics.fmean(found) for name, found in values.items()}
    return means | {f"{name}_std": statistics.stdev(found) for name, found in values.items()}


def _begun(place: Path) -> str | None:
    """The tracked run of a seed that was cut short."""
    with suppress(OSError, UnicodeDecodeError):
        found = re.fullmatch(r"[0-9a-f]{32}", (place / _RUN).read_text(encoding="utf-8"))
        return found and found[0]
    return None


def _is_done(place: Path) -> bool:
    """Whether a seed's model and figures are there, as they were written."""
    if not (place / CHECKSUMS).is_file():  # written last
        return False
    why = flaw(place, of=place.name)
    if why:
        for name in (CHECKSUMS, _FIGURES, _MODEL):
            discard(place / name, f"damaged ({why})", "the seed is fitted again")
    return not why


def _files(place: Path) -> list[str]:
    """The figures of a seed, and all files of its model."""
    model = [path for path in (place / _MODEL).rglob("*") if path.is_file()]
    return [_FIGURES, *(str(path.relative_to(place)) for path in model)]
