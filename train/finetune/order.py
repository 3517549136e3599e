"""The order of training rows: batches of similar length, and curricula."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from newsstand.train.finetune.tuning import Tuning

_BATCHES_SORTED = 50  # batches whose rows are sorted by length together


class LengthGrouped:
    """A sampler of row numbers in a random order per epoch, with batches of similar length.

    Rows are shuffled, sorted by length within chunks of 50 batches, and divided into batches, which
    are shuffled. The order depends only on seed and epoch, so that an interrupted epoch can be
    repeated. Several processes take batches in turn; so that each gets the same number of full
    batches, the order is padded with the number after the last row's.

    Args:
        lengths: Length of each row.
        batch: Rows per batch.
        seed: Of the order.
        processes: Number of processes.
        most: Maximum number of rows of an epoch; None for all.
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
        """Sets the epoch; called by the data loader."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._rows + self._fill

    def __iter__(self) -> Iterator[int]:
        random = np.random.default_rng((self._seed, self._epoch))
        rows = random.permutation(len(self._lengths))[: self._rows]
        size = self._batch * _BATCHES_SORTED
        batches = []
        for start in range(0, len(rows), size):
            chunk = rows[start : start + size]
            chunk = chunk[np.argsort(-self._lengths[chunk], kind="stable")]
            batches += [chunk[i : i + self._batch] for i in range(0, len(chunk), self._batch)]
        # A short batch must be the last, as the loader divides the order into batches again.
        full = [batch for batch in batches if len(batch) == self._batch]
        short = [batch for batch in batches if len(batch) < self._batch]
        order = random.permutation(len(full))
        for batch in [*(full[number] for number in order), *short]:
            yield from batch.tolist()
        yield from [len(self._lengths)] * self._fill


class CurriculumOrder:
    """A sampler of row numbers of all epochs of a curriculum, as one epoch.

    In each epoch but the last, rows that do not fill a batch are left out.

    Args:
        lengths: Length of each row.
        stages: Of each row, as in `TrainingTargets`.
        tuning: The number of epochs of each stage, and the batch size.
        seed: Of the order.
        processes: Number of processes.
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
            rows = np.append(np.flatnonzero(stages <= stage), len(lengths))  # and padding
            shown += [rows] * epochs if len(rows) > 1 else []
        size, most = self._batch, tuning.epoch_rows
        self._epochs = [
            (numbers, LengthGrouped(np.array(lengths)[numbers[:-1]], size, seed, processes, most))
            for numbers in shown
        ]
        self._order = self._ordered()

    def set_epoch(self, epoch: int) -> None:
        """Does nothing, as there is one epoch."""

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
