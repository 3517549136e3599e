"""Shares of labels by outlet, month or other columns, corrected for the classifier's errors."""

import csv
import io
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from newsstand.errors import InputError
from newsstand.io.values import listing
from newsstand.train.monitor.quantify import Method, Quantifier
from newsstand.train.monitor.scored import KnownModel, Scored, in_order, known_model
from newsstand.types import Floats

LEAST_ROWS = 30  # of a cell; with fewer, it is marked
MOST_CELLS = 5_000
NOT_GIVEN = "(not given)"
CONFIDENCE = 0.95
RESAMPLES = 300

# What each correction takes for granted; shown with the result.
ASSUMPTION = (
    "articles of a label are like the held-out ones of that label, only the shares of the labels "
    "differ (prior probability shift); `newsstand drift` looks for signs against it"
)

COUNTED = "nothing is corrected: predictions are counted"

# Called with the cells done and their number.
Report = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelShare:
    """The share of a label in a cell, each value from 0 to 1.

    Args:
        label: The label.
        name: Its readable name.
        counted: Share of the rows with this predicted label.
        share: The estimate.
        low: Lower end of its interval.
        high: Upper end.
    """

    label: str
    name: str
    counted: float
    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Rows with the same values in the columns of `by`.

    Args:
        values: Value by column.
        rows: Number of rows.
        few_rows: Whether there are fewer than `LEAST_ROWS`.
        shares: One for each label, in the model's order.
    """

    values: Mapping[str, str]
    rows: int
    few_rows: bool
    shares: Sequence[LabelShare]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prevalence:
    """Shares of labels by cell.

    Args:
        model: URI of the model.
        digest: The hash of its bundle.
        method: How shares are estimated.
        by: The columns.
        rows: Number of scored rows.
        held_out: Number of held-out rows that the correction is estimated from.
        groups: Number of independent groups among them, that are resampled.
        recalibrated: Whether probabilities are calibrated again for each label.
        resamples: Number of bootstrap resamples.
        confidence: Of the intervals.
        assumption: What the correction assumes.
        notes: What else to know, one line each.
        cells: In the order of their values.
    """

    model: str
    digest: str
    method: Method
    by: Sequence[str]
    rows: int
    held_out: int
    groups: int
    recalibrated: bool
    resamples: int
    confidence: float
    assumption: str
    notes: Sequence[str]
    cells: Sequence[Cell]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    def csv(self) -> str:
        """One line per cell and label: columns of `by`, label, shares, rows."""
        stream = io.StringIO()
        table = csv.writer(stream, lineterminator="\n")
        named = ("label", "label_name", "rows", "few_rows", "counted", "share", "low", "high")
        table.writerow([*self.by, *named])
        for cell in self.cells:
            for x in cell.shares:
                shares = (f"{value:.6f}" for value in (x.counted, x.share, x.low, x.high))
                few = str(cell.few_rows).lower()
                table.writerow([*cell.values.values(), x.label, x.name, cell.rows, few, *shares])
        return stream.getvalue()


def prevalence(
    paths: Sequence[Path],
    by: Sequence[str],
    *,
    method: Method = "emq",
    model: str | None = None,
    columns: Mapping[str, str] | None = None,
    dates: str | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    report: Report | None = None,
) -> Prevalence:
    """The shares of labels in scored files.

    Args:
        paths: Files that `newsstand score -o` has written, all by one model.
        by: Columns; rows with the same values are a cell. `month` is that of `published`. Stances
            are always divided by target too.
        method: See `newsstand.train.monitor.quantify`.
        model: URI of the model that scored the rows, if it is no longer where they say.
        columns: Names in the files of columns that are called otherwise there.
        dates: `day-first` or `month-first`, for dates such as 05/03/2019.
        resamples: Number of bootstrap resamples.
        seed: Of the resamples.
        report: Called after each cell.

    Raises:
        InputError: A file cannot be used, or the model is not the one that scored the rows.
        BundleError: The model is missing or has no reference data.
        NewsstandError: QuaPy is not installed.
    """
    scored = Scored(paths, columns or {}, dates=dates)
    known = known_model(model, scored)
    scored.wanted = by = _by(by, known)
    quantifier = _quantifier(known, method, resamples, seed)
    cells, warned = _cells(scored, known)
    return Prevalence(
        model=known.uri,
        digest=known.digest,
        method=method,
        by=by,
        rows=sum(map(len, cells.values())),
        held_out=len(known.reference),
        groups=quantifier.groups,
        recalibrated=quantifier.recalibrated,
        resamples=resamples,
        confidence=CONFIDENCE,
        assumption="nothing is corrected: predictions are counted"
        if method == "cc"
        else ASSUMPTION,
        notes=_notes(known, cells, warned, scored.unread_dates),
        cells=_estimated(quantifier, cells, by, known, report),
    )


def _quantifier(known: KnownModel, method: Method, resamples: int, seed: int) -> Quantifier:
    data = known.reference
    return Quantifier(
        method,
        data.probabilities,
        data.truth,
        data.groups,
        resamples=resamples,
        seed=seed,
        confidence=CONFIDENCE,
    )


def _by(by: Sequence[str], known: KnownModel) -> list[str]:
    """The columns, once each; stances toward different targets are never added up."""
    columns = list(dict.fromkeys(by))
    return ["target", *columns] if known.task == "stance" and "target" not in columns else columns


def _cells(scored: Scored, known: KnownModel) -> tuple[dict[tuple[str, ...], Floats], int]:
    """The probabilities of the rows of each cell, and the number of rows with warnings."""
    cells: dict[tuple[str, ...], array[float]] = {}
    warned = 0
    for row in scored.rows():
        key = tuple(row.texts.get(name, NOT_GIVEN) for name in scored.wanted)
        if key not in cells:
            if len(cells) == MOST_CELLS:
                raise InputError(
                    f"--by {','.join(scored.wanted)}: more than {MOST_CELLS:,} different values"
                )
            cells[key] = array("f")
        cells[key].extend(in_order(row, known.labels))
        warned += row.warning
    shape = (-1, len(known.labels))
    ordered = {key: np.array(cells[key], dtype=np.float64).reshape(shape) for key in sorted(cells)}
    return ordered, warned


def _notes(
    known: KnownModel, cells: Mapping[tuple[str, ...], Floats], warned: int, unread_dates: int
) -> list[str]:
    held_out = np.bincount(known.reference.truth, minlength=len(known.labels)).tolist()
    names = list(known.labels.values())
    unknown = [name for name, count in zip(names, held_out, strict=True) if not count]
    few = sum(len(rows) < LEAST_ROWS for rows in cells.values())
    lines = {
        f"{few:,} of {len(cells):,} with fewer than {LEAST_ROWS} rows are marked *": few,
        f"no held-out row has the label {listing(unknown)}: its errors are not known": unknown,
        f"{warned:,} rows have warnings, such as that the text isn't about the target": warned,
        f"{unread_dates:,} dates cannot be read; their month is {NOT_GIVEN}": unread_dates,
    }
    return [line for line, shown in lines.items() if shown]


def _estimated(
    quantifier: Quantifier,
    cells: Mapping[tuple[str, ...], Floats],
    by: Sequence[str],
    known: KnownModel,
    report: Report | None,
) -> list[Cell]:
    made = []
    for key, rows in cells.items():
        found = quantifier(rows)
        values = (found.counted, found.corrected, found.low, found.high)
        labels = zip(known.labels.items(), *(x.tolist() for x in values), strict=True)
        made.append(
            Cell(
                values=dict(zip(by, key, strict=True)),
                rows=len(rows),
                few_rows=len(rows) < LEAST_ROWS,
                shares=[
                    LabelShare(
                        label=label, name=name, counted=counted, share=share, low=low, high=high
                    )
                    for (label, name), counted, share, low, high in labels
                ],
            )
        )
        if report:
            report(len(made), len(cells))
    return made
