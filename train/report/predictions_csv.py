"""`predictions.csv`: the predictions as a table to read in a spreadsheet."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv

from newsstand.cli.terminal import visible
from newsstand.train.evaluation.rows import EvaluatedRows

FILE = "predictions.csv"
_BOM = b"\xef\xbb\xbf"  # without it, Excel reads UTF-8 as the system's old encoding
# A cell that begins with one of these is a formula to a spreadsheet, and may run a command.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_DECIMALS = 4
# Columns of the rows in reading order, with their headings: before the labels, and after.
_BEFORE = {
    "id": "id",
    "title": "title",
    "first_words": "first words",
    "target": "target",
    "outlet": "outlet",
    "published": "published",
}
_AFTER = {
    "outlet_seen": "outlet seen in training",
    "target_seen": "target seen in training",
    "genre": "genre",
    "language": "language",
    "source": "source",
    "group": "group",
    "words": "words",
    "quote_share": "quote share",
}


def write_predictions(folder: Path, rows: EvaluatedRows) -> None:
    """Writes `predictions.csv` into a folder: a row for each row, in their order.

    It is UTF-8 with a byte order mark, which Excel needs. Texts are on one line; those that a
    spreadsheet would take for a formula begin with an apostrophe. Columns without any value are
    left out.
    """
    names = np.array([_cell(name) for name in rows.labels.values()], dtype=object)
    columns: dict[str, Any] = _columns(rows, _BEFORE)
    columns["true label"] = names[rows.truth]
    columns["predicted"] = names[rows.predicted]
    columns["probability"] = rows.probabilities.max(axis=1).round(_DECIMALS)
    columns["correct"] = _words([bool(x) for x in rows.predicted == rows.truth])
    columns |= _columns(rows, _AFTER)
    for place, label in enumerate(rows.labels):
        columns[f"p_{visible(label)}"] = rows.probabilities[:, place].round(_DECIMALS)
    with (folder / FILE).open("wb") as stream:
        stream.write(_BOM)
        csv.write_csv(pa.table(columns), stream)


def _columns(rows: EvaluatedRows, wanted: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, heading in wanted.items():
        column = rows.columns[name]
        if column.null_count == len(column):
            continue
        if pa.types.is_boolean(column.type):
            found[heading] = _words(column.to_pylist())
        elif pa.types.is_floating(column.type):
            found[heading] = np.round(column.to_numpy(zero_copy_only=False), _DECIMALS)
        elif pa.types.is_integer(column.type):
            found[heading] = column
        else:
            found[heading] = [_cell(value) for value in column.to_pylist()]
    return found


def _words(values: Sequence[bool | None]) -> list[str]:
    """`yes`, `no`, or nothing where it is not known: spreadsheets translate true and false."""
    return ["" if value is None else ("yes" if value else "no") for value in values]


def _cell(text: str | None) -> str:
    """A text on one line, without control characters, that no spreadsheet takes for a formula."""
    if not text:
        return ""
    line = visible(" ".join(text.split()))
    return f"'{line}" if text.startswith(_FORMULA) or line.startswith(_FORMULA) else line
