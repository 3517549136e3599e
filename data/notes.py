"""Notes on rows and values that were left out, counted by kind, with the place of the first."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Note:
    """One kind of omission.

    Args:
        what: Number and kind, such as `3 rows undated`.
        why: The first case, and the setting that applies.
    """

    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.what}: {self.why}"


@dataclass(slots=True)
class _Kind:
    what: str
    advice: str
    first: str
    count: int = 0


class Notes:
    """Counts omissions by kind.

    >>> notes = Notes()
    >>> notes.add("rows undated", "w.csv: row 7, line 8: 'soon'", "data.dates_strict refuses them")
    >>> [str(note) for note in notes.all()]
    ["1 row undated: first w.csv: row 7, line 8: 'soon' (data.dates_strict refuses them)"]
    """

    def __init__(self) -> None:
        self._kinds: dict[str, _Kind] = {}

    def add(self, what: str, first: str, advice: str = "") -> None:
        """Counts a case of a kind; `first` is kept from the first case only."""
        kind = self._kinds.get(what)
        if kind is None:
            kind = self._kinds[what] = _Kind(what, advice, first)
        kind.count += 1

    def all(self) -> Iterator[Note]:
        """Yields a note for each kind, in order of first occurrence."""
        for kind in self._kinds.values():
            noun, _, rest = kind.what.partition(" ")
            noun = noun.removesuffix("s") if kind.count == 1 else noun
            advice = f" ({kind.advice})" if kind.advice else ""
            yield Note(f"{kind.count:,} {noun} {rest}", f"first {kind.first}{advice}")
