"""Reads JSON as rows: a list, one object, an object around a list, or one object per line.

The content decides which: JSON Lines are also saved as `.json`, and lists as `.jsonl`. Exports of
labelling tools are flattened to plain columns.
"""

import json
from collections import Counter
from collections.abc import Iterator
from typing import IO, Any, AnyStr, BinaryIO

from newsstand.io.values import MOST_COLUMNS, Problem, Record

# Maximum number of characters of a line or cell: far more than any article, and little compared
# with memory. (The default limit of the csv module, 128 KiB, is less than a long article.)
LONGEST = 1 << 25

# Names of the list of rows in an object.
_AROUND = (
    *("data", "articles", "rows", "items", "records", "results", "documents", "docs"),
    *("entries", "examples", "news", "stories"),
)


class LineTooLong(Exception):  # noqa: N818 - a problem of a file, turned into a `Problem`
    """A line that is too long for a record; in a damaged file, it can have gigabytes."""

    def __init__(self) -> None:
        super().__init__(f"a line of more than {LONGEST:,} characters; is a line end missing?")


def bounded_lines(stream: IO[AnyStr]) -> Iterator[AnyStr]:
    """The lines of a stream with their ends.

    Raises:
        LineTooLong: A line exceeds `LONGEST`; it is not read into memory.
    """
    while line := stream.readline(LONGEST):
        if len(line) == LONGEST:
            raise LineTooLong
        yield line


