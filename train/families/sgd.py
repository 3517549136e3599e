"""Fits the linear family to any number of articles in bounded memory: averaged SGD by blocks.

The articles stay on disk. A first pass learns which buckets occur and how often; each further pass
(an epoch) reads blocks of articles in random order, shuffles the rows of a few of them together,
and updates the weights by them. From the second epoch on the weights are averaged (Polyak and
Juditsky 1992, Acceleration of Stochastic Approximation by Averaging), which makes a few epochs as
good as a solver that runs until it converges.

What a fit has learned is written to a file from time to time, so that one that was killed goes on
where it was and ends with the very weights it would have had: the order of the rows depends on
the seed alone, and the file is only ever replaced as a whole. It holds numbers and nothing else.
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
from newsstand.train.fit_checkpoint import held

_INLINE = 16  # so few blocks are counted faster than worker processes start
# Without a number of epochs: enough for this many rows in all, within limits.
_ROWS_SEEN, _FEWEST, _MOST = 100_000, 3, 50


@dataclass(slots=True)
class _State:
    """All that a fit has learned so far, and how far it is."""

    estimator: SGDClassifier
    frequency: list[NDArray[np.int64]]
    counted: int = 0  # blocks of the first pass
    epoch: int = 0
    group: int = 0

    def save(self, file: Path) -> None:
        """Writes all of it to a file, in place of what was saved before."""
        learned = {
            name: value
            for name, value in vars(self.estimator).items()
            if name not in (*self.estimator.get_params(), "_loss_function_")  # made anew each step
        }
        arrays = {name: x for name, x in learned.items() if isinstance(x, np.ndarray)}
        first: dict[tuple[int, ...], str] = {}  # the coefficients are the last or the averaged ones
        names = {n: first.setdefault((x.ctypes.data, *x.shape), n) for n, x in arrays.items()}
        counts = {f"frequency {n}": found for n, found in enumerate(self.frequency)}
        facts = {
            "place": [self.counted, self.epoch, self.group],
            "numbers": {name: x for name, x in learned.items() if name not in arrays},
            "names": names,
        }
        kept_ones = {name: arrays[name] for name in first.values()}
        save_arrays(file, kept_ones | counts, of=file.name, facts=facts)

    def restore(self, file: Path) -> None:
        """Goes on from a file, if it holds what `save` wrote."""
        found = held(file)
        if found is None:
            return
        arrays, facts = found
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

    Full articles have a thousand features each: the 8,192 that are shuffled together are 80 MB,
    in three copies at a time.

    Args:
        examples: Training examples, read in slices.
        labels: int64, shape (examples,); every label from 0 to the highest must occur.
        weights: float64, shape (examples,): what each example weighs.
        spec: What is counted.
        C: Inverse strength of the L2 penalty.
        epochs: How often each example is seen; None: as often as its number calls for.
        seed: Seed of the order of the rows; the same seed gives the same weights.
        file: Where the fit keeps what it has learned. If it is there, the fit goes on from it, so
            its name must tell examples and settings apart.
        progress: Hears of the rows that are done, over all passes.
        block: Rows that are read together.
        shuffled: Blocks whose rows are shuffled together.
        saved_every: Seconds between two writings of the file.
        workers: Processes that count; None: one a processor, where there are many blocks. The
            weights do not depend on it.

    Raises:
        DataError: No n-gram occurs often enough to be a feature.
    """
    epochs = epochs or min(_MOST, max(_FEWEST, ceil(_ROWS_SEEN / len(examples))))
    estimator = SGDClassifier(
        alpha=1.0 / (C * len(examples)),
        average=len(examples) if epochs > 1 else max(1, len(examples) // 2),
        fit_intercept=False,  # scikit-learn's own does not take part in averages by blocks
        shuffle=False,
        n_jobs=-1,  # threads, one a label
    )
    fit = _Fit(
        examples, labels, weights, spec, epochs, seed, file, progress, block, shuffled, saved_every
    )
    state = _State(estimator, [np.zeros(1 << spec.bits, np.int64) for _ in spec.kinds])
    state.restore(file)
    workers = workers or (processors() if fit.blocks > _INLINE else 1)
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
        """How many blocks the rows make."""
        return ceil(len(self.examples) / self.block)

    def learn(self, state: _State, run: Run) -> Features:
        """The first pass: in how many examples each bucket occurs."""
        rest = range(state.counted, self.blocks)
        for found in run(_frequencies, ((self.spec, self.rows(number)) for number in rest)):
            for total, more in zip(state.frequency, found, strict=True):
                total += more
            state.counted += 1
            self.done(state, f"fit, counting before {self.epochs} epochs", state.counted)
        check_features(self.spec, state.frequency, len(self.examples))
        return Features.from_frequencies(self.spec, state.frequency, len(self.examples))

    def update(self, state: _State, features: Features, run: Run) -> None:
        """The epochs."""
        groups = ceil(self.blocks / self.shuffled)
        kept: csr_array | None = None  # the rows, where one group holds all of them
        while state.epoch < self.epochs:
            order = self.random(state.epoch, 0).permutation(self.blocks)
            chosen = [sorted(order[g::groups].tolist()) for g in range(groups)]
            rest = chosen[state.group :]
            numbers = (number for group in rest for number in group)
            counts = run(count, ((self.spec, self.rows(number)) for number in numbers))
            for group in rest:
                if kept is None or groups > 1:
                    kept = None  # freed before the next one is made
                    kept = _weighed(features, islice(counts, len(group)))
                self.step(state, kept, group)
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
        """So many blocks are done, over all passes."""
        if time.monotonic() - self.saved >= self.saved_every:
            state.save(self.file)
            self.saved = time.monotonic()
        if self.progress:
            total = len(self.examples) * (1 + self.epochs)
            self.progress(stage, min(blocks * self.block, total), total)


def _weighed(features: Features, blocks: Iterable[Sequence[csr_array]]) -> csr_array:
    """The rows of counted blocks, with a last column of ones, whose weights are the intercepts."""
    rows = vstack([features.transform_counts(counts) for counts in blocks], "csr")
    ones = csr_array(np.ones((rows.shape[0], 1), dtype=np.float32))
    return csr_array(hstack([rows, ones], "csr"))


def _frequencies(spec: FeatureSpec, examples: Sequence[Example]) -> list[NDArray[np.uint16]]:
    return [document_frequencies(found).astype(np.uint16) for found in count(spec, examples)]
