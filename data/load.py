"""Loads labelled news: reads, validates, prepares and splits its rows."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import datasets
import numpy as np
from numpy.typing import NDArray

from newsstand.config.data_specs import DataSpec, NearDuplicateSpec, SourceSpec
from newsstand.data.code_key import code_key
from newsstand.data.join import ConfiguredSource, Origins, prepare_sources
from newsstand.data.notes import Note
from newsstand.data.prepare import PreparedRows, prepare, values
from newsstand.data.readers.sources import SPLITS
from newsstand.data.sealed import DamagedError, discard, load_arrays, save_arrays
from newsstand.data.splits.near_duplicates import NearDuplicates, near_duplicates
from newsstand.data.splits.placement import PlacementColumns, no_rows, place_rows
from newsstand.errors import DataError
from newsstand.labels import LabelSet
from newsstand.progress import ProgressCallback


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsData:
    """Labelled rows, prepared and split.

    Args:
        rows: All usable rows, in file order: the canonical columns, and `prepared_title`,
            `prepared_body`, `removed`, `warning`, `text_key`. `label` is a ClassLabel over the
            labels that occur.
        labels: The labels of the rows that are in a split, in the order of the scheme.
        split: The split of each row: `train`, `validation`, `test`, or an empty string.
        left_out: Number of rows in no split, by reason.
        near_duplicates: Near-duplicates among the rows; None if they were not searched.
        note: How the splits were made, in one line.
        problems: One line for each unusable record.
        ties: Number of records dropped for tied annotators' votes.
        digest: 32 hexadecimal digits; equal for the same rows in the same order and splits.
        cached: Whether the rows were prepared by an earlier run.
        folder: Folder of the prepared rows.
        refit_only: Numbers of the rows left out only to keep validation apart from training.
        notes: Omitted rows and values, by kind.
        origins: The source of each row, if there are several.
    """

    rows: datasets.Dataset
    labels: LabelSet
    split: list[str]
    left_out: dict[str, int]
    near_duplicates: NearDuplicates | None
    note: str
    problems: list[str]
    ties: int
    digest: str
    cached: bool
    folder: Path
    refit_only: list[int] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    origins: Origins | None = None

    @property
    def summary(self) -> str:
        """Number of rows and omissions, in one line."""
        parts = [f"{len(self.rows):,} rows", *(note.what for note in self.notes)]
        return ", ".join([*parts, *(["cached"] if self.cached else [])])

    @property
    def splits(self) -> datasets.DatasetDict:
        """`train`, `validation` and `test`; `label` is a ClassLabel over `labels`."""
        return datasets.DatasetDict({name: self._select(self.numbers(name)) for name in SPLITS})

    def numbers(self, split: str) -> NDArray[np.int64]:
        """Returns the numbers of a split's rows, ascending."""
        return np.array([i for i, name in enumerate(self.split) if name == split], dtype=np.int64)

    @property
    def label_numbers(self) -> NDArray[np.int64]:
        """Number of each row's label in `labels`; -1 for labels that are in no split."""
        places = {label: place for place, label in enumerate(self.labels.labels)}
        own = [places.get(label, -1) for label in self.rows.features["label"].names]
        numbers: NDArray[np.int64] = np.array(own)[self.rows.data.column("label").to_numpy()]
        return numbers

    def column(self, name: str) -> list[Any]:
        """Returns the values of a column of `rows`, all in memory."""
        return values(self.rows.data.column(name))

    @property
    def refit_only_numbers(self) -> NDArray[np.int64]:
        """Numbers of the rows that a refit may use beside training and validation rows."""
        numbers = np.array(self.refit_only, dtype=np.int64)
        return numbers[self.label_numbers[numbers] >= 0]

    @property
    def refit_only_rows(self) -> datasets.Dataset:
        """The rows of `refit_only_numbers`."""
        return self._select(self.refit_only_numbers)

    def _select(self, numbers: NDArray[np.int64]) -> datasets.Dataset:
        names = list(self.labels.labels)
        if names == self.rows.features["label"].names:
            return self.rows.select(numbers)
        # Some labels occur only in rows that are left out. (`align_labels_with_mapping` would leave
        # a file beside the prepared rows, which later runs would use.)
        return _with_labels(self.rows, self.label_numbers, names).select(numbers)


