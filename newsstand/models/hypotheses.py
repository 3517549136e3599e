"""Hypotheses: labels as claims that a network for natural language inference (NLI) weighs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

TARGET = "{target}"  # in a wording, where the target goes

ENTAILMENT, NEUTRAL, CONTRADICTION = "entailment", "neutral", "contradiction"
NOT_ENTAILMENT = "not_entailment"
# What networks for NLI are trained to tell apart, in any order.
CLASSES = ({ENTAILMENT, NEUTRAL, CONTRADICTION}, {ENTAILMENT, NOT_ENTAILMENT})


@dataclass(frozen=True, slots=True)
class Hypotheses:
    """What an NLI network is asked about a text, and the labels' scores that follow.

    Args:
        wordings: The hypothesis of each label, in their order, with `{target}` where the target
            goes; None for the one label that holds where no hypothesis does.
        classes: What each output of the network stands for: one of `CLASSES`, in its order.
    """

    wordings: tuple[str | None, ...]
    classes: tuple[str, ...]

    @property
    def asked(self) -> tuple[str, ...]:
        """The hypotheses, without the label that has none."""
        return tuple(wording for wording in self.wordings if wording is not None)

    def scores(self, logits: Any, of: Any = np) -> Any:
        """A score for each label, shape (texts, labels).

        A label's score is the logit of its hypothesis' entailment less that of its contradiction
        (or of `not_entailment`): the log-odds of the two, as Yin et al. (2019) classify without
        examples. The score of a label without a hypothesis is the log-odds that the likeliest of
        all hypotheses is not entailed.

        Args:
            logits: The network's, shape (texts, hypotheses, classes).
            of: The library that they are of: NumPy, or torch.

        >>> classes = ("not_entailment", "entailment")
        >>> stance = Hypotheses(("It is for it.", "It is against it.", None), classes)
        >>> stance.scores(np.array([[[0.0, 3.0], [2.0, 0.0]]])).tolist()
        [[3.0, -2.0, -3.0]]
        """
        entailed = logits[..., self.classes.index(ENTAILMENT)]
        if NEUTRAL in self.classes:
            refuted = logits[..., self.classes.index(CONTRADICTION)]
            open_ = logits[..., self.classes.index(NEUTRAL)]
            odds = entailed - of.logaddexp(refuted, open_)
        else:
            refuted = logits[..., self.classes.index(NOT_ENTAILMENT)]
            odds = entailed - refuted
        held = entailed - refuted
        none, numbers = -of.amax(odds, -1), iter(range(held.shape[-1]))
        found = [none if x is None else held[..., next(numbers)] for x in self.wordings]
        return of.stack(found, -1)


def nli_classes(names: Sequence[str]) -> tuple[str, ...] | None:
    """A classifier's labels as NLI's classes, whatever their case; None where they are others.

    >>> nli_classes(["CONTRADICTION", "Entailment", "neutral"])
    ('contradiction', 'entailment', 'neutral')
    >>> nli_classes(["LABEL_0", "LABEL_1"])
    """
    plain = (name.strip().lower().replace("-", "_").replace(" ", "_") for name in names)
    found = tuple(NOT_ENTAILMENT if name == "non_entailment" else name for name in plain)
    return found if set(found) in CLASSES and len(set(found)) == len(found) else None


def without_a_hypothesis(labels: Sequence[str]) -> str:
    """What is said of several labels that have none."""
    return f"missing for {', '.join(labels)}; only one label may have none"
