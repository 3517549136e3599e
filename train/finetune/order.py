"""The order in which rows are learned: batches of like length, and curricula."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from newsstand.train.finetune.tuning import Tuning

_BATCHES_SORTED = 50  # batches that are sorted by length together


class LengthGrouped:
    """Row numbers, each epoch in another seeded order, batches of like length.

    Rows are shuffled, sorted by length in stretches of some batches, cut into batches, and the
    batches shuffled. The order depends on seed and epoch alone, so that an epoch can be begun
    again after a crash. Several processes take batches in turn; so that each gets as many full
    ones, the end is filled up with the number that comes after the last row's.

    Args:
        lengths: Of each row.
        batch: Rows of a batch.
        seed: Of the order.
        processes: How many take batches in turn.
        most: Rows of an epoch at most; None for all.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        batch: int,
        seed: int,
        processes: int = 1,
        most: int | None = None,
    ) -> None:
        self._lengths = np.array(lengths)
        self._batch = batch
        self._seed = seed
        self._rows = min(len(lengths), most or len(lengths))
        self._fill = -self._rows % (batch * processes) if processes > 1 else 0
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the data loader before each epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._rows + self._fill

    def __iter__(self) -> Iterator[int]:
        random = np.random.default_rng((self._seed, self._epoch))
        rows = random.permutation(len(self._lengths))[: self._rows]
        size = self._batch * _BATCHES_SORTED
        batches = []
        for start in range(0, len(rows), size):
            stretch = rows[start : start + size]
            stretch = stretch[np.argsort(-self._lengths[stretch], kind="stable")]
            batches += [stretch[i : i + self._batch] for i in range(0, len(stretch), self._batch)]
        # A short batch comes last, as the loader cuts the row numbers again.
        full = [batch for batch in batches if len(batch) == self._batch]
        short = [batch for batch in batches if len(batch) < self._batch]
        order = random.permutation(len(full))
        for batch in [*(full[number] for number in order), *short]:
            yield from batch.tolist()
        yield from [len(self._lengths)] * self._fill


class Staged:
    """Row numbers of all epochs of a curriculum, as one epoch.

    Of each epoch but the last, the rows that fill no batch are left out.

    Args:
        lengths: Of each row.
        stages: Of each row, as in `TrainingTargets`.
        tuning: How many epochs each stage has, and the batch size.
        seed: Of the order.
        processes: How many take batches in turn.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        stages: NDArray[np.int8],
        tuning: Tuning,
        seed: int,
        processes: int = 1,
    ) -> None:
        self._batch = tuning.batch_size
        shown = []
        for stage, epochs in enumerate(tuning.curriculum or (), start=1):
            rows = np.append(np.flatnonzero(stages <= stage), len(lengths))  # with a filler
            shown += [rows] * epochs if len(rows) > 1 else []
        size, most = self._batch, tuning.epoch_rows
        self._epochs = [
            (numbers, LengthGrouped(np.array(lengths)[numbers[:-1]], size, seed, processes, most))
            for numbers in shown
        ]
        self._order = self._ordered()

    def set_epoch(self, epoch: int) -> None:
        """Called by the data loader before its one epoch."""

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[int]:
        yield from self._order

    def _ordered(self) -> list[int]:
        order: list[int] = []
        for number, (numbers, rows) in enumerate(self._epochs):
            rows.set_epoch(number)
            del order[len(order) // self._batch * self._batch :]
            order += numbers[list(rows)].tolist()
        return order
