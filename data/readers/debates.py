"""Readers of public data sets of arguments and claims, in their publishers' file formats.

All have stances toward a topic or a motion; codes become `favor`, `against` and, in VAST,
`neutral`.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path

from newsstand.data.readers.publishers import text_lines, with_columns
from newsstand.data.readers.sources import UNUSED, Source, SplitRecord, folder
from newsstand.errors import DataError
from newsstand.io.csv_table import read_cells
from newsstand.io.records import CsvFormat, Problem, Record, read_csv
from newsstand.io.values import shortened

_SIDES = {"1": "favor", "-1": "against"}
_VAST_CODES = {"0": "against", "1": "favor", "2": "neutral"}
_VAST_NAMES = {"AGAINST": "against", "FAVOR": "favor", "NONE": "neutral"}
_VAST_TRAIN = {"body": "post", "target": "topic_str", "label": "label"}
_VAST_TEST = {"body": "Tweet", "target": "Target 1", "label": "Stance 1"}
_SEEN = {"0": False, "1": True}
_ARGKP = {"id": "arg_id", "body": "argument", "target": "topic", "label": "stance"}
_IBM = {
    "id": "claims.claimId",
    "body": "claims.claimCorrectedText",
    "target": "topicText",
    "label": "claims.stance",
    "split": "split",
    "group": "claims.article.rawFile",
}
_IBM_FILE = "claim_stance_dataset_v1.csv"
_IBM_SIDES = {"PRO": "favor", "CON": "against"}
_WRAPPED = '"topicId,'  # start of a header that is one quoted cell


def read_vast(source: Source) -> Iterator[SplitRecord]:
    """Reads VAST: passages toward topics (Allaway and McKeown 2020)."""
    root = folder(source)
    train = root / "vast_train.csv"
    packed = train.with_suffix(".zip")
    train = packed if packed.exists() and not train.exists() else train
    for item in _labelled(train, _VAST_TRAIN, _VAST_CODES):
        yield "train", item
    for split, name in (("validation", "dev"), ("test", "test")):
        for item in _labelled(root / f"vast_{name}.csv", _VAST_TEST, _VAST_NAMES, "seen?"):
            if isinstance(item, Problem):
                yield split, item
                continue
            seen = _SEEN.get(item.values.pop("seen?").strip())
            if seen is None:
                yield split, Problem(f"{item.place}: field 'seen?': expected 0 or 1")
            else:
                yield UNUSED if seen and source.unseen_only else split, item


def read_argkp(source: Source) -> Iterator[SplitRecord]:
    """Reads ArgKP-2021: arguments for or against a topic."""
    root = folder(source)
    for split, name in (("train", "train"), ("validation", "dev"), ("test", "test")):
        path = root / f"arguments_{name}.csv"
        for item in _labelled(path, _ARGKP, _SIDES):
            if isinstance(item, Record):  # ids restart in each file
                item.values["id"] = f"{path.stem}/{item.values['id']}"
            yield split, item


def read_iam(source: Source) -> Iterator[SplitRecord]:
    """Reads IAM: claims in articles, for or against a topic (Cheng et al. 2022)."""
    root = folder(source)
    for split, name in (("train", "train"), ("validation", "dev"), ("test", "test")):
        for item in _iam(root / f"stance-{name}.txt"):
            yield split, item


def _iam(path: Path) -> Iterator[Record | Problem]:
    try:
        lines = text_lines(path)
    except DataError as error:
        yield Problem(str(error))
        return
    for number, line in enumerate(lines, start=1):
        where = f"{path}:{number}"
        cells = line.split("\t")
        if not line.strip():
            continue
        if len(cells) != 5 or cells[0] != "C":
            yield Problem(f"{where}: expected C, topic, claim, article and stance, with tabs")
            continue
        _, topic, claim, article, stance = cells
        values = {"body": claim, "target": topic, "group": article}
        yield _sided(Record(values, str(path), where), "stance", stance, _SIDES)


def read_ibm_claims(source: Source) -> Iterator[SplitRecord]:
    """Reads IBM Debater's claims for or against a motion (Bar-Haim et al. 2017)."""
    for item in _labelled(folder(source) / _IBM_FILE, _IBM, _IBM_SIDES):
        if isinstance(item, Problem):
            yield None, item
            continue
        given = item.values.pop("split").strip()
        if given in ("train", "test"):
            yield given, item
        else:
            flaw = f"field 'split': {shortened(given)}; expected train or test"
            yield None, Problem(f"{item.place}: {flaw}")


def _labelled(
    path: Path, columns: Mapping[str, str], labels: Mapping[str, str], *more: str
) -> Iterator[Record | Problem]:
    """Yields the records of a file in canonical columns, and `more` columns, with label names."""
    records = _cells(path) if path.name == _IBM_FILE else read_csv(path)
    for item in with_columns(records, path, *columns.values(), *more):
        if isinstance(item, Problem):
            yield item
            continue
        values = {ours: item.values[theirs] for ours, theirs in columns.items()}
        values |= {name: item.values[name] for name in more}
        code = values.pop("label")
        record = Record(values, item.file, item.where, item.row)
        yield _sided(record, columns["label"], code, labels)


def _sided(record: Record, column: str, code: str, labels: Mapping[str, str]) -> Record | Problem:
    """Adds the label of a code to a record."""
    label = labels.get(code.strip())
    if label is None:
        known = ", ".join(labels)
        return Problem(f"{record.place}: field '{column}': {shortened(code)}; expected {known}")
    record.values["label"] = label
    return record


def _cells(path: Path) -> Iterator[Record | Problem]:
    """Yields the records of a CSV file, also of one whose lines are quoted once more.

    Spreadsheets that use the semicolon as delimiter save it like that: each line is one of their
    rows, cut at its semicolons, with quoted cells, and padded to the longest row.
    """
    try:
        lines = text_lines(path)
    except DataError as error:
        yield Problem(str(error))
        return
    if not (lines and lines[0].startswith(_WRAPPED)):
        yield from read_csv(path)
        return
    plain: list[str] = []
    for number, line in enumerate(lines, start=1):
        try:
            cells = next(csv.reader([line], delimiter=";", strict=True), [])
        except csv.Error as error:
            yield Problem(f"{path}:{number}: not in quotes as the first line is ({error})")
            return
        plain.append(";".join(cells).rstrip(";"))
    stream = io.BytesIO("\n".join(plain).encode())
    yield from read_cells(stream, str(path), CsvFormat(delimiter=","), advise=False)
