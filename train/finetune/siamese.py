"""Fine-tunes an encoder with a linear classifier on its vectors of texts, or of texts and targets.

With targets it is a Siamese network (Bromley et al. 1993), like InferSent (Conneau et al. 2017) and
Sentence-BERT (Reimers and Gurevych 2019): the same weights encode text and target separately, and
the classifier reads both vectors, their product and their difference. Whether text and target are
on opposite sides is a product, which a network that reads both as one input learns only after many
more steps (docs/experiments.md). Each distinct text and target of a batch is encoded once.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

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
from newsstand.train.fit_checkpoint import read_checkpoint
from newsstand.types import Ints

_SAVED_EVERY = 60.0  # seconds
_REPORTED_EVERY = 10  # steps
_ADAMW = ("exp_avg", "exp_avg_sq", "step")  # its state of each weight
_MAX_NORM = 1.0  # of a step's gradient


@dataclass(frozen=True, slots=True)
class _Step:
    """The rows of a step, and the label weights of its stage."""

    rows: Ints
    weights: Any  # float32, shape (labels,); 0 for labels without a row in the stage


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
    """Fits an encoder and a classifier on its vectors together, by cross-entropy.

    The input embeddings are frozen. An interrupted fit resumes from its file, with the same result
    as an uninterrupted one on the same machine.

    Args:
        examples: Training examples.
        labels: int64, shape (examples,); every label from 0 to the highest must occur.
        encoder: The pretrained encoder; its weights change.
        cross_target: Whether to read the target, too.
        tuning: Settings of fine-tuning; `batch_size` counts texts, each with all of its targets.
        classifier_rate: Ratio of the classifier's learning rate to `tuning.learning_rate`.
        seed: Of the classifier's initial weights and the order of the texts.
        file: The checkpoint file; its name must depend on data and settings.
        progress: Called with the number of steps done.
        weights: float64, shape (examples,): sample weights; None for equal ones.
        stages: int8, shape (examples,): the first stage, from 1, in which an example is used;
            required with `tuning.curriculum`.

    Raises:
        NewsstandError: The loss is NaN or infinite.
    """
    count = int(labels.max()) + 1
    reader = _Reader(examples, encoder, cross_target=cross_target)
    set_seed(seed)
    fit = _Fit.begin(reader, labels, count, tuning, classifier_rate, weights)
    plan = list(_plan(reader, labels, stages, tuning, seed, count))
    done = _restored(file, fit.modules, fit.optimizer)
    started = saved = time.monotonic()
    tokens = 0
    encoder.network.train()
    with plain_attention(encoder.network):
        for step in plan[done:]:
            loss, step_tokens = fit.update(step, done, _rate(done, len(plan), tuning.warmup))
            done += 1
            tokens += step_tokens
            now = time.monotonic()
            if done % _REPORTED_EVERY == 0 or done == len(plan):
                speed = tokens / max(now - started, 1e-9)
                progress(f"loss {loss.item():.3f}, {speed:,.0f} tokens/s, step", done, len(plan))
            if now - saved > _SAVED_EVERY:
                _save(file, fit.modules, fit.optimizer, done)
                saved = now
    encoder.network.eval()
    return EmbeddingModel(encoder, *fit.weights(), RememberedVectors(encoder))


@dataclass(frozen=True, slots=True)
class _Fit:
    """The network, classifier and optimizer of a fit, and its inputs.

    Args:
        reader: The inputs.
        head: The classifier.
        modules: Network and classifier.
        optimizer: AdamW.
        rates: The maximum learning rate of each parameter group.
        labels: A tensor of the labels.
        sample_weights: A tensor of the sample weights, or None.
        bf16: Whether vectors are computed in bf16.
    """

    reader: "_Reader"
    head: Any
    modules: Any
    optimizer: Any
    rates: list[float]
    labels: Any
    sample_weights: Any
    bf16: bool

    @classmethod
    def begin(
        cls,
        reader: "_Reader",
        labels: Ints,
        count: int,
        tuning: Tuning,
        classifier_rate: float,
        weights: NDArray[np.float64] | None,
    ) -> Self:
        """Initialises the classifier and the optimizer."""
        network, device = reader.encoder.network, reader.encoder.network.device
        inputs = reader.encoder.width * (4 if reader.cross_target else 1)
        head = torch.nn.Linear(inputs, count).to(device)
        freeze(network, tuning.frozen_layers, words=True)
        set_dropout(network, 0.0)
        groups = parameter_groups(network, tuning) + [
            {**group, "lr": group["lr"] * classifier_rate}
            for group in parameter_groups(head, tuning)
        ]
        optimizer = torch.optim.AdamW(groups, lr=tuning.learning_rate, fused=True)
        return cls(
            reader,
            head,
            torch.nn.ModuleDict({"network": network, "head": head}),
            optimizer,
            [group["lr"] for group in optimizer.param_groups],
            torch.from_numpy(labels).to(device),
            None if weights is None else torch.from_numpy(weights).float().to(device),
            use_bf16(tuning.precision, device.type),
        )

    def update(self, step: _Step, done: int, rate: float) -> tuple[Any, int]:
        """Updates the weights by a step.

        Args:
            step: The rows of the step.
            done: Number of steps done before.
            rate: Share of the maximum learning rates.

        Returns:
            The loss, and the number of tokens.
        """
        for group, maximum in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = maximum * rate
        loss, tokens = self.loss(step)
        if not torch.isfinite(loss):
            raise NewsstandError(
                f"training: loss is NaN or infinite at step {done + 1}; lower "
                "model.fine_tune.learning_rate, or set model.fine_tune.precision: fp32"
            )
        loss.backward()
        parameters = [x for group in self.optimizer.param_groups for x in group["params"]]
        torch.nn.utils.clip_grad_norm_(parameters, _MAX_NORM)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss, tokens

    def loss(self, step: _Step) -> tuple[Any, int]:
        """The weighted cross-entropy of a step, and the number of its tokens."""
        encoder = self.reader.encoder
        device = encoder.network.device
        texts, targets, inputs = self.reader.batch(step.rows)
        with torch.autocast(device.type, torch.bfloat16, enabled=self.bf16):
            vectors = _vectors(encoder, inputs)
        logits = self.head(self.reader.features(vectors, texts, targets))
        absent = (step.weights == 0).to(device)
        logits = logits.masked_fill(absent, -torch.inf)
        truth = self.labels[step.rows]
        weights = step.weights.to(device)[truth]
        if self.sample_weights is not None:
            weights = weights * self.sample_weights[step.rows]
        losses = torch.nn.functional.cross_entropy(logits, truth, reduction="none")
        return (losses * weights).sum() / weights.sum(), sum(map(len, inputs.ids))

    def weights(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Coefficients, shape (features, labels), and intercepts, shape (labels,)."""
        coefficients = self.head.weight.detach().cpu().numpy().T
        return np.ascontiguousarray(coefficients), self.head.bias.detach().cpu().numpy()


