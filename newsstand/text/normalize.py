"""Text preparation for news, identical for training and scoring.

Two stages are repeated until nothing changes, so that preparing prepared text is a no-op:

1. *Cleaning.* Removes left-over HTML tags and entities, control and zero-width characters;
   normalises variants of plain letters (ligatures, wide letters), Unicode (NFC) and blanks.
   Paragraph breaks become one empty line. A single line break is kept, because many sources end
   paragraphs with it, unless its paragraph is hard-wrapped wire copy (no line over 100 characters,
   and a full line followed by one that starts in lower case): there it becomes a blank.
2. *Stripping.* Removes datelines, credits, prompts and the other boilerplate of `RULES`. A line
   rule must match a whole short line; in a paragraph only the very start (a dateline) and the very
   end (a prompt with a colon or a link, a reference code) are removed. In doubt, text is kept.

The result depends on title and body only, not on columns such as outlet or author, which may exist
in training and be missing in scoring. Every step yields edits; a list of edits is one layer of the
alignment, and offsets are mapped back through the layers by bisection, on request.
"""

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from io import StringIO
from typing import Any, Self

from newsstand.errors import ConfigError, did_you_mean
from newsstand.text.article import Article, Span
from newsstand.text.boilerplate import Edit, Lines, RuleSpan
from newsstand.text.boilerplate_rules import RULES, Rules, compiled
from newsstand.text.cleaning import (
    blanks,
    characters,
    compose,
    fold,
    has_single_breaks,
    limit_marks,
    markup,
    unwrap,
)

# One round cleans and strips; another follows only if something changed, because decoding can
# reveal markup ('&amp;lt;p&amp;gt;') and stripping a line can make two others adjacent.
_ROUNDS = 8
_STEPS = markup, characters, limit_marks, compose, blanks, unwrap
_FOLDING = markup, characters, fold, limit_marks, compose, blanks, unwrap
_LETTERS = fold, limit_marks, compose


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSpec:
    """Settings of the preparation; part of a model's bundle.

    Args:
        strip: Boilerplate rules to apply, names from `RULES`; with `()` texts are only cleaned.
        warn_removed: Warn if more than this share of the non-blank characters is stripped.
        max_characters: Maximum length of title and body together; a longer article is refused.
        fold: Replace variants of plain letters, such as ligatures, by these (`cleaning.fold`).

    Raises:
        ConfigError: An unknown rule, a share outside 0 to 1, or a value of another type.
    """

    strip: tuple[str, ...] = tuple(RULES)
    warn_removed: float = 0.4
    max_characters: int = 10_000_000  # longer than any book
    fold: bool = True

    def __post_init__(self) -> None:
        share = self.warn_removed
        problems = []
        if isinstance(self.strip, str) or not all(isinstance(name, str) for name in self.strip):
            problems.append(f"strip: expected a list of rule names, got {self.strip!r:.60}")
        else:
            object.__setattr__(self, "strip", tuple(self.strip))
            problems = [_unknown("strip", name, RULES) for name in self.strip if name not in RULES]
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            problems.append(f"warn_removed: expected a number from 0 to 1, got {share!r:.60}")
        if type(self.max_characters) is not int or self.max_characters < 1:
            got = f"{self.max_characters!r:.60}"
            problems.append(f"max_characters: expected a whole number above 0, got {got}")
        if not isinstance(self.fold, bool):
            problems.append(f"fold: expected true or false, got {self.fold!r:.60}")
        if problems:
            raise ConfigError(problems)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values for JSON, which `from_dict` reads."""
        return asdict(self) | {"strip": list(self.strip)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Creates a spec from the values of `to_dict`.

        Missing keys have their defaults, except `fold`, which is then off: bundles of format 2
        and 3 were trained on text without folding.

        Raises:
            ConfigError: An unknown key or an invalid value.
        """
        known = cls.__dataclass_fields__
        if unknown := [_unknown("text", key, known) for key in values if key not in known]:
            raise ConfigError(unknown)
        return cls(**{"fold": False, **values})


def _unknown(where: str, name: str, known: Mapping[str, Any]) -> str:
    return f"{where}: unknown name {name!r}{did_you_mean(str(name), known)}"


