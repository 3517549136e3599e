"""Fits by several processes: equal to a fit by one process, or refused."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

# Trains with FSDP on CPUs, which accelerate leaves out there, and writes how many weights the
# process holds; process 0 is killed after KILL_AT steps.
SHARDED = """
import os, signal, sys
from accelerate import state
from newsstand.train.finetune import processes
from newsstand.train.finetune import trainer

processes.on_gpus = lambda device: True
processes.take_gpu = lambda device: None
connect = state.PartialState.__init__

def connected(self, *given, **named):
    connect(self, *given, **named)
    if self.distributed_type == state.DistributedType.MULTI_CPU:
        self._shared_state["distributed_type"] = state.DistributedType.MULTI_GPU

state.PartialState.__init__ = connected
report_step = trainer.ReportingCallback.on_step_end

def on_step_end(self, args, state, control, model=None, **more):
    report_step(self, args, state, control, **more)
    if state.global_step == 1:
        held = sum(x.to_local().numel() for x in model.parameters())
        with open(f"held-{os.environ['RANK']}", "w") as file:
            print(held, sum(x.numel() for x in model.parameters()), file=file)
    if state.global_step == int(os.environ.get("KILL_AT", -1)) and os.environ["RANK"] == "0":
        os.kill(os.getpid(), signal.SIGKILL)

trainer.ReportingCallback.on_step_end = on_step_end
from newsstand.cli.main import main

sys.argv = ["newsstand", "train", *sys.argv[1:]]
main()
"""


TORCHRUN_ENV = {"TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": "2", "RANK": "0"}


TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")


def torchrun(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Runs a program in two processes."""
    return subprocess.run(
        [sys.executable, *TORCHRUN, *arguments],
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def assert_same_fit(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Asserts that two runs have the same curves and metrics, up to rounding."""
    client = MlflowClient()
    for name in ("loss", "grad_norm", "log_loss", "macro_f1"):
        curves = [client.get_metric_history(x["run_id"], f"fit/{name}") for x in (one, other)]
        first, second = ([(point.step, point.value) for point in curve] for curve in curves)
        assert len(first) >= (1 if name in ("loss", "grad_norm") else 6)
        assert [step for step, _ in first] == [step for step, _ in second]
        assert [y for _, y in first] == pytest.approx([y for _, y in second], rel=1e-3)
    metrics = {x: y for x, y in other["metrics"].items() if not x.startswith("seconds")}
    assert one["metrics"] == pytest.approx(metrics, abs=1e-3)


@pytest.mark.slow
def test_two_processes_fit_as_one_that_accumulates(
    plain_encoder: Path, run: Callable[..., Any]
) -> None:
    settings = ["t.yaml", f"model.encoder={plain_encoder}", "model.batch_size=2", "model.epochs=3"]
    shared = torchrun("-m", "newsstand", "train", *settings, "--json")
    assert shared.returncode == 0, shared.stderr
    done = run(*settings, "model.gradient_accumulation=2", "--json")
    assert done.code == 0, done.err
    assert_same_fit(json.loads(shared.stdout), json.loads(done.out))
    assert not any(Path("mlruns/.checkpoints").iterdir())


@pytest.mark.slow
def test_a_sharded_network_is_fitted_like_a_whole_one_and_resumes(
    plain_encoder: Path, run: Callable[..., Any]
) -> None:
    settings = ["t.yaml", f"model.encoder={plain_encoder}", "model.batch_size=2", "model.epochs=3"]
    Path("sharded.py").write_text(SHARDED)
    command = ["sharded.py", *settings, "model.fsdp=true"]
    shared = torchrun(*command, "--json")
    assert shared.returncode == 0, shared.stderr
    for rank in range(2):
        held, weights = map(int, Path(f"held-{rank}").read_text().split())
        assert held < 0.6 * weights
    done = run(*settings, "model.gradient_accumulation=2", "--json")
    assert done.code == 0, done.err
    whole = json.loads(shared.stdout)
    assert_same_fit(whole, json.loads(done.out))
    killed = torchrun(*command, KILL_AT="7")
    assert killed.returncode != 0
    [folder] = Path("mlruns/.checkpoints").iterdir()
    # An incomplete checkpoint is skipped.
    checkpoints = list(folder.glob("checkpoint-*"))
    last = max(checkpoints, key=lambda path: int(path.name.partition("-")[2]))
    assert len(checkpoints) == 2
    broken = last / "pytorch_model_fsdp.bin"
    broken.write_bytes(broken.read_bytes()[:-100])
    resumed = torchrun(*command, "--resume", folder.name, "--json")
    assert resumed.returncode == 0, resumed.stderr
    again = json.loads(resumed.stdout)
    assert again["run_id"] == folder.name
    assert again["bundle_hash"] == whole["bundle_hash"]


def test_other_families_refuse_several_processes(
    run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in TORCHRUN_ENV.items():
        monkeypatch.setenv(name, value)
    done = run("t.yaml", "model.refit=true")
    assert (done.code, done.err.splitlines()[-1]) == (
        2,
        "newsstand: torchrun: several processes can fit only once; set model.refit: false",
    )
    done = run("t.yaml", "model={kind: linear}")
    assert (done.code, done.err.splitlines()[-1]) == (
        2,
        "newsstand: torchrun: only fine-tuning (model.kind: transformer) supports several "
        "processes; model.kind is 'linear', so use `newsstand train`",
    )


def test_sharding_requires_several_processes_and_gpus(
    run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run("t.yaml", "model.fsdp=true")
    assert (done.code, done.err.splitlines()[-1]) == (
        2,
        "newsstand: model.fsdp needs at least two processes; start them with torchrun, or "
        "set it to false",
    )
    done = run("t.yaml", "model.fsdp=true", "model.lora={rank: 2}")
    assert "model.fsdp: not with model.lora" in done.err
    for name, value in TORCHRUN_ENV.items():
        monkeypatch.setenv(name, value)
    done = run("t.yaml", "model.fsdp=true")
    assert (done.code, done.err.splitlines()[-1]) == (
        2,
        "newsstand: model.fsdp needs GPUs; set it to false to keep the whole network in "
        "each process",
    )


@pytest.mark.parametrize("kind", ["FSDP", "DEEPSPEED"])
def test_other_ways_of_sharding_are_refused(
    kind: str, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"ACCELERATE_USE_{kind}", "true")
    done = run("t.yaml")
    assert (done.code, done.err.splitlines()[-1]) == (
        2,
        f"newsstand: ACCELERATE_USE_{kind} is not supported: unset it and start with torchrun; "
        "model.fsdp: true shards the network across processes",
    )
    monkeypatch.setenv(f"ACCELERATE_USE_{kind}", "false")
    assert "ACCELERATE_USE" not in run("t.yaml", "model.encoder=./nowhere").err
