"""The scorer: a bundle that answers for articles."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice, repeat
from pathlib import Path
from typing import Any

from newsstand.article import Article
from newsstand.bundle import Bundle
from newsstand.encode import Example
from newsstand.errors import InputError, NewsstandError
from newsstand.serve.evidence import Evidence, find_evidence
from newsstand.serve.locate import located
from newsstand.text import Removed


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
    ) -> Iterator[Score]:
        """Scores articles in batches, lazily and in order.

        Scores are the same to the last bit as one by one.

        Args:
            articles: Articles or texts; any number of them.
            target: One target for all, or one for each.
            explain: Find the evidence too, at some cost.
            batch_size: Articles held at once.

        Yields:
            A score for each article.

        Raises:
            InputError: An empty article, or a target missing or not wanted.
            ValueError: `batch_size` is below 1.
        """
        if batch_size < 1:
            raise ValueError(f"batch_size: expected 1 or more, got {batch_size}")
        if isinstance(articles, (str, Article)):
            raise InputError("articles: expected any number of them, got one; score() takes one")
        pairs = self._prepare(articles, target)
        failure: NewsstandError | None = None
        full = True
        while full and failure is None:
            batch: list[tuple[Article, Example]] = []
            try:
                batch.extend(islice(pairs, batch_size))
            except NewsstandError as error:
                # What came before the bad article is scored before the error is raised.
                failure = error
            full = len(batch) == batch_size
            yield from self._score(batch, explain)
        if failure:
            raise failure

    def _prepare(
        self, articles: Iterable[Article | str], target: str | Iterable[str | None] | None
    ) -> Iterator[tuple[Article, Example]]:
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
                example = self.bundle.encode(article, goal)
            except InputError as error:
                raise InputError(f"{name}: {error}") from None
            yield article, example

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

    def _score(self, batch: Sequence[tuple[Article, Example]], explain: bool) -> Iterator[Score]:
        if not batch:
            return
        probabilities = self.bundle.probabilities([example for _, example in batch])
        names = self.bundle.labels.names
        for (article, example), row in zip(batch, probabilities, strict=True):
            best = int(row.argmax())
            label = self.bundle.labels.labels[best]
            evidence = find_evidence(self.bundle.model, article, example, best) if explain else ()
            yield Score(
                label=label,
                name=names[label],
                probability=float(row[best]),
                probabilities=dict(zip(names, row.tolist(), strict=True)),
                target=example.target,
                evidence=evidence,
                removed=example.prepared.removed,
                warning=example.prepared.warning,
                id=article.id,
            )


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
