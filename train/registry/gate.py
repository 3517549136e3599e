"""What a version must fulfil to get an alias: each check is a function in `CHECKS`."""

import json
from collections.abc import Callable
from functools import cached_property

from newsstand.errors import NewsstandError
from newsstand.io import bundle
from newsstand.models.controls import FAILURES, LEAST_AHEAD, Controls
from newsstand.train.evaluation.significance import Difference, paired_test
from newsstand.train.registry.pairing import one_line, paired
from newsstand.train.registry.version import RegisteredVersion

# Test rows that an alias needs, at least, and for each label on average. Without an error on 30
# rows, the 95% interval of the accuracy still begins at .90 (Hanley and Lippman-Hand 1983).
LEAST_ROWS = 30
LEAST_PER_LABEL = 2
# A model is significantly worse if its macro-F1 is lower and the p-value below this.
LEVEL = 0.05

# Controls that are macro-F1 scores of a model that reads less.
_READS_LESS = {
    "text_only_macro_f1": "reads the text alone",
    "target_only_macro_f1": "reads the target alone",
}


class Candidate:
    """A new version, beside the one that has the alias.

    Args:
        new: The new version.
        champion: The version that has the alias; None if no version has it.
    """

    def __init__(self, new: RegisteredVersion, champion: RegisteredVersion | None) -> None:
        self.new = new
        self.champion = champion

    @cached_property
    def difference(self) -> Difference | None:
        """The difference of both models on the champion's test rows; None without champion.

        Raises:
            NewsstandError: They cannot be compared, with the reason.
        """
        if self.champion is None:
            return None
        rows = paired(self.new, self.champion)
        return paired_test(rows.champion, rows.new)


def why_not(candidate: Candidate) -> str | None:
    """The reason why a version does not get the alias; None if it does.

    Args:
        candidate: The version, and the one that has the alias.
    """
    for check in CHECKS:
        try:
            reason = check(candidate)
        except (NewsstandError, OSError) as error:  # files are missing or damaged
            reason = one_line(error)
        if reason:
            return reason
    return None


def enough_test_rows(candidate: Candidate) -> str | None:
    """A model of few test rows can score 1.000 by chance."""
    standing = candidate.new.standing
    if standing is None:
        return "its labels and test rows are not recorded, as it is of an earlier newsstand"
    least = max(LEAST_ROWS, LEAST_PER_LABEL * standing.labels)
    if standing.test_rows < least:
        return f"tested on {standing.test_rows:,} rows, expected at least {least:,}"
    return None


def bundle_reproduces(candidate: Candidate) -> str | None:
    """The bundle is complete and unchanged, and its golden rows score as when it was saved."""
    return None if bundle.verify(candidate.new.bundle) else "its bundle has no golden rows"


def beats_controls(candidate: Candidate) -> str | None:
    """A stance model passes its controls: it is better than models of text or target alone."""
    folder = candidate.new.bundle
    manifest = json.loads((folder / bundle.MANIFEST).read_text(encoding="utf-8"))
    if manifest["task"] != "stance":
        return None
    controls = Controls.from_dict(manifest.get("controls", {"metrics": {}, "failed": []}))
    missing = [name for name in _READS_LESS if name not in controls.metrics]
    if missing:
        return f"its bundle has no control {missing[0]}"
    if controls.passed:
        return None
    failed = controls.failed[0]
    if failed not in _READS_LESS:
        return FAILURES[failed]
    standing = candidate.new.standing
    own = "unknown" if standing is None else f"{standing.test_macro_f1:.3f}"
    return (
        f"macro-F1 {own}, expected {LEAST_AHEAD} more than the {controls.metrics[failed]:.3f} of a "
        f"model that {_READS_LESS[failed]}"
    )


def same_labels(candidate: Candidate) -> str | None:
    """The labels are those of the champion."""
    new, champion = candidate.new, candidate.champion
    if champion is None:
        return None
    own, theirs = new.standing, champion.standing
    if own is None or theirs is None:
        return (
            f"the labels and test rows of version {champion.number} are not recorded, so the two "
            "cannot be compared"
        )
    if own.labels_digest != theirs.labels_digest:
        return f"different labels ({own.labels} instead of {theirs.labels})"
    return None


def not_worse(candidate: Candidate) -> str | None:
    """The macro-F1 on the champion's test rows is not significantly below that of the champion."""
    found = candidate.difference
    if found is None or found.second >= found.first or found.p_bootstrap >= LEVEL:
        return None
    return (
        f"significantly worse on {found.rows:,} test rows: macro-F1 {found.second:.3f} instead of "
        f"{found.first:.3f} (p = {found.p_bootstrap:.2g})"
    )


# In the order in which they are run: the first reason is reported.
CHECKS: tuple[Callable[[Candidate], str | None], ...] = (
    enough_test_rows,
    bundle_reproduces,
    beats_controls,
    same_labels,
    not_worse,
)
