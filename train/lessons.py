"""What a network is fine-tuned on: texts, and for each the label, votes, or a teacher's opinion."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from newsstand.article import Article
from newsstand.bundle import Bundle, bundle_hash
from newsstand.config import Config
from newsstand.config_encoders import TeacherConfig, TransformerConfig
from newsstand.data.prepare import Progress
from newsstand.encode import Example, encode
from newsstand.errors import DataError, NewsstandError
from newsstand.serve.batch import read_articles
from newsstand.serve.locate import located
from newsstand.serve.score import ScoreError
from newsstand.train.rows import Rows

_CHUNK = 256  # articles that a teacher scores at a time

Shares = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Lesson:
    """Rows to learn from.

    Args:
        examples: The texts.
        targets: int64, shape (examples,): labels. Or float32, shape (examples, labels): the share
            of each label. With a teacher, float32, shape (examples, 2 x labels): these, zeros where
            a row has no label, and then the teacher's probabilities.
        teacher: The hash of the teacher's bundle, if there is one.
        unlabelled: A hash of the articles without labels, if there are some.
        note: What else there is to say.
        weights: What each example counts in the loss; None: all the same.
        labels: The names of the labels.
        stages: Of each example the stage, from 1, from which on it is learned; None: no stages.
    """

    examples: Sequence[Example]
    targets: NDArray[np.int64] | Shares
    teacher: str | None = None
    unlabelled: str | None = None
    note: str = ""
    weights: NDArray[np.float64] | None = None
    labels: tuple[str, ...] = ()
    stages: NDArray[np.int8] | None = None

    @classmethod
    def of(cls, config: Config, rows: Rows, progress: Progress) -> Self:
        """The lesson that a config asks for.

        Args:
            config: An experiment with a transformer.
            rows: The training rows.
            progress: Hears of the articles that the teacher has read.

        Raises:
            DataError: `soft_labels` without votes, or unlabelled articles that cannot be used.
            NewsstandError: A teacher that cannot be read, or that knows other labels.
        """
        assert isinstance(config.model, TransformerConfig)  # noqa: S101 - narrows the type
        examples = list(rows.examples)
        stages = stages_of(rows)
        usual: dict[str, Any] = {
            "labels": rows.names,
            "stages": stages if config.model.curriculum else None,
        }
        if not config.model.soft_labels and config.model.teacher is None:
            return cls(examples, rows.labels, weights=rows.weights, **usual)
        shares = np.eye(len(rows.names), dtype=np.float32)[rows.labels]
        if config.model.soft_labels:
            shares = _votes(rows, shares)
        if config.model.teacher is None:
            return cls(examples, shares, weights=rows.weights, **usual)
        taught = _taught(config, config.model.teacher, rows, examples, shares, progress)
        weights, more = rows.weights, len(taught[0]) - len(examples)  # these count as usual
        if weights is not None:
            weights = np.concatenate([weights, np.ones(more)])
        if usual["stages"] is not None:
            usual["stages"] = np.append(stages, np.ones(more, dtype=np.int8))
        return cls(*taught, weights=weights, **usual)


def stages_of(rows: Rows) -> NDArray[np.int8]:
    """The stage of a curriculum that each row is learned from, shape (rows,); 1 without one."""
    told = rows.column("curriculum").to_pylist()
    return np.array([int(x or 1) for x in told], dtype=np.int8)


def _votes(rows: Rows, shares: Shares) -> Shares:
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


def _taught(
    config: Config,
    settings: TeacherConfig,
    rows: Rows,
    examples: list[Example],
    shares: Shares,
    progress: Progress,
) -> tuple[list[Example], Shares, str, str | None, str]:
    """The rows and the unlabelled articles, with the teacher's probabilities of all."""
    with located(settings.bundle) as folder:
        teacher, digest = Bundle.load(folder), bundle_hash(folder)
    if teacher.task != config.task:
        raise NewsstandError(
            f"model.teacher.bundle: a {teacher.task} model, but task is {config.task}"
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
    note, unlabelled = f"taught by {digest[:12]}", None
    if settings.unlabelled is not None:
        kept, known = _unlabelled(config, settings.unlabelled, rows)
        given += kept
        more = [encode(*item, config.text.spec()) for item in kept]
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


def _flattened(probabilities: NDArray[np.float64], temperature: float) -> Shares:
    """Probabilities at another temperature; their logarithms are scores of any family."""
    powers = np.maximum(probabilities, 1e-12) ** (1 / temperature)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)


def _unlabelled(
    config: Config, path: str, rows: Rows
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
        if config.task == "stance" and not (isinstance(target, str) and target.strip()):
            raise DataError(
                f"model.teacher.unlabelled: {path}: an article without a target; each needs one "
                "in a column or field 'target'"
            )
        one = (article, target if config.task == "stance" else None)
        if encode(*one, config.text.spec()).text in known:
            dropped += 1
        else:
            kept.append(one)
    return kept, dropped
