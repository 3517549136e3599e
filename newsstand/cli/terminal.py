"""What a command writes: texts that cannot steer a terminal, JSON, errors, and nothing else.

Texts of users and of the web may hold characters that a terminal obeys: escape sequences that
retitle its window or hide a line, controls that turn the order of letters round, line breaks that
forge a row. Whatever shows such a text calls `visible`.
"""

import codecs
import json
import math
import os
import re
import sys
from contextlib import suppress
from io import TextIOWrapper
from typing import Any, TextIO

# Controls of ASCII and of Latin-1 (U+009B begins an escape sequence as ESC [ does), separators of
# lines, embeddings and overrides of direction, halves of surrogate pairs. Marks of direction and
# joiners stay: Arabic, Hebrew, Persian and emoji need them, and they change nothing but their
# neighbours.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_CONTROLS_BUT_LINES = re.compile(_CONTROLS.pattern.replace("\x00-\x1f", "\x00-\x09\x0b-\x1f"))


class ReaderGone(Exception):  # noqa: N818 - no fault of anybody
    """Whoever read standard output has ended, as `head` does after its lines."""


def visible(text: str, *, lines: bool = False) -> str:
    r"""The same text, its control characters written out as Python would.

    Args:
        text: Any text.
        lines: Keep line breaks.

    >>> print(visible("Sold\x1b[2J out\n\u202e"))
    Sold\x1b[2J out\n\u202e
    """
    controls = _CONTROLS_BUT_LINES if lines else _CONTROLS
    return controls.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def to_json(value: Any, *, indent: int | None = None) -> str:
    """A value as JSON that is safe to show and valid in the encoding of standard output.

    A number that is not finite, for which JSON has no word, becomes null.
    """
    ascii_only = codecs.lookup(sys.stdout.encoding or "ascii").name != "utf-8"
    try:
        text = json.dumps(value, ensure_ascii=ascii_only, allow_nan=False, indent=indent)
    except ValueError:
        text = json.dumps(_finite(value), ensure_ascii=ascii_only, allow_nan=False, indent=indent)
    # Outside of its texts, JSON has no control characters but the line breaks of an indent.
    return _CONTROLS_BUT_LINES.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def put(text: str, stream: TextIO | None = None) -> None:
    """Writes a line to standard output at once.

    Args:
        text: The line, without its end.
        stream: Where to, if standard output is another by now.

    Raises:
        ReaderGone: Nobody reads it.
    """
    stream = stream or sys.stdout
    try:
        stream.write(f"{text}\n")
        stream.flush()
    except BrokenPipeError:
        raise ReaderGone from None


def complain(*lines: str) -> None:
    """Says on standard error what is wrong, or what to know of a score."""
    text = "\n".join(map(visible, lines))
    if sys.stderr is not None:
        sys.stderr.write(f"newsstand: {text}\n")


def keep_stdout() -> None:
    """Keeps standard output for what Python writes to `sys.stdout`; only a program may do so.

    Native code that writes to descriptor 1 by itself, as the tokenizers library does, reaches
    standard error from here on.
    """
    if sys.stderr is None:  # closed by whoever has started this program
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    stream = sys.stdout
    if not isinstance(stream, TextIOWrapper):
        return
    # Half a character in an article or a path is printed as JSON would escape it.
    stream.reconfigure(errors="backslashreplace")
    with suppress(OSError):  # a stream that is no file, or no standard error
        if stream.fileno() == 1:
            stream.flush()
            own = os.dup(1)
            os.dup2(2, 1)
            sys.stdout = open(own, "w", encoding=stream.encoding, errors=stream.errors)  # noqa: SIM115


def drop_stdout() -> None:
    """Nothing more is written: Python would complain at its end of what nobody has read."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
