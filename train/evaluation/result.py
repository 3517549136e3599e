"""What an evaluation finds, as the report, the model card and MLflow show it.

A run saves it as `evaluation.json`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from pydantic import TypeAdapter, ValidationError

from newsstand.errors import NewsstandError

FILE = "evaluation.json"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric with its confidence interval.

    Args:
        value: The metric on all rows.
        low: Lower end of the interval; None if none was computed.
        high: Upper end.
    """

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelMetrics:
    """Metrics of one label, 0 to 1, and the number of its true rows (support)."""

    label: str
    name: str
    precision: Estimate
    recall: Estimate
    f1: Estimate
    support: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceMetrics:
    """The accuracy of a model on some of the rows.

    Args:
        by: What the rows share: `outlet`, `outlet seen`, `target`, `target seen`, `genre`, `month`,
            `length`, `language`, `quote share` or `source`.
        value: The rows' value: an outlet's name, `seen`, `unseen`, `2024-05`, `under 100 words`.
        rows: The number of rows.
        groups: The number of independent groups among them.
        accuracy: On these rows.
        macro_f1: Over the labels that occur in these rows.
        others: Accuracy on all other rows.
        p: p-value of the difference from the other rows, corrected for the number of slices.
        below: Whether the accuracy is significantly below that of the other rows.
    """

    by: str
    value: str
    rows: int
    groups: int
    accuracy: Estimate
    macro_f1: Estimate
    others: float
    p: float
    below: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How well annotators agree with the label, beside the model; from their votes.

    Args:
        rows: Number of rows with several votes.
        annotators: Mean accuracy of one annotator against the majority of the others.
        model: Accuracy of the model on the same rows, against the same majorities.
        alpha: Krippendorff's alpha of the votes (nominal).
    """

    rows: int
    annotators: Estimate
    model: Estimate
    alpha: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """Bins of the reliability diagram, each with about the same number of rows.

    Args:
        confidence: Mean probability of the predicted label.
        accuracy: Share of correct predictions.
        low: Lower end of the accuracy's interval.
        high: Upper end.
        rows: Number of rows.
    """

    confidence: Sequence[float]
    accuracy: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    rows: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskCoverage:
    """Accuracy on the most confident rows.

    Args:
        coverage: Shares of the rows, ascending, at most 200 points.
        accuracy: On that share, the rows with the highest probability of the predicted label.
        threshold: The least probability of the predicted label among them.
    """

    coverage: Sequence[float]
    accuracy: Sequence[float]
    threshold: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The evaluation of a model on labelled rows.

    Args:
        task: `topic` or `stance`.
        rows: Number of rows.
        groups: Number of independent groups that are resampled, and `grouped_by` their column.
        grouped_by: `group`, `target`, `outlet`, or None if each row is resampled by itself.
        resamples: Number of bootstrap resamples.
        confidence: Of the intervals, .95.
        metrics: By name, best known first: `accuracy`, `macro_f1`, `balanced_accuracy`, `mcc`, the
            official metrics that the config requests, `log_loss`, `brier`, `ece`, `aurc`,
            `accuracy_at_80`, `accuracy_at_90`, `accuracy_at_95`.
        uncalibrated: `log_loss`, `brier` and `ece` before calibration; empty if unknown.
        labels: Metrics of each label, in the model's order.
        slices: Accuracy on parts of the rows.
        confusion: Rows by true label (outer) and predicted label (inner).
        reliability: Bins of the reliability diagram.
        risk_coverage: The risk-coverage curve.
        agreement: Of annotators, or None without votes.
        controls: Metrics of the controls, by name.
    """

    task: str
    rows: int
    groups: int
    grouped_by: str | None
    resamples: int
    confidence: float
    metrics: Mapping[str, Estimate]
    uncalibrated: Mapping[str, Estimate]
    labels: Sequence[LabelMetrics]
    slices: Sequence[SliceMetrics]
    confusion: Sequence[Sequence[int]]
    reliability: Reliability
    risk_coverage: RiskCoverage
    agreement: Agreement | None = None
    controls: Mapping[str, float] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Writes `evaluation.json` into a folder."""
        text = json.dumps(asdict(self), indent=1, ensure_ascii=False, allow_nan=False)
        (folder / FILE).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads a file that `save` has written.

        Raises:
            NewsstandError: It is missing, damaged, or of another version of newsstand.
        """
        try:
            text = path.read_bytes()
        except FileNotFoundError:
            raise NewsstandError(f"{path}: no such file") from None
        except OSError as error:
            raise NewsstandError(f"{path}: {error.strerror}") from None
        try:
            return TypeAdapter(cls).validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise NewsstandError(
                f"{path}: expected an evaluation of this version of newsstand; "
                f"{place + ': ' if place else ''}{first['msg'].lower()}; train or evaluate the "
                "model again"
            ) from None
