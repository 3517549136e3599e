"""Settings of the loader of `newsstand.data`, as plain objects that a config builds.

The defaults of the config's sections are defined here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from newsstand.io.records import CsvFormat
from newsstand.io.values import MOST_COLUMNS
from newsstand.text.normalize import TextSpec

Split: TypeAlias = Literal["train", "validation", "test"]
Strategy: TypeAlias = Literal["given", "random", "stratified", "grouped", "time", "unseen"]
By: TypeAlias = Literal["group", "outlet", "target", "author", "text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitSpec:
    """How rows are split into train, validation and test.

    Args:
        strategy: `given` needs train and test rows in the data. `random` ignores labels,
            `stratified` keeps label shares. `grouped` also keeps rows with the same value of a
            `by` column together. `time` tests on the latest rows, `unseen` on values of the `by`
            columns that no other split has.
        by: Columns for `grouped` and `unseen`.
        validation: Share of the training rows to hold out.
        test: Share of the rows without a split to hold out.
        gap_days: With `time`, days left out between the splits.
        hold_out: With `unseen`, the values to test on, instead of drawn ones.
        folds: Number of folds; one of them is the test split (with given test rows, the
            validation split) instead of a share. With `time`, training rows precede the fold.
        fold: Number of the fold, from 0.
        ignore_given: Whether to ignore given splits and draw all.
    """

    strategy: Strategy = "stratified"
    by: tuple[By, ...] = ()
    validation: float = 0.1
    test: float = 0.2
    gap_days: int = 0
    hold_out: tuple[str, ...] = ()
    folds: int | None = None
    fold: int = 0
    ignore_given: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSpec:
    """How records are converted to rows.

    Args:
        columns: Maps canonical columns to names in the files; `label` also to several names, one
            for each annotator.
        labels: Maps labels in the files to labels of the scheme.
        separator: Separator of the labels of several annotators in one text.
        dates: `day-first` or `month-first`, for dates such as 05/03/2019.
        dates_strict: Whether an invalid date is a problem; else the row is undated.
        empty_bodies: `drop` leaves out rows without a body, `keep` uses those with a title.
        fold_case: Whether labels that differ only in case and spacing are merged.
        unknown_labels: `refuse` makes a label outside of the scheme a problem, `drop` leaves its
            row out and counts it.
    """

    columns: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    separator: str | None = None
    dates: Literal["day-first", "month-first"] | None = None
    dates_strict: bool = False
    empty_bodies: Literal["drop", "keep"] = "drop"
    fold_case: bool = False
    unknown_labels: Literal["refuse", "drop"] = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class NearDuplicateSpec:
    """When two texts are near-duplicates.

    Args:
        share: Least share of the shorter text's words that both contain; above 0, at most 1.
        window_days: Most days between the publications of linked texts, which may also be linked
            through others. A text without a date is within every window.
    """

    share: float = 0.5
    window_days: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSpec:
    """Location of rows, how they are read, and how they are used.

    Args:
        format: A key of `FORMATS`.
        path: A file, folder, glob or `hf:NAME[:CONFIG]`; None for the embedded corpus.
        files: File or glob under `path` for each split; None or absent for splits without one.
        csv: The known settings of CSV files.
        max_columns: The most columns of a table.
        unseen_only: Whether VAST's validation and test rows with topics of its training rows are
            left out.
        read: How records become rows.
        name: Unique name of one of several sources, for metrics and messages.
        weight: Weight of its training rows in the loss.
        only: The given splits whose rows are used; empty for all.
        split: The split of all its rows, `none` to ignore given splits, settings to split its rows
            separately, or None to keep given splits.
    """

    format: str
    path: str | None = None
    files: Mapping[str, str | None] = field(default_factory=dict)
    csv: CsvFormat = field(default_factory=CsvFormat)
    max_columns: int = MOST_COLUMNS
    unseen_only: bool = False
    read: ReadSpec = field(default_factory=ReadSpec)
    name: str = ""
    weight: float = 1.0
    only: tuple[Split, ...] = ()
    split: Split | Literal["none"] | SplitSpec | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSpec:
    """Labelled rows, and how they are prepared and split.

    Args:
        task: `topic` or `stance`.
        labels: A scheme's name, `from-data`, or a list of labels.
        sources: One source of rows, or several.
        text: How text is prepared.
        repeats: `drop` keeps one of several rows with the same text (and target), or none if
            their labels differ; `keep` keeps all.
        near_duplicates: When texts are near-duplicates; None to skip the search.
        split: How rows without a given split are split.
        seed: Seed of the draws.
    """

    task: Literal["topic", "stance"]
    labels: str | tuple[str, ...]
    sources: SourceSpec | tuple[SourceSpec, ...]
    text: TextSpec
    repeats: Literal["drop", "keep"]
    near_duplicates: NearDuplicateSpec | None
    split: SplitSpec
    seed: int
