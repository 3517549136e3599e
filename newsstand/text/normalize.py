"""The one text preparation for news, used identically for training and scoring.

Two stages, repeated until nothing changes, so that preparing prepared text is a no-op:

1. *Cleaning.* Left-over HTML tags and entities, control and zero-width characters, other forms
   of plain letters (ligatures, wide letters), Unicode NFC, blanks. Paragraph breaks become one
   empty line. A single line break stays, because many sources end paragraphs with it, unless its
   paragraph is hard-wrapped wire copy (no line over 100 characters, and a full line followed by
   one that starts in lower case): there it becomes a blank.
2. *Stripping.* Datelines, credits, prompts and the other boilerplate of `RULES`. A line rule
   must match a whole short line; inside a paragraph only its very start (a dateline) and its
   very end (a prompt with a colon or a link, a reference code) are touched. In doubt, text stays.

Only title and body decide the result: no outlet or author column, which a caller may have in
training and lack in scoring. Every step yields edits; a list of edits is one layer of the
alignment, and offsets go back through the layers by bisection, only when somebody asks.
"""

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from io import StringIO
from typing import Any, Self

from newsstand.errors import ConfigError, did_you_mean
from newsstand.text.article import Article
from newsstand.text.boilerplate import Edit, Lines
from newsstand.text.boilerplate_rules import RULES, Rules, compiled
from newsstand.text.cleaning import (
    blanks,
    characters,
    compose,
    fold,
    has_single_breaks,
    markup,
    pruned,
    unwrap,
)

