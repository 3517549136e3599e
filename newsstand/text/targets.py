"""Tests whether a text mentions the words of a target."""

import re
from functools import lru_cache

from newsstand.features.hashed_ngrams import HashedNgrams
from newsstand.text.article import Span
from newsstand.text.example import Example

# English function words and common verbs of claims.
_STOP_WORDS = """
    a about above after again against all also am an and another any anybody anyone anything are
    aren't as at away back be because been before being below between both but by can can't cannot
    come could couldn't day days did didn't do does doesn't doing don't down during each either else
    enough even ever every everybody everyone everything few first for from further get give go good
    had hadn't has hasn't have haven't having he her here hers herself him himself his how i if in
    instead into is isn't it it's its itself just keep kept less let like longer made make makes
    making many may me might mine more most much must my myself need needs neither never new no
    nobody none nor not nothing now of off often on once one only onto or other others ought our
    ours ourselves out over own people per person persons put rather really right same say says
    shall she should shouldn't since so some somebody someone something still such take than that
    that's the their theirs them themselves then there these they thing things this those though
    three through time times to together too two under until up upon us use used very want wants was
    wasn't way we well were weren't what when where whether which while who whom whose why will with
    within without won't work worse worth would wouldn't year years yes yet you your yours yourself
    yourselves
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())

# Scripts without spaces between words: Thai, Lao, Myanmar, Khmer, Chinese, Japanese.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
# A simple stemmer for English: "denies", "denied" and "deny" have the same stem.
_ENDINGS = "(?:['’]s|ies|ied|ing|ed|es|s|e|y)"  # noqa: RUF001 - quotes
_STEMMED = 3  # minimum letters of a stem
_ENDING = re.compile(rf"(?<=\w{{{_STEMMED}}}){_ENDINGS}\b")
_WORDS = HashedNgrams(words=(1, 1))


def stem(text: str) -> str:
    """Returns the text in lower case, without common English word endings."""
    return _ENDING.sub("", text.lower())


@lru_cache(maxsize=4096)
def content_spans(target: str) -> tuple[Span, ...]:
    """Returns the spans of a target's words without English stop words, or of all if none is left.

    >>> target = "Zoos should be closed"
    >>> [target[start:end] for start, end in content_spans(target)]
    ['Zoos', 'closed']
    """
    words = _WORDS.positions(target)
    spans = sorted(zip(words.starts.tolist(), words.ends.tolist(), strict=True))
    plain = target.lower().replace("’", "'")  # noqa: RUF001 - quotes
    if len(plain) != len(target):  # the lower case of a letter is longer
        return tuple(spans)
    return tuple(x for x in spans if plain[x[0] : x[1]] not in STOP_WORDS) or tuple(spans)


def mentions_target(example: Example) -> bool:
    """Whether a text contains a content word of its target, possibly with another ending."""
    if example.mentions:
        return True
    target, text = example.target or "", example.text.lower()
    stems, pairs = _search_terms(target)
    if not stems and not pairs:  # a target of punctuation only
        return target.lower() in text
    if any(pair in text for pair in pairs):
        return True
    # Few stems are in the text, so the fast test comes first.
    candidates = [stem_ for stem_ in stems if stem_ in text]
    return any(re.search(_pattern(stem_), text) for stem_ in candidates)


@lru_cache(maxsize=4096)
def _search_terms(target: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns stems of a target's content words, and letter pairs of scripts without spaces."""
    words = [target[start:end] for start, end in content_spans(target)]
    phrases = [word.lower() for word in words if _UNSPACED.search(word)]
    stems = dict.fromkeys(stem(word) for word in words if not _UNSPACED.search(word))
    pairs = dict.fromkeys(word[i : i + 2] for word in phrases for i in range(len(word) - 1))
    return tuple(stems), tuple(pairs)


def _pattern(word: str) -> str:
    endings = f"{_ENDINGS}?" if len(word) >= _STEMMED else ""
    return rf"(?<!\w){re.escape(word)}{endings}(?!\w)"
