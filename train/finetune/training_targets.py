"""Training targets of a network: of each text the label, votes, or a teacher's probabilities."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from newsstand.errors import DataError, NewsstandError
from newsstand.io.article_files import ScoreError, read_articles
from newsstand.io.bundle import Bundle, bundle_hash
from newsstand.io.bundle_uri import located
from newsstand.progress import ProgressCallback
from newsstand.text.article import Article
from newsstand.text.example import Example, encode
from newsstand.text.normalize import TextSpec
from newsstand.train.dataset import Rows
from newsstand.types import Float32s

_CHUNK = 256  # articles that a teacher scores at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Teacher:
    """A trained model to distil from.

    Args:
        bundle: Its folder or URI.
        temperature: At which its probabilities are learned.
        unlabelled: A file of articles that only the teacher labels, or None.
        task: `topic` or `stance`, which must be the teacher's, too.
        text: How the unlabelled articles are prepared.
    """

    bundle: str
    temperature: float
    unlabelled: str | None
    task: str
    text: TextSpec


@dataclass(frozen=True, slots=True)
class TrainingTargets:
    """Texts with what is to be learned of each.

    Args:
        examples: The texts.
        targets: int64, shape (examples,): labels. Or float32, shape (examples, labels): the share
            of each label. With a teacher, float32, shape (examples, 2 x labels): these, zeros where
            a row has no label, and then the teacher's probabilities.
        teacher: The hash of the teacher's bundle, if there is one.
        unlabelled: A hash of the articles without labels, if there are some.
        note: What else there is to report.
        weights: What each example counts in the loss; None: all the same.
        labels: The names of the labels.
        stages: Of each example the stage, from 1, from which on it is learned; None: no stages.
    """

    examples: Sequence[Example]
    targets: NDArray[np.int64] | Float32s
    teacher: str | None = None
    unlabelled: str | None = None
    note: str = ""
    weights: NDArray[np.float64] | None = None
    labels: tuple[str, ...] = ()
    stages: NDArray[np.int8] | None = None

    @classmethod
    def of(
        cls,
        rows: Rows,
        *,
        soft_labels: bool,
        staged: bool,
        teacher: Teacher | None,
        progress: ProgressCallback,
    ) -> Self:
        """The targets of some rows.

        Args:
            rows: The training rows.
            soft_labels: Whether votes count by their shares.
            staged: Whether rows have stages of a curriculum.
            teacher: What to distil from, or None.
            progress: Called with the number of articles that the teacher has labelled.

        Raises:
            DataError: `soft_labels` without votes, or unlabelled articles that cannot be used.
            NewsstandError: A teacher that cannot be read, or that has other labels.
        """
        examples = list(rows.examples)
        stages = stages_of(rows) if staged else None
        usual: dict[str, Any] = {"labels": rows.names}
        if not soft_labels and teacher is None:
            return cls(examples, rows.labels, weights=rows.weights, stages=stages, **usual)
        shares = np.eye(len(rows.names), dtype=np.float32)[rows.labels]
        if soft_labels:
            shares = _votes(rows, shares)
        if teacher is None:
            return cls(examples, shares, weights=rows.weights, stages=stages, **usual)
        distilled = _distilled(teacher, rows, examples, shares, progress)
        weights, more = rows.weights, len(distilled[0]) - len(examples)  # these count as usual
        if weights is not None:
            weights = np.concatenate([weights, np.ones(more)])
        if stages is not None:
            stages = np.append(stages, np.ones(more, dtype=np.int8))
        return cls(*distilled, weights=weights, stages=stages, **usual)


def stages_of(rows: Rows) -> NDArray[np.int8]:
    """The stage of a curriculum that each row is learned from, shape (rows,); 1 without one."""
    told = rows.column("curriculum").to_pylist()
    return np.array([int(x or 1) for x in told], dtype=np.int8)


def _votes(rows: Rows, shares: Float32s) -> Float32s:
    """The share of a row's votes that each label got; of rows without votes, as they were."""
    number = {name: place for place, name in enumerate(rows.names)}
    shares = shares.copy()
    voted = 0
    for row, votes in enumerate(rows.column("votes").to_pylist()):
        if votes:
            voted += 1
            counts = np.bincount([number[x] for x in votes if x in number], minlength=len(number))
            shares[row] = counts / counts.sum()
    if not voted:
        raise DataError(
            "model.soft_labels: no training row has several annotators' votes; name one column for "
            "each in data.columns.label, or set data.label_separator, or leave soft_labels out"
        )
    return shares


