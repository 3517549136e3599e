"""Features of an article and a target together: what of the target it says, where, and how."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack

from newsstand.encode import Example
from newsstand.known import Flags, by_beginning, in_buckets
from newsstand.likeness import (
    BEST,
    BITS,
    KINDS,
    LEAD,
    Floats,
    Ints,
    Overlap,
    Ranking,
    Texts,
    picked,
    rows_of,
    scaled,
    sentence_spans,
    stem,
    sums,
    weighted,
)
from newsstand.tensors import Header, check_buckets

_FAR = 6.0  # deviations from the mean that count

# Words that tell how something is said, in English.
_CUES = {
    "refute": """fake fraud hoax false falsely deny denies denied denial denying despite doubt
        doubtful bogus debunk debunked debunking debunker prank retract retracted retraction refute
        refuted rebut untrue disprove disproved disproven misleading myth fabricated satire
        satirical parody wrong incorrect inaccurate baseless unfounded dispute disputed dismiss
        dismissed reject rejected contradict contradicted hoaxer invented photoshopped doctored
        urban legend mistaken correction snopes fooled fooling trick tricked staged""",
    "negate": """no not never none nobody nothing neither nor without cannot can't don't doesn't
        didn't isn't wasn't aren't weren't won't wouldn't hasn't haven't hadn't couldn't shouldn't
        ain't nope""",
    "hedge": """allegedly alleged alleges reportedly reported apparently apparent purported
        purportedly supposed supposedly rumor rumored rumour rumoured unconfirmed unverified
        possible possibly probably maybe perhaps may might could would if whether claim claimed
        claiming appears appeared seems seemed likely unclear suggest suggested speculation
        speculated potentially question uncertain""",
    "report": """say says said saying tell told according report reporting announce announced state
        stated statement source spokesman spokeswoman spokesperson explain explained add added
        write wrote news media tweet tweeted official interview publish published website""",
    "confirm": """confirm confirmed confirmation true truth indeed verify verified officially prove
        proved proven proof evidence reveal revealed admit admitted fact authentic genuine real""",
}
_MARKS = (re.compile(r"\?"), re.compile('["“”‘]'))  # noqa: RUF001 - quotes
_TOLD = (*_CUES, "question", "quote")


@cache
def _cue_table() -> NDArray[np.int64]:
    """For each bucket of a word the number of its cues, or one more for none."""
    table = np.full(1 << BITS, len(_CUES), dtype=np.int64)
    for number, words in enumerate(_CUES.values()):
        for word in words.split():
            table[KINDS["words"].places(stem(word)).buckets] = number
    return table


