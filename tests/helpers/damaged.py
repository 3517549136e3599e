"""What training and scoring make of damaged files, and what is wrong with it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from damages import Case
from newsstand.config.data_specs import ReadSpec
from newsstand.data.readers.formats import reader
from newsstand.data.readers.sources import Source
from newsstand.data.validate import COLUMNS, Row, Validator
from newsstand.errors import DataError, InputError
from newsstand.io.records import Problem, read_records
from newsstand.text.article import Article


def outcome(case: Case, root: Path) -> tuple[list[Row], list[str]]:
    """What reading and validating the files gives: rows, and what is said of the others."""
    for name, data in case.files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    good = case.good
    path = root
    if not good.names and len(good.files) == 1:
        path = root / next(iter(good.files))
    source = Source(task=good.task, path=str(path), files=good.names)
    validator = Validator(task=good.task, scheme=good.scheme, read=ReadSpec(), name=str(path))
    try:
        rows = list(validator.rows(reader(good.form)(source)))
    except DataError as error:
        return [], error.problems
    left_out = [note.why.removeprefix("first ") for note in validator.notes]
    return rows, validator.problems() + left_out


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


def unequal(case: Case, rows: Sequence[Row], said: Sequence[str], root: Path) -> list[str]:
    """Where scoring reads a table otherwise than training: each row learned from is scored alike.

    Args:
        case: Only one file in the canonical columns is looked at.
        rows: What training reads.
        said: What is said of the other rows.
        root: Where the file is.
    """
    if case.good.form != "table" or len(case.files) != 1:
        return []
    path = root / next(iter(case.files))
    articles: dict[str, Article] = {}
    for item in read_records(path):
        try:
            if isinstance(item, Problem):
                raise InputError(item.message)
            articles[item.place] = Article.from_mapping(item.values)
        except InputError as error:
            if not said:
                return [f"only scoring refuses it: {error}"]
    found = []
    for row in rows:
        article = articles[row.place]
        pairs = [(name, getattr(article, name)) for name in ("title", "body", "published")]
        found += [
            f"{name} is scored as {x!r}: {row}" for name, x in pairs if x != getattr(row, name)
        ]
    return found
