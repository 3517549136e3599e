"""Finds the boilerplate that agencies and newspapers put around the text of news.

A line rule must match a whole short line; in a paragraph only the very start (a dateline) and the
very end (a prompt with a colon or a link, a reference code) are removed. In doubt, text is kept.
"""

from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import pairwise

from newsstand.text.boilerplate_rules import (
    BULLETS,
    OUTLET,
    RULES,
    SENTENCE_END,
    Rules,
    compiled,
    headings,
)
from newsstand.text.datelines import BULLET, dateline

# Start, end and replacement; sorted and disjoint within a list.
Edit = tuple[int, int, str]
# Start, end and rule of a match.
RuleSpan = tuple[int, int, str]

_SHORT = 200  # characters; a longer line is prose
_HEADLINE = 150  # characters
_OUTLET = 60  # characters of the longest outlet name and its separator
_FIRST = 4  # lines, or paragraphs below them, that may begin with a dateline
_TAILS = 20  # matches removed from the end of the last line in one sweep
_ENDS = SENTENCE_END + ":;,"
_LISTED = 8  # most headlines under a heading


def is_boilerplate(line: str) -> bool:
    """Whether an article's first line is entirely boilerplate, or begins with a dateline.

    >>> is_boilerplate("By Jane Roe"), is_boilerplate("By Monday the river had risen")
    (True, False)
    """
    rules = compiled(tuple(RULES))
    note = rules.notes and rules.notes.rule(line)
    short = len(line) <= _SHORT and (rules.line(line) or rules.edge.fullmatch(line))
    return bool(note or short) or dateline(line[:_SHORT], rules) is not None


def _is_headline(line: str) -> bool:
    """Whether a line is long enough for a headline, unlike a name in a list."""
    return line.count(" ") >= 2 or (not line.isascii() and len(line) >= 12)


