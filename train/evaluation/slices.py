"""Accuracy and macro-F1 on parts of the rows, and which are significantly below the rest."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from scipy.sparse import coo_array, csr_array, hstack
from scipy.stats import t as student_t

from newsstand.train.evaluation.bootstrap import (
    MIN_GROUPS,
    Figures,
    codes_of,
    effective_groups,
    intervals,
)
from newsstand.train.evaluation.multiple_tests import holm
from newsstand.train.evaluation.result import SliceMetrics
from newsstand.train.evaluation.rows import EvaluatedRows
from newsstand.train.evaluation.sums import Predictions, Sums, label_counts, one_hot, ratio, total
from newsstand.types import Floats, Ints

MIN_ROWS = 30  # of a slice, and of the other rows
_MOST_VALUES = 25  # of outlets, targets and so on, those with the most rows
_SIGNIFICANT = 0.05
_MONTH = 7  # characters of 2024-05
_WORDS = {
    "under 100 words": 0,
    "100 to 299 words": 100,
    "300 to 799 words": 300,
    "800 words or more": 800,
}
_QUOTED = {
    "no quotes": 0.0,
    "up to 20% quoted": np.nextafter(0.0, 1.0),
    "20% to 50% quoted": 0.2,
    "over 50% quoted": 0.5,
}
_NAMED = ("outlet", "target", "genre", "language", "source")  # columns with values of their own


@dataclass(frozen=True, slots=True)
class Slicing:
    """A way to divide the rows.

    Args:
        by: What the rows of a slice share.
        values: The value of each slice.
        codes: The slice of each row, as index into `values`; -1 for rows in none.
    """

    by: str
    values: list[str]
    codes: Ints


def slicings(rows: EvaluatedRows, groups: Ints) -> list[Slicing]:
    """The slices of rows that are large enough.

    A slice has at least 30 rows, of at least 5 groups, and leaves as many. Of each kind, up to 25
    slices with the most rows are kept.

    Args:
        rows: The rows.
        groups: The group number of each row.
    """
    columns = rows.columns
    found = [_of_column(name, columns[name]) for name in _NAMED]
    for name in ("outlet", "target"):
        seen = columns[f"{name}_seen"].fill_null(False).to_numpy(zero_copy_only=False)
        codes = np.where(columns[f"{name}_seen"].is_null(), -1, np.where(seen, 0, 1))
        found.append(Slicing(f"{name} seen", ["seen", "unseen"], codes.astype(np.int64)))
    months = [x[:_MONTH] if x else None for x in columns["published"].to_pylist()]
    months = [x if x and len(x) == _MONTH else None for x in months]
    found.append(_of_column("month", pa.array(months, pa.string())))
    found.append(_binned("length", columns["words"], _WORDS))
    found.append(_binned("quote share", columns["quote_share"], _QUOTED))
    kept = (_large(slicing, groups) for slicing in found)
    return [slicing for slicing in kept if slicing.values]


def _of_column(by: str, column: pa.Array) -> Slicing:
    return Slicing(by, column.unique().drop_null().to_pylist(), codes_of(column))


def _binned(by: str, column: pa.Array, lowest: Mapping[str, float]) -> Slicing:
    numbers = column.cast(pa.float64()).fill_null(float("nan")).to_numpy()
    codes = np.searchsorted(list(lowest.values()), numbers, side="right") - 1
    return Slicing(by, list(lowest), np.where(np.isnan(numbers), -1, codes).astype(np.int64))


def _large(slicing: Slicing, groups: Ints) -> Slicing:
    """Without small slices; bins and months stay in their order, others are sorted by rows."""
    member = slicing.codes >= 0
    size = len(slicing.values)
    rows = np.bincount(slicing.codes[member], minlength=size)
    of_groups = _groups(slicing.codes, groups, size)
    large = (rows >= MIN_ROWS) & (len(groups) - rows >= MIN_ROWS) & (of_groups >= MIN_GROUPS)
    order = np.argsort(-rows, kind="stable")
    chosen = order[large[order]][:_MOST_VALUES]
    if slicing.by not in _NAMED:
        chosen = np.sort(chosen)
    if slicing.by == "month":
        chosen = np.array(sorted(chosen, key=lambda place: slicing.values[place]), dtype=np.int64)
    place = np.full(size + 1, -1, dtype=np.int64)  # the last one is that of -1
    place[chosen] = np.arange(len(chosen))
    return Slicing(slicing.by, [slicing.values[x] for x in chosen], place[slicing.codes])


def _groups(codes: Ints, groups: Ints, size: int) -> Ints:
    """The number of groups in each slice."""
    member = codes >= 0
    pairs = np.unique(np.stack([codes[member], groups[member]]), axis=1)
    return np.bincount(pairs[0], minlength=size).astype(np.int64)


def slice_metrics(
    rows: EvaluatedRows, groups: Ints, grouped_by: str | None, *, count: int, seed: int
) -> list[SliceMetrics]:
    """The metrics of all slices that are large enough.

    The accuracy of a slice is compared with that of all other rows by a t-test with the bootstrap's
    standard error. p-values are corrected for the number of slices (Holm 1979, A Simple
    Sequentially Rejective Multiple Test Procedure). The slices of the column that gives the groups
    are compared as they are, so their rows are resampled by themselves.

    Args:
        rows: The rows.
        groups: The group number of each row.
        grouped_by: The column that gives the groups, or None.
        count: Number of resamples.
        seed: Of the draws.
    """
    predictions = Predictions(rows.probabilities, rows.truth, list(rows.labels))
    alone = np.arange(len(rows))
    found = [
        (slicing, of)
        for own, of in ((True, alone), (False, groups))
        for slicing in slicings(rows, of)
        if (slicing.by == grouped_by) == own
    ]
    parts = [_compared(slicing, predictions, of, count, seed) for slicing, of in found]
    return _corrected([part for several in parts for part in several])


def _compared(
    slicing: Slicing, predictions: Predictions, groups: Ints, count: int, seed: int
) -> list[SliceMetrics]:
    """The metrics of the slices of one kind; their p-values are not corrected."""
    size = len(slicing.values)
    member = one_hot(slicing.codes, size)
    effective = effective_groups(groups, member)
    others = effective_groups(groups, csr_array(1 - member.toarray()))
    least = np.minimum(effective, others)
    figures = _figures(slicing, predictions, np.concatenate([effective, effective, least]))
    found = intervals(figures, groups, count, seed)
    difference, error = found.value[2 * size :], found.error[2 * size :]
    p = 2 * student_t.sf(np.abs(difference) / error, np.maximum(least - 1, 1))
    rows, of_groups = member.sum(axis=0), _groups(slicing.codes, groups, size)
    return [
        SliceMetrics(
            by=slicing.by,
            value=value,
            rows=int(rows[place]),
            groups=int(of_groups[place]),
            accuracy=found.estimate(place),
            macro_f1=found.estimate(size + place),
            others=float(found.value[place] - difference[place]),
            p=float(p[place]),
            below=bool(difference[place] < 0),
        )
        for place, value in enumerate(slicing.values)
    ]


def _figures(slicing: Slicing, predictions: Predictions, effective: Floats) -> Figures:
    """Accuracy, macro-F1, and accuracy minus that of the other rows, of each slice."""
    counts = coo_array(label_counts(predictions))
    size, width = len(slicing.values), counts.shape[1]
    codes = slicing.codes[counts.row]
    kept = codes >= 0
    places = (counts.row[kept], codes[kept] * width + counts.col[kept])
    shape = (len(slicing.codes), size * width)
    parted = csr_array((counts.data[kept], places), shape=shape)
    columns = csr_array(hstack([parted, csr_array(counts)]))

    def values(sums: Floats) -> Floats:
        of = Sums.of(predictions.labels, sums.reshape(*sums.shape[:-1], size + 1, width))
        rows, correct = of.rows, of.correct.sum(axis=-1)
        others = ratio(correct[..., -1:] - correct, rows[..., -1:] - rows)
        accuracy, macro_f1 = of.accuracy, of.macro_f1
        figures = (accuracy, macro_f1, accuracy - others)
        return np.concatenate([x[..., :-1] for x in figures], axis=-1)

    of_all = total(columns).reshape(size + 1, width)
    return Figures(columns=columns, values=values, virtual=_virtual(of_all), effective=effective)


def _virtual(counts: Floats) -> csr_array:
    """A correct and a wrong virtual row in each part, spread evenly over the part's true labels.

    Args:
        counts: Sums of `label_counts`, shape (parts, 3 * labels).
    """
    true, _, _ = np.split(counts, 3, axis=1)
    share = (true > 0) / np.maximum((true > 0).sum(axis=1, keepdims=True), 1)
    correct = np.concatenate([share, share, share], axis=1)
    wrong = np.concatenate([share, share, 0 * share], axis=1)
    return csr_array(np.stack([correct.ravel(), wrong.ravel()]))


def _corrected(parts: Iterable[SliceMetrics]) -> list[SliceMetrics]:
    """With p-values corrected by Holm's method."""
    slices = list(parts)
    corrected = holm([part.p for part in slices])
    return [
        replace(part, p=p, below=part.below and p < _SIGNIFICANT)
        for part, p in zip(slices, corrected, strict=True)
    ]
