"""From an article to what a model sees: the one place for fitting and scoring alike."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from newsstand.errors import EmptyArticleError, InputError
from newsstand.text.article import Article
from newsstand.text.normalize import Part, Prepared, TextSpec, normalise


@dataclass(frozen=True, slots=True)
class Example:
    """One article as a model sees it, with its target for stance.

    Args:
        prepared: Its text.
        target: Toward what.
        mentions: Half-open places of the target in the prepared body, where they are known.
    """

    prepared: Prepared
    target: str | None = None
    mentions: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of_prepared(
        cls,
        title: str,
        body: str,
        target: str | None,
        mentions: Sequence[Sequence[int]] | None = None,
    ) -> Self:
        """An example of text that `encode` has prepared before, without its way back."""
        places = tuple((start, end) for start, end in mentions or ())
        return cls(Prepared(Part(title), Part(body), (), 0.0, None), target, places)

    @property
    def text(self) -> str:
        """Title and body, the title as the first paragraph."""
        title, body = self.prepared.title.text, self.prepared.body.text
        return f"{title}\n\n{body}" if title else body


# Characters of a target. What looks for it in a text may compare all of it at every place.
LONGEST_TARGET = 1_000


def encode(article: Article, target: str | None, spec: TextSpec) -> Example:
    """Prepares an article and its target, or None.

    Raises:
        InputError: The article holds no text, or it or its target is too long.
    """
    title, body = len(article.title), len(article.body)
    if title + body > spec.max_characters:
        raise InputError(
            f"title and body have {title:,} and {body:,} characters, expected at most "
            f"{spec.max_characters:,} together (text.max_characters); is a quotation mark or a "
            "line end missing?"
        )
    if target and (flaw := target_flaw(target)):
        raise InputError(f"target: {flaw}")
    prepared = normalise(article, spec)
    if not prepared.title.text and not prepared.body.text:
        raise EmptyArticleError("empty: title and body hold no text")
    return Example(prepared, target, mentioned(prepared, article.mentions) if target else ())


def target_flaw(target: str) -> str | None:
    """Why a target cannot be used, or None."""
    if len(target) <= LONGEST_TARGET:
        return None
    return f"{len(target):,} characters, expected at most {LONGEST_TARGET:,}"


def mentioned(prepared: Prepared, mentions: Iterable[Sequence[int]]) -> tuple[tuple[int, int], ...]:
    """Where places of the body as published are in the prepared one; without those stripped."""
    found = (prepared.body.place(start, end) for start, end in mentions)
    return tuple(place for place in found if place)
