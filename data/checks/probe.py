"""Probes for the checks: linear SVMs over hashed n-grams, fitted on a sample of the rows.

A probe does not estimate the accuracy of a trained model. It shows whether labels can be predicted
from a text, a target or the removed boilerplate. Copies and groups never cross folds.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.stats import binomtest

from newsstand.data.checks.findings import View, numbered
from newsstand.features.hashed_ngrams import HashedNgrams
from newsstand.types import Bools, Floats, Ints

MAX_TRAIN_ROWS, MAX_TEST_ROWS = 7_000, 3_000  # of a sample
MAX_CHARACTERS = 3_000  # of a text
FOLDS = 3
PREDICTIVE = 0.1  # least share of errors avoided by something that predicts the label
MIN_ROWS = 100  # for fitting a probe
MIN_SCORED_ROWS = 30  # for measuring an accuracy
MAJORITY = "most frequent label"
_BITS = 18

Matrix = csr_array[np.float32]


@dataclass(frozen=True, slots=True)
class Sample:
    """The rows that probes are fitted and evaluated on.

    Args:
        rows: Row numbers, ascending.
        tested: Whether each row is a test row; the others are train and validation rows.
        texts: Features of the texts.
        labels: Label of each row.
        fold: Fold of each row; rows of one group, cluster or text share a fold.
        drawn: A remark for messages if these are not all rows, else empty.
    """

    rows: Ints
    tested: Bools
    texts: Matrix
    labels: Ints
    fold: Ints
    drawn: str

    @classmethod
    def of(cls, view: View) -> "Sample":
        """Draws a sample of rows by content and reads each distinct text once."""
        parts = (
            view.sample(view.at("train", "validation"), MAX_TRAIN_ROWS),
            view.sample(view.at("test"), MAX_TEST_ROWS),
        )
        rows = np.sort(np.concatenate([rows for rows, _ in parts]))
        _, first, number = np.unique(view.text[rows], return_index=True, return_inverse=True)
        texts = features(view.texts(rows[first].tolist(), MAX_CHARACTERS))
        cut = any(words for _, words in parts)
        drawn = f" (a sample of {len(rows):,} of {view.used.sum():,} rows)" if cut else ""
        return cls.of_rows(view, rows, texts[number], drawn)

    @classmethod
    def of_rows(cls, view: View, rows: Ints, texts: Matrix, drawn: str = "") -> "Sample":
        """Returns a sample of the given rows with the given features."""
        tested, labels = view.split[rows] == "test", view.label[rows]
        return cls(rows, tested, texts, labels, _folds(view)[rows], drawn)

    def only(self, kept: Bools) -> "Sample":
        """Returns the sample restricted to some of its rows."""
        return Sample(
            self.rows[kept],
            self.tested[kept],
            self.texts[kept],
            self.labels[kept],
            self.fold[kept],
            self.drawn,
        )

    def out_of_fold(self, folds: Ints) -> Floats:
        """Floats each row by a probe fitted on the other folds: shape (rows, labels)."""
        scores = np.full((len(self.rows), int(self.labels.max(initial=0)) + 1), -np.inf)
        for fold in np.unique(folds):
            out = folds == fold
            if not out.all():
                kept, labels = self.texts[~out], self.labels[~out]
                scores[out] = probe_scores(kept, labels, self.texts[out], scores.shape[1])
        return scores


def _folds(view: View) -> Ints:
    cluster = (
        view.text
        if view.news.near_duplicates is None
        else np.asarray(view.news.near_duplicates.cluster)
    )
    named = numbered(view.column("group"))
    group = np.where(named > 0, named + view.size, cluster) if named.any() else cluster
    kinds, number = np.unique(group, return_inverse=True)
    drawn = np.random.default_rng(view.seed).permutation(len(kinds))
    return drawn[number] % FOLDS


def features(texts: Sequence[str], keys: NDArray[np.uint64] | None = None) -> Matrix:
    """Returns tf-idf weights of word uni- and bigrams that occur in at least two texts."""
    counts = HashedNgrams(words=(1, 2), bits=_BITS).counts(texts, keys)
    frequency = np.bincount(counts.indices, minlength=counts.shape[1])
    kept = counts[:, np.flatnonzero(frequency > 1)]
    kept.data = (1 + np.log(kept.data)) * np.log1p(len(texts) / frequency[frequency > 1]).astype(
        np.float32
    )[kept.indices]
    norms = np.sqrt(kept.multiply(kept).sum(axis=1))
    kept.data /= np.repeat(np.maximum(norms, 1e-9), np.diff(kept.indptr)).astype(np.float32)
    return csr_array(kept)


def probe_scores(
    matrix: Matrix,
    labels: Ints,
    tested: Matrix,
    size: int,
    weights: NDArray[np.float64] | None = None,
) -> Floats:
    """Fits a linear SVM and scores the tested rows.

    Args:
        matrix: Features of the training rows.
        labels: Labels of the training rows.
        tested: Features of the rows to score.
        size: Number of labels.
        weights: Sample weights of the training rows.

    Returns:
        Floats, shape (tested rows, size); -inf for labels without training rows.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVC

    scores = np.full((tested.shape[0], size), -np.inf)
    kinds = np.unique(labels)
    if len(kinds) == 1 or not matrix.shape[1]:
        scores[:, np.bincount(labels, weights).argmax()] = 0.0
        return scores
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a probe need not converge
        model = LinearSVC(C=1.0, tol=1e-2, max_iter=300, random_state=0)
        model.fit(matrix, labels, sample_weight=weights)
    margins = model.decision_function(tested)
    scores[:, kinds] = margins if margins.ndim == 2 else np.stack([-margins, margins], axis=1) / 2
    return scores


def majority_label(labels: Ints) -> int:
    """Returns the most frequent label."""
    return int(np.bincount(labels).argmax())


def errors_avoided(correct: Bools, base: float) -> float:
    """Returns the share of a baseline's errors that are avoided, at least.

    Computed from the lower end of the accuracy's 95% Wilson interval, so 0 where chance could
    explain the difference.

    Args:
        correct: Whether each prediction is correct.
        base: Accuracy of the baseline, such as always predicting the most frequent label.

    >>> errors_avoided(np.ones(3, dtype=bool), 0.5)
    0.0
    >>> round(errors_avoided(np.ones(1000, dtype=bool), 0.5), 2)
    0.99
    """
    if not len(correct) or base >= 1:
        return 0.0
    accuracy = binomtest(int(correct.sum()), len(correct)).proportion_ci(0.95, method="wilson")
    return max(0.0, (float(accuracy.low) - base) / (1 - base))


def accuracy_lead(more: Bools, less: Bools) -> float:
    """Returns how far one accuracy is above another: the lower end of the 95% interval, or 0."""
    if not len(more) or not len(less):
        return 0.0
    noise = sum(float(x.mean()) * (1 - float(x.mean())) / len(x) for x in (more, less))
    return max(0.0, float(more.mean()) - float(less.mean()) - 1.96 * sqrt(noise))
