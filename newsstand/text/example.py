"""Turns an article into the input of a model, for both fitting and scoring."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from newsstand.errors import EmptyArticleError, InputError
from newsstand.text.article import Article, Span
from newsstand.text.normalize import Part, Prepared, TextSpec, normalise


@dataclass(frozen=True, slots=True)
class Example:
    """The input of a model: a prepared article, with its target for stance.

    Args:
        prepared: The prepared article.
        target: The target of the stance, or None.
        mentions: Spans of the target in the prepared body, if known.
    """

    prepared: Prepared
    target: str | None = None
    mentions: tuple[Span, ...] = ()

    @classmethod
    def of_prepared(
        cls,
        title: str,
        body: str,
        target: str | None,
        mentions: Sequence[Sequence[int]] | None = None,
    ) -> Self:
        """Creates an example from prepared text, without offsets in the original text."""
        spans = tuple((start, end) for start, end in mentions or ())
        return cls(Prepared(Part(title), Part(body), (), 0.0, None), target, spans)

    @property
    def text(self) -> str:
        """Title and body, with the title as the first paragraph."""
        title, body = self.prepared.title.text, self.prepared.body.text
        return f"{title}\n\n{body}" if title else body


# Characters of a target; searching a text may compare all of them at every position.
LONGEST_TARGET = 1_000


def encode(article: Article, target: str | None, spec: TextSpec) -> Example:
    """Prepares an article and its target, if any.

    Raises:
        InputError: The article contains no text, or it or its target is too long.
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
    mentions = prepared_mentions(prepared, article.mentions) if target else ()
    return Example(prepared, target, mentions)


def target_flaw(target: str) -> str | None:
    """Returns why a target cannot be used, or None."""
    if len(target) <= LONGEST_TARGET:
        return None
    return f"{len(target):,} characters, expected at most {LONGEST_TARGET:,}"


def prepared_mentions(prepared: Prepared, mentions: Iterable[Sequence[int]]) -> tuple[Span, ...]:
    """Maps spans of the original body to the prepared body, without those stripped."""
    spans = (prepared.body.locate(start, end) for start, end in mentions)
    return tuple(span for span in spans if span)
