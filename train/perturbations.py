"""Controls by perturbation: whether changes that should not matter change a model's predictions.

Behavioural tests in the sense of Ribeiro et al. 2020, Beyond Accuracy (invariance tests). Negation
is the exception: it should change a stance, and should not change a topic. The rules are written
for English; rows in another language are left out where the language is known.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from newsstand.errors import EmptyArticleError
from newsstand.io.bundle import Bundle
from newsstand.text.article import Article
from newsstand.text.example import encode
from newsstand.train.dataset import LabelledRows

_MOST_ROWS = 100  # perturbed in one control; each costs a prediction
_MOST_READ = 1_500  # rows that are searched for such
_FEWEST_ROWS = 10  # fewer show nothing
# Two or more capitalised words in a row: persons, bodies and places.
_NAME = re.compile(r"\b[A-Z][\w'’-]+(?: [A-Z][\w'’-]+)+")  # noqa: RUF001 - typographic apostrophe
_VERB = re.compile(
    r"\b(is|are|was|were|will|would|can|could|should|must|has|have|had|does|do|did)\b"
    r"(?!n['’]t| not\b| no\b)",  # noqa: RUF001 - typographic apostrophe
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Row:
    """A row to perturb: its article without places of the target, its target and its outlet."""

    article: Article
    target: str | None
    outlet: str | None


# Returns the perturbed article, or None if the perturbation does not apply to the row.
_Perturb = Callable[[_Row, np.random.Generator], Article | None]


def evaluate(bundle: Bundle, rows: LabelledRows, *, seed: int = 0) -> dict[str, float]:
    """The share of sampled rows whose predicted label changes with each perturbation.

    `outlet_swap_changes_answer`: the name of the row's outlet, where its text contains it, becomes
    that of another outlet. `boilerplate_changes_answer`: the removed boilerplate is put back.
    `negation_changes_answer`: "not" is put behind each auxiliary verb. `name_swap_changes_answer`:
    names of two or more capitalised words become names of other rows, except those in the target.
    Each comes with the number of rows, such as `outlet_swap_rows`; with fewer than 10 rows to which
    a perturbation applies, it is left out.

    Args:
        bundle: The model as it will score.
        rows: The test rows.
        seed: Of the samples and the drawn names.
    """
    sample = list(_sample(rows, seed))
    without = replace(bundle.text, strip=())
    perturbations: dict[str, _Perturb] = {
        "outlet_swap": _outlet_swap(sorted({row.outlet for row in sample if row.outlet})),
        "boilerplate": lambda row, _: row.article,
        "negation": lambda row, _: _changed(row.article, _negated),
        "name_swap": _name_swap(sample),
    }
    metrics: dict[str, float] = {}
    for number, (name, perturb) in enumerate(perturbations.items()):
        spec = without if name == "boilerplate" else bundle.text
        random = np.random.default_rng([seed, number])
        pairs = []
        for row in sample:
            article = perturb(row, random)
            if article is None:
                continue
            try:
                before = encode(row.article, row.target, bundle.text)
                after = encode(article, row.target, spec)
            except EmptyArticleError:
                continue
            if before.text != after.text:
                pairs.append((before, after))
            if len(pairs) == _MOST_ROWS:
                break
        if len(pairs) < _FEWEST_ROWS:
            continue
        first, second = (
            bundle.decision.predict(bundle.unchecked(x)) for x in zip(*pairs, strict=True)
        )
        metrics[f"{name}_changes_answer"] = float(np.mean(first != second))
        metrics[f"{name}_rows"] = float(len(pairs))
    return metrics


def _sample(rows: LabelledRows, seed: int) -> Iterator[_Row]:
    """Rows in random order, without those known to be in another language than English."""
    languages = rows.column("language").to_pylist()
    outlets = rows.column("outlet").to_pylist()
    order = np.random.default_rng(seed).permutation(len(rows))[:_MOST_READ]
    for number in order.tolist():
        if (languages[number] or "en").lower().startswith("en"):
            article = replace(rows.article(number), mentions=())
            yield _Row(article, rows.examples[number].target, outlets[number])


def _changed(article: Article, change: Callable[[str], str]) -> Article:
    return replace(article, title=change(article.title), body=change(article.body))


def _negated(text: str) -> str:
    """The text with "not" behind each auxiliary verb that is not negated.

    >>> _negated("The plan is dear, but it will not fail.")
    'The plan is not dear, but it will not fail.'
    """
    return _VERB.sub(r"\1 not", text)


def _outlet_swap(outlets: Sequence[str]) -> _Perturb:
    """Replaces the name of the row's outlet by that of another outlet."""

    def swap(row: _Row, random: np.random.Generator) -> Article | None:
        others = [outlet for outlet in outlets if outlet != row.outlet]
        if row.outlet is None or not others:
            return None
        pattern = re.compile(rf"\b{re.escape(row.outlet)}\b", re.IGNORECASE)
        other = others[random.integers(len(others))]
        return _changed(row.article, lambda text: pattern.sub(lambda _: other, text))

    return swap


def _name_swap(rows: Sequence[_Row]) -> _Perturb:
    """Replaces each name by one of the rows, the same one wherever it occurs in the text."""
    names = [name for row in rows for name in _NAME.findall(row.article.body)]

    def swap(row: _Row, random: np.random.Generator) -> Article | None:
        kept = set((row.target or "").casefold().split())
        swapped: dict[str, str] = {}

        def other(match: "re.Match[str]") -> str:
            name = match[0]
            if kept & set(name.casefold().split()):
                return name
            if name not in swapped:
                swapped[name] = names[random.integers(len(names))]
            return swapped[name]

        return _changed(row.article, lambda text: _NAME.sub(other, text)) if names else None

    return swap


def summary(metrics: dict[str, Any]) -> str:
    """The metrics in one line; empty if there are none."""
    words = {
        "outlet_swap": "another outlet's name",
        "boilerplate": "boilerplate put back",
        "negation": "negation",
        "name_swap": "other names",
    }
    parts = [
        f"{text} {metrics[f'{name}_changes_answer']:.1%}"
        for name, text in words.items()
        if f"{name}_changes_answer" in metrics
    ]
    return f"predictions changed by {', '.join(parts)}" if parts else ""
