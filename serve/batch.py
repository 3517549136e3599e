"""Scores the articles of files, in the order given."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import tee

from newsstand.io.article_files import Row, ScoreError, read_articles
from newsstand.serve.score import Score
from newsstand.serve.scorer import Scorer


def score_files(
    scorer: Scorer, paths: Iterable[str], targets: Sequence[str], *, explain: bool, workers: int
) -> Iterator[Score | ScoreError]:
    """Yields the score of each article of each file, or why it has none and where it is.

    An article whose row names no target has a score for each of the targets given.

    Args:
        scorer: The model.
        paths: As `read_articles` takes them.
        targets: Of rows that name none, for stance.
        explain: Find the evidence too.
        workers: Processes that score.
    """
    rows, read = tee(_toward(read_articles(paths), targets))
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
            yield replace(found, place=row.place)  # the scorer knows no files
        else:
            yield found


def _toward(rows: Iterable[Row], targets: Sequence[str]) -> Iterator[Row]:
    """Rows that name no target once for each of the targets."""
    for row in rows:
        own = row.target is not None or not targets or isinstance(row.article, ScoreError)
        yield from [row] if own else (row._replace(target=target) for target in targets)