def load(
    spec: DataSpec, *, strict: bool = True, progress: ProgressCallback | None = None
) -> NewsData:
    """Reads, validates, prepares and splits labelled news.

    Args:
        spec: Location of the rows, and how they are prepared and split.
        strict: Whether to refuse data with problems; else the result lists them.
        progress: Called with the stage, the rows done, and their total if known.

    Raises:
        DataError: Files or rows cannot be used; lists all problems.
    """
    specs = (spec.sources,) if isinstance(spec.sources, SourceSpec) else spec.sources
    sources = [ConfiguredSource(spec.task, source) for source in specs]
    prepared, origins = _prepare(spec, sources, progress)
    if prepared.problems and (strict or not len(prepared.table)):
        raise DataError(prepared.problems)
    columns = PlacementColumns.of(prepared)
    near = None
    if spec.near_duplicates is not None:
        near = _find_near_duplicates(prepared, columns, spec.near_duplicates, progress)
    placed = place_rows(
        columns, near, sources, origins, repeats=spec.repeats, split=spec.split, seed=spec.seed
    )
    used = prepared.labels.only(
        label for label, name in zip(columns.label, placed.split, strict=True) if name
    )
    if strict:
        _check_splits(columns.label, placed.split, used, placed.why)
    digests = prepared.column("digest")
    if origins:
        digests = [f"{digest} {origins.name(row)}" for row, digest in enumerate(digests)]
    return NewsData(
        rows=_with_class_labels(prepared.table, columns.label, prepared.labels),
        labels=used,
        split=placed.split,
        left_out=dict(Counter(filter(None, placed.why))),
        near_duplicates=near,
        note=placed.note,
        problems=prepared.problems,
        ties=prepared.ties,
        notes=prepared.notes,
        digest=data_digest(digests, placed.split),
        cached=prepared.cached,
        folder=prepared.folder,
        refit_only=[row for row, refit_only in enumerate(placed.refit_only) if refit_only],
        origins=origins,
    )


def load_unsplit(spec: DataSpec, *, progress: ProgressCallback | None = None) -> NewsData:
    """Reads, validates and prepares labelled news whose rows are all for testing.

    No split is drawn; rows without a given split are test rows, and copies are kept. The rows may
    have a single label. Unusable records are listed in `problems` of the result.

    Args:
        spec: Location of the rows of one source, and how they are prepared.
        progress: Called with the stage, the rows done, and their total if known.

    Raises:
        DataError: Files cannot be used.
    """
    if not isinstance(spec.sources, SourceSpec):
        raise DataError("data.sources: expected one source of rows, not several")
    source = ConfiguredSource(spec.task, spec.sources)
    prepared = prepare(
        source.location,
        format_name=spec.sources.format,
        scheme=spec.labels,
        read=spec.sources.read,
        spec=spec.text,
        one_of_several=True,
        progress=progress,
    )
    split = [given or "test" for given in prepared.column("split")]
    return NewsData(
        rows=_with_class_labels(prepared.table, prepared.column("label"), prepared.labels),
        labels=prepared.labels,
        split=split,
        left_out={},
        near_duplicates=None,
        note="not split",
        problems=prepared.problems,
        ties=prepared.ties,
        digest=data_digest(prepared.column("digest"), split),
        cached=prepared.cached,
        folder=prepared.folder,
        notes=prepared.notes,
    )


def relabelled(news: NewsData, labels: LabelSet, mapping: Mapping[str, str]) -> NewsData:
    """The same rows with the labels of a model; those with a label not in the mapping are left out.

    Args:
        news: Labelled rows.
        labels: The labels of the model.
        mapping: Label of the rows to label of the model.
    """
    places = {label: place for place, label in enumerate(labels.labels)}
    own = [places.get(mapping.get(x, ""), -1) for x in news.rows.features["label"].names]
    numbers = np.array(own, dtype=np.int64)[news.rows.data.column("label").to_numpy()]
    known = (numbers >= 0).tolist()
    return replace(
        news,
        rows=_with_labels(news.rows, np.maximum(numbers, 0), list(labels.labels)),
        labels=labels,
        split=[name if kept else "" for name, kept in zip(news.split, known, strict=True)],
    )


