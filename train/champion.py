"""Which version of a registered model has the alias: a better one, measured on the same rows."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

_PREFIX = "newsstand."


@dataclass(frozen=True, slots=True)
class Standing:
    """What a model is compared by; kept as tags of its run and of its registered version.

    Args:
        labels: How many labels it knows.
        labels_digest: Of their names, in whatever order.
        test_rows: How many rows it was measured on.
        test_digest: Of these rows.
        test_macro_f1: Its macro-F1 on them.
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
        """The standing of a model with these labels."""
        names = sorted(labels)
        digest = hashlib.sha256(json.dumps(names).encode()).hexdigest()[:32]
        return cls(len(names), digest, test_rows, test_digest, macro_f1)

    def tags(self) -> dict[str, str]:
        """The tags that keep it."""
        return {f"{_PREFIX}{name}": str(getattr(self, name)) for name in self.__slots__}

    @classmethod
    def of_tags(cls, tags: Mapping[str, str]) -> Self | None:
        """What `tags` kept; None where one is missing or is no number."""
        found = {name: tags.get(f"{_PREFIX}{name}", "") for name in cls.__slots__}
        try:
            return cls(
                int(found["labels"]),
                found["labels_digest"],
                int(found["test_rows"]),
                found["test_digest"],
                float(found["test_macro_f1"]),
            )
        except ValueError:
            return None

    def not_better(self, champion: Self | None) -> str | None:
        """Why this model does not replace the champion; None where it does.

        Args:
            champion: The champion's standing; None where it is not known.
        """
        if champion is None:
            return "it has no note of its labels and test rows, so the two cannot be compared"
        if self.labels_digest != champion.labels_digest:
            return f"other labels ({self.labels}, and {champion.labels} there)"
        if self.test_digest != champion.test_digest:
            return f"other test rows ({self.test_rows:,}, and {champion.test_rows:,} there)"
        if not self.test_macro_f1 >= champion.test_macro_f1:
            return f"test macro-F1 {self.test_macro_f1:.6f}, and {champion.test_macro_f1:.6f} there"
        return None
