"""Readers: one function a format, each yielding records with their split where the files say.

To add a format, write a function that takes a `Source` and yields `(split, record)` pairs,
and name it in `FORMATS` of `newsstand.config.formats`. Readers only read: what a value means, and
whether it is right, is decided in `validate`. Those of the publishers' own files are in
`publishers` and `debates`.
"""

import glob
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any

from newsstand.config.formats import FORMATS
from newsstand.data.readers.sources import (
    Found,
    Source,
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
    """The stage of a curriculum from which on a row is learned.

    From the bare subject that a comment or a plain passage praises or blames, over claims and their
    opposites, to texts that are hard on purpose, and then reasons whose choice of words is even
    on both sides.
    """
    if stance["kind"] == "subject":
        return "1"
    plain = any(other["kind"] == "subject" for other in values["stances"])
    if plain or values.get("kind") in ("comment", "claim"):
        return "2"
    return "4" if "kind" in values else "3"  # which only arguments.jsonl has


def read_corpus(source: Source) -> Iterator[Found]:
    """The corpus shipped with newsstand: its articles; for stance, all texts, a row a target."""
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


def read_table(source: Source) -> Iterator[Found]:
    """CSV, TSV, JSONL, JSON or Parquet with named columns, or a data set through `datasets`."""
    if source.path is not None and source.path.startswith("hf:"):
        yield from _read_hf(source.path)
        return
    for split, path in split_files(source):
        for item in read_records(path, source.csv, most=source.max_columns):
            yield split, item


def read_tsv(source: Source) -> Iterator[Found]:
    """Lines of label, tab, text, as TextGCN's R8 and many fastText corpora have them."""
    for split, path in split_files(source, FORMATS["tsv"].suffixes):
        for item in _tsv(path):
            yield split, item


def _tsv(path: Path) -> Iterator[Record | Problem]:
    flaw = file_flaw(path) or text_flaw(path)
    if flaw:
        yield Problem(flaw)
        return
    number, blank = 0, True
    # newline="\n": a lone carriage return or U+2028 inside a text is no end of line.
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
                    yield Problem(f"{where}: expected label, tab, text; there is no tab")
        except LineTooLong as error:
            yield Problem(f"{path}:{number + 1}: {error}")
            return
    if blank:
        yield Problem(f"{path}: nothing but blank lines")


def _read_hf(path: str) -> Iterator[Found]:
    """Rows of a data set of the Hugging Face hub, its integer labels given their names."""
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
    """A key of the contents of a data set `hf:NAME`, as `datasets` knows them.

    Raises:
        DataError: It cannot be loaded.
    """
    return "\n".join(f"{split} {rows._fingerprint}" for split, rows in _load_hf(path).items())


def reader(form: str) -> Callable[[Source], Iterator[Found]]:
    """The function that reads a format.

    Args:
        form: A key of `FORMATS`.
    """
    module, _, name = FORMATS[form].read.partition(".")
    read: Callable[[Source], Iterator[Found]]
    read = getattr(import_module(f"{__package__}.{module}"), name)
    return read


def input_files(form: str, source: Source) -> list[str]:
    """The paths of the files that a format reads, for a key of their contents; none for `hf:`.

    As text: a `Path` for each of very many small files takes longer than reading some of them.

    Raises:
        DataError: As the format's reader does.
    """
    if form == "corpus":
        return [str(path) for path in _corpus_files(source)]
    if source.path is not None and source.path.startswith("hf:"):
        return []
    kind = FORMATS[form]
    if kind.patterns is None:
        return [str(path) for _, path in split_files(source, kind.suffixes)]
    root = f"{folder(source)}/"
    named = [str(path) for _, path in named_files(source)]
    found = {root + name for pattern in kind.patterns for name in glob.glob(pattern, root_dir=root)}
    return named + sorted(found.difference(named))
