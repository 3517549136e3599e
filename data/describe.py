"""Statistics of the rows that a config loads: counts, lengths and samples."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from pyarrow import compute

from newsstand.data.join import Origins
from newsstand.data.load import NewsData
from newsstand.data.readers.sources import SPLITS
from newsstand.text.example import Example

_SAMPLES = 3
_QUANTILES = {"shortest": 0.0, "median": 0.5, "95%": 0.95, "longest": 1.0}

_MEASURED = 500  # rows whose tokens are counted

# Maps an example to the tokens read and the tokens in total, by choice of `model.long_text`.
TokenCounter: TypeAlias = Callable[[Example], dict[str, tuple[int, int]]]

# By split, in the order of SPLITS.
Counts = dict[str, int]


def describe(news: NewsData, token_counter: TokenCounter | None = None) -> dict[str, Any]:
    """Computes counts and lengths of the rows in the splits, as values for JSON.

    Args:
        news: The rows that a config loads.
        token_counter: Counts the tokens of an article that each choice of `model.long_text` reads,
            and all its tokens.

    Returns:
        `rows` (by split), `left_out` (by reason), `labels`, `outlets`, `months` (name to counts by
        split; outlets by size, months in order; `""` for rows without a name), `words` (shortest,
        median, 95% and longest text of each split), `samples` (three prepared rows, with the
        removed boilerplate), `note`, `near_duplicates`, `ties`, `notes` (what was left out, a
        line each) and `digest`; with several sources also `sources` (name to counts by split),
        with `token_counter` also `dropped`, the share of the text that each choice drops.
    """
    names = news.rows.features["label"].names
    labels = [names[number] for number in news.column("label")]
    outlets = _counts([outlet or "" for outlet in news.column("outlet")], news.split)
    months = _counts([(date or "")[:7] for date in news.column("published")], news.split)
    by_label = _counts(labels, news.split)
    words = np.array(news.column("words"))
    split = np.array(news.split)
    return {
        "rows": {name: int((split == name).sum()) for name in SPLITS},
        "left_out": news.left_out,
        "labels": {label: by_label[label] for label in news.labels.labels},
        "outlets": dict(
            sorted(outlets.items(), key=lambda item: (-sum(item[1].values()), item[0]))
        ),
        "months": dict(sorted(months.items())),
        "words": {name: _lengths(words[split == name]) for name in SPLITS},
        "samples": [_sample(news, index) for index in _chosen(news, labels)],
        "note": news.note,
        "near_duplicates": _clusters(news, news.column("text_key")),
        "ties": news.ties,
        "notes": [str(note) for note in news.notes],
        "digest": news.digest,
        **({} if news.origins is None else {"sources": _sources(news, news.origins)}),
        **({} if token_counter is None else {"dropped": _dropped(news, token_counter)}),
    }


def _sources(news: NewsData, origins: Origins) -> dict[str, Counts]:
    counts = _counts([origins.name(row) for row in range(len(news.split))], news.split)
    return {name: counts.get(name, dict.fromkeys(SPLITS, 0)) for name in origins.names}


def _dropped(news: NewsData, token_counter: TokenCounter) -> dict[str, float]:
    """Returns the share of tokens that each choice drops, in evenly spaced rows."""
    rows = [index for index, place in enumerate(news.split) if place]
    rows = rows[:: max(1, len(rows) // _MEASURED)]
    read: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    for index in rows:
        row = news.rows[index]
        example = Example.of_prepared(row["prepared_title"], row["prepared_body"], row["target"])
        for choice, (tokens_read, tokens) in token_counter(example).items():
            read[choice] += tokens_read
            whole[choice] += tokens
    return {choice: 1 - read[choice] / max(count, 1) for choice, count in whole.items()}


def _counts(values: Sequence[str], split: Sequence[str]) -> dict[str, Counts]:
    counts = Counter(zip(values, split, strict=True))
    names = dict.fromkeys(value for value, place in counts if place)
    return {value: {name: counts[value, name] for name in SPLITS} for value in names}


def _lengths(words: "np.ndarray[Any, Any]") -> dict[str, int]:
    if not len(words):
        return {}
    return {name: int(np.quantile(words, share)) for name, share in _QUANTILES.items()}


def _clusters(news: NewsData, text_keys: Sequence[str]) -> dict[str, int] | None:
    """Counts the distinct texts with near-duplicates, and the stories that they belong to."""
    if news.near_duplicates is None:
        return None
    distinct = np.unique(text_keys, return_index=True)[1]
    sizes = np.bincount(news.near_duplicates.cluster[distinct])
    return {"stories": int((sizes > 1).sum()), "texts": int(sizes[sizes > 1].sum())}


def _chosen(news: NewsData, labels: Sequence[str]) -> list[int]:
    """Draws rows by content, of several labels and splits, those with boilerplate first."""
    digests = news.column("digest")
    # Counted in Arrow: as Python objects, the spans of many rows take too much memory.
    removed = compute.list_value_length(news.rows.data.column("removed")).to_pylist()
    rows = [index for index, place in enumerate(news.split) if place]
    rows.sort(key=lambda index: (not removed[index], digests[index]))
    chosen: list[int] = []
    for fresh in (_fresh(labels), _fresh(news.split), lambda index, taken: index not in taken):
        for index in rows:
            if len(chosen) < _SAMPLES and fresh(index, chosen):
                chosen.append(index)
    return chosen


def _fresh(values: Sequence[str]) -> Callable[[int, list[int]], bool]:
    return lambda index, taken: values[index] not in {values[other] for other in taken}


def _sample(news: NewsData, index: int) -> dict[str, Any]:
    row = news.rows[index]
    names = ("id", "outlet", "published", "target", "warning")
    return {
        **{name: row[name] for name in names},
        "split": news.split[index],
        "label": news.rows.features["label"].names[row["label"]],
        "title": row["prepared_title"],
        "body": row["prepared_body"],
        "removed": [
            {"rule": span["rule"], "text": row[span["part"]][span["start"] : span["end"]]}
            for span in row["removed"]
        ],
    }
