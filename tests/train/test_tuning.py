"""Settings of fine-tuning: loss, learning rates by layer, and the order of rows."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate.data_loader import BatchSamplerShard
from torch.utils.data import BatchSampler

from newsstand.encoders.torch_encoder import Encoder
from newsstand.train.finetune.order import CurriculumOrder, LengthGrouped
from newsstand.train.finetune.tuning import Loss, Tuning, freeze, parameter_groups


def test_losses_are_weighted_smoothed_and_focal() -> None:
    logits = torch.tensor([[2.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    labels = torch.tensor([0, 1, 1])
    targets = np.array([0, 1, 1])
    p = torch.softmax(logits, dim=1)
    own = -torch.log(p[range(3), labels])

    def loss(items: int | None = None, **settings: Any) -> float:
        found = Loss(targets, 3, Tuning(**settings))({"logits": logits}, labels, items)
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
    network = Encoder.open(tiny_encoder, max_tokens=24, labels=3, device="cpu").network
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


def test_epochs_with_a_row_limit_have_different_rows() -> None:
    sampler = LengthGrouped(range(1, 101), 8, seed=3, most=40)
    first = list(sampler)
    assert len(sampler) == len(first) == len(set(first)) == 40
    sampler.set_epoch(1)
    assert set(sampler) != set(first)


@pytest.mark.parametrize("processes", [1, 2])
def test_a_curriculum_uses_rows_from_their_stage_on(processes: int) -> None:
    stages = np.array([1, 2, 3, 4] * 25)
    tuning = Tuning(curriculum=(2, 0, 1), batch_size=4)
    sampler = CurriculumOrder([5] * 100, stages, tuning, seed=3, processes=processes)
    order = list(sampler)
    assert len(sampler) == len(order)
    assert order == list(CurriculumOrder([5] * 100, stages, tuning, seed=3, processes=processes))
    # Of the first epochs, 25 rows each, those that fill no batch are left out.
    early, late = (order[:48], order[48:]) if processes == 1 else (order[:64], order[64:])
    assert {stages[row] for row in early if row < 100} == {1}
    assert {stages[row] for row in late if row < 100} == {1, 2, 3}
    assert sorted(set(late) - {100}) == np.flatnonzero(stages < 4).tolist()
    filled = 0 if processes == 1 else 2 * 7 + 5
    assert order.count(100) == filled


def test_batches_have_similar_lengths_in_an_order_of_seed_and_epoch() -> None:
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


def test_processes_take_batches_in_turn() -> None:
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
