"""Where the sentences of a text begin and end."""

import re

# Up to marks of its end with a blank behind them, or to the end of the line. Each run of marks is
# looked at once: what follows decides whether it ends the sentence or stands inside.
_END = r"[.!?…]++['\"”’»)\]]*+"  # noqa: RUF001 - quotes
_SENTENCE = re.compile(rf"\S(?:[^\n.!?…]++|{_END}(?=\S))*+(?:{_END})?+")


def sentence_spans(body: str) -> list[tuple[int, int]]:
    """Where the sentences of a body stand, half-open.

    >>> body = "Rye fell. 'Why?' he asked."
    >>> [body[start:end] for start, end in sentence_spans(body)]
    ['Rye fell.', "'Why?'", 'he asked.']
    """
    return [match.span() for match in _SENTENCE.finditer(body)]