@dataclass(frozen=True, slots=True)
class Removed:
    """A stripped span: `text == original[start:end]` of its part, `"title"` or `"body"`."""

    part: str
    start: int
    end: int
    text: str
    rule: str


@dataclass(frozen=True, slots=True)
class _Layer:
    """One list of edits: the span of each replacement in the new text, and of what it replaced."""

    new: "array[int]"
    new_end: "array[int]"
    old: "array[int]"
    old_end: "array[int]"

    def back(self, at: int, *, end: bool) -> int:
        """Returns the old start of the character at `at`, or with `end` its old end."""
        i = bisect_right(self.new, at) - 1
        if i < 0:
            return at + end
        if at < self.new_end[i]:  # inside a replacement, which is mapped as a whole
            return self.old_end[i] if end else self.old[i]
        return self.old_end[i] + at - self.new_end[i] + end


@dataclass(frozen=True, slots=True)
class Part:
    """A prepared title or body.

    Args:
        text: The prepared text.
    """

    text: str
    _layers: tuple[_Layer, ...] = field(default=(), repr=False, hash=False)

    def locate(self, start: int, end: int) -> Span | None:
        """Maps a span of the original part to `text`; None if nothing of it is left.

        >>> article = Article(body="PARIS, May 3 (AFP) - Wheat &amp; rye rose.")
        >>> body = normalise(article, TextSpec()).body
        >>> body.locate(27, 36), body.locate(0, 5)
        ((6, 11), None)
        """
        if not self._layers:
            return start, end
        whole = range(len(self.text))
        first = bisect_right(whole, start, key=lambda at: self.source(at, at + 1)[1])
        after = bisect_left(whole, end, key=lambda at: self.source(at, at + 1)[0])
        return (first, after) if first < after else None

    def source(self, start: int, end: int) -> Span:
        """Maps a span of `text` to the original part.

        A replaced character (an entity, a composed letter) is mapped to all that it replaced.

        Raises:
            ValueError: The offsets are not a span of `text`.
        """
        if not 0 <= start <= end <= len(self.text):
            raise ValueError(f"no span {start}:{end} in a text of {len(self.text)} characters")
        return _source(self._layers, start, end)


