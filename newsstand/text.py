"""The one text preparation for news, used identically for training and scoring.

Two stages, repeated until nothing changes, so that preparing prepared text is a no-op:

1. *Cleaning.* Left-over HTML tags and entities, control and zero-width characters, Unicode
   NFC, blanks. Paragraph breaks become one empty line. A single line break stays, because many
   sources end paragraphs with it, unless its paragraph is hard-wrapped wire copy (no line over
   100 characters, and a full line followed by one that starts in lower case): there it becomes
   a blank.
2. *Stripping.* Datelines, credits, prompts and the other boilerplate of `RULES`. A line rule
   must match a whole short line; inside a paragraph only its very start (a dateline) and its
   very end (a prompt with a colon or a link, a reference code) are touched. In doubt, text stays.

Only title and body decide the result: no outlet or author column, which a caller may have in
training and lack in scoring. Every step yields edits; a list of edits is one layer of the
alignment, and offsets go back through the layers by bisection, only when somebody asks.
"""

# ruff: noqa: RUF001  (typographic marks are what this module is about)

import difflib
import html
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from html.entities import html5
from types import MappingProxyType
from typing import Any, Literal, Self

from newsstand.article import Article
from newsstand.errors import ConfigError

RULES: Mapping[str, str] = MappingProxyType(
    {
        "outlet": "the outlet's name after the headline: 'Grain falls | Reuters'",
        "byline": "who wrote, edited or contributed: 'By Jane Roe, Staff Writer'",
        "dateline": "place, date and agency before the first sentence: 'PARIS, May 3 (AFP) -'",
        "timestamp": "publication, update and reading times: 'Updated 10:42 GMT'",
        "share": "share buttons and counts: 'Share this article'",
        "caption": "photo credits and the captions they come with: '(Getty Images)'",
        "related": "pointers to other stories: 'Read more: Minister quits'",
        "prompt": "newsletter, subscription, follow, app and contact prompts",
        "advert": "advertising marks: 'Story continues below'",
        "copyright": "copyright lines and disclaimers: 'All rights reserved.'",
        "link": "lines that are only a link, an address or a handle",
        "code": "bare reference codes: '211/104', 'ND/77-B', 'Code: 4321/12'",
        "endmark": "end marks and ornaments: '-- ends --', '###', '/More/'",
    }
)

# One round cleans and strips; another follows only when something changed, because decoding can
# uncover markup ('&amp;lt;p&amp;gt;') and stripping a line can make neighbours of two others.
_ROUNDS = 8
_SHORT = 200  # characters; a longer line is prose
_WIDTH = (45, 100)  # characters of a full line in hard-wrapped copy

