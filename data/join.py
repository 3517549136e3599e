"""Joins several sources of rows, each read, validated and cached separately, to one table."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import datasets
import numpy as np
from numpy.typing import NDArray

from newsstand.config.data_specs import SourceSpec, SplitSpec
from newsstand.data.prepare import FEATURES, PreparedRows, prepare
from newsstand.data.readers.annotations import LabelReader
from newsstand.data.readers.sources import SPLITS, UNUSED, Source
from newsstand.data.sealed import cache_root
from newsstand.errors import DataError
from newsstand.labels import FROM_DATA, LabelSet
from newsstand.progress import ProgressCallback
from newsstand.text.normalize import TextSpec

ALL_DRAWN = "none"  # the split setting of a source whose given splits are ignored


@dataclass(frozen=True, slots=True)
class ConfiguredSource:
    """A source of rows with its settings.

    Args:
        task: `topic` or `stance`.
        spec: Location, format and splits of its rows.
    """

    task: str
    spec: SourceSpec

    @property
    def location(self) -> Source:
        """The location of its rows."""
        label = self.spec.read.columns.get("label", "label")
        return Source(
            task=self.task,
            path=self.spec.path,
            files=self.spec.files,
            csv=self.spec.csv,
            max_columns=self.spec.max_columns,
            unseen_only=self.spec.unseen_only,
            label=label if isinstance(label, str) else label[0],
        )

    @property
    def pinned(self) -> bool:
        """Whether all rows are assigned to one split by the settings."""
        return self.spec.split in SPLITS

    @property
    def own_split(self) -> SplitSpec | None:
        """How its rows are split separately from other sources; None if they are not."""
        return self.spec.split if isinstance(self.spec.split, SplitSpec) else None

    def given(self, split: str | None) -> str | None:
        """Returns the given split of a row, from the split in its files and the settings."""
        only, own = self.spec.only, self.spec.split
        if split == UNUSED or (split and only and split not in only):
            return UNUSED
        if isinstance(own, str):
            return None if own == ALL_DRAWN else own
        return split


@dataclass(frozen=True, slots=True)
class Origins:
    """The source of each row, for several sources.

    Args:
        names: Names of the sources.
        weights: Loss weight of the training rows of each source.
        number: int64, shape (rows,): number of each row's source, from 0.
    """

    names: tuple[str, ...]
    weights: tuple[float, ...]
    number: NDArray[np.int64]

    def name(self, row: int) -> str:
        """Returns the name of a row's source."""
        return self.names[int(self.number[row])]


def prepare_sources(
    sources: Sequence[ConfiguredSource],
    *,
    spec: TextSpec,
    scheme: str | tuple[str, ...],
    progress: ProgressCallback | None = None,
) -> tuple[PreparedRows, Origins]:
    """Prepares the rows of several sources, in the order of the sources.

    Column `split` holds the given splits according to the settings. Groups are prefixed with the
    name of their source.

    Args:
        sources: The sources.
        spec: How text is prepared.
        scheme: A label scheme's name, `from-data`, or a list of labels.
        progress: Called after each batch.

    Raises:
        DataError: A source has missing files; also lists the problems of the others' records.
    """
    prepared: list[PreparedRows] = []
    missing: list[str] = []
    for source in sources:
        try:
            rows = prepare(
                source.location,
                format_name=source.spec.format,
                spec=spec,
                scheme=scheme,
                read=source.spec.read,
                one_of_several=True,
                progress=progress,
            )
        except DataError as error:
            missing += with_source_name(error.problems, source.spec.name)
        else:
            problems = with_source_name(rows.problems, source.spec.name)
            prepared.append(replace(rows, problems=problems))
    if missing:
        raise DataError([*missing, *(line for rows in prepared for line in rows.problems)])
    origins = Origins(
        tuple(source.spec.name for source in sources),
        tuple(source.spec.weight for source in sources),
        np.repeat(np.arange(len(sources)), [len(rows.table) for rows in prepared]),
    )
    return _joined(sources, prepared, scheme), origins


def with_source_name(problems: Sequence[str], name: str) -> list[str]:
    """Appends the name of a source to the problems that mention a setting."""
    return [f"{line} [source '{name}']" if "data." in line else line for line in problems]


def _joined(
    sources: Sequence[ConfiguredSource],
    prepared: Sequence[PreparedRows],
    scheme: str | tuple[str, ...],
) -> PreparedRows:
    tables = [_with_settings(x, rows) for x, rows in zip(sources, prepared, strict=True)]
    problems = [line for rows in prepared for line in rows.problems]
    labels = _labels(scheme, prepared)
    if not problems:
        problems = _label_problems(labels)
    names = "\n".join(rows.folder.name for rows in prepared)
    folder = cache_root() / hashlib.sha256(names.encode()).hexdigest()[:32]
    folder.mkdir(exist_ok=True)
    return PreparedRows(
        folder,
        datasets.concatenate_datasets(tables),
        labels,
        problems,
        sum(rows.ties for rows in prepared),
        [note for rows in prepared for note in rows.notes],
        all(rows.cached for rows in prepared),
        tuple(rows.folder for rows in prepared),
    )


def _with_settings(source: ConfiguredSource, prepared: PreparedRows) -> datasets.Dataset:
    """Returns a source's rows with their given splits and with groups prefixed by its name."""
    splits = [source.given(split) for split in prepared.column("split")]
    groups = [group and f"{source.spec.name}/{group}" for group in prepared.column("group")]
    table = prepared.table.remove_columns(["split", "group"])
    for name, column in (("split", splits), ("group", groups)):
        table = table.add_column(name, column, feature=FEATURES[name])
    return table.select_columns(list(FEATURES))


def _labels(scheme: str | tuple[str, ...], prepared: Sequence[PreparedRows]) -> LabelSet:
    used = {label for rows in prepared for label in rows.labels.labels}
    if scheme == FROM_DATA:
        return LabelSet(FROM_DATA, {label: label for label in sorted(used)})
    return LabelSet.of(scheme).only(used)


def _label_problems(labels: LabelSet) -> list[str]:
    """Returns the problems of the labels of all sources together."""
    if len(labels) < 2:
        only = ", ".join(f"'{label}'" for label in labels.labels)
        return [f"data.sources: expected at least two labels in total, got only {only}"]
    if labels.scheme != FROM_DATA:
        return []
    reader = LabelReader("label", scheme=FROM_DATA, names={})
    return [f"data.sources: {flaw}" for flaw in reader.spellings(labels.labels)]
