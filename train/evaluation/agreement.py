"""How well annotators agree, beside the model, from the votes of rows."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array

from newsstand.train.evaluation.bootstrap import Figures, effective_groups, intervals
from newsstand.train.evaluation.result import Agreement
from newsstand.train.evaluation.rows import EvaluatedRows
from newsstand.train.evaluation.sums import ratio
from newsstand.types import Floats, Ints

_CORRECT_AND_WRONG = ((1.0, 1.0, 1.0), (1.0, 0.0, 0.0))  # virtual rows
_MIN_ROWS = 2


def agreement(rows: EvaluatedRows, groups: Ints, *, count: int, seed: int) -> Agreement | None:
    """The agreement of annotators on rows with several votes; None if there are fewer than 2.

    Each vote is compared with the majority of the row's other votes, and so is the model's
    prediction. If several labels have a majority, each counts with an equal share. Each row counts
    once.

    Args:
        rows: The rows.
        groups: The group number of each row.
        count: Number of resamples.
        seed: Of the draws.
    """
    votes = rows.columns["votes"].to_pylist()
    several = [place for place, row in enumerate(votes) if row is not None and len(row) > 1]
    if len(several) < _MIN_ROWS:
        return None
    names = list(rows.labels)
    predicted = [names[place] for place in rows.predicted[several].tolist()]
    voted = [votes[place] for place in several]
    compared = [_agree(row, label) for row, label in zip(voted, predicted, strict=True)]
    columns = csr_array(np.array([(1.0, *row) for row in compared]))
    of = np.unique(groups[several], return_inverse=True)[1].astype(np.int64)
    figures = Figures(
        columns=columns,
        values=lambda sums: ratio(sums[..., 1:], sums[..., :1]),
        virtual=csr_array(np.array(_CORRECT_AND_WRONG)),
        effective=np.repeat(effective_groups(of, csr_array(columns[:, [0]])), 2),
    )
    found = intervals(figures, of, count, seed)
    return Agreement(
        rows=len(several),
        annotators=found.estimate(0),
        model=found.estimate(1),
        alpha=krippendorff_alpha(voted),
    )


def _agree(votes: Sequence[str], predicted: str) -> tuple[float, float]:
    """How often a vote, and how often the model, agrees with the majority of the other votes."""
    counts, of_vote, of_model = Counter(votes), 0.0, 0.0
    for vote, times in counts.items():
        others = counts - Counter([vote])
        most = max(others.values())
        majority = [label for label, number in others.items() if number == most]
        of_vote += times * (vote in majority) / len(majority)
        of_model += times * (predicted in majority) / len(majority)
    return of_vote / len(votes), of_model / len(votes)


def krippendorff_alpha(votes: Sequence[Sequence[str]]) -> float:
    """Krippendorff's alpha for nominal labels: 1 is perfect agreement, 0 that of chance.

    Krippendorff 2011, Computing Krippendorff's Alpha-Reliability. Rows with one vote are left out;
    if all votes are equal, alpha is 1.

    >>> krippendorff_alpha([["a", "a"], ["a", "b"], ["b", "b"]])
    0.4444444444444444
    """
    rows = [Counter(row) for row in votes if len(row) > 1]
    sizes = np.array([row.total() for row in rows], dtype=np.float64)
    unequal = np.array(
        [n**2 - sum(x**2 for x in row.values()) for n, row in zip(sizes, rows, strict=True)]
    )
    totals: Floats = np.array(list(sum(rows, Counter()).values()), dtype=np.float64)
    total = totals.sum()
    expected = total**2 - np.square(totals).sum()
    observed = (unequal / (sizes - 1)).sum()
    return float(1 - (total - 1) * observed / expected) if expected else 1.0
