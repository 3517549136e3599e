"""Two models on the same test rows: those of the version that has the alias."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from newsstand.data.load import NewsData, load
from newsstand.errors import NewsstandError
from newsstand.io.bundle import Bundle
from newsstand.train.dataset import LabelledRows
from newsstand.train.evaluation.rows import EvaluatedRows, evaluated_rows
from newsstand.train.registry.version import RegisteredVersion
from newsstand.types import Floats, Ints

_CHUNK = 2048  # rows that are prepared and scored at once


@dataclass(frozen=True, slots=True)
class Paired:
    """The predictions of two models on the same rows, in the same order, with the same labels."""

    champion: EvaluatedRows
    new: EvaluatedRows


def paired(new: RegisteredVersion, champion: RegisteredVersion) -> Paired:
    """Two models on the test rows of the second one.

    The new model's predictions are those of its own test rows if these contain all rows of the
    champion. Otherwise the champion's rows are read again by its config and scored, unless the new
    model was fitted on some of them.

    Args:
        new: The new version.
        champion: The version that has the alias.

    Raises:
        NewsstandError: Predictions are missing, or the rows cannot be compared, with the reason.
    """
    theirs, own = champion.rows, new.rows
    places = matches(_keys(theirs), _keys(own))
    if places is None:
        differ = f"different test rows ({len(own):,} instead of {len(theirs):,})"
        try:
            own = _rescored(new, champion)
        except (NewsstandError, OSError) as error:
            raise NewsstandError(f"{differ}, and {one_line(error)}") from error
        places = matches(_keys(theirs), _keys(own))
        assert places is not None  # noqa: S101 - their digests are equal
    return Paired(theirs, with_labels(own.select(places), list(theirs.labels)))


def matches(wanted: Sequence[str], keys: Sequence[str]) -> Ints | None:
    """For each wanted key, the place of the first equal key; None if one is missing.

    >>> matches(["b", "a"], ["a", "b", "c"]).tolist()
    [1, 0]
    """
    places: dict[str, int] = {}
    for place, key in enumerate(keys):
        places.setdefault(key, place)
    if not places.keys() >= set(wanted):
        return None
    return np.array([places[key] for key in wanted], dtype=np.int64)


def with_labels(rows: EvaluatedRows, labels: Sequence[str]) -> EvaluatedRows:
    """The rows with the same labels in another order.

    Raises:
        NewsstandError: The labels are others.
    """
    own = list(rows.labels)
    if set(own) != set(labels):
        raise NewsstandError(f"different labels ({len(own)} instead of {len(labels)})")
    order = np.array([own.index(label) for label in labels], dtype=np.int64)
    return EvaluatedRows(
        task=rows.task,
        labels={label: rows.labels[label] for label in labels},
        truth=np.argsort(order)[rows.truth],
        probabilities=rows.probabilities[:, order],
        columns=rows.columns,
        digest=rows.digest,
        settings=rows.settings,
    )


def one_line(error: BaseException) -> str:
    """An error's first line; further ones are counted."""
    lines = error.lines if isinstance(error, NewsstandError) else [str(error)]
    text = lines[0].split("\n")[0]
    return text if len(lines) == 1 else f"{text} (and {len(lines) - 1} more)"


def _keys(rows: EvaluatedRows) -> list[str]:
    keys: list[str] = rows.columns["key"].to_pylist()
    return keys


def _rescored(new: RegisteredVersion, champion: RegisteredVersion) -> EvaluatedRows:
    """The new model on the champion's test rows, which its config loads again."""
    where = f"those of version {champion.number}"
    try:
        news = load(champion.config.loading())
    except (NewsstandError, OSError) as error:
        raise NewsstandError(f"{where} cannot be loaded again: {one_line(error)}") from error
    test = LabelledRows(news, news.numbers("test"))
    if test.digest() != champion.rows.digest:
        raise NewsstandError(
            f"the config of version {champion.number} no longer loads its own: the data has changed"
        )
    leaked = _fitted_on(new, test, where)
    if leaked:
        raise NewsstandError(
            f"{leaked:,} of {where} are among the training or validation rows of version "
            f"{new.number}"
        )
    return _scored(Bundle.load(new.bundle), news, test)


def _fitted_on(new: RegisteredVersion, test: LabelledRows, where: str) -> int:
    """How many of the rows a model was fitted, calibrated or chosen on, whatever their label."""
    unknown = f"whether version {new.number} was trained on {where} is not known"
    try:
        news = load(new.config.loading())
    except (NewsstandError, OSError) as error:
        raise NewsstandError(f"{unknown}: {one_line(error)}") from error
    if news.digest != new.data_digest:
        raise NewsstandError(f"{unknown}: its config no longer loads the same rows")
    numbers = [news.numbers("train"), news.numbers("validation"), news.refit_only_numbers]
    seen = set(LabelledRows(news, np.concatenate(numbers)).keys(labelled=False))
    return sum(key in seen for key in test.keys(labelled=False))


def _scored(bundle: Bundle, news: NewsData, test: LabelledRows) -> EvaluatedRows:
    """The probabilities of a model for rows, whose text it prepares by its own settings."""
    parts: list[Floats] = []
    for start in range(0, len(test), _CHUNK):
        places = range(start, min(start + _CHUNK, len(test)))
        targets = [example.target for example in test.examples[start : start + _CHUNK]]
        pairs = zip(map(test.article, places), targets, strict=True)
        parts.append(bundle.probabilities([bundle.encode(*pair) for pair in pairs]))
    names = dict(news.labels.names)
    own = bundle.labels.labels
    if set(own) != set(names):
        raise NewsstandError(f"different labels ({len(own)} instead of {len(names)})")
    order = [own.index(label) for label in names]
    return evaluated_rows(
        test,
        LabelledRows(news, news.numbers("train")),
        task=bundle.task,
        labels=names,
        probabilities=np.concatenate(parts)[:, order],
        uncalibrated=None,
        settings={},
    )
