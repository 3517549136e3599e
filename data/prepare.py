"""Reads, validates and prepares rows, and caches them as Arrow files for later runs.

The reader streams; worker processes prepare batches of rows, which are written in file order. So
memory holds only a few batches. The files are in the cache folder of `datasets`, under a key of
everything that determines their content: the bytes of the input files, the settings, and the code
that reads and prepares. They are verified before use, and prepared again if damaged.
"""

import hashlib
import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, astuple, dataclass
from functools import cache, lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeAlias

import datasets
import pyarrow as pa

from newsstand.config.data_specs import ReadSpec
from newsstand.data.code_key import code_key
from newsstand.data.notes import Note, Notes
from newsstand.data.readers.formats import hub_fingerprint, input_files, reader
from newsstand.data.readers.sources import Source
from newsstand.data.sealed import cache_root, file_digest, find_damage, write_checksums
from newsstand.data.validate import COLUMNS, Row, Validator
from newsstand.errors import EmptyArticleError, InputError
from newsstand.io.files import exclusive, remove, scratch_folder, sync
from newsstand.labels import LabelSet
from newsstand.parallel import pool, processors
from newsstand.progress import ProgressCallback
from newsstand.text.article import Article
from newsstand.text.example import Example, encode, prepared_mentions
from newsstand.text.normalize import TextSpec

_logger = logging.getLogger(__name__)

# A batch of prepared rows, the places of rows without text, and the problems of other rows.
_Prepared: TypeAlias = tuple[pa.RecordBatch, list[str], list[str]]

_BATCH = 256  # rows
_INLINE = 8 * _BATCH  # fewer rows are prepared without worker processes, which start slowly
_REMEMBERED = 4096  # articles: stance data repeats an article for each target
_TEXTS_FILE, _ROWS_FILE, _META_FILE = "texts.arrow", "rows.arrow", "meta.json"

_TEXT = datasets.Value("string")
_SPECIAL = {
    "votes": datasets.List(_TEXT),
    "mentions": datasets.List(datasets.List(datasets.Value("int32"))),
}
_REMOVED = {
    "part": _TEXT,
    "rule": _TEXT,
    **{name: datasets.Value("int32") for name in ("start", "end")},
}
# The columns of the row, and those made by preparation.
FEATURES = datasets.Features(
    {
        **{name: _SPECIAL.get(name, _TEXT) for name in COLUMNS},
        "prepared_title": _TEXT,
        "prepared_body": _TEXT,
        "removed": datasets.List(_REMOVED),
        "prepared_mentions": _SPECIAL["mentions"],
        "warning": _TEXT,
        "words": datasets.Value("int32"),
        "text_key": _TEXT,
        "digest": _TEXT,
    }
)
# Columns that are not part of the content of a row, as digests of data understand it: where it
# belongs, and what only names parts of the test rows.
_NOT_CONTENT = ("split", "genre")
# Columns in a file of their own, so that the other columns are read quickly.
_TEXTS = ("title", "body", "prepared_title", "prepared_body")


@dataclass(frozen=True, slots=True)
class PreparedRows:
    """Validated rows with their prepared text, on disk.

    Args:
        folder: Folder of the files; further results about these rows may be cached there.
        table: One row for each usable record, in file order; the columns of `FEATURES`.
        labels: The labels that occur.
        problems: One line for each unusable record.
        ties: Number of rows dropped for tied annotators' votes.
        notes: Omitted rows and values.
        cached: Whether the rows were prepared by an earlier run.
        source_folders: The folder of each source in turn, if there are several.
    """

    folder: Path
    table: datasets.Dataset
    labels: LabelSet
    problems: list[str]
    ties: int
    notes: list[Note]
    cached: bool
    source_folders: tuple[Path, ...] = ()

    def column(self, name: str) -> list[Any]:
        """Returns the values of a column, all in memory."""
        return values(self.table.data.column(name))

    def texts(self) -> Iterator[tuple[list[str], list[str]]]:
        """Yields batches of keys and prepared bodies (or titles of rows without a body), in order.

        Reads without the memory map, whose pages would count as memory of this process.
        """
        for folder in self.source_folders or (self.folder,):
            with (
                _reading(folder / _ROWS_FILE) as rows,
                _reading(folder / _TEXTS_FILE) as texts,
            ):
                for row_batch, text_batch in zip(rows, texts, strict=True):
                    bodies = text_batch.column("prepared_body").to_pylist()
                    titles = text_batch.column("prepared_title").to_pylist()
                    keys = row_batch.column("text_key").to_pylist()
                    yield keys, [body or title for body, title in zip(bodies, titles, strict=True)]


