"""The scorer: predicts the labels of articles with a bundle."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice, repeat
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args, overload

import numpy as np
from numpy.typing import NDArray

from newsstand.errors import InputError, NewsstandError
from newsstand.io.article_files import ScoreError
from newsstand.io.bundle import Bundle, bundle_hash
from newsstand.io.bundle_uri import located
from newsstand.parallel import pool
from newsstand.serve.frames import frame_rows, is_frame
from newsstand.serve.score import Score
from newsstand.serve.scoring import (
    Batch,
    Failed,
    Item,
    Results,
    score_batch,
    score_in_worker,
    start_worker,
)
from newsstand.text.article import Article
from newsstand.types import Device

# An article, its text, or its columns by name.
ArticleLike: TypeAlias = Article | str | Mapping[str, Any]
# One target for all articles, or one for each.
Targets: TypeAlias = str | Iterable[str | None] | None

# Halves of surrogate pairs, which no tokenizer accepts; the preparation removes them from texts.
_HALVES = re.compile("[\ud800-\udfff]")
_END = object()


class Scorer:
    r"""Scores articles with a trained model.

    Args:
        bundle: The model.
        source: Where it was loaded from, for `repr`.
        digest: The bundle's hash, if it was loaded from a folder or MLflow.

    >>> import newsstand
    >>> scorer = newsstand.load("models:/topic@champion")  # doctest: +SKIP
    >>> scorer.score("Central bank raises rates\n\nThe bank ...").label_name  # doctest: +SKIP
    'economy, business and finance'
    """

    def __init__(
        self, bundle: Bundle, *, source: str | None = None, digest: str | None = None
    ) -> None:
        self.bundle = bundle
        self.source = source
        self.digest = digest

    def __repr__(self) -> str:
        labels = list(self.labels)
        shown = ", ".join(labels[:4]) + (f", ... ({len(labels)})" if len(labels) > 4 else "")
        source = "" if self.source is None else f", source={self.source!r}"
        return f"Scorer(task={self.task!r}, labels=[{shown}]{source})"

    @property
    def task(self) -> str:
        """`topic` or `stance`."""
        return self.bundle.task

    @property
    def labels(self) -> Mapping[str, str]:
        """Label to readable name, in the order of the columns of `predict_proba`."""
        return self.bundle.labels.names

    @property
    def classes_(self) -> NDArray[np.str_]:
        """The labels, shape (labels,), in the order of the columns of `predict_proba`."""
        return np.array(self.bundle.labels.labels)

    def predict(
        self, articles: Iterable[ArticleLike], *, target: Targets = None
    ) -> NDArray[np.str_]:
        """Predicts the label of each article, as classifiers of scikit-learn do.

        Args:
            articles: Articles, texts, or mappings of columns; a pandas DataFrame gives its rows,
                a Series its values.
            target: For stance: one target for all articles, or one for each. Default: the column
                `target` of mappings and DataFrames.

        Returns:
            Labels, shape (articles,).

        Raises:
            InputError: As `score_many`.
        """
        return self.classes_[
            self.bundle.decision.predict(self.predict_proba(articles, target=target))
        ]

    def predict_proba(
        self, articles: Iterable[ArticleLike], *, target: Targets = None
    ) -> NDArray[np.float64]:
        """Predicts the calibrated probability of each label, as classifiers of scikit-learn do.

        Args:
            articles: As `predict`.
            target: As `predict`.

        Returns:
            float64, shape (articles, labels); columns in the order of `classes_`.

        Raises:
            InputError: As `score_many`.
        """
        scores = self.score_many(articles, target=target)
        rows = [list(score.probabilities.values()) for score in scores]
        return np.array(rows, dtype=np.float64).reshape(-1, len(self.labels))

    def score(
        self, article: ArticleLike, *, target: str | None = None, explain: bool = False
    ) -> Score:
        """Scores one article.

        Args:
            article: An article, its text (see `Article.from_text`), or a mapping of its columns.
            target: The target of the stance; required by stance models, refused by topic models.
            explain: Whether to find the passages that contributed most to the label.

        Raises:
            InputError: An empty article, or a target that is missing or not expected.
            BundleError: The model gave a score that is not a finite number.
        """
        return next(self.score_many([article], target=target, explain=explain))

    @overload
    def score_many(
        self,
        articles: Iterable[ArticleLike | ScoreError],
        *,
        target: Targets = None,
        explain: bool = False,
        batch_size: int = 256,
        workers: int = 1,
        errors: Literal["raise"] = "raise",
    ) -> Iterator[Score]: ...

    @overload
    def score_many(
        self,
        articles: Iterable[ArticleLike | ScoreError],
        *,
        target: Targets = None,
        explain: bool = False,
        batch_size: int = 256,
        workers: int = 1,
        errors: Literal["yield"],
    ) -> Iterator[Score | ScoreError]: ...

    def score_many(
        self,
        articles: Iterable[ArticleLike | ScoreError],
        *,
        target: Targets = None,
        explain: bool = False,
        batch_size: int = 256,
        workers: int = 1,
        errors: Literal["raise", "yield"] = "raise",
    ) -> Iterator[Score | ScoreError]:
        """Scores articles in batches, lazily and in order.

        Scores do not depend on the batch: they are the same as those of `score`.

        Args:
            articles: Articles, texts, or mappings of columns, any number of them; a pandas
                DataFrame gives its rows. A `ScoreError` among them, of an article that could not
                be read, is handled like an article that cannot be scored.
            target: One target for all, or one for each. Default: the column `target` of mappings
                and DataFrames.
            explain: Whether to find the passages that contributed most to each label, which takes
                longer.
            batch_size: Number of articles scored at once; a few batches a worker are in memory.
            workers: Number of processes. More than one is faster for many articles only: each
                takes a second to start and holds a copy of the model.
            errors: `raise` stops at the first article that cannot be scored; `yield` gives a
                `ScoreError` in its place and continues.

        Yields:
            The score of each article, or with `errors="yield"` why it has none.

        Raises:
            InputError: An empty article, or a target that is missing or not expected; with either
                choice, more or fewer targets than articles.
            BundleError: The model gave a score that is not a finite number.
            ValueError: `batch_size` or `workers` is below 1, or `errors` is neither.
        """
        for name, value in (("batch_size", batch_size), ("workers", workers)):
            if value < 1:
                raise ValueError(f"{name}: expected 1 or more, got {value}")
        if errors not in ("raise", "yield"):
            raise ValueError(f"errors: expected 'raise' or 'yield', got {errors!r}")
        if isinstance(articles, (str, Article, Mapping)):
            raise InputError("articles: expected several articles, got one; use score()")
        batches = self._batches(articles, target, batch_size)
        for results, failure in self._results(batches, explain, workers):
            for result in results:
                if isinstance(result, Score):
                    yield result
                elif errors == "yield":
                    yield result.error
                else:  # only now: the articles before it are scored
                    raise result.kind(str(result.error))
            if failure:
                raise failure

    def _results(self, batches: Iterable[Batch], explain: bool, workers: int) -> Iterator[Results]:
        if workers == 1:
            yield from (score_batch(self.bundle, *batch, explain) for batch in batches)
            return
        with pool(workers, start_worker, (self.bundle,)) as run:
            yield from run(score_in_worker, ((*batch, explain) for batch in batches))

    def _batches(
        self,
        articles: Iterable[ArticleLike | ScoreError],
        target: str | Iterable[str | None] | None,
        size: int,
    ) -> Iterator[Batch]:
        """Batches of articles to score, the last one with the error that ended the input early."""
        items = self._items(articles, target)
        failure: NewsstandError | None = None
        full = True
        while full and failure is None:
            batch: list[Item | Failed] = []
            try:
                batch.extend(islice(items, size))
            except NewsstandError as error:
                failure = error
            full = len(batch) == size
            yield batch, failure

    def _items(
        self,
        articles: Iterable[ArticleLike | ScoreError],
        target: str | Iterable[str | None] | None,
    ) -> Iterator[Item | Failed]:
        targets = repeat(target) if target is None or isinstance(target, str) else iter(target)
        rows = frame_rows(articles) if is_frame(articles) else articles
        for number, article in enumerate(rows, start=1):
            try:
                wanted = next(targets)
            except StopIteration:
                raise InputError(f"article {number}: target: fewer targets than articles") from None
            if isinstance(article, ScoreError):
                yield Failed(article)
            else:
                yield self._item(number, article, wanted)
        if target is not None and not isinstance(target, str) and next(targets, _END) is not _END:
            raise InputError("target: more targets than articles")

    def _item(self, number: int, article: ArticleLike, target: str | None) -> Item | Failed:
        name, key = f"article {number}", None
        try:
            if isinstance(article, str):
                article = Article.from_text(article)
            elif isinstance(article, Mapping):
                if target is None and self.task == "stance":
                    target = article.get("target")
                article = Article.from_mapping(article)
            if not isinstance(article, Article):
                kind = type(article).__name__
                raise InputError(f"expected an Article, its text or its columns, got {kind}")
            if article.id:
                name, key = f"article '{article.id}'", article.id
            return Item(name, article, self._target(target))
        except InputError as error:
            return Failed(ScoreError(message=str(error), place=name, id=key))

    def _target(self, target: str | None) -> str | None:
        if target is not None and not isinstance(target, str):
            got = f"{type(target).__name__} {target!r:.40}"
            raise InputError(f"target: expected text, got {got}")
        if self.task == "stance" and not (target and target.strip()):
            raise InputError("a stance model needs a target")
        if self.task != "stance" and target is not None:
            raise InputError(f"a {self.task} model takes no target, got '{target:.60}'")
        return _HALVES.sub("\ufffd", target.strip()) if target else None


def load(uri: str | Path, *, device: Device = "auto") -> Scorer:
    """Loads a trained model for scoring.

    Args:
        uri: A bundle folder, or with MLflow installed `runs:/RUN_ID`, `models:/NAME@ALIAS`,
            `models:/NAME/VERSION` or `models:/MODEL_ID`. MLflow looks at `MLFLOW_TRACKING_URI`,
            else in `mlflow.db` in the working directory.
        device: Where an encoder runs: `cpu`, `cuda`, or `auto` for a GPU if there is one. A model
            without an encoder runs on the CPU.

    Raises:
        ValueError: `device` is none of these.
        BundleError: No bundle there, a damaged bundle, or MLflow's reason.
    """
    if device not in get_args(Device):
        raise ValueError(f"device: expected 'auto', 'cpu' or 'cuda', got {device!r}")
    with located(uri) as folder:
        bundle = Bundle.load(folder, device)
        return Scorer(bundle, source=str(uri), digest=bundle_hash(folder))
