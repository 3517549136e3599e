"""Readers of the exports of labelling tools: Label Studio, doccano and Prodigy.

An export has answers; an article with the answers of several annotators is one row with as many
votes, of which the last of each annotator counts. Answers that are rejected, skipped, cancelled or
empty are yielded with `answer: ignore`, which `validate` counts and leaves out.

Label Studio replaces a task's own `id` in some exports, and doccano in some; so `article_id`, which
`newsstand suggest` writes, is read before `id`.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from newsstand.config.formats import EXPORTS
from newsstand.data.readers.sources import Source, SplitRecord, split_files
from newsstand.io.records import Problem, Record, read_records
from newsstand.io.values import listing, shortened

ID = "article_id"

# What Label Studio's JSON-MIN adds to the data of a task.
_OF_ANNOTATION = ("annotation_id", "annotator", "lead_time", "created_at", "updated_at")
_ANSWERS = ("accept", "reject", "ignore")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """One annotator's answer about one article.

    Args:
        key: Identifies the article, with its target.
        values: The columns of the article.
        labels: Label by control; empty if the answer is rejected, cancelled or empty.
        who: The annotator, whose last answer counts; None if unknown, and all count.
        record: Where it was read.
        unnamed: Whether it may have a label under another key.
    """

    key: Hashable
    values: dict[str, Any]
    labels: Mapping[str, str]
    who: Hashable
    record: Record
    unnamed: bool = False


class _Flaw(Exception):  # noqa: N818 - turned into a `Problem`
    """What is wrong with a task: a key and its value, and what was expected."""

    def __init__(self, key: str, value: Any, expected: str) -> None:
        got = "missing" if value is None else shortened(value)
        super().__init__(f"key '{key}': {got}; expected {expected}")


# Yields the answers in a record; the second argument is the column of the label.
_Read = Callable[[Record, str], Iterator[_Answer]]


def joined_text(title: str, body: str, target: str | None) -> str:
    r"""The text of an article for tools that show one text only, with its target in a first line.

    >>> joined_text("Rates rise", "The bank ...", "the bank")
    'Target: the bank\n\nRates rise\n\nThe bank ...'
    """
    first = f"Target: {target}\n\n" if target else ""
    return f"{first}{title}\n\n{body}" if title else f"{first}{body}"


def read_label_studio(source: Source) -> Iterator[SplitRecord]:
    """Reads Label Studio's exports JSON and JSON-MIN.

    The label is the choice of the control that `data.columns` names for it, by default `label`; in
    JSON, a control of another name if it is the only one.
    """
    yield from _rows(source, _label_studio)


def read_doccano(source: Source) -> Iterator[SplitRecord]:
    """Reads doccano's exports of text classification: JSONL or JSON, a file for each annotator."""
    yield from _rows(source, _doccano)


def read_prodigy(source: Source) -> Iterator[SplitRecord]:
    """Reads what Prodigy's `db-out` writes: choices, or one label to accept or reject."""
    yield from _rows(source, _prodigy)


def _rows(source: Source, read: _Read) -> Iterator[SplitRecord]:
    """Yields a record for each article with answers, then each answer that is left out."""
    known: dict[tuple[str | None, Hashable], list[_Answer]] = {}
    for split, path in split_files(source, EXPORTS):
        for item in read_records(path, most=source.max_columns, flatten=False):
            if isinstance(item, Problem):
                yield split, item
                continue
            task = Record(item.values, item.file, item.where.replace(", item ", ", task "))
            try:
                for answer in read(task, source.label):
                    known.setdefault((split, answer.key), []).append(answer)
            except _Flaw as error:
                yield split, Problem(f"{task.place}: {error}")
    controls = sorted({name for answers in known.values() for x in answers for name in x.labels})
    control = controls[0] if len(controls) == 1 else source.label
    unknown = _no_control(known.values(), controls, control)
    if unknown:
        yield None, Problem(unknown)
        return
    for (split, _), answers in known.items():
        yield from ((split, record) for record in _row(answers, control, source.label))


