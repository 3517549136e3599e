"""The loader: labelled news in any known format to prepared rows in trustworthy splits."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import datasets
import numpy as np
from numpy.typing import NDArray

from newsstand.config.data_specs import DataSpec, NearDuplicateSpec, SourceSpec
from newsstand.data.code_key import code_key
from newsstand.data.join import Origins, Part, prepare_all
from newsstand.data.notes import Note
from newsstand.data.prepare import PreparedRows, prepare, values
from newsstand.data.readers.sources import SPLITS
from newsstand.data.sealed import DamagedError, discard, keep, kept
from newsstand.data.splits.near_duplicates import Near, near_duplicates
from newsstand.data.splits.placement import Columns, no_rows, place_rows
from newsstand.errors import DataError
from newsstand.labels import LabelSet
from newsstand.progress import ProgressCallback


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsData:
    """Labelled rows, prepared and split.

    Args:
        rows: All rows that could be used, in file order: the canonical columns, and
            `prepared_title`, `prepared_body`, `removed`, `warning`, `text_key`. `label` is a
            ClassLabel over the labels that occur.
        labels: The labels of the rows that are in a split, in the order of the scheme.
        split: Of each row: `train`, `validation` or `test`, or an empty string.
        left_out: How many rows are in no split, by reason.
        near: Near-duplicates among the rows, where they were looked for.
        note: How the splits came about, one line.
        problems: One line for each record that could not be used.
        ties: Records dropped because annotators' votes were tied.
        digest: 32 hexadecimal digits; the same for the same rows in the same order and splits.
        cached: Whether an earlier run had prepared the rows.
        folder: Where the prepared rows are kept.
        spare: Numbers of those that are left out only to keep validation apart from training.
        notes: What was left out of the rows, or left empty in them, by kind.
        origins: Which source each row is from, where there are several.
    """

    rows: datasets.Dataset
    labels: LabelSet
    split: list[str]
    left_out: dict[str, int]
    near: Near | None
    note: str
    problems: list[str]
    ties: int
    digest: str
    cached: bool
    folder: Path
    spare: list[int] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    origins: Origins | None = None

    @property
    def summary(self) -> str:
        """How many rows there are, and what was left out, for the line that says so."""
        told = [f"{len(self.rows):,} rows", *(note.what for note in self.notes)]
        return ", ".join([*told, *(["prepared before"] if self.cached else [])])

    @property
    def splits(self) -> datasets.DatasetDict:
        """`train`, `validation` and `test`; `label` is a ClassLabel over `labels`."""
        return datasets.DatasetDict({name: self._select(self.numbers(name)) for name in SPLITS})

    def numbers(self, split: str) -> NDArray[np.int64]:
        """The numbers of a split's rows, ascending."""
        return np.array([i for i, name in enumerate(self.split) if name == split], dtype=np.int64)

    @property
    def label_numbers(self) -> NDArray[np.int64]:
        """Of each row, its label's place in `labels`; -1 for labels of no split."""
        places = {label: place for place, label in enumerate(self.labels.labels)}
        own = [places.get(label, -1) for label in self.rows.features["label"].names]
        numbers: NDArray[np.int64] = np.array(own)[self.rows.data.column("label").to_numpy()]
        return numbers

    def column(self, name: str) -> list[Any]:
        """The values of a column of `rows`, all in memory: for the small ones."""
        return values(self.rows.data.column(name))

    @property
    def spare_numbers(self) -> NDArray[np.int64]:
        """Rows that a last fit may learn from beside training and validation rows."""
        spare = np.array(self.spare, dtype=np.int64)
        return spare[self.label_numbers[spare] >= 0]

    @property
    def spare_rows(self) -> datasets.Dataset:
        """The rows of `spare_numbers`."""
        return self._select(self.spare_numbers)

    def _select(self, numbers: NDArray[np.int64]) -> datasets.Dataset:
        names = list(self.labels.labels)
        if names == self.rows.features["label"].names:
            return self.rows.select(numbers)
        # Some labels occur in rows left out only. (`align_labels_with_mapping` would leave a file
        # beside the prepared rows, which later runs would believe.)
        return _with_labels(self.rows, self.label_numbers, names).select(numbers)


