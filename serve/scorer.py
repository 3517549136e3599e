"""The scorer: a bundle that answers for articles."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, repeat
from math import isfinite
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from newsstand.errors import BundleError, InputError, NewsstandError
from newsstand.features.coverage import NOTHING_KNOWN
from newsstand.io.article_files import ScoreError
from newsstand.io.bundle import Bundle
from newsstand.io.bundle_uri import located
from newsstand.parallel import pool
from newsstand.serve.explain import find_evidence
from newsstand.serve.score import Score
from newsstand.text.article import Article
from newsstand.text.example import Example

# Halves of surrogate pairs, which no tokenizer takes; of texts, the preparation removes them.
_HALVES = re.compile("[\ud800-\udfff]")


class _Item(NamedTuple):
    """An article to score, what errors call it, and its target."""

    place: str
    article: Article
    target: str | None

    def failed(self, error: NewsstandError) -> "_Failed":
        return _Failed(
            ScoreError(message=str(error), place=self.place, id=self.article.id), type(error)
        )


class _Failed(NamedTuple):
    """An article that cannot be scored, and what is raised where errors are."""

    error: ScoreError
    kind: type[NewsstandError] = InputError


# Articles to score, and what ended them too early.
_Batch: TypeAlias = tuple[list[_Item | _Failed], NewsstandError | None]
_Results: TypeAlias = tuple[list[Score | _Failed], NewsstandError | None]


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
            BundleError: The model gave a score that is not a finite number.
        """
        return next(self.score_many([article], target=target, explain=explain))

    @overload
    def score_many(
        self,
        articles: Iterable[Article | str | ScoreError],
        *,
        target: str | Iterable[str | None] | None = None,
        explain: bool = False,
        batch_size: int = 256,
        workers: int = 1,
        errors: Literal["raise"] = "raise",
    ) -> Iterator[Score]: ...

    @overload
    def score_many(
        self,
        articles: Iterable[Article | str | ScoreError],
        *,
        target: str | Iterable[str | None] | None = None,
        explain: bool = False,
        batch_size: int = 256,
        workers: int = 1,
        errors: Literal["yield"],
    ) -> Iterator[Score | ScoreError]: ...

    def score_many(
        self,
        articles: Iterable[Article | str | ScoreError],
        *,
        target: str | Iterable[str | None] | None = None,
        explain: bool = False,
        batch_size: int = 256,
        workers: int = 1,
        errors: Literal["raise", "yield"] = "raise",
    ) -> Iterator[Score | ScoreError]:
        """Scores articles in batches, lazily and in order.

        Scores are the same to the last bit as one by one.

        Args:
            articles: Articles or texts; any number of them. A `ScoreError` among them, of an
                article that could not be read, fails as others do.
            target: One target for all, or one for each.
            explain: Find the evidence too, at some cost.
            batch_size: Articles scored at once; a few batches a worker are in memory.
            workers: Processes that score. More than one pay for many articles only: they take a
                second to start, and each holds the model.
            errors: What becomes of an article that cannot be scored: `raise` ends with it,
                `yield` gives a `ScoreError` in its place and goes on.

        Yields:
            A score for each article, or with `errors="yield"` why it has none.

        Raises:
            InputError: An empty article, or a target missing or not wanted; with either choice,
                more or fewer targets than articles.
            BundleError: The model gave a score that is not a finite number.
            ValueError: `batch_size` or `workers` is below 1, or `errors` is neither.
        """
        for name, value in (("batch_size", batch_size), ("workers", workers)):
            if value < 1:
                raise ValueError(f"{name}: expected 1 or more, got {value}")
        if errors not in ("raise", "yield"):
            raise ValueError(f"errors: expected 'raise' or 'yield', got {errors!r}")
        if isinstance(articles, (str, Article)):
            raise InputError("articles: expected any number of them, got one; score() takes one")
        batches = self._batches(articles, target, batch_size)
        for results, failure in self._results(batches, explain, workers):
            for result in results:
                if isinstance(result, Score):
                    yield result
                elif errors == "yield":
                    yield result.error
                else:  # only now: what came before the bad article is scored
                    raise result.kind(str(result.error))
            if failure:
                raise failure

    def _results(
        self, batches: Iterable[_Batch], explain: bool, workers: int
    ) -> Iterator[_Results]:
        if workers == 1:
            yield from (_score(self.bundle, *batch, explain) for batch in batches)
            return
        with pool(workers, _begin, (self.bundle,)) as run:
            yield from run(_score_begun, ((*batch, explain) for batch in batches))

    def _batches(
        self,
        articles: Iterable[Article | str | ScoreError],
        target: str | Iterable[str | None] | None,
        size: int,
    ) -> Iterator[_Batch]:
        """Batches of articles to score, the last one with what ended them too early."""
        items = self._items(articles, target)
        failure: NewsstandError | None = None
        full = True
        while full and failure is None:
            batch: list[_Item | _Failed] = []
            try:
                batch.extend(islice(items, size))
            except NewsstandError as error:
                failure = error
            full = len(batch) == size
            yield batch, failure

    def _items(
        self,
        articles: Iterable[Article | str | ScoreError],
        target: str | Iterable[str | None] | None,
    ) -> Iterator[_Item | _Failed]:
        targets = repeat(target) if target is None or isinstance(target, str) else iter(target)
        for number, article in enumerate(articles, start=1):
            try:
                wanted = next(targets)
            except StopIteration:
                raise InputError(f"article {number}: target: fewer targets than articles") from None
            if isinstance(article, ScoreError):
                yield _Failed(article)
            else:
                yield self._item(number, article, wanted)
        if target is not None and not isinstance(target, str) and next(targets, _END) is not _END:
            raise InputError("target: more targets than articles")

    def _item(self, number: int, article: Article | str, target: str | None) -> _Item | _Failed:
        name, key = f"article {number}", None
        try:
            if isinstance(article, str):
                article = Article.from_text(article)
            if not isinstance(article, Article):
                kind = type(article).__name__
                raise InputError(f"expected an Article or its text, got {kind}")
            if article.id:
                name, key = f"article '{article.id}'", article.id
            return _Item(name, article, self._target(target))
        except InputError as error:
            return _Failed(ScoreError(message=str(error), place=name, id=key))

    def _target(self, target: str | None) -> str | None:
        if target is not None and not isinstance(target, str):
            got = f"{type(target).__name__} {target!r:.40}"
            raise InputError(f"target: expected text, got {got}")
        if self.task == "stance" and not (target and target.strip()):
            raise InputError("a stance model needs a target")
        if self.task != "stance" and target is not None:
            raise InputError(f"a {self.task} model takes no target, got '{target:.60}'")
        return _HALVES.sub("\ufffd", target.strip()) if target else None


