"""Reads, validates and prepares rows once, into an Arrow file that later runs find again.

The reader streams; batches of rows go to worker processes, which prepare the text; what comes back
is written in file order. So memory holds a few batches, however many articles there are. The file
lies in the cache folder of `datasets`, under a key of everything that decides its content: the
bytes of the input files, the settings, and the code that reads and prepares. Found again, it is
checked; what is damaged is prepared again.
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
from newsstand.data.sealed import cache_root, file_digest, flaw, seal
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

# A batch of the file, the places of its rows without text, and the problems of others.
_Prepared: TypeAlias = tuple[pa.RecordBatch, list[str], list[str]]

_BATCH = 256  # rows
_INLINE = 8 * _BATCH  # fewer rows are prepared faster than worker processes start
_REMEMBERED = 4096  # articles: stance data repeats an article for each of its targets
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
# What the row says, and what was made of it.
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
# Columns that are kept in a file of their own: what else is asked of very many rows is read
# without wading through their texts.
_TEXTS = ("title", "body", "prepared_title", "prepared_body")


@dataclass(frozen=True, slots=True)
class PreparedRows:
    """Validated rows with their prepared text, on disk.

    Args:
        folder: Where the files are; further results about these rows may be kept there.
        table: One row a usable record, in file order; the columns of `FEATURES`.
        labels: The labels that occur.
        problems: One line for each record that cannot be used.
        ties: Rows dropped because annotators' votes were tied.
        notes: What was left out of the rows, or left empty in them.
        cached: Whether an earlier run had prepared them.
        parts: The folders of the rows of each source in turn, where there are several.
    """

    folder: Path
    table: datasets.Dataset
    labels: LabelSet
    problems: list[str]
    ties: int
    notes: list[Note]
    cached: bool
    parts: tuple[Path, ...] = ()

    def column(self, name: str) -> list[Any]:
        """The values of a column, all in memory: for the small ones."""
        return values(self.table.data.column(name))

    def texts(self) -> Iterator[tuple[list[str], list[str]]]:
        """Keys and prepared bodies (or titles, where there is no body) in batches, in order.

        Read past the memory map, whose pages would count as this process's memory.
        """
        for folder in self.parts or (self.folder,):
            with (
                _reading(folder / _ROWS_FILE) as rows,
                _reading(folder / _TEXTS_FILE) as texts,
            ):
                for row, text in zip(rows, texts, strict=True):
                    names = ("prepared_body", "prepared_title")
                    bodies, titles = (text.column(name).to_pylist() for name in names)
                    found = [body or title for body, title in zip(bodies, titles, strict=True)]
                    yield row.column("text_key").to_pylist(), found


def prepare(
    source: Source,
    *,
    form: str,
    spec: TextSpec,
    scheme: str | tuple[str, ...],
    read: ReadSpec,
    part: bool = False,
    progress: ProgressCallback | None = None,
) -> PreparedRows:
    """The rows of a source, prepared now or by an earlier run.

    Args:
        source: Where the records are.
        form: A key of `FORMATS`.
        spec: How text is prepared.
        scheme: A label scheme's name, `from-data`, or a list of labels.
        read: How records become rows.
        part: Whether other rows come beside these, so that a single label is no problem.
        progress: Called after each batch.

    Raises:
        DataError: Files that are missing. Records that cannot be used are `problems`.
    """
    told = {"source": asdict(source), "read": asdict(read), "spec": spec.to_dict()}
    root = cache_root()
    folder = root / _key(form, source, told | {"form": form, "scheme": scheme, "part": part})
    why = flaw(folder, of=folder.name)
    if why is not None:
        if os.path.lexists(folder):
            _logger.warning("%s: damaged (%s); prepared again", folder, why)
        name = source.path or "the corpus"
        validator = Validator(task=source.task, scheme=scheme, read=read, name=name, part=part)
        with scratch_folder(root) as scratch:
            rows = validator.rows(reader(form)(source))
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
            seal(scratch, (_TEXTS_FILE, _ROWS_FILE, _META_FILE), of=folder.name)
            _place(scratch, folder)
    meta = json.loads((folder / _META_FILE).read_text(encoding="utf-8"))
    parts = [datasets.Dataset.from_file(str(folder / x)) for x in (_ROWS_FILE, _TEXTS_FILE)]
    if len(parts[0]):
        table = datasets.concatenate_datasets(parts, axis=1).select_columns(list(FEATURES))
    else:  # which are not concatenated
        table = datasets.Dataset.from_dict({name: [] for name in FEATURES}, features=FEATURES)
    labels = LabelSet(meta["scheme"], meta["labels"])
    notes = [Note(*note) for note in meta["notes"]]
    cached = why is None
    return PreparedRows(folder, table, labels, meta["problems"], meta["ties"], notes, cached)


def _place(scratch: Path, folder: Path) -> None:
    """Gives what was prepared its name, unless another run was faster."""
    with exclusive(folder.parent):
        if flaw(folder, of=folder.name) is not None:
            remove(folder)
            scratch.rename(folder)
            sync(folder.parent)


def values(column: pa.ChunkedArray) -> list[Any]:
    """The values of a column as Python objects; equal texts are one object, to save memory."""
    if not pa.types.is_string(column.type):
        return list(column.to_pylist())
    encoded = column.combine_chunks().dictionary_encode()
    texts = [*encoded.dictionary.to_pylist(), None]
    return [texts[code] for code in encoded.indices.fill_null(-1).to_numpy().tolist()]


def _write(
    folder: Path, rows: Iterable[Row], spec: TextSpec, progress: ProgressCallback | None
) -> tuple[list[str], list[str]]:
    """Prepares and writes all rows; returns the places of those without text, and problems."""
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
    """Prepares batches, in worker processes when there are many; results in the order given."""
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
        for name, value in (_values(row) | _made(row, example)).items():
            columns[name].append(value)
    return pa.RecordBatch.from_pydict(columns, schema=_schema()), empty, problems


def _values(row: Row) -> dict[str, Any]:
    return {name: getattr(row, name) for name in COLUMNS}


def _made(row: Row, example: Example) -> dict[str, Any]:
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
    """32 hexadecimal digits that are the same for texts that differ only in case and spacing."""
    folded = " ".join(text.casefold().split())
    return hashlib.sha256(folded.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def row_digest(row: Row) -> str:
    """32 hexadecimal digits of all that a row says, its split apart.

    An id that is only the row's place is no part of it: a file may be renamed.

    >>> row = Row(id="1", title="", body="Wheat fell.", label="economy")
    >>> len(row_digest(row))
    32
    """
    values = [getattr(row, name) for name in COLUMNS if name != "split"]
    if not row.own_id:
        values[COLUMNS.index("id")] = None
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:32]


def _key(form: str, source: Source, settings: Mapping[str, Any]) -> str:
    code = [code_key(module) for module in (__name__, reader(form).__module__)]
    digest = hashlib.sha256(json.dumps([settings, code]).encode())
    if source.path and source.path.startswith("hf:"):
        digest.update(hub_fingerprint(source.path).encode())
    for path in input_files(form, source):
        digest.update(os.fsencode(path) + file_digest(Path(path)))
    return digest.hexdigest()[:32]
