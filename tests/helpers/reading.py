"""Files of a format, what a reader gives of them, and what it refuses."""

from pathlib import Path
from typing import Any

import pytest

from newsstand.data.readers.formats import input_files, reader
from newsstand.data.readers.sources import Source
from newsstand.errors import DataError
from newsstand.io.records import Problem


def put(files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def read(form: str, path: str | None, task: str = "topic", **files: str | None) -> list[Any]:
    """(split, place, values) of each record, and the message of each problem."""
    source = Source(task=task, path=path, files=files)
    return [
        item.message if isinstance(item, Problem) else (split, item.where, item.values)
        for split, item in reader(form)(source)
    ]


def refused(form: str, path: str, **files: str | None) -> list[str]:
    with pytest.raises(DataError) as caught:
        read(form, path, **files)
    return caught.value.problems


def inputs(form: str, path: str | None, **files: str | None) -> list[str]:
    return [str(x) for x in input_files(form, Source(task="topic", path=path, files=files))]
