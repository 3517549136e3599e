"""Chooses among texts those that a model is unsure of and that are unlike each other.

The strategy is diverse mini-batch active learning (Zhdanov 2019, arXiv:1901.05954). The candidates
are the articles with the smallest margins between the probabilities of the two likeliest labels,
several for each article to choose. Their texts are clustered by k-means, weighted by uncertainty,
and the article nearest to each centre is chosen. tests/bench/suggest.py compares it with others.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from newsstand.config.data_specs import NearDuplicateSpec
from newsstand.data.splits.near_duplicates import near_duplicates
from newsstand.types import Floats, Ints

CANDIDATES = 10  # for each article to choose
_DIMENSIONS = 64  # of the texts that are clustered
_BITS = 18  # of their hashed words


def uncertainty(probabilities: Floats) -> Floats:
    """1 less the margin between the two highest probabilities of each row, shape (rows,).

    >>> uncertainty(np.array([[0.5, 0.5], [0.9, 0.1]])).round(1).tolist()
    [1.0, 0.2]
    """
    if probabilities.shape[1] < 2:
        return np.zeros(len(probabilities))
    highest = np.sort(probabilities, axis=1)[:, -2:]
    margins: Floats = 1.0 - (highest[:, 1] - highest[:, 0])
    return margins


def choose(
    texts: Sequence[str],
    targets: Sequence[str],
    weights: Floats,
    *,
    count: int,
    seed: int = 0,
) -> Ints:
    """Chooses texts that are unlike each other and have large weights.

    Of near-duplicates with the same target, only the one with the largest weight is chosen.

    Args:
        texts: The candidates.
        targets: The target of each, or an empty string.
        weights: The uncertainty of each, shape (texts,), 0 or more.
        count: Number of texts to choose; all different ones if there are not more.
        seed: Of the clustering.

    Returns:
        int64: places of the chosen texts, ascending; the same for the same input.
    """
    different = _different(texts, targets, weights)
    if len(different) <= count:
        return different
    from sklearn.cluster import KMeans

    rows = _vectors([texts[x] for x in different], [targets[x] for x in different], seed)
    # A weight of zero for all would leave nothing to cluster by.
    heavy = np.maximum(weights[different], 1e-6)
    distinct = len(np.unique(rows, axis=0))
    clusters = KMeans(min(count, distinct), n_init=1, max_iter=50, random_state=seed)
    cluster = clusters.fit(rows, sample_weight=heavy).labels_
    distance = ((rows - clusters.cluster_centers_[cluster]) ** 2).sum(axis=1)
    nearest = np.lexsort((distance, cluster))
    first = np.concatenate([[True], np.diff(cluster[nearest]) > 0])
    chosen = different[nearest[first]]
    rest = np.setdiff1d(different, chosen)
    more = rest[np.argsort(-weights[rest], kind="stable")][: count - len(chosen)]
    return np.sort(np.concatenate([chosen, more])).astype(np.int64)


def _different(texts: Sequence[str], targets: Sequence[str], weights: Floats) -> Ints:
    """The places of one text of each group of near-duplicates with the same target, ascending."""
    cluster = near_duplicates([list(texts)], NearDuplicateSpec()).cluster.tolist()
    first: dict[str, int] = {}  # equal texts; short ones have no near-duplicates
    best: dict[tuple[int, str], int] = {}
    for place, (text, target) in enumerate(zip(texts, targets, strict=True)):
        key = cluster[first.setdefault(text, place)], target
        if key not in best or weights[place] > weights[best[key]]:
            best[key] = place
    return np.array(sorted(best.values()), dtype=np.int64)


def _vectors(texts: Sequence[str], targets: Sequence[str], seed: int) -> NDArray[np.float64]:
    """tf-idf of hashed words, and of the targets, in few dimensions; rows of length 1."""
    from scipy.sparse import hstack
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
    from sklearn.preprocessing import normalize

    words = HashingVectorizer(n_features=1 << _BITS, alternate_sign=False, norm=None)
    counts = [words.transform(texts)]
    if any(targets):
        counts.append(words.transform(targets))
    blocks = []
    for block in counts:
        shared = block[:, np.flatnonzero(block.getnnz(axis=0) > 1)]
        if shared.shape[1]:  # a word of one text makes it like no other
            blocks.append(TfidfTransformer(sublinear_tf=True).fit_transform(shared))
    if not blocks:
        return np.zeros((len(texts), 1))
    matrix = hstack(blocks, format="csr")
    dimensions = min(_DIMENSIONS, matrix.shape[0] - 1, matrix.shape[1])
    dense = TruncatedSVD(dimensions, random_state=seed).fit_transform(matrix)
    rows: NDArray[np.float64] = normalize(dense)
    return rows