def _score(
    bundle: Bundle,
    items: Sequence[_Item | _Failed],
    failure: NewsstandError | None,
    explain: bool,
) -> _Results:
    """Of each item its score, or why it has none; and what ended the items too early."""
    encoded = [_encoded(bundle, item) for item in items]
    examples = [found[1] for found in encoded if not isinstance(found, _Failed)]
    with np.errstate(all="ignore"):  # what is not finite is said of its article
        rows = iter(_rows(bundle, examples) if examples else ())
        results = [
            found if isinstance(found, _Failed) else _scored(bundle, *found, *next(rows), explain)
            for found in encoded
        ]
    return results, failure


def _rows(
    bundle: Bundle, examples: Sequence[Example]
) -> Iterator[tuple[NDArray[np.float64], tuple[str, ...]]]:
    """Of each example its probabilities, and what speaks against trusting them."""
    known, doubts = bundle.model.knows(examples).tolist(), bundle.doubts(examples)
    said = [x if knows else (NOTHING_KNOWN, *x) for knows, x in zip(known, doubts, strict=True)]
    return zip(bundle.unchecked(examples), said, strict=True)


def _encoded(bundle: Bundle, item: _Item | _Failed) -> tuple[_Item, Example] | _Failed:
    if isinstance(item, _Failed):
        return item
    try:
        return item, bundle.encode(item.article, item.target)
    except InputError as error:
        return item.failed(error)


def _scored(
    bundle: Bundle,
    item: _Item,
    example: Example,
    row: NDArray[np.float64],
    doubts: tuple[str, ...],
    explain: bool,
) -> Score | _Failed:
    [best] = bundle.decision.predict(row[np.newaxis]).tolist()
    evidence = find_evidence(bundle.model, item.article, example, best) if explain else ()
    if not all(map(isfinite, (*row.tolist(), *(passage.weight for passage in evidence)))):
        return item.failed(BundleError("the model gave a score that is not a finite number"))
    names = bundle.labels.names
    label = bundle.labels.labels[best]
    return Score(
        label=label,
        name=names[label],
        probability=float(row[best]),
        probabilities=dict(zip(names, row.tolist(), strict=True)),
        target=example.target,
        evidence=evidence,
        removed=example.prepared.removed,
        warning=_joined(item.article.warning, example.prepared.warning, *doubts),
        id=item.article.id,
    )


def _joined(*warnings: str | None) -> str | None:
    """Several warnings as one line."""
    return "; ".join(filter(None, warnings)) or None


# In a worker process, the bundle that it scores with.
_begun: list[Bundle] = []


def _begin(bundle: Bundle) -> None:
    _begun[:] = [bundle]


def _score_begun(
    items: Sequence[_Item | _Failed], failure: NewsstandError | None, explain: bool
) -> _Results:
    return _score(_begun[0], items, failure, explain)


_END = object()


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
