"""What a network for NLI is fine-tuned by: all hypotheses of a text in one batch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from newsstand.encoders.libraries import libraries
from newsstand.encoders.network_files import class_names
from newsstand.errors import DataError, NewsstandError, did_you_mean
from newsstand.models.hypotheses import Hypotheses, nli_classes, without_a_hypothesis


def own_classes(folder: Path) -> tuple[str, ...]:
    """NLI's classes in the order of an encoder's outputs.

    Args:
        folder: As `find_encoder` gives it.

    Raises:
        NewsstandError: It is no classifier for NLI.
    """
    names = class_names(folder)
    found = nli_classes(names)
    if found is None:
        told = f"has labels {', '.join(names[:6])}" if names else "names no labels"
        raise NewsstandError(
            f"model.hypotheses: {folder / 'config.json'} {told}, expected entailment, neutral and "
            "contradiction, or entailment and not_entailment; set model.encoder to a classifier "
            "for natural language inference"
        )
    return found


def hypotheses_of(
    wordings: Mapping[str, str], labels: Sequence[str], classes: Sequence[str]
) -> Hypotheses:
    """What a network is asked, in the order of the data's labels.

    Args:
        wordings: By label.
        labels: All labels.
        classes: As `own_classes` gives them.

    Raises:
        DataError: A label that the data lacks, or several labels without a hypothesis.
    """
    problems = [
        f"model.hypotheses.{label}: no row has this label{did_you_mean(label, labels, 'labels')}"
        for label in wordings
        if label not in labels
    ]
    without = [label for label in labels if label not in wordings]
    if len(without) > 1:
        problems.append(f"model.hypotheses: {without_a_hypothesis(without)}")
    if problems:
        raise DataError(problems)
    return Hypotheses(tuple(wordings.get(label) for label in labels), tuple(classes))


class Groups:
    """Rows by groups of so many: a text beside each of its hypotheses.

    Args:
        rows: The rows of all groups, one group after another. The one after the last only fills up
            a batch.
        size: Rows of a group.
    """

    def __init__(self, rows: Any, size: int) -> None:
        self._rows, self._size = rows, size

    def __len__(self) -> int:
        return len(self._rows) // self._size

    def __getitem__(self, number: int) -> list[dict[str, Any]]:
        first = min(number * self._size, len(self._rows))
        step = 1 if first < len(self._rows) else 0
        return [self._rows[first + step * place] for place in range(self._size)]


@dataclass(frozen=True, slots=True)
class GroupCollator:
    """Pads the rows of some groups to the longest of all.

    Args:
        collate: Pads rows.
        size: Rows of a group.
    """

    collate: Callable[[Sequence[dict[str, Any]]], dict[str, Any]]
    size: int

    def __call__(self, groups: Sequence[Sequence[dict[str, Any]]]) -> dict[str, Any]:
        """Tensors of shape (groups x rows, longest row), and one label, or row of them, a group."""
        batch = self.collate([row for group in groups for row in group])
        return {**batch, "labels": batch["labels"][:: self.size]}


@dataclass(frozen=True, slots=True)
class GroupLoss:
    """A loss of the labels' scores that follow from the logits of a text's hypotheses.

    Args:
        loss: Takes labels' scores as logits.
        hypotheses: How logits become scores.
    """

    loss: Callable[..., Any]
    hypotheses: Hypotheses

    def __call__(self, outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
        """The loss of a batch.

        Args:
            outputs: With `logits`, shape (groups x rows, classes).
            labels: As the loss takes them, one for each group.
            num_items_in_batch: As the loss takes it.
        """
        logits = outputs["logits"].float()
        shape = -1, len(self.hypotheses.asked), logits.shape[1]
        torch, _ = libraries()
        scores = self.hypotheses.scores(logits.reshape(shape), of=torch)
        return self.loss({"logits": scores}, labels, num_items_in_batch)
