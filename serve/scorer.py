"""The scorer: a bundle that answers for articles."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice, repeat
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from newsstand.article import Article
from newsstand.bundle import Bundle
from newsstand.encode import Example
from newsstand.errors import InputError, NewsstandError
from newsstand.known import NOTHING_KNOWN
from newsstand.serve.evidence import Evidence, find_evidence
from newsstand.serve.locate import located
from newsstand.text import Removed
from newsstand.workers import pool


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a model says of one article.

    Args:
        label: The most probable label.
        name: Its readable name.
        probability: Its calibrated probability, 0 to 1.
        probabilities: Every label's, summing to 1, in the model's order.
        target: The target the stance is toward; None for topics.
        evidence: The passages that spoke most for the label; empty unless asked for.
        removed: Boilerplate that was taken out before scoring, with places and rules.
        warning: Something to know before trusting the score, or None.
        id: The article's id.
    """

    label: str
    name: str
    probability: float
    probabilities: Mapping[str, float]
    target: str | None = None
    evidence: tuple[Evidence, ...] = ()
    removed: tuple[Removed, ...] = ()
    warning: str | None = None
    id: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, id first."""
        values = asdict(self)
        return {"id": values.pop("id"), **values}


class _Item(NamedTuple):
    """An article to score, what errors call it, and its target."""

    name: str
    article: Article
    target: str | None


# Articles to score, and what ended them too early.
_Batch: TypeAlias = tuple[list[_Item], NewsstandError | None]


class Scorer:
    """Scores articles with a bundle.

    Args:
        bundle: The model.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle

    @property
    def task(self) -> str:
        """`topic` or `stance`."""
        return self.bundle.task

    @property
    def labels(self) -> Mapping[str, str]:
        """Label to readable name, in the order of the model's outputs."""
        return self.bundle.labels.names

    def score(
        self, article: Article | str, *, target: str | None = None, explain: bool = True
    ) -> Score:
        """Scores one article.

        Args:
            article: An article, or its text (see `Article.from_text`).
            target: Toward what; stance models need it, topic models take none.
            explain: Find the evidence too.

        Raises:
            InputError: An empty article, or a target missing or not wanted.
        """
        return next(self.score_many([article], target=target, explain=explain))

    def score_many(
        self,
        articles: Iterable[Article | str],
        *,
        target: str | Iterable[str | None] | None = None,
        explain: bool = False,
        batch_size: int = 256,
        workers: int = 1,
    ) -> Iterator[Score]:
        """Scores articles in batches, lazily and in order.

        Scores are the same to the last bit as one by one.

        Args:
            articles: Articles or texts; any number of them.
            target: One target for all, or one for each.
            explain: Find the evidence too, at some cost.
            batch_size: Articles scored at once; a few batches a worker are in memory.
            workers: Processes that score. More than one pay for many articles only: they take a
                second to start, and each holds the model.

        Yields:
            A score for each article.

        Raises:
            InputError: An empty article, or a target missing or not wanted.
            ValueError: `batch_size` or `workers` is below 1.
        """
        for name, value in (("batch_size", batch_size), ("workers", workers)):
            if value < 1:
                raise ValueError(f"{name}: expected 1 or more, got {value}")
        if isinstance(articles, (str, Article)):
            raise InputError("articles: expected any number of them, got one; score() takes one")
        batches = self._batches(articles, target, batch_size)
        for scores, failure in self._results(batches, explain, workers):
            yield from scores
            if failure:  # only now: what came before the bad article is scored
                raise failure

    def _results(
        self, batches: Iterable[_Batch], explain: bool, workers: int
    ) -> Iterator[tuple[list[Score], NewsstandError | None]]:
        if workers == 1:
            yield from (_score(self.bundle, *batch, explain) for batch in batches)
            return
        with pool(workers, _begin, (self.bundle,)) as run:
            yield from run(_score_begun, ((*batch, explain) for batch in batches))

    def _batches(
        self,
        articles: Iterable[Article | str],
        target: str | Iterable[str | None] | None,
        size: int,
    ) -> Iterator[_Batch]:
        """Batches of articles to score, the last one with what ended them too early."""
        items = self._items(articles, target)
        failure: NewsstandError | None = None
        full = True
        while full and failure is None:
            batch: list[_Item] = []
            try:
                batch.extend(islice(items, size))
            except NewsstandError as error:
                failure = error
            full = len(batch) == size
            yield batch, failure

    def _items(
        self, articles: Iterable[Article | str], target: str | Iterable[str | None] | None
    ) -> Iterator[_Item]:
        targets = repeat(target) if target is None or isinstance(target, str) else iter(target)
        for number, item in enumerate(articles, start=1):
            article = Article.from_text(item) if isinstance(item, str) else item
            name = f"article {number}"
            try:
                if not isinstance(article, Article):
                    kind = type(article).__name__
                    raise InputError(f"expected an Article or its text, got {kind}")
                if article.id:
                    name = f"article '{article.id}'"
                goal = self._target(_next(targets))
            except InputError as error:
                raise InputError(f"{name}: {error}") from None
            yield _Item(name, article, goal)

        if target is not None and not isinstance(target, str) and next(targets, _END) is not _END:
            raise InputError("target: more targets than articles")

    def _target(self, target: str | None) -> str | None:
        if target is not None and not isinstance(target, str):
            raise InputError(f"target: expected text, got {type(target).__name__}")
        if self.task == "stance" and not (target and target.strip()):
            raise InputError("a stance model needs a target")
        if self.task != "stance" and target is not None:
            raise InputError(f"a {self.task} model takes no target, got '{target:.60}'")
        return target.strip() if target else None


