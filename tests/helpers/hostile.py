"""Texts that a slow pattern would stumble over: a unit repeated, something before, something after.

Units are put together from all that the rules speak of. The time of each pass over such a text is
measured in CPU time, and cut off, so that one that never ends is a finding and no standstill.
"""

# ruff: noqa: RUF001  (typographic marks and scripts are the point)

import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf
from types import FrameType
from typing import ClassVar

from newsstand.data.checks.text_flaws import text_facts
from newsstand.data.prepare import content_key
from newsstand.data.splits.shingles import WORDS, _borrowed
from newsstand.errors import InputError
from newsstand.features.fields import located_texts
from newsstand.features.hashed_ngrams import HashedNgrams
from newsstand.io.bundle import Bundle
from newsstand.serve.scorer import Scorer
from newsstand.text.article import Article
from newsstand.text.boilerplate import is_boilerplate
from newsstand.text.example import LONGEST_TARGET, Example
from newsstand.text.normalize import TextSpec, normalise
from newsstand.text.segments import segments
from newsstand.text.sentences import sentence_spans
from newsstand.text.targets import stem

ALPHABET = (
    *("A", "a", "Ab", "By ", "by ", "AP", "AFP", "Reuters", "IRNA", "WAM", "(AP)", "/TASS/"),
    *("LONDON", "LONDON - ", "PARIS, ", "Fla.", "St. ", "May ", "3rd ", "may", "3 ", "12", "2020"),
    *(".", ",", ";", ":", "!", "?", "…", "-", "–", "—", "--", "/", "|", "=", "_", "#", "@", "%"),
    *("(", ")", "[", "]", "{", "}", "<", ">", '"', "'", "’", "“", "”", "„", "«", "»", "*", "•"),
    *(" ", "  ", "\n", "\n\n", "\t", "\r", "\r\n", "\x0c", "\xa0", "\u200b", "\u2028", "\ufeff"),
    *("&amp;", "&", "amp;", "&lt;", "&#38;", "<b", "<b>", "</b>", "<a x=", "<!--", "<script>"),
    *("\u200c", "\u200d", "\u200e", "\u202b", "\xad", "\x92", "\ud800", "\udfff", "e\u0301"),
    *("\u0301", "\u0316", "\u0345", "\u0327", "\u0323", "é", "ß", "д.", "Д", "мая ", "中", "中."),
    *("电", "新华社", "【", "】", "。", "，", "가", "(서울=", "기자", "한", "ا", "تهران- "),
    *("ایرنا-", "، ", "مهر", "۱۳ ", "👏", "http://", "www.", "x@y.z", "@a", "#Ab", "Read more: "),
    *("Share ", "© ", "(ENDS)", "code:", "said ", "the ", "of ", "and ", "de ", "Photo: ", "<p>"),
    *("Editing by ", "Updated 10:42 ", "Follow ", "Roe ", "■"),
)
# Those that have been slow once, and what is near to them.
KNOWN = (
    *("A.", "д.", "中.", "A. ", "A-", "A'", "A.B", "(A", "A/", "3.", "May 3. ", "of ", "St. "),
    *("A, ", " ", "\n", " \n", "\ufeff ", "\t", ".", "…'", ".”", "?!", "' ", "A.\n", "- ", "- A"),
    *("• A\n", " | AP", " - BBC News", " -- CNN", "| ", ". ■", ". (ENDS)", ".-30-", "ENDS\n"),
    *("30\n", "A\n", "\u0301\u0316", "e\u0301", "\u0345\u0327", "\u0323\u0307", "\u1161"),
    *("\u0f71", "\u05b0\u05bc", "<a ", "<", "<b<b", "</", "<!--", "<script>", "&amp;", "&"),
    *("&amp;lt;b&amp;gt;", "<<b>b>", "“", "“\n\n", "„“", '"', '"a', "«»", "»«", "((", "[("),
    *("(@a", "#", "#Ab", "code:.", "code.", "LONDON - ", "LONDON ", "LONDON-", "LONDON/"),
    *("PARIS, Fla. ", "(ANSA) - ", "(AP/", "AP, ", "By A ", "By A, ", "Read more: ", "3-", "a "),
    *("Reporting by A; ", "Follow @a ", "Share ", "Updated ", "تهران - ", "تهران، ", "ایرنا - "),
    *("新华社", "【", "(서울=", "\ud800", "\u200c", "\u200d"),
)
AROUND = (
    "",
    "",
    "LONDON (Reuters) - ",
    "By Jane Roe\n\n",
    "A",
    "x ",
    " ",
    "(",
    "“",
    "<p>",
    "Wheat.",
)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A unit, and what stands before and after its repetitions."""

    before: str
    unit: str
    after: str

    def text(self, length: int) -> str:
        """The pattern in so many characters, or a few more."""
        room = length - len(self.before) - len(self.after)
        return self.before + self.unit * max(1, room // len(self.unit)) + self.after


def patterns(count: int, seed: int) -> Iterator[Pattern]:
    """The known ones in two surroundings, then so many random ones of 1 to 4 pieces a unit."""
    rng = random.Random(seed)
    for unit in KNOWN:
        yield Pattern("", unit, "x")
        yield Pattern(rng.choice(AROUND), unit, "")
    for _ in range(count):
        unit = "".join(rng.choices(ALPHABET, k=rng.randint(1, 4)))
        unit += rng.choice(("", "", "", "\n", "\n\n"))
        yield Pattern(rng.choice(AROUND), unit, rng.choice(AROUND))


@dataclass
class Passes:
    """What is done with a text, by name: each takes it as a body, a title, or a whole article.

    Args:
        topic, stance: Small linear bundles.
        target: Of the stance.
    """

    topic: Bundle
    stance: Bundle
    target: str = "the port"
    spec: TextSpec = field(default_factory=TextSpec)

    NAMES: ClassVar = (
        *("clean and strip", "title", "plain text", "headline", "segments", "sentences"),
        *("data", "features", "topic", "stance", "target"),
    )

    def all(self) -> dict[str, Callable[[str], object]]:
        """Each by its name."""
        found: tuple[Callable[[str], object], ...] = (
            lambda text: normalise(Article(body=text), self.spec),
            lambda text: normalise(Article(title=text, body="Rye."), self.spec),
            Article.from_text,
            is_boilerplate,
            lambda text: segments(self._example(text).prepared),
            lambda text: (sentence_spans(text), stem(text)),
            self._data,
            self._features,
            lambda text: self._score(self.topic, Article(title="Rye", body=text), None),
            lambda text: self._score(self.stance, Article(body=text), self.target),
            lambda text: self._score(self.stance, Article(body=text), text[:LONGEST_TARGET]),
        )
        return dict(zip(self.NAMES, found, strict=True))

    def _example(self, text: str) -> Example:
        return Example.of_prepared("Rye", text, self.target)

    @staticmethod
    def _score(bundle: Bundle, article: Article, target: str | None) -> None:
        with suppress(InputError):  # where no text is left, or no target
            Scorer(bundle).score(article, target=target)

    def _data(self, text: str) -> None:
        content_key(text)
        text_facts("", text, "", text)
        _, rows, starts = HashedNgrams(words=(WORDS, WORDS)).hashes([text])
        _borrowed([text], rows, starts)

    def _features(self, text: str) -> None:
        example = self._example(text)
        for part in ("text", "title", "lead", "near", "target"):
            list(located_texts(part, example, hashtags=True))


class TooSlowError(Exception):
    """A pass that took more CPU time than allowed."""


def seconds(run: Callable[[str], object], text: str, limit: float, times: int = 1) -> float:
    """The CPU time of a pass over a text, the best of several; the limit's, where it is cut off."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TooSlowError

    before = signal.signal(signal.SIGPROF, stop)
    best = limit
    try:
        for _ in range(times):
            signal.setitimer(signal.ITIMER_PROF, limit)
            start = time.process_time()
            run(text)
            best = min(best, time.process_time() - start)
            signal.setitimer(signal.ITIMER_PROF, 0)
    except TooSlowError:
        return limit
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    return best


def growth(
    run: Callable[[str], object], pattern: Pattern, lengths: Sequence[int], floor: float
) -> float:
    """The worst growth of time from one length to the next; times below the floor count as it.

    Infinite, where a pass takes a second.
    """
    worst, limit = 0.0, 1.0
    for short, long in pairwise(lengths):
        for times in (1, 3):  # measured again only if it looks bad
            first = max(seconds(run, pattern.text(short), limit, times), floor)
            second = seconds(run, pattern.text(long), limit, times)
            ratio = second / first if second < limit else inf
            if ratio <= 3:
                break
        worst = max(worst, ratio)
    return worst
