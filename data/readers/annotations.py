"""Reads labels from data files: names or codes, of one annotator or several."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from newsstand.io.values import missing, scalar, shortened
from newsstand.labels import FROM_DATA, LabelSet

# The label, the votes of which it is the majority if there are several, and the column and message
# of each flaw.
LabelReading = tuple[str | None, list[str] | None, Sequence[tuple[str, str]]]


# Whole numbers as spreadsheets and pandas may write them: 1.0.
_WHOLE = re.compile(r"([+-]?\d+)\.0*")
_CODE = re.compile(r"-?\d+|true|false")
_SHOWN = 10  # labels of the data, in messages
_REMEMBERED = 100_000  # most distinct texts in memory: a column of texts has one a row

# Never part of a label: signs of a misplaced quotation mark or line end.
_CONTROL = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


class LabelReader:
    """Reads the labels of records.

    Args:
        columns: The column of the label, or several columns, one for each annotator.
        scheme: A label scheme's name, `from-data`, or a list of labels.
        names: Maps labels in the files to labels of the scheme.
        separator: Separator of the labels of several annotators in one text.
        fold_case: Whether labels that differ only in case and spacing are merged, in lower case.

    >>> reader = LabelReader("label", scheme=["left", "right"], names={"0": "left"})
    >>> reader.read({"label": 0}), reader.read({"label": ["right", "left", "right"]})
    (('left', None, ()), ('right', ['right', 'left', 'right'], ()))
    """

    def __init__(
        self,
        columns: str | Sequence[str],
        *,
        scheme: str | Sequence[str],
        names: Mapping[str, str],
        separator: str | None = None,
        fold_case: bool = False,
    ) -> None:
        # The value of the last record whose only flaw is a label outside of the scheme.
        self.unknown: str | None = None
        self.columns = (columns,) if isinstance(columns, str) else tuple(columns)
        self.scheme = None if scheme == FROM_DATA else LabelSet.of(scheme)
        self.ties = 0
        self._several = not isinstance(columns, str)
        self._fold, self._separator = fold_case, separator
        self._names = {self._key(name): label for name, label in names.items()}
        self._written = {self._key(name): name for name in names}
        # With case folded, labels in `names` keep their case.
        self._spelling = {_folded(label): label for label in names.values()} if fold_case else {}
        self._known: dict[str, str] = {}
        self._seen: dict[str, None] = {}  # keys of the labels in the data, in order

    def read(self, values: Mapping[str, Any]) -> LabelReading:
        """Reads the label of a record; None if it is missing, invalid, or the votes are tied.

        A column that the record lacks is not a flaw here: it is reported for the whole file.
        """
        self.unknown = None
        column = self.columns[0]
        value = values.get(column)
        if self._several and any(name in values for name in self.columns):
            return self._majority([(name, values.get(name)) for name in self.columns])
        if isinstance(value, str) and self._separator:
            value = value.split(self._separator)
        if isinstance(value, list):
            return self._majority([(column, vote) for vote in value])
        if missing(value):
            return None, None, [(column, "missing")] if column in values else ()
        label, flaw = self._one(value)
        return label, None, [(column, flaw)] if flaw else ()

    def _majority(self, given: Iterable[tuple[str, Any]]) -> LabelReading:
        read = [(column, *self._one(vote)) for column, vote in given if not _blank(vote)]
        flaws = [(column, flaw) for column, _, flaw in read if flaw]
        votes = [label for _, label, _ in read if label is not None]
        if flaws:
            return None, None, flaws
        if not votes:
            return None, None, [(self.columns[0], "empty; expected a label")]
        first, *others = Counter(votes).most_common(2)
        if others and others[0][1] == first[1]:
            self.ties += 1
            return None, None, ()
        return first[0], votes, ()

    def _one(self, value: Any) -> tuple[str | None, str]:
        """Returns the label of a value, or None and its flaw."""
        if type(value) is str and value in self._known:
            return self._known[value], ""
        text = value if isinstance(value, str) else scalar(value)
        if text is None or not (isinstance(value, str) or _CODE.fullmatch(text)):
            return None, f"expected text, got {type(value).__name__} {shortened(value)}"
        text = _plain(text)
        key = self._key(text)
        if text and len(self._seen) < _REMEMBERED:
            self._seen.setdefault(key)
        named = self._names.get(key)
        text = text if named is None else named
        label = self._label(text)
        whole = text.lstrip("+-").isdigit()
        coded = named is None and ((whole and self.scheme is None) or not isinstance(value, str))
        if not label or coded or _CONTROL.search(label):
            return None, self._flaw(text, whole, value)
        if type(value) is str and len(self._known) < _REMEMBERED:
            self._known[value] = label
        return label, ""

    def _label(self, text: str) -> str | None:
        if self.scheme:
            return self.scheme.resolve(text)
        return self._spelling.get(_folded(text), _folded(text)) if self._fold else text

    def _key(self, text: str) -> str:
        """Returns the key by which labels of the data and names in `data.labels` are compared."""
        text = _plain(text)
        return _folded(text) if self._fold or text.lower() in ("true", "false") else text

    def _flaw(self, text: str, whole: bool, value: Any) -> str:
        if not text:
            return "empty; expected a label"
        if whole or not isinstance(value, str):
            self.unknown = text if self.scheme else None
            kind = "integer" if whole else "truth value"
            return f"{kind} {text:.40} without a name; give each a name in data.labels"
        if self.scheme is None:
            return f"expected text of one line, got {shortened(text)}"
        self.unknown = text
        near = self.scheme.nearest(text[:100])
        shown = ", ".join(self.scheme.labels[:8]) + (", …" if len(self.scheme) > 8 else "")
        hint = f"; did you mean '{near}'?" if near else f" (labels: {shown})"
        return f"unknown label {shortened(text)}{hint}"

    def unmatched(self) -> list[str]:
        """Reports names in `data.labels` that match no label of the data: probably misspelt."""
        lost = [name for key, name in self._written.items() if key not in self._seen]
        if not lost or not self._seen or len(self._seen) >= _REMEMBERED:
            return []
        more = ", …" * (len(self._seen) > _SHOWN)
        here = ", ".join(map(shortened, list(self._seen)[:_SHOWN])) + more
        return [
            f"data.labels: {shortened(name)} matches no label of the data (its labels: {here})"
            for name in lost
        ]

    def spellings(self, used: Iterable[str]) -> list[str]:
        """Reports labels of the data that differ only in case or spacing."""
        alike: dict[str, list[str]] = {}
        for label in sorted(used) if self.scheme is None else ():
            alike.setdefault(_folded(label), []).append(label)
        return [
            f"labels {' and '.join(map(shortened, labels))} differ only in case or spacing; "
            "set data.fold_case=true, or give them one name in data.labels"
            for labels in alike.values()
            if len(labels) > 1
        ]


def _plain(text: str) -> str:
    text = text.strip()
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _blank(value: Any) -> bool:
    """Returns whether an annotator gave no label."""
    return missing(value) or (isinstance(value, str) and not value.strip())
