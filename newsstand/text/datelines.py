"""Datelines: the place, date and agency before the first sentence of news.

A dateline is the city in capitals, then state or country, date and agency according to house style,
then a dash (Associated Press Stylebook, "datelines"); agencies differ in order and punctuation.

Every pattern can match the start of a line in one way only: words end where separators begin, and
repetitions are possessive or atomic, so that a failing match tries each word once.
"""

# ruff: noqa: RUF001  (typographic marks are what this module is about)

import re
from functools import cache

from newsstand.text.boilerplate_names import AGENCIES, DAY, MONTH, PLACES
from newsstand.text.boilerplate_rules import BY_OUR, Rules

_LONGEST = 120  # characters of a dateline
_PLACE_WORDS = 5  # most words of a place in scripts without case, where a sentence may look alike
# A dash or dot needs no blank after it; a possible quotation mark does.
BULLET = re.compile(r"[-–—•*·∙▪●◦‣]\s{0,2}|[>»]\s{1,2}")

# Agencies of Iran, which are put between dashes: 'Tehran - IRNA -', 'تهران- ایرنا-'.
_PERSIAN = "ایرنا|ایسنا|تسنیم|ایلنا|ایکنا|برنا|ایران پرس"
_IRANIAN = f"IRNA|ISNA|MNA|Mehr|Tasnim|Fars|FNA|Iran Press|{_PERSIAN}|مهر"
_AGENCY = f"(?:{AGENCIES}|ANSAmed|{_PERSIAN}|وام)"
_SOLAR = "فروردین|اردیبهشت|خرداد|تیر|مرداد|شهریور|مهر|آبان|آذر|دی|بهمن|اسفند"

# A capitalised word, or a word in a script without case. It may contain a full stop or a hyphen
# ('U.S', 'Port-au'), and end in a full stop if no separator follows.
_NAME = r"[^\W\d_a-z](?:[\w'’\u200c]|[.-](?=\w))*+"
_STOPPED = rf"{_NAME}\.?+"
_MONTH = rf"(?:{MONTH}[^\W\d_]{{0,8}}+|{_SOLAR})"
_NUMBER = r"\d{1,2}+(?:st|nd|rd|th|er|º|\.)?+(?!\d)"
# 'May 3', 'Sept. 3rd', '3rd May', '03 May', '3 de mayo'; optionally after the weekday.
_DATE = rf"(?i:(?:{DAY},? )?+(?:{_MONTH}\.?+ {_NUMBER}|{_NUMBER} (?:d[ei] |of )?+{_MONTH}\b\.?+))"
_YEAR = r"(?:,? \d{4}+)?+"

# 'PARIS, May 3 (AFP) -', 'MOSCOW, May 3. /TASS/.', 'Tehran, May 3, IRNA -'
_WORD = (
    rf"(?>{_NAME}|\d{{1,4}}+(?:st|nd|rd|th|º)?+|[a-z]{{3,5}}(?=\.? \d)|(?<=\d )\w{{3,5}}"
    rf"|(?<=[nr]d |st |th )(?i:{MONTH})\w*+|d[ei] (?i:{MONTH})\w*+|d[aeo]l?|of|the|la|and)"
)
_MARKED = re.compile(
    rf"(?P<place>(?>{_WORD}(?:\.?+/|-?[ ,.،]{{1,3}}+)){{0,9}}?)"
    rf"(?:\((?P<agency>{_AGENCY})(?:[/,; &-]++(?:and )?+{_AGENCY})*+\)"
    rf"|(?:/|(?<=/)) ?{_AGENCY} ?/|(?<=[,،] ){_AGENCY}(?=\s?[-–—:]))"
    r"[.,]*+(?P<mark>\s?[-–—―:=_]++)?+\s*+"
)
# 'LONDON —', 'PALM BEACH, Fla. —', 'ROME, MAY 12 -', 'ABU DHABI, 3rd May 2024 --'
_CAPS = r"[A-ZÀ-ÞĀ-Ž][A-ZÀ-ÞĀ-Ž.'’]*+"
_CITIES = rf"{_CAPS}(?:[ -](?!{_DATE}){_CAPS})*+"


@cache
def _city() -> re.Pattern[str]:
    return re.compile(_CITIES)


@cache
def _bare() -> re.Pattern[str]:
    return re.compile(
        rf"(?P<city>{_CITIES})(?:/{_CITIES}){{0,2}}+"
        rf"(?P<region>, (?!(?i:{MONTH}[a-z]*+\b)){_STOPPED}(?: (?!{_DATE}){_STOPPED}){{0,2}}+)?+"
        rf"(?P<date>[,.]?+ {_DATE}{_YEAR})?+"
        rf"(?P<agency> \({_STOPPED}(?:[ /&]{{1,3}}+{_STOPPED}){{0,3}}+\))?+"
        r"(?:\s?(?P<mark>--|[-–—―:](?=\s)|[–—―])\s*+|$)"
    )


# 'Tehran - IRNA -', 'تهران- ایرنا-', 'تهران-ایرنا-': here a hyphen always separates.
_PLAIN = r"(?:[^\W\d_a-z][\w'’\u200c]*+\.?+|\d{1,4}+(?:st|nd|rd|th)?+)"


