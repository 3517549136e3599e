"""What the loader of `newsstand.data` is asked for, as plain objects that a config builds.

Each default stands here, and the config's sections take it from here.
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
    """How rows are shared out over train, validation and test.

    Args:
        strategy: `given` needs train and test rows in the data. `random` draws without regard to
            labels, `stratified` keeps each label's share. `grouped` does, too, and keeps rows
            with the same value of a `by` column together. `time` tests on the latest rows,
            `unseen` on values of the `by` columns that no other split has.
        by: Columns for `grouped` and `unseen`.
        validation: Share of the training rows to hold out.
        test: Share of the rows without a split to hold out.
        gap_days: With `time`, days left out between the splits.
        hold_out: With `unseen`, the values to test on, instead of drawn ones.
        folds: Make one of so many parts the test split (with given test rows, the validation
            split) instead of a share. By `time`, each part is tested on what came before it.
        fold: Which part, from 0.
        ignore_given: Draw all anew.
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
    """How records become rows.

    Args:
        columns: Canonical column to its name in the files; of `label` also several names,
            one an annotator.
        labels: Label in the files to label of the scheme.
        separator: What stands between the labels of several annotators in one text.
        dates: `day-first` or `month-first`, for dates such as 05/03/2019.
        dates_strict: Whether a date that is not understood is a problem; else the row is undated.
        empty_bodies: `drop` leaves rows without a body out, `keep` takes those with a title.
        fold_case: Whether labels that only case and blanks tell apart are one.
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
    """When two texts count as one story told twice.

    Args:
        share: Share of the shorter text's words that both have; above 0, at most 1.
        window_days: Texts published further apart are not linked, though a third may link both.
            A text without a date is within every window.
    """

    share: float = 0.5
    window_days: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSpec:
    """Where rows are, how they are read, and what becomes of them beside those of other sources.

    Args:
        format: How the files are written, as in the config.
        path: A file, folder, glob or `hf:NAME[:CONFIG]`; None for the embedded corpus.
        files: Split to file or glob under `path`; splits without one are absent or None.
        csv: How files of cells are written, as far as that is known.
        max_columns: Columns of a table at most.
        unseen_only: Whether VAST's rows with topics of its training rows are left out of its
            validation and test rows.
        read: How records become rows.
        name: Of one of several sources: what figures and messages call it; all names differ.
        weight: What its training rows count in the loss.
        only: The given splits whose rows are used; empty for all.
        split: A split that all rows go to, `none` to draw all, how to share these rows out alone,
            or None to keep what the files give.
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
    """Labelled rows, and how they are prepared and split; the defaults are those of the config.

    Args:
        task: `topic` or `stance`.
        labels: A scheme's name, `from-data`, or a list of labels.
        sources: Where the rows are: in one place, or in several.
        text: How text is prepared.
        repeats: `drop` keeps one of several rows with the same text (and target), and none when
            their labels differ.
        near_duplicates: None does not look for them.
        split: How rows are shared out where the files do not say.
        seed: Seed of the draw.
    """

    task: Literal["topic", "stance"]
    labels: str | tuple[str, ...]
    sources: SourceSpec | tuple[SourceSpec, ...]
    text: TextSpec
    repeats: Literal["drop", "keep"]
    near_duplicates: NearDuplicateSpec | None
    split: SplitSpec
    seed: int
