"""What a model was tested on, as tags of its run and of its registered version."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

_PREFIX = "newsstand."


@dataclass(frozen=True, slots=True)
class Standing:
    """What models are compared by; saved as tags of a run and of its registered version.

    Args:
        labels: Number of the model's labels.
        labels_digest: Of their names; independent of their order.
        test_rows: Number of test rows.
        test_digest: Of the test rows.
        test_macro_f1: Macro-F1 on the test rows.
    """

    labels: int
    labels_digest: str
    test_rows: int
    test_digest: str
    test_macro_f1: float

    @classmethod
    def of(
        cls, labels: Iterable[str], *, test_rows: int, test_digest: str, macro_f1: float
    ) -> Self:
        """The standing of a model with the given labels."""
        names = sorted(labels)
        digest = hashlib.sha256(json.dumps(names).encode()).hexdigest()[:32]
        return cls(len(names), digest, test_rows, test_digest, macro_f1)

    def tags(self) -> dict[str, str]:
        """The standing as tags."""
        return {f"{_PREFIX}{name}": str(getattr(self, name)) for name in self.__slots__}

    @classmethod
    def of_tags(cls, tags: Mapping[str, str]) -> Self | None:
        """The inverse of `tags`; None if a tag is missing or is not a number."""
        values = {name: tags.get(f"{_PREFIX}{name}", "") for name in cls.__slots__}
        if not (values["labels_digest"] and values["test_digest"]):
            return None
        try:
            return cls(
                int(values["labels"]),
                values["labels_digest"],
                int(values["test_rows"]),
                values["test_digest"],
                float(values["test_macro_f1"]),
            )
        except ValueError:
            return None
