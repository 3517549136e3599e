"""Scores one batch of articles; an article that cannot be scored does not stop the others."""

from collections.abc import Iterator, Sequence
from math import isfinite
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from newsstand.errors import BundleError, InputError, NewsstandError
from newsstand.features.coverage import NOTHING_KNOWN
from newsstand.io.article_files import ScoreError
from newsstand.io.bundle import Bundle
from newsstand.serve.explain import find_evidence
from newsstand.serve.score import Score
from newsstand.text.article import Article
from newsstand.text.example import Example


class Item(NamedTuple):
    """An article to score, its name in errors, and its target."""

    place: str
    article: Article
    target: str | None

    def failed(self, error: NewsstandError) -> "Failed":
        """The item as one that cannot be scored."""
        return Failed(
            ScoreError(message=str(error), place=self.place, id=self.article.id), type(error)
        )


class Failed(NamedTuple):
    """An article that cannot be scored, and the type of the error to raise for it."""

    error: ScoreError
    kind: type[NewsstandError] = InputError


# Articles to score, and the error that ended the input early.
Batch: TypeAlias = tuple[list[Item | Failed], NewsstandError | None]
Results: TypeAlias = tuple[list[Score | Failed], NewsstandError | None]


def score_batch(
    bundle: Bundle,
    items: Sequence[Item | Failed],
    failure: NewsstandError | None,
    explain: bool,
) -> Results:
    """The score of each item or why it has none, and the error that ended the input early.

    Args:
        bundle: The model.
        items: The articles.
        failure: The error, or None; it is returned unchanged.
        explain: Whether to find the evidence.
    """
    encoded = [_encoded(bundle, item) for item in items]
    examples = [item[1] for item in encoded if not isinstance(item, Failed)]
    with np.errstate(all="ignore"):  # scores that are not finite are reported with their article
        rows = iter(_rows(bundle, examples) if examples else ())
        results = [
            item if isinstance(item, Failed) else _scored(bundle, *item, *next(rows), explain)
            for item in encoded
        ]
    return results, failure


def _rows(
    bundle: Bundle, examples: Sequence[Example]
) -> Iterator[tuple[NDArray[np.float64], tuple[str, ...]]]:
    """Probabilities of each example, and the reasons not to trust them."""
    known, doubts = bundle.model.knows(examples).tolist(), bundle.warnings(examples)
    warnings = [
        of_example if is_known else (NOTHING_KNOWN, *of_example)
        for is_known, of_example in zip(known, doubts, strict=True)
    ]
    return zip(bundle.unchecked(examples), warnings, strict=True)


def _encoded(bundle: Bundle, item: Item | Failed) -> tuple[Item, Example] | Failed:
    if isinstance(item, Failed):
        return item
    try:
        return item, bundle.encode(item.article, item.target)
    except InputError as error:
        return item.failed(error)


def _scored(
    bundle: Bundle,
    item: Item,
    example: Example,
    row: NDArray[np.float64],
    doubts: tuple[str, ...],
    explain: bool,
) -> Score | Failed:
    [best] = bundle.decision.predict(row[np.newaxis]).tolist()
    evidence = find_evidence(bundle.model, item.article, example, best) if explain else ()
    if not all(map(isfinite, (*row.tolist(), *(passage.weight for passage in evidence)))):
        return item.failed(BundleError("the model gave a score that is not a finite number"))
    names = bundle.labels.names
    label = bundle.labels.labels[best]
    return Score(
        label=label,
        label_name=names[label],
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


# The bundle of a worker process.
_bundle: list[Bundle] = []


def start_worker(bundle: Bundle) -> None:
    """Gives a worker process its bundle."""
    _bundle[:] = [bundle]


def score_in_worker(
    items: Sequence[Item | Failed], failure: NewsstandError | None, explain: bool
) -> Results:
    """As `score_batch`, with the bundle of this worker process."""
    return score_batch(_bundle[0], items, failure, explain)
