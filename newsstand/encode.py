"""From an article to what a model sees: the one place for fitting and scoring alike."""

from dataclasses import dataclass
from typing import Self

from newsstand.article import Article
from newsstand.errors import InputError
from newsstand.text import Part, Prepared, TextSpec, normalise


@dataclass(frozen=True, slots=True)
class Example:
    """One article as a model sees it, with its target for stance."""

    prepared: Prepared
    target: str | None = None

    @classmethod
    def of_prepared(cls, title: str, body: str, target: str | None) -> Self:
        """An example of text that `encode` has prepared before, without its way back."""
        return cls(Prepared(Part(title), Part(body), (), 0.0, None), target)

    @property
    def text(self) -> str:
        """Title and body, the title as the first paragraph."""
        title, body = self.prepared.title.text, self.prepared.body.text
        return f"{title}\n\n{body}" if title else body


def encode(article: Article, target: str | None, spec: TextSpec) -> Example:
    """Prepares an article and its target, or None.

    Raises:
        InputError: The article holds no text.
    """
    prepared = normalise(article, spec)
    if not prepared.title.text and not prepared.body.text:
        raise InputError("empty: title and body hold no text")
    return Example(prepared, target)