@cache
def _dashed() -> re.Pattern[str]:
    return re.compile(
        rf"(?P<place>{_PLAIN}(?:[,،]? {_PLAIN}){{0,5}}+)"
        rf"(?:\s?[-–—]\s?\d{{1,2}}+(?: {_PLAIN}){{1,2}}+)?+"
        rf"\s?[-–—]\s?(?:{_IRANIAN})(?: ?/ ?(?:{_IRANIAN}))?+\s?[-–—:]++\s*+"
    )


_DESK = "(?i:Agency|News|Press|Service|Telegram|Wire)"


@cache
def _other() -> re.Pattern[str]:
    return re.compile(
        # 'Iran Press/America:', 'Iran Press/ Iran News:'
        rf"(?:(?:{_NAME} ){{1,3}}{_DESK}|[A-Z]{{3,4}}A|Mehr|Tasnim|Fars|TASS|Iranpress|{_PERSIAN})"
        rf" ?/ ?{_STOPPED}(?: (?:{_STOPPED}|news)){{0,2}}+ ?:\s*+"
        r"|【[^】]{2,20}】|新华社[^\s，。]{1,16}?电(?:[（(][^)）]{1,20}[)）])?\s*+"
        r"|\([가-힣]{2,5}=[가-힣]{2,6}\)(?: [가-힣]{2,4} 기자)?(?: =)?\s*+"
    )


_MARK = re.compile("[-–—―(/:【电]")  # in every dateline that is not a line of its own
# Required by the rarer patterns, which are compiled when a line contains these.
_IRAN = re.compile(_IRANIAN)
_PARTED = re.compile("[/【电=]")
_OUR_OWN = re.compile(rf"{BY_OUR}:\s*+")
# Not in a place: 'report' and 'news agency', which begin sentences in Persian.
_NO_PLACE = re.compile("Press|Agenc|News|گزارش|خبرگزاری")
# Agencies in capitals without another meaning: 'Alcoholics Anonymous (AA)' is not a dateline.
_KNOWN = frozenset(["AP", "AFP", "ANSA", "CNN", "EFE", "IRNA", "ISNA", "PTI", "UPI", "WAM"])


def dateline(
    line: str, rules: Rules, *, after: bool = False, listed: bool = False
) -> tuple[int, str] | None:
    """Returns the end and the rule of a dateline at the start of a line, or None.

    Args:
        line: The start of the line, as long as the longest dateline or longer.
        rules: The rules to apply.
        after: Whether another dateline precedes it: '(ANSA) - ROMA -'.
        listed: Whether the line may be an item of a list of places or dates; then a dateline
            needs an agency.
    """
    first, start = line[:1], 0
    if first.islower():
        return None
    if not first.isalnum() and (bullet := BULLET.match(line)):
        start = bullet.end()
    if (
        line.startswith("By Our", start)
        and "byline" in rules.names
        and (match := _OUR_OWN.match(line, start, _LONGEST))
    ):
        return match.end(), "byline"
    if "dateline" not in rules.names:
        return None
    end = _end(line, start, after=after, listed=listed)
    # A match may not end where the search ends, or before lower case.
    if not end or end == _LONGEST < len(line) or line[end : end + 1].islower():
        return None
    return end, "dateline"


def _end(line: str, start: int, *, after: bool, listed: bool) -> int:
    if _MARK.search(line, start, _LONGEST):
        if (match := _MARKED.match(line, start, _LONGEST)) and _is_place(match):
            return match.end()
        if _IRAN.search(line, start, _LONGEST):
            match = _dashed().match(line, start, _LONGEST)
            if match and _may_be_place(match["place"]):
                return match.end()
        if _PARTED.search(line, start, _LONGEST) and (
            match := _other().match(line, start, _LONGEST)
        ):
            return match.end()
    if line[start + 1 : start + 2].islower():
        return 0
    match = _bare().match(line, start, _LONGEST)
    return match.end() if match and _is_sure(match, after=after, listed=listed) else 0


def _is_sure(match: re.Match[str], *, after: bool, listed: bool) -> bool:
    """Whether a match without agency marks is certainly a dateline."""
    dashed = match["mark"] not in (None, ":")
    if match["date"] or listed:
        return not listed or bool(match["agency"] and dashed)
    if match["region"] or match["agency"] or after:
        return dashed or match["city"] in PLACES
    if match["city"] not in PLACES:
        return False
    following = _city().match(match.string, match.end())  # 'LONDON - PARIS: by train in two hours'
    return not following or following[0] not in PLACES


def _is_place(match: re.Match[str]) -> bool:
    """Whether the text before an agency is a place; 'Alcoholics Anonymous (AA)' has none."""
    place, agency = match["place"].strip(" ,./،-"), match["agency"] or ""
    if not place:
        return True
    if not _may_be_place(place):
        return False
    if place.split()[0].isupper() or re.search(r"[,\d]", place) or place.upper() in PLACES:
        return True
    return bool(match["mark"]) and (not agency.isupper() or agency in _KNOWN)


def _may_be_place(words: str) -> bool:
    caseless = words.lower() == words.upper()
    return not _NO_PLACE.search(words) and not (caseless and len(words.split()) > _PLACE_WORDS)