def _no_control(
    articles: Iterable[Sequence[_Answer]], controls: Sequence[str], control: str
) -> str:
    """Why the label is not among the choices; empty if it is, or if there are no choices."""
    answers = [answer for of_article in articles for answer in of_article]
    unnamed = next((answer for answer in answers if answer.unnamed), None)
    if control in controls or not (controls or unnamed):
        return ""
    advice = "name that of the label in data.columns: {label: …}"
    if unnamed and not controls:
        here = listing(map(str, unnamed.values))
        return (
            f"{unnamed.record.file}: no task has the key '{control}' (keys here: {here}); {advice}"
        )
    here = listing(controls)
    return f"{answers[0].record.file}: no control '{control}' (controls here: {here}); {advice}"


def _row(answers: Sequence[_Answer], control: str, column: str) -> Iterator[Record]:
    """The record of an article with its votes; then each answer that is left out."""
    last: dict[Hashable, str] = {}
    for number, answer in enumerate(answers):
        if control in answer.labels:
            who = ("unknown", number) if answer.who is None else answer.who
            last[who] = answer.labels[control]
    votes = list(last.values())
    if votes:
        yield _record(answers[0], {column: votes if len(votes) > 1 else votes[0]})
    for answer in answers:
        if control not in answer.labels:
            yield _record(answer, {"answer": "ignore"})


def _record(answer: _Answer, more: Mapping[str, Any]) -> Record:
    values = {name: value for name, value in answer.values.items() if name != "answer"}
    return Record({**values, **more}, answer.record.file, answer.record.where)


