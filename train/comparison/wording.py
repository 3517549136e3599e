"""How figures of a comparison are written, on the terminal, the page and in MLflow."""

from newsstand.train.comparison.comparison import Comparison, Pair
from newsstand.train.evaluation.significance import LEVEL

_NAMES = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "balanced_accuracy": "balanced accuracy",
    "mcc": "MCC",
    "log_loss": "log-loss",
    "brier": "Brier score",
    "ece": "ECE",
    "f_avg": "F_avg",
    "fnc_score": "FNC score",
    "mae": "MAE",
    "aurc": "AURC",
}
_OF_100 = frozenset({"fnc_score"})
_LEAST_P = 0.001
_MINUS = "\N{MINUS SIGN}"


def metric_name(metric: str) -> str:
    """The name of a metric in texts."""
    return _NAMES.get(metric, metric.replace("_", " "))


def figure(value: float, metric: str) -> str:
    """A value of a metric."""
    return f"{value:.1f}" if metric in _OF_100 else f"{value:.3f}"


def signed(value: float, metric: str) -> str:
    """A difference, with its sign; none if it is rounded to zero."""
    return with_sign(figure(abs(value), metric), value)


def with_sign(text: str, value: float) -> str:
    """A number's absolute value as text, with its sign; without one if the text is zero."""
    if not float(text):
        return text
    return f"+{text}" if value > 0 else f"{_MINUS}{text}"


def subtraction(pair: Pair) -> str:
    """What a difference is: second minus first."""
    return f"{pair.second} {_MINUS} {pair.first}"


def p_value(p: float) -> str:
    """A p-value.

    >>> p_value(0.0004), p_value(0.043), p_value(0.52), p_value(1.0)
    ('< .001', '.043', '.52', '1')
    """
    if p < _LEAST_P:
        return "< .001"
    if p < LEVEL <= round(p, 3):  # rounded, it would not look significant
        return "< .050"
    text = f"{p:.3f}" if p < 0.1 else f"{p:.2f}"
    return "1" if float(text) >= 1 else text.removeprefix("0")


def sentence(comparison: Comparison, pair: Pair) -> str:
    """The result of a pair, in a sentence without its end."""
    metric, test = comparison.metric, pair.test
    low, high = (signed(value, metric) for value in (test.low, test.high))
    figures = (
        f"{metric_name(metric)} {subtraction(pair)} = {signed(test.difference, metric)} "
        f"(95% interval {low} to {high}), p {p_value(pair.p)}"
    )
    return f"{pair.verdict}: {figures}"


def drawn(comparison: Comparison) -> str:
    """What is resampled, in words."""
    if comparison.grouped_by is None:
        return "each resampled by itself"
    return f"resampled by {comparison.grouped_by} ({comparison.groups:,} {comparison.grouped_by}s)"


def limits(comparison: Comparison) -> list[str]:
    """What a reader must know of the comparison, one sentence each."""
    found = []
    if comparison.few_groups:
        name, count = comparison.few_groups
        many = f"only {count} {name}s" if count > 1 else f"only one {name}"
        found.append(
            f"Test rows are of {many}, too few to resample: each row is resampled by itself, and "
            f"the result is about these {name}s, not about new ones."
        )
    if comparison.common:
        left = ", ".join(f"{run.left_out:,} of {run.letter}" for run in comparison.runs)
        found.append(
            f"Only the {comparison.rows:,} test rows that all runs share are compared; left out: "
            f"{left}."
        )
    return [*found, *(f"{note[:1].upper()}{note[1:]}." for note in comparison.notes)]