def _score(
    bundle: Bundle, items: Sequence[_Item], failure: NewsstandError | None, explain: bool
) -> tuple[list[Score], NewsstandError | None]:
    """Scores of articles up to the first that holds no text, and that or the given failure."""
    examples: list[Example] = []
    for item in items:
        try:
            examples.append(bundle.encode(item.article, item.target))
        except InputError as error:
            failure = InputError(f"{item.name}: {error}")
            break
    if not examples:
        return [], failure
    names = bundle.labels.names
    scores = []
    rows, known = bundle.probabilities(examples), bundle.model.knows(examples).tolist()
    for item, example, row, knows in zip(items, examples, rows, known, strict=False):
        best = int(row.argmax())
        label = bundle.labels.labels[best]
        evidence = find_evidence(bundle.model, item.article, example, best) if explain else ()
        score = Score(
            label=label,
            name=names[label],
            probability=float(row[best]),
            probabilities=dict(zip(names, row.tolist(), strict=True)),
            target=example.target,
            evidence=evidence,
            removed=example.prepared.removed,
            warning=_joined(example.prepared.warning, None if knows else NOTHING_KNOWN),
            id=item.article.id,
        )
        scores.append(score)
    return scores, failure


def _joined(*warnings: str | None) -> str | None:
    """Several warnings as one line."""
    return "; ".join(filter(None, warnings)) or None


# In a worker process, the bundle that it scores with.
_begun: list[Bundle] = []


def _begin(bundle: Bundle) -> None:
    _begun[:] = [bundle]


def _score_begun(
    items: Sequence[_Item], failure: NewsstandError | None, explain: bool
) -> tuple[list[Score], NewsstandError | None]:
    return _score(_begun[0], items, failure, explain)


_END = object()


def _next(targets: Iterator[str | None]) -> str | None:
    try:
        return next(targets)
    except StopIteration:
        raise InputError("target: fewer targets than articles") from None


def load(uri: str | Path) -> Scorer:
    """Loads a trained model for scoring.

    Args:
        uri: A bundle folder, or with MLflow installed `runs:/RUN_ID`, `models:/NAME@ALIAS`,
            `models:/NAME/VERSION` or `models:/MODEL_ID`. MLflow looks where
            `MLFLOW_TRACKING_URI` says, else in `mlflow.db` in the working directory.

    Raises:
        BundleError: Nothing there, a damaged bundle, or MLflow's own reason.
    """
    with located(uri) as folder:
        return Scorer(Bundle.load(folder))
