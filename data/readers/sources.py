"""Where rows are: the files of a source, and the split that each is given for."""

import glob
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from newsstand.errors import DataError
from newsstand.io.records import TABLES, CsvFormat, Problem, Record
from newsstand.io.unpack import table_suffix
from newsstand.io.values import MOST_COLUMNS

SPLITS = ("train", "validation", "test")

# The split of a row that the data's own split lists leave out.
UNUSED = "unused"

# What a split is called in files and columns.
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

# What a reader yields: the split, where the files say, and the record.
Found = tuple[str | None, Record | Problem]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where rows are.

    Args:
        task: `topic` or `stance`.
        path: File, folder, glob or `hf:NAME`; None for the embedded corpus.
        files: Split to a file or glob under `path`; splits without one are absent or None.
        csv: How files of cells are written, as far as that is known.
        max_columns: Columns of a table at most.
        unseen_only: Whether VAST's rows with topics of its training rows are left out of its
            validation and test rows.
    """

    task: str
    path: str | None = None
    files: Mapping[str, str | None] = field(default_factory=dict)
    csv: CsvFormat = field(default_factory=CsvFormat)
    max_columns: int = MOST_COLUMNS
    unseen_only: bool = False


def folder(source: Source) -> Path:
    """The folder that `data.path` names.

    Raises:
        DataError: There is none.
    """
    assert source.path is not None  # noqa: S101 - the config's own check
    root = Path(source.path).expanduser()
    if not root.is_dir():
        raise DataError(
            f"{source.path}: expected a folder, this is a file (data.path)"
            if root.exists()
            else f"{source.path}: no such folder (data.path)"
        )
    return root


def split_files(
    source: Source, suffixes: Sequence[str] = TABLES
) -> Iterator[tuple[str | None, Path]]:
    """The files of each split; with none named, those of `data.path`: a file, folder or glob.

    Among several files without names, a train.csv (or train.jsonl, …) gives its split by its
    name, and so do the others.

    Raises:
        DataError: Files that are not there, or that are given as two splits.
    """
    if any(source.files.values()):
        yield from named_files(source)
        return
    paths = _unnamed(source, suffixes)
    # train.csv and test.csv in one folder are splits, as the hub's loaders take them.
    names = [SPLIT_NAMES.get(path.name.partition(".")[0].lower()) for path in paths]
    told = "train" in names and len(paths) > 1
    for path, name in zip(paths, names, strict=True):
        yield name if told else None, path


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
    found = [Path(name) for name in sorted(glob.glob(str(root), recursive=True))]
    paths = [path for path in found if path.is_file()]
    if not paths:
        raise DataError(f"{source.path}: no file matches (data.path)")
    return paths


def named_files(source: Source) -> list[tuple[str, Path]]:
    """The files that `data.train`, `data.validation` and `data.test` name, with their splits.

    Raises:
        DataError: Files that are not there, or that are given as two splits.
    """
    assert source.path is not None  # noqa: S101 - the config's own check
    named = {split: pattern for split, pattern in source.files.items() if pattern}
    if not named:
        return []
    root = Path(source.path).expanduser()
    if not root.is_dir():
        missing = "" if root.exists() else ", there is none"
        raise DataError(
            f"{source.path}: expected a folder, as data.{next(iter(named))} names a file in it"
            f"{missing}"
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
            problems.append(f"data.{split}: '{pattern}' is no pattern of files in {root} ({error})")
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
