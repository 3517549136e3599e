"""Output of the commands: text without control characters, JSON, errors.

Texts of users and of the web may contain control characters: escape sequences that change the
title of a terminal's window or hide a line, controls that reverse the order of letters, line
breaks that fake a row. Code that prints such a text calls `visible`.
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

# Control characters of ASCII and Latin-1 (U+009B begins an escape sequence as ESC [ does), line
# separators, embeddings and overrides of direction, unpaired surrogates. Direction marks and
# joiners are kept: Arabic, Hebrew, Persian and emoji need them, and they affect their neighbours
# only.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_CONTROLS_BUT_LINES = re.compile(_CONTROLS.pattern.replace("\x00-\x1f", "\x00-\x09\x0b-\x1f"))


class ReaderGone(Exception):  # noqa: N818 - not an error
    """The process that reads standard output has ended, as `head` does after its lines."""


def visible(text: str, *, lines: bool = False) -> str:
    r"""Returns a text with its control characters escaped as in Python.

    Args:
        text: Any text.
        lines: Keep line breaks.

    >>> print(visible("Sold\x1b[2J out\n\u202e"))
    Sold\x1b[2J out\n\u202e
    """
    controls = _CONTROLS_BUT_LINES if lines else _CONTROLS
    return controls.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def to_json(value: Any, *, indent: int | None = None) -> str:
    """Returns a value as JSON without control characters, in the encoding of standard output.

    NaN and infinite numbers, which JSON does not have, become null.
    """
    ascii_only = codecs.lookup(sys.stdout.encoding or "ascii").name != "utf-8"
    try:
        text = json.dumps(value, ensure_ascii=ascii_only, allow_nan=False, indent=indent)
    except ValueError:
        text = json.dumps(_finite(value), ensure_ascii=ascii_only, allow_nan=False, indent=indent)
    # Outside of strings, JSON has no control characters but the line breaks of an indent.
    return _CONTROLS_BUT_LINES.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def put(text: str, stream: TextIO | None = None) -> None:
    """Writes a line to standard output and flushes it.

    Args:
        text: The line, without its end.
        stream: The stream to write to; None for the present standard output.

    Raises:
        ReaderGone: The reading process has ended.
    """
    stream = stream or sys.stdout
    try:
        stream.write(f"{text}\n")
        stream.flush()
    except BrokenPipeError:
        raise ReaderGone from None


def complain(*lines: str) -> None:
    """Writes errors and warnings to standard error, the first line after `newsstand: `."""
    text = "\n".join(map(visible, lines))
    if sys.stderr is not None:
        sys.stderr.write(f"newsstand: {text}\n")


def keep_stdout() -> None:
    """Reserves standard output for what Python writes to `sys.stdout`; only for programs.

    What native code writes to descriptor 1, as the tokenizers library does, goes to standard
    error from now on.
    """
    if sys.stderr is None:  # closed by the parent process
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    stream = sys.stdout
    if not isinstance(stream, TextIOWrapper):
        return
    # An unpaired surrogate in an article or a path is escaped as in JSON.
    stream.reconfigure(errors="backslashreplace")
    with suppress(OSError):  # a stream that is not a file, or no standard error
        if stream.fileno() == 1:
            stream.flush()
            own = os.dup(1)
            os.dup2(2, 1)
            sys.stdout = open(own, "w", encoding=stream.encoding, errors=stream.errors)  # noqa: SIM115


def drop_stdout() -> None:
    """Discards further output, of which Python would report an error at exit."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
