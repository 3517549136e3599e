"""Scores the articles of files, in the order given."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import tee

from newsstand.io.article_files import Row, ScoreError, TableFormat, read_articles
from newsstand.serve.score import Score
from newsstand.serve.scorer import Scorer


def score_files(
    scorer: Scorer,
    paths: Iterable[str],
    targets: Sequence[str],
    *,
    explain: bool,
    workers: int,
    form: TableFormat | None = None,
) -> Iterator[Score | ScoreError]:
    """Yields the score of each article of each file, or why it has none and where it is.

    An article whose row names no target has a score for each of the targets given.

    Args:
        scorer: The model.
        paths: As `read_articles` takes them.
        targets: Of rows that name none, for stance.
        explain: Find the evidence too.
        workers: Processes that score.
        form: How tables are read.
    """
    rows = rows_to_score(read_articles(paths, form), targets)
    return (found for _, found in score_rows(scorer, rows, explain=explain, workers=workers))


def score_rows(
    scorer: Scorer, rows: Iterable[Row], *, explain: bool, workers: int
) -> Iterator[tuple[Row, Score | ScoreError]]:
    """Yields each row with its score, or with why it has none and where it is, in order.

    Args:
        scorer: The model.
        rows: The articles, read a few batches ahead.
        explain: Find the evidence too.
        workers: Processes that score.
    """
    rows, read = tee(rows)
    wanted = None
    if scorer.task == "stance":  # else nobody would take from this reader, and all be kept
        rows, again = tee(rows)
        wanted = (row.target for row in again)
    scores = scorer.score_many(
        (row.article for row in rows),
        target=wanted,
        explain=explain,
        workers=workers,
        errors="yield",
    )
    for found, row in zip(scores, read, strict=True):
        if isinstance(found, ScoreError) and not isinstance(row.article, ScoreError):
            yield row, replace(found, place=row.place)  # the scorer knows no files
        else:
            yield row, found


def rows_to_score(rows: Iterable[Row], targets: Sequence[str]) -> Iterator[Row]:
    """Yields each row; one that names no target once for each of the targets, if there are any."""
    for row in rows:
        own = row.target is not None or not targets or isinstance(row.article, ScoreError)
        yield from [row] if own else (row._replace(target=target) for target in targets)
