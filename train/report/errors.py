"""The errors of which a model was most confident, with their texts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from newsstand.train.evaluation.rows import EvaluatedRows

MOST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRow:
    """A row that was predicted wrongly.

    Args:
        id: The row's id.
        title: Its headline; may be empty, as may `words` but not both.
        words: The first words of its text.
        true: Readable name of the true label.
        predicted: Readable name of the predicted label.
        probability: Of the predicted label.
        of_true: Probability of the true label.
        target: Target of the stance; empty for topics.
        outlet: Outlet; empty if not known.
        published: Day of publication; empty if not known.
    """

    id: str
    title: str
    words: str
    true: str
    predicted: str
    probability: float
    of_true: float
    target: str
    outlet: str
    published: str


def worst_errors(rows: EvaluatedRows, most: int = MOST) -> list[ErrorRow]:
    """The wrong predictions with the highest probability, the most confident first.

    Of a text with several targets, there is one.

    Args:
        rows: All rows.
        most: The most errors to return.
    """
    predicted, confidence = rows.predicted, rows.probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != rows.truth)
    ordered = wrong[np.argsort(-confidence[wrong], kind="stable")]
    chosen = _first_of_texts(rows, ordered.tolist(), most)
    names = list(rows.labels.values())
    found = []
    for place in chosen:
        truth = int(rows.truth[place])
        found.append(
            ErrorRow(
                id=_text(rows, "id", place),
                title=_text(rows, "title", place),
                words=_text(rows, "first_words", place),
                true=names[truth],
                predicted=names[int(predicted[place])],
                probability=float(confidence[place]),
                of_true=float(rows.probabilities[place, truth]),
                target=_text(rows, "target", place),
                outlet=_text(rows, "outlet", place),
                published=_text(rows, "published", place)[:10],
            )
        )
    return found


def _first_of_texts(rows: EvaluatedRows, places: Sequence[int], most: int) -> list[int]:
    seen: set[tuple[str, str]] = set()
    chosen: list[int] = []
    for place in places:
        text = _text(rows, "title", place), _text(rows, "first_words", place)
        if text not in seen:
            seen.add(text)
            chosen.append(place)
        if len(chosen) == most:
            break
    return chosen


def _text(rows: EvaluatedRows, column: str, place: int) -> str:
    value = rows.columns[column][place].as_py()
    return "" if value is None else str(value)