class _Reader:
    """Token ids of the distinct texts and targets of examples."""

    def __init__(
        self, examples: Sequence[Example], encoder: Encoder, *, cross_target: bool
    ) -> None:
        self.encoder, self.cross_target = encoder, cross_target
        numbers: dict[str, int] = {}  # of each distinct input
        windows: dict[tuple[int, ...], int] = {}  # of each text, a tuple of inputs
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
        """Tokens of some rows, and the windows and target of each row as indices into them."""
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
        """Inputs of the classifier, as in `embedding.features`, shape (rows, features)."""
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
    """Float32s as `Encoder.vectors`, with gradients: shape (inputs, width)."""
    vectors, order = [], []
    for rows in _batches(read.lengths()):
        inputs = encoder.padded(read, rows.tolist())
        states = encoder.network(**inputs).last_hidden_state
        mask = inputs["attention_mask"][..., None].to(states.dtype)
        vectors.append(((states * mask).sum(dim=1) / mask.sum(dim=1)).float())
        order.append(rows)
    back = torch.from_numpy(np.argsort(np.concatenate(order)))
    return torch.nn.functional.normalize(torch.cat(vectors)[back])


def _batches(lengths: Ints) -> list[Ints]:
    """Up to three batches of inputs of similar length, with the least padding."""
    order = np.argsort(-lengths, kind="stable")
    sizes = np.append(lengths[order], 0)  # the padded length of a batch that begins there
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
    """The steps of all epochs: batches of texts of similar length, with the rows of their stage."""
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
    """Label weights in a stage; 0 for labels without a row."""
    counts = np.bincount(labels, minlength=count)
    if how is None:
        return torch.tensor(counts > 0, dtype=torch.float32)
    balanced = counts.sum() / (np.count_nonzero(counts) * np.maximum(counts, 1))
    return torch.tensor(balanced * (counts > 0), dtype=torch.float32)


def _rate(step: int, steps: int, warmup: float) -> float:
    """The share of the maximum learning rate at a step: rises to 1, then falls to 0."""
    rising = warmup * steps
    return min((step + 1) / (rising + 1), (steps - step) / max(steps - rising, 1))


def _state(modules: Any, optimizer: Any) -> dict[str, Any]:
    """The tensors that change during a fit, by name."""
    state = {}
    for name, weights in modules.named_parameters():
        if weights.requires_grad:
            state[name] = weights.data
            for part in _ADAMW if weights in optimizer.state else ():
                state[f"{name} {part}"] = optimizer.state[weights][part]
    return state


def _save(file: Path, modules: Any, optimizer: Any, done: int) -> None:
    arrays = {name: x.cpu().numpy() for name, x in _state(modules, optimizer).items()}
    save_arrays(file, arrays, of=file.name, facts={"step": done})


def _restored(file: Path, modules: Any, optimizer: Any) -> int:
    """Restores weights and optimizer from a checkpoint; returns the number of steps done."""
    checkpoint = read_checkpoint(file)
    if checkpoint is None:
        return 0
    arrays, facts = checkpoint
    for name, weights in modules.named_parameters():
        if weights.requires_grad:
            weights.data.copy_(torch.from_numpy(arrays[name]))
        if f"{name} step" in arrays:  # absent for unused weights, such as a pooler's
            state = {part: torch.from_numpy(arrays[f"{name} {part}"]) for part in _ADAMW}
            optimizer.state[weights] = {
                part: x if part == "step" else x.to(weights.device) for part, x in state.items()
            }
    return int(facts["step"])
