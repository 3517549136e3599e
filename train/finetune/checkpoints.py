"""Checkpoints of a fine-tuning run: checks of settings, files and disk space."""

import json
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from errno import ENOSPC
from pathlib import Path
from typing import Any

from newsstand.data.sealed import CHECKSUMS, discard, find_damage, write_checksums
from newsstand.errors import NewsstandError
from newsstand.io.files import distrusted, write_whole
from newsstand.train.finetune.processes import processes

_PREFIX = "checkpoint-"
_OUT_OF_MEMORY = (
    "training: out of memory; lower model.batch_size and raise model.gradient_accumulation by as "
    "much, or lower model.max_tokens"
)
_SETTINGS = "settings.json"

# In the errors of torch and safetensors on a full disk.
_DISK_FULL = ("No space left", "os error 28", "PytorchStreamWriter", "inline_container", "iostream")


# Where the checkpoints of tracked runs are until a run is done, under the working directory.
RUNS = Path("mlruns") / ".checkpoints"


def save_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """Saves the settings that a run's weights depend on with its checkpoints."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    write_whole(folder / _SETTINGS, json.dumps(_plain(settings)))


def check_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """Checks that a run to resume began with the same settings.

    Raises:
        NewsstandError: There is no such run, settings differ (all of them are named) or cannot be
            read, or the checkpoints are writable by others.
    """
    path = folder / _SETTINGS
    if not path.is_file():
        raise NewsstandError(
            f"--resume: no checkpoints of run '{folder.name}' in {folder.parent}; the run is done, "
            "ended before the fit, or ran in another folder"
        )
    why = distrusted(folder)
    if why:  # transformers unpickles checkpoints, although with weights_only
        raise NewsstandError(f"--resume: {why}, so its checkpoints are not trusted")
    try:
        before = dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise NewsstandError(
            f"--resume: {path} is damaged ({error}), so the settings of the run are unknown; "
            "start over without --resume"
        ) from None
    now = _plain(settings)
    differing = [
        f"{key}: {before[key]!r} in the run, {now[key]!r} now"
        for key in now
        if key in before and before[key] != now[key]
    ]
    if differing:
        listed = "; ".join(differing)
        raise NewsstandError(f"--resume: the run began with other settings: {listed}")


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as JSON values, without those of tracking, which do not affect weights."""
    own = {key: value for key, value in settings.items() if not key.startswith("tracking.")}
    return dict(json.loads(json.dumps(own)))


def last_checkpoint(folder: Path) -> Path | None:
    """The last intact checkpoint in a folder; later ones are discarded with a warning.

    The best checkpoint so far, with which the fit may end, must be intact, too.
    """
    paths = [path for path in folder.glob(f"{_PREFIX}*") if path.name[len(_PREFIX) :].isdigit()]
    for path in sorted(paths, key=lambda path: -int(path.name[len(_PREFIX) :])):
        best = best_checkpoint(path) if _is_intact(path) else None
        if best is not None and (best == path or _is_intact(best)):
            return path
        discard(path, "damaged or incomplete", "the fit resumes from an earlier checkpoint")
    return None


def best_checkpoint(checkpoint: Path) -> Path:
    """The best checkpoint up to the given one; that one itself if none is evaluated."""
    step = trainer_state(checkpoint).get("best_global_step")
    return checkpoint.with_name(f"{_PREFIX}{step}") if step else checkpoint


def seal_checkpoint(checkpoint: Path) -> None:
    """Writes the checksums of a checkpoint's files, except `rng_state`, written by each process."""
    names = {path.name for path in checkpoint.iterdir() if path.is_file()} - {CHECKSUMS}
    write_checksums(
        checkpoint, (x for x in names if not x.startswith("rng_state")), of=checkpoint.name
    )


