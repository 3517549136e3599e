"""Checkpoints of a fine-tuning run: which of them are whole, and whether there is room for more."""

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


# How torch's writer and safetensors' say that the disk is full.
_DISK_FULL = ("No space left", "os error 28", "PytorchStreamWriter", "inline_container", "iostream")


def checkpoint_folder(run_id: str) -> Path:
    """Where a run's checkpoints are until it is done, under the working directory."""
    return Path("mlruns") / ".checkpoints" / run_id


def note_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """Keeps what decides a run's weights beside its checkpoints, for `check_settings`."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    write_whole(folder / _SETTINGS, json.dumps(_plain(settings)))


def check_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """Refuses to go on with a run under other settings than it was begun with.

    Raises:
        NewsstandError: There is no such run, its settings differ (all that do are named) or cannot
            be read, or somebody else may have written its checkpoints.
    """
    path = folder / _SETTINGS
    if not path.is_file():
        raise NewsstandError(
            f"--resume: no checkpoints of run '{folder.name}' in {folder.parent}; it is done, it "
            "never began to fit, or it ran in another folder"
        )
    why = distrusted(folder)
    if why:  # transformers unpickles them, if only numbers
        raise NewsstandError(f"--resume: {why}, so its checkpoints are not gone on from")
    try:
        before = dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise NewsstandError(
            f"--resume: {path} is damaged ({error}), so nobody knows what the run was begun with; "
            "train anew, without --resume"
        ) from None
    now = _plain(settings)
    differing = [
        f"{key}: {before[key]!r} in the run, {now[key]!r} now"
        for key in now
        if key in before and before[key] != now[key]
    ]
    if differing:
        listed = "; ".join(differing)
        raise NewsstandError(f"--resume: the run was begun with other settings: {listed}")


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as JSON gives them back; where a run is tracked decides no weight."""
    kept = {key: value for key, value in settings.items() if not key.startswith("tracking.")}
    return dict(json.loads(json.dumps(kept)))


def last_checkpoint(folder: Path) -> Path | None:
    """The last whole checkpoint in a folder; those after it are deleted, and it is said.

    Whole is one whose every file is as it was written, and that of the best checkpoint so far, too,
    which the fit may end with.
    """
    found = [path for path in folder.glob(f"{_PREFIX}*") if path.name[len(_PREFIX) :].isdigit()]
    for path in sorted(found, key=lambda path: -int(path.name[len(_PREFIX) :])):
        best = best_checkpoint(path) if _whole(path) else None
        if best is not None and (best == path or _whole(best)):
            return path
        discard(path, "damaged, or cut short", "the fit goes on from one before it")
    return None


def best_checkpoint(checkpoint: Path) -> Path:
    """The best checkpoint that was known at another; that one itself, where none is judged."""
    step = trainer_state(checkpoint).get("best_global_step")
    return checkpoint.with_name(f"{_PREFIX}{step}") if step else checkpoint


def seal_checkpoint(checkpoint: Path) -> None:
    """Writes the checksums of a checkpoint's files; other processes may still write `rng_state`."""
    names = {path.name for path in checkpoint.iterdir() if path.is_file()} - {CHECKSUMS}
    write_checksums(
        checkpoint, (x for x in names if not x.startswith("rng_state")), of=checkpoint.name
    )


def _whole(checkpoint: Path) -> bool:
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
        shared_out = checkpoint / "pytorch_model_fsdp.bin"  # of a network that FSDP shared out
        optimizer = ("optimizer.bin", shared_out.name) if shared_out.exists() else ("optimizer.pt",)
        pickles = [checkpoint / name for name in (*optimizer, "scheduler.pt", *states)]
        return len(weights) == 8 + size + end and all(map(_unbroken, pickles))
    except (OSError, ValueError, KeyError):
        return False


def _unbroken(path: Path) -> bool:
    """Whether a file of torch, which is a zip, has all its bytes as they were written."""
    try:
        with zipfile.ZipFile(path) as file:
            return file.testzip() is None
    except zipfile.BadZipFile:
        return False


def trainer_state(checkpoint: Path) -> dict[str, Any]:
    """What transformers' Trainer noted at a checkpoint."""
    found = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    return dict(found)


def ended_with(checkpoint: Path, *, patience: int, last_step: int | None) -> Path | None:
    """The checkpoint that a fit ends with, if it had come to its end before its last epoch did.

    Args:
        checkpoint: Its last one.
        patience: Of judged fits: evaluations without a better figure that end it; 0 for never.
        last_step: Of fits that are not judged: where they end.
    """
    state = trainer_state(checkpoint)
    if last_step is not None:
        return checkpoint if state["global_step"] >= last_step else None
    kept = state["stateful_callbacks"].get("EarlyStoppingCallback")
    counted = kept["attributes"]["early_stopping_patience_counter"] if kept else 0
    if patience and counted >= patience:
        return best_checkpoint(checkpoint)
    return None


def best_share(folder: Path) -> float:
    """The share of all steps after which the best checkpoint of a finished fit was written."""
    last = last_checkpoint(folder)
    if last is None:  # a fit of 0 epochs
        return 1.0
    state = trainer_state(last)
    best = state["best_global_step"] or state["max_steps"]  # where nothing was judged, the last
    return float(best / state["max_steps"])


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Says what to do where fitting stops for want of disk or memory.

    Args:
        folder: Where checkpoints go.

    Raises:
        NewsstandError: What has run out, and what to change.
    """
    try:
        yield
    except MemoryError as error:
        raise NewsstandError(_OUT_OF_MEMORY) from error
    except (OSError, RuntimeError) as error:
        told = str(error)
        if any(x in told for x in ("out of memory", "can't allocate memory")):  # CUDA, and the CPU
            raise NewsstandError(_OUT_OF_MEMORY) from error
        full = any(x in told for x in _DISK_FULL)
        if full or getattr(error, "errno", None) == ENOSPC:
            raise NewsstandError(
                f"{folder}: the disk was full when a checkpoint was written; make room and go on "
                "with --resume: the checkpoint before it is kept"
            ) from error
        raise


def check_room(folder: Path, network: Any, *, fsdp: bool) -> None:
    """Refuses to begin where two checkpoints and one in the making would not fit."""
    weights = sum(x.numel() * x.element_size() for x in network.parameters())
    copies = 4 if fsdp else 3  # Adam keeps two more of each, and accelerate writes weights twice
    needed, free = 3 * copies * weights, shutil.disk_usage(folder).free
    if free < needed:
        raise NewsstandError(
            f"{folder}: checkpoints need {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free; "
            "make room, or train in another folder"
        )
