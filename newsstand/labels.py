"""Label sets: the labels of a model, their order and their readable names.

A label is a short, stable key. For IPTC Media Topics it is the 8-digit concept id, because names
change between releases of the vocabulary and ids do not; for stance it is the word itself.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

# Top level of the IPTC Media Topics NewsCodes, https://cv.iptc.org/newscodes/mediatopic/
IPTC_MEDIA_TOPICS: Mapping[str, str] = {
    "01000000": "arts, culture, entertainment and media",
    "02000000": "crime, law and justice",
    "03000000": "disaster, accident and emergency incident",
    "04000000": "economy, business and finance",
    "05000000": "education",
    "06000000": "environment",
    "07000000": "health",
    "08000000": "human interest",
    "09000000": "labour",
    "10000000": "lifestyle and leisure",
    "11000000": "politics",
    "12000000": "religion",
    "13000000": "science and technology",
    "14000000": "society",
    "15000000": "sport",
    "16000000": "conflict, war and peace",
    "17000000": "weather",
}

# Names of earlier releases and other spellings, which are common in archives.
_ALIASES: Mapping[str, str] = {
    "arts, culture and entertainment": "01000000",
    "disaster and accident": "03000000",
    "disaster, accident and emergency": "03000000",
    "environmental issue": "06000000",
    "labor": "09000000",
    "social issue": "14000000",
    "sports": "15000000",
    "unrest, conflicts and war": "16000000",
    "favour": "favor",
}

# Labels of the Fake News Challenge; all but the last are related.
FNC_LABELS = ("agree", "disagree", "discuss", "unrelated")

SCHEMES: Mapping[str, Mapping[str, str]] = {
    "iptc-media-topics": IPTC_MEDIA_TOPICS,
    "favor-against-neutral": {x: x for x in ("favor", "against", "neutral")},
    "agree-disagree-discuss-unrelated": {x: x for x in FNC_LABELS},
}

# Pairs of labels, in any scheme, for opposite sides.
_OPPOSITES = (("favor", "against"), ("agree", "disagree"))

# Schemes of label sets that are taken from the data, or listed in a config.
FROM_DATA = "from-data"
CUSTOM = "custom"

_IPTC_PREFIXES = (
    "medtop:",
    "http://cv.iptc.org/newscodes/mediatopic/",
    "https://cv.iptc.org/newscodes/mediatopic/",
)


def opposites(labels: Iterable[str]) -> tuple[int, int] | None:
    """The indices of the two labels for opposite sides, or None if there are none.

    >>> opposites(["AGAINST", "FAVOUR", "NONE"]), opposites(["sport", "weather"])
    ((1, 0), None)
    """
    folded = [_ALIASES.get(x.casefold(), x.casefold()) for x in labels]
    for one, other in _OPPOSITES:
        if one in folded and other in folded:
            return folded.index(one), folded.index(other)
    return None


@dataclass(frozen=True, slots=True)
class LabelSet:
    """An ordered set of labels with a readable name for each.

    Args:
        scheme: A key of `SCHEMES`, `custom` (listed in the config) or `from-data`.
        names: Label to readable name; the order is the order of a model's outputs.

    >>> topics = LabelSet.of("iptc-media-topics")
    >>> topics.resolve("medtop:15000000"), topics.names["15000000"]
    ('15000000', 'sport')
    """

    scheme: str
    names: Mapping[str, str]

    @classmethod
    def of(cls, labels: str | Iterable[str]) -> Self:
        """Creates a label set from the name of a scheme or from a list of labels."""
        if isinstance(labels, str):
            return cls(labels, dict(SCHEMES[labels]))
        return cls(CUSTOM, {label: label for label in labels})

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in the order of a model's outputs."""
        return tuple(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def resolve(self, value: str) -> str | None:
        """The label for a value in a data file, or None.

        Labels match exactly; readable names, older names and IPTC's qualified forms
        (`medtop:15000000`, its URL) match in any case.
        """
        if value in self.names:
            return value
        folded = value.strip().casefold()
        for prefix in _IPTC_PREFIXES:
            folded = folded.removeprefix(prefix)
        if folded in self.names:
            return folded
        for label, name in self.names.items():
            if folded in (label.casefold(), name.casefold()):
                return label
        alias = _ALIASES.get(folded)
        return alias if alias in self.names else None

    def nearest(self, value: str) -> str | None:
        """The label or name most similar to an unknown value, for error messages."""
        known = {
            **{k.casefold(): k for k in self.names},
            **{v.casefold(): v for v in self.names.values()},
        }
        close = difflib.get_close_matches(value.strip().casefold(), known, n=1)
        return known[close[0]] if close else None

    def only(self, used: Iterable[str]) -> Self:
        """The label set without labels that are not in `used`."""
        kept = set(used)
        return type(self)(self.scheme, {k: v for k, v in self.names.items() if k in kept})


def score_columns(labels: Iterable[str]) -> list[str]:
    """The columns of a table of scores; the last are the probabilities, `p_<label>`."""
    return [
        "label",
        "label_name",
        "probability",
        "warning",
        "error",
        *(f"p_{label}" for label in labels),
    ]