# One round cleans and strips; another follows only when something changed, because decoding can
# uncover markup ('&amp;lt;p&amp;gt;') and stripping a line can make neighbours of two others.
_ROUNDS = 8
_STEPS = markup, characters, pruned, compose, blanks, unwrap
_FOLDING = markup, characters, fold, pruned, compose, blanks, unwrap
_LETTERS = fold, pruned, compose


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSpec:
    """What the preparation does; part of a model's bundle.

    Args:
        strip: Boilerplate rules in force, names from `RULES`; `()` only cleans.
        warn_removed: Warn when more than this share of the non-blank characters was stripped.
        max_characters: The longest title and body together; a longer article is refused.
        fold: Other forms of plain letters, as ligatures, become these (`cleaning.fold`).

    Raises:
        ConfigError: An unknown rule, a share outside 0 to 1, or a value of another type.
    """

    strip: tuple[str, ...] = tuple(RULES)
    warn_removed: float = 0.4
    max_characters: int = 10_000_000  # the longest book is shorter
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
        """Plain values for JSON; `from_dict` reads them back."""
        return asdict(self) | {"strip": list(self.strip)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """A spec from `to_dict`'s values.

        Absent keys keep their defaults; but where `fold` is absent nothing is folded: so were the
        texts prepared that a bundle of format 2 or 3 has learned from.

        Raises:
            ConfigError: An unknown key, or a value that the spec refuses.
        """
        known = cls.__dataclass_fields__
        if unknown := [_unknown("text", key, known) for key in values if key not in known]:
            raise ConfigError(unknown)
        return cls(**{"fold": False, **values})


def _unknown(where: str, name: str, known: Mapping[str, Any]) -> str:
    return f"{where}: unknown name {name!r}{did_you_mean(str(name), known)}"


@dataclass(frozen=True, slots=True)
class Removed:
    """A stripped span; `text == original[start:end]` of its part, `"title"` or `"body"`."""

    part: str
    start: int
    end: int
    text: str
    rule: str


@dataclass(frozen=True, slots=True)
class _Layer:
    """One list of edits: where each replacement lies in the new text, and what it replaced."""

    new: "array[int]"
    new_end: "array[int]"
    old: "array[int]"
    old_end: "array[int]"

    def back(self, at: int, *, end: bool) -> int:
        """The old offset of the character at `at`: where it starts, or with `end` where it ends."""
        i = bisect_right(self.new, at) - 1
        if i < 0:
            return at + end
        if at < self.new_end[i]:  # inside a replacement, which maps back as a whole
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

    def place(self, start: int, end: int) -> tuple[int, int] | None:
        """Half-open offsets in `text` of what is left of a span of the original; None if nothing.

        >>> article = Article(body="PARIS, May 3 (AFP) - Wheat &amp; rye rose.")
        >>> body = normalise(article, TextSpec()).body
        >>> body.place(27, 36), body.place(0, 5)
        ((6, 11), None)
        """
        if not self._layers:
            return start, end
        whole = range(len(self.text))
        first = bisect_right(whole, start, key=lambda at: self.source(at, at + 1)[1])
        after = bisect_left(whole, end, key=lambda at: self.source(at, at + 1)[0])
        return (first, after) if first < after else None

    def source(self, start: int, end: int) -> tuple[int, int]:
        """Half-open offsets in the original part for `text[start:end]`.

        A replaced character (an entity, a composed letter) maps to all that it replaced.

        Raises:
            ValueError: The offsets are not a span of `text`.
        """
        if not 0 <= start <= end <= len(self.text):
            raise ValueError(f"no span {start}:{end} in a text of {len(self.text)} characters")
        return _source(self._layers, start, end)


def _source(layers: tuple[_Layer, ...] | list[_Layer], start: int, end: int) -> tuple[int, int]:
    empty, last = start == end, end - 1
    for layer in reversed(layers):
        start = layer.back(start, end=False)
        last = last if empty else layer.back(last, end=True) - 1
    return (start, start) if empty else (start, last + 1)


@dataclass(frozen=True, slots=True)
class Prepared:
    """An article ready for a model.

    Args:
        title: The prepared title.
        body: The prepared body.
        removed: What was stripped: title first, sorted, disjoint.
        removed_share: Stripped share of the cleaned non-blank characters, 0 to 1.
        warning: One line when the share is above the spec's limit, or when a body held nothing
            but boilerplate and was therefore kept.
    """

    title: Part
    body: Part
    removed: tuple[Removed, ...]
    removed_share: float
    warning: str | None


def normalise(article: Article, spec: TextSpec) -> Prepared:
    """Clean an article's title and body and strip their boilerplate.

    A part never becomes empty by stripping: where the rules would take everything, that part
    is only cleaned.

    Returns:
        The prepared parts with their way back to the original, and what was removed.

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
    share = lost / (lost + _ink(title.text) + _ink(body.text)) if lost else 0.0
    names = ", ".join(sorted({span.rule for span in removed}))
    warning = None
    if drafts[1].all_boilerplate:
        warning = f"the body holds nothing but boilerplate ({drafts[1].all_boilerplate}): kept"
    elif share > spec.warn_removed:
        warning = f"{share:.0%} of the text was stripped as boilerplate ({names})"
    return Prepared(title, body, removed, share, warning)


def _ink(text: str) -> int:
    return len(text) - text.count(" ") - text.count("\n")


class _Draft:
    """A part on its way: the text so far, and the layers that lead back to the original."""

    __slots__ = ("all_boilerplate", "layers", "lost", "original", "part", "spans", "text")

    def __init__(self, part: str, original: str) -> None:
        self.part = part
        self.original = self.text = original
        self.layers: list[_Layer] = []
        self.spans: list[tuple[int, int, str]] = []  # stripped, in original offsets
        self.lost = 0
        self.all_boilerplate = ""

    def edit(self, edits: Iterable[Edit]) -> bool:
        """Applies edits, sorted and disjoint, as one layer; whether there were any."""
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
        """Clean and strip in rounds, until a further one could change nothing.

        Deleting whole lines gives no rule a new chance, so most articles need one round. What
        may: a line that lost its dateline or its tail, a tag that lost what was inside it, and
        single line breaks, where wrapped lines can meet.
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
        if cleaned and not self.text:  # a tag had been held apart by nothing but boilerplate
            self.keep(cleaned, depth, {rule for _, _, rule in self.spans})
            self.spans, self.lost = [], 0

    def clean(self, *, fold: bool) -> None:
        """The cleaning steps; again after markup, which can be nested, and changed letters."""
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
        """One sweep of the rules; what it took, if anything went."""
        lines = Lines(self.text, rules)
        if self.part == "title":
            lines.outlet()
        else:
            lines.sweep()
        if not lines.found:
            return None
        origins = [(*_source(self.layers, start, end), rule) for start, end, rule in lines.found]
        self.edit(lines.edits())
        if not re.search(r"\w", self.text):  # never leave a part empty
            self.keep(lines.text, len(self.layers) - 1, {rule for _, _, rule in lines.found})
            return None
        self.spans += origins
        self.lost += _ink("".join(lines.text[start:end] for start, end, _ in lines.found))
        return lines

    def keep(self, text: str, depth: int, rules: set[str]) -> None:
        """Back to `text`, the outcome of the first `depth` layers: all of it is boilerplate."""
        self.text, self.all_boilerplate = text, ", ".join(sorted(rules))
        del self.layers[depth:]

    def removed(self) -> Iterator[Removed]:
        """The stripped spans in order; one that came to enclose an earlier one swallows it."""
        merged: list[tuple[int, int, str]] = []
        for start, end, rule in sorted(self.spans, key=lambda span: (span[0], -span[1])):
            if merged and start < merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]), merged[-1][2])
            else:
                merged.append((start, end, rule))
        return (Removed(self.part, s, e, self.original[s:e], rule) for s, e, rule in merged)