def article_columns(values: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of an article in an export.

    `article_id` is its id. A `text` is its body, if it has no other, without the title and the
    target that `joined_text` has put before it.
    """
    own = dict(values)
    if own.get(ID) is not None:
        own["id"] = own[ID]
    if "body" not in own and "text" in own:
        own["body"] = _without_heading(own["text"], own.get("title"), own.get("target"))
    return own


def _without_heading(text: Any, title: Any, target: Any) -> Any:
    if not isinstance(text, str):
        return text
    known = [x if isinstance(x, str) else "" for x in (title, target)]
    return text.removeprefix(joined_text(known[0], "", known[1] or None))


def _one(choices: Any, key: str) -> str | None:
    """The only label of a list; None if there is none.

    Raises:
        _Flaw: It is not a list of at most one text.
    """
    if not isinstance(choices, list) or not all(isinstance(x, (str, int)) for x in choices):
        raise _Flaw(key, choices, "a list of labels")
    if len(choices) > 1:
        raise _Flaw(key, choices, "one label")
    return str(choices[0]) if choices else None


# Label Studio.


def _label_studio(record: Record, column: str) -> Iterator[_Answer]:
    task = record.values
    annotations = task.get("annotations", task.get("completions"))
    if annotations is None and any(name in task for name in _OF_ANNOTATION):
        yield _minimal(record, column)
        return
    data = task.get("data")
    if annotations is None:
        what = "; is this a file to import, not an export?" if isinstance(data, dict) else ""
        here = listing(map(str, task))
        raise _Flaw("annotations", None, f"a list of annotations (keys here: {here}){what}")
    if not isinstance(data, dict):
        raise _Flaw("data", data, "an object with the columns of the article")
    if not isinstance(annotations, list):
        raise _Flaw("annotations", annotations, "a list of annotations")
    values = article_columns({"id": task.get("id"), **data})
    key = record.file, str(task.get("id", record.where))
    for number, annotation in enumerate(annotations):
        labels = _choices(annotation, f"annotations[{number}]")
        who = annotation.get("completed_by")
        if isinstance(who, dict):
            who = who.get("id", who.get("email"))
        who = None if who is None else str(who)
        yield _Answer(key=key, values=values, labels=labels, who=who, record=record)
    if not annotations:
        yield _Answer(key=key, values=values, labels={}, who=None, record=record)


def _choices(annotation: Any, key: str) -> dict[str, str]:
    """The choice of each control in an annotation; none if it is cancelled."""
    if not isinstance(annotation, dict):
        raise _Flaw(key, annotation, "an object")
    if annotation.get("was_cancelled") or annotation.get("skipped"):
        return {}
    result = annotation.get("result")
    if not isinstance(result, list):
        raise _Flaw(f"{key}.result", result, "a list")
    labels: dict[str, str] = {}
    for number, item in enumerate(result):
        value = item.get("value") if isinstance(item, dict) else None
        if not isinstance(item, dict) or not isinstance(value, dict):
            raise _Flaw(f"{key}.result[{number}].value", value, "an object")
        if "choices" in value:  # else a rating, a text or a region
            choice = _one(value["choices"], f"{key}.result[{number}].value.choices")
            if choice is not None:
                labels[str(item.get("from_name", "label"))] = choice
    return labels


def _minimal(record: Record, column: str) -> _Answer:
    """The answer in a record of JSON-MIN, which has the choice beside the data of the task."""
    task = record.values
    values = {x: value for x, value in task.items() if x not in (*_OF_ANNOTATION, column)}
    answered = task.get("annotation_id", "unknown") is not None
    label = task.get(column) if answered else None
    if isinstance(label, list):  # several choices, as an object
        inner = label[0].get("choices") if label and isinstance(label[0], dict) else label
        label = _one(inner, column)
    if label is not None and not isinstance(label, str):
        raise _Flaw(column, label, "the name of a label")
    who = task.get("annotator")
    return _Answer(
        key=(record.file, str(task.get("id", record.where))),
        values=article_columns(values),
        labels={} if label is None else {column: label},
        who=None if who is None else str(who),
        record=record,
        unnamed=answered and column not in task,
    )


# doccano.


def _doccano(record: Record, column: str) -> Iterator[_Answer]:
    row = record.values
    text = row.get("text", row.get("data"))  # `data` in some versions
    if not isinstance(text, str):
        raise _Flaw("text", text, "the text of the article")
    if "label" not in row:
        here = listing(map(str, row))
        raise _Flaw("label", None, f"a list of labels (keys here: {here})")
    labels = row["label"]
    labels = [labels] if isinstance(labels, str) else labels or []
    if not isinstance(labels, list):
        raise _Flaw("label", labels, "a list of labels")
    for number, label in enumerate(labels):
        if not isinstance(label, str):
            what = "the name of a label; is the project one of text classification?"
            raise _Flaw(f"label[{number}]", label, what)
    own = article_columns({**{x: value for x, value in row.items() if x != "label"}, "text": text})
    key = (str(row["id"]), text) if row.get("id") is not None else record.place
    answers = [{column: label} for label in labels] or [{}]
    for answer in answers:  # a project that annotators share has their labels in one list
        yield _Answer(key=key, values=own, labels=answer, who=None, record=record)


# Prodigy.


def _prodigy(record: Record, column: str) -> Iterator[_Answer]:
    task = record.values
    answer = task.get("answer")
    if answer not in _ANSWERS:
        raise _Flaw("answer", answer, f"{', '.join(_ANSWERS)}; is it an export of db-out?")
    if not isinstance(task.get("text"), str):
        raise _Flaw("text", task.get("text"), "the text of the article")
    if "accept" in task:
        label = _one(task["accept"], "accept")
    else:
        label = task.get("label")
        if not isinstance(label, str):
            raise _Flaw("label", label, "a label, or 'accept' with the chosen ones")
    meta = task.get("meta")
    rest = {x: y for x, y in task.items() if x not in ("meta", "label", "accept", "options")}
    own = article_columns({**(meta if isinstance(meta, dict) else {}), **rest})
    who = task.get("_annotator_id", task.get("_session_id"))
    chosen = answer == "accept" and label is not None
    known: Hashable = None if who is None else str(who)
    if "accept" not in task and who is not None:
        known = (str(who), label)  # one question for each label
    yield _Answer(
        key=(str(own.get("id")), task["text"], str(own.get("target"))),
        values=own,
        labels={column: str(label)} if chosen else {},
        who=known,
        record=record,
    )
