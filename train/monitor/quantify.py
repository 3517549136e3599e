"""Estimates the shares of labels from predictions, corrected by QuaPy for the classifier's errors.

Counting predictions is biased: where a label is rare, more articles are wrongly given it than
wrongly denied it. The corrections learn from held-out rows how the classifier errs on each label,
and assume that it errs in the same way on the articles to count (prior probability shift: the
shares of the labels differ, the articles of a label do not).

- `cc`: classify and count, no correction.
- `acc`: adjusted classify and count (Forman 2008): solves for the shares that, with the held-out
  rates of errors, give the counted shares.
- `pacc`: the same with probabilities in place of predictions (Bella et al. 2010).
- `emq`: expectation maximization (Saerens, Latinne and Decaestecker 2002): the shares that make
  the probabilities most likely. Where there are enough held-out rows of each label, the
  probabilities are calibrated again on these, with a bias for each label (bias-corrected
  temperature scaling, Alexandari, Kundaje and Shrikumar 2020).
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from matplotlib import rc_context
from sklearn.base import BaseEstimator

from newsstand.errors import NewsstandError
from newsstand.types import Floats, Ints

Method: TypeAlias = Literal["cc", "acc", "pacc", "emq"]
METHODS: tuple[Method, ...] = ("cc", "acc", "pacc", "emq")

LEAST_GROUPS = 30  # fewer are too few to resample: rows are resampled by themselves then
# With more labels, equations are solved by inversion and not by minimization: seconds, not hours.
_MOST_MINIMIZED = 20
# Held-out rows of each label, and number of labels, with which probabilities are calibrated again.
_LEAST_CALIBRATING = 10
_MOST_CALIBRATED = 20
_TAIL = 0.4  # of a tail of the bootstrap distribution, see `Quantifier`
_SPREAD = 2.0  # standard deviation of the logarithms of probabilities within a row
_TINY = 1e-12
_ROWS_RESAMPLED = 5_000  # of a larger cell, so many random rows give the interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Shares of labels, each of shape (labels,).

    Args:
        counted: The shares of the predicted labels.
        corrected: The estimate.
        low: Lower end of its interval.
        high: Upper end.
    """

    counted: Floats
    corrected: Floats
    low: Floats
    high: Floats


class Quantifier:
    """Estimates shares of labels, with intervals, by one method.

    The intervals are percentiles over bootstrap resamples of both the held-out rows, by group, and
    the rows to count. For a level of 95%, they are the 1st and 99th: shares cannot be below 0, and
    on validation rows of two data sets the 2.5th and 97.5th covered 91% and 94% of the true shares,
    these 94% and 97% (Efron and Tibshirani 1993, chapter 18: calibrating the bootstrap).

    Args:
        method: See the module.
        probabilities: Of the held-out rows, shape (rows, labels).
        truth: Their true labels, shape (rows,).
        groups: The group of each, shape (rows,).
        resamples: Number of resamples.
        seed: Of the resamples.
        confidence: Of the intervals.

    Raises:
        NewsstandError: QuaPy is not installed.
    """

    def __init__(
        self,
        method: Method,
        probabilities: Floats,
        truth: Ints,
        groups: Ints,
        *,
        resamples: int = 500,
        seed: int = 0,
        confidence: float = 0.95,
    ) -> None:
        self.groups = len(np.unique(groups))
        if self.groups < LEAST_GROUPS:
            groups, self.groups = np.arange(len(truth)), len(truth)
        rng = np.random.default_rng(seed)
        self._tail = _TAIL * (1 - confidence) / 2
        self._seed = int(rng.integers(2**31))
        self._counting = _fitted("cc", probabilities, truth)
        rows = np.bincount(truth, minlength=probabilities.shape[1])
        again = len(rows) <= _MOST_CALIBRATED and rows.min() >= _LEAST_CALIBRATING
        self.recalibrated = method == "emq" and bool(again)
        self._power = _power(probabilities) if self.recalibrated else 1.0
        probabilities = _raised(probabilities, self._power)
        self._whole = _fitted(method, probabilities, truth, recalibrate=self.recalibrated)
        self._resampled = [
            _fitted(method, probabilities[drawn], truth[drawn], recalibrate=self.recalibrated)
            for drawn in _resamples(groups, resamples, rng)
        ]

    def __call__(self, probabilities: Floats) -> Shares:
        """The shares of labels among rows.

        Args:
            probabilities: Calibrated, shape (rows, labels), at least one row.
        """
        rng = np.random.default_rng(self._seed)
        probabilities = _raised(probabilities, self._power)
        drawn = probabilities
        if len(drawn) > _ROWS_RESAMPLED:
            drawn = drawn[rng.permutation(len(drawn))[:_ROWS_RESAMPLED]]
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.filterwarnings("ignore", "the method has reached the maximum number of iter")
            found = [
                quantifier.predict(drawn[rng.integers(0, len(drawn), len(drawn))])
                for quantifier in self._resampled
            ]
            corrected = np.asarray(self._whole.predict(probabilities), dtype=np.float64)
        low, high = np.quantile(found, [self._tail, 1 - self._tail], axis=0)
        return Shares(
            counted=np.asarray(self._counting.predict(probabilities), dtype=np.float64),
            corrected=corrected,
            low=np.minimum(low, corrected),
            high=np.maximum(high, corrected),
        )


