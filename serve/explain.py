"""Which passages of an article spoke for its label."""

from dataclasses import dataclass
from typing import Literal

from newsstand.models.base import Model
from newsstand.text.article import Article
from newsstand.text.example import Example
from newsstand.text.segments import segments


@dataclass(frozen=True, slots=True)
class Evidence:
    """A passage that spoke for the label.

    Args:
        part: `title` or `body`.
        start: Character offset in that part of the article as it was handed in.
        end: Half-open end.
        text: The passage itself.
        weight: What it added to the label's score over the mean of all labels; above 0.
        quoted: Whether it stands in quoted speech.
    """

    part: Literal["title", "body"]
    start: int
    end: int
    text: str
    weight: float
    quoted: bool


def find_evidence(
    model: Model, article: Article, example: Example, label: int, limit: int = 3
) -> tuple[Evidence, ...]:
    """The passages that added most to one label's score, strongest first.

    Args:
        model: The model that scored the example; `Model.explain` finds the passages.
        article: The article as handed in, which the offsets refer to.
        example: The same article, prepared.
        label: Index of the label to explain.
        limit: How many passages at most.
    """
    prepared = example.prepared
    quotes = [s for s in segments(prepared) if s.kind == "quote" and s.part == "body"]
    evidence = []
    for part, start, end, weight in model.explain(example, label, limit):
        if part == "title":
            low, high = prepared.title.source(start, end)
            quoted, original = False, article.title
        else:
            low, high = prepared.body.source(start, end)
            quoted = any(q.start < end and start < q.end for q in quotes)
            original = article.body
        evidence.append(Evidence(part, low, high, original[low:high], weight, quoted))
    return tuple(evidence)
