"""Fine-tunes an encoder whose vectors a linear head reads: of a text, or of a text and a target.

With targets it is a Siamese network (Bromley et al. 1993), as InferSent (Conneau et al. 2017) and
Sentence-BERT (Reimers and Gurevych 2019) are: the same weights read text and target, each by
itself, and the head sees both vectors, their product and their difference. Whether two sides are
opposite is a product, which a network that reads both as one input finds only after many more
steps (docs/experiments.md). A batch's texts and targets are read once each, however many pairs
they are in.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import set_seed

from newsstand.data.sealed import save_arrays
from newsstand.encoders.libraries import use_bf16
from newsstand.encoders.long_text import joined
from newsstand.encoders.tokenizer import Tokens
from newsstand.encoders.torch_encoder import Encoder
from newsstand.errors import NewsstandError
from newsstand.models.embedding import EmbeddingModel
from newsstand.progress import ProgressCallback
from newsstand.text.example import Example
from newsstand.train.families.vector_cache import RememberedVectors
from newsstand.train.finetune.order import LengthGrouped
from newsstand.train.finetune.tuning import (
    Tuning,
    freeze,
    parameter_groups,
    plain_attention,
    set_dropout,
)
from newsstand.train.fit_checkpoint import held
from newsstand.types import Ints

_SAVED_EVERY = 60.0  # seconds
_TOLD_EVERY = 10  # steps
_ADAMW = ("exp_avg", "exp_avg_sq", "step")  # what it keeps of each weight
_LONGEST_STEP = 1.0  # norm of a step's gradient, at most


@dataclass(frozen=True, slots=True)
class _Step:
    """The rows of a step, and which labels its stage has."""

    rows: Ints
    weights: Any  # float32, shape (labels,); 0 for labels that no row of the stage has


def fine_tune_vectors(
    examples: Sequence[Example],
    labels: Ints,
    *,
    encoder: Encoder,
    cross_target: bool,
    tuning: Tuning,
    classifier_rate: float = 1.0,
    seed: int,
    file: Path,
    progress: ProgressCallback,
    weights: NDArray[np.float64] | None = None,
    stages: NDArray[np.int8] | None = None,
) -> EmbeddingModel:
    """Fits an encoder and its head together, by cross-entropy.

    The input embeddings stay as they are. A step that was saved is gone on from, with the same
    result as an uninterrupted fit on the same machine.

    Args:
        examples: Training examples.
        labels: int64, shape (examples,); every label from 0 to the highest must occur.
        encoder: The pretrained encoder; its weights change.
        cross_target: Whether to read the target, too.
        tuning: How to fine-tune; `batch_size` counts texts, each with all of its targets.
        classifier_rate: The head learns at this times `tuning.learning_rate`.
        seed: Of the head's start and the order of the texts.
        file: Where the fit keeps what it has learned; its name must tell data and settings apart.
        progress: Hears of the steps that are done.
        weights: What each example counts in the loss; None: all the same.
        stages: Of each example the stage, from 1, from which on it is learned; needed with
            `tuning.curriculum`.

    Raises:
        NewsstandError: The loss is not finite.
    """
    count = int(labels.max()) + 1
    reader = _Reader(examples, encoder, cross_target=cross_target)
    set_seed(seed)
    network = encoder.network
    device = network.device
    head = torch.nn.Linear(encoder.width * (4 if cross_target else 1), count).to(device)
    whole = torch.nn.ModuleDict({"network": network, "head": head})
    freeze(network, tuning.frozen_layers, words=True)
    set_dropout(network, 0.0)
    groups = parameter_groups(network, tuning) + [
        {**group, "lr": group["lr"] * classifier_rate} for group in parameter_groups(head, tuning)
    ]
    optimizer = torch.optim.AdamW(groups, lr=tuning.learning_rate, fused=True)
    highest = [group["lr"] for group in optimizer.param_groups]
    learning = [x for group in optimizer.param_groups for x in group["params"]]
    plan = list(_plan(reader, labels, stages, tuning, seed, count))
    told = torch.from_numpy(labels).to(device)
    counted = None if weights is None else torch.from_numpy(weights).float().to(device)
    done = _restored(file, whole, optimizer)
    started = saved = time.monotonic()
    tokens = 0
    half = torch.autocast(
        device.type, torch.bfloat16, enabled=use_bf16(tuning.precision, device.type)
    )
    network.train()
    with plain_attention(network):
        for step in plan[done:]:
            rate = _rate(done, len(plan), tuning.warmup)
            for group, most in zip(optimizer.param_groups, highest, strict=True):
                group["lr"] = most * rate
            texts, targets, read = reader.batch(step.rows)
            with half:
                vectors = _vectors(encoder, read)
            logits = head(reader.features(vectors, texts, targets))
            absent = (step.weights == 0).to(device)
            logits = logits.masked_fill(absent, -torch.inf)
            truth = told[step.rows]
            each = step.weights.to(device)[truth]
            if counted is not None:
                each = each * counted[step.rows]
            losses = torch.nn.functional.cross_entropy(logits, truth, reduction="none")
            loss = (losses * each).sum() / each.sum()
            if not torch.isfinite(loss):
                raise NewsstandError(
                    f"training: the loss at step {done + 1} is not finite; lower "
                    "model.fine_tune.learning_rate, or set model.fine_tune.precision: fp32"
                )
            loss.backward()
            torch.nn.utils.clip_grad_norm_(learning, _LONGEST_STEP)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            done += 1
            tokens += sum(map(len, read.ids))
            now = time.monotonic()
            if done % _TOLD_EVERY == 0 or done == len(plan):
                speed = tokens / max(now - started, 1e-9)
                progress(f"loss {loss.item():.3f}, {speed:,.0f} tokens/s, step", done, len(plan))
            if now - saved > _SAVED_EVERY:
                _save(file, whole, optimizer, done)
                saved = now
    network.eval()
    coefficients = head.weight.detach().cpu().numpy().T
    intercepts = head.bias.detach().cpu().numpy()
    vectors = RememberedVectors(encoder)
    return EmbeddingModel(encoder, np.ascontiguousarray(coefficients), intercepts, vectors)


class _Reader:
    """Texts and targets of examples as token numbers, each distinct one once."""

    def __init__(
        self, examples: Sequence[Example], encoder: Encoder, *, cross_target: bool
    ) -> None:
        self.encoder, self.cross_target = encoder, cross_target
        numbers: dict[str, int] = {}  # of each thing that is read
        windows: dict[tuple[int, ...], int] = {}  # of each text, in windows
        rows, targets = [], []
        for example in examples:
            parts = [joined(example, excerpt) for excerpt in encoder.excerpts(example)]
            read = tuple(numbers.setdefault(part, len(numbers)) for part in parts)
            rows.append(windows.setdefault(read, len(windows)))
            if cross_target:
                targets.append(numbers.setdefault(example.target or "", len(numbers)))
        self.tokens = encoder.tokens(list(numbers))
        self.windows = list(windows)
        self.texts = np.array(rows, dtype=np.int64)
        self.targets = np.array(targets, dtype=np.int64)
        sizes = self.tokens.lengths()
        self.lengths = np.array([sizes[list(parts)].sum() for parts in self.windows])

    def batch(self, rows: Ints) -> tuple[list[list[int]], list[int], Tokens]:
        """What some rows read: of each row the windows and the target, by place in the tokens."""
        place: dict[int, int] = {}
        texts = [
            [place.setdefault(part, len(place)) for part in self.windows[text]]
            for text in self.texts[rows].tolist()
        ]
        targets = [
            place.setdefault(target, len(place))
            for target in (self.targets[rows].tolist() if self.cross_target else ())
        ]
        segments = self.tokens.segments
        read = Tokens(
            [self.tokens.ids[part] for part in place],
            None if segments is None else [segments[part] for part in place],
        )
        return texts, targets, read

    def features(self, vectors: Any, texts: list[list[int]], targets: list[int]) -> Any:
        """What the head reads, as `embedding.features` has it, shape (rows, features)."""
        scale = self.encoder.width**0.5
        functional = torch.nn.functional
        sizes = [len(parts) for parts in texts]
        if max(sizes) > 1:
            owner = torch.repeat_interleave(torch.arange(len(texts)), torch.tensor(sizes))
            every = vectors[[part for parts in texts for part in parts]]
            summed = vectors.new_zeros((len(texts), self.encoder.width))
            text = functional.normalize(summed.index_add(0, owner.to(vectors.device), every))
        else:
            text = vectors[[part for parts in texts for part in parts]]
        text = text * scale
        if not self.cross_target:
            return text
        target = vectors[targets] * scale
        return torch.cat([text, target, text * target, (text - target).abs()], dim=1)


def _vectors(encoder: Encoder, read: Tokens) -> Any:
    """As `Encoder.vectors`, with their gradients: shape (inputs, width)."""
    found, order = [], []
    for rows in _batches(read.lengths()):
        inputs = encoder.padded(read, rows.tolist())
        states = encoder.network(**inputs).last_hidden_state
        mask = inputs["attention_mask"][..., None].to(states.dtype)
        found.append(((states * mask).sum(dim=1) / mask.sum(dim=1)).float())
        order.append(rows)
    back = torch.from_numpy(np.argsort(np.concatenate(order)))
    return torch.nn.functional.normalize(torch.cat(found)[back])


def _batches(lengths: Ints) -> list[Ints]:
    """Up to three batches of inputs of like length, with the least padding: targets are short."""
    order = np.argsort(-lengths, kind="stable")
    sizes = np.append(lengths[order], 0)  # what the batch that begins there is padded to
    first, second = np.arange(len(order) + 1)[:, None], np.arange(len(order) + 1)
    areas = sizes[0] * first + sizes[first] * (second - first) + sizes * (len(order) - second)
    areas = np.where(first <= second, areas, np.iinfo(np.int64).max)
    cuts = np.unravel_index(np.argmin(areas), areas.shape)
    return [batch for batch in np.split(order, cuts) if len(batch)]


def _plan(
    reader: _Reader,
    labels: Ints,
    stages: NDArray[np.int8] | None,
    tuning: Tuning,
    seed: int,
    count: int,
) -> Iterator[_Step]:
    """The steps of all epochs: batches of texts of like length, with the rows of their stage."""
    number = 0
    for stage, epochs in enumerate(tuning.curriculum or (tuning.epochs,), start=1):
        staged = tuning.curriculum is not None and stages is not None
        rows = np.flatnonzero(stages <= stage) if staged else np.arange(len(labels))  # type: ignore[operator]
        if not len(rows):
            continue
        weights = _weights(labels[rows], count, tuning.class_weight)
        rows = rows[np.argsort(reader.texts[rows], kind="stable")]
        texts, firsts = np.unique(reader.texts[rows], return_index=True)
        of_text = np.split(rows, firsts[1:])
        order = LengthGrouped(
            reader.lengths[texts].tolist(), tuning.batch_size, seed, most=tuning.epoch_rows
        )
        for _ in range(epochs):
            order.set_epoch(number)
            number += 1
            chosen = list(order)
            for start in range(0, len(chosen), tuning.batch_size):
                some = chosen[start : start + tuning.batch_size]
                yield _Step(np.concatenate([of_text[text] for text in some]), weights)


def _weights(labels: Ints, count: int, how: Literal["balanced"] | None) -> Any:
    """What each label's rows count in a stage; 0 for labels that it has no row of."""
    seen = np.bincount(labels, minlength=count)
    if how is None:
        return torch.tensor(seen > 0, dtype=torch.float32)
    balanced = seen.sum() / (np.count_nonzero(seen) * np.maximum(seen, 1))
    return torch.tensor(balanced * (seen > 0), dtype=torch.float32)


