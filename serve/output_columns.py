"""The columns of an output: those of the input, and those that a score adds.

An input column with the name of an added one is renamed: `label` becomes `input_label`, and
`input_label`, if the input has that too, becomes `input_input_label`. The rule looks at one name
only, so it does not depend on the other columns or on the order of rows.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from newsstand.io.article_files import Row
from newsstand.serve.score import Score
from newsstand.text.article import Article
from newsstand.version import __version__

_PREFIX = "input_"
_LARGEST = 1 << 63  # one above the largest integer of Parquet
# Kinds of values; `text` also stands for a column with values of several kinds.
Kind = str
_TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedColumns:
    """The columns that a score adds to a row.

    Args:
        labels: The model's labels.
        model: The model's URI as given.
        digest: The hash of its bundle.
        stance: Whether the model has targets.
        flat: Whether each probability is a column of its own, as in CSV and Parquet; otherwise all
            are one object.
        explain: Whether evidence and removed boilerplate are columns; not if `flat`.
        target: The input column that is the target and keeps its name, or None.
    """

    labels: tuple[str, ...]
    model: str
    digest: str
    stance: bool
    flat: bool
    explain: bool = False
    target: str | None = None

    def kinds(self) -> dict[str, Kind]:
        """The kind of each added column, in order."""
        many = {f"p_{label}": "float" for label in self.labels} if self.flat else {}
        one = {} if self.flat else {"probabilities": "json"}
        return {
            "label": _TEXT,
            "label_name": _TEXT,
            "probability": "float",
            **many,
            **one,
            **({"target": _TEXT} if self.stance else {}),
            "warning": _TEXT,
            **({"evidence": "json", "removed": "json"} if self.explain else {}),
            "model": _TEXT,
            "model_digest": _TEXT,
            "newsstand": _TEXT,
        }

    def values(self, score: Score) -> dict[str, Any]:
        """The values of a score, in the order of `kinds`."""
        all_ = dict(score.probabilities)
        many = {f"p_{label}": value for label, value in all_.items()}
        found: dict[str, Any] = {
            "label": score.label,
            "label_name": score.label_name,
            "probability": score.probability,
            **(many if self.flat else {"probabilities": all_}),
            **({"target": score.target} if self.stance else {}),
            "warning": score.warning,
        }
        if self.explain:
            plain = score.to_dict()
            found |= {"evidence": plain["evidence"], "removed": plain["removed"]}
        return found | {
            "model": self.model,
            "model_digest": self.digest,
            "newsstand": __version__,
        }


@dataclass(slots=True)
class OutputColumns:
    """Converts rows with their scores to rows of the output, and collects the input's columns.

    Args:
        added: What a score adds.
        kinds: Kind of each column of the input so far, by its name in the output.
    """

    added: AddedColumns
    kinds: dict[str, Kind] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)
    _taken: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self._taken = frozenset(self.added.kinds())

    def row(self, row: Row, score: Score) -> dict[str, Any]:
        """A row of the output in plain values of JSON: the input's columns, then the added ones.

        A row without a column `id` gets one: that of its score.
        """
        kept: dict[str, Any] = {}
        values = row.values if "id" in row.values else {"id": score.id, **row.values}
        if not row.values and isinstance(row.article, Article):  # a file of its own
            values = {"id": score.id, "title": row.article.title}
        for column, value in values.items():
            if self.added.stance and column == self.added.target:
                continue  # the score has it, as the model read it
            name = self._names.get(column) or self._named(column)
            kept[name], kind = _plain(value)
            self.kinds[name] = _merged(self.kinds.get(name, "null"), kind)
        return kept | self.added.values(score)

    def all_kinds(self) -> dict[str, Kind]:
        """The kind of each column, in the order of the output."""
        return self.kinds | self.added.kinds()

    def _named(self, column: str) -> str:
        bare = column
        while bare.startswith(_PREFIX):
            bare = bare.removeprefix(_PREFIX)
        name = f"{_PREFIX}{column}" if bare in self._taken else column
        if len(self._names) < 100_000:
            self._names[column] = name
        return name


def _merged(first: Kind, second: Kind) -> Kind:
    if first == second or second == "null":
        return first
    if first == "null":
        return second
    return "float" if {first, second} == {"int", "float"} else _TEXT


def _plain(value: Any) -> tuple[Any, Kind]:
    """A value of a table as JSON has it, and its kind; NaN and infinite numbers are missing."""
    if type(value) is str:
        return value, _TEXT
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return None, "null"
    if isinstance(value, bool):
        return value, "bool"
    if isinstance(value, int):
        return value, "int" if -_LARGEST <= value < _LARGEST else _TEXT
    if isinstance(value, float):
        return (value, "float") if math.isfinite(value) else (None, "null")
    if isinstance(value, datetime):
        zoned = value.tzinfo is not None
        return value.isoformat(), "zoned time" if zoned else "time"
    if isinstance(value, date):
        return value.isoformat(), "date"
    if isinstance(value, Mapping):
        return {str(key): _plain(item)[0] for key, item in value.items()}, "json"
    if isinstance(value, (list, tuple)):
        return [_plain(item)[0] for item in value], "json"
    if isinstance(value, bytes):
        return value.hex(), _TEXT
    return str(value), _TEXT


def named_columns(pairs: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """Canonical names with the names in the files, from texts such as `body=Text`.

    Raises:
        ValueError: A text has no `=`, or its first part is unknown or repeated; with the reason.
    """
    found: dict[str, str] = {}
    names = list(known)
    for pair in pairs:
        ours, sign, column = (part.strip() for part in pair.partition("="))
        if not (sign and ours and column):
            raise ValueError(f"{pair!r}: expected NAME=COLUMN, for instance body=Text")
        if ours not in names:
            raise ValueError(f"unknown name {ours!r} (known: {', '.join(names)})")
        if ours in found:
            raise ValueError(f"{ours!r} is given twice")
        found[ours] = column
    return found
