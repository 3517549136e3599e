"""Quick models for the checks: hashed n-grams and a linear SVM on a sample of the rows.

They are no measure of what a trained model will reach, only of what can be learned at all from a
text, a target, or what was cut away. Copies and groups are never on both sides of a fold.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.stats import binomtest

from newsstand.data.checks.findings import Rows, View, numbered
from newsstand.features.hashed_ngrams import HashedNgrams
from newsstand.types import Bools, Floats

LEARNED, TESTED = 7_000, 3_000  # rows of a sample, at most
CUT = 3_000  # characters of a text
FOLDS = 3
TELLING = 0.1  # share of errors avoided from which on something tells the label
LEAST_ROWS = 100  # for a quick model
USUAL = "most frequent label"
LEAST_SIDE = 30  # for an accuracy
_BITS = 18

Matrix = csr_array[np.float32]


@dataclass(frozen=True, slots=True)
class Sample:
    """The rows that quick models see.

    Args:
        rows: Their numbers, in order.
        tested: Which of them are test rows; the others are train and validation rows.
        texts: Features of the texts.
        labels: Their labels.
        fold: The fold of each row: rows of a group, cluster or text are in one.
        drawn: Words that say so, when these are not all rows.
    """

    rows: Rows
    tested: Bools
    texts: Matrix
    labels: Rows
    fold: Rows
    drawn: str

    @classmethod
    def of(cls, view: View) -> "Sample":
        """Draws rows by content and reads their texts, each distinct one once."""
        parts = (
            view.sample(view.at("train", "validation"), LEARNED),
            view.sample(view.at("test"), TESTED),
        )
        rows = np.sort(np.concatenate([rows for rows, _ in parts]))
        _, first, number = np.unique(view.text[rows], return_index=True, return_inverse=True)
        texts = features(view.texts(rows[first].tolist(), CUT))
        cut = any(words for _, words in parts)
        drawn = f" (a sample of {len(rows):,} of {view.used.sum():,} rows)" if cut else ""
        return cls.made(view, rows, texts[number], drawn)

    @classmethod
    def made(cls, view: View, rows: Rows, texts: Matrix, drawn: str = "") -> "Sample":
        """A sample of these rows with these features."""
        tested, labels = view.split[rows] == "test", view.label[rows]
        return cls(rows, tested, texts, labels, _folds(view)[rows], drawn)

    def only(self, kept: Bools) -> "Sample":
        """Some of the rows."""
        return Sample(
            self.rows[kept],
            self.tested[kept],
            self.texts[kept],
            self.labels[kept],
            self.fold[kept],
            self.drawn,
        )

    def out_of_fold(self, folds: Rows) -> Floats:
        """Each row's scores by models that have not seen its fold: shape (rows, labels)."""
        scores = np.full((len(self.rows), int(self.labels.max(initial=0)) + 1), -np.inf)
        for fold in np.unique(folds):
            out = folds == fold
            if not out.all():
                kept, labels = self.texts[~out], self.labels[~out]
                scores[out] = learned(kept, labels, self.texts[out], scores.shape[1])
        return scores


def _folds(view: View) -> Rows:
    cluster = view.text if view.news.near is None else np.asarray(view.news.near.cluster)
    named = numbered(view.column("group"))
    unit = np.where(named > 0, named + view.size, cluster) if named.any() else cluster
    kinds, number = np.unique(unit, return_inverse=True)
    drawn = np.random.default_rng(view.seed).permutation(len(kinds))
    return drawn[number] % FOLDS


def features(texts: Sequence[str], keys: NDArray[np.uint64] | None = None) -> Matrix:
    """Weighted counts of words and pairs of words, without those that occur in one text only."""
    counts = HashedNgrams(words=(1, 2), bits=_BITS).counts(texts, keys)
    often = np.bincount(counts.indices, minlength=counts.shape[1])
    kept = counts[:, np.flatnonzero(often > 1)]
    kept.data = (1 + np.log(kept.data)) * np.log1p(len(texts) / often[often > 1]).astype(
        np.float32
    )[kept.indices]
    norms = np.sqrt(kept.multiply(kept).sum(axis=1))
    kept.data /= np.repeat(np.maximum(norms, 1e-9), np.diff(kept.indptr)).astype(np.float32)
    return csr_array(kept)


def learned(
    matrix: Matrix,
    labels: Rows,
    tested: Matrix,
    size: int,
    weights: NDArray[np.float64] | None = None,
) -> Floats:
    """Scores of `size` labels for tested rows by a linear SVM; an unknown label gets -inf.

    Of weighted rows, each counts so many times.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVC

    scores = np.full((tested.shape[0], size), -np.inf)
    kinds = np.unique(labels)
    if len(kinds) == 1 or not matrix.shape[1]:
        scores[:, np.bincount(labels, weights).argmax()] = 0.0
        return scores
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # near enough for a quick look
        model = LinearSVC(C=1.0, tol=1e-2, max_iter=300, random_state=0)
        model.fit(matrix, labels, sample_weight=weights)
    found = model.decision_function(tested)
    scores[:, kinds] = found if found.ndim == 2 else np.stack([-found, found], axis=1) / 2
    return scores


def majority(labels: Rows) -> int:
    """The most frequent label."""
    return int(np.bincount(labels).argmax())


def gain(right: Bools, base: float) -> float:
    """Share of a base rule's errors that are surely avoided: 0 when chance could explain it.

    Args:
        right: Of each row, whether the answer was right.
        base: Accuracy of the rule, such as always giving the most frequent label.

    >>> gain(np.ones(3, dtype=bool), 0.5), round(gain(np.ones(1000, dtype=bool), 0.5), 2)
    (0.0, 0.99)
    """
    if not len(right) or base >= 1:
        return 0.0
    accuracy = binomtest(int(right.sum()), len(right)).proportion_ci(0.95, method="wilson")
    return max(0.0, (float(accuracy.low) - base) / (1 - base))


def apart(more: Bools, less: Bools) -> float:
    """By how much one accuracy surely is above another: the lower end of the 95 % interval."""
    if not len(more) or not len(less):
        return 0.0
    noise = sum(float(x.mean()) * (1 - float(x.mean())) / len(x) for x in (more, less))
    return max(0.0, float(more.mean()) - float(less.mean()) - 1.96 * sqrt(noise))