class Matches:
    """Turns pairs of article and target into features.

    The first `dense` columns compare the two and are scaled to mean 0 and deviation 1 on the
    training pairs; the others are the article's words, weighted and scaled to length 1.

    Args:
        idf: By kind of n-gram, the hash buckets that occur in two training articles or more
            (int32, ascending) and their weights (float32).
        rare: By kind, the weight of all other n-grams.
        terms: int32, ascending: the buckets of the words that are features.
        mean, scale: float64, shape (dense,): of the training pairs, before scaling.
    """

    def __init__(
        self,
        idf: Mapping[str, tuple[NDArray[np.int32], NDArray[np.float32]]],
        rare: Mapping[str, float],
        terms: NDArray[np.int32],
        mean: Floats,
        scale: Floats,
    ) -> None:
        self.idf, self.rare, self.terms, self.mean, self.scale = idf, rare, terms, mean, scale
        self._idf = {}
        for kind, (buckets, weights) in idf.items():
            self._idf[kind] = np.full(1 << BITS, rare[kind], dtype=np.float32)
            self._idf[kind][buckets] = weights
        self._seen = np.zeros(1 << BITS, dtype=np.bool_)
        self._seen[idf["words"][0]] = True
        self._column = np.full(1 << BITS, -1, dtype=np.int32)
        self._column[terms] = np.arange(len(terms), dtype=np.int32)

    @property
    def dense(self) -> int:
        """How many columns compare article and target."""
        return len(self.mean)

    @property
    def columns(self) -> int:
        """How many columns there are in all."""
        return self.dense + len(self.terms)

    @classmethod
    def fit_rows(cls, examples: Sequence[Example], *, terms: int) -> tuple[Self, csr_array]:
        """Learns weights, words and scales from training pairs; and the rows of these."""
        texts = Texts.of(examples)
        frequency = {
            kind: np.bincount(counts.indices, minlength=1 << BITS)
            for kind, counts in texts.in_articles.items()
        }
        idf, rare, size = {}, {}, len(texts.titled)
        for kind, df in frequency.items():
            buckets = np.flatnonzero(df > 1).astype(np.int32)
            weights = np.log((1 + size) / (1 + df[buckets])) + 1
            idf[kind] = buckets, weights.astype(np.float32)
            rare[kind] = float(np.log((1 + size) / 2) + 1)
        chosen = _most_frequent(frequency["words"], terms)
        unscaled = cls(idf, rare, chosen, np.zeros(0), np.ones(0))
        values = unscaled._compared(texts)
        scale = values.std(axis=0)
        scale[scale < 1e-9] = 1.0  # a column without differences tells nothing
        fitted = cls(idf, rare, chosen, values.mean(axis=0), scale)
        return fitted, fitted._joined(texts, values)

    def __call__(self, examples: Sequence[Example]) -> csr_array:
        """float32, shape (examples, columns); an example's row is its alone, to the last bit."""
        if not examples:
            return csr_array(np.zeros((0, self.columns), dtype=np.float32))
        texts = Texts.of(examples)
        return self._joined(texts, self._compared(texts))

    def knows(self, examples: Sequence[Example]) -> Flags:
        """Whether words of each article occur in two training articles or more."""
        texts = [stem(x.text) for x in examples]
        return by_beginning(texts, partial(in_buckets, hasher=KINDS["words"], used=self._seen))

    def _overlaps(self, texts: Texts) -> dict[str, "Overlap"]:
        return {kind: Overlap.of(texts, kind, idf) for kind, idf in self._idf.items()}

    def _compared(self, texts: Texts) -> Floats:
        """The unscaled columns that compare."""
        found = self._overlaps(texts)
        ranking = Ranking.of(texts, found)
        columns = [
            *(column for overlap in found.values() for column in overlap.columns()),
            *ranking.columns(texts),
            *_lengths(texts),
            *_told(texts, ranking),
        ]
        return np.stack(columns, axis=1)

    def _joined(self, texts: Texts, values: Floats) -> csr_array:
        compared = np.clip((values - self.mean) / self.scale, -_FAR, _FAR).astype(np.float32)
        words = weighted(texts.in_articles["words"], self._idf["words"])
        columns = self._column[words.indices]
        known = picked(words, columns >= 0, columns, words.data, len(self.terms))
        terms = scaled(known, known.data)[texts.article]
        rows: csr_array = hstack([csr_array(compared), terms], format="csr", dtype=np.float32)
        return rows

    def likest(self, example: Example) -> list[tuple[Literal["title", "body"], int, int, float]]:
        """The sentences that share words with the target, the one most like it first.

        Returns:
            Of each its part, its half-open place in the prepared text, and its likeness, 0 to 1.
        """
        texts = Texts.of([example])
        ranking = Ranking.of(texts, self._overlaps(texts))
        title, body = example.prepared.title.text, example.prepared.body.text
        spans: list[tuple[Literal["title", "body"], int, int]] = [
            ("body", start, end) for start, end in sentence_spans(body)
        ]
        if title:
            spans.insert(0, ("title", 0, len(title)))
        order = np.argsort(ranking.rank)
        like = ranking.values["all"]
        return [(*spans[ranking.sentence[i]], float(like[i])) for i in order.tolist()]

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Everything fitted, by name."""
        found: dict[str, NDArray[Any]] = {
            "mean": self.mean,
            "scale": self.scale,
            "terms": self.terms,
        }
        for kind, (buckets, weights) in self.idf.items():
            found |= {f"buckets.{kind}": buckets, f"weights.{kind}": weights}
        return found | {"rare": np.array([self.rare[kind] for kind in KINDS])}

    @staticmethod
    def expected(found: Header) -> Header:
        """What `tensors` are in a file: of so many buckets and terms as this one says."""
        dense = _dense()
        expected: Header = dict.fromkeys(("mean", "scale"), ("F64", (dense,)))
        expected |= {"terms": ("I32", found["terms"][1][:1]), "rare": ("F64", (len(KINDS),))}
        for kind in KINDS:
            size = found[f"buckets.{kind}"][1][:1]
            expected |= {f"buckets.{kind}": ("I32", size), f"weights.{kind}": ("F32", size)}
        return expected

    @classmethod
    def of_tensors(cls, tensors: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of `tensors`.

        Raises:
            KeyError, ValueError, IndexError: They are not those.
        """
        idf = {kind: (tensors[f"buckets.{kind}"], tensors[f"weights.{kind}"]) for kind in KINDS}
        rare = dict(zip(KINDS, tensors["rare"].tolist(), strict=True))
        for kind, (buckets, _) in idf.items():
            check_buckets(f"buckets.{kind}", buckets, BITS)
        check_buckets("terms", tensors["terms"], BITS)
        if not (tensors["scale"] > 0).all():
            raise ValueError("'scale': expected numbers above 0")
        return cls(idf, rare, tensors["terms"], tensors["mean"], tensors["scale"])


