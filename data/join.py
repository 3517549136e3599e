"""Several sources of rows as one table: each read, validated and cached by itself, then joined."""

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

ALL_DRAWN = "none"  # the split of a source whose rows are drawn whatever its files say


@dataclass(frozen=True, slots=True)
class Part:
    """One of several sources, or the only one.

    Args:
        task: `topic` or `stance`.
        spec: Where its rows are, how they are read, and what becomes of them.
    """

    task: str
    spec: SourceSpec

    @property
    def source(self) -> Source:
        """Where its rows are."""
        return Source(
            task=self.task,
            path=self.spec.path,
            files=self.spec.files,
            csv=self.spec.csv,
            max_columns=self.spec.max_columns,
            unseen_only=self.spec.unseen_only,
        )

    @property
    def pinned(self) -> bool:
        """Whether all rows stay in the split that they are put in."""
        return self.spec.split in SPLITS

    @property
    def alone(self) -> SplitSpec | None:
        """How its rows are shared out without those of other sources."""
        return self.spec.split if isinstance(self.spec.split, SplitSpec) else None

    def given(self, split: str | None) -> str | None:
        """The split that counts as given for a row whose files say so."""
        only, own = self.spec.only, self.spec.split
        if split == UNUSED or (split and only and split not in only):
            return UNUSED
        if isinstance(own, str):
            return None if own == ALL_DRAWN else own
        return split


@dataclass(frozen=True, slots=True)
class Origins:
    """Which of several sources each row is from.

    Args:
        names: Of the sources.
        weights: What a training row of each counts in the loss.
        number: int64, of each row: its source's place in these.
    """

    names: tuple[str, ...]
    weights: tuple[float, ...]
    number: NDArray[np.int64]

    def name(self, row: int) -> str:
        """The source of a row."""
        return self.names[int(self.number[row])]


def prepare_all(
    parts: Sequence[Part],
    *,
    spec: TextSpec,
    scheme: str | tuple[str, ...],
    progress: ProgressCallback | None = None,
) -> tuple[PreparedRows, Origins]:
    """The rows of several sources, in the order of the sources.

    `split` holds what counts as given, and groups of one source are none of another's.

    Args:
        parts: The sources.
        spec: How text is prepared.
        scheme: A label scheme's name, `from-data`, or a list of labels.
        progress: Called after each batch.

    Raises:
        DataError: Files that are missing, of any source, and the problems of the others' records.
    """
    found: list[PreparedRows] = []
    missing: list[str] = []
    for part in parts:
        try:
            one = prepare(
                part.source,
                form=part.spec.format,
                spec=spec,
                scheme=scheme,
                read=part.spec.read,
                part=True,
                progress=progress,
            )
        except DataError as error:
            missing += named(error.problems, part.spec.name)
        else:
            found.append(replace(one, problems=named(one.problems, part.spec.name)))
    if missing:
        raise DataError([*missing, *(line for one in found for line in one.problems)])
    sizes = [len(one.table) for one in found]
    origins = Origins(
        tuple(part.spec.name for part in parts),
        tuple(part.spec.weight for part in parts),
        np.repeat(np.arange(len(parts)), sizes),
    )
    return _joined(parts, found, scheme), origins


def named(problems: Sequence[str], name: str) -> list[str]:
    """Problems that name a setting, with the source whose setting it is."""
    return [f"{line} [source '{name}']" if "data." in line else line for line in problems]


def _joined(
    parts: Sequence[Part], found: Sequence[PreparedRows], scheme: str | tuple[str, ...]
) -> PreparedRows:
    tables = [_as_given(part, one) for part, one in zip(parts, found, strict=True)]
    problems = [line for one in found for line in one.problems]
    labels = _labels(scheme, found)
    if not problems:
        problems = _of_labels(labels)
    key = hashlib.sha256("\n".join(one.folder.name for one in found).encode()).hexdigest()[:32]
    folder = cache_root() / key
    folder.mkdir(exist_ok=True)
    return PreparedRows(
        folder,
        datasets.concatenate_datasets(tables),
        labels,
        problems,
        sum(one.ties for one in found),
        [note for one in found for note in one.notes],
        all(one.cached for one in found),
        tuple(one.folder for one in found),
    )


def _as_given(part: Part, prepared: PreparedRows) -> datasets.Dataset:
    """A source's rows with the splits that count as given, and groups that are its own."""
    splits = [part.given(split) for split in prepared.column("split")]
    groups = [group and f"{part.spec.name}/{group}" for group in prepared.column("group")]
    table = prepared.table.remove_columns(["split", "group"])
    for name, column in (("split", splits), ("group", groups)):
        table = table.add_column(name, column, feature=FEATURES[name])
    return table.select_columns(list(FEATURES))


def _labels(scheme: str | tuple[str, ...], found: Sequence[PreparedRows]) -> LabelSet:
    used = {label for one in found for label in one.labels.labels}
    if scheme == FROM_DATA:
        return LabelSet(FROM_DATA, {label: label for label in sorted(used)})
    return LabelSet.of(scheme).only(used)


def _of_labels(labels: LabelSet) -> list[str]:
    """What is wrong with the labels of all sources together."""
    if len(labels) < 2:
        only = ", ".join(f"'{label}'" for label in labels.labels)
        return [f"data.sources: expected at least two labels in all, there is only {only}"]
    if labels.scheme != FROM_DATA:
        return []
    reader = LabelReader("label", scheme=FROM_DATA, names={})
    return [f"data.sources: {flaw}" for flaw in reader.spellings(labels.labels)]