def _distilled(
    settings: Teacher,
    rows: Rows,
    examples: list[Example],
    shares: Float32s,
    progress: ProgressCallback,
) -> tuple[list[Example], Float32s, str, str | None, str]:
    """The rows and the unlabelled articles, with the teacher's probabilities of all."""
    with located(settings.bundle) as folder:
        teacher, digest = Bundle.load(folder), bundle_hash(folder)
    if teacher.task != settings.task:
        raise NewsstandError(
            f"model.teacher.bundle: a {teacher.task} model, but task is {settings.task}"
        )
    theirs = teacher.labels.labels
    if set(theirs) != set(rows.names):
        missing, others = sorted({*rows.names} - {*theirs}), sorted({*theirs} - {*rows.names})
        raise NewsstandError(
            "model.teacher.bundle: its labels are not those of the data; "
            f"it lacks {', '.join(missing) or 'none'} and has {', '.join(others) or 'none'} besides"
        )
    given: list[tuple[Article, str | None]] = [
        (rows.article(i), example.target) for i, example in enumerate(examples)
    ]
    note, unlabelled = f"distilled from {digest[:12]}", None
    if settings.unlabelled is not None:
        kept, known = _unlabelled(settings, settings.unlabelled, rows)
        given += kept
        more = [encode(*item, settings.text) for item in kept]
        examples = examples + more
        told = json.dumps([(example.text, example.target) for example in more])
        unlabelled = hashlib.sha256(told.encode()).hexdigest()
        note += f" on {len(kept):,} unlabelled articles, too"
        if known:
            note += f" ({known:,} left out: their texts are in validation or test rows)"
    found = []
    for start in range(0, len(given), _CHUNK):
        chunk = [teacher.encode(*item) for item in given[start : start + _CHUNK]]
        found.append(teacher.probabilities(chunk))
        progress("asking the teacher", start + len(chunk), len(given))
    order = [theirs.index(name) for name in rows.names]
    probabilities = _flattened(np.vstack(found)[:, order], settings.temperature)
    own = np.zeros_like(probabilities)
    own[: len(shares)] = shares
    return examples, np.hstack([own, probabilities]), digest, unlabelled, note


def _flattened(probabilities: NDArray[np.float64], temperature: float) -> Float32s:
    """Probabilities at another temperature; their logarithms are scores of any family."""
    powers = np.maximum(probabilities, 1e-12) ** (1 / temperature)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)


def _unlabelled(
    settings: Teacher, path: str, rows: Rows
) -> tuple[list[tuple[Article, str | None]], int]:
    """Articles for the teacher alone, and how many more are in the other splits."""
    known = rows.texts_elsewhere()
    kept, dropped = [], 0
    found = list(read_articles([path]))
    unread = [str(row.article) for row in found if isinstance(row.article, ScoreError)]
    if unread:
        raise DataError(unread)
    articles = [(row.article, row.target) for row in found if isinstance(row.article, Article)]
    for article, target in articles:
        if settings.task == "stance" and not (isinstance(target, str) and target.strip()):
            raise DataError(
                f"model.teacher.unlabelled: {path}: an article without a target; each needs one "
                "in a column or field 'target'"
            )
        one = (article, target if settings.task == "stance" else None)
        if encode(*one, settings.text).text in known:
            dropped += 1
        else:
            kept.append(one)
    return kept, dropped
