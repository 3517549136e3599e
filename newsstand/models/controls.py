"""What the controls of a stance run said of its model: kept in the bundle, told with each score."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

# What a model has failed, the worst first, and what its scores then say.
FAILURES: Mapping[str, str] = {
    "target_changes_answer": "this model's answers don't depend on the target",
    "text_only_macro_f1": (
        "this model gains nothing from the target: on its test rows, one that reads the text alone "
        "was as good"
    ),
    "side_change": "this model puts a target and its opposite on the same side",
    "target_only_macro_f1": (
        "this model gains nothing from the text: on its test rows, one that reads the target alone "
        "was as good"
    ),
}
UNFOUND = "the target isn't found in the text: none of its words is there"
UNLIKE = f"{UNFOUND}, nor anything like them"

LEAST_CHANGED = 0.05  # share of test rows whose answer another target changes
LEAST_AHEAD = 0.02  # macro-F1 over a model of the text or of the target alone
LEAST_SIDES = 0.05  # share of flip pairs put on different sides
LEAST_PAIRS = 20  # flip pairs that can tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """The controls of a stance run.

    Args:
        figures: By name, of the test rows.
        failed: Keys of `FAILURES`, the worst first.
        least_likeness: How like the target a text is, at least, that speaks of it in other words;
            None where the model's family has no way to tell.
    """

    figures: Mapping[str, float] = field(default_factory=dict)
    failed: Sequence[str] = ()
    least_likeness: float | None = None

    @property
    def passed(self) -> bool:
        """Whether the model failed none."""
        return not self.failed

    @property
    def warning(self) -> str | None:
        """What each score says, or None."""
        return FAILURES[self.failed[0]] if self.failed else None

    @classmethod
    def judged(cls, figures: Mapping[str, float], macro_f1: float) -> Self:
        """The controls with what a model has failed.

        A model fails `target_changes_answer` below 5 %; `text_only_macro_f1` and
        `target_only_macro_f1` where its own macro-F1 is not 2 points above; and `side_change` below
        5 %, of 20 flip pairs or more. A figure that is not there is not failed.

        Args:
            figures: By name.
            macro_f1: The model's, on the same test rows.

        >>> Controls.judged({"target_changes_answer": 0.0}, 0.6).failed
        ('target_changes_answer',)
        """
        sides = figures.get("side_change", 1.0)
        enough = figures.get("flip_pairs", 0.0) >= LEAST_PAIRS
        fails = {
            "target_changes_answer": figures.get("target_changes_answer", 1.0) < LEAST_CHANGED,
            "side_change": enough and sides < LEAST_SIDES,
        }
        for name in ("text_only_macro_f1", "target_only_macro_f1"):
            fails[name] = macro_f1 < figures.get(name, -1.0) + LEAST_AHEAD
        return cls(figures=figures, failed=tuple(name for name in FAILURES if fails[name]))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        values = {"passed": self.passed, "failed": list(self.failed), "figures": dict(self.figures)}
        like = {} if self.least_likeness is None else {"least_likeness": self.least_likeness}
        return values | like

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        return cls(
            figures=values["figures"],
            failed=tuple(values["failed"]),
            least_likeness=values.get("least_likeness"),
        )
