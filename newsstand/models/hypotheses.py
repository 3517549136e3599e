"""Hypotheses: labels as statements for a natural language inference (NLI) network."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

TARGET = "{target}"  # placeholder of the target in a template

ENTAILMENT, NEUTRAL, CONTRADICTION = "entailment", "neutral", "contradiction"
NOT_ENTAILMENT = "not_entailment"
# The classes of NLI networks, in any order.
CLASSES = ({ENTAILMENT, NEUTRAL, CONTRADICTION}, {ENTAILMENT, NOT_ENTAILMENT})


@dataclass(frozen=True, slots=True)
class Hypotheses:
    """The hypotheses that an NLI network classifies for a text, and the labels' scores from it.

    Args:
        wordings: The hypothesis of each label, in label order, with `{target}` in place of the
            target; None for at most one label, which is scored by no hypothesis being entailed.
        classes: The class of each output of the network: one of `CLASSES`, in its order.
    """

    wordings: tuple[str | None, ...]
    classes: tuple[str, ...]

    @property
    def asked(self) -> tuple[str, ...]:
        """The hypotheses of the labels that have one."""
        return tuple(wording for wording in self.wordings if wording is not None)

    def scores(self, logits: Any, of: Any = np) -> Any:
        """A score for each label, shape (texts, labels).

        The score of a label is the logit of entailment of its hypothesis minus that of
        contradiction (or `not_entailment`), the log-odds of the two, as in zero-shot classification
        (Yin et al. 2019). The score of a label without a hypothesis is the log-odds that the most
        likely hypothesis is not entailed.

        Args:
            logits: Outputs of the network, shape (texts, hypotheses, classes).
            of: The library of the arrays: NumPy or torch.

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
        of_labels = [none if x is None else held[..., next(numbers)] for x in self.wordings]
        return of.stack(of_labels, -1)


def nli_classes(names: Sequence[str]) -> tuple[str, ...] | None:
    """The labels of a classifier as NLI classes, in any case; None if they are other labels.

    >>> nli_classes(["CONTRADICTION", "Entailment", "neutral"])
    ('contradiction', 'entailment', 'neutral')
    >>> nli_classes(["LABEL_0", "LABEL_1"])
    """
    plain = (name.strip().lower().replace("-", "_").replace(" ", "_") for name in names)
    classes = tuple(NOT_ENTAILMENT if name == "non_entailment" else name for name in plain)
    return classes if set(classes) in CLASSES and len(set(classes)) == len(classes) else None


def without_a_hypothesis(labels: Sequence[str]) -> str:
    """The message about several labels without a hypothesis."""
    return f"missing for {', '.join(labels)}; only one label may have none"
