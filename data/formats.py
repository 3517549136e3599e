"""Readers: one function a format, each yielding records with their split where the files say.

To add a format, write a function that takes a `Source` and yields `(split, record)` pairs,
and name it in `FORMATS` and in the config's `data.format`. Readers only read: what a value
means, and whether it is right, is decided in `validate`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from newsstand.errors import DataError
from newsstand.records import (
    TABLES,
    Problem,
    Record,
    file_flaw,
    read_records,
    text_flaw,
)

SPLITS = ("train", "validation", "test")

# What a split is called in files and columns.
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}

Found = tuple[str | None, Record | Problem]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where rows are.

    Args:
        task: `topic` or `stance`.
        path: File, folder or `hf:NAME`; None for the embedded corpus.
        files: Split to a file or glob under `path`; splits without one are absent or None.
    """

    task: str
    path: str | None = None
    files: Mapping[str, str | None] = field(default_factory=dict)


def read_corpus(source: Source) -> Iterator[Found]:
    """The articles shipped with newsstand; for stance, one row for each of their targets."""
    path = Path(__file__).parent / "corpus" / "articles.jsonl"
    for item in read_records(path):
        if isinstance(item, Problem) or source.task == "topic":
            yield None, item
            continue
        values = item.values
        for number, stance in enumerate(values["stances"], start=1):
            row = {**values, **stance, "id": f"{values['id']}/{number}"}
            yield None, Record(row, item.file, item.where)


def read_table(source: Source) -> Iterator[Found]:
    """CSV, JSONL, JSON or Parquet with named columns, or a data set through `datasets`."""
    assert source.path is not None  # noqa: S101 - the config's own check
    if source.path.startswith("hf:"):
        yield from _read_hf(source.path)
        return
    for split, path in _files(source):
        for item in read_records(path):
            yield split, item


def read_tsv(source: Source) -> Iterator[Found]:
    """Lines of label, tab, text, as TextGCN's R8 and many fastText corpora have them."""
    for split, path in _files(source):
        flaw = file_flaw(path) or text_flaw(path)
        if flaw:
            yield split, Problem(flaw)
            continue
        for number, line in enumerate(_lines(path), start=1):
            if not line:
                continue
            where = f"{path}:{number}"
            label, tab, text = line.partition("\t")
            if not tab:
                yield split, Problem(f"{where}: expected label, tab, text; there is no tab")
                continue
            yield split, Record({"label": label, "body": text}, str(path), where)


# Folder names of TweetEval to the targets as SemEval-2016 task 6 put them.
_TWEETEVAL_TARGETS = {
    "abortion": "Legalization of Abortion",
    "atheism": "Atheism",
    "climate": "Climate Change is a Real Concern",
    "feminist": "Feminist Movement",
    "hillary": "Hillary Clinton",
}


def read_tweeteval(source: Source) -> Iterator[Found]:
    """TweetEval's stance folders: `<target>/{train,val,test}_{text,labels}.txt`, `mapping.txt`."""
    assert source.path is not None  # noqa: S101 - the config's own check
    root = _existing(source.path)
    folders = sorted(path.parent for path in root.glob("*/train_text.txt"))
    if not folders:
        raise DataError(f"{root}: expected folders with train_text.txt, one a target; found none")
    for folder in folders:
        mapping = next((p for p in (folder, root) if (p / "mapping.txt").exists()), None)
        if mapping is None:
            raise DataError(f"{root}: expected mapping.txt (integer, tab, label); found none")
        file = mapping / "mapping.txt"
        flaw = file_flaw(file) or text_flaw(file)
        if flaw:
            raise DataError(flaw)
        names = dict(line.split("\t", 1) for line in _lines(file) if "\t" in line)
        for split, short in (("train", "train"), ("validation", "val"), ("test", "test")):
            texts, labels = (folder / f"{short}_{kind}.txt" for kind in ("text", "labels"))
            for item in _tweets(texts, labels, names, folder.name):
                yield split, item


