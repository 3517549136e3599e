"""How like the sentences of an article are to a target, for many pairs of the two at once.

Each text is counted once: a target, and each sentence of an article, which is enough for all of
its articles and pairs. One sparse product for each kind of n-gram then gives the likeness of every
target to every sentence of its article.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from newsstand.encode import Example
from newsstand.ngrams import HashedNgrams

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BITS = 20
KINDS = {
    "words": HashedNgrams(words=(1, 1), bits=BITS),
    "pairs": HashedNgrams(words=(2, 2), bits=BITS),
    "triples": HashedNgrams(words=(3, 3), bits=BITS),
    "letters": HashedNgrams(words=None, chars=(4, 4), bits=BITS),
}
# What each kind counts for in the likeness of target and sentence that ranks the sentences.
_SHARES = {"words": 0.4, "pairs": 0.2, "triples": 0.1, "letters": 0.3}
LEAD = 3  # sentences, the title included
BEST = 3
_RAREST = 5

# Up to marks of its end with a blank behind them, or to the end of the line. Each run of marks is
# looked at once: what follows decides whether it ends the sentence or stands inside.
_END = r"[.!?…]++['\"”’»)\]]*+"  # noqa: RUF001 - quotes
_SENTENCE = re.compile(rf"\S(?:[^\n.!?…]++|{_END}(?=\S))*+(?:{_END})?+")
# A plain stemmer for English, so that "denies", "denied" and "deny" are one word.
_ENDING = re.compile(r"(?<=\w{3})(?:['’]s|ies|ied|ing|ed|es|s|e|y)\b")  # noqa: RUF001 - quotes


def stem(text: str) -> str:
    """The text in lower case, its words without common English endings."""
    return _ENDING.sub("", text.lower())


@dataclass(frozen=True, slots=True)
class Texts:
    """The distinct targets and articles of some examples, and the n-grams of each.

    Args:
        target: Of each example, its number.
        article: Of each example, its number.
        targets: Stemmed.
        sentences: Stemmed, of all articles; a title is its article's first.
        starts: The first sentence of each article, and the end.
        titled: Whether an article has a title.
        in_targets, in_sentences, in_articles: Counts by kind of n-gram.
    """

    target: Ints
    article: Ints
    targets: list[str]
    sentences: list[str]
    starts: Ints
    titled: NDArray[np.bool_]
    in_targets: dict[str, csr_array]
    in_sentences: dict[str, csr_array]
    in_articles: dict[str, csr_array]

    @classmethod
    def of(cls, examples: Sequence[Example]) -> Self:
        """Reads and counts each of them once."""
        targets: dict[str, int] = {}
        articles: dict[tuple[str, str], int] = {}
        target, article = [], []
        for item in examples:
            target.append(targets.setdefault(item.target or "", len(targets)))
            key = (item.prepared.title.text, item.prepared.body.text)
            article.append(articles.setdefault(key, len(articles)))
        sentences: list[str] = []
        starts = [0]
        for title, body in articles:
            sentences += [stem(body[a:b]) for a, b in sentence_spans(body)]
            sentences[starts[-1] : starts[-1]] = [stem(title)] if title else []
            starts.append(len(sentences))
        said, heads = [stem(text) for text in targets], np.array(starts)
        in_sentences = {kind: hasher.counts(sentences) for kind, hasher in KINDS.items()}
        shape = (len(articles), len(sentences))
        each = np.ones(len(sentences), np.float32), np.arange(len(sentences)), heads
        members = csr_array(each, shape=shape)
        return cls(
            np.array(target, dtype=np.int64),
            np.array(article, dtype=np.int64),
            said,
            sentences,
            heads,
            np.array([bool(title) for title, _ in articles]),
            {kind: hasher.counts(said) for kind, hasher in KINDS.items()},
            in_sentences,
            {kind: _sorted(members @ counts) for kind, counts in in_sentences.items()},
        )


def sentence_spans(body: str) -> list[tuple[int, int]]:
    """Where the sentences of a body stand, half-open.

    >>> body = "Rye fell. 'Why?' he asked."
    >>> [body[start:end] for start, end in sentence_spans(body)]
    ['Rye fell.', "'Why?'", 'he asked.']
    """
    return [match.span() for match in _SENTENCE.finditer(body)]


@dataclass(frozen=True, slots=True)
class Overlap:
    """What of each target its article says, in one kind of n-gram.

    Args:
        row: Of each n-gram of a target, its example.
        weight: float64, its idf.
        times: float64, how often the article says it; 0 for never.
        products: float64, its share of the cosine of target and article.
        likeness: Cosine of target and sentence; shape (examples, sentences).
    """

    size: int
    row: Ints
    weight: Floats
    times: Floats
    products: Floats
    likeness: csr_array

    @classmethod
    def of(cls, texts: Texts, kind: str, idf: NDArray[np.float32]) -> Self:
        """Compares all examples; `idf` has a weight for each bucket."""
        article, counts = texts.in_articles[kind], texts.in_sentences[kind]
        # An n-gram of one article is another column than the same n-gram of another, so that a
        # product of sparse matrices compares a target with the sentences of its own article.
        keys = np.append((rows_of(article) << BITS) + article.indices, np.iinfo(np.int64).max)
        owner = np.repeat(np.arange(len(texts.titled)), np.diff(texts.starts))
        sentence = weighted(counts, idf)
        places = np.searchsorted(keys, (owner[rows_of(sentence)] << BITS) + sentence.indices)
        wide = csr_array((sentence.data, places, sentence.indptr), shape=(len(owner), len(keys)))
        target = csr_array(weighted(texts.in_targets[kind], idf)[texts.target])
        row = rows_of(target)
        wanted = (texts.article[row] << BITS) + target.indices
        at = np.searchsorted(keys, wanted)
        has = keys[at] == wanted
        asked = picked(target, has, at, target.data, len(keys))
        whole = np.append(weighted(article, idf).data, 0.0)
        return cls(
            size=len(texts.article),
            row=row,
            weight=idf[target.indices].astype(np.float64),
            times=has * np.append(article.data, 0.0)[at],
            products=target.data * has * whole[at],
            likeness=_sorted(asked @ csr_array(wide.T)),
        )

    def columns(self) -> Iterator[Floats]:
        """Containments, cosine, and what is missing."""
        row, weight, size = self.row, self.weight, self.size
        has = self.times > 0
        total = np.maximum(np.bincount(row, weight, size), 1e-9)
        yield np.bincount(row, weight * has, size) / total
        yield np.bincount(row, weight * np.log1p(self.times), size) / total
        yield np.bincount(row, has, size) / np.maximum(np.bincount(row, minlength=size), 1)
        yield np.asarray(np.bincount(row, self.products, size), dtype=np.float64)
        yield _highest(row, weight * has, size)
        yield _highest(row, weight * ~has, size)
        rank = _rank(row, weight, size)
        top = rank < _RAREST
        most = np.maximum(np.bincount(row[top], weight[top], size), 1e-9)
        yield np.bincount(row[top], (weight * has)[top], size) / most


@dataclass(frozen=True, slots=True)
class Ranking:
    """The sentences that are like a target, best first; one entry a pair of them.

    Args:
        row: The example.
        sentence: Number of the sentence among all.
        place: Its number in the article.
        rank: From 0.
        values: By kind of n-gram, and `all`, how like it is.
        near: Shares of the sentences, shape (examples, sentences), 1 a row: squares of likeness.
    """

    row: Ints
    sentence: Ints
    place: Ints
    rank: Ints
    values: dict[str, Floats]
    near: csr_array

    @classmethod
    def of(cls, texts: Texts, overlaps: Mapping[str, Overlap]) -> Self:
        """Ranks by all kinds of n-grams together."""
        likeness = {kind: overlap.likeness for kind, overlap in overlaps.items()}
        first, *others = (matrix * _SHARES[kind] for kind, matrix in likeness.items())
        for matrix in others:
            first = first + matrix
        total = _sorted(first)
        row, sentence = rows_of(total), total.indices.astype(np.int64)
        size, width = total.shape
        values = {"all": total.data}
        for kind, matrix in likeness.items():
            values[kind] = np.zeros(len(row))
            places = np.searchsorted(
                row * width + sentence, rows_of(matrix) * width + matrix.indices
            )
            values[kind][places] = matrix.data
        squares = total.data**2
        sums = np.bincount(row, squares, size)
        near = csr_array((squares / sums[row], total.indices, total.indptr), shape=total.shape)
        place = sentence - texts.starts[texts.article[row]]
        return cls(row, sentence, place, _rank(row, total.data, size), values, near)

    def columns(self, texts: Texts) -> Iterator[Floats]:
        """Likeness of the best sentences, of the lead, of all; and where the best stand."""
        size = len(texts.article)
        sentences = np.maximum(np.diff(texts.starts), 1)[texts.article]
        lead, titled = self.place < LEAD, texts.titled[texts.article[self.row]]
        for kind, values in self.values.items():
            for rank in (0, 1):
                yield self._sum(self.rank == rank, values, size)
            yield self._sum(self.rank < BEST, values, size) / BEST
            yield self._sum(self.rank >= 0, values, size) / sentences
            yield _highest(self.row[lead], values[lead], size)
            if kind == "all":
                yield self._sum(titled & (self.place == 0), values, size)
                for least in (0.1, 0.2, 0.35):
                    yield self._sum(values > least, np.ones(len(values)), size) / sentences
        for rank in (0, 1):
            yield self._sum(self.rank == rank, (self.place + 1) / sentences[self.row], size)
            yield self._sum(self.rank == rank, np.log1p(self.place), size)

    def _sum(self, which: NDArray[np.bool_], values: Floats, size: int) -> Floats:
        return np.asarray(np.bincount(self.row[which], values[which], size), dtype=np.float64)

    def best(self, values: Floats, most: int, size: int) -> Floats:
        """Sums over the `most` best sentences of what each sentence has."""
        return self._sum(self.rank < most, values[self.sentence], size)


def rows_of(matrix: csr_array) -> Ints:
    """The row of each entry."""
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))


def _sorted(matrix: csr_array) -> csr_array:
    """With each row's columns ascending, so that sums over a row have one order."""
    matrix = csr_array(matrix)
    matrix.sort_indices()
    return matrix