def _source(layers: tuple[_Layer, ...] | list[_Layer], start: int, end: int) -> Span:
    empty, last = start == end, end - 1
    for layer in reversed(layers):
        start = layer.back(start, end=False)
        last = last if empty else layer.back(last, end=True) - 1
    return (start, start) if empty else (start, last + 1)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A prepared article.

    Args:
        title: The prepared title.
        body: The prepared body.
        removed: The stripped spans: title first, sorted, disjoint.
        removed_share: Stripped share of the cleaned non-blank characters, 0 to 1.
        warning: One line if the share is above the spec's limit, or if the body is entirely
            boilerplate and was kept for that reason.
    """

    title: Part
    body: Part
    removed: tuple[Removed, ...]
    removed_share: float
    warning: str | None


def normalise(article: Article, spec: TextSpec) -> Prepared:
    """Cleans an article's title and body and strips their boilerplate.

    Stripping never empties a part: one that is entirely boilerplate is only cleaned.

    Returns:
        The prepared parts, with offsets in the original, and the removed spans.

    >>> article = Article(body="PARIS, May 3 (AFP) - Wheat fell &amp; rye rose.<br>Read more: Rye")
    >>> prepared = normalise(article, TextSpec())
    >>> prepared.body.text
    'Wheat fell & rye rose.'
    >>> [(span.rule, span.text) for span in prepared.removed]
    [('dateline', 'PARIS, May 3 (AFP) -'), ('related', 'Read more: Rye')]
    """
    rules = compiled(spec.strip)
    drafts = _Draft("title", article.title), _Draft("body", article.body)
    for draft in drafts:
        draft.settle(rules, fold=spec.fold)
    title, body = (Part(draft.text, tuple(draft.layers)) for draft in drafts)
    removed = tuple(span for draft in drafts for span in draft.removed())
    lost = sum(draft.lost for draft in drafts)
    share = lost / (lost + _size(title.text) + _size(body.text)) if lost else 0.0
    names = ", ".join(sorted({span.rule for span in removed}))
    warning = None
    if drafts[1].all_boilerplate:
        warning = f"the body is entirely boilerplate ({drafts[1].all_boilerplate}): kept"
    elif share > spec.warn_removed:
        warning = f"{share:.0%} of the text was stripped as boilerplate ({names})"
    return Prepared(title, body, removed, share, warning)


def _size(text: str) -> int:
    """Returns the number of non-blank characters."""
    return len(text) - text.count(" ") - text.count("\n")


class _Draft:
    """A part being prepared: its current text, and the layers that map it to the original."""

    __slots__ = ("all_boilerplate", "layers", "lost", "original", "part", "spans", "text")

    def __init__(self, part: str, original: str) -> None:
        self.part = part
        self.original = self.text = original
        self.layers: list[_Layer] = []
        self.spans: list[RuleSpan] = []  # stripped, in original offsets
        self.lost = 0
        self.all_boilerplate = ""

    def edit(self, edits: Iterable[Edit]) -> bool:
        """Applies sorted and disjoint edits as one layer; returns whether the text changed."""
        text, pieces = self.text, StringIO()
        layer: _Layer | None = None
        at = size = 0
        for start, end, replacement in edits:
            if text[start:end] == replacement:
                continue
            if layer is None:
                layer = _Layer(*(array("q") for _ in range(4)))
            size += pieces.write(text[at:start])
            layer.new.append(size)
            size += pieces.write(replacement)
            layer.new_end.append(size)
            layer.old.append(start)
            layer.old_end.append(end)
            at = end
        if layer is None:
            return False
        pieces.write(text[at:])
        self.text = pieces.getvalue()
        self.layers.append(layer)
        return True

    def settle(self, rules: Rules, *, fold: bool) -> None:
        """Cleans and strips in rounds, until another round could change nothing.

        Most articles need one round, because deleting whole lines creates no new matches. Another
        is needed after a line lost its dateline or its end, after the text inside a tag was
        deleted, and where single line breaks may now join wrapped lines.
        """
        self.clean(fold=fold)
        cleaned, depth = self.text, len(self.layers)
        for _ in range(_ROUNDS):
            if not (lines := self.strip(rules)):
                break
            text = self.text
            if not (lines.cuts or "<" in text or "&" in text or has_single_breaks(text)):
                break
            self.clean(fold=fold)
        if cleaned and not self.text:  # boilerplate alone separated the parts of a tag
            self.keep(cleaned, depth, {rule for _, _, rule in self.spans})
            self.spans, self.lost = [], 0

    def clean(self, *, fold: bool) -> None:
        """Applies the cleaning steps; again after markup (possibly nested) and changed letters."""
        for _ in range(_ROUNDS):
            size = len(self.layers)
            changed = False
            for step in _FOLDING if fold else _STEPS:
                if step in _LETTERS and self.text.isascii():
                    continue
                if self.edit(step(self.text)):
                    changed |= step in _LETTERS
            if len(self.layers) == size or not (changed or "<" in self.text or "&" in self.text):
                return

    def strip(self, rules: Rules) -> Lines | None:
        """Applies the rules once; returns the sweep, or None if nothing was stripped."""
        lines = Lines(self.text, rules)
        if self.part == "title":
            lines.outlet()
        else:
            lines.sweep()
        if not lines.matches:
            return None
        origins = [(*_source(self.layers, start, end), rule) for start, end, rule in lines.matches]
        self.edit(lines.edits())
        if not re.search(r"\w", self.text):  # never leave a part empty
            self.keep(lines.text, len(self.layers) - 1, {rule for _, _, rule in lines.matches})
            return None
        self.spans += origins
        self.lost += _size("".join(lines.text[start:end] for start, end, _ in lines.matches))
        return lines

    def keep(self, text: str, depth: int, rules: set[str]) -> None:
        """Restores `text`, the result of the first `depth` layers, because all is boilerplate."""
        self.text, self.all_boilerplate = text, ", ".join(sorted(rules))
        del self.layers[depth:]

    def removed(self) -> Iterator[Removed]:
        """Returns the stripped spans in order; overlapping ones are merged."""
        merged: list[RuleSpan] = []
        for start, end, rule in sorted(self.spans, key=lambda span: (span[0], -span[1])):
            if merged and start < merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]), merged[-1][2])
            else:
                merged.append((start, end, rule))
        return (Removed(self.part, s, e, self.original[s:e], rule) for s, e, rule in merged)
