"""The rows of a split as training sees them; their texts stay on disk until they are asked for."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute

from newsstand.data.load import NewsData
from newsstand.text.article import COLUMNS, Article
from newsstand.text.example import Example
from newsstand.types import Ints

_CHUNK = 2048
_READ = ("prepared_title", "prepared_body", "target", "prepared_mentions")


class Examples(Sequence[Example]):
    """The examples of prepared rows, each made when it is asked for.

    Args:
        news: The rows.
        numbers: Which of them, and in which order.
    """

    def __init__(self, news: NewsData, numbers: Ints) -> None:
        table = news.rows.select_columns(list(_READ)).data
        self._batches: list[pa.RecordBatch] = table.to_batches()
        self._ends = np.cumsum([len(batch) for batch in self._batches])
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> list[Example]: ...
    def __getitem__(self, index: int | slice) -> Example | list[Example]:
        if isinstance(index, slice):
            return self._read(self._numbers[index])
        return self._read(self._numbers[[index]])[0]

    def __iter__(self) -> Iterator[Example]:
        for start in range(0, len(self), _CHUNK):
            yield from self[start : start + _CHUNK]

    def _read(self, numbers: Ints) -> list[Example]:
        """Rows by number, each batch of the file read once.

        Taking rows of the table as a whole would copy all of its texts, or cut it row by row.
        """
        order = np.argsort(numbers, kind="stable")
        ordered = numbers[order]
        places = np.searchsorted(self._ends, ordered, side="right")
        found: list[Example] = []
        for place in np.unique(places).tolist():
            batch = self._batches[place]
            inside = ordered[places == place] - (self._ends[place] - len(batch))
            columns = batch.take(pa.array(inside)).to_pydict().values()
            found += [Example.of_prepared(*row) for row in zip(*columns, strict=True)]
        back = np.empty(len(order), dtype=np.int64)
        back[order] = np.arange(len(order))
        return [found[place] for place in back.tolist()]


class Rows:
    """One split, or several.

    Args:
        news: All rows.
        numbers: Which of them.
    """

    def __init__(self, news: NewsData, numbers: Ints) -> None:
        self._news = news
        self._numbers = numbers
        self.examples = Examples(news, numbers)
        self.labels: NDArray[np.int64] = news.label_numbers[numbers]

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def names(self) -> tuple[str, ...]:
        """All labels; a row's number is a place in them."""
        return tuple(self._news.labels.labels)

    def texts_elsewhere(self) -> set[str]:
        """The prepared texts of all rows that are not among these."""
        others = np.setdiff1d(np.arange(len(self._news.rows)), self._numbers)
        return {example.text for example in Examples(self._news, others)}

    def __add__(self, other: "Rows") -> "Rows":
        return Rows(self._news, np.concatenate([self._numbers, other._numbers]))

    def drawn(self, most: int, seed: int) -> "Rows":
        """At most so many of the rows, in their order."""
        if len(self) <= most:
            return self
        chosen = np.random.default_rng(seed).permutation(len(self))[:most]
        return Rows(self._news, self._numbers[np.sort(chosen)])

    def column(self, name: str) -> pa.Array:
        """The values of one of the small columns."""
        return self._news.rows.data.column(name).combine_chunks().take(pa.array(self._numbers))

    def codes(self, name: str) -> NDArray[np.int64]:
        """The values of a column as numbers from 0, the same for the same value."""
        encoded = compute.dictionary_encode(self.column(name), null_encoding="encode")
        codes: NDArray[np.int64] = encoded.indices.to_numpy().astype(np.int64)
        return codes

    @property
    def weights(self) -> NDArray[np.float64] | None:
        """What each row counts in the loss, by its source; None where all count the same."""
        origins = self._news.origins
        if origins is None or set(origins.weights) == {1.0}:
            return None
        weights: NDArray[np.float64] = np.array(origins.weights)[origins.number[self._numbers]]
        return weights

    def weighing(self) -> dict[str, Any]:
        """What the rows' weights depend on beside the rows; empty where all count the same."""
        origins = self._news.origins
        if origins is None or self.weights is None:
            return {}
        return {"weights": dict(zip(origins.names, origins.weights, strict=True))}

    def by_source(self) -> dict[str, NDArray[np.bool_]]:
        """Which rows are of each source that has some of them; empty with one source of data."""
        origins = self._news.origins
        if origins is None:
            return {}
        number = origins.number[self._numbers]
        masks = {name: number == place for place, name in enumerate(origins.names)}
        return {name: mask for name, mask in masks.items() if mask.any()}

    def stripped(self) -> int:
        """How many rows some boilerplate was taken out of."""
        lengths = compute.list_value_length(self._news.rows.data.column("removed"))
        return int((lengths.to_numpy()[self._numbers] > 0).sum())

    def article(self, index: int) -> Article:
        """A row's article as published."""
        row: dict[str, Any] = self._news.rows[int(self._numbers[index])]
        values = {name: row[name] for name in COLUMNS}
        return Article(**{**values, "mentions": values["mentions"] or ()})

    def digest(self) -> str:
        """32 hexadecimal digits of the texts as published, targets and labels, in any order.

        Ids are left out: rows without their own are numbered by file and line.
        """
        read = self._news.rows.select_columns(["title", "body", "target"])
        names, found = self.names, []
        for start in range(0, len(self), _CHUNK):
            columns = read[self._numbers[start : start + _CHUNK].tolist()].values()
            labels = [names[label] for label in self.labels[start : start + _CHUNK].tolist()]
            found += [_digest(json.dumps(row)) for row in zip(*columns, labels, strict=True)]
        return _digest("".join(sorted(found)))[:32]

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


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
