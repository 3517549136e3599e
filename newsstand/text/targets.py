"""Whether a text speaks of a target at all, by the target's words."""

import re
from functools import lru_cache

from newsstand.features.hashed_ngrams import HashedNgrams
from newsstand.text.example import Example

# English words that a claim is put in, whatever it is about.
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

# Scripts that put no spaces between words: Thai and its neighbours, Chinese, Japanese.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
# A plain stemmer for English, so that "denies", "denied" and "deny" are one word.
_ENDINGS = "(?:['’]s|ies|ied|ing|ed|es|s|e|y)"  # noqa: RUF001 - quotes
_STEMMED = 3  # letters that `stem` leaves at least
_ENDING = re.compile(rf"(?<=\w{{{_STEMMED}}}){_ENDINGS}\b")
_WORDS = HashedNgrams(words=(1, 1))


def stem(text: str) -> str:
    """The text in lower case, its words without common English endings."""
    return _ENDING.sub("", text.lower())


@lru_cache(maxsize=4096)
def content_spans(target: str) -> tuple[tuple[int, int], ...]:
    """Where the words of a target stand that say what it is about, half-open.

    English stop words are none, unless there are no others.

    >>> target = "Zoos should be closed"
    >>> [target[start:end] for start, end in content_spans(target)]
    ['Zoos', 'closed']
    """
    places = _WORDS.positions(target)
    spans = sorted(zip(places.starts.tolist(), places.ends.tolist(), strict=True))
    plain = target.lower().replace("’", "'")  # noqa: RUF001 - quotes
    if len(plain) != len(target):  # a letter whose small form is longer
        return tuple(spans)
    return tuple(x for x in spans if plain[x[0] : x[1]] not in STOP_WORDS) or tuple(spans)


def speaks_of(example: Example) -> bool:
    """Whether an example's text holds a content word of its target, other endings allowed."""
    if example.mentions:
        return True
    target, said = example.target or "", example.text.lower()
    stems, pieces = _searched(target)
    if not stems and not pieces:  # nothing but marks
        return target.lower() in said
    if any(piece in said for piece in pieces):
        return True
    # Most are nowhere in the text: what is found fast is looked at closely.
    near = [word for word in stems if word in said]
    return any(re.search(_pattern(word), said) for word in near)


@lru_cache(maxsize=4096)
def _searched(target: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Stems of a target's content words, and pairs of letters of scripts without spaces."""
    words = [target[start:end] for start, end in content_spans(target)]
    joined = [word.lower() for word in words if _UNSPACED.search(word)]
    stems = dict.fromkeys(stem(word) for word in words if not _UNSPACED.search(word))
    pairs = dict.fromkeys(word[i : i + 2] for word in joined for i in range(len(word) - 1))
    return tuple(stems), tuple(pairs)


def _pattern(word: str) -> str:
    endings = f"{_ENDINGS}?" if len(word) >= _STEMMED else ""
    return rf"(?<!\w){re.escape(word)}{endings}(?!\w)"