def _rate(step: int, steps: int, warmup: float) -> float:
    """The share of the learning rate at a step: rising to 1, then falling to 0."""
    rising = warmup * steps
    return min((step + 1) / (rising + 1), (steps - step) / max(steps - rising, 1))


def _state(whole: Any, optimizer: Any) -> dict[str, Any]:
    """The tensors that change in a fit, by name."""
    found = {}
    for name, weights in whole.named_parameters():
        if weights.requires_grad:
            found[name] = weights.data
            for part in _ADAMW if weights in optimizer.state else ():
                found[f"{name} {part}"] = optimizer.state[weights][part]
    return found


def _save(file: Path, whole: Any, optimizer: Any, done: int) -> None:
    arrays = {name: x.cpu().numpy() for name, x in _state(whole, optimizer).items()}
    save_arrays(file, arrays, of=file.name, facts={"step": done})


def _restored(file: Path, whole: Any, optimizer: Any) -> int:
    """How many steps an earlier fit has done, with what it has learned put in place."""
    found = held(file)
    if found is None:
        return 0
    arrays, facts = found
    for name, weights in whole.named_parameters():
        if weights.requires_grad:
            weights.data.copy_(torch.from_numpy(arrays[name]))
        if f"{name} step" in arrays:  # a pooler, say, is not used
            state = {part: torch.from_numpy(arrays[f"{name} {part}"]) for part in _ADAMW}
            optimizer.state[weights] = {
                part: x if part == "step" else x.to(weights.device) for part, x in state.items()
            }
    return int(facts["step"])