def _prepare(
    spec: DataSpec, sources: Sequence[ConfiguredSource], progress: ProgressCallback | None
) -> tuple[PreparedRows, Origins | None]:
    """Prepares the rows of all sources; also returns the source of each row, if several."""
    if not isinstance(spec.sources, SourceSpec):
        return prepare_sources(sources, spec=spec.text, scheme=spec.labels, progress=progress)
    prepared = prepare(
        sources[0].location,
        format_name=spec.sources.format,
        scheme=spec.labels,
        read=spec.sources.read,
        spec=spec.text,
        progress=progress,
    )
    return prepared, None


def _find_near_duplicates(
    prepared: PreparedRows,
    columns: PlacementColumns,
    spec: NearDuplicateSpec,
    progress: ProgressCallback | None,
) -> NearDuplicates:
    """Finds near-duplicates among the distinct texts of the rows, or reads them from the cache."""
    _, first, number = np.unique(columns.text_key, return_index=True, return_inverse=True)
    order = np.argsort(first)  # distinct texts in file order
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    first, number = first[order], rank[number]
    code = code_key(near_duplicates.__module__)[:8]
    path = prepared.folder / f"near-{spec.share}-{spec.window_days}-{code}.safetensors"
    of = f"{prepared.folder.name} {path.stem}"
    try:
        near = NearDuplicates(**load_arrays(path, of=of)[0])
    except DamagedError as error:
        discard(path, f"damaged ({error})", "near-duplicates searched again")
        done, total = 0, len(first)

        def report(more: int) -> None:
            nonlocal done
            done += more
            if progress:
                progress("near-duplicates", done, total)

        near = near_duplicates(
            _distinct(prepared.texts()),
            spec,
            published=[columns.published[index] for index in first.tolist()],
            progress=report,
        )
        save_arrays(path, asdict(near), of=of)
    # From distinct texts to rows.
    return NearDuplicates(first[near.cluster[number]], first[near.pairs], near.shared)


def _distinct(batches: Iterator[tuple[list[str], list[str]]]) -> Iterator[list[str]]:
    seen: set[str] = set()
    for keys, texts in batches:
        new = []
        for key, text in zip(keys, texts, strict=True):
            if key not in seen:
                seen.add(key)
                new.append(text)
        yield new


def _with_class_labels(
    table: datasets.Dataset, label: Sequence[str], labels: LabelSet
) -> datasets.Dataset:
    numbers = {name: number for number, name in enumerate(labels.labels)}
    coded = np.array([numbers[name] for name in label], dtype=np.int64)
    return _with_labels(table, coded, list(labels.labels))


def _with_labels(
    table: datasets.Dataset, numbers: NDArray[np.int64], names: list[str]
) -> datasets.Dataset:
    """Replaces the labels of rows by numbers."""
    columns = table.column_names
    return (
        table.remove_columns("label")
        .add_column("label", numbers, feature=datasets.ClassLabel(names=names))
        .select_columns(columns)
    )


def data_digest(digests: Sequence[str], split: Sequence[str]) -> str:
    """Returns a digest of the rows in their order, split by split: 32 hexadecimal digits.

    Args:
        digests: Digest of each row's content.
        split: Split of each row; rows in no split are ignored.

    >>> len(data_digest(["0a", "1b"], ["train", "test"]))
    32
    """
    digest = hashlib.sha256()
    for name in SPLITS:
        digest.update(f"{name}\n".encode())
        for row, place in zip(digests, split, strict=True):
            if place == name:
                digest.update(f"{row}\n".encode())
    return digest.hexdigest()[:32]


def _check_splits(
    label: Sequence[str], split: Sequence[str], labels: LabelSet, why: Sequence[str]
) -> None:
    """Raises an error for empty splits, and for labels without training rows."""
    sizes = Counter(split)
    problems = [no_rows(name, why) for name in SPLITS if not sizes[name]]
    if not problems:
        trained = {x for x, place in zip(label, split, strict=True) if place == "train"}
        problems = [
            f"label '{labels.names[x]}' occurs in the data, "
            f"but in none of the {sizes['train']} training rows"
            for x in labels.labels
            if x not in trained
        ]
    if problems:
        raise DataError(problems)
