"""Divides an article into headline, lead, quoted speech and other text."""

import re
from dataclasses import dataclass
from typing import Literal

from newsstand.text.normalize import Prepared


@dataclass(frozen=True, slots=True)
class Segment:
    """A span of one kind in the prepared text of a part, `"title"` or `"body"`."""

    kind: Literal["headline", "lead", "quote", "body"]
    part: str
    start: int
    end: int


# A quote ends with its mark, or with its paragraph if the next one continues the quote.
_QUOTE = re.compile(
    r"“[^“”\n]*+(?:”|(?=\n+“))|„[^„“”\n]*+[“”]|«[^«»\n]*+(?:»|(?=\n+«))|»[^«»\n]*+«"
    r"|(?<!\w)\"(?=\S)[^\"\n]*+(?:\"|(?=\n+\"))"
)
_SPEECH = re.compile(r"[\s,.!?…。]")


def segments(prepared: Prepared) -> list[Segment]:
    """Divides title and body into segments, without gaps and overlaps.

    The title is the headline; the body's first paragraph is the lead; quoted speech is a quote
    wherever it is, marks included. A single quoted word without punctuation is emphasis or a name,
    not speech.

    >>> from newsstand.text.article import Article
    >>> from newsstand.text.normalize import TextSpec, normalise
    >>> prepared = normalise(Article(body="Rye fell. “We wait,” she said."), TextSpec())
    >>> [(s.kind, prepared.body.text[s.start : s.end]) for s in segments(prepared)]
    [('lead', 'Rye fell. '), ('quote', '“We wait,”'), ('lead', ' she said.')]
    """
    divided = (
        [Segment("headline", "title", 0, len(prepared.title.text))] if prepared.title.text else []
    )
    body = prepared.body.text
    lead = body.find("\n\n" if "\n\n" in body else "\n")
    lead = len(body) if lead < 0 else lead

    def plain(start: int, end: int) -> None:
        if start < min(lead, end):
            divided.append(Segment("lead", "body", start, min(lead, end)))
        if max(start, lead) < end:
            divided.append(Segment("body", "body", max(start, lead), end))

    at = 0
    for match in _QUOTE.finditer(body):
        if _SPEECH.search(match[0]):
            plain(at, match.start())
            divided.append(Segment("quote", "body", *match.span()))
            at = match.end()
    plain(at, len(body))
    return divided