class Lines:
    """One sweep over the lines of a part, which collects the spans that rules match."""

    def __init__(self, text: str, rules: Rules) -> None:
        self.text = text
        self.rules = rules
        self.bounds: list[tuple[int, int]] = []  # of each nonblank line
        self.taken: dict[int, str] = {}  # rule by index of the line
        self.matches: list[RuleSpan] = []
        self.cuts: list[Edit] = []
        self.starts: dict[int, int] = {}  # new starts of lines without their dateline

    def outlet(self) -> None:
        """Applies the rule of titles: an outlet's name after the headline."""
        end = len(self.text)
        while "outlet" in self.rules.names and (
            match := OUTLET.search(self.text, max(0, end - _OUTLET), end)
        ):
            end = match.start()
        if end < len(self.text):
            self.matches.append((end + 1, len(self.text), "outlet"))
            self.cuts.append((end, len(self.text), ""))

    def sweep(self) -> None:
        """Applies the rules of bodies: to each line, then to the first lines, then to the last."""
        at, line_rule, note = 0, self.rules.line, self.rules.notes and self.rules.notes.rule
        for line in self.text.split("\n"):
            if line:
                if (len(line) <= _SHORT and (rule := line_rule(line))) or (
                    note and (rule := note(line))
                ):
                    self.taken[len(self.bounds)] = rule
                self.bounds.append((at, at + len(line)))
            at += len(line) + 1
        self._pointers()
        self._head()
        self._tail()
        self.matches += [(*self.bounds[i], rule) for i, rule in self.taken.items()]
        self.matches.sort()

    def _pointers(self) -> None:
        """Takes the headlines listed under a heading such as 'Read more:'.

        They extend to the end of the text, or to the next paragraph if they are clearly headlines:
        a few lines that all look like one, and at least two if the heading may be a button.
        """
        labels = [i for i, rule in self.taken.items() if rule in ("related", "lists")]
        if not labels:
            return
        count = last = len(self.bounds)  # no paragraph from here to the end
        while last > labels[0] and not self._is_prose(last - 1, ".!?…"):
            last -= 1
        for i in labels:
            line = self._line(i)
            end = i >= last and line.endswith(":")
            if end:
                headlines = range(i + 1, count)
            elif heading := "lists" in self.rules.names and headings().fullmatch(
                line.lstrip(BULLETS).lower()
            ):
                headlines = self._headlines(i + 1, 1 if heading["sure"] else 2)
            else:
                continue
            for k in headlines:
                self.taken.setdefault(k, self.taken[i])
            if end:
                return

    def _headlines(self, start: int, least: int) -> range:
        """Returns the headlines from a line on; none if too many, too few or doubtful."""
        stop = start
        while stop < len(self.bounds) and not self._is_prose(stop, _ENDS):
            stop += 1
            if stop - start > _LISTED:
                return range(0)
        lines = [self._line(k) for k in range(start, stop) if k not in self.taken]
        sure = stop == len(self.bounds) or all(map(_is_headline, lines))
        return range(start, stop) if sure and len(lines) >= least else range(0)

    def _line(self, i: int) -> str:
        return self.text[slice(*self.bounds[i])]

    def _is_prose(self, i: int, ends: str) -> bool:
        """Whether a line is longer than a headline, or ends like a sentence."""
        line = self._line(i)
        return i not in self.taken and (len(line) > _HEADLINE or line[-1] in ends)

    def _window(self, numbers: Iterable[int], size: int) -> Iterator[int]:
        """Yields up to `size` untaken lines, the last at the first long one; takes edge lines.

        Edge rules apply until the first line that is a sentence: a date between paragraphs is text.
        """
        prose = False
        for i in numbers:
            if i in self.taken:
                continue
            start, end = self.bounds[i]
            short = end - start <= _SHORT
            if short and not prose and i not in self.starts:
                bare = self.text[start:end].lstrip(BULLETS)
                if m := self.rules.edge.fullmatch(bare):
                    self.taken[i] = str(m.lastgroup)
                    continue
            yield i
            if i not in self.taken:
                size -= 1
                prose = prose or self.text[end - 1] in SENTENCE_END
            if not short or not size:
                return

    def _head(self) -> None:
        """Takes datelines at the start of the first lines."""
        last, paragraphs = -1, 0
        for last in self._window(range(len(self.bounds)), _FIRST):
            at, cuts = self._datelines(last)
            if at == self.bounds[last][1] and cuts:
                self.taken[last] = cuts[0][2]
            else:
                self._cut(last, at, cuts)
                paragraphs += self._is_paragraph(last)
                if self._is_long(last):
                    return
        self._late_datelines(range(last + 1, len(self.bounds)), _FIRST - paragraphs)

    def _late_datelines(self, numbers: Iterable[int], paragraphs: int) -> None:
        """Takes datelines of paragraphs below the first lines; skips labels and codes."""
        alone: dict[int, str] = {}  # lines of only a dateline, right above this one
        for i in numbers:
            if not paragraphs:
                return
            if i in self.taken:
                continue
            at, cuts = self._datelines(i)
            if cuts and at == self.bounds[i][1]:
                alone[i] = cuts[0][2]
                continue
            if self._is_paragraph(i):
                self.taken |= alone
                self._cut(i, at, cuts)
                paragraphs = 0 if self._is_long(i) else paragraphs - 1
            alone.clear()

    def _datelines(self, i: int) -> tuple[int, list[RuleSpan]]:
        """Returns the start of a line's text, and the consecutive datelines before it."""
        start, end = self.bounds[i]
        at, cuts = start, list[RuleSpan]()
        while at < end:
            head = self.text[at : min(at + _SHORT, end)]
            listed = not head[0].isalnum() and self._listed
            cut = dateline(head, self.rules, after=bool(cuts), listed=listed)
            if cut is None:
                break
            length, rule = cut
            cuts.append((at, at + len(head[:length].rstrip()), rule))
            at += length
        return at, cuts

    def _cut(self, i: int, at: int, cuts: list[RuleSpan]) -> None:
        if cuts:
            self.matches += cuts
            self.starts[i] = at
            self.cuts.append((self.bounds[i][0], at, ""))

    def _is_long(self, i: int) -> bool:
        start, end = self.bounds[i]
        return end - start > _SHORT

    def _is_paragraph(self, i: int) -> bool:
        return self._is_long(i) or self.text[self.bounds[i][1] - 1] in SENTENCE_END

    @cached_property
    def _listed(self) -> bool:
        """Whether the text has a list: consecutive lines that begin with a bullet."""
        marked = [bool(BULLET.match(self.text, start, end)) for start, end in self.bounds]
        return any(one and other for one, other in pairwise(marked))

    def _tail(self) -> None:
        """Takes prompts, codes and end marks after the last sentence."""
        for i in self._window(range(len(self.bounds) - 1, -1, -1), 1):
            start, full = self.bounds[i]
            if i not in self.starts and (m := self.rules.last.fullmatch(self.text, start, full)):
                self.taken[i] = str(m.lastgroup)
                continue
            start, end = self.starts.get(i, start), full
            for _ in range(_TAILS):
                if not (m := self.rules.tail.search(self.text, max(start, end - 300), end)):
                    break
                rule = str(m.lastgroup)
                self.matches.append((m.start(rule), m.end(rule), rule))
                end = m.start() + 1
            if end < full:
                self.cuts.append((end, full, ""))

    def edits(self) -> list[Edit]:
        """Returns the deletions; between remaining lines, the larger of two breaks is kept."""
        edits, i, count = list(self.cuts), 0, len(self.bounds)
        while i < count:
            if i not in self.taken:
                i += 1
                continue
            first = i
            while i < count and i in self.taken:
                i += 1
            start, end = self.bounds[first][0], self.bounds[i - 1][1]
            before = self.bounds[first - 1][1] if first else 0
            after = self.bounds[i][0] if i < count else len(self.text)
            if first and (i == count or after - end > start - before):
                edits.append((before, end if i < count else after, ""))
            else:
                edits.append((start if first else 0, after, ""))
        return sorted(edits)
