"""Labelled rows of one or several splits; their texts are read from disk when needed."""

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
_EXAMPLE_COLUMNS = ("prepared_title", "prepared_body", "target", "prepared_mentions")


class Examples(Sequence[Example]):
    """The examples of prepared rows, read from disk on access.

    Args:
        news: All rows.
        numbers: Row numbers, in the order of the examples.
    """

    def __init__(self, news: NewsData, numbers: Ints) -> None:
        table = news.rows.select_columns(list(_EXAMPLE_COLUMNS)).data
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
        """Reads rows by number, each batch of the file once.

        Table.take on the whole table would copy all of its texts.
        """
        order = np.argsort(numbers, kind="stable")
        ordered = numbers[order]
        places = np.searchsorted(self._ends, ordered, side="right")
        examples: list[Example] = []
        for place in np.unique(places).tolist():
            batch = self._batches[place]
            inside = ordered[places == place] - (self._ends[place] - len(batch))
            columns = batch.take(pa.array(inside)).to_pydict().values()
            examples += [Example.of_prepared(*row) for row in zip(*columns, strict=True)]
        back = np.empty(len(order), dtype=np.int64)
        back[order] = np.arange(len(order))
        return [examples[place] for place in back.tolist()]


class LabelledRows:
    """Labelled rows of one or several splits.

    Args:
        news: All rows.
        numbers: The row numbers.
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
        """All label names; `labels` holds indices into them."""
        return tuple(self._news.labels.labels)

    def texts_elsewhere(self) -> set[str]:
        """The prepared texts of all other rows."""
        others = np.setdiff1d(np.arange(len(self._news.rows)), self._numbers)
        return {example.text for example in Examples(self._news, others)}

    def __add__(self, other: "LabelledRows") -> "LabelledRows":
        return LabelledRows(self._news, np.concatenate([self._numbers, other._numbers]))

    def select(self, places: Ints) -> "LabelledRows":
        """The rows at some places, in the given order."""
        return LabelledRows(self._news, self._numbers[places])

    def drawn(self, most: int, seed: int) -> "LabelledRows":
        """A random sample of at most `most` rows, in their order."""
        if len(self) <= most:
            return self
        chosen = np.random.default_rng(seed).permutation(len(self))[:most]
        return self.select(np.sort(chosen).astype(np.int64))

    def column(self, name: str) -> pa.Array:
        """The values of a column."""
        return self._news.rows.data.column(name).combine_chunks().take(pa.array(self._numbers))

    def codes(self, name: str) -> NDArray[np.int64]:
        """The values of a column as numbers from 0, equal for equal values."""
        encoded = compute.dictionary_encode(self.column(name), null_encoding="encode")
        codes: NDArray[np.int64] = encoded.indices.to_numpy().astype(np.int64)
        return codes

    @property
    def weights(self) -> NDArray[np.float64] | None:
        """The weight of each row in the loss, by its source; None if all are equal."""
        origins = self._news.origins
        if origins is None or set(origins.weights) == {1.0}:
            return None
        weights: NDArray[np.float64] = np.array(origins.weights)[origins.number[self._numbers]]
        return weights

    def weights_key(self) -> dict[str, Any]:
        """The source weights, as part of a checkpoint's key; empty if all are equal."""
        origins = self._news.origins
        if origins is None or self.weights is None:
            return {}
        return {"weights": dict(zip(origins.names, origins.weights, strict=True))}

    def by_source(self) -> dict[str, NDArray[np.bool_]]:
        """A mask of the rows of each source that has any; empty with one source of data."""
        origins = self._news.origins
        if origins is None:
            return {}
        number = origins.number[self._numbers]
        masks = {name: number == place for place, name in enumerate(origins.names)}
        return {name: mask for name, mask in masks.items() if mask.any()}

    def stripped(self) -> int:
        """The number of rows from which boilerplate was removed."""
        lengths = compute.list_value_length(self._news.rows.data.column("removed"))
        return int((lengths.to_numpy()[self._numbers] > 0).sum())

    def article(self, index: int) -> Article:
        """A row's article as published."""
        row: dict[str, Any] = self._news.rows[int(self._numbers[index])]
        values = {name: row[name] for name in COLUMNS}
        return Article(**{**values, "mentions": values["mentions"] or ()})

    def keys(self, *, labelled: bool = True) -> list[str]:
        """A digest of each row's published text, target and, if `labelled`, label.

        Ids are excluded, as rows without their own are numbered by file and line.
        """
        columns = self._news.rows.select_columns(["title", "body", "target"])
        names, digests = self.names, []
        for start in range(0, len(self), _CHUNK):
            values = list(columns[self._numbers[start : start + _CHUNK].tolist()].values())
            labels = [names[label] for label in self.labels[start : start + _CHUNK].tolist()]
            values += [labels] if labelled else []
            digests += [_digest(json.dumps(row)) for row in zip(*values, strict=True)]
        return digests

    def digest(self) -> str:
        """32 hexadecimal digits of the keys of the rows, in any order."""
        return _digest("".join(sorted(self.keys())))[:32]

    def content_digest(self) -> str:
        """32 hexadecimal digits of the rows' contents, in any order; reads no texts."""
        return _digest("".join(sorted(self.column("digest").to_pylist())))[:32]

    def spread(self, count: int) -> list[tuple[Article, str | None]]:
        """Articles and targets of up to `count` rows, starting with the first row of each label."""
        firsts = np.unique(self.labels, return_index=True)[1].tolist()
        chosen = firsts + [i for i in range(min(len(self), 2 * count)) if i not in set(firsts)]
        return [(self.article(i), self.examples[i].target) for i in chosen[:count]]

    def example_row(self) -> dict[str, str]:
        """The first row as input of the logged model."""
        article, target = self.article(0), self.examples[0].target
        row = {"title": article.title, "body": article.body}
        return row if target is None else {**row, "target": target}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
