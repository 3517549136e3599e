"""Fine-tuning of an NLI network: batches that hold all hypotheses of each text."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from newsstand.encoders.libraries import libraries
from newsstand.encoders.network_files import class_names
from newsstand.errors import DataError, NewsstandError, did_you_mean
from newsstand.models.hypotheses import Hypotheses, nli_classes, without_a_hypothesis


def encoder_classes(folder: Path) -> tuple[str, ...]:
    """The NLI classes in the order of an encoder's outputs.

    Args:
        folder: The encoder's folder.

    Raises:
        NewsstandError: The encoder is not a classifier for NLI.
    """
    names = class_names(folder)
    classes = nli_classes(names)
    if classes is None:
        labels = f"has labels {', '.join(names[:6])}" if names else "has no labels"
        raise NewsstandError(
            f"model.hypotheses: {folder / 'config.json'} {labels}, expected entailment, neutral "
            "and contradiction, or entailment and not_entailment; set model.encoder to a "
            "classifier for natural language inference"
        )
    return classes


def hypotheses_of(
    wordings: Mapping[str, str], labels: Sequence[str], classes: Sequence[str]
) -> Hypotheses:
    """The hypotheses of a network, in the order of the data's labels.

    Args:
        wordings: Hypotheses by label.
        labels: All labels of the data.
        classes: From `encoder_classes`.

    Raises:
        DataError: A hypothesis has a label that is not in the data, or several labels have none.
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
    """Groups of rows: a text with each of its hypotheses.

    Args:
        rows: The rows of all groups in order. The row after the last one pads batches.
        size: Number of rows of a group.
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
    """Pads the rows of a batch of groups to the longest one.

    Args:
        collate: Pads rows.
        size: Number of rows of a group.
    """

    collate: Callable[[Sequence[dict[str, Any]]], dict[str, Any]]
    size: int

    def __call__(self, groups: Sequence[Sequence[dict[str, Any]]]) -> dict[str, Any]:
        """Tensors of shape (groups x rows, longest row), and the labels of each group."""
        batch = self.collate([row for group in groups for row in group])
        return {**batch, "labels": batch["labels"][:: self.size]}


@dataclass(frozen=True, slots=True)
class GroupLoss:
    """A loss on the label scores that are computed from the logits of a text's hypotheses.

    Args:
        loss: Takes label scores as logits.
        hypotheses: Computes scores from logits.
    """

    loss: Callable[..., Any]
    hypotheses: Hypotheses

    def __call__(self, outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
        """The loss of a batch.

        Args:
            outputs: With `logits`, shape (groups x rows, classes).
            labels: Of each group, as in `loss`.
            num_items_in_batch: As in `loss`.
        """
        logits = outputs["logits"].float()
        shape = -1, len(self.hypotheses.asked), logits.shape[1]
        torch, _ = libraries()
        scores = self.hypotheses.scores(logits.reshape(shape), of=torch)
        return self.loss({"logits": scores}, labels, num_items_in_batch)
