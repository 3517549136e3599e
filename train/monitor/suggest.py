"""Reads and scores unlabelled articles, and chooses those to label next."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from newsstand.data.readers.annotation_tools import article_columns
from newsstand.errors import InputError
from newsstand.features.hashed_ngrams import text_key
from newsstand.io.article_files import Row, ScoreError, TableFormat, read_articles
from newsstand.io.records import Problem, read_records
from newsstand.serve.batch import rows_to_score
from newsstand.serve.scorer import Scorer
from newsstand.text.article import Article
from newsstand.text.example import Example
from newsstand.train.monitor.choose import CANDIDATES, choose, uncertainty
from newsstand.types import Floats, Ints

_BATCH = 256

# Called with the number of articles read.
Report = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """An article to label.

    Args:
        row: The article, with its target and the columns of its row.
        label: The model's label.
        probability: Its calibrated probability.
        uncertainty: 1 less the difference of the two highest probabilities, 0 to 1.
    """

    row: Row
    label: str
    probability: float
    uncertainty: float

    @property
    def article(self) -> Article:
        """The article itself."""
        assert isinstance(self.row.article, Article)  # noqa: S101 - others are not suggested
        return self.row.article


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestions:
    """Articles to label, and how they were found.

    Args:
        chosen: The articles, the most uncertain first.
        read: Articles read; for stance, pairs of article and target.
        unreadable: Those that could not be scored.
        copies: Those with the text, and target, of an earlier one.
        skipped: Those whose text is labelled already.
        first_error: Why the first unreadable one could not be scored, or None.
    """

    chosen: tuple[Suggestion, ...]
    read: int
    unreadable: int
    copies: int
    skipped: int
    first_error: str | None = None


@dataclass(slots=True)
class _Counts:
    """What became of the articles read."""

    read: int = 0
    unreadable: int = 0
    copies: int = 0
    skipped: int = 0
    first_error: str | None = None

    def fail(self, row: Row, error: InputError | ScoreError) -> None:
        """Counts an article that cannot be scored."""
        self.unreadable += 1
        if self.first_error is None:
            message = str(error) if isinstance(error, ScoreError) else f"{row.place}: {error}"
            self.first_error = message


@dataclass(frozen=True, slots=True, kw_only=True)
class _Margins:
    """The articles that can be suggested, in the order of the files.

    Args:
        number: Number of each row in the files, from 0.
        uncertainty: Of each.
        label: Number of the most probable label.
        probability: Its probability.
    """

    number: Ints
    uncertainty: Floats
    label: Ints
    probability: Floats


def suggest(
    scorer: Scorer,
    paths: Sequence[str],
    *,
    count: int,
    targets: Sequence[str] = (),
    form: TableFormat | None = None,
    labelled: Sequence[str] = (),
    seed: int = 0,
    report: Report | None = None,
) -> Suggestions:
    """Chooses the articles of files whose labels would teach a model most.

    The files are read twice; only the uncertainty of each article, and the texts of the candidates,
    are in memory.

    Args:
        scorer: The model as it is.
        paths: Files with articles, as `read_articles` takes them; not standard input.
        count: Number of articles to choose; fewer are chosen if there are not as many.
        targets: Of rows that name none, for stance.
        form: How tables are read.
        labelled: Files with articles that are not chosen, such as those labelled before.
        seed: Of the clustering.
        report: Called after each batch.

    Raises:
        InputError: `count` is below 1, standard input is given, a file of `labelled` cannot be
            read, or no article can be scored.
    """
    if count < 1:
        raise InputError(f"expected a number of articles from 1, got {count}")
    if "-" in (*paths, *labelled):
        raise InputError("standard input cannot be read twice; give it as a file")
    counts = _Counts()
    known = _labelled(scorer, labelled)
    found = _score(scorer, _rows(paths, targets, form), known, counts, report)
    if not len(found.number):
        why = counts.first_error or f"all {counts.read:,} are labelled already"
        raise InputError(f"no article to suggest; {why}")
    order = np.argsort(-found.uncertainty, kind="stable")
    chosen: list[Suggestion] = []
    wanted = CANDIDATES * count
    while not chosen or (len(chosen) < count and wanted < len(order)):
        chosen = _among(scorer, paths, targets, form, found, order[:wanted], count, seed)
        wanted *= 2  # where most candidates are near-duplicates of others
    return Suggestions(chosen=tuple(chosen), **asdict(counts))


def _among(
    scorer: Scorer,
    paths: Sequence[str],
    targets: Sequence[str],
    form: TableFormat | None,
    found: _Margins,
    candidates: Ints,
    count: int,
    seed: int,
) -> list[Suggestion]:
    """The suggestions among candidates, the most uncertain first."""
    rows = _read_again(paths, targets, form, found.number[candidates])
    examples = [_encoded(scorer, row) for row in rows]
    chosen = choose(
        [example.text for example in examples],
        [example.target or "" for example in examples],
        found.uncertainty[candidates],
        count=count,
        seed=seed,
    )
    labels = list(scorer.labels)
    return [
        Suggestion(
            row=rows[place]._replace(target=examples[place].target),
            label=labels[found.label[candidates[place]]],
            probability=float(found.probability[candidates[place]]),
            uncertainty=float(found.uncertainty[candidates[place]]),
        )
        for place in chosen.tolist()  # candidates are in the order of uncertainty
    ]


def _rows(
    paths: Sequence[str], targets: Sequence[str], form: TableFormat | None
) -> Iterator[tuple[int, Row]]:
    return enumerate(rows_to_score(read_articles(paths, form), targets))


def _encoded(scorer: Scorer, row: Row) -> Example:
    """The input of the model for a row.

    Raises:
        InputError: The row cannot be scored.
    """
    if isinstance(row.article, ScoreError):
        raise InputError(str(row.article))
    target = row.target if scorer.task == "stance" else None
    if scorer.task == "stance" and not (isinstance(target, str) and target.strip()):
        raise InputError("a stance model needs a target")
    return scorer.bundle.encode(row.article, target.strip() if target else None)


def _key(example: Example) -> int:
    return text_key(f"{example.target or ''}\n{example.text}")


def _score(
    scorer: Scorer,
    rows: Iterable[tuple[int, Row]],
    known: set[int],
    counts: _Counts,
    report: Report | None,
) -> _Margins:
    """Scores rows, without copies and without those whose text is known."""
    found: list[tuple[int, float, int, float]] = []
    labelled = frozenset(known)
    rows = iter(rows)
    while batch := list(islice(rows, _BATCH)):
        numbers, examples = [], []
        for number, row in batch:
            counts.read += 1
            try:
                example = _encoded(scorer, row)
            except InputError as error:
                counts.fail(row, row.article if isinstance(row.article, ScoreError) else error)
                continue
            key = _key(example)
            if key in known:
                counts.skipped += key in labelled
                counts.copies += key not in labelled
                continue
            known.add(key)
            numbers.append(number)
            examples.append(example)
        if examples:
            probabilities = np.nan_to_num(scorer.bundle.unchecked(examples))
            best = probabilities.argmax(axis=1)
            highest = probabilities.max(axis=1)
            found += zip(numbers, uncertainty(probabilities), best, highest, strict=True)
        if report:
            report(counts.read)
    table = np.array(found, dtype=np.float64).reshape(-1, 4)  # numbers are exact below 2**53
    return _Margins(
        number=table[:, 0].astype(np.int64),
        uncertainty=table[:, 1],
        label=table[:, 2].astype(np.int64),
        probability=table[:, 3],
    )


def _read_again(
    paths: Sequence[str], targets: Sequence[str], form: TableFormat | None, numbers: Ints
) -> list[Row]:
    """The rows of some numbers, in the order of the numbers."""
    wanted = set(numbers.tolist())
    found = {number: row for number, row in _rows(paths, targets, form) if number in wanted}
    if len(found) < len(wanted):
        raise InputError(f"{', '.join(paths)}: changed while they were read")
    return [found[number] for number in numbers.tolist()]


def _labelled(scorer: Scorer, paths: Sequence[str]) -> set[int]:
    """The keys of articles that are labelled already.

    Raises:
        InputError: A file cannot be read, or a row has no text.
    """
    keys = set()
    for path in paths:
        for item in read_records(Path(path), advise=False):
            if isinstance(item, Problem):
                raise InputError(item.message)
            values = article_columns(item.values)
            target = values.get("target") if scorer.task == "stance" else None
            try:
                article = Article.from_mapping(values)
                keys.add(_key(scorer.bundle.encode(article, target)))
            except InputError as error:
                raise InputError(f"{item.place}: {error}") from None
    return keys
