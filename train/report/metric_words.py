"""Names and meanings of metrics, for readers who train no models."""

from typing import NamedTuple


class MetricWords(NamedTuple):
    """A metric in words.

    Args:
        name: Its name.
        meaning: What it is.
        better: `higher` or `lower`; empty if neither is better.
        digits: Decimals that are shown.
    """

    name: str
    meaning: str
    better: str = "higher"
    digits: int = 3


METRICS = {
    "accuracy": MetricWords("Accuracy", "share of the rows whose predicted label is right"),
    "macro_f1": MetricWords("Macro-F1", "mean F1 of the labels, each counted equally"),
    "balanced_accuracy": MetricWords("Balanced accuracy", "mean recall of the labels"),
    "mcc": MetricWords(
        "MCC",
        "Matthews correlation coefficient: 0 if labels are drawn at random, 1 if all are right",
    ),
    "f_avg": MetricWords("F_avg", "mean F1 of the labels that the benchmark counts"),
    "fnc_score": MetricWords(
        "FNC score", "official score of the Fake News Challenge, 0 to 100", digits=1
    ),
    "mae": MetricWords("Mean absolute error", "in steps between ordered labels", "lower"),
    "log_loss": MetricWords(
        "Log-loss", "mean negative logarithm of the true label's probability", "lower"
    ),
    "brier": MetricWords(
        "Brier score", "mean squared error of the probabilities, summed over labels", "lower"
    ),
    "ece": MetricWords(
        "ECE",
        "expected calibration error: mean gap between probability and accuracy, in bins of equally "
        "many rows",
        "lower",
    ),
    "aurc": MetricWords(
        "AURC", "area under the risk-coverage curve: mean error rate over all coverages", "lower"
    ),
    **{
        f"accuracy_at_{share}": MetricWords(
            f"Accuracy at {share}% coverage",
            f"on the {share}% of the rows with the surest predictions",
        )
        for share in (80, 90, 95)
    },
}


def words_of(name: str) -> MetricWords:
    """The words of a metric; of an unknown one, its name with spaces."""
    return METRICS.get(name) or MetricWords(name.replace("_", " "), "", "")