def load(
    spec: DataSpec, *, strict: bool = True, progress: ProgressCallback | None = None
) -> NewsData:
    """Reads, validates, prepares and splits labelled news.

    Args:
        spec: Where the rows are, and how they are prepared and split.
        strict: Refuse data with problems; else they are listed in the result.
        progress: Called with the stage, the rows done, and how many there are, if known.

    Raises:
        DataError: Files or rows that cannot be used, all problems at once.
    """
    origins: Origins | None = None
    if isinstance(spec.sources, SourceSpec):
        parts = [Part(spec.task, spec.sources)]
        prepared = prepare(
            parts[0].source,
            form=spec.sources.format,
            scheme=spec.labels,
            read=spec.sources.read,
            spec=spec.text,
            progress=progress,
        )
    else:
        parts = [Part(spec.task, source) for source in spec.sources]
        prepared, origins = prepare_all(
            parts, spec=spec.text, scheme=spec.labels, progress=progress
        )
    if prepared.problems and (strict or not len(prepared.table)):
        raise DataError(prepared.problems)
    small = Columns.of(prepared)
    near = None
    if spec.near_duplicates is not None:
        near = _near(prepared, small, spec.near_duplicates, progress)
    placed = place_rows(
        small, near, parts, origins, repeats=spec.repeats, split=spec.split, seed=spec.seed
    )
    used = prepared.labels.only(
        label for label, name in zip(small.label, placed.split, strict=True) if name
    )
    if strict:
        _check_splits(small.label, placed.split, used, placed.why)
    digests = prepared.column("digest")
    if origins:
        digests = [f"{digest} {origins.name(row)}" for row, digest in enumerate(digests)]
    return NewsData(
        rows=_with_class_labels(prepared.table, small.label, prepared.labels),
        labels=used,
        split=placed.split,
        left_out=dict(Counter(filter(None, placed.why))),
        near=near,
        note=placed.note,
        problems=prepared.problems,
        ties=prepared.ties,
        notes=prepared.notes,
        digest=data_digest(digests, placed.split),
        cached=prepared.cached,
        folder=prepared.folder,
        spare=[row for row, spare in enumerate(placed.spare) if spare],
        origins=origins,
    )


def _near(
    prepared: PreparedRows,
    small: Columns,
    spec: NearDuplicateSpec,
    progress: ProgressCallback | None,
) -> Near:
    """Near-duplicates among the rows; each distinct text is looked at once."""
    _, first, number = np.unique(small.text_key, return_index=True, return_inverse=True)
    order = np.argsort(first)  # distinct texts in file order
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    first, number = first[order], rank[number]
    code = code_key(near_duplicates.__module__)[:8]
    path = prepared.folder / f"near-{spec.share}-{spec.window_days}-{code}.safetensors"
    of = f"{prepared.folder.name} {path.stem}"
    try:
        found = Near(**kept(path, of=of)[0])
    except DamagedError as error:
        discard(path, f"damaged ({error})", "near-duplicates looked for again")
        done, total = 0, len(first)

        def tell(more: int) -> None:
            nonlocal done
            done += more
            if progress:
                progress("near-duplicates", done, total)

        found = near_duplicates(
            _distinct(prepared.texts()),
            spec,
            published=[small.published[index] for index in first.tolist()],
            progress=tell,
        )
        keep(path, asdict(found), of=of)
    # From distinct texts to rows.
    return Near(first[found.cluster[number]], first[found.pairs], found.shared)


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
    """Rows with labels by number, in place of those they had."""
    columns = table.column_names
    return (
        table.remove_columns("label")
        .add_column("label", numbers, feature=datasets.ClassLabel(names=names))
        .select_columns(columns)
    )


def data_digest(digests: Sequence[str], split: Sequence[str]) -> str:
    """32 hexadecimal digits of the rows in their order, split by split.

    Args:
        digests: One a row, of its content.
        split: Of each row; rows in none do not count.

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
    """Refuses splits that nothing can be trained and tested on."""
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
