"""Scores files into an output file that is complete or absent, and can be resumed."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from newsstand.errors import InputError, NewsstandError
from newsstand.io.article_files import Row, ScoreError, TableFormat, read_articles
from newsstand.io.files import replacing
from newsstand.io.records import is_table
from newsstand.serve.batch import rows_to_score, score_rows
from newsstand.serve.output_columns import AddedColumns, OutputColumns
from newsstand.serve.output_journal import (
    Identity,
    InputFile,
    Journal,
    Progress,
    delete_journal,
    opened_journal,
)
from newsstand.serve.output_tables import check_suffix, write_table
from newsstand.serve.scorer import Scorer
from newsstand.version import __version__

# A chunk is a whole number of the scorer's batches, so that a resumed run has the same batches as
# one that was not interrupted.
_BATCH = 256
_SECONDS = 1.0  # between two entries of the journal, at least

# Called with the rows done, and the share of the input that is read, or None if it is unknown.
Report = Callable[[int, float | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputOptions:
    """How files are scored into an output.

    Args:
        targets: Of rows that name none, for stance.
        explain: Find the evidence too; only for JSON Lines.
        workers: Processes that score.
        resume: Continue an interrupted run.
        form: How tables are read.
    """

    targets: Sequence[str] = ()
    explain: bool = False
    workers: int = 1
    resume: bool = False
    form: TableFormat = field(default_factory=TableFormat)


def rejected_path(output: Path) -> Path:
    """The file of the rows that could not be scored: `scores.csv.rejected.jsonl`."""
    return output.with_name(f"{output.name}.rejected.jsonl")


def partial_path(output: Path) -> Path:
    """The folder of an output in progress: `scores.csv.partial`."""
    return output.with_name(f"{output.name}.partial")


def score_to_file(
    scorer: Scorer,
    paths: Sequence[str],
    output: Path,
    options: OutputOptions,
    report: Report | None = None,
) -> Progress:
    """Scores the articles of files into a file, in order; rows without a score go to another file.

    The output appears when it is complete; if no row has a score, there is none.

    Args:
        scorer: The model, made by `load`.
        paths: As `read_articles` takes them.
        output: A `.jsonl`, `.csv` or `.parquet` file.
        options: How to score.
        report: Called after each row.

    Returns:
        The counts of rows.

    Raises:
        InputError: The output cannot be written so, or an interrupted run cannot be continued.
        OSError: The output cannot be written.
    """
    suffix = _check(paths, output, options)
    files = tuple(InputFile.of(path) for path in paths)
    columns = OutputColumns(_added(scorer, suffix, options))
    partial = partial_path(output)
    identity = _identity(scorer, files, suffix, options)
    with opened_journal(partial, identity, resume=options.resume) as journal:
        columns.kinds |= journal.progress.kinds
        share = _Share(files)
        rows = rows_to_score(read_articles(paths, options.form), options.targets)
        ahead = islice(rows, journal.progress.rows, None)
        _score(scorer, ahead, journal, columns, options, share, report)
    done = journal.progress
    if done.scored:
        with replacing(output) as scratch:
            write_table(journal.rows, scratch, suffix, columns.all_kinds())
    if done.rejected:
        with replacing(rejected_path(output)) as scratch:
            write_table(journal.rejected, scratch, ".jsonl", {})
    else:
        rejected_path(output).unlink(missing_ok=True)
    delete_journal(partial)
    return done


def _score(
    scorer: Scorer,
    rows: Any,
    journal: Journal,
    columns: OutputColumns,
    options: OutputOptions,
    share: "_Share",
    report: Report | None,
) -> None:
    saved = time.monotonic()
    found = score_rows(scorer, rows, explain=options.explain, workers=options.workers)
    for row, score in found:
        if isinstance(score, ScoreError):
            journal.reject(_rejected(row, score))
        else:
            journal.add(columns.row(row, score))
        done = journal.progress.rows
        if report:
            report(done, share.of(row))
        if done % _BATCH == 0 and time.monotonic() - saved >= _SECONDS:
            journal.commit(columns.kinds)
            saved = time.monotonic()
    journal.commit(columns.kinds)


def _rejected(row: Row, error: ScoreError) -> dict[str, Any]:
    where = row.position
    target = {} if row.target is None else {"target": str(row.target)}
    return {
        "file": where.file,
        "row": where.number,
        "place": error.place,
        "id": error.id,
        **target,
        "error": error.message,
    }


def _check(paths: Sequence[str], output: Path, options: OutputOptions) -> str:
    suffix = check_suffix(output)
    if options.explain and suffix != ".jsonl":
        raise InputError(f"{output}: evidence (--explain) can be written to .jsonl only")
    if options.resume and "-" in paths:
        raise InputError("--resume: standard input cannot be read again; give it as a file")
    if output.is_dir():
        raise InputError(f"{output}: expected a file, this is a folder")
    if not output.absolute().parent.is_dir():
        raise InputError(f"{output}: no folder {output.parent}")
    for path in paths:
        with suppress(OSError, ValueError):
            if output.samefile(path):
                raise InputError(f"{output}: is also an input; it would be replaced")
    return suffix


def _added(scorer: Scorer, suffix: str, options: OutputOptions) -> AddedColumns:
    if scorer.digest is None:
        raise NewsstandError("the model has no digest; load it with newsstand.load")
    return AddedColumns(
        labels=tuple(scorer.labels),
        model=scorer.source or "",
        digest=scorer.digest,
        stance=scorer.task == "stance",
        flat=suffix != ".jsonl",
        explain=options.explain,
        target=None if "target" in options.form.columns else "target",
    )


def _identity(
    scorer: Scorer, files: tuple[InputFile, ...], suffix: str, options: OutputOptions
) -> Identity:
    form = options.form
    return Identity(
        inputs=files,
        model=scorer.digest or "",
        newsstand=__version__,
        settings={
            "--model": scorer.source,
            "--target": list(options.targets),
            "--explain": options.explain,
            "--column": dict(form.columns),
            "--encoding": form.csv.encoding,
            "--delimiter": form.csv.delimiter,
            "--output": suffix,
        },
    )


class _Share:
    """The share of the input that is read, by the lines of files with lines.

    Args:
        files: The input.
    """

    def __init__(self, files: Sequence[InputFile]) -> None:
        sizes = [max(file.size or 0, 1) for file in files]
        self._known = all(file.size is not None for file in files)
        self._files = {file.path: file for file in files}
        self._total = sum(sizes)
        self._before: dict[str, int] = {}
        before = 0
        for file, size in zip(files, sizes, strict=True):
            self._before.setdefault(file.path, before)
            before += size
        self._rows: dict[str, int | None] = {}

    def of(self, row: Row) -> float | None:
        """The share up to a row; None if it is unknown."""
        file = self._files.get(row.position.file)
        if not self._known or file is None:
            return None
        total = self._lines(file)
        if total is None:
            return None
        part = min((row.position.line or 0) / total, 1.0) if total else 1.0
        return (self._before[file.path] + part * (file.size or 0)) / self._total

    def _lines(self, file: InputFile) -> int | None:
        """Lines of a table, or rows of Parquet; 0 for a single article, None if unknown."""
        if file.path not in self._rows:
            path = Path(file.path)
            kind = path.suffix.lower()
            lines: int | None = None
            if not is_table(path):
                lines = 0
            elif kind in (".csv", ".tsv", ".jsonl", ".ndjson"):
                lines = file.lines + 1
            elif kind == ".parquet":
                with suppress(Exception):
                    import pyarrow.parquet as pq

                    lines = pq.ParquetFile(path).metadata.num_rows
            self._rows[file.path] = lines
        return self._rows[file.path]