def _tweets(
    texts: Path, labels: Path, names: Mapping[str, str], folder: str
) -> Iterator[Record | Problem]:
    for path in (texts, labels):
        flaw = file_flaw(path) or text_flaw(path)
        if flaw:
            yield Problem(flaw)
            return
    bodies, codes = _lines(texts), _lines(labels)
    if len(bodies) != len(codes):
        yield Problem(f"{labels}: {len(codes)} labels for the {len(bodies)} lines of {texts.name}")
        return
    target = _TWEETEVAL_TARGETS.get(folder, folder)
    for number, (body, code) in enumerate(zip(bodies, codes, strict=True), start=1):
        code = code.strip()
        if code not in names:
            place = f"{labels}:{number}"
            yield Problem(f"{place}: label {code!r} is not in mapping.txt ({', '.join(names)})")
            continue
        values = {
            # All folders have files of the same names, so the folder is part of the id.
            "id": f"{folder}/{texts.name}:{number}",
            "body": body,
            "target": target,
            "label": names[code].strip(),
        }
        yield Record(values, str(texts), f"{texts}:{number}")


FORMATS: Mapping[str, Callable[[Source], Iterator[Found]]] = {
    "corpus": read_corpus,
    "table": read_table,
    "tsv": read_tsv,
    "tweeteval-stance": read_tweeteval,
}


def _lines(path: Path) -> list[str]:
    """The lines of a text file up to the last that is not empty."""
    # newline="\n": a lone carriage return or U+2028 inside a text is no end of line.
    with path.open(encoding="utf-8-sig", newline="\n") as stream:
        lines = [line.rstrip("\r\n") for line in stream]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _existing(path: str) -> Path:
    found = Path(path).expanduser()
    if not found.exists():
        raise DataError(f"{path}: no such file or folder (data.path)")
    return found


def _files(source: Source) -> Iterator[tuple[str | None, Path]]:
    """The files of each split; with none named, the file or all tables of the folder.

    A folder with a train.csv among others (or train.jsonl, …) gives its splits by file name.
    """
    assert source.path is not None  # noqa: S101 - the config's own check
    root = _existing(source.path)
    named = {split: glob for split, glob in source.files.items() if glob}
    if not named:
        paths = [root]
        if root.is_dir():
            paths = sorted(p for p in root.iterdir() if p.suffix.lower() in TABLES)
        if not paths:
            raise DataError(f"{root}: no file ends in {', '.join(TABLES)}; name them in data.train")
        # train.csv and test.csv in one folder are splits, as the hub's loaders take them.
        names = [SPLIT_NAMES.get(path.stem.lower()) for path in paths]
        told = "train" in names and len(paths) > 1
        for path, name in zip(paths, names, strict=True):
            yield name if told else None, path
        return
    if not root.is_dir():
        raise DataError(
            f"{root}: expected a folder, as data.{next(iter(named))} names a file in it"
        )
    taken: dict[Path, str] = {}
    problems = []
    for split, glob in named.items():
        try:
            paths = sorted(root.glob(glob))
        except (ValueError, NotImplementedError) as error:
            problems.append(f"data.{split}: '{glob}' is no pattern of files in {root} ({error})")
            continue
        if not paths:
            problems.append(f"{root}: no file matches data.{split} '{glob}'")
        for path in paths:
            other = taken.setdefault(path, split)
            if other != split:
                problems.append(f"{path}: matches both data.{other} and data.{split}")
    if problems:
        raise DataError(problems)
    yield from ((split, path) for path, split in taken.items())


def _read_hf(path: str) -> Iterator[Found]:
    """Rows of a data set of the Hugging Face hub, its integer labels given their names."""
    import datasets

    name, _, config = path.removeprefix("hf:").partition(":")
    try:
        loaded = datasets.load_dataset(name, config or None)
    except Exception as error:  # datasets raises many kinds, some with the cause inside
        reason = " ".join(str(error.__cause__ or error).split())
        raise DataError(f"{path}: cannot be loaded ({reason:.300})") from error
    for split, rows in loaded.items():
        coded = {
            column: feature
            for column, feature in rows.features.items()
            if isinstance(feature, datasets.ClassLabel)
        }
        for number, values in enumerate(rows, start=1):
            for column, feature in coded.items():
                if values[column] is not None and values[column] >= 0:
                    values[column] = feature.int2str(values[column])
            given = str(split) if len(loaded) > 1 else None
            yield given, Record(dict(values), path, f"{path}, {split} row {number}")
