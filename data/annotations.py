"""Labels as data files have them: one a row or several annotators', names or coded, to labels."""

import re
import reprlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from newsstand.labels import FROM_DATA, LabelSet

# The label, the votes it is the majority of if there are several, and column and message of
# each flaw.
Reading = tuple[str | None, list[str] | None, Sequence[tuple[str, str]]]


# No part of a label: a sign of a quotation mark or a line end gone astray.
_CONTROL = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


class LabelReader:
    """Reads the label of one record after another.

    Args:
        columns: The column of the label, or several, one an annotator.
        scheme: As `labels:` in a config: a scheme's name, `from-data`, or a list.
        names: Label in the files to label of the scheme.
        separator: What stands between the labels of several annotators in one text.

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
    ) -> None:
        self.columns = (columns,) if isinstance(columns, str) else tuple(columns)
        self.scheme = None if scheme == FROM_DATA else LabelSet.of(scheme)
        self.ties = 0
        self._several = not isinstance(columns, str)
        self._names, self._separator = dict(names), separator
        self._known: dict[str, str] = {}

    def read(self, values: Mapping[str, Any]) -> Reading:
        """The label of a record; None if it has none, if it is wrong, or if votes are tied.

        A column that the record lacks altogether is no flaw: that is told of the whole file.
        """
        column = self.columns[0]
        value = values.get(column)
        if self._several and any(name in values for name in self.columns):
            return self._majority([(name, values.get(name)) for name in self.columns])
        if isinstance(value, str) and self._separator:
            value = value.split(self._separator)
        if isinstance(value, list):
            return self._majority([(column, vote) for vote in value])
        if value is None:
            return None, None, [(column, "missing")] if column in values else ()
        label, flaw = self._one(value)
        return label, None, [(column, flaw)] if flaw else ()

    def _majority(self, given: Iterable[tuple[str, Any]]) -> Reading:
        found = [(column, *self._one(vote)) for column, vote in given if not _blank(vote)]
        flaws = [(column, flaw) for column, _, flaw in found if flaw]
        votes = [label for _, label, _ in found if label is not None]
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
        """The label that a value stands for, or what is wrong with the value."""
        if type(value) is str and value in self._known:
            return self._known[value], ""
        if not isinstance(value, (str, int)) or isinstance(value, bool):
            return None, f"expected text, got {type(value).__name__} {shortened(value)}"
        text = str(value).strip()
        named = self._names.get(text)
        text = text if named is None else named
        label = self.scheme.resolve(text) if self.scheme else text
        whole = text.lstrip("-").isdigit()
        coded = named is None and whole and (isinstance(value, int) or self.scheme is None)
        if not label or coded or _CONTROL.search(label):
            return None, self._flaw(text, whole)
        if isinstance(value, str):
            self._known[value] = label
        return label, ""

    def _flaw(self, text: str, whole: bool) -> str:
        if not text:
            return "empty; expected a label"
        if whole:
            return f"integer {text:.40} without a name; give each a name in data.labels"
        if self.scheme is None:
            return f"expected text of one line, got {shortened(text)}"
        near = self.scheme.nearest(text[:100])
        shown = ", ".join(self.scheme.labels[:8]) + (", …" if len(self.scheme) > 8 else "")
        hint = f"; did you mean '{near}'?" if near else f" (labels: {shown})"
        return f"unknown label {shortened(text)}{hint}"

    def spellings(self, used: Iterable[str]) -> list[str]:
        """Labels found in the data that only case or spacing tells apart."""
        alike: dict[str, list[str]] = {}
        for label in sorted(used) if self.scheme is None else ():
            alike.setdefault(" ".join(label.casefold().split()), []).append(label)
        return [
            f"labels {' and '.join(map(shortened, labels))} differ only in case or spacing; "
            "give them one name in data.labels"
            for labels in alike.values()
            if len(labels) > 1
        ]


def _blank(value: Any) -> bool:
    """Whether an annotator gave no label."""
    return value is None or (isinstance(value, str) and not value.strip())


def shortened(value: Any) -> str:
    """A value as messages show it, in 60 characters at most."""
    text = repr(value[:60]) if isinstance(value, str) else reprlib.repr(value)
    return f"{text[:57]}…" if len(text) > 60 else text


def listing(names: Iterable[str]) -> str:
    """Names of columns on one line, cut short when they are no names."""
    text = " ".join(", ".join(names).split())
    return f"{text[:300]}…" if len(text) > 300 else text
