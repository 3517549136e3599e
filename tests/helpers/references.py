"""Reference data made by hand, and bundles that hold it."""

import numpy as np

from newsstand.io.reference import NOT_GIVEN, OTHER, Reference, hashed_words


def small_reference(labels: int, rows: int = 6) -> Reference:
    """Rows whose predictions are right but for the last."""
    truth = np.arange(rows) % labels
    predicted = truth.copy()
    predicted[-1] = 0
    probabilities = np.full((rows, labels), 0.2 / (labels - 1))
    probabilities[np.arange(rows), predicted] = 0.8
    outlet = np.zeros(rows, dtype=np.int64)
    outlet[:2] = NOT_GIVEN, OTHER
    return Reference(
        probabilities=probabilities,
        truth=truth,
        groups=np.arange(rows),
        words=np.arange(rows) + 10,
        outlet=outlet,
        target=np.full(rows, NOT_GIVEN),
        outlets=("The Post",),
        targets=(),
        presence=hashed_words(["rain and snow", "", "the coach praised the team"]),
    )
