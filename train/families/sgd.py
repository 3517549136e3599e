"""Fits the linear family to any number of articles in bounded memory: averaged SGD by blocks.

The articles stay on disk. A first pass counts in how many examples each bucket occurs; each further
pass (an epoch) reads blocks of articles in random order, shuffles the rows of a few blocks
together, and updates the weights. From the second epoch on, weights are averaged (Polyak and
Juditsky 1992, Acceleration of Stochastic Approximation by Averaging), with which a few epochs are
as good as a solver that runs until it converges.

The state of a fit is saved to a checkpoint file at intervals, so that an interrupted fit resumes
and ends with the same weights as an uninterrupted one: the order of the rows depends only on the
seed, and the file is replaced atomically. It holds only numbers.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack, vstack
from sklearn.linear_model import SGDClassifier

from newsstand.data.sealed import save_arrays
from newsstand.features.weighting import Features, FeatureSpec, count, document_frequencies
from newsstand.models.linear import LinearModel
from newsstand.parallel import Run, pool, processors
from newsstand.progress import ProgressCallback
from newsstand.text.example import Example
from newsstand.train.families.linear_solver import check_features, linear_model
from newsstand.train.fit_checkpoint import read_checkpoint

_MAX_INLINE = 16  # blocks that are counted faster than worker processes start
# The default number of epochs: enough for this many rows in all, within limits.
_ROWS_SEEN, _MIN_EPOCHS, _MAX_EPOCHS = 100_000, 3, 50


@dataclass(slots=True)
class _State:
    """The state of a fit: weights, frequencies and position."""

    estimator: SGDClassifier
    frequency: list[NDArray[np.int64]]
    counted: int = 0  # blocks done in the first pass
    epoch: int = 0
    group: int = 0

    def save(self, file: Path) -> None:
        """Saves the state to a file, replacing an earlier one."""
        learned = {
            name: value
            for name, value in vars(self.estimator).items()
            if name not in (*self.estimator.get_params(), "_loss_function_")  # created in each step
        }
        arrays = {name: x for name, x in learned.items() if isinstance(x, np.ndarray)}
        first: dict[tuple[int, ...], str] = {}  # several names may share an array
        names = {n: first.setdefault((x.ctypes.data, *x.shape), n) for n, x in arrays.items()}
        counts = {f"frequency {n}": x for n, x in enumerate(self.frequency)}
        facts = {
            "place": [self.counted, self.epoch, self.group],
            "numbers": {name: x for name, x in learned.items() if name not in arrays},
            "names": names,
        }
        distinct = {name: arrays[name] for name in first.values()}
        save_arrays(file, distinct | counts, of=file.name, facts=facts)

    def restore(self, file: Path) -> None:
        """Restores the state from a file that `save` wrote, if there is one."""
        checkpoint = read_checkpoint(file)
        if checkpoint is None:
            return
        arrays, facts = checkpoint
        self.frequency = [arrays[f"frequency {n}"] for n in range(len(self.frequency))]
        self.counted, self.epoch, self.group = facts["place"]
        learned = {name: arrays[first] for name, first in facts["names"].items()}
        for name, value in (learned | facts["numbers"]).items():
            setattr(self.estimator, name, value)


def fit_stream(
    examples: Sequence[Example],
    labels: NDArray[np.int64],
    weights: NDArray[np.float64],
    *,
    spec: FeatureSpec,
    C: float,  # noqa: N803 - scikit-learn's name
    epochs: int | None,
    seed: int,
    file: Path,
    progress: ProgressCallback | None = None,
    block: int = 512,
    shuffled: int = 16,
    saved_every: float = 20.0,
    workers: int | None = None,
) -> LinearModel:
    """Fits features and weights.

    Full articles have a thousand features each: the 8,192 that are shuffled together take 80 MB, in
    up to three copies.

    Args:
        examples: Training examples, read in slices.
        labels: int64, shape (examples,); every label from 0 to the highest must occur.
        weights: float64, shape (examples,): sample weights.
        spec: Which features are counted.
        C: Inverse strength of the L2 penalty.
        epochs: Passes over the examples; None to derive it from their number.
        seed: Seed of the order of the rows; the same seed gives the same weights.
        file: The checkpoint file. If it exists, the fit resumes from it, so its name must depend on
            examples and settings.
        progress: Called with the number of rows done, over all passes.
        block: Rows that are read together.
        shuffled: Blocks whose rows are shuffled together.
        saved_every: Seconds between two checkpoints.
        workers: Processes that count features; None for one per processor if there are many blocks.
            The weights do not depend on it.

    Raises:
        DataError: No n-gram occurs often enough to be a feature.
    """
    epochs = epochs or min(_MAX_EPOCHS, max(_MIN_EPOCHS, ceil(_ROWS_SEEN / len(examples))))
    estimator = SGDClassifier(
        alpha=1.0 / (C * len(examples)),
        average=len(examples) if epochs > 1 else max(1, len(examples) // 2),
        fit_intercept=False,  # scikit-learn does not average it over calls
        shuffle=False,
        n_jobs=-1,  # a thread per label
    )
    fit = _Fit(
        examples, labels, weights, spec, epochs, seed, file, progress, block, shuffled, saved_every
    )
    state = _State(estimator, [np.zeros(1 << spec.bits, np.int64) for _ in spec.kinds])
    state.restore(file)
    workers = workers or (processors() if fit.blocks > _MAX_INLINE else 1)
    with pool(workers) as run:
        features = fit.learn(state, run)
        fit.update(state, features, run)
    weights = state.estimator.coef_
    return linear_model(features, weights[:, :-1], weights[:, -1])


@dataclass(slots=True)
class _Fit:
    """One fit: its rows and settings, and its passes over them."""

    examples: Sequence[Example]
    labels: NDArray[np.int64]
    weights: NDArray[np.float64]
    spec: FeatureSpec
    epochs: int
    seed: int
    file: Path
    progress: ProgressCallback | None
    block: int
    shuffled: int
    saved_every: float
    saved: float = field(default_factory=time.monotonic)

    @property
    def blocks(self) -> int:
        """The number of blocks."""
        return ceil(len(self.examples) / self.block)

    def learn(self, state: _State, run: Run) -> Features:
        """The first pass: counts in how many examples each bucket occurs."""
        rest = range(state.counted, self.blocks)
        for counts in run(_frequencies, ((self.spec, self.rows(number)) for number in rest)):
            for total, count_ in zip(state.frequency, counts, strict=True):
                total += count_
            state.counted += 1
            self.done(state, f"fit, counting before {self.epochs} epochs", state.counted)
        check_features(self.spec, state.frequency, len(self.examples))
        return Features.from_frequencies(self.spec, state.frequency, len(self.examples))

    def update(self, state: _State, features: Features, run: Run) -> None:
        """The epochs."""
        groups = ceil(self.blocks / self.shuffled)
        matrix: csr_array | None = None  # of one group; kept if it holds all rows
        while state.epoch < self.epochs:
            order = self.random(state.epoch, 0).permutation(self.blocks)
            chosen = [sorted(order[g::groups].tolist()) for g in range(groups)]
            rest = chosen[state.group :]
            numbers = (number for group in rest for number in group)
            counts = run(count, ((self.spec, self.rows(number)) for number in numbers))
            for group in rest:
                if matrix is None or groups > 1:
                    matrix = None  # freed before the next one is created
                    matrix = _weighted(features, islice(counts, len(group)))
                self.step(state, matrix, group)
                state.group += 1
                done = self.blocks * (1 + state.epoch) + sum(map(len, chosen[: state.group]))
                self.done(state, f"fit, epoch {state.epoch + 1} of {self.epochs}", done)
            state.epoch, state.group = state.epoch + 1, 0

    def step(self, state: _State, rows: csr_array, group: Sequence[int]) -> None:
        """Updates the weights by the rows of a group of blocks."""
        numbers = np.concatenate([np.arange(*self.span(block)) for block in group])
        order = self.random(state.epoch, state.group + 1).permutation(len(numbers))
        numbers = numbers[order]
        state.estimator.partial_fit(
            rows[order],
            self.labels[numbers],
            classes=np.arange(self.labels.max() + 1),
            sample_weight=self.weights[numbers],
        )

    def span(self, block: int) -> tuple[int, int]:
        """The first row of a block, and the row after its last."""
        return block * self.block, min((block + 1) * self.block, len(self.examples))

    def rows(self, number: int) -> Sequence[Example]:
        return self.examples[slice(*self.span(number))]

    def random(self, epoch: int, group: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, epoch, group])

    def done(self, state: _State, stage: str, blocks: int) -> None:
        """Reports the number of blocks done over all passes, and saves the state at intervals."""
        if time.monotonic() - self.saved >= self.saved_every:
            state.save(self.file)
            self.saved = time.monotonic()
        if self.progress:
            total = len(self.examples) * (1 + self.epochs)
            self.progress(stage, min(blocks * self.block, total), total)


def _weighted(features: Features, blocks: Iterable[Sequence[csr_array]]) -> csr_array:
    """Feature rows of counted blocks, with a last column of ones for the intercepts."""
    rows = vstack([features.transform_counts(counts) for counts in blocks], "csr")
    ones = csr_array(np.ones((rows.shape[0], 1), dtype=np.float32))
    return csr_array(hstack([rows, ones], "csr"))


def _frequencies(spec: FeatureSpec, examples: Sequence[Example]) -> list[NDArray[np.uint16]]:
    return [document_frequencies(counts).astype(np.uint16) for counts in count(spec, examples)]
