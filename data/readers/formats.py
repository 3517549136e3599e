"""Readers: one function for each format, which yields records with the split given by the files.

To add a format, write a function that takes a `Source` and yields `(split, record)` pairs, and
name it in `FORMATS` of `newsstand.config.formats`. Readers do not interpret or check values, which
`validate` does. Readers of publishers' file formats are in `publishers` and `debates`.
"""

import glob
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any

from newsstand.config.formats import FORMATS
from newsstand.data.readers.sources import (
    Source,
    SplitRecord,
    folder,
    named_files,
    split_files,
)
from newsstand.errors import DataError
from newsstand.io.records import (
    LineTooLong,
    Problem,
    Record,
    bounded_lines,
    file_flaw,
    read_records,
    text_flaw,
)

CORPUS = Path(__file__).resolve().parents[1] / "corpus"


def _stage(values: Mapping[str, Any], stance: Mapping[str, str]) -> str:
    """Returns the first training stage of a row, from easy to hard.

    1: the subject that a comment or plain passage praises or blames; 2: claims and their opposites;
    3: texts that are hard on purpose; 4: arguments whose vocabulary does not reveal the side.
    """
    if stance["kind"] == "subject":
        return "1"
    plain = any(other["kind"] == "subject" for other in values["stances"])
    if plain or values.get("kind") in ("comment", "claim"):
        return "2"
    return "4" if "kind" in values else "3"  # only arguments.jsonl has `kind`


def read_corpus(source: Source) -> Iterator[SplitRecord]:
    """Reads the embedded corpus: its articles, or for stance all texts, a row for each target."""
    for item in chain.from_iterable(map(read_records, _corpus_files(source))):
        if isinstance(item, Problem) or source.task == "topic":
            yield None, item
            continue
        values = {"group": item.values["debate"], **item.values}
        for number, stance in enumerate(values["stances"], start=1):
            row = {**values, **stance, "id": f"{values['id']}/{number}"}
            row["curriculum"] = _stage(values, stance)
            yield None, Record(row, item.file, item.where)


def _corpus_files(source: Source) -> list[Path]:
    names = ["articles"] if source.task == "topic" else ["articles", "passages", "arguments"]
    return [CORPUS / f"{name}.jsonl" for name in names]


def read_table(source: Source) -> Iterator[SplitRecord]:
    """Reads CSV, TSV, JSONL, JSON or Parquet with named columns, or a data set of the hub."""
    if source.path is not None and source.path.startswith("hf:"):
        yield from _read_hf(source.path)
        return
    for split, path in split_files(source):
        for item in read_records(path, source.csv, most=source.max_columns):
            yield split, item


def read_tsv(source: Source) -> Iterator[SplitRecord]:
    """Reads lines of label, tab, text, the format of TextGCN's R8 and many fastText corpora."""
    for split, path in split_files(source, FORMATS["tsv"].suffixes):
        for item in _tsv(path):
            yield split, item


def _tsv(path: Path) -> Iterator[Record | Problem]:
    flaw = file_flaw(path) or text_flaw(path)
    if flaw:
        yield Problem(flaw)
        return
    number, blank = 0, True
    # newline="\n": a lone carriage return or U+2028 in a text does not end the line.
    with path.open(encoding="utf-8-sig", newline="\n") as stream:
        try:
            for number, raw in enumerate(bounded_lines(stream), start=1):
                line = raw.rstrip("\r\n")
                if not line:
                    continue
                blank = False
                where = f"{path}:{number}"
                label, tab, text = line.partition("\t")
                if tab:
                    yield Record({"label": label, "body": text}, str(path), where)
                else:
                    yield Problem(f"{where}: expected label, tab, text; found no tab")
        except LineTooLong as error:
            yield Problem(f"{path}:{number + 1}: {error}")
            return
    if blank:
        yield Problem(f"{path}: nothing but blank lines")


def _read_hf(path: str) -> Iterator[SplitRecord]:
    """Reads a data set of the Hugging Face hub, with names for integer labels."""
    import datasets

    loaded = _load_hf(path)
    for split, rows in loaded.items():
        coded = {
            column: feature
            for column, feature in rows.features.items()
            if isinstance(feature, datasets.ClassLabel)
        }
        given = str(split) if len(loaded) > 1 else None
        for number, values in enumerate(rows, start=1):
            for column, feature in coded.items():
                if values[column] is not None and values[column] >= 0:
                    values[column] = feature.int2str(values[column])
            yield given, Record(dict(values), path, f"{path}, {split} row {number}")


def _load_hf(path: str) -> Any:
    import datasets

    name, _, config = path.removeprefix("hf:").partition(":")
    try:
        return datasets.load_dataset(name, config or None)
    except Exception as error:  # datasets raises many kinds, some with the cause inside
        reason = " ".join(str(error.__cause__ or error).split())
        raise DataError(f"{path}: cannot be loaded ({reason:.300})") from error


def hub_fingerprint(path: str) -> str:
    """Returns the fingerprints that `datasets` gives the splits of a data set `hf:NAME`.

    Raises:
        DataError: The data set cannot be loaded.
    """
    return "\n".join(f"{split} {rows._fingerprint}" for split, rows in _load_hf(path).items())


def reader(format_name: str) -> Callable[[Source], Iterator[SplitRecord]]:
    """Returns the function that reads a format.

    Args:
        format_name: A key of `FORMATS`.
    """
    module, _, name = FORMATS[format_name].read.partition(".")
    read: Callable[[Source], Iterator[SplitRecord]]
    read = getattr(import_module(f"{__package__}.{module}"), name)
    return read


def input_files(format_name: str, source: Source) -> list[str]:
    """Returns the paths of the files that a format reads; none for `hf:`.

    Paths are strings, as making very many `Path` objects is slow.

    Raises:
        DataError: Files are missing, as in the format's reader.
    """
    if format_name == "corpus":
        return [str(path) for path in _corpus_files(source)]
    if source.path is not None and source.path.startswith("hf:"):
        return []
    format_ = FORMATS[format_name]
    if format_.patterns is None:
        return [str(path) for _, path in split_files(source, format_.suffixes)]
    root = f"{folder(source)}/"
    named = [str(path) for _, path in named_files(source)]
    names = {name for pattern in format_.patterns for name in glob.glob(pattern, root_dir=root)}
    return named + sorted({root + name for name in names}.difference(named))
