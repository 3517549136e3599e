"""Damaged files: each gives clear problems or the right rows, and never a silent None.

Damage to a part of a good file may change only the rows that depend on it, and what it changes must
not vanish unsaid.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from damages import Case, make
from good_files import GOODS, good, whole
from newsstand.data import formats
from newsstand.data.formats import FORMATS
from newsstand.data.sources import Source
from newsstand.data.validate import COLUMNS, Row, Validator
from newsstand.errors import DataError
from newsstand.records import Problem, Record, read_records


def outcome(case: Case, root: Path) -> tuple[list[Row], list[str]]:
    """What reading and validating the files gives."""
    for name, data in case.files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    good = case.good
    path = root
    if not good.names and len(good.files) == 1:
        path = root / next(iter(good.files))
    source = Source(task=good.task, path=str(path), files=good.names)
    validator = Validator(task=good.task, scheme=good.scheme, name=str(path))
    try:
        rows = list(validator.rows(FORMATS[good.form].read(source)))
    except DataError as error:
        return [], error.problems
    return rows, validator.problems()


def flaws(case: Case, rows: Sequence[Row], problems: Sequence[str], root: Path) -> list[str]:
    """What is wrong with an outcome: the whole of what "clear error or right rows" means."""
    if case.good.form in ("tsv", "fnc1"):  # an id is a line there, which others may move
        case = replace(case, rows=[replace(row, id="") for row in case.rows])
        rows = [replace(row, id="") for row in rows]
    found = [f"no file named: {x}" for x in problems if not x.startswith(str(root))]
    found += [f"more than a line: {x!r:.200}" for x in problems if "\n" in x or len(x) > 600]
    if case.loud and not problems:
        found.append("nothing was said")
    if case.quiet and problems:
        found.append(f"said of a good file: {problems[0]}")
    left = dict(enumerate(case.rows))
    altered = []
    for row in rows:
        same = next((n for n, other in left.items() if other == row), None)
        if same is None:
            altered.append(row)
            continue
        del left[same]
    order = [n for row in rows for n, other in enumerate(case.rows) if other == row]
    if len(set(map(repr, case.rows))) == len(case.rows) and order != sorted(order):
        found.append("rows in another order")
    for row in altered:
        # The row that it was: the one most like it, among those that may differ.
        # Out of a list that cannot be read, which a problem says, a row has no split.
        choices = [
            n
            for n in left
            if n in case.touched | case.lost
            or (problems and replace(case.rows[n], split=row.split) == row)
        ]
        if not choices:
            found.append(f"a row that no file holds: {row}")
            continue
        was = left.pop(max(choices, key=lambda n: _alike(row, case.rows[n])))
        found += [
            f"silently lost: {name} of {row}"
            for name in COLUMNS
            if not problems and getattr(was, name) and not getattr(row, name)
        ]
    if not problems:
        gone = left.keys() - case.lost
        found += [f"silently lost: {case.rows[n]}" for n in sorted(gone)]
    return found


def _alike(row: Row, other: Row) -> int:
    return sum(getattr(row, name) == getattr(other, name) for name in COLUMNS)


@pytest.mark.parametrize("name", GOODS)
def test_the_good_files_hold_these_rows(name: str, tmp_path: Path) -> None:
    case = Case(good(name), whole(good(name).files), good(name).rows, quiet=True)
    rows, problems = outcome(case, tmp_path)
    assert (problems, rows) == ([], good(name).rows)


@pytest.mark.parametrize("seed", range(300))
def test_a_damaged_file_gives_clear_problems_or_the_right_rows(seed: int, tmp_path: Path) -> None:
    name, case = make(seed)
    rows, problems = outcome(case, tmp_path)
    assert flaws(case, rows, problems, tmp_path) == [], name


def skips_bad_lines(path: Path) -> Iterator[Record | Problem]:
    """JSON Lines as many scripts read them."""
    if path.suffix != ".jsonl":
        yield from read_records(path)
        return
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            yield Record(dict(json.loads(line)), str(path), f"{path}:{number}")
        except (ValueError, TypeError, RecursionError):
            continue


def skips_odd_rows(path: Path) -> Iterator[Record | Problem]:
    """CSV as with pandas' `on_bad_lines="skip"`."""
    for item in read_records(path):
        if not (isinstance(item, Problem) and "cells as in the header" in item.message):
            yield item


def replaces_bytes(path: Path) -> Iterator[Record | Problem]:
    """Text of any encoding, with a sign for what is not UTF-8."""
    if path.suffix != ".parquet" and path.is_file():
        path.write_text(path.read_text(encoding="utf-8", errors="replace"), encoding="utf-8")
    yield from read_records(path)


def takes_the_last_key(path: Path) -> Iterator[Record | Problem]:
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
def test_a_reader_that_forgives_is_caught(
    broken: Callable[[Path], Iterator[Record | Problem]],
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
