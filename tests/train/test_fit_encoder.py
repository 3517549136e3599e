"""Fine-tuning: it learns, gives the same weights however often it is cut short, and says so."""

import errno
import json
import math
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate.data_loader import BatchSamplerShard
from mlflow import MlflowClient
from torch.utils.data import BatchSampler

from newsstand.article import Article
from newsstand.bundle import Bundle, bundle_hash, verify
from newsstand.calibration import Calibration
from newsstand.encode import Example, encode
from newsstand.errors import NewsstandError
from newsstand.labels import LabelSet
from newsstand.serve.evidence import find_evidence
from newsstand.serve.scorer import Scorer
from newsstand.text import TextSpec
from newsstand.train import checkpoints
from newsstand.train.checkpoints import check_settings, explained, last_checkpoint, note_settings
from newsstand.train.evaluate import metrics
from newsstand.train.fit import fit_transformer
from newsstand.train.fit_encoder import fit_encoder, open_classifier
from newsstand.train.lora import Lora
from newsstand.train.trainer import LengthGrouped
from newsstand.train.tuning import Loss, Tuning, freeze, parameter_groups, use_bf16
from newsstand.transformer import TransformerModel

TOPICS = {
    "sport": ["The striker scored twice.", "The coach praised the goalkeeper.", "A penalty."],
    "weather": ["Rain on the coast.", "Snow fell overnight.", "Strong winds and heavy rain."],
    "economy": ["Shares fell.", "The bank raised interest rates.", "Profits and a dividend."],
}
LONG = " ".join(text for texts in TOPICS.values() for text in texts) * 2
QUICK = Tuning(
    epochs=3, batch_size=4, learning_rate=2e-3, evaluations=2, precision="fp32", warmup=0.2
)


def example(body: str, target: str | None = None, title: str = "") -> Example:
    return encode(Article(title=title, body=body), target, TextSpec())


def rows(copies: int = 2) -> tuple[list[Example], np.ndarray[Any, Any]]:
    found = [
        (example(f"{text} {'Again. ' * number}"), label)
        for number in range(copies)
        for label, texts in enumerate(TOPICS.values())
        for text in texts
    ]
    return [item for item, _ in found], np.array([label for _, label in found])


class Killed(BaseException):
    """Stands in for a process that ends."""


def fit(
    tiny: Path,
    folder: Path,
    tuning: Tuning = QUICK,
    *,
    kill: int | None = None,
    data: tuple[list[Example], Any] | None = None,
    log: Callable[[dict[str, float], int], None] = lambda *_: None,
    **settings: Any,
) -> TransformerModel:
    """A fit that is killed after a step, if asked to."""

    def progress(said: str, done: int, total: int | None) -> None:
        if done == kill:
            raise Killed

    examples, labels = data or rows()
    usual: dict[str, Any] = {"max_tokens": 24, "long_text": "head", "device": "cpu", "seed": 7}
    encoder = open_classifier(str(tiny), sha256=None, labels=3, **{**usual, **settings})
    return fit_encoder(
        examples,
        labels,
        validation=(examples[::2], labels[::2]),
        encoder=encoder,
        tuning=tuning,
        folder=folder,
        seed=settings.get("seed", 7),
        log=log,
        progress=progress,
    )


def weights(model: TransformerModel) -> dict[str, torch.Tensor]:
    return dict(model.encoder.network.state_dict())


def same(one: TransformerModel, other: TransformerModel) -> bool:
    first, second = weights(one), weights(other)
    return all(torch.equal(first[name], second[name]) for name in first)


def metrics_of(model: TransformerModel, examples: list[Example], labels: Any) -> float:
    scores = model.forward(examples)
    odds = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return metrics(odds, labels, ["0", "1", "2"])["macro_f1"]


@pytest.fixture(scope="module")
def whole(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> TransformerModel:
    """The model of a fit that nothing interrupts: 15 steps, an evaluation every second."""
    return fit(tiny_encoder, tmp_path_factory.mktemp("whole"))


def test_it_overfits_a_few_rows(tiny_encoder: Path, tmp_path: Path) -> None:
    heard: list[tuple[dict[str, float], int]] = []
    tuning = replace(QUICK, epochs=25, learning_rate=2e-3, evaluations=1)
    model = fit(tiny_encoder, tmp_path, tuning, log=lambda *told: heard.append(told))
    examples, labels = rows()
    right = (model.forward(examples).argmax(axis=1) == labels).mean()
    assert right > 0.9
    named = {name for figures, _ in heard for name in figures}
    assert {"loss", "learning_rate", "macro_f1", "accuracy"} <= named
    # What is given back is the best of all checkpoints, not the last.
    judged = [figures["macro_f1"] for figures, _ in heard if "macro_f1" in figures]
    scores = metrics_of(model, examples[::2], labels[::2])
    assert scores == pytest.approx(max(judged))


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    tiny_encoder: Path, tmp_path: Path, whole: TransformerModel
) -> None:
    assert same(fit(tiny_encoder, tmp_path / "again"), whole)
    assert not same(fit(tiny_encoder, tmp_path / "other", seed=8), whole)


