"""Writes suggested articles as tasks for Label Studio or doccano.

What comes back from the tools is read by `newsstand.data.readers.annotation_tools`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from newsstand.data.readers.annotation_tools import ID, joined_text
from newsstand.io.files import write_whole
from newsstand.text.article import COLUMNS
from newsstand.train.monitor.suggest import Suggestion

# Columns of a row that training uses beside those of an article.
_MORE = ("group", "genre")
_CONTROL, _TEXT = "label", "body"


def label_studio_tasks(
    suggestions: Iterable[Suggestion], names: Mapping[str, str], model: str
) -> list[dict[str, Any]]:
    """Tasks for the import of Label Studio, each with the model's label as a prediction.

    Args:
        suggestions: The articles.
        names: Label to readable name, which the annotator sees.
        model: The model and its version, shown beside the prediction.
    """
    shown = choices(names)
    return [
        {
            "data": {"title": "", **_columns(suggestion)},
            "predictions": [
                {
                    "model_version": model,
                    "score": round(suggestion.probability, 6),
                    "result": [
                        {
                            "from_name": _CONTROL,
                            "to_name": _TEXT,
                            "type": "choices",
                            "value": {"choices": [shown[suggestion.label]]},
                        }
                    ],
                }
            ],
        }
        for suggestion in suggestions
    ]


def label_studio_config(names: Mapping[str, str], *, stance: bool) -> str:
    """The labelling interface of a Label Studio project for these tasks, as XML."""
    target = '  <Header size="5" value="Stance toward: $target"/>\n' if stance else ""
    listed = "".join(f"    <Choice value={quoteattr(x)}/>\n" for x in choices(names).values())
    return (
        f'<View>\n{target}  <Header value="$title"/>\n'
        f'  <Choices name="{_CONTROL}" toName="{_TEXT}" choice="single" required="true">\n'
        f'{listed}  </Choices>\n  <Text name="{_TEXT}" value="${_TEXT}"/>\n</View>\n'
    )


def doccano_rows(
    suggestions: Iterable[Suggestion], names: Mapping[str, str], model: str
) -> list[dict[str, Any]]:
    """Rows for the import of doccano; arguments as for `label_studio_tasks`.

    The `label` is left empty: doccano would export the model's label as if an annotator had
    chosen it. It is the column `suggested` instead, which doccano shows beside the text.
    """
    shown = choices(names)
    rows = []
    for suggestion in suggestions:
        columns = _columns(suggestion)
        body = columns.pop(_TEXT)
        text = joined_text(columns.get("title", ""), body, columns.get("target"))
        of_model = {
            "suggested": shown[suggestion.label],
            "probability": round(suggestion.probability, 6),
            "model": model,
        }
        rows.append({"text": text, "label": [], **columns, **of_model})
    return rows


def doccano_labels(names: Mapping[str, str]) -> list[dict[str, Any]]:
    """The labels of a doccano project for these rows, as doccano imports them."""
    return [{"text": text} for text in choices(names).values()]


def choices(names: Mapping[str, str]) -> dict[str, str]:
    """Label to the text that annotators choose: its readable name, or itself if that is not unique.

    >>> choices({"04000000": "economy", "15000000": "sport"})
    {'04000000': 'economy', '15000000': 'sport'}
    """
    shared = list(names.values())
    return {label: name if shared.count(name) == 1 else label for label, name in names.items()}


def write_tasks(path: Path, tasks: Sequence[Mapping[str, Any]], *, lines: bool) -> None:
    """Writes tasks atomically as a JSON list, or as JSON Lines.

    Raises:
        OSError: The file cannot be written.
    """
    # Lone surrogates, which UTF-8 has not, are escaped.
    if lines:
        text = "".join(f"{_json(task)}\n" for task in tasks)
    else:
        inside = ",\n".join(map(_json, tasks))
        text = f"[\n{inside}\n]\n"
    write_whole(path, text)


def _json(task: Mapping[str, Any]) -> str:
    text = json.dumps(task, ensure_ascii=False, allow_nan=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(task, allow_nan=False)
    return text


def _columns(suggestion: Suggestion) -> dict[str, Any]:
    """The columns of an article that have a value, its id as `article_id`."""
    article = suggestion.article
    columns = {name: getattr(article, name) for name in COLUMNS if name not in ("id", "mentions")}
    target = suggestion.row.target
    if target and article.mentions:
        columns["mentions"] = [list(place) for place in article.mentions]
    more = {name: suggestion.row.values.get(name) for name in _MORE}
    found = {ID: article.id, "target": target, **columns, **more}
    return {name: value for name, value in found.items() if value not in (None, "")}