def prepare(
    source: Source,
    *,
    format_name: str,
    spec: TextSpec,
    scheme: str | tuple[str, ...],
    read: ReadSpec,
    one_of_several: bool = False,
    progress: ProgressCallback | None = None,
) -> PreparedRows:
    """Prepares the rows of a source, or reads them from the cache.

    Args:
        source: Location of the records.
        format_name: A key of `FORMATS`.
        spec: How text is prepared.
        scheme: A label scheme's name, `from-data`, or a list of labels.
        read: How records become rows.
        one_of_several: Whether there are other sources, so that a single label is allowed.
        progress: Called after each batch.

    Raises:
        DataError: Files are missing. Unusable records are listed in `problems`.
    """
    settings = {
        "source": asdict(source),
        "format": format_name,
        "read": asdict(read),
        "spec": spec.to_dict(),
        "scheme": scheme,
        "one_of_several": one_of_several,
    }
    root = cache_root()
    folder = root / _key(format_name, source, settings)
    why = find_damage(folder, of=folder.name)
    if why is not None:
        if os.path.lexists(folder):
            _logger.warning("%s: damaged (%s); prepared again", folder, why)
        name = source.path or "the corpus"
        validator = Validator(
            task=source.task, scheme=scheme, read=read, name=name, one_of_several=one_of_several
        )
        with scratch_folder(root) as scratch:
            rows = validator.rows(reader(format_name)(source))
            empty = Notes()
            places, refused = _write(scratch, rows, spec, progress)
            for place in places:
                empty.add("rows left out without text", place, "only markup or boilerplate")
            labels = validator.labels()
            meta = {
                "scheme": labels.scheme,
                "labels": labels.names,
                "problems": validator.problems() + refused,
                "ties": validator.ties,
                "notes": [astuple(note) for note in (*validator.notes, *empty.all())],
            }
            (scratch / _META_FILE).write_text(json.dumps(meta), encoding="utf-8")
            write_checksums(scratch, (_TEXTS_FILE, _ROWS_FILE, _META_FILE), of=folder.name)
            _publish(scratch, folder)
    return _read(folder, cached=why is None)


def _read(folder: Path, *, cached: bool) -> PreparedRows:
    meta = json.loads((folder / _META_FILE).read_text(encoding="utf-8"))
    tables = [datasets.Dataset.from_file(str(folder / x)) for x in (_ROWS_FILE, _TEXTS_FILE)]
    if len(tables[0]):
        table = datasets.concatenate_datasets(tables, axis=1).select_columns(list(FEATURES))
    else:  # empty tables cannot be concatenated
        table = datasets.Dataset.from_dict({name: [] for name in FEATURES}, features=FEATURES)
    labels = LabelSet(meta["scheme"], meta["labels"])
    notes = [Note(*note) for note in meta["notes"]]
    return PreparedRows(folder, table, labels, meta["problems"], meta["ties"], notes, cached)


def _publish(scratch: Path, folder: Path) -> None:
    """Renames the scratch folder to its final name, unless another run has written that."""
    with exclusive(folder.parent):
        if find_damage(folder, of=folder.name) is not None:
            remove(folder)
            scratch.rename(folder)
            sync(folder.parent)


def values(column: pa.ChunkedArray) -> list[Any]:
    """Returns the values of a column as Python objects; equal texts share one object."""
    if not pa.types.is_string(column.type):
        return list(column.to_pylist())
    encoded = column.combine_chunks().dictionary_encode()
    texts = [*encoded.dictionary.to_pylist(), None]
    return [texts[code] for code in encoded.indices.fill_null(-1).to_numpy().tolist()]


