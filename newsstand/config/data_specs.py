"""Arguments of the loader in `newsstand.data`, as plain objects that a config creates.

The defaults are defined here; the sections of the config use them.
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
    """How rows are divided into training, validation and test split.

    Args:
        strategy: `given` needs training and test rows in the data. `random` draws regardless of
            labels; `stratified` keeps the share of each label; `grouped` does so, too, and keeps
            rows with the same value in a `by` column together. `time` tests on the latest rows;
            `unseen` tests on values of the `by` columns that no other split has.
        by: Columns for `grouped` and `unseen`.
        validation: Share of the training rows to hold out.
        test: Share of the rows without a split to hold out.
        gap_days: With `time`, days left out between the splits.
        hold_out: With `unseen`, the values to test on; empty to draw them.
        folds: Number of folds, of which one is the test split (with given test rows, the validation
            split) instead of a share. With `time`, each fold is tested on the rows before it.
        fold: Number of the held-out fold, from 0.
        ignore_given: Ignore given splits and draw all.
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
        columns: Canonical column to its name in the files; for `label`, also several names, one
            per annotator.
        labels: Label in the files to label of the scheme.
        separator: Separator between the labels of several annotators in one cell.
        dates: `day-first` or `month-first`, for dates such as 05/03/2019.
        dates_strict: Whether an unreadable date is a problem; otherwise the row has no date.
        empty_bodies: `drop` leaves out rows without a body; `keep` keeps those with a title.
        fold_case: Whether labels that differ only in case and blanks are the same.
    """

    columns: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    separator: str | None = None
    dates: Literal["day-first", "month-first"] | None = None
    dates_strict: bool = False
    empty_bodies: Literal["drop", "keep"] = "drop"
    fold_case: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NearDuplicateSpec:
    """When two texts are near-duplicates.

    Args:
        share: Minimum share of the shorter text's words that both have; above 0, at most 1.
        window_days: Texts published more days apart are not linked directly, but a third text can
            link them. A text without a date is within every window.
    """

    share: float = 0.5
    window_days: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSpec:
    """A source of rows: where they are, how they are read, and how they are split.

    Args:
        format: Format of the files, a key of `FORMATS`.
        path: A file, folder, glob or `hf:NAME[:CONFIG]`; None for the embedded corpus.
        files: Split to file or glob under `path`; splits without one are absent or None.
        csv: The known part of the dialect of CSV and TSV files.
        max_columns: Maximum number of columns of a table.
        unseen_only: Whether VAST's validation and test rows with topics of training rows are left
            out.
        read: How records are converted to rows.
        name: Unique name in metrics and messages, if there are several sources.
        weight: Weight of its training rows in the loss.
        only: The given splits whose rows are used; empty for all.
        split: A split that all rows go to, `none` to draw all, how to split these rows separately,
            or None to keep the splits in the files.
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
        labels: The name of a scheme, `from-data`, or a list of labels.
        sources: One source of rows, or several.
        text: How text is prepared.
        repeats: `drop` keeps one of several rows with the same text (and target), and none if their
            labels differ; `keep` keeps all.
        near_duplicates: When texts are near-duplicates; None skips the search.
        split: How rows without a given split are split.
        seed: Seed of the split.
    """

    task: Literal["topic", "stance"]
    labels: str | tuple[str, ...]
    sources: SourceSpec | tuple[SourceSpec, ...]
    text: TextSpec
    repeats: Literal["drop", "keep"]
    near_duplicates: NearDuplicateSpec | None
    split: SplitSpec
    seed: int
