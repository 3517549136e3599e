"""What a scorer answers for one article."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from newsstand.serve.explain import Evidence
from newsstand.text.normalize import Removed


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a model says of one article.

    Args:
        label: The most probable label.
        label_name: Its readable name.
        probability: Its calibrated probability, 0 to 1.
        probabilities: Every label's, summing to 1, in the model's order.
        target: The target the stance is toward; None for topics.
        evidence: The passages that spoke most for the label; empty unless asked for.
        removed: Boilerplate that was taken out before scoring, with places and rules.
        warning: Something to know before trusting the score, or None.
        id: The article's id.
    """

    label: str
    label_name: str
    probability: float
    probabilities: Mapping[str, float]
    target: str | None = None
    evidence: tuple[Evidence, ...] = ()
    removed: tuple[Removed, ...] = ()
    warning: str | None = None
    id: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, id first."""
        values = asdict(self)
        return {"id": values.pop("id"), **values}