@pytest.mark.parametrize("steps", [(1,), (3, 8), (5, 6, 7), (15,)])
def test_a_fit_that_is_cut_short_ends_with_the_weights_of_a_whole_one(
    tiny_encoder: Path, tmp_path: Path, whole: TransformerModel, steps: tuple[int, ...]
) -> None:
    for step in steps:
        with pytest.raises(Killed):
            fit(tiny_encoder, tmp_path, kill=step)
    assert same(fit(tiny_encoder, tmp_path), whole)


def test_checkpoints_that_are_not_whole_are_passed_over(
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


def test_a_fit_that_had_stopped_early_does_not_go_on(tiny_encoder: Path, tmp_path: Path) -> None:
    # Nothing is learned, so no evaluation is better than the first.
    tuning = replace(QUICK, epochs=4, learning_rate=1e-9, patience=2)
    steps: list[int] = []
    model = fit(tiny_encoder, tmp_path, tuning, log=lambda _, step: steps.append(step))
    assert max(steps) == 6
    again: list[int] = []
    assert same(fit(tiny_encoder, tmp_path, tuning, log=lambda _, step: again.append(step)), model)
    assert again == []


def test_other_settings_are_refused_with_their_keys(tmp_path: Path) -> None:
    folder = tmp_path / "run7"
    settings = {"model.epochs": 3, "model.warmup": 0.1, "labels": ("a", "b"), "tracking.alias": "x"}
    note_settings(folder, settings)
    check_settings(folder, {**settings, "tracking.alias": None})
    with pytest.raises(NewsstandError) as caught:
        check_settings(folder, {**settings, "model.epochs": 4, "labels": ("a", "c")})
    assert str(caught.value) == (
        "--resume: the run was begun with other settings: model.epochs: 3 in the run, 4 now; "
        "labels: ['a', 'b'] in the run, ['a', 'c'] now"
    )
    with pytest.raises(NewsstandError, match=r"^--resume: no checkpoints of run 'run8' in "):
        check_settings(tmp_path / "run8", settings)


def test_a_loss_that_is_no_number_is_a_message_and_keeps_the_last_checkpoint(
    tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = 0
    plain = Loss.__call__

    def spoiled(self: Loss, *given: Any, **more: Any) -> Any:
        nonlocal called
        called += 1
        return plain(self, *given, **more) * (math.nan if called == 4 else 1)

    monkeypatch.setattr(Loss, "__call__", spoiled)
    with pytest.raises(NewsstandError, match=r"loss at step 4 is no number; lower model\.learning"):
        fit(tiny_encoder, tmp_path)
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-2"


def test_too_little_room_for_checkpoints_is_said_before_anything_is_fitted(
    tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(checkpoints.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(NewsstandError, match=r"checkpoints need 0\.0 GB, and 0\.0 GB are free"):
        fit(tiny_encoder, tmp_path)


def without_dropout(encoder: Path, folder: Path) -> Path:
    """The encoder, in a folder of its own, computing in training as it does in scoring."""
    shutil.copytree(encoder, folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_accumulated_gradients_are_those_of_a_larger_batch(
    tiny_encoder: Path, tmp_path: Path
) -> None:
    plain = without_dropout(tiny_encoder, tmp_path / "plain")
    data = ([example("Rain on the coast.")] * 40, np.array([1] * 40))
    heard: list[dict[str, float]] = []
    for batch, accumulation in ((4, 1), (2, 2)):
        tuning = replace(QUICK, epochs=1, evaluations=1, learning_rate=1e-6, batch_size=batch)
        tuning = replace(tuning, gradient_accumulation=accumulation)
        fit(
            plain,
            tmp_path / str(batch),
            tuning,
            data=data,
            log=lambda figures, step: heard.append(figures) if "loss" in figures else None,
        )
    large, small = heard
    assert small["loss"] == pytest.approx(large["loss"], rel=1e-4)
    assert small["grad_norm"] == pytest.approx(large["grad_norm"], rel=1e-3)


def test_losses_are_weighted_smoothed_and_focal() -> None:
    logits = torch.tensor([[2.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    labels = torch.tensor([0, 1, 1])
    told = np.array([0, 1, 1])
    p = torch.softmax(logits, dim=1)
    own = -torch.log(p[range(3), labels])

    def loss(items: int | None = None, **settings: Any) -> float:
        found = Loss(told, 3, Tuning(**settings))({"logits": logits}, labels, items)
        return float(found)

    assert loss() == pytest.approx(float(own.mean()))
    assert loss(6) == pytest.approx(float(own.sum()) / 6)
    weights_ = torch.tensor([1.0, 0.5, 0.5])
    assert loss(class_weight="balanced") == pytest.approx(float((own * weights_).mean()))
    focal = own * (1 - p[range(3), labels]) ** 2
    assert loss(focal_gamma=2.0) == pytest.approx(float(focal.mean()))
    smooth = 0.7 * own + 0.3 * -torch.log(p).mean(dim=1)
    assert loss(label_smoothing=0.3) == pytest.approx(float(smooth.mean()))


def test_lower_layers_learn_less_and_frozen_ones_not_at_all(tiny_encoder: Path) -> None:
    usual: dict[str, Any] = {"sha256": None, "labels": 3, "max_tokens": 24, "long_text": "head"}
    network = open_classifier(str(tiny_encoder), **usual, device="cpu", seed=1).network
    tuning = Tuning(learning_rate=1.0, layer_decay=0.5, weight_decay=0.1)
    names = {id(weights): name for name, weights in network.named_parameters()}
    rates = {
        names[id(weights)]: (group["lr"], group["weight_decay"])
        for group in parameter_groups(network, tuning)
        for weights in group["params"]
    }
    assert len(rates) == len(names)
    assert rates["classifier.weight"] == (1.0, 0.1)
    assert rates["classifier.bias"] == (1.0, 0.0)
    assert rates["bert.encoder.layer.1.output.dense.weight"] == (0.5, 0.1)
    assert rates["bert.encoder.layer.0.output.LayerNorm.weight"] == (0.25, 0.0)
    assert rates["bert.embeddings.word_embeddings.weight"] == (0.125, 0.1)
    freeze(network, 1, words=False)
    moving = {name for name, weights in network.named_parameters() if weights.requires_grad}
    assert not [name for name in moving if "embeddings" in name or "layer.0" in name]
    assert [name for name in moving if "layer.1" in name]
    assert len(parameter_groups(network, tuning)) == 4


def test_what_relevant_reads_by_stays_as_it_is(tiny_encoder: Path, tmp_path: Path) -> None:
    data = ([example(LONG, target) for target in ("rain", "the bank", "the coach")] * 2, [0, 1, 2])
    truth = np.array([*data[1], *data[1]])
    tuning = replace(QUICK, epochs=1)
    fitted = fit(tiny_encoder, tmp_path, tuning, data=(data[0], truth), long_text="relevant")
    start = open_classifier(
        str(tiny_encoder),
        sha256=None,
        labels=3,
        max_tokens=24,
        long_text="head",
        device="cpu",
        seed=1,
    )
    tables = [x.network.get_input_embeddings().weight for x in (start, fitted.encoder)]
    assert torch.equal(*tables)


def test_rows_of_like_length_are_together_in_an_order_of_seed_and_epoch() -> None:
    lengths = np.random.default_rng(0).integers(1, 500, size=1003).tolist()
    sampler = LengthGrouped(lengths, 8, seed=3)
    first = list(sampler)
    assert sorted(first) == list(range(1003))
    assert len(sampler) == 1003
    assert list(sampler) == first
    sampler.set_epoch(1)
    assert list(sampler) != first
    assert list(LengthGrouped(lengths, 8, seed=4)) != first
    padded = sum(8 * max(lengths[i] for i in first[k : k + 8]) for k in range(0, 1000, 8))
    assert padded < 1.05 * sum(lengths)
    # The batches themselves are not sorted.
    tops = [max(lengths[i] for i in first[k : k + 8]) for k in range(0, 400, 8)]
    assert tops != sorted(tops, reverse=True)


def test_what_was_fitted_in_bf16_scores_in_fp32(tiny_encoder: Path, tmp_path: Path) -> None:
    found = fit(tiny_encoder, tmp_path / "fit", replace(QUICK, epochs=1, precision="bf16"))
    settings = found.save(tmp_path / "model")
    again = TransformerModel.load(tmp_path / "model", settings)
    examples, _ = rows()
    assert (found.forward(examples) == again.forward(examples)).all()


def test_bf16_is_computed_where_it_is_asked_for() -> None:
    assert use_bf16("bf16", "cpu") is True
    assert use_bf16("fp32", "cpu") is False
    assert use_bf16("auto", "cpu") in (True, False)


def test_bundles_of_it_are_whole_and_scored_with_evidence(
    tiny_encoder: Path, tmp_path: Path, whole: TransformerModel
) -> None:
    bundle = Bundle(
        task="topic",
        labels=LabelSet.of(tuple(TOPICS)),
        text=TextSpec(),
        model=whole,
        calibration=Calibration("temperature", (1.0,)),
    )
    golden = [(Article(title="Rain", body=LONG), None), (Article(body="Shares fell."), None)]
    digest = bundle.save(tmp_path / "b", golden)
    loaded = Bundle.load(tmp_path / "b")
    items = [bundle.encode(article) for article, _ in golden]
    assert (loaded.model.forward(items) == whole.forward(items)).all()
    assert loaded.save(tmp_path / "again", golden) == digest
    assert verify(tmp_path / "b") == 2
    names = {path.name for path in (tmp_path / "b").rglob("*") if path.is_file()}
    assert not [name for name in names if name.endswith((".pt", ".pth", ".bin", ".pkl"))]
    article = Article(title="Of the &amp; week", body="Snow  fell.&nbsp; “Shares  fell,” he said.")
    score = Scorer(loaded).score(article)
    prepared = loaded.encode(article)
    every = [find_evidence(whole, article, prepared, label) for label in range(3)]
    assert score.evidence == every[tuple(TOPICS).index(score.label)]
    # What speaks against one label speaks for another.
    found = [item for evidence in every for item in evidence]
    assert {item.part for item in found} == {"title", "body"}
    for item in found:
        assert item.text == getattr(article, item.part)[item.start : item.end]
        assert item.weight > 0
        assert item.quoted == item.text.startswith("“")


CONFIG = """
task: topic
labels: [sport, weather, economy]
seed: 5
data: {format: table, path: rows.csv, near_duplicates: null, repeats: keep}
model:
  {kind: transformer, encoder: ENCODER, max_tokens: 24, device: cpu, precision: fp32, epochs: 2,
   batch_size: 4, learning_rate: 2e-3, evaluations: 2}
tracking: {experiment: tuned}
"""
# Trains in a process of its own, which ends without a word after so many steps.
KILLED = """
import os, signal, sys
from newsstand.train import trainer

told = trainer.Teller.on_step_end

def on_step_end(self, args, state, control, **more):
    told(self, args, state, control, **more)
    if state.global_step == int(os.environ["KILL_AT"]):
        os.kill(os.getpid(), signal.SIGKILL)

trainer.Teller.on_step_end = on_step_end
from newsstand.cli import main

sys.argv = ["newsstand", "train", *sys.argv[1:]]
main()
"""


TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")


def prepared_run(encoder: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows and a config, `t.yaml`, in a working directory of their own."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    lines = [
        f"{split},{label},{text}\n"
        for split in ("train", "train", "validation", "test")
        for label, texts in TOPICS.items()
        for text in texts
    ]
    Path("rows.csv").write_text("split,label,body\n" + "".join(lines))
    Path("t.yaml").write_text(CONFIG.replace("ENCODER", str(encoder)))


def test_a_run_that_was_killed_goes_on_and_ends_in_the_same_bundle(
    tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Callable[..., Any]
) -> None:
    prepared_run(tiny_encoder, tmp_path, monkeypatch)
    done = cli("train", "t.yaml", "--json")
    assert done.code == 0, done.err
    whole = json.loads(done.out)
    assert "go on with --resume" in done.err
    assert not any(Path("mlruns/.checkpoints").iterdir())
    client = MlflowClient()
    curve = client.get_metric_history(whole["run_id"], "fit/macro_f1")
    assert [point.step for point in curve] == [2, 4, 6, 8, 10]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, "t.yaml"],
        env={**os.environ, "KILL_AT": "7"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    [folder] = Path("mlruns/.checkpoints").iterdir()
    done = cli("train", "t.yaml", "--resume", folder.name, "model.epochs=3")
    assert (done.code, done.err.splitlines()[-1]) == (
        2,
        "newsstand: --resume: the run was begun with other settings: "
        "model.epochs: 2 in the run, 3 now",
    )
    done = cli("train", "t.yaml", "--resume", folder.name, "--json")
    assert done.code == 0, done.err
    again = json.loads(done.out)
    assert again["run_id"] == folder.name
    assert again["bundle_hash"] == whole["bundle_hash"]
    assert again["metrics"] == whole["metrics"]
    assert client.get_run(folder.name).info.status == "FINISHED"
    assert not folder.exists()
    done = cli("train", "t.yaml", "--resume", folder.name)
    assert done.code == 2
    assert "--resume: no checkpoints of run" in done.err
    Path("l.yaml").write_text(
        CONFIG.partition("model:")[0] + "model: {kind: linear}\ntracking: {experiment: x}\n"
    )
    done = cli("train", "l.yaml", "--resume", "x")
    assert done.err == "newsstand: --resume: only fine-tuning (model.kind: transformer) can go on\n"
    # An encoder that cannot be had leaves no run.
    before = len(client.search_runs(["1"]))
    done = cli("train", "t.yaml", "model.encoder=./nowhere")
    assert done.err.endswith("encoder './nowhere': no such folder (model.encoder)\n")
    assert len(client.search_runs(["1"])) == before
    assert not any(Path("mlruns/.checkpoints").iterdir())


def test_processes_take_the_batches_of_one_in_turn() -> None:
    lengths = [3, 9, 4, 4, 8, 5, 5, 6, 7, 2, 9, 1, 3]

    def batches(processes: int) -> list[list[int]]:
        order = LengthGrouped(lengths, 2, seed=3, processes=processes)
        cut = BatchSampler(order, 2, drop_last=False)
        shares = [list(BatchSamplerShard(cut, processes, rank)) for rank in range(processes)]
        assert len({len(share) for share in shares}) == 1
        return [batch for turn in zip(*shares, strict=True) for batch in turn]

    def real(found: list[list[int]]) -> list[list[int]]:
        kept = [[row for row in batch if row < len(lengths)] for batch in found]
        return [batch for batch in kept if batch]

    alone = list(BatchSampler(LengthGrouped(lengths, 2, seed=3), 2, drop_last=False))
    assert sorted(row for batch in alone for row in batch) == list(range(len(lengths)))
    assert real(batches(2)) == real(batches(4)) == alone


def test_two_processes_fit_as_one_that_accumulates(
    tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Callable[..., Any]
) -> None:
    prepared_run(tiny_encoder, tmp_path, monkeypatch)
    without_dropout(tiny_encoder, tmp_path / "plain")
    settings = ["model.encoder=plain", "model.batch_size=2", "model.epochs=3"]
    shared = subprocess.run(
        [sys.executable, *TORCHRUN, "-m", "newsstand", "train", "t.yaml", *settings, "--json"],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert shared.returncode == 0, shared.stderr
    done = cli("train", "t.yaml", *settings, "model.gradient_accumulation=2", "--json")
    assert done.code == 0, done.err
    both, alone = json.loads(shared.stdout), json.loads(done.out)
    client = MlflowClient()
    for name in ("loss", "grad_norm", "log_loss", "macro_f1"):
        curves = [client.get_metric_history(x["run_id"], f"fit/{name}") for x in (both, alone)]
        one, other = ([(point.step, point.value) for point in curve] for curve in curves)
        assert len(one) >= (1 if name in ("loss", "grad_norm") else 6)
        assert [step for step, _ in one] == [step for step, _ in other]
        assert [y for _, y in one] == pytest.approx([y for _, y in other], rel=1e-3)
    figures = {x: y for x, y in alone["metrics"].items() if not x.startswith("seconds")}
    assert both["metrics"] == pytest.approx(figures, abs=1e-3)
    assert not any(Path("mlruns/.checkpoints").iterdir())


def test_other_families_are_not_shared_by_processes(
    tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Callable[..., Any]
) -> None:
    prepared_run(tiny_encoder, tmp_path, monkeypatch)
    for name, value in (("TORCHELASTIC_RUN_ID", "x"), ("WORLD_SIZE", "2"), ("RANK", "0")):
        monkeypatch.setenv(name, value)
    done = cli("train", "t.yaml", "model={kind: linear}")
    assert (done.code, done.err.splitlines()[-1]) == (
        2,
        "newsstand: torchrun: only fine-tuning (model.kind: transformer) is shared by several "
        "processes; model.kind is 'linear', so use `newsstand train`",
    )


def test_of_several_seeds_the_median_is_kept(
    tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Callable[..., Any]
) -> None:
    prepared_run(tiny_encoder, tmp_path, monkeypatch)
    settings = ["t.yaml", "model.epochs=1", "model.learning_rate=1e-3"]
    alone = {}
    for seed in (5, 6, 7):
        done = cli("train", *settings, f"seed={seed}", "--json")
        assert done.code == 0, done.err
        alone[seed] = json.loads(done.out)
    scores = {seed: found["metrics"]["validation/macro_f1"] for seed, found in alone.items()}
    median = sorted(scores, key=lambda seed: scores[seed])[1]
    fits: list[int] = []

    def interrupted(config: Any, *others: Any) -> Any:
        fits.append(config.seed)
        if fits == [5, 6]:
            raise Killed
        return fit_transformer(config, *others)

    monkeypatch.setattr(sys.modules["newsstand.train.seeds"], "fit_transformer", interrupted)
    with pytest.raises(Killed):
        cli("train", *settings, "model.seeds=3", "--json")
    [folder] = Path("mlruns/.checkpoints").iterdir()
    done = cli("train", *settings, "model.seeds=3", "--resume", folder.name)
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
    mean, deviation = np.mean(tested), np.std(tested, ddof=1)
    assert f"macro_f1 {mean:.4f} ± {deviation:.4f}" in done.out
    # The bundle is the one of the median seed alone, byte for byte.
    bundle = next(line.split()[1] for line in done.out.splitlines() if line.startswith("bundle"))
    assert bundle_hash(Path(bundle)) == alone[median]["bundle_hash"]
    assert not any(Path("mlruns/.checkpoints").iterdir())


def test_adapters_learn_alone_are_resumed_and_merged(tiny_encoder: Path, tmp_path: Path) -> None:
    lora = Lora(rank=4, alpha=8.0, dropout=0.1)
    tuning = replace(QUICK, learning_rate=1e-2)
    start = open_classifier(
        str(tiny_encoder),
        sha256=None,
        labels=3,
        max_tokens=24,
        long_text="head",
        device="cpu",
        seed=7,
        lora=lora,
    ).network
    learning = {name for name, x in start.named_parameters() if x.requires_grad}
    assert learning
    assert all("lora_" in name or "classifier" in name for name in learning)
    assert sum("lora_A" in name for name in learning) == 12 + 1  # six a layer, and the pooler
    whole = fit(tiny_encoder, tmp_path / "whole", tuning, lora=lora)
    assert not any("lora" in name for name in weights(whole))
    table = "bert.embeddings.word_embeddings.weight"
    assert torch.equal(weights(whole)[table], start.get_base_model().state_dict()[table])
    with pytest.raises(Killed):
        fit(tiny_encoder, tmp_path / "cut", tuning, kill=8, lora=lora)
    assert [*(tmp_path / "cut").glob("checkpoint-*/adapter_model.safetensors")]
    assert same(fit(tiny_encoder, tmp_path / "cut", tuning, lora=lora), whole)
    # Read from its folder, it is a network like any other.
    again = TransformerModel.load(tmp_path, whole.save(tmp_path))
    examples, _ = rows()
    np.testing.assert_allclose(again.forward(examples), whole.forward(examples), atol=1e-6)


def test_targets_are_marked_where_the_text_names_them(tiny_encoder: Path, tmp_path: Path) -> None:
    plain = fit(tiny_encoder, tmp_path / "fit", replace(QUICK, epochs=1))
    model = replace(plain, mark_target=True)
    named = example("The levy (a levy) is cheap. Levying it, or the levy's end?", "levy")
    assert model.read_as(named) == [
        "The @ levy @ (a @ levy @) is cheap. Levying it, or the @ levy @'s end?"
    ]
    assert model.read_as(example("The levy.")) == ["The levy."]
    assert plain.read_as(named) == [named.text]
    again = TransformerModel.load(tmp_path, model.save(tmp_path))
    assert again.mark_target
    assert (again.forward([named]) == model.forward([named])).all()
    assert (again.forward([named]) != plain.forward([named])).any()
    spans = [span for span, _ in model.gains(named, 1)]
    assert [named.text[a:b].strip() for a, b in spans] == [
        "The levy (a levy) is cheap.",
        "Levying it, or the levy's end?",
    ]


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
def test_what_runs_out_is_said_and_the_last_checkpoint_kept(
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


def test_another_error_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="shapes"), explained(tmp_path):
        raise RuntimeError("shapes do not fit")