def _is_intact(checkpoint: Path) -> bool:
    if (checkpoint / CHECKSUMS).exists() and find_damage(checkpoint, of=checkpoint.name):
        return False
    try:
        trainer_state(checkpoint)
        [path] = checkpoint.glob("*model.safetensors")  # of adapters: adapter_model
        weights = path.read_bytes()
        size = int.from_bytes(weights[:8], "little")
        header = json.loads(weights[8 : 8 + size])
        end = max(x["data_offsets"][1] for name, x in header.items() if name != "__metadata__")
        states = [f"rng_state_{number}.pth" for number in range(processes())]
        if len(states) == 1:
            states = ["rng_state.pth"]
        sharded = checkpoint / "pytorch_model_fsdp.bin"
        optimizer = ("optimizer.bin", sharded.name) if sharded.exists() else ("optimizer.pt",)
        pickles = [checkpoint / name for name in (*optimizer, "scheduler.pt", *states)]
        return len(weights) == 8 + size + end and all(map(_is_intact_zip, pickles))
    except (OSError, ValueError, KeyError):
        return False


def _is_intact_zip(path: Path) -> bool:
    """Whether a file of torch, which is a zip archive, has the right checksums."""
    try:
        with zipfile.ZipFile(path) as file:
            return file.testzip() is None
    except zipfile.BadZipFile:
        return False


def trainer_state(checkpoint: Path) -> dict[str, Any]:
    """The state of transformers' Trainer at a checkpoint."""
    return dict(json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8")))


def final_checkpoint(checkpoint: Path, *, patience: int, last_step: int | None) -> Path | None:
    """The checkpoint that a fit ends with; None if the fit is not finished.

    Args:
        checkpoint: The last checkpoint of the fit.
        patience: Number of evaluations without improvement that end a fit; 0 for never.
        last_step: The last step of a fit without evaluations.
    """
    state = trainer_state(checkpoint)
    if last_step is not None:
        return checkpoint if state["global_step"] >= last_step else None
    callback = state["stateful_callbacks"].get("EarlyStoppingCallback")
    counter = callback["attributes"]["early_stopping_patience_counter"] if callback else 0
    if patience and counter >= patience:
        return best_checkpoint(checkpoint)
    return None


def best_share(folder: Path) -> float:
    """The share of all steps after which the best checkpoint of a finished fit was written."""
    last = last_checkpoint(folder)
    if last is None:  # a fit of 0 epochs
        return 1.0
    state = trainer_state(last)
    best = state["best_global_step"] or state["max_steps"]  # the last without evaluations
    return float(best / state["max_steps"])


@contextmanager
def resource_errors(folder: Path) -> Iterator[None]:
    """Converts errors of a full disk or memory, for a `with` block.

    Args:
        folder: The folder of checkpoints.

    Raises:
        NewsstandError: Disk or memory is full, and what to change.
    """
    try:
        yield
    except MemoryError as error:
        raise NewsstandError(_OUT_OF_MEMORY) from error
    except (OSError, RuntimeError) as error:
        message = str(error)
        if any(x in message for x in ("out of memory", "can't allocate memory")):  # CUDA; CPU
            raise NewsstandError(_OUT_OF_MEMORY) from error
        full = any(x in message for x in _DISK_FULL)
        if full or getattr(error, "errno", None) == ENOSPC:
            raise NewsstandError(
                f"{folder}: the disk was full when a checkpoint was written; free disk space and "
                "continue with --resume, from the checkpoint before it"
            ) from error
        raise


def check_disk_space(folder: Path, network: Any, *, fsdp: bool) -> None:
    """Checks that there is disk space for three checkpoints, the last two and a new one."""
    weights = sum(x.numel() * x.element_size() for x in network.parameters())
    copies = 4 if fsdp else 3  # Adam has two states per weight; accelerate writes weights twice
    needed, free = 3 * copies * weights, shutil.disk_usage(folder).free
    if free < needed:
        raise NewsstandError(
            f"{folder}: checkpoints need {needed / 1e9:.1f} GB, but {free / 1e9:.1f} GB are free; "
            "free disk space, or train in another folder"
        )
