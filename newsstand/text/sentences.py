"""Divides a text into sentences."""

import re

from newsstand.text.article import Span

# Up to end marks followed by a blank, or to the end of the line. Each run of marks is matched once:
# the next character decides whether it ends the sentence.
_END = r"[.!?…]++['\"”’»)\]]*+"  # noqa: RUF001 - quotes
_SENTENCE = re.compile(rf"\S(?:[^\n.!?…]++|{_END}(?=\S))*+(?:{_END})?+")


def sentence_spans(body: str) -> list[Span]:
    """Returns the spans of the sentences of a body.

    >>> body = "Rye fell. 'Why?' he asked."
    >>> [body[start:end] for start, end in sentence_spans(body)]
    ['Rye fell.', "'Why?'", 'he asked.']
    """
    return [match.span() for match in _SENTENCE.finditer(body)]