def sums(matrix: csr_array) -> Floats:
    """The sum of each row."""
    added = np.bincount(rows_of(matrix), matrix.data, matrix.shape[0])
    return np.asarray(added, dtype=np.float64)


def scaled(matrix: csr_array, values: NDArray[Any]) -> csr_array:
    """The matrix with other values, each row scaled to length 1."""
    row = rows_of(matrix)
    # bincount adds in order, so a row's length is the same in any batch.
    lengths = np.sqrt(np.bincount(row, values * values, matrix.shape[0]))
    lengths[lengths == 0] = 1.0
    return csr_array((values / lengths[row], matrix.indices, matrix.indptr), shape=matrix.shape)


def weighted(counts: csr_array, idf: NDArray[np.float32]) -> csr_array:
    """Sublinear counts times idf, each row scaled to length 1."""
    return scaled(counts, (1 + np.log(counts.data)).astype(np.float64) * idf[counts.indices])


def picked(
    matrix: csr_array, which: NDArray[np.bool_], columns: Any, values: Any, width: int
) -> csr_array:
    """Some entries of a matrix, in other columns."""
    kept = np.bincount(rows_of(matrix)[which], minlength=matrix.shape[0])
    indptr = np.append(0, np.cumsum(kept))
    return _sorted(csr_array((values[which], columns[which], indptr), (len(kept), width)))


def _highest(row: Ints, values: Floats, size: int) -> Floats:
    """The highest value of each row, 0 where there is none above."""
    found = np.zeros(size)
    np.maximum.at(found, row, values)
    return found


def _rank(row: Ints, values: Floats, size: int) -> Ints:
    """The place of each entry among those of its row, highest first; rows ascend."""
    order = np.lexsort((-values, row))
    counts = np.bincount(row, minlength=size)
    rank = np.empty(len(row), dtype=np.int64)
    rank[order] = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    return rank
