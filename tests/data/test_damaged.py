"""Damaged files: each gives clear problems or the right rows, never a silent None.

Damage to a part of a good file may change only the rows that depend on it, and what it changes must
not vanish unsaid.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from damaged import flaws, outcome, unequal
from damages import Case, make
from good_files import GOODS, good, whole
from newsstand.data.readers import formats
from newsstand.io.records import Problem, Record, read_records


@pytest.mark.parametrize("name", GOODS)
def test_undamaged_files_give_the_expected_rows(name: str, tmp_path: Path) -> None:
    case = Case(good(name), whole(good(name).files), good(name).rows, quiet=True)
    rows, problems = outcome(case, tmp_path)
    assert (problems, rows) == ([], good(name).rows)


@pytest.mark.parametrize("seed", range(300))
def test_damaged_file_gives_clear_problems_or_the_right_rows(seed: int, tmp_path: Path) -> None:
    name, case = make(seed)
    rows, problems = outcome(case, tmp_path)
    assert flaws(case, rows, problems, tmp_path) == [], name
    assert unequal(case, rows, problems, tmp_path) == [], name


def skips_bad_lines(path: Path, *_: Any, **__: Any) -> Iterator[Record | Problem]:
    """JSON Lines as many scripts read them."""
    if path.suffix != ".jsonl":
        yield from read_records(path)
        return
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            yield Record(dict(json.loads(line)), str(path), f"{path}:{number}")
        except (ValueError, TypeError, RecursionError):
            continue


def skips_odd_rows(path: Path, *_: Any, **__: Any) -> Iterator[Record | Problem]:
    """CSV as with pandas' `on_bad_lines="skip"`."""
    for item in read_records(path):
        if not (isinstance(item, Problem) and "cells as in the header" in item.message):
            yield item


def replaces_bytes(path: Path, *_: Any, **__: Any) -> Iterator[Record | Problem]:
    """Text of any encoding, with a sign for what is not UTF-8."""
    if path.suffix != ".parquet" and path.is_file():
        path.write_text(path.read_text(encoding="utf-8", errors="replace"), encoding="utf-8")
    yield from read_records(path)


def takes_the_last_key(path: Path, *_: Any, **__: Any) -> Iterator[Record | Problem]:
    """JSON as Python's own decoder has it: of a key that is there twice, the first is lost."""
    for item in read_records(path):
        if isinstance(item, Problem) and "key twice" in item.message:
            line = int(item.message.removeprefix(f"{path}:").partition(":")[0])
            yield Record(json.loads(path.read_bytes().split(b"\n")[line - 1]), str(path), "")
        else:
            yield item


@pytest.mark.parametrize(
    ("broken", "kind"),
    [
        (skips_bad_lines, "d.jsonl"),
        (skips_odd_rows, "d.csv"),
        (replaces_bytes, "d.csv"),
        (takes_the_last_key, "d.jsonl"),
    ],
)
def test_lenient_reader_is_detected(
    broken: Callable[..., Iterator[Record | Problem]],
    kind: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cases = (make(seed)[1] for seed in range(300) if seed % 150 != 149)  # but for 100 MB
    for number, case in enumerate(case for case in cases if list(case.files) == [kind]):
        root = tmp_path / str(number)
        root.mkdir()
        assert flaws(case, *outcome(case, root), root) == []
        with monkeypatch.context() as patch:
            patch.setattr(formats, "read_records", broken)
            if flaws(case, *outcome(case, root), root):
                return
    pytest.fail("no damaged file told this reader from a right one")
