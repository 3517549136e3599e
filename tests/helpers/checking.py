"""Rows to be validated, and what comes of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from newsstand.config.data_specs import ReadSpec
from newsstand.data.readers.sources import SplitRecord
from newsstand.data.validate import Row, Validator
from newsstand.errors import DataError
from newsstand.io.records import Record
from newsstand.labels import FROM_DATA, LabelSet

STANCES = "favor-against-neutral"
OTHERS = [
    {"label": "acq", "body": "Wheat fell."},
    {"label": "earn", "body": "Corn rose."},
]


def found(rows: Sequence[Mapping[str, Any]], split: str | None = None) -> list[SplitRecord]:
    return [
        (split, Record(dict(values), "d/w.csv", f"d/w.csv:{line}"))
        for line, values in enumerate(rows, start=2)
    ]


def check(
    items: list[SplitRecord],
    *,
    task: str = "topic",
    scheme: str | tuple[str, ...] = FROM_DATA,
    **settings: Any,
) -> tuple[list[Row], LabelSet]:
    validator = Validator(task=task, scheme=scheme, read=ReadSpec(**settings))
    rows = list(validator.rows(items))
    found = validator.problems()
    if found:
        raise DataError(found)
    return rows, validator.labels()


def problems(items: list[SplitRecord], **settings: Any) -> list[str]:
    with pytest.raises(DataError) as caught:
        check(items, **settings)
    return caught.value.problems
