"""Fine-tuning runs: killed and resumed, refitted, and with several seeds."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow import MlflowClient
from pyarrow import parquet

from newsstand.io.bundle import bundle_hash
from newsstand.train.families.transformer import TransformerTrainer
from small_fit import Killed
from tuned_run import CONFIG

# Trains in its own process, which is killed after a number of steps.
KILLED = """
import itertools, os, signal, sys
from newsstand.train.finetune import trainer

report_step = trainer.ReportingCallback.on_step_end
steps = itertools.count(1)

def on_step_end(self, args, state, control, **more):
    report_step(self, args, state, control, **more)
    if next(steps) == int(os.environ["KILL_AT"]):
        os.kill(os.getpid(), signal.SIGKILL)

trainer.ReportingCallback.on_step_end = on_step_end
from newsstand.cli.main import main

sys.argv = ["newsstand", "train", *sys.argv[1:]]
main()
"""


def killed(step: int, *settings: str) -> str:
    """The id of a run that is killed after a step, counted over both fits."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, "t.yaml", *settings],
        env={**os.environ, "KILL_AT": str(step)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    [folder] = Path("mlruns/.checkpoints").iterdir()
    return folder.name


@pytest.mark.slow
def test_a_killed_run_resumes_and_ends_with_the_same_bundle(run: Callable[..., Any]) -> None:
    done = run("t.yaml", "--json")
    assert done.code == 0, done.err
    whole = json.loads(done.out)
    assert "resume it with --resume" in done.err
    assert not any(Path("mlruns/.checkpoints").iterdir())
    client = MlflowClient()
    curve = client.get_metric_history(whole["run_id"], "fit/macro_f1")
    assert [point.step for point in curve] == [2, 4, 6, 8, 10]
    run_id = killed(7)
    done = run("t.yaml", "--resume", run_id, "model.epochs=3")
    assert (done.code, done.err.splitlines()[-1]) == (
        2,
        "newsstand: --resume: the run began with other settings: model.epochs: 2 in the run, 3 now",
    )
    done = run("t.yaml", "--resume", run_id, "--json")
    assert done.code == 0, done.err
    again = json.loads(done.out)
    assert again["run_id"] == run_id
    assert again["bundle_hash"] == whole["bundle_hash"]
    assert again["metrics"] == whole["metrics"]
    assert client.get_run(run_id).info.status == "FINISHED"
    assert not any(Path("mlruns/.checkpoints").iterdir())
    done = run("t.yaml", "--resume", run_id)
    assert done.code == 2
    assert "--resume: no checkpoints of run" in done.err
    Path("l.yaml").write_text(
        CONFIG.partition("model:")[0] + "model: {kind: linear}\ntracking: {experiment: x}\n"
    )
    done = run("l.yaml", "--resume", "x")
    assert (
        done.err
        == "newsstand: --resume: only fine-tuning (model.kind: transformer) can be resumed\n"
    )
    # An encoder that is not found leaves no run.
    before = len(client.search_runs(["1"]))
    done = run("t.yaml", "model.encoder=./nowhere")
    assert done.err.endswith("encoder './nowhere': no such folder (model.encoder)\n")
    assert len(client.search_runs(["1"])) == before
    assert not any(Path("mlruns/.checkpoints").iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [1, 2])
def test_refit_uses_all_rows_and_resumes_after_a_kill(
    seeds: int, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = [f"model.seeds={seeds}", "model.evaluations=1", "model.epochs=3"]
    plain = json.loads(run("t.yaml", *settings, "--json").out)
    ends: list[tuple[int, float]] = []

    tune = TransformerTrainer.tune

    def observed(trainer: Any, *others: Any, seed: int, until: float = 1.0, **more: Any) -> Any:
        if others[2] is None:  # no validation rows: the refit
            ends.append((seed, until))
        return tune(trainer, *others, seed=seed, until=until, **more)

    monkeypatch.setattr(TransformerTrainer, "tune", observed)
    settings.append("model.refit=true")
    done = run("t.yaml", *settings, "--json")
    assert done.code == 0, done.err
    assert "refit on all 27 training and validation rows" in done.err
    whole = json.loads(done.out)
    # Calibrated and evaluated on validation rows before they are training rows.
    for name in ("validation/macro_f1", "validation/ece", "validation/log_loss"):
        assert whole["metrics"][name] == plain["metrics"][name]
    assert whole["bundle_hash"] != plain["bundle_hash"]
    # It ends where the best checkpoint was, of the seed whose model is kept.
    client = MlflowClient()
    run_id, seed = whole["run_id"], 5
    if seeds > 1:
        seed = int(re.search(r"the median is seed (\d)'s", done.err)[1])
        part_of = f"tags.mlflow.parentRunId = '{run_id}'"
        [run_id] = [
            child.info.run_id
            for child in client.search_runs([client.get_run(run_id).info.experiment_id], part_of)
            if child.info.run_name == f"t, seed {seed}"
        ]
    curve = client.get_metric_history(run_id, "fit/macro_f1")
    best = max(curve, key=lambda point: point.value)  # the first of those
    assert ends == [(seed, best.step / 15)]
    resumable = killed(15 * seeds + 4, *settings)
    done = run("t.yaml", *settings, "--resume", resumable, "--json")
    assert done.code == 0, done.err
    again = json.loads(done.out)
    assert (again["run_id"], again["bundle_hash"]) == (resumable, whole["bundle_hash"])
    assert again["metrics"] == whole["metrics"]
    assert not any(Path("mlruns/.checkpoints").iterdir())


def test_of_several_seeds_the_median_is_kept(
    run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ["t.yaml", "model.epochs=1", "model.learning_rate=1e-3"]
    alone = {}
    for seed in (5, 6, 7):
        done = run(*settings, f"seed={seed}", "--json")
        assert done.code == 0, done.err
        alone[seed] = json.loads(done.out)
    scores = {seed: found["metrics"]["validation/macro_f1"] for seed, found in alone.items()}
    median = sorted(scores, key=lambda seed: scores[seed])[1]
    fits: list[int] = []

    tune = TransformerTrainer.tune

    def interrupted(trainer: Any, *others: Any, seed: int, **more: Any) -> Any:
        fits.append(seed)
        if fits == [5, 6]:
            raise Killed
        return tune(trainer, *others, seed=seed, **more)

    monkeypatch.setattr(TransformerTrainer, "tune", interrupted)
    with pytest.raises(Killed):
        run(*settings, "model.seeds=3", "--json")
    [folder] = Path("mlruns/.checkpoints").iterdir()
    done = run(*settings, "model.seeds=3", "--resume", folder.name)
    assert done.code == 0, done.err
    assert fits == [5, 6, 6, 7]
    assert f"the median is seed {median}'s" in done.err
    client = MlflowClient()
    group = client.get_run(folder.name)
    tested = [found["metrics"]["test/macro_f1"] for found in alone.values()]
    assert group.data.metrics["test/macro_f1_mean"] == pytest.approx(np.mean(tested))
    assert group.data.metrics["test/macro_f1_std"] == pytest.approx(np.std(tested, ddof=1))
    assert group.data.metrics["test/macro_f1"] == alone[median]["metrics"]["test/macro_f1"]
    part_of = f"tags.mlflow.parentRunId = '{folder.name}'"
    children = client.search_runs([group.info.experiment_id], part_of)
    assert {run.info.run_name: run.data.metrics["test/macro_f1"] for run in children} == {
        f"t, seed {seed}": found["metrics"]["test/macro_f1"] for seed, found in alone.items()
    }
    assert {run.info.status for run in children} == {"FINISHED"}
    for child in children:
        assert child.data.tags["newsstand.kind"] == "seed"
        assert child.data.tags["test macro-F1"] == f"{child.data.metrics['test/macro_f1']:.3f}"
        assert child.data.params == {**group.data.params, "seed": child.data.params["seed"]}
    assert group.data.tags["newsstand.kind"] == "train"
    mean, deviation = np.mean(tested), np.std(tested, ddof=1)
    assert f"macro-F1 {mean:.3f} ± {deviation:.3f}" in done.out
    # The bundle is the one of the median seed alone, byte for byte.
    bundle = next(line.split()[1] for line in done.out.splitlines() if line.startswith("bundle"))
    assert bundle_hash(Path(bundle)) == alone[median]["bundle_hash"]
    assert not any(Path("mlruns/.checkpoints").iterdir())


def test_mentions_of_the_target_are_marked_in_training_and_scoring(
    tiny_encoder: Path, run: Callable[..., Any], cli: Callable[..., Any]
) -> None:
    articles = [
        ("favor", "PARIS (AFP) - The coach praised the goalkeeper. Lee scored twice.", "Lee"),
        ("against", "Profits and a dividend: Lee &amp; Co fell, and the bank with it.", "the bank"),
        ("none", "Rain on the coast. Lee said it fell.", "Lee"),
    ]
    rows = [
        {"split": split, "label": label, "body": body, "target": target, "mentions": [[at, at + 3]]}
        for split in ("train", "train", "validation", "test")
        for label, body, target in articles
        for at in (body.rindex("e "), body.index("Lee"))  # not where the words of the target are
    ]
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Path("s.yaml").write_text(
        CONFIG.replace("ENCODER", str(tiny_encoder))
        .replace("topic", "stance")
        .replace("[sport, weather, economy]", "[favor, against, none]")
        .replace("rows.csv", "rows.jsonl")
    )
    done = run("s.yaml", "model.mark_target=true", "--json")
    assert done.code == 0, done.err
    bundle = json.loads(done.out)["bundle"]
    assert cli("verify", bundle).code == 0
    golden = (Path(bundle) / "golden.jsonl").read_text()
    assert '"mentions": [[' in golden
    tested = [row for row in rows if row["split"] == "test"]
    plain = [{name: row[name] for name in ("body", "target")} for row in tested]
    answers = []
    for name, items in (("known", tested), ("plain", plain)):
        Path(f"{name}.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
        scored = cli("score", "--model", bundle, f"{name}.jsonl")
        assert scored.code == 0, scored.err
        answers.append([json.loads(line)["probabilities"] for line in scored.out.splitlines()])
    [table] = Path("mlruns").rglob("predictions.parquet")
    labels = ("favor", "against", "none")
    logged = [[row[f"p_{x}"] for x in labels] for row in parquet.read_table(table).to_pylist()]
    known = [[row[label] for label in labels] for row in answers[0]]
    assert np.array(known) == pytest.approx(np.array(logged), abs=1e-6)
    assert answers[0] != answers[1]
