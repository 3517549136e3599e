"""The controls of a stance model: stored in its bundle, shown as warnings with each score."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

# Controls that a model can fail, the most serious first, and the warning with its scores.
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
NOT_FOUND = "the target isn't found in the text: none of its words occurs there"
NOT_SIMILAR = f"{NOT_FOUND}, and nothing similar does"

LEAST_CHANGED = 0.05  # share of test rows whose answer changes with the target
LEAST_AHEAD = 0.02  # macro-F1 above that of a model of the text or the target alone
LEAST_SIDES = 0.05  # share of flip pairs put on different sides
LEAST_PAIRS = 20  # flip pairs needed to evaluate `side_change`


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """The controls of a stance run.

    Args:
        metrics: Metrics of the test rows by name.
        failed: Keys of `FAILURES`, the most serious first.
        least_similarity: A text without the target's words counts as being about the target from
            this similarity (`Model.similarity`) on; None if the model has no similarity.
    """

    metrics: Mapping[str, float] = field(default_factory=dict)
    failed: Sequence[str] = ()
    least_similarity: float | None = None

    @property
    def passed(self) -> bool:
        """Whether no control failed."""
        return not self.failed

    @property
    def warning(self) -> str | None:
        """The warning that goes with each score, or None."""
        return FAILURES[self.failed[0]] if self.failed else None

    @classmethod
    def evaluate(cls, metrics: Mapping[str, float], macro_f1: float) -> Self:
        """Determines which controls a model fails.

        It fails `target_changes_answer` below 5%; `text_only_macro_f1` and `target_only_macro_f1`
        if its own macro-F1 is less than 0.02 higher; `side_change` below 5% of at least 20 flip
        pairs. A control without a metric is passed.

        Args:
            metrics: Metrics of the test rows by name.
            macro_f1: The model's macro-F1 on the same rows.

        >>> Controls.evaluate({"target_changes_answer": 0.0}, 0.6).failed
        ('target_changes_answer',)
        """
        sides = metrics.get("side_change", 1.0)
        enough = metrics.get("flip_pairs", 0.0) >= LEAST_PAIRS
        fails = {
            "target_changes_answer": metrics.get("target_changes_answer", 1.0) < LEAST_CHANGED,
            "side_change": enough and sides < LEAST_SIDES,
        }
        for name in ("text_only_macro_f1", "target_only_macro_f1"):
            fails[name] = macro_f1 < metrics.get(name, -1.0) + LEAST_AHEAD
        return cls(metrics=metrics, failed=tuple(name for name in FAILURES if fails[name]))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        values = {"passed": self.passed, "failed": list(self.failed), "metrics": dict(self.metrics)}
        if self.least_similarity is not None:
            values["least_similarity"] = self.least_similarity
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        return cls(
            metrics=values["metrics"],
            failed=tuple(values["failed"]),
            least_similarity=values.get("least_similarity"),
        )