def _resamples(groups: Ints, count: int, rng: np.random.Generator) -> Iterator[Ints]:
    """Rows of each resample, in which whole groups are drawn with replacement."""
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=groups[order][:1] - 1))
    members: Sequence[Ints] = np.split(order, starts[1:])
    for _ in range(count):
        drawn = rng.integers(0, len(members), len(members))
        yield np.concatenate([members[group] for group in drawn.tolist()])


def _power(probabilities: Floats) -> float:
    """The power to which probabilities are raised before they are calibrated again.

    Calibration finds a temperature of its own, but only from a start near it: of a model that was
    calibrated to be unsure of everything, all probabilities are nearly the same.
    """
    logs = np.log(np.maximum(probabilities, _TINY))
    spread = float((logs - logs.mean(axis=1, keepdims=True)).std())
    return _SPREAD / spread if spread > 0 else 1.0


def _raised(probabilities: Floats, power: float) -> Floats:
    """Probabilities raised to a power, each row summing to 1."""
    if power == 1:
        return probabilities
    logs = power * np.log(np.maximum(probabilities, _TINY))
    raised = np.exp(logs - logs.max(axis=1, keepdims=True))
    shares: Floats = raised / raised.sum(axis=1, keepdims=True)
    return shares


def _fitted(
    method: Method, probabilities: Floats, truth: Ints, *, recalibrate: bool = False
) -> Any:
    """A quantifier of QuaPy, whose instances are the probabilities of rows."""
    given, aggregative = _quapy(probabilities.shape[1])
    fixed: dict[str, Any] = {"fit_classifier": False, "val_split": None}
    if method == "cc":
        made = aggregative.CC(given, fit_classifier=False)
    elif method == "emq":
        if recalibrate:
            fixed |= {"val_split": (probabilities, truth), "calib": "bcts"}
            fixed["on_calib_error"] = "backup"  # of a resample that lacks a label, say
        # The probabilities are calibrated for the shares that they add up to, which are not those
        # of the true labels where the classes were weighted in training.
        made = aggregative.EMQ(given, exact_train_prev=False, **fixed)
    else:
        few = probabilities.shape[1] <= _MOST_MINIMIZED
        fixed["solver"], fixed["norm"] = ("minimize", "clip") if few else ("exact-cc", "mapsimplex")
        made = {"acc": aggregative.ACC, "pacc": aggregative.PACC}[method](given, **fixed)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", DeprecationWarning)  # of modules that QuaPy imports here
        return made.fit(probabilities, truth)


def _quapy(labels: int) -> tuple[Any, Any]:
    """A classifier whose instances are its own probabilities, and QuaPy's methods."""
    try:
        with rc_context():  # QuaPy sets the size of the fonts of all later plots
            from quapy.method import aggregative
    except ModuleNotFoundError as error:
        missing = (error.name or "quapy").partition(".")[0]
        raise NewsstandError(
            f"this needs {missing}: pip install 'newsstand[prevalence]'"
        ) from error
    return _Given(labels), aggregative


class _Given(BaseEstimator):  # type: ignore[misc]  # untyped
    """What QuaPy asks of a fitted classifier; its instances are rows of probabilities."""

    def __init__(self, labels: int) -> None:
        self.classes_ = np.arange(labels)

    def fit(self, *_: Any) -> "_Given":
        """The classifier itself, as it is fitted."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict(self, instances: Floats) -> Ints:
        """The most probable labels."""
        return np.asarray(instances.argmax(axis=1), dtype=np.int64)

    def predict_proba(self, instances: Floats) -> Floats:
        """The instances."""
        return instances