_Edit = tuple[int, int, str]  # start, end, replacement; sorted and disjoint within a list


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSpec:
    """What the preparation does; part of a model's bundle.

    Args:
        strip: Boilerplate rules in force, names from `RULES`; `()` only cleans.
        warn_removed: Warn when more than this share of the non-blank characters was stripped.

    Raises:
        ConfigError: An unknown rule, or a share outside 0 to 1.
    """

    strip: tuple[str, ...] = tuple(RULES)
    warn_removed: float = 0.4

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
        if problems:
            raise ConfigError(problems)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` reads them back."""
        return asdict(self) | {"strip": list(self.strip)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """A spec from `to_dict`'s values; absent keys keep their defaults.

        Raises:
            ConfigError: An unknown key, or a value that the spec refuses.
        """
        known = cls.__dataclass_fields__
        if unknown := [_unknown("text", key, known) for key in values if key not in known]:
            raise ConfigError(unknown)
        return cls(**values)


def _unknown(where: str, name: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0)
    return f"{where}: unknown name {name!r}; did you mean {near[0]!r}? (known: {', '.join(known)})"


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

    new: tuple[int, ...]
    new_end: tuple[int, ...]
    old: tuple[int, ...]
    old_end: tuple[int, ...]

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
    _layers: tuple[_Layer, ...] = field(default=(), repr=False)

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
    rules = _rules(spec.strip)
    drafts = _Draft("title", article.title), _Draft("body", article.body)
    for draft in drafts:
        draft.settle(rules)
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

    def edit(self, edits: list[_Edit]) -> None:
        pieces: list[str] = []
        new: list[int] = []
        at = size = 0
        for start, end, text in edits:
            pieces += self.text[at:start], text
            size += start - at
            new.append(size)
            size += len(text)
            at = end
        self.text = "".join(pieces) + self.text[at:]
        old, old_end, texts = zip(*edits, strict=True)
        new_end = tuple(at + len(text) for at, text in zip(new, texts, strict=True))
        self.layers.append(_Layer(tuple(new), new_end, old, old_end))

    def settle(self, rules: "_Rules") -> None:
        """Rounds of cleaning and stripping, until one could change nothing more.

        Deleting whole lines gives no rule a new chance, so most articles need one round. What
        may: a composed letter beside a joiner, markup, a line that lost its dateline or its
        tail, and single line breaks, where wrapped lines can meet.
        """
        for _ in range(_ROUNDS):
            size = len(self.layers)
            composed = self.clean()
            cut = self.strip(rules)
            text = self.text
            again = composed or cut or "<" in text or "&" in text or _has_single_breaks(text)
            if len(self.layers) == size or not again:
                return

    def clean(self) -> bool:
        """One pass of the cleaning steps; whether letters were composed."""
        composed = False
        for step in (_markup, _characters, _compose, _blanks, _unwrap):
            text = self.text
            if edits := [edit for edit in step(text) if text[edit[0] : edit[1]] != edit[2]]:
                self.edit(edits)
                composed |= step is _compose
        return composed

    def strip(self, rules: "_Rules") -> bool:
        """One sweep of the rules; whether it cut into lines that stay."""
        lines = _Lines(self.text, rules)
        if self.part == "title":
            lines.outlet()
        else:
            lines.sweep()
        if not lines.found:
            return False
        before, rules_found = self.text, {rule for _, _, rule in lines.found}
        origins = [(*_source(self.layers, start, end), rule) for start, end, rule in lines.found]
        self.edit(lines.edits())
        if not re.search(r"\w", self.text):  # never leave a part empty
            self.text, self.all_boilerplate = before, ", ".join(sorted(rules_found))
            self.layers.pop()
            return False
        self.spans += origins
        self.lost += _ink("".join(before[start:end] for start, end, _ in lines.found))
        return bool(lines.cuts)

    def removed(self) -> Iterator[Removed]:
        """The stripped spans in order; one that came to enclose an earlier one swallows it."""
        merged: list[tuple[int, int, str]] = []
        for start, end, rule in sorted(self.spans, key=lambda span: (span[0], -span[1])):
            if merged and start < merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]), merged[-1][2])
            else:
                merged.append((start, end, rule))
        return (Removed(self.part, s, e, self.original[s:e], rule) for s, e, rule in merged)


# --- Cleaning: each step looks cheaply whether there is anything to do -----------------------

_BLOCKS = (
    "p|div|h[1-6]|ul|ol|dl|table|tr|blockquote|section|article|header|footer|aside|nav|main|figure"
    "|figcaption|pre|form|hr|br|li|dt|dd|td|th"
)
_INLINE = (
    "a|abbr|b|button|center|cite|code|del|em|font|i|iframe|img|input|ins|label|mark|o:p|picture|q"
    "|s|script|small|source|span|strike|strong|style|sub|sup|svg|tbody|thead|time|u|video|wbr"
)
# Only known tags, with attributes only after an equals sign: 'a <b and c> d' is no tag. Every
# scan stops at the next '<', so that a text full of them costs one pass.
_TAG = re.compile(
    rf"<(?=[!/a-z])(?:!--[^<>]*+>|(script|style)\b[^<>]*+>[^<]*+</\1\s*+>"
    rf"|/?(?:(?P<block>{_BLOCKS})|{_INLINE})(?P<attributes>[\s/][^<>]*+)?>)",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:amp;)*(#\d{1,7};|#[xX][0-9a-fA-F]{1,6};|[a-zA-Z][a-zA-Z0-9]{1,31};)")
_BREAK = {"br": "\n", "li": "\n", "dt": "\n", "dd": "\n", "tr": "\n", "td": " ", "th": " "}


def _markup(text: str) -> Iterator[_Edit]:
    if "<" in text:
        matches = [m for m in _TAG.finditer(text) if _is_tag(m["attributes"])]
        for m in matches:
            block = m["block"]
            yield *m.span(), _BREAK.get(block.lower(), "\n\n") if block else ""
        if matches:  # entities wait for the next round: the edits of one step must be disjoint
            return
    if "&" in text:
        for m in _ENTITY.finditer(text):
            if m[1][0] == "#" or m[1] in html5:
                yield *m.span(), html.unescape(f"&{m[1]}")


def _is_tag(attributes: str | None) -> bool:
    return not attributes or "=" in attributes or not attributes.strip(" /\n\t")


# Joiners are spelling in Persian and Indic scripts and hold emoji together; elsewhere they are
# litter. A lone surrogate cannot be encoded.
_LATIN = r"[\x00-\u02ff\u061c\u1680\u180e\u2000-\u206f\u3000\ufeff\ufff9-\ufffb]"
_ODD = re.compile(
    r"(?P<breaks>(?:\r\n?|[\x0b\x0c\u2028\u2029])++)"
    r"|(?P<blanks>[\t\xa0\u1680\u2000-\u200a\u202f\u205f\u3000\x1c-\x1f]++)"
    r"|(?P<litter>[\x00-\x08\x0e-\x1b\x7f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    r"\ufeff\ufff9-\ufffb]++)"
    r"|(?P<broken>[\x80-\x9f\ud800-\udfff]++)"
    rf"|(?<!{_LATIN})(?<!^)[\u200c\u200d](?!{_LATIN}|$)(?P<joiner>)|(?P<loose>[\u200c\u200d])"
)
# C1 controls in news are Windows-1252 punctuation read as Latin-1, as HTML also has it.
_MENDED = {c: bytes([c]).decode("cp1252", "ignore") for c in range(0x80, 0xA0)}
_MENDED |= dict.fromkeys(range(0xD800, 0xE000), "\ufffd")


def _characters(text: str) -> Iterator[_Edit]:
    if text.replace("\n", "").isprintable():
        return
    for m in _ODD.finditer(text):
        kind, old = m.lastgroup, m[0]
        if kind == "breaks":
            pages = {"\x0c", "\u2029"}.intersection(old)
            yield *m.span(), "\n\n" if pages or len(old.replace("\r\n", "\n")) > 1 else "\n"
        elif kind == "broken":
            yield *m.span(), old.translate(_MENDED)
        elif kind != "joiner":
            yield *m.span(), " " if kind == "blanks" else ""


def _compose(text: str) -> Iterator[_Edit]:
    if text.isascii() or unicodedata.is_normalized("NFC", text):
        return
    # The few distinct characters tell what can combine; the regex then finds the clusters.
    distinct = [char for char in set(text) if char > "\u02ff"]
    marks = [c for c in distinct if unicodedata.category(c)[0] == "M" or "\u1160" <= c <= "\u11ff"]
    alone = [c for c in distinct if unicodedata.normalize("NFC", c) != c]
    some = "".join(map(re.escape, marks)) or "\u0300"
    for m in re.finditer(f"[^{some}]?[{some}]+|[{''.join(map(re.escape, alone)) or some}]", text):
        yield *m.span(), unicodedata.normalize("NFC", m[0])


_RUN = re.compile(r"[ \n]{2,}+")


def _blanks(text: str) -> Iterator[_Edit]:
    start, end = len(text) - len(text.lstrip(" \n")), len(text.rstrip(" \n"))
    if start:
        yield 0, start, ""
    if "  " in text or " \n" in text or "\n " in text or text.find("\n\n\n", start, end) >= 0:
        for m in _RUN.finditer(text, start, max(start, end)):
            yield *m.span(), "\n" * min(m[0].count("\n"), 2) or " "
    if start < end < len(text):
        yield end, len(text), ""


def _has_single_breaks(text: str) -> bool:
    return text.count("\n") != 2 * text.count("\n\n")


def _unwrap(text: str) -> Iterator[_Edit]:
    if not _has_single_breaks(text):
        return
    at = 0
    for block in text.split("\n\n"):
        lines = block.split("\n")
        full = [_WIDTH[0] <= len(line) <= _WIDTH[1] for line in lines]
        goes_on = [line[:1].islower() for line in lines[1:]]
        wrapped = any(a and b for a, b in zip(full, goes_on, strict=False))
        if wrapped and max(map(len, lines)) <= _WIDTH[1]:
            end = at - 1
            for i, line in enumerate(lines[:-1]):
                end += len(line) + 1
                if full[i] or goes_on[i]:
                    yield end, end + 1, " "
        at += len(block) + 2


# --- Stripping: what the rules know ------------------------------------------------------------
# Patterns are bounded: they see one short line, the first 120 or the last 300 characters of a
# paragraph, and a repeated group is possessive, so that a failing match never explores.

_AGENCIES = (
    "(?:The )?Associated Press|AP|(?:Thomson )?Reuters(?: Foundation)?|REUTERS|AFP(?:-Jiji)?"
    "|Agence France-Presse|dpa(?:-AFX)?|DPA|EFE|ANSA|(?:ITAR-)?TASS|RIA(?: Novosti)?|Sputnik"
    "|Interfax(?:-Ukraine)?|Ukrinform|Xinhua|XINHUA|Kyodo(?: News)?|KYODO|Jiji(?: Press)?|Yonhap"
    "|PTI|ANI|IANS|UNI|IRNA|ISNA|MNA|Mehr|Tasnim|Fars|FNA|Iran Press|IP|Anadolu(?: Agency)?|AA"
    "|Al Jazeera|BBC(?: News)?|CNN(?:Money| Business)?|UPI|Bernama|BERNAMA|SANA|MENA|PAP|APA|ATS"
    "|SDA|Belga|ANP|Ritzau|NTB|TT|STT|BNS|LETA|ELTA|[CČ]TK|MTI|Agerpres|HINA|Tanjug|BTA|ANA|AMNA"
    "|Lusa|LUSA|Ag[eê]ncia Brasil|T[eé]lam|Notimex|Antara|ANTARA|VNA|TNA|PNA|APP|BSS|UNB|INA|KUNA"
    "|QNA|WAM|SPA|BNA|ONA|Petra|WAFA|NNA|APS|MAP|TAP|GNA|NAN|PANA|AAP|Bloomberg|BLOOMBERG|JTA|RNS"
    r"|CNSNews\.com|CNA|VOA|RFE/RL|KCNA|CNBC|USA TODAY|ТАСС|Интерфакс|РИА Новости|Укринформ"
    "|رويترز|أ ف ب|د ب أ|سانا|ايرنا|إيرنا"
)
_OUTLETS = (
    "ABC News|AP News|BBC(?: News| Sport)?|Breitbart|CBC News|CBS News|CNN(?: Politics)?|DW|Dawn"
    "|El País(?: English)?|Euronews|Financial Times|Fox News|France 24|Hindustan Times|HuffPost"
    "|Le Monde|Los Angeles Times|NBC News|NPR|National Review|Newsmax|Newsweek|POLITICO|Politico"
    "|Sky News|South China Morning Post|TIME|The (?:Atlantic|Daily Beast|Economist|Guardian|Hill"
    "|Hindu|Independent|Japan Times|New York Times|Straits Times|Telegraph|Times of India"
    "|Washington Post|Washington Times|Wall Street Journal)|Townhall|WSJ|Reuters|AP|AFP|UPI"
    "|Associated Press|Bloomberg(?: News)?|Al Jazeera|USA TODAY|Xinhua|Anadolu Agency|CNBC"
)
# A bare 'CITY -' is a dateline only for these; any other place needs a region, date or agency.
_PLACES = frozenset(
    """ABIDJAN|ABU DHABI|ABUJA|ACCRA|ADDIS ABABA|ADEN|ALGIERS|ALMATY|AMMAN|AMSTERDAM|ANKARA|ASTANA
    ASUNCION|ATHENS|ATLANTA|AUCKLAND|AUSTIN|BAGHDAD|BAKU|BALTIMORE|BAMAKO|BANGKOK|BARCELONA|BASRA
    BEIJING|BEIRUT|BELFAST|BELGRADE|BENGALURU|BERLIN|BERN|BOGOTA|BOGOTÁ|BOSTON|BRASILIA|BRATISLAVA
    BRUSSELS|BUCHAREST|BUDAPEST|BUENOS AIRES|CAIRO|CANBERRA|CAPE TOWN|CARACAS|CHENNAI|CHICAGO
    CINCINNATI|CLEVELAND|COLOMBO|COPENHAGEN|DAKAR|DALLAS|DAMASCUS|DAVOS|DENVER|DETROIT|DHAKA|DOHA
    DUBAI|DUBLIN|EDINBURGH|FRANKFURT|GAZA|GAZA CITY|GENEVA|GLASGOW|GUATEMALA CITY|HANOI|HARARE
    HAVANA|HELSINKI|HO CHI MINH CITY|HONG KONG|HONOLULU|HOUSTON|HYDERABAD|INDIANAPOLIS|ISLAMABAD
    ISTANBUL|JAKARTA|JERUSALEM|JOHANNESBURG|JUBA|KABUL|KAMPALA|KANSAS CITY|KARACHI|KATHMANDU
    KHARKIV|KHARTOUM|KIEV|KIGALI|KINSHASA|KOLKATA|KUALA LUMPUR|KUWAIT CITY|KYIV|LA PAZ|LAGOS
    LAHORE|LAS VEGAS|LIMA|LISBON|LJUBLJANA|LONDON|LOS ANGELES|LUANDA|LUSAKA|LVIV|MADRID|MANAGUA
    MANAMA|MANILA|MAPUTO|MELBOURNE|MEXICO CITY|MIAMI|MILAN|MILWAUKEE|MINNEAPOLIS|MINSK|MOGADISHU
    MONTEVIDEO|MONTREAL|MOSCOW|MUMBAI|MUNICH|MUSCAT|NAIROBI|NASHVILLE|NEW DELHI|NEW ORLEANS
    NEW YORK|NIAMEY|NICOSIA|OKLAHOMA CITY|OSLO|OTTAWA|OUAGADOUGOU|PANAMA CITY|PARIS|PESHAWAR
    PHILADELPHIA|PHNOM PENH|PHOENIX|PITTSBURGH|PODGORICA|PORT-AU-PRINCE|PRAGUE|PRETORIA|PRISTINA
    PYONGYANG|QUETTA|QUITO|RABAT|RAMALLAH|RAWALPINDI|REYKJAVIK|RIGA|RIO DE JANEIRO|RIYADH|ROME
    SACRAMENTO|SALT LAKE CITY|SAN ANTONIO|SAN DIEGO|SAN FRANCISCO|SAN JOSE|SAN JUAN|SAN SALVADOR
    SANAA|SANTIAGO|SAO PAULO|SÃO PAULO|SARAJEVO|SEATTLE|SEOUL|SHANGHAI|SINGAPORE|SKOPJE|SOFIA
    SRINAGAR|ST. LOUIS|STOCKHOLM|STRASBOURG|SYDNEY|TAIPEI|TALLINN|TASHKENT|TBILISI|TEHRAN|TEL AVIV
    TIRANA|TOKYO|TORONTO|TRIPOLI|TUNIS|ULAANBAATAR|UNITED NATIONS|VANCOUVER|VATICAN CITY|VIENNA
    VIENTIANE|VILNIUS|WARSAW|WASHINGTON|WELLINGTON|WINDHOEK|YANGON|YAOUNDE|YEREVAN|ZAGREB
    ZURICH""".replace("\n    ", "|").split("|")
)
_SITES = "twitter|x|facebook|instagram|telegram|youtube|whatsapp|linkedin|tiktok|flipboard"
_MONTH = (
    "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|ene|abr|ago|dic|gen|mag|giu|lug|set|ott"
    "|fév|avr|mai|juin|juil|août|déc|mär|okt|dez|янв|фев|мар|апр|мая|июн|июл|авг|сен|окт|ноя|дек)"
)
_DAY = r"(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\b"
_NAME = r"[^\W\d_a-z][\w.'’-]*"  # a capitalised word, or one of a script without case
_PERSON = rf"(?!(?i:{_MONTH}[a-z]*\b|{_DAY})){_NAME}(?: (?:{_NAME}|de|van|von|bin|al)\b\.?){{1,3}}+"
_PERSONS = rf"{_PERSON}(?:(?:, and |, | and | & ){_PERSON})*+"
_TITLED = (
    rf"(?:(?:{_NAME}|in|and|by|for|from|with|at|of|the|staff|writers?|reporters?|correspondents?"
    r"|@\w+)[ ,;&./:]*+)++"
)
# What a time stamp is made of, and nothing else.
_STAMP = (
    rf"(?:[ :,.|•·–—()/-]|\d[\d:.]*(?:st|nd|rd|th|am|pm|h)?\b|{_DAY}|(?:{_MONTH}[a-zé]*|a\.?m"
    r"|p\.?m|gmt|utc|bst|ist|[ecmp][sd]?t|cest|cet|at|on|ago|an?|hours?|hrs?|min(?:ute)?s?|days?"
    r"|weeks?|months?|years?|today|yesterday|local time|paris|published|updated|modified)\b)++"
)
_WHEN = rf"(?=.*(?:\d[:.]\d\d|\d ?[ap]\.?m|\b{_MONTH}|\b{_DAY}|ago\b))(?=.*\d)"
# A call to act has no speaker: 'Sign up for the newsletter, he said' is prose.
_CALL = (
    r"(?!.*\b(?:said|says|told|asked|urged|added|wrote|ordered|warned|advised|demanded|insisted"
    r"|declared|promised|announced|pleaded|reads?)\b)"
)
_MORE = (
    "(?:read|see|watch|learn|click for|view) more(?: (?:here|below|stories|news|coverage))?"
    "|(?:read|see) also|also (?:read|see)|read next|further reading|(?:read )?more on this"
    "(?: story| topic)?|related (?:stor(?:y|ies)|articles?|coverage|topics|content|links|news)"
    "|see related|recommended reading|you may also like|up next|must read|don['’]t miss"
    "|more (?:news|stories|coverage)|also in the news|in case you missed it|[àa] lire aussi"
    "|lire aussi|le[ae] también|leggi anche|leia (?:também|mais)|lesen sie auch|mehr zum thema"
    "|читайте также|اقرأ أيضا"
)

# Whole lines, in lower case and without leading bullets; anywhere in the body.
_LOWER = {
    "timestamp": (
        rf"\(?(?:(?:first|last|originally|this|story|article|post|was|has|been) )*+(?:published"
        rf"|updated|posted|modified|issued|filed)\b{_STAMP}(?:(?<=- )[a-z .]{{3,30}})?",
        rf"published in [\w.'’ -]{{2,30}},{_STAMP}",
        r"this article is more than \d+ \w+ old",
        r"(?:estimated )?(?:reading time:? )?\d+[- ]min(?:ute)?s?(?: read| reading time)",
        r"reading time:? \d+ min(?:ute)?s?",
        r"\((?:adds|corrects|updates|recasts|refiles|repeats|rewrites)\b[^()]*\)",
        r"xinhua ?\| ?[\w:. -]{6,40}",
    ),
    "share": (
        r"(?:share|tweet|email|print|comments?|link copied|copy link|listen to article)"
        r"(?:[ :,|/0-9]|this|article|story|share|tweet|post|email|print|on|via|facebook|twitter"
        r"|whatsapp|linkedin|reddit|telegram|comments?|copy|link|save)*+",
        r"\d[\d.,]*k? (?:shares?|comments?|retweets|likes)",
        r"(?:read or )?share this (?:story|article|post): \S+",
    ),
    "caption": (
        r"(?:photos?|pictures?|images?|videos?|gallery|slideshow|graphic|file photo|getty images)"
        r"(?: ?\(\d+ (?:images|photos)\)| \d+ of \d+)?",
        r"(?:photo|picture|image|video|graphic)s? ?-?(?:credits?|courtesy)\b ?(?:of|:)? .{2,100}",
        r"(?:photo|photographs?|images?|illustration|pictures?) ?: (?!.*\. \w).{2,100}",
        r"(?:image (?:copyright|caption|source)|media (?:copyright|caption))\b.{2,}",
        r"media playback is unsupported on your device.*|enlarge this image.*",
        r"file(?: photo| image| picture)? ?(?:[-–—]+ |: ?).{10,}|(?:prev|next) image \d+ of \d+",
    ),
    "related": (
        rf"(?:{_MORE})(?: ?[:|>»–—-]+ ?.{{1,150}}|[:.…»>→ ]*)",
        rf"(?:{_MORE})\b[^.]{{0,60}}https?://\S+",
        r"(?:more|watch|listen|gallery|photos|related|recommended) ?:(?: ?.{2,110}(?<![.!\"”]))?",
        r"\( ?(?:photos|videos?|gallery|podcast|timeline|watch|related|also on \w+|see also|more"
        r"|read more) ?:[^()]*\)|(?:full|complete) coverage(?: of [^.]{3,60}|: .{2,80})",
        r"related[.…]*|just watched .* must watch .*|this article tagged under: .*",
        r"\[(?:story|article|video|audio|pull-?quote|audio-clip|embed)\]",
    ),
    "prompt": (
        rf"(?:please )?(?:sign(?:ing)? up|subscribe|register) (?:for|to|here|now|today)\b{_CALL}"
        r"(?=.*\b(?:newsletters?|inbox|e-?mails?|alerts?|briefings?|updates|digest)\b).*",
        rf"(?:get|receive|want|never miss|stay|join|enjoy) {_CALL}.*\b(?:your inbox|to your e-?mail"
        r"|(?:our|free|daily|weekly)(?: \w+){0,2} newsletters?)\b.*",
        rf"(?:download|get) (?:the|our) {_CALL}.{{0,40}}\bapp\b.*",
        r"(?:sign up|subscribe|sign in|log in|register|donate)(?: (?:here|now|today|to|for|free"
        r"|read|continue))*+[.!:]?",
        rf"subscribe (?:to|now|today|on|via|for)\b{_CALL}.*\b(?:podcasts?|channel|youtube|apple"
        r"|spotify|magazine|little as|premium|edition)\b.*",
        rf"follow {_CALL}(?:@\w+|us(?: on| at|:|$)|[^.,;]{{2,60}} on (?:{_SITES})\b).*",
        rf"(?:join|like|find|connect with|visit) us on (?:{_SITES})\b{_CALL}.*",
        rf"(?:click|tap) (?:here|for more|to (?:read|get|subscribe))\b{_CALL}.*",
        rf"(?:send|submit|email|contact|write|got|have|reach) {_CALL}.*"
        r"(?:\S@\S|\[email\W+protected\]).*",
        r"(?:have|got|send) a (?:news )?tip\b.*",
        r"support (?:our|independent|[\w.]+['’]s) (?:\w+ )?journalism\W*",
        r"become a (?:member|subscriber|supporter)(?: today| now)?\W*",
        r"(?:subscribers|members) only|newsletters?(?: sign-?up)?",
        r"visit .{2,30} homepage for more.*",
        r"thank(?:s| you) for (?:reading|subscribing|signing up)\W*.{0,80}",
    ),
    "advert": (
        r"(?:ad|advert|close|loading|sponsored(?: content)?|promoted|paid content)\W*",
        r"advertisement(?:\W+advertisement|\W+continue reading the main story)*+\W*",
        r"continue reading(?: below| the main story)?\W*",
        r"(?:story|article|content|post)s? continue[sd]?(?: reading)? below(?: advertisement)?\W*",
        r"(?:scroll (?:down )?to continue|skip (?:past |to )?(?:ad|newsletter|main))\b.{0,40}",
        r"(?:analysis|opinion|commentary)(?:/opinion)?:",
    ),
    "copyright": (
        r"(?:\(c\)|copyright)(?: |:|©|\(c\)|copyright|by)*+(?:19|20)\d\d\b"
        r"(?![^.]*\b(?:act|laws?|is|are|was|were|has|have|had|will|would|said|says)\b).*",
        r"(?:©|copyright (?:©|\(c\))).*|copyright .*all rights reserved.*",
        r"all rights reserved(?:\.(?: .*)?)?",
        r"this (?:material|article|content) may not be (?:published|reproduced)\b.*",
        r"the (?:opinions|views) expressed (?:by|in|here) .*(?:their|his|her|author['’]s) own\b.*",
        r"this is a rush transcript\b.*|our standards: .{0,20}trust principles\W*",
        r"translation of an original article published in \w+ on .*",
        r"(?:reproduction|republication) (?:without|is) .{0,30}(?:permission|prohibited)\b.*",
    ),
    "link": (
        r"(?:(?:link|source|url|web|website) ?: ?)?(?:https?://|www\.)\S+",
        r"@\w{2,30}|(?:bit\.ly|pic\.twitter\.com)/\w+",
    ),
    "code": (
        r"(?:(?:news |story )?code|ref(?:erence)?(?: no)?|(?:story|news) id) ?[.:#]+ ?"
        r"[\w/.-]*\d[\w/.-]*",
        r"(?!(?:19|20)\d\d/\d\d$)\d{3,6}/\d{2,6}|ap-[a-z]{2}-\d\d-\d\d-\d\d(?: \d{4}gmt)?",
    ),
    "endmark": (
        r"[(\[/]?(?:ends?|more|eom|30) ?[)\]/-]+",
        r"[-–—―_*•·~=#|+◆■●○ ]+",
    ),
}
_CREDIT = "(?:[Rr]eporting|[Ww]riting|[Ee]diting|Compiled|Translat(?:ed|ion)|Edited|Reported)"
_PICTURES = f"(?:{_AGENCIES}|Getty(?: Images)?|EPA|Pool|Shutterstock|iStock|Pixabay)"
# Whole lines as written, without leading bullets; anywhere in the body.
_CASED = {
    "byline": (
        rf"[(\[]?(?:(?:Additional|Further) )?{_CREDIT} by:? {_TITLED}"
        rf"(?:(?:additional )?{_CREDIT} {_TITLED})*+[)\]]?\.?",
        r"\(?[Ww]ith (?:assistance|reporting|inputs?|files|contributions?|agency inputs)"
        rf"(?: (?:by|from) {_TITLED})?\)?\.?",
        rf"Contribut(?:ing|ors?): ?{_TITLED}|\((?:{_AGENCIES})(?:[/,] ?(?:{_AGENCIES}))*+\)",
    ),
    "caption": (
        r"(?:(?:Photo|Image|Picture|Video|Graphic)s?|Photograph(?:s|y)?|Illustration) by"
        rf" {_TITLED}",
        r"\((?:[A-Z]\w+ )?(?:[Ff]ile )?(?:[Pp]hoto|PHOTO|[Ii]mage)(?: [Ii]llustration| credits?)?"
        r"(?:(?: ?[:/]| by| courtesy| via) ?[^()]{1,80})?\)",
        rf"\((?:Credit: ?|via )?(?:{_PERSON} ?[/,|] ?)?(?:{_PICTURES}(?: via |[/, ]*))++\)",
        rf"(?:AP Photo|REUTERS|Getty Images|EPA)(?:/| ?\| ?){_TITLED}",
    ),
    "related": (r"More (?:on|from|about) (?:the |The )?[A-Z][^.,:;?!]{1,40}[:.…]{0,3}",),
    "code": (r"[A-Z]{1,3}/\d{1,4}(?:-[A-Z\d]{1,3})?",),
}
# The same, for patterns that begin with anything: tried on lines that hold one of the words.
_HOLDING = re.compile("contributed|/|@|All rights|can be reached").search
_WITHIN = {
    "byline": (
        rf"{_TITLED}contributed(?: reporting)?(?: from {_TITLED}|,? (?:to|for) (?:this|the)"
        r" (?:report|story|article|piece|post|column|project))?\.?",
    ),
    "caption": (rf"{_PERSON} ?/ ?{_PICTURES}(?:[ /,]+{_TITLED})?",),
    "prompt": (r".{2,80} can be reached (?:at|on|via) .*",),
    "copyright": (
        r"[^.]{0,80}\b(?:(?:19|20)\d\d|Inc|LLC|Ltd)\W{1,3}All rights reserved(?:\.(?: .*)?)?",
    ),
    "link": (r"(?:E-?mail ?: ?)?[\w.+-]+@[\w-]+\.[\w.-]+",),
}
_ROLE = "(?:[Ww]riter|[Cc]orrespondent|[Rr]eporter|[Cc]ontributor|[Ee]ditor)s?"
# Whole lines that are boilerplate only before or after the prose.
_EDGE = {
    "byline": (
        rf"(?:By|BY|by):? (?:{_PERSONS}|(?:{_AGENCIES}|{_OUTLETS})(?: {_NAME}| staff){{0,2}})"
        rf"(?: ?\( ?@\w+ ?\))?(?:(?:,| \||,? for| in| –| -| /) ?[^.!?]{{2,60}})?",
        rf"(?:(?:Text|Words|Author|Reporter|Writer):|Written by:?) (?:{_PERSONS}|(?:{_AGENCIES}))",
        rf"By Our (?:[A-Z]\w+ ){{0,2}}{_ROLE}(?: in [^.:]{{2,40}})?:?",
        rf"(?:(?:Source|SOURCE): ?)?(?:{_AGENCIES}|{_OUTLETS})"
        r"(?: staff|, [A-Z][^.,]{1,30}| and (?:news )?agencies)?",
        r"PTI(?: [A-Z]{2,4}){1,5}",
        rf"(?:(?:Staff|Special|Senior|Chief|Political|Opinion|Foreign) )++{_ROLE}",
        r"[Ss]pecial (?:for|to) (?:[Tt]he )?[A-Z][^.,]{1,40}",
    ),
    "timestamp": (rf"(?i:(?=[\d(]|{_MONTH}|{_DAY}){_WHEN}{_STAMP})",),
}
_LAST = {  # only the last line
    "endmark": ("ENDS?|[Ee]nds|Enditem|30",),
    "code": ("[A-Za-z]{2,4}(?:-[a-z]{2,4})?(?:/[A-Za-z]{2,4}){1,4}",),
}
# After the last sentence, on its line.
_TAIL = {
    "byline": (
        rf"[(\[](?:Additional )?{_CREDIT} by [^()\[\]]{{2,200}}[)\]]",
        r"Reporting by [^.]{2,150}[;,] [Ee]diting by [^.]{2,60}\.?",
        r"\([Ww]ith (?:reporting|inputs?|files|agency|agencies)[^()]{0,100}\)",
        rf"(?:[-–—]{{1,2}} ?|/|==?)(?:{_AGENCIES})/?",
        rf"\((?:{_AGENCIES})(?:[/, ]+(?:{_AGENCIES}))*+\)",
    ),
    "share": (r"(?:Read or )?[Ss]hare this (?:story|article|post): \S+",),
    "related": (
        r"(?:Read [Mm]ore|READ MORE|Read [Aa]lso|Also [Rr]ead|See [Aa]lso|More on this(?: story)?"
        r"|Related(?: (?:story|stories|articles?|coverage))?)"
        r"(?: ?: ?.{2,150}|\b[^.]{0,60}https?://\S+)",
    ),
    "prompt": (
        r"(?:Follow|Subscribe|Sign up|Download|Click here)\b[^.:]{0,80}:? ?"
        r"(?:https?://\S+|www\.\S+|@\w+)\.?|Follow us on [^.]{2,60}\.?",
        r"(?:Subscribe|Sign up)\b[^.:]{0,60}\bnewsletter\b[^.]{0,60}\.?",
    ),
    "copyright": (r"(?:©|Copyright (?:©|\(c\)|(?:19|20)\d\d)).{0,150}",),
    "link": (r"https?://\S+",),
    "code": (
        r"(?:News |Story )?Code ?: ?[\w/.-]+|\d{3,6}/\d{2,6}|[A-Z]{1,3}/\d{1,4}(?:-[A-Z\d]{1,3})?",
    ),
    "endmark": (
        r"-- ?(?i:ends?) ?--|\(E(?:NDS?|nds?)\)|ENDS|Enditem|# ?# ?#|-30-|/(?:More|MORE)/"
        r"|\(MORE\)|[■◼]",
    ),
}

_WORD = rf"(?:{_NAME}|\d{{1,4}}|[a-z]{{3,5}}(?=\.? \d)|(?<=\d )\w{{3,5}}|d[aeo]l?|of|the|la|and)"
_MARKED_DATELINE = re.compile(
    rf"(?P<place>(?:{_WORD}[ ,./]{{1,2}}+){{0,9}}?)(?:\((?P<agency>{_AGENCIES})(?:[/,; &-]+"
    rf"(?:and )?(?:{_AGENCIES}))*+\)|/(?:{_AGENCIES})/|(?<=, )(?:{_AGENCIES})(?=\s?[-–—:]))"
    r"[.,]*(?P<mark>\s?[-–—―:=]+)?\s*"
)
_BARE_DATELINE = re.compile(
    r"(?P<city>[A-ZÀ-ÞĀ-Ž][A-ZÀ-ÞĀ-Ž.'’ -]+?[A-ZÀ-ÞĀ-Ž.])(?:/[A-ZÀ-ÞĀ-Ž .'-]+?)?"
    rf"(?P<region>, (?!(?i:{_MONTH}[a-z]*\b)){_NAME}(?: {_NAME}){{0,2}}?)?"
    rf"(?P<date>,? (?i:{_MONTH}[a-z]*\.? \d{{1,2}}|\d{{1,2}} {_MONTH}[a-z]*)(?:, \d{{4}})?)?"
    r"(?:\s?(?P<mark>--|[-–—―:](?=\s)|[–—―])\s*|$)"
)
_OTHER_DATELINES = re.compile(
    rf"(?:Iran Press|[A-Z]{{3,4}}A|Mehr|Tasnim|Fars|TASS)/{_NAME}(?: {_NAME}){{0,2}}:\s*"
    r"|【[^】]{2,20}】|新华社[^\s，。]{1,16}电(?:[（(][^)）]{1,20}[)）])?\s*"
    r"|\([가-힣]{2,5}=[가-힣]{2,6}\)(?: [가-힣]{2,4} 기자)?(?: =)?\s*"
)
_OUR_OWN = re.compile(rf"By Our (?:[A-Z]\w+ ){{0,2}}{_ROLE}(?: in [^.:]{{2,40}})?:\s*")
_OUTLET = re.compile(rf"(?<=\S) (?:[|–—-]|--) (?:{_OUTLETS})$")
_SENTENCE_END = ".!?…\"”’'»)]。؟।"
_BULLETS = "-–—•*>»· "


@dataclass(frozen=True, slots=True)
class _Rules:
    """The patterns of the rules in force; the name of the group that matched is the rule."""

    names: frozenset[str]
    lower: re.Pattern[str]
    cased: re.Pattern[str]
    within: re.Pattern[str]
    edge: re.Pattern[str]
    last: re.Pattern[str]
    tail: re.Pattern[str]

    def line(self, line: str) -> str | None:
        bare = line.lstrip(_BULLETS) or line
        match = self.lower.fullmatch(bare.lower()) or self.cased.fullmatch(bare)
        if not match and _HOLDING(bare):
            match = self.within.fullmatch(bare)
        return match.lastgroup if match else None


@lru_cache(maxsize=32)
def _rules(strip: tuple[str, ...]) -> _Rules:
    def union(table: Mapping[str, tuple[str, ...]]) -> str:
        groups = (f"(?P<{n}>{'|'.join(table[n])})" for n in RULES if n in table and n in strip)
        return "|".join(groups) or r"(?!)"

    return _Rules(
        names=frozenset(strip),
        lower=re.compile(union(_LOWER)),
        cased=re.compile(union(_CASED)),
        within=re.compile(union(_WITHIN)),
        edge=re.compile(union(_EDGE)),
        last=re.compile(union(_LAST)),
        tail=re.compile(rf"[{re.escape(_SENTENCE_END)}] ?(?:{union(_TAIL)})$"),
    )


def _dateline(line: str, rules: _Rules) -> tuple[int, str] | None:
    """Where a dateline at the start of a line ends, and its rule; 200 characters are enough."""
    head = line[:120]
    if "byline" in rules.names and (match := _OUR_OWN.match(head)):
        return match.end(), "byline"
    if "dateline" not in rules.names:
        return None
    if (match := _MARKED_DATELINE.match(head)) and _is_place(match):
        end = match.end()
    elif match := _BARE_DATELINE.match(head):
        dashed = match["mark"] not in (None, ":")
        sure = match["city"] in _PLACES or match["date"] or (match["region"] and dashed)
        end = match.end() if sure else 0
    else:
        end = 0
    if end and not line[end : end + 1].islower():
        return end, "dateline"
    match = _OTHER_DATELINES.match(head)
    return (match.end(), "dateline") if match else None


def _is_place(match: re.Match[str]) -> bool:
    """Whether what stands before an agency is a place: 'Alcoholics Anonymous (AA)' is none."""
    place, agency = match["place"].strip(" ,./"), match["agency"] or ""
    if not place:
        return True
    if re.search("Press|Agenc|News", place):
        return False
    if place.split()[0].isupper() or re.search(r"[,\d]", place) or place.upper() in _PLACES:
        return True
    known = not agency.isupper() or agency in {"AP", "AFP", "ANSA", "CNN", "EFE", "PTI", "UPI"}
    return bool(match["mark"]) and known


class _Lines:
    """One sweep over a part's lines, collecting the spans that the rules take."""

    def __init__(self, text: str, rules: _Rules) -> None:
        self.text = text
        self.rules = rules
        self.bounds: list[tuple[int, int]] = []  # of each line that is not blank
        self.taken: dict[int, str] = {}  # line number: rule
        self.found: list[tuple[int, int, str]] = []
        self.cuts: list[_Edit] = []
        self.starts: dict[int, int] = {}  # where lines that lost a dateline now start

    def outlet(self) -> None:
        """The title's rule: an outlet's name after the headline."""
        end = len(self.text)
        while "outlet" in self.rules.names and (match := _OUTLET.search(self.text, 0, end)):
            end = match.start()
        if end < len(self.text):
            self.found.append((end + 1, len(self.text), "outlet"))
            self.cuts.append((end, len(self.text), ""))

    def sweep(self) -> None:
        """The body's rules: every line, then the head, then the tail."""
        at, line_rule = 0, self.rules.line
        for line in self.text.split("\n"):
            if line:
                if len(line) <= _SHORT and (rule := line_rule(line)):
                    self.taken[len(self.bounds)] = rule
                self.bounds.append((at, at + len(line)))
            at += len(line) + 1
        self._head()
        self._tail()
        self.found += [(*self.bounds[i], rule) for i, rule in self.taken.items()]
        self.found.sort()

    def _window(self, numbers: Iterable[int], size: int) -> Iterator[int]:
        """Up to `size` lines not taken, and none after a long one; takes edge lines on the way.

        Edge rules hold only as long as no line was a sentence: a date among paragraphs is text.
        """
        prose = False
        for i in numbers:
            if i in self.taken:
                continue
            start, end = self.bounds[i]
            short = end - start <= _SHORT
            fresh = short and not prose and i not in self.starts
            if fresh and (m := self.rules.edge.fullmatch(self.text, start, end)):
                self.taken[i] = str(m.lastgroup)
                continue
            yield i
            if i not in self.taken:
                size -= 1
                prose = prose or self.text[end - 1] in _SENTENCE_END
            if not short or not size:
                return

    def _head(self) -> None:
        """Datelines, at the start of the first lines."""
        for i in self._window(range(len(self.bounds)), 4):
            start, end = self.bounds[i]
            at, cuts = start, []
            while at < end and (cut := _dateline(self.text[at : min(at + 200, end)], self.rules)):
                length, rule = cut
                cuts.append((at, at + len(self.text[at : at + length].rstrip()), rule))
                at += length
            if at == end:
                self.taken[i] = cuts[0][2]
            elif cuts:
                self.found += cuts
                self.starts[i] = at
                self.cuts.append((start, at, ""))

    def _tail(self) -> None:
        """Prompts, codes and end marks behind the last sentence."""
        for i in self._window(range(len(self.bounds) - 1, -1, -1), 1):
            start, full = self.bounds[i]
            if i not in self.starts and (m := self.rules.last.fullmatch(self.text, start, full)):
                self.taken[i] = str(m.lastgroup)
                continue
            start, end = self.starts.get(i, start), full
            while m := self.rules.tail.search(self.text, max(start, end - 300), end):
                rule = str(m.lastgroup)
                self.found.append((m.start(rule), m.end(rule), rule))
                end = m.start() + 1
            if end < full:
                self.cuts.append((end, full, ""))

    def edits(self) -> list[_Edit]:
        """Deletions; between the lines that stay, the wider of the two breaks is kept."""
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


# --- Segments ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of one kind; half-open offsets in the prepared text of its part."""

    kind: Literal["headline", "lead", "quote", "body"]
    part: str
    start: int
    end: int


# A quote ends with its mark, or with its paragraph when the next one opens the same quote again.
_QUOTE = re.compile(
    r"“[^“”\n]*+(?:”|(?=\n+“))|„[^„“”\n]*+[“”]|«[^«»\n]*+(?:»|(?=\n+«))|»[^«»\n]*+«"
    r"|(?<!\w)\"(?=\S)[^\"\n]*+(?:\"|(?=\n+\"))"
)
_SPEECH = re.compile(r"[\s,.!?…。]")


def segments(prepared: Prepared) -> list[Segment]:
    """The kinds of text in an article, tiling title and body without gap or overlap.

    The title is the headline; the body's first paragraph is the lead; quoted speech is a quote
    wherever it stands, marks included. A single quoted word without punctuation is an emphasis
    or a name and no speech.

    >>> from newsstand.article import Article
    >>> prepared = normalise(Article(body="Rye fell. “We wait,” she said."), TextSpec())
    >>> [(s.kind, prepared.body.text[s.start : s.end]) for s in segments(prepared)]
    [('lead', 'Rye fell. '), ('quote', '“We wait,”'), ('lead', ' she said.')]
    """
    found = (
        [Segment("headline", "title", 0, len(prepared.title.text))] if prepared.title.text else []
    )
    body = prepared.body.text
    lead = body.find("\n\n" if "\n\n" in body else "\n")
    lead = len(body) if lead < 0 else lead

    def plain(start: int, end: int) -> None:
        if start < min(lead, end):
            found.append(Segment("lead", "body", start, min(lead, end)))
        if max(start, lead) < end:
            found.append(Segment("body", "body", max(start, lead), end))

    at = 0
    for match in _QUOTE.finditer(body):
        if _SPEECH.search(match[0]):
            plain(at, match.start())
            found.append(Segment("quote", "body", *match.span()))
            at = match.end()
    plain(at, len(body))
    return found
