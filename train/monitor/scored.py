"""Reads the files that `newsstand score -o` writes, and the reference data of their model."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from newsstand.errors import BundleError, InputError, did_you_mean
from newsstand.io.bundle import bundle_hash, read_description, read_reference
from newsstand.io.bundle_uri import located
from newsstand.io.records import Problem, Record, read_records
from newsstand.io.reference import Reference
from newsstand.io.values import listing, missing, read_values, scalar, shortened
from newsstand.text.normalize import TextSpec

# Columns that an article may have, and `month`, which is made of `published`.
_KNOWN = ("title", "body", "outlet", "published", "target")
MONTH = "month"
_PROBABILITY = "p_"
_SUM = 0.02  # by which probabilities that were rounded may miss 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredRow:
    """An article with its probabilities.

    Args:
        texts: Values of the columns that were asked for, by their names, without missing ones.
        probabilities: By label, in the order of the file's columns; they sum to 1.
        warning: Whether the score has a warning.
        place: The place in the file.
    """

    texts: Mapping[str, str]
    probabilities: Mapping[str, float]
    warning: bool
    place: str


@dataclass(slots=True)
class Scored:
    """Reads scored rows, and keeps what all rows have in common.

    Args:
        paths: CSV, JSONL or Parquet files that `newsstand score -o` has written.
        columns: Names in the files of columns that are called otherwise there, by their usual name.
        wanted: Columns to read, beside the probabilities; each must be in every file.
        optional: Columns to read where a file has them.
        dates: `day-first` or `month-first`, for dates such as 05/03/2019.
        model: The URI that the rows name.
        digest: The hash of its bundle.
        unread_dates: Number of dates that cannot be read.
    """

    paths: Sequence[Path]
    columns: Mapping[str, str] = field(default_factory=dict)
    wanted: Sequence[str] = ()
    optional: Sequence[str] = ()
    dates: str | None = None
    model: str = ""
    digest: str = ""
    unread_dates: int = 0

    def rows(self) -> Iterator[ScoredRow]:
        """Yields the rows of all files, in order.

        Raises:
            InputError: A file is not the output of `newsstand score -o`, lacks a column, or has
                rows of several models.
        """
        self.unread_dates = 0
        for path in self.paths:
            first = True
            for record in read_records(path, advise=False):
                if isinstance(record, Problem):
                    raise InputError(record.message)
                if first:
                    self._check_columns(record)
                    first = False
                yield self._row(record)
            if first:
                raise InputError(f"{path}: no rows")

    def _check_columns(self, record: Record) -> None:
        here = record.values
        for column in ("label", "model", "model_digest"):
            if column not in here:
                raise InputError(
                    f"{record.file}: no column '{column}', expected a file that `newsstand score "
                    "-o` has written"
                )
        for name in self.wanted:
            column = self._column(name)
            if column not in here:
                option = "published" if name == MONTH else name
                hint = did_you_mean(column, map(str, here), listing=None)
                raise InputError(
                    f"{record.file}: no column '{column}' (columns here: "
                    f"{listing(map(str, here))}){hint} (--column {option}=NAME)"
                )

    def _column(self, name: str) -> str:
        canonical = "published" if name == MONTH else name
        return self.columns.get(canonical, canonical)

    def _row(self, record: Record) -> ScoredRow:
        values = record.values
        if missing(values.get("label")) or values["label"] == "":
            raise InputError(
                f"{record.place}: the row has no label; rows that could not be scored are not part "
                "of a file that `newsstand score -o` has written"
            )
        self._same_model(record)
        return ScoredRow(
            texts=self._texts(record),
            probabilities=_probabilities(record),
            warning=not missing(values.get("warning")) and values.get("warning") != "",
            place=record.place,
        )

    def _same_model(self, record: Record) -> None:
        model, digest = (str(record.values.get(name)) for name in ("model", "model_digest"))
        if not self.digest:
            self.model, self.digest = model, digest
        elif digest != self.digest:
            raise InputError(
                f"{record.place}: scored by {shortened(model)} (digest {digest[:12]}…), rows "
                f"before by {shortened(self.model)} (digest {self.digest[:12]}…); give files of "
                "one model"
            )

    def _texts(self, record: Record) -> dict[str, str]:
        texts: dict[str, str] = {}
        for name in (*self.wanted, *self.optional):
            column = self._column(name)
            if name == MONTH or name in _KNOWN:
                usual = "published" if name == MONTH else name
                read = read_values(record.values, [(usual, column)], self.dates)
                for _, flaw in read.flaws:
                    raise InputError(f"{record.place}: column '{column}': {flaw}")
                self.unread_dates += len(read.unused) if usual == "published" else 0
                text = read.texts.get(usual)
                text = text[:7] if text and name == MONTH else text
            else:
                value = record.values.get(column)
                text = value if isinstance(value, str) else scalar(value)
                text = None if text is None or missing(value) else text.strip()
            if text:
                texts[name] = text
        return texts


def _probabilities(record: Record) -> dict[str, float]:
    """The probabilities of a row, from one column each or from an object."""
    values = record.values
    given = values.get("probabilities")
    if not isinstance(given, Mapping):
        given = {
            name.removeprefix(_PROBABILITY): value
            for name, value in values.items()
            if isinstance(name, str) and name.startswith(_PROBABILITY)
        }
    if not given:
        raise InputError(
            f"{record.place}: no probabilities, expected columns p_<label> or an object "
            "'probabilities'"
        )
    read = {str(label): _share(value, f"{record.place}: {label}") for label, value in given.items()}
    total = sum(read.values())
    if abs(total - 1) > _SUM:
        raise InputError(f"{record.place}: probabilities sum to {total:.3f}, expected 1")
    return {label: value / total for label, value in read.items()}


def _share(value: Any, where: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, bool) or not 0 <= number <= 1:
        raise InputError(f"{where}: expected a probability from 0 to 1, got {shortened(value)}")
    return number


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownModel:
    """What is known of the model that scored rows, without loading it.

    Args:
        uri: Where it was found.
        digest: The hash of its bundle.
        task: `topic` or `stance`.
        labels: Label to readable name, in the order of the columns of the reference data.
        text: How articles are prepared.
        reference: Its reference data.
    """

    uri: str
    digest: str
    task: str
    labels: Mapping[str, str]
    text: TextSpec
    reference: Reference


def known_model(uri: str | None, scored: Scored) -> KnownModel:
    """The reference data of the model that scored rows.

    Args:
        uri: A bundle folder, runs:/RUN_ID or models:/NAME@ALIAS; None for the one in the rows.
        scored: The rows, of which the first is read.

    Raises:
        InputError: The URI names another model than the one that scored the rows, or a file
            cannot be used.
        BundleError: There is no such model, or it has no reference data.
    """
    next(scored.rows())
    uri, digest = uri or scored.model, scored.digest
    with located(uri) as folder:
        description = read_description(folder)
        found = bundle_hash(folder)
        if found != digest:
            raise InputError(
                f"{uri}: not the model that scored the rows (its digest is {found[:12]}…, that in "
                f"the rows {digest[:12]}…); name that one with --model, or score again with this"
            )
        try:
            reference = read_reference(folder)
        except BundleError as error:
            raise BundleError(str(error).replace(str(folder), uri)) from None
    return KnownModel(
        uri=uri,
        digest=digest,
        task=description["task"],
        labels=description["labels"]["names"],
        text=TextSpec.from_dict(description["text"]),
        reference=reference,
    )


def in_order(row: ScoredRow, labels: Iterable[str]) -> list[float]:
    """The probabilities of a row in the order of a model's labels.

    Raises:
        InputError: The row has other labels.
    """
    known = list(labels)
    if set(row.probabilities) != set(known):
        here = listing(row.probabilities)
        raise InputError(f"{row.place}: expected probabilities of {listing(known)}, got {here}")
    return [row.probabilities[label] for label in known]