def _write(
    folder: Path, rows: Iterable[Row], spec: TextSpec, progress: ProgressCallback | None
) -> tuple[list[str], list[str]]:
    """Prepares and writes all rows; returns the places of rows without text, and problems."""
    empty: list[str] = []
    problems: list[str] = []
    done = 0
    others = [name for name in FEATURES if name not in _TEXTS]
    with (
        _writing(folder / _TEXTS_FILE, _TEXTS) as texts,
        _writing(folder / _ROWS_FILE, others) as rest,
    ):
        for batch, without_text, refused in _in_order(_batches(rows), spec):
            texts.write_batch(batch.select(list(_TEXTS)))
            rest.write_batch(batch.select(others))
            empty += without_text
            problems += refused
            done += batch.num_rows
            if progress:
                progress("reading", done, None)
    return empty, problems


@contextmanager
def _writing(path: Path, names: Sequence[str]) -> Iterator[Any]:
    schema = datasets.Features({name: FEATURES[name] for name in names}).arrow_schema
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, schema) as stream:
        yield stream


@contextmanager
def _reading(path: Path) -> Iterator[Any]:
    with pa.OSFile(str(path)) as file, pa.ipc.open_stream(file) as stream:
        yield stream


def _in_order(batches: Iterator[list[Row]], spec: TextSpec) -> Iterator[_Prepared]:
    """Prepares batches, in worker processes if there are many, and yields results in order."""
    first = list(islice(batches, _INLINE // _BATCH))
    many = len(first) == _INLINE // _BATCH
    with pool(processors() if many else 1) as run:
        yield from run(_prepare, ((batch, spec) for batch in chain(first, batches)))


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    rows = iter(rows)
    while batch := list(islice(rows, _BATCH)):
        yield batch


def _prepare(rows: list[Row], spec: TextSpec) -> _Prepared:
    columns: dict[str, list[Any]] = {name: [] for name in FEATURES}
    empty, problems = [], []
    for row in rows:
        try:
            example = _encode(row.title, row.body, spec)
        except EmptyArticleError:
            empty.append(row.place)
            continue
        except InputError as error:
            problems.append(f"{row.place}: {error}")
            continue
        for name, value in (_row_values(row) | _prepared_values(row, example)).items():
            columns[name].append(value)
    return pa.RecordBatch.from_pydict(columns, schema=_schema()), empty, problems


def _row_values(row: Row) -> dict[str, Any]:
    return {name: getattr(row, name) for name in COLUMNS}


def _prepared_values(row: Row, example: Example) -> dict[str, Any]:
    prepared = example.prepared
    return {
        "prepared_title": prepared.title.text,
        "prepared_body": prepared.body.text,
        "removed": [
            {"part": span.part, "start": span.start, "end": span.end, "rule": span.rule}
            for span in prepared.removed
        ],
        "prepared_mentions": prepared_mentions(prepared, row.mentions) if row.mentions else None,
        "warning": prepared.warning,
        "words": len(example.text.split()),
        "text_key": content_key(example.text),
        "digest": row_digest(row),
    }


@lru_cache(maxsize=_REMEMBERED)
def _encode(title: str, body: str, spec: TextSpec) -> Example:
    return encode(Article(title=title, body=body), None, spec)


@cache
def _schema() -> pa.Schema:
    return FEATURES.arrow_schema


def content_key(text: str) -> str:
    """Returns a digest of a text that ignores case and spacing: 32 hexadecimal digits."""
    folded = " ".join(text.casefold().split())
    return hashlib.sha256(folded.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def row_digest(row: Row) -> str:
    """Returns a digest of a row's content, without its split and genre: 32 hexadecimal digits.

    An id that is derived from the row's place is ignored, so that a file may be renamed.

    >>> row = Row(id="1", title="", body="Wheat fell.", label="economy")
    >>> len(row_digest(row))
    32
    """
    values = {name: getattr(row, name) for name in COLUMNS if name not in _NOT_CONTENT}
    if not row.own_id:
        values["id"] = None
    return hashlib.sha256(json.dumps(list(values.values())).encode()).hexdigest()[:32]


def _key(format_name: str, source: Source, settings: Mapping[str, Any]) -> str:
    code = [code_key(module) for module in (__name__, reader(format_name).__module__)]
    digest = hashlib.sha256(json.dumps([settings, code]).encode())
    if source.path and source.path.startswith("hf:"):
        digest.update(hub_fingerprint(source.path).encode())
    for path in input_files(format_name, source):
        digest.update(os.fsencode(path) + file_digest(Path(path)))
    return digest.hexdigest()[:32]
