"""The rows of a split as training sees them; their texts stay on disk until they are asked for."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import overload

import datasets
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute

from newsstand.article import Article
from newsstand.encode import Example

_CHUNK = 2048


class Examples(Sequence[Example]):
    """The examples of prepared rows, each made when it is asked for.

    Args:
        rows: Rows with the columns `prepared_title`, `prepared_body` and `target`.
    """

    def __init__(self, rows: datasets.Dataset) -> None:
        self._rows = rows.select_columns(["prepared_title", "prepared_body", "target"])

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> list[Example]: ...
    def __getitem__(self, index: int | slice) -> Example | list[Example]:
        if isinstance(index, slice):
            columns = self._rows[index].values()
            return [Example.of_prepared(*row) for row in zip(*columns, strict=True)]
        return Example.of_prepared(*self._rows[index].values())

    def __iter__(self) -> Iterator[Example]:
        for start in range(0, len(self), _CHUNK):
            yield from self[start : start + _CHUNK]


class Rows:
    """One split.

    Args:
        rows: The rows as the loader gives them.
    """

    def __init__(self, rows: datasets.Dataset) -> None:
        self._rows = rows
        self.examples = Examples(rows)
        self.labels: NDArray[np.int64] = self.column("label").to_numpy()

    def __len__(self) -> int:
        return len(self._rows)

    def __add__(self, other: "Rows") -> "Rows":
        return Rows(datasets.concatenate_datasets([self._rows, other._rows]))

    def column(self, name: str) -> pa.ChunkedArray:
        """The values of one column."""
        return self._rows.select_columns([name]).with_format("arrow")[:][name]

    def codes(self, name: str) -> NDArray[np.int64]:
        """The values of a column as numbers from 0, the same for the same value."""
        column = self.column(name).combine_chunks()
        encoded = compute.dictionary_encode(column, null_encoding="encode")
        codes: NDArray[np.int64] = encoded.indices.to_numpy().astype(np.int64)
        return codes

    def stripped(self) -> int:
        """How many rows some boilerplate was taken out of."""
        lengths = compute.list_value_length(self.column("removed"))
        return int(compute.sum(compute.greater(lengths, 0)).as_py() or 0)

    def article(self, index: int) -> Article:
        """A row's article as published."""
        row = self._rows[index]
        return Article(**{field.name: row[field.name] for field in fields(Article)})

    def spread(self, count: int) -> list[tuple[Article, str | None]]:
        """Up to `count` rows, of as many labels as there are, with their targets."""
        firsts = np.unique(self.labels, return_index=True)[1].tolist()
        chosen = firsts + [i for i in range(min(len(self), 2 * count)) if i not in set(firsts)]
        return [(self.article(i), self.examples[i].target) for i in chosen[:count]]

    def example_row(self) -> dict[str, str]:
        """One row as the logged model takes it."""
        article, target = self.article(0), self.examples[0].target
        row = {"title": article.title, "body": article.body}
        return row if target is None else {**row, "target": target}