@cache
def _dense() -> int:
    """How many columns compare article and target: so many as there are for any two texts."""
    none = np.empty(0, dtype=np.int32)
    idf = {kind: (none, none.astype(np.float32)) for kind in KINDS}
    unscaled = Matches(idf, dict.fromkeys(KINDS, 1.0), none, np.zeros(0), np.ones(0))
    return int(unscaled._compared(Texts.of([Example.of_prepared("", "one", "two")])).shape[1])


def _lengths(texts: Texts) -> Iterator[Floats]:
    words = {name: sums(getattr(texts, name)["words"]) for name in ("in_targets", "in_articles")}
    yield np.log1p(words["in_targets"])[texts.target]
    yield np.log1p(words["in_articles"])[texts.article]
    yield np.log1p(np.diff(texts.starts))[texts.article]


def _told(texts: Texts, ranking: Ranking) -> Iterator[Floats]:
    """Refuting, negating, hedging, reporting and confirming words, questions and quotes."""
    size, articles = len(texts.article), len(texts.titled)
    said = _cues(texts.in_sentences["words"], texts.sentences)
    asked = _cues(texts.in_targets["words"], texts.targets)
    owner = np.repeat(np.arange(articles), np.diff(texts.starts))
    number = np.arange(len(owner))
    lead = number - texts.starts[owner] < LEAD
    tail = texts.starts[owner + 1] - number <= LEAD
    words = np.maximum(sums(texts.in_articles["words"]), 1)
    near = ranking.near @ said
    for cue in range(len(_TOLD)):
        mine = said[:, cue]
        whole = np.bincount(owner, mine, articles)
        yield np.minimum(asked[:, cue], 2)[texts.target]
        yield (whole / words)[texts.article]
        yield np.log1p(whole)[texts.article]
        for part in (lead, tail):
            yield np.log1p(np.bincount(owner[part], mine[part], articles))[texts.article]
        yield near[:, cue]
        for most in (1, 2, BEST):
            yield np.log1p(ranking.best(mine, most, size))
    # The target refutes or negates what the article says, or the other way round.
    for one in (0, 1):
        for other in (0, 1):
            yield (asked[:, one][texts.target] > 0) * near[:, other]


def _cues(counts: csr_array, texts: Sequence[str]) -> Floats:
    """How often each text has each cue, shape (texts, cues)."""
    width = len(_CUES) + 1
    cells = rows_of(counts) * width + _cue_table()[counts.indices]
    words = np.bincount(cells, counts.data, len(texts) * width).reshape(-1, width)[:, :-1]
    marks = [[len(mark.findall(text)) for mark in _MARKS] for text in texts]
    return np.hstack([words, np.array(marks, dtype=np.float64).reshape(-1, len(_MARKS))])


def _most_frequent(frequency: Ints, most: int) -> NDArray[np.int32]:
    """The buckets with the highest frequencies, of those with 2 or more."""
    order = np.argsort(-frequency, kind="stable")[:most]
    return np.sort(order[frequency[order] > 1]).astype(np.int32)
