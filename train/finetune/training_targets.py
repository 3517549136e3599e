"""Training targets of a network: the label, votes, or a teacher's probabilities of each text."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

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
from newsstand.train.dataset import LabelledRows
from newsstand.types import Float32s

_CHUNK = 256  # articles that a teacher scores at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Teacher:
    """A trained model to distil from.

    Args:
        bundle: The bundle's folder or URI.
        temperature: Temperature of its probabilities.
        unlabelled: A file of articles that only the teacher labels, or None.
        task: `topic` or `stance`; must be the teacher's task.
        text: How the unlabelled articles are prepared.
    """

    bundle: str
    temperature: float
    unlabelled: str | None
    task: str
    text: TextSpec


@dataclass(frozen=True, slots=True)
class TrainingTargets:
    """Examples and their training targets.

    Args:
        examples: The examples.
        targets: int64, shape (examples,): labels. Or float32, shape (examples, labels): the share
            of each label. With a teacher, float32, shape (examples, 2 x labels): shares, zeros for
            examples without a label, followed by the teacher's probabilities.
        teacher: The hash of the teacher's bundle, or None.
        unlabelled: A hash of the articles without labels, or None.
        note: A note on the teacher for the report; may be empty.
        weights: float64, shape (examples,): sample weights; None for equal ones.
        labels: The names of the labels.
        stages: int8, shape (examples,): the first stage of the curriculum, from 1, in which an
            example is used; None without a curriculum.
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
        rows: LabelledRows,
        *,
        soft_labels: bool,
        staged: bool,
        teacher: Teacher | None,
        progress: ProgressCallback,
    ) -> Self:
        """Creates the training targets of rows.

        Args:
            rows: The training rows.
            soft_labels: Whether targets are the shares of annotators' votes.
            staged: Whether there is a curriculum.
            teacher: The model to distil from, or None.
            progress: Called with the number of articles that the teacher has labelled.

        Raises:
            DataError: `soft_labels` is set without votes, or unlabelled articles are invalid.
            NewsstandError: The teacher is unreadable, or its task or labels differ.
        """
        examples = list(rows.examples)
        stages = stages_of(rows) if staged else None
        if not soft_labels and teacher is None:
            return cls(
                examples, rows.labels, weights=rows.weights, labels=rows.names, stages=stages
            )
        shares = np.eye(len(rows.names), dtype=np.float32)[rows.labels]
        if soft_labels:
            shares = _votes(rows, shares)
        if teacher is None:
            return cls(examples, shares, weights=rows.weights, labels=rows.names, stages=stages)
        distilled = _distilled(teacher, rows, examples, shares, progress)
        weights, unlabelled = rows.weights, len(distilled[0]) - len(examples)
        if weights is not None:
            weights = np.concatenate([weights, np.ones(unlabelled)])
        if stages is not None:
            stages = np.append(stages, np.ones(unlabelled, dtype=np.int8))
        return cls(*distilled, weights=weights, labels=rows.names, stages=stages)


def stages_of(rows: LabelledRows) -> NDArray[np.int8]:
    """The first stage of the curriculum in which each row is used, shape (rows,); by default 1."""
    return np.array([int(x or 1) for x in rows.column("curriculum").to_pylist()], dtype=np.int8)


def _votes(rows: LabelledRows, shares: Float32s) -> Float32s:
    """Float32s of each row's votes by label; rows without votes keep their shares."""
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
            "model.soft_labels: no training row has votes of several annotators; list a column for "
            "each in data.columns.label, set data.label_separator, or remove soft_labels"
        )
    return shares


def _distilled(
    settings: Teacher,
    rows: LabelledRows,
    examples: list[Example],
    shares: Float32s,
    progress: ProgressCallback,
) -> tuple[list[Example], Float32s, str, str | None, str]:
    """Targets of the rows and the unlabelled articles: shares and the teacher's probabilities.

    Returns:
        The first fields of `TrainingTargets`, up to `note`.
    """
    with located(settings.bundle) as folder:
        teacher, digest = Bundle.load(folder), bundle_hash(folder)
    if teacher.task != settings.task:
        raise NewsstandError(
            f"model.teacher.bundle: a {teacher.task} model, but task is {settings.task}"
        )
    labels = teacher.labels.labels
    if set(labels) != set(rows.names):
        missing, others = sorted({*rows.names} - {*labels}), sorted({*labels} - {*rows.names})
        raise NewsstandError(
            "model.teacher.bundle: its labels differ from those of the data; "
            f"missing: {', '.join(missing) or 'none'}, additional: {', '.join(others) or 'none'}"
        )
    articles: list[tuple[Article, str | None]] = [
        (rows.article(i), example.target) for i, example in enumerate(examples)
    ]
    note, unlabelled = f"distilled from {digest[:12]}", None
    if settings.unlabelled is not None:
        kept, in_rows = _unlabelled(settings, settings.unlabelled, rows)
        articles += kept
        more = [encode(*item, settings.text) for item in kept]
        examples = examples + more
        text = json.dumps([(example.text, example.target) for example in more])
        unlabelled = hashlib.sha256(text.encode()).hexdigest()
        note += f", also on {len(kept):,} unlabelled articles"
        if in_rows:
            note += f" ({in_rows:,} left out: their texts are in validation or test rows)"
    scored = []
    for start in range(0, len(articles), _CHUNK):
        chunk = [teacher.encode(*item) for item in articles[start : start + _CHUNK]]
        scored.append(teacher.probabilities(chunk))
        progress("scoring with the teacher", start + len(chunk), len(articles))
    order = [labels.index(name) for name in rows.names]
    probabilities = _softened(np.vstack(scored)[:, order], settings.temperature)
    all_shares = np.zeros_like(probabilities)
    all_shares[: len(shares)] = shares
    return examples, np.hstack([all_shares, probabilities]), digest, unlabelled, note


def _softened(probabilities: NDArray[np.float64], temperature: float) -> Float32s:
    """Probabilities at another temperature, with their logarithms as scores."""
    powers = np.maximum(probabilities, 1e-12) ** (1 / temperature)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)


def _unlabelled(
    settings: Teacher, path: str, rows: LabelledRows
) -> tuple[list[tuple[Article, str | None]], int]:
    """Articles without labels, and the number of those left out as they are in other splits."""
    known = rows.texts_elsewhere()
    kept, dropped = [], 0
    read = list(read_articles([path]))
    problems = [str(row.article) for row in read if isinstance(row.article, ScoreError)]
    if problems:
        raise DataError(problems)
    articles = [(row.article, row.target) for row in read if isinstance(row.article, Article)]
    for article, target in articles:
        if settings.task == "stance" and not (isinstance(target, str) and target.strip()):
            raise DataError(
                f"model.teacher.unlabelled: {path}: an article has no target; each needs one in a "
                "column or field 'target'"
            )
        item = (article, target if settings.task == "stance" else None)
        if encode(*item, settings.text).text in known:
            dropped += 1
        else:
            kept.append(item)
    return kept, dropped
