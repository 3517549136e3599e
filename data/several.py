"""Several sources of rows as one table: each read, validated and cached by itself, then joined."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import datasets
import numpy as np
from numpy.typing import NDArray

from newsstand.data.annotations import LabelReader
from newsstand.data.kept import cache_root
from newsstand.data.prepare import FEATURES, PreparedRows, Progress, prepare
from newsstand.data.sources import SPLITS, UNUSED, Source
from newsstand.errors import DataError
from newsstand.labels import FROM_DATA, LabelSet
from newsstand.records import CsvFormat
from newsstand.text import TextSpec
from newsstand.values import MOST_COLUMNS

ALL_DRAWN = "none"  # the split of a source whose rows are drawn whatever its files say


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One of several sources, or the only one.

    Args:
        name: What figures and messages call it; all names differ.
        form: A key of `FORMATS`.
        source: Where its rows are.
        reading: How they are read: the further settings of `Validator`.
        weight: What its training rows count in the loss.
        only: The given splits whose rows are used; empty for all.
        split: A split that all rows go to, `none` to draw all, settings of `assign_splits` to
            share these rows out alone, or None to keep what the files give.
    """

    name: str
    form: str
    source: Source
    reading: Mapping[str, Any] = field(default_factory=dict)
    weight: float = 1.0
    only: Sequence[str] = ()
    split: str | Mapping[str, Any] | None = None

    @classmethod
    def of(
        cls,
        *,
        task: str,
        format: str,  # noqa: A002 - the config's own word
        path: str | None = None,
        files: Mapping[str, str | None] | None = None,
        reading: Mapping[str, Any] | None = None,
        csv: Mapping[str, Any] | None = None,
        max_columns: int = MOST_COLUMNS,
        unseen_only: bool = False,
        name: str = "",
        **policy: Any,
    ) -> Self:
        """A source as the arguments of `load` describe it."""
        source = Source(
            task=task,
            path=path,
            files=files or {},
            csv=CsvFormat(**(csv or {})),
            max_columns=max_columns,
            unseen_only=unseen_only,
        )
        return cls(name=name, form=format, source=source, reading=reading or {}, **policy)

    @property
    def pinned(self) -> bool:
        """Whether all rows stay in the split that they are put in."""
        return self.split in SPLITS

    @property
    def alone(self) -> Mapping[str, Any] | None:
        """The settings by which its rows are shared out without those of other sources."""
        return self.split if isinstance(self.split, Mapping) else None

    def given(self, split: str | None) -> str | None:
        """The split that counts as given for a row whose files say so."""
        if split == UNUSED or (split and self.only and split not in self.only):
            return UNUSED
        if isinstance(self.split, str):
            return None if self.split == ALL_DRAWN else self.split
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
    progress: Progress | None = None,
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
                form=part.form,
                spec=spec,
                scheme=scheme,
                reading={**part.reading, "part": True},
                progress=progress,
            )
        except DataError as error:
            missing += named(error.problems, part.name)
        else:
            found.append(replace(one, problems=named(one.problems, part.name)))
    if missing:
        raise DataError([*missing, *(line for one in found for line in one.problems)])
    sizes = [len(one.table) for one in found]
    origins = Origins(
        tuple(part.name for part in parts),
        tuple(part.weight for part in parts),
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
    groups = [group and f"{part.name}/{group}" for group in prepared.column("group")]
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