def read_json(
    stream: BinaryIO,
    name: str,
    *,
    lines: bool,
    most: int = MOST_COLUMNS,
    flatten: bool = True,
) -> Iterator[Record | Problem]:
    """Yields the rows of a JSON file.

    Args:
        stream: The file in UTF-8, at its beginning.
        name: Name of the file in places.
        lines: Whether the suffix is that of JSON Lines.
        most: Maximum number of columns of a row.
        flatten: Whether tasks of labelling tools become plain columns.
    """
    if _has_lines(stream, lines):
        blank = True
        for item in read_jsonl(stream, name, most, flatten=flatten):
            blank = False
            yield item
        if blank:
            yield Problem(f"{name}: nothing but blank lines")
        return
    try:
        value = parse_json(stream.read().decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        if lines:  # the first line, a list, is damaged
            stream.seek(0)
            yield from read_jsonl(stream, name, most, flatten=flatten)
            return
        place, reason = _json_flaw(error)
        line = f":{error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        yield Problem(f"{name}{line}{place}: expected a JSON object or a list of them ({reason})")
        return
    value = _inside(value)
    if isinstance(value, list):
        for number, item in enumerate(value, start=1):
            yield _row(item, name, f"{name}, item {number}", most, flatten)
    else:
        yield _row(value, name, name, most, flatten)


def begins_json(stream: BinaryIO) -> bool:
    """Whether the first line is a JSON object or list; resets the stream to its beginning."""
    first = stream.readline(LONGEST).removeprefix(b"\xef\xbb\xbf").strip()
    stream.seek(0)
    if first[:1] not in (b"{", b"["):
        return False
    try:
        return isinstance(parse_json(first.decode()), dict | list)
    except (ValueError, RecursionError):
        return False


def _has_lines(stream: BinaryIO, named: bool) -> bool:
    """Whether each line is a JSON value; resets the stream to its beginning."""
    texts = (line for line in iter(lambda: stream.readline(LONGEST), b"") if line.strip())
    first, second = next(texts, b""), next(texts, b"")
    stream.seek(0)
    start = first.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if named and (start != b"[" or not first):
        return True
    if not second:
        return named and start != b"["
    try:
        parse_json(first.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return False
    return True


def _inside(value: Any) -> Any:
    """The list of rows in an object, or the value itself."""
    if not isinstance(value, dict) or "body" in value or _is_task(value):
        return value
    lists = [value[x] for x in _AROUND if isinstance(value.get(x), list) and value[x]]
    return lists[0] if len(lists) == 1 and all(isinstance(x, dict) for x in lists[0]) else value


def read_jsonl(
    lines: BinaryIO, name: str, most: int = MOST_COLUMNS, *, flatten: bool = True
) -> Iterator[Record | Problem]:
    """Yields the objects of a JSON Lines stream; blank lines are skipped."""
    number = 0
    try:
        for number, raw in enumerate(bounded_lines(lines), start=1):
            if raw.strip():
                yield _json_line(raw, number, name, most, flatten)
    except LineTooLong as error:
        yield Problem(f"{name}:{number + 1}: {error}")


def _json_line(raw: bytes, number: int, name: str, most: int, flatten: bool) -> Record | Problem:
    where = f"{name}:{number}"
    try:
        line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        return Problem(f"{where}: byte {error.start} of the line: expected UTF-8 ({error.reason})")
    try:
        value = parse_json(line)
    except (ValueError, RecursionError) as error:
        place, reason = _json_flaw(error)
        return Problem(f"{where}{place}: expected a JSON object per line ({reason})")
    return _row(value, name, where, most, flatten)


def _row(value: Any, file: str, where: str, most: int, flatten: bool) -> Record | Problem:
    if not isinstance(value, dict):
        return Problem(f"{where}: expected a JSON object, got {type(value).__name__}")
    values = _flattened(value) if flatten else value
    if len(values) > most:
        return Problem(f"{where}: {too_many_columns(len(values), most)}")
    return Record(values, file, where)


def too_many_columns(count: int, most: int) -> str:
    """The message about a row or table with too many columns."""
    return f"{count:,} columns, expected at most {most:,} (data.max_columns)"


def parse_json(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: The text is not JSON, or an object has a key twice.
        RecursionError: Nested too deeply.
    """
    return _DECODER.decode(text)


def _object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError(f"key twice: {duplicates(name for name, _ in pairs)}")
    return values


_DECODER = json.JSONDecoder(object_pairs_hook=_object_of)


def duplicates(names: Iterator[str]) -> str:
    """The names that occur more than once, as messages list them."""
    repeated = sorted(name for name, times in Counter(names).items() if times > 1)
    return ", ".join(f"{name[:60]!r}" for name in repeated[:10]) + ", …" * (len(repeated) > 10)


def _json_flaw(error: Exception) -> tuple[str, str]:
    """The place of a JSON error in a text (`, column 9`), if known, and the reason."""
    if isinstance(error, json.JSONDecodeError):
        return f", column {error.colno}", error.msg
    if isinstance(error, RecursionError):
        return "", "nested too deeply"
    return "", str(error).partition(";")[0]  # an integer with more digits than Python allows


# Exports of labelling tools.


def _flattened(value: dict[str, Any]) -> dict[str, Any]:
    """The columns of a task of Label Studio or Prodigy; other objects as they are."""
    if _is_task(value):
        return _task(value)
    if isinstance(value.get("accept"), list) and isinstance(value.get("options"), list):
        # Choices of Prodigy; if none is accepted, there is no answer.
        return {"label": value["accept"], **value, **({} if value["accept"] else _SKIPPED)}
    return value


_SKIPPED = {"answer": "ignore"}


def _is_task(value: dict[str, Any]) -> bool:
    return isinstance(value.get("data"), dict) and isinstance(value.get("annotations"), list)


def _task(task: dict[str, Any]) -> dict[str, Any]:
    """The columns of a Label Studio task: its data, and the annotators' choices by control name.

    If there is only one control, its choices are also the column `label`.
    """
    choices: dict[str, list[str]] = {}
    for annotation in task["annotations"]:
        if isinstance(annotation, dict) and not annotation.get("was_cancelled"):
            for name, chosen in _choices(annotation.get("result")):
                choices.setdefault(name, []).append(chosen)
    values = {"id": task.get("id"), **task["data"], **choices}
    if len(choices) == 1:
        values["label"] = next(iter(choices.values()))
    return values if choices else values | _SKIPPED


def _choices(result: Any) -> Iterator[tuple[str, str]]:
    for item in result if isinstance(result, list) else ():
        value = item.get("value") if isinstance(item, dict) else None
        chosen = value.get("choices") if isinstance(value, dict) else None
        for choice in chosen if isinstance(chosen, list) else ():
            yield str(item.get("from_name", "label")), choice
