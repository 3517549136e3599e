"""The location of rows: the files of a source, and the split of each."""

import glob
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from newsstand.errors import DataError
from newsstand.io.records import TABLES, CsvFormat, Problem, Record
from newsstand.io.unpack import table_suffix
from newsstand.io.values import MOST_COLUMNS

SPLITS = ("train", "validation", "test")

# The split of rows that the data's own split lists leave out.
UNUSED = "unused"

# Names of splits in files and columns.
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    UNUSED: UNUSED,
}

# A record, or the problem of one, with its split if the files give one.
SplitRecord = tuple[str | None, Record | Problem]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The location of rows.

    Args:
        task: `topic` or `stance`.
        path: File, folder, glob or `hf:NAME`; None for the embedded corpus.
        files: File or glob under `path` for each split; None or absent for splits without one.
        csv: The known settings of CSV files.
        max_columns: The most columns of a table.
        unseen_only: Whether VAST's validation and test rows with topics of its training rows are
            left out.
        label: The column of the label; only used by formats that choose it among several.
    """

    task: str
    path: str | None = None
    files: Mapping[str, str | None] = field(default_factory=dict)
    csv: CsvFormat = field(default_factory=CsvFormat)
    max_columns: int = MOST_COLUMNS
    unseen_only: bool = False
    label: str = "label"


def folder(source: Source) -> Path:
    """Returns the folder that `data.path` names.

    Raises:
        DataError: There is no such folder.
    """
    assert source.path is not None  # noqa: S101 - the config's own check
    root = Path(source.path).expanduser()
    if not root.is_dir():
        raise DataError(
            f"{source.path}: expected a folder, got a file (data.path)"
            if root.exists()
            else f"{source.path}: no such folder (data.path)"
        )
    return root


def split_files(
    source: Source, suffixes: Sequence[str] = TABLES
) -> Iterator[tuple[str | None, Path]]:
    """Yields the named files of each split, else the files of `data.path`: a file, folder or glob.

    If `data.path` has several files and one is train.csv (or train.jsonl, …), file names determine
    splits.

    Raises:
        DataError: A file is missing, or belongs to two splits.
    """
    if any(source.files.values()):
        yield from named_files(source)
        return
    paths = _unnamed(source, suffixes)
    # train.csv and test.csv in one folder are splits, as for the hub's loaders.
    names = [SPLIT_NAMES.get(path.name.partition(".")[0].lower()) for path in paths]
    by_name = "train" in names and len(paths) > 1
    for path, name in zip(paths, names, strict=True):
        yield name if by_name else None, path


def _unnamed(source: Source, suffixes: Sequence[str]) -> list[Path]:
    assert source.path is not None  # noqa: S101 - the config's own check
    root = Path(source.path).expanduser()
    if root.is_dir():
        paths = sorted(p for p in root.iterdir() if table_suffix(p) in suffixes)
        if not paths:
            known = ", ".join(suffixes)
            raise DataError(f"{root}: no file ends in {known}; name them in data.train")
        return paths
    if root.exists():
        return [root]
    if not glob.has_magic(source.path):
        raise DataError(f"{source.path}: no such file or folder (data.path)")
    matches = [Path(name) for name in sorted(glob.glob(str(root), recursive=True))]
    paths = [path for path in matches if path.is_file()]
    if not paths:
        raise DataError(f"{source.path}: no file matches (data.path)")
    return paths


def named_files(source: Source) -> list[tuple[str, Path]]:
    """Returns the files that `data.train`, `data.validation` and `data.test` name, with splits.

    Raises:
        DataError: A file is missing, or belongs to two splits.
    """
    assert source.path is not None  # noqa: S101 - the config's own check
    named = {split: pattern for split, pattern in source.files.items() if pattern}
    if not named:
        return []
    root = Path(source.path).expanduser()
    if not root.is_dir():
        problem = "got a file" if root.exists() else "no such folder"
        raise DataError(
            f"{source.path}: expected a folder, as data.{next(iter(named))} names a file in it; "
            f"{problem}"
        )
    taken: dict[Path, str] = {}
    problems = []
    for split, pattern in named.items():
        if Path(pattern).anchor:
            problems.append(f"data.{split}: '{pattern}' is absolute, expected files in {root}")
            continue
        try:
            paths = sorted(root.glob(pattern))
        except ValueError as error:
            problems.append(f"data.{split}: '{pattern}' is not a pattern of files ({error})")
            continue
        if not paths:
            problems.append(f"{root}: no file matches data.{split} '{pattern}'")
        for path in paths:
            other = taken.setdefault(path, split)
            if other != split:
                problems.append(f"{path}: matches both data.{other} and data.{split}")
    if problems:
        raise DataError(problems)
    return [(split, path) for path, split in taken.items()]
