"""Checkpoints: intact and damaged ones, their settings, and errors of disk and memory."""

import errno
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from newsstand.errors import NewsstandError
from newsstand.models.transformer import TransformerModel
from newsstand.train.finetune import checkpoints
from newsstand.train.finetune.checkpoints import (
    check_settings,
    last_checkpoint,
    resource_errors,
    save_settings,
    seal_checkpoint,
)
from small_fit import QUICK, Killed, fit, same


def test_incomplete_checkpoints_are_skipped(
    tiny_encoder: Path, tmp_path: Path, whole: TransformerModel
) -> None:
    with pytest.raises(Killed):
        fit(tiny_encoder, tmp_path / "kept", kill=7)
    kept = tmp_path / "kept"
    last = last_checkpoint(kept)
    assert last == kept / "checkpoint-6"
    sizes = {path.name: path.stat().st_size for path in last.iterdir()}
    for name in ("trainer_state.json", "model.safetensors", "optimizer.pt", "rng_state.pth"):
        for size in (0, sizes[name] // 2, None):
            copy = tmp_path / f"{name}-{size}"
            shutil.copytree(kept, copy)
            path = copy / "checkpoint-6" / name
            path.unlink()
            if size is not None:
                path.write_bytes((last / name).read_bytes()[:size])
            assert last_checkpoint(copy) == copy / "checkpoint-4", (name, size)
            assert not (copy / "checkpoint-6").exists()
    assert same(fit(tiny_encoder, copy), whole)


def flip(path: Path) -> None:
    """Flips a bit near the end of a file; in a file of weights, in a weight."""
    content = bytearray(path.read_bytes())
    content[-40] ^= 16
    path.write_bytes(content)


def test_a_checkpoint_with_a_changed_weight_is_skipped_and_reported(
    tiny_encoder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Killed):
        fit(tiny_encoder, tmp_path, kill=7)
    flip(tmp_path / "checkpoint-6" / "model.safetensors")
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-4"
    [message] = [record.getMessage() for record in caplog.records]
    bad = tmp_path / "checkpoint-6"
    assert message == (f"{bad}: damaged or incomplete; the fit resumes from an earlier checkpoint")


def test_a_checkpoint_is_skipped_if_the_best_one_is_damaged(
    tiny_encoder: Path, tmp_path: Path
) -> None:
    with pytest.raises(Killed):
        fit(tiny_encoder, tmp_path, kill=7)
    state = tmp_path / "checkpoint-6" / "trainer_state.json"
    values = json.loads(state.read_text()) | {"best_global_step": 4}
    state.write_text(json.dumps(values))
    seal_checkpoint(state.parent)
    assert last_checkpoint(tmp_path) == state.parent
    flip(tmp_path / "checkpoint-4" / "model.safetensors")
    assert last_checkpoint(tmp_path) is None


def test_checkpoints_that_are_writable_by_others_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "run7"
    save_settings(folder, {"seed": 1})
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o777)
    with pytest.raises(NewsstandError, match=rf"^--resume: others may write to {folder}, so its"):
        check_settings(folder, {"seed": 1})


@pytest.mark.parametrize("damage", [b"", b"[1]", b"\xff"])
def test_damaged_settings_are_named(tmp_path: Path, damage: bytes) -> None:
    folder = tmp_path / "run7"
    save_settings(folder, {"seed": 1})
    (folder / "settings.json").write_bytes(damage)
    with pytest.raises(
        NewsstandError, match=r"^--resume: .*settings\.json is damaged \(.*start over"
    ):
        check_settings(folder, {"seed": 1})


def test_other_settings_are_refused_with_their_keys(tmp_path: Path) -> None:
    folder = tmp_path / "run7"
    settings = {"model.epochs": 3, "model.warmup": 0.1, "labels": ("a", "b"), "tracking.alias": "x"}
    save_settings(folder, settings)
    check_settings(folder, {**settings, "tracking.alias": None})
    with pytest.raises(NewsstandError) as caught:
        check_settings(folder, {**settings, "model.epochs": 4, "labels": ("a", "c")})
    assert str(caught.value) == (
        "--resume: the run began with other settings: model.epochs: 3 in the run, 4 now; "
        "labels: ['a', 'b'] in the run, ['a', 'c'] now"
    )
    with pytest.raises(NewsstandError, match=r"^--resume: no checkpoints of run 'run8' in "):
        check_settings(tmp_path / "run8", settings)


def test_too_little_disk_space_is_an_error_before_the_fit(
    tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(checkpoints.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(NewsstandError, match=r"checkpoints need 0\.0 GB, but 0\.0 GB are free"):
        fit(tiny_encoder, tmp_path)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk was full when a checkpoint"),
        (RuntimeError("PytorchStreamWriter failed writing file data/3"), "the disk was full"),
        (RuntimeError("basic_ios::clear: iostream error"), "the disk was full"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "lower model.batch_size"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you"), "model.max_tokens"),
        (MemoryError(), "training: out of memory"),
    ],
)
def test_full_disk_and_memory_are_errors_and_the_last_checkpoint_is_kept(
    error: Exception,
    expected: str,
    tiny_encoder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    saved = torch.save

    def full(value: Any, place: Any, *more: Any, **named: Any) -> None:
        if "checkpoint-4" in str(place):
            raise error
        saved(value, place, *more, **named)

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(NewsstandError, match=expected):
        fit(tiny_encoder, tmp_path, replace(QUICK, epochs=1))
    last = last_checkpoint(tmp_path)
    assert last is not None
    assert last.name == "checkpoint-2"


def test_other_errors_are_not_converted(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="shapes"), resource_errors(tmp_path):
        raise RuntimeError("shapes do not fit")
