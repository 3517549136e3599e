"""Text preparation: cleaning, stripping, alignment and segments."""

# ruff: noqa: RUF001  (typographic marks are what this module is about)

import re
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsstand.errors import ConfigError
from newsstand.text.article import Article
from newsstand.text.normalize import RULES, Part, Prepared, TextSpec, normalise
from newsstand.text.segments import segments

CLEAN_ONLY = TextSpec(strip=())
PROSE = "Wheat prices fell on Monday after rain in the plains, and nobody in the city noticed."


def prepare(body: str, title: str = "", spec: TextSpec | None = None) -> Prepared:
    return normalise(Article(title=title, body=body), spec or TextSpec())


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("", ""),
        ("   \n\n ", ""),
        ("Rye fell.", "Rye fell."),
        # markup
        ("<p>Rye fell.</p><p>Oats rose.</p>", "Rye fell.\n\nOats rose."),
        ("Rye fell.<br>Oats <b>rose</b>.<BR/>", "Rye fell.\nOats rose."),
        ('Rye <a href="https://example.org/?a=1">fell</a>.', "Rye fell."),
        ("<ul><li>Rye</li><li>Oats</li></ul>", "Rye\n\nOats"),
        ("Rye <!-- note --> fell. <script>let a = 1;</script>", "Rye fell."),
        ("R&amp;D at 5 &lt; 6", "R&D at 5 < 6"),
        ("the minister&#8217;s &ldquo;no&rdquo; &#x2014; &#146;", "the minister’s “no” — ’"),
        ("&amp;amp;lt;p&amp;gt;Rye&lt;/p&gt; fell", "Rye\n\nfell"),
        ("AT&T; R&D &unknown; &copy 2020", "AT&T; R&D &unknown; &copy 2020"),
        ("if a < b and b > c, a <b and c> d", "if a < b and b > c, a <b and c> d"),
        ("<jane@example.org> wrote <Reuters>", "<jane@example.org> wrote <Reuters>"),
        # characters
        ("Rye\x00 fe\x07ll\ufeff.", "Rye fell."),
        ("wo\u200brd soft\u00adhyphen \u202bx\u202c", "word softhyphen x"),
        ("it\x92s \x93so\x94\x85", "it’s “so”…"),
        ("lone \ud83d surrogate", "lone \ufffd surrogate"),
        ("cafe\u0301 A\u030a", "café Å"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("👩\u200d🌾", "👩\u200d🌾"),
        ("a\u200cb \u200c", "ab"),
        # blanks
        ("Rye \t fell\u00a0on\u2009Monday\u3000", "Rye fell on Monday"),
        ("Rye.\r\n\r\nOats.\r\nBarley.\rSpelt.", "Rye.\n\nOats.\nBarley.\nSpelt."),
        ("Rye.\n \n\n\nOats.", "Rye.\n\nOats."),
        ("Rye.\u2029Oats.\u2028Barley.\x0cSpelt.", "Rye.\n\nOats.\nBarley.\n\nSpelt."),
    ],
)
def test_cleaning(body: str, expected: str) -> None:
    assert prepare(body).body.text == expected
    assert prepare(body, title=body).title.text == expected


FORMS = [
    (
        "The ﬂour eﬀort: oﬃce, ﬁne, aﬄuent, ﬆeam, ﬅone.",
        "The flour effort: office, fine, affluent, steam, stone.",
    ),
    ("ĳs, Ǉubljana, ŉ dag, Congreſs", "ijs, LJubljana, ʼn dag, Congress"),
    (
        "Ｒｙｅ　ｆｅｌｌ　５％， ｔｒａｄｅｒｓ　ｄｉｄｎ＇ｔ　ｃａｒｅ！",
        "Rye fell 5%, traders didn't care!",
    ),
    ("ＪＲ東海、２０２６年（令和８年）", "JR東海、2026年（令和8年）"),
    ("ｶﾞｿﾘﾝ価格､ﾊﾟﾘ", "ガソリン価格、パリ"),
    ("ﾤￂ", "나"),
    ("𝐑𝐲𝐞 𝒇𝒆𝒍𝒍 𝟓", "Rye fell 5"),
    ("Ⓡⓨⓔ 🄵🄴🄻🄻", "Rye FELL"),
    ("Ⅻ, ⅷ", "XII, viii"),
    ("the 1ˢᵗ, Mᵐᵉ, CO₂", "the 1st, Mme, CO2"),
    ("ﻣﺼﺮ ﻻ ﷲ ﷺ", "مصر لا الله صلى الله عليه وسلم"),
    ("ﻣﹷﺼﺮ", "مَصر"),
    ("ﬧﬦ", "רם"),
    ("⼈⼝", "人口"),
    ("ry\u00ade, fe\u034fll, ri\ufe0fce, 葛\U000e0100城", "rye, fell, rice, 葛城"),
    ("ﬁ\ufe0fne Ⓐ\ufe0f", "fine A"),
]
# Characters with a meaning of their own, or regular spellings of a language.
KEPT = [
    "10² m³, ½ or ⅔, 3⁄4",
    "№ 5, Acme™, ℠, … and ‼",
    "1ª, 2º, 5 ㎏, 3 ℃, ㍻",
    "① ⑴ ⒈ ㊗ ㋿",
    "น้ำ, և, ㅋㅋ, ຳ, ǰ",
    "❤\ufe0f 1\ufe0f\u20e3 🏴\U000e0067\U000e007f",
    "小麦，（价格）：跌！",
    "＜ｂ＞".replace("ｂ", "b"),
    "straße, STRAẞE, ı, İ",
]


@pytest.mark.parametrize(("form", "plain"), FORMS)
def test_letter_variants_become_plain(form: str, plain: str) -> None:
    prepared = prepare(form, title=form)
    assert (prepared.title.text, prepared.body.text) == (plain, plain)
    for match in re.finditer(r"\S+", plain):
        start, end = prepared.body.source(*match.span())
        assert match[0] in prepare(form[start:end]).body.text
    unfolded = prepare(form, spec=TextSpec(fold=False)).body.text
    assert unfolded == prepare(unfolded, spec=TextSpec(fold=False)).body.text != plain


@pytest.mark.parametrize("text", KEPT)
def test_characters_with_a_meaning_of_their_own_are_kept(text: str) -> None:
    assert prepare(text).body.text == text


def test_folded_letters_map_to_the_original() -> None:
    body = "LONDON (Reuters) - The oﬃcial ﬁgure: Ｔｅｎ percent. /More/"
    prepared = prepare(body).body
    for token, original in {"official": "oﬃcial", "figure": "ﬁgure", "Ten": "Ｔｅｎ"}.items():
        at = prepared.text.index(token)
        start, end = prepared.source(at, at + len(token))
        assert body[start:end] == original
        assert prepared.locate(start, end) == (at, at + len(token))


def test_boilerplate_in_wide_letters_is_stripped() -> None:
    prepared = prepare(f"{PROSE}\n\nＲｅａｄ ｍｏｒｅ： Rye", "Rye")
    assert [(x.rule, x.text) for x in prepared.removed] == [("related", "Ｒｅａｄ ｍｏｒｅ： Rye")]


def test_hard_wrapped_copy_is_joined() -> None:
    wrapped = (
        "Wheat prices fell on Monday after rain in the plains\n"
        "eased fears of a drought, and traders said that\n"
        "Monday's harvest report had been better than feared.\n\n"
        "A short paragraph\nof two lines."
    )
    assert prepare(wrapped).body.text == (
        "Wheat prices fell on Monday after rain in the plains eased fears of a drought, and "
        "traders said that Monday's harvest report had been better than feared.\n\n"
        "A short paragraph\nof two lines."
    )


def test_single_breaks_between_paragraphs_stay() -> None:
    body = f"{PROSE} {PROSE}\n{PROSE} {PROSE}\niPhones rose.\n{PROSE} {PROSE}"
    assert prepare(body).body.text == body


def test_spec_round_trip_and_order() -> None:
    spec = TextSpec(strip=("byline", "code"), warn_removed=0.2, max_characters=99)
    values = {"strip": ["byline", "code"], "warn_removed": 0.2, "max_characters": 99}
    assert spec.to_dict() == values | {"fold": True}
    assert TextSpec.from_dict({"strip": []}).max_characters == 10_000_000
    assert TextSpec.from_dict(spec.to_dict()) == spec
    assert TextSpec.from_dict({}) == TextSpec(fold=False)  # as bundles of old formats mean it
    assert TextSpec().strip == tuple(RULES)
    assert hash(spec) != hash(TextSpec())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"strip": ["bylines"]}, "'bylines'; did you mean 'byline'"),
        ({"strip": "byline"}, "expected a list of rule names"),
        ({"strip": [3]}, "expected a list of rule names"),
        ({"warn_removed": 1.5}, "from 0 to 1"),
        ({"warn_removed": True}, "from 0 to 1"),
        ({"max_characters": 0}, "max_characters: expected a whole number above 0, got 0"),
        ({"max_characters": True}, "expected a whole number above 0, got True"),
        ({"max_characters": 5e6}, "expected a whole number above 0, got 5000000.0"),
        ({"fold": 1}, "fold: expected true or false, got 1"),
        ({"warn_remove": 0.5}, "'warn_remove'; did you mean 'warn_removed'"),
    ],
)
def test_spec_refuses(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        TextSpec.from_dict(values)


def test_spec_reports_all_problems_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        TextSpec(strip=("datelines", "links"), warn_removed=-1)
    assert len(caught.value.problems) == 3


def test_removed_spans_lie_in_the_original() -> None:
    body = f"<p>LONDON&nbsp;(Reuters) - {PROSE}</p><p>Read more:&nbsp;Rye</p><p>{PROSE} ND/77-B</p>"
    title = "Grain fell | Reuters"
    prepared = prepare(body, title)
    assert [(span.part, span.rule, span.text) for span in prepared.removed] == [
        ("title", "outlet", "| Reuters"),
        ("body", "dateline", "LONDON&nbsp;(Reuters) -"),
        ("body", "related", "Read more:&nbsp;Rye"),
        ("body", "code", "ND/77-B"),
    ]
    for span in prepared.removed:
        assert {"title": title, "body": body}[span.part][span.start : span.end] == span.text
    assert prepared.body.text == f"{PROSE}\n\n{PROSE}"


def test_only_the_given_rules_strip() -> None:
    body = f"LONDON (Reuters) - {PROSE}\n\nhttps://example.org/a\n\nShare this"
    prepared = prepare(body, spec=TextSpec(strip=("link",)))
    assert [span.rule for span in prepared.removed] == ["link"]
    assert prepared.body.text == f"LONDON (Reuters) - {PROSE}\n\nShare this"


def test_a_body_of_only_boilerplate_is_kept() -> None:
    body = "Read more: Rye falls\n\nhttps://example.org/rye"
    prepared = prepare(body)
    assert prepared.body.text == body
    assert prepared.removed == ()
    assert prepared.removed_share == 0
    assert prepared.warning == "the body is entirely boilerplate (link, related): kept"


@pytest.mark.parametrize(
    "body", ["***", "LONDON (Reuters) -", "!. Read more: Rye", "30", "<p\nAd\n>"]
)
def test_stripping_never_empties_a_body(body: str) -> None:
    assert prepare(body).body.text == body


def test_warning_names_share_and_rules() -> None:
    body = f"{PROSE}\n\nSign up for our newsletter: wheat, rye and oats in your inbox"
    prepared = prepare(body, spec=TextSpec(warn_removed=0.3))
    assert prepared.warning == "42% of the text was stripped as boilerplate (prompt)"
    lost, kept = (len("".join(part.split())) for part in (prepared.removed[0].text, PROSE))
    assert prepared.removed_share == pytest.approx(lost / (lost + kept))
    assert prepare(body, spec=TextSpec(warn_removed=0.5)).warning is None
    assert prepare(PROSE).warning is None


def test_paragraph_breaks_are_kept_when_a_line_is_removed() -> None:
    body = "Rye fell.\nAdvertisement\n\nOats rose.\n\nAdvertisement\nBarley slept.\nSpelt woke."
    assert prepare(body).body.text == "Rye fell.\n\nOats rose.\n\nBarley slept.\nSpelt woke."


@pytest.mark.parametrize(
    ("body", "token", "original"),
    [
        ("LONDON (Reuters) - Rye fell.", "Rye", "Rye"),
        ("R&amp;D fell.", "R&D", "R&amp;D"),
        ("Le cafe\u0301 ferme.", "café", "cafe\u0301"),
        ("<p>Rye</p><p>fell.</p>", "fell.", "fell."),
        ("Rye\u200b fe\u200bll.", "fell.", "fe\u200bll."),
        ("a\r\n\r\n  b   c", "c", "c"),
        ("Advertisement\n\n&lt;b&gt;Rye&lt;/b&gt; fell. Code: 4321/12", "fell.", "fell."),
        ("قال\u200f الوزير إن السعر انخفض.", "الوزير", "الوزير"),
    ],
)
def test_source_maps_to_the_original(body: str, token: str, original: str) -> None:
    part = prepare(body).body
    at = part.text.index(token)
    start, end = part.source(at, at + len(token))
    assert body[start:end] == original
    assert part.locate(start, end) == (at, at + len(token))


def test_locate_of_stripped_spans() -> None:
    part = prepare("LONDON (Reuters) - Rye fell.").body
    assert part.locate(0, 6) is None
    assert part.locate(8, 22) == (0, 3)
    assert prepare("Rye fell.").body.locate(4, 8) == (4, 8)


def test_source_of_empty_and_invalid_spans() -> None:
    part = prepare("<p>Rye fell.</p>").body
    assert part.source(4, 4) == (7, 7)
    assert Part("Rye").source(0, 3) == (0, 3)
    for start, end in [(-1, 2), (3, 2), (0, 99)]:
        with pytest.raises(ValueError, match="no span"):
            part.source(start, end)


def kinds(prepared: Prepared) -> list[tuple[str, str]]:
    parts = {"title": prepared.title.text, "body": prepared.body.text}
    return [(s.kind, parts[s.part][s.start : s.end]) for s in segments(prepared)]


def test_segments_of_an_article() -> None:
    body = "Rye fell, “and fast”, he said.\n\nOats rose.\n«Non, merci», she said."
    assert kinds(prepare(body, title="“Grain” falls")) == [
        ("headline", "“Grain” falls"),
        ("lead", "Rye fell, "),
        ("quote", "“and fast”"),
        ("lead", ", he said."),
        ("body", "\n\nOats rose.\n"),
        ("quote", "«Non, merci»"),
        ("body", ", she said."),
    ]


@pytest.mark.parametrize(
    ("body", "quotes"),
    [
        ('He said "we will not go" and left.', ['"we will not go"']),
        ("Er sagte: „Wir gehen nicht.“", ["„Wir gehen nicht.“"]),
        ("On dit « nous restons » ici.", ["« nous restons »"]),
        ("A “fake” story of the “Times”.", []),
        ("“No,” she said.", ["“No,”"]),
        ('A 6" pipe and a 4" pipe were laid.', []),
        ("“We stay.\n\n“We fight,” he said.", ["“We stay.", "“We fight,”"]),
        ("“An unclosed quote.\n\nA paragraph.", []),
    ],
)
def test_quotes_are_segments(body: str, quotes: list[str]) -> None:
    assert [text for kind, text in kinds(prepare(body)) if kind == "quote"] == quotes


def test_segments_of_short_texts() -> None:
    assert segments(prepare("")) == []
    assert kinds(prepare("Rye fell.\nOats rose.")) == [
        ("lead", "Rye fell."),
        ("body", "\nOats rose."),
    ]


def test_a_text_of_five_megabytes() -> None:
    paragraph = "Grain prices fell after “a good harvest” in the région, traders said. " * 4
    body = f"PARIS, May 3 (AFP) - {(paragraph + '<br>' + paragraph + chr(10) * 3) * 9000}(ENDS)"
    assert len(body) > 5_000_000
    prepared = prepare(body)
    assert [span.rule for span in prepared.removed] == ["dateline", "endmark"]
    assert prepared.body.text.startswith("Grain prices")
    assert prepared.body.source(0, 5) == (21, 26)
    last = len(prepared.body.text)
    start, end = prepared.body.source(last - 5, last)
    assert body[start:end] == "said."


@pytest.mark.parametrize(
    "body",
    [text * (200_000 // len(text)) for text in ("<a ", "<", "&amp;", "amp;", " ", "\r", "\u200b")]
    + [text * (200_000 // len(text)) for text in ("e\u0301", "“", '"a', "x. (ENDS) ", "A ", "a\n")]
    + [text * (200_000 // len(text)) for text in ("ﬁ", "Ｒ，", "日，", "a\ufe0f", "\u034f", "ｶﾞ")]
    + [text * (200_000 // len(text)) for text in ("Read more:\n", "Most read\n", "Trending\nRye\n")]
    + ["LONDON (Reuters) - " * 5_000, "By Jane Doe, " * 9_000, "Read more: " * 9_000],
)
def test_hostile_text_takes_linear_time(body: str) -> None:
    segments(prepare(body))


# --- Properties -------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        *("Rye fell.", "oats", "R&amp;D", "«Non»", "“we go,”", "cafe\u0301", "a < b", "قال الوزير"),
        *("\n", "\n\n", "\r\n", "  ", "\t", "\u00a0", "\u200b", "\u200c", "\x00", "\x92", "<br>"),
        *("<p>", "</p>", "<b>", "</b>", "&nbsp;", "&lt;", "&gt;", "&amp;", "&#38;", ";", "p", "-"),
        *("LONDON (Reuters) - ", "(AP) -- ", "PARIS — ", "By Jane Doe", "Read more: Rye", "30"),
        *("Advertisement", "(ENDS)", "211/104", "###", "https://example.org/a", "May 3, 2020"),
        *(
            "(Getty Images)",
            "Share this",
            "© 2020 Doe",
            "Updated 10:42 GMT",
            " Code: 12/3",
            "/More/",
        ),
        *("ﬁ", "oﬃce", "Ｒｙｅ", "＜", "ｶﾞ", "ﻻ", "Ⓐ", "\ufe0f", "\u034f", "CO₂", "ſ\u0307", "日本"),
        *(
            "We use cookies to improve your experience.",
            "Already a subscriber? Log in",
            "Accept all",
        ),
        *("Related stories", "Rye follows wheat down", "Most read", "Trending"),
        *("Follow us on Twitter", "Jane Roe contributed to this report.", PROSE, PROSE.lower()),
    ]
)
DOCUMENTS = st.lists(PIECES, max_size=25).map("".join)
# Characters whose folding depends on their line.
WIDE = st.sampled_from(["，", "（", "＆", "＞", "日", "\n", "ﾞ", "p"])
ANY = st.one_of(
    DOCUMENTS,
    st.text(),
    st.lists(st.one_of(PIECES, st.text(), WIDE), max_size=9).map("".join),
)
SPECS = st.sampled_from(
    [
        TextSpec(),
        CLEAN_ONLY,
        TextSpec(strip=("dateline", "related", "endmark")),
        TextSpec(fold=False),
    ]
)


@settings(max_examples=400, deadline=None)
@given(body=ANY, title=ANY, spec=SPECS)
def test_preparing_twice_changes_nothing(body: str, title: str, spec: TextSpec) -> None:
    once = prepare(body, title, spec)
    twice = prepare(once.body.text, once.title.text, spec)
    assert (twice.title.text, twice.body.text) == (once.title.text, once.body.text)
    assert twice.removed == ()


@settings(max_examples=300, deadline=None)
@given(body=ANY, title=ANY)
def test_removed_spans_are_correct_sorted_and_disjoint(body: str, title: str) -> None:
    prepared = prepare(body, title)
    for part, original in (("title", title), ("body", body)):
        spans = [span for span in prepared.removed if span.part == part]
        assert all(original[span.start : span.end] == span.text for span in spans)
        assert all(a.end <= b.start for a, b in pairwise(spans))
    assert [span.part for span in prepared.removed] == sorted(
        (span.part for span in prepared.removed), reverse=True
    )
    assert {span.rule for span in prepared.removed} <= set(RULES)
    assert 0 <= prepared.removed_share <= 1


@settings(max_examples=300, deadline=None)
@given(body=DOCUMENTS, spec=SPECS)
def test_every_token_maps_to_the_original(body: str, spec: TextSpec) -> None:
    part, clean = prepare(body, spec=spec).body, TextSpec(strip=(), fold=spec.fold)
    at = 0
    for match in re.finditer(r"\S+", part.text):
        start, end = part.source(*match.span())
        assert at <= start < end <= len(body)
        assert part.locate(start, end) == match.span()
        assert prepare(body[start:end], spec=clean).body.text == match[0]
        at = end


@settings(max_examples=200, deadline=None)
@given(body=ANY)
def test_prepared_text_is_clean(body: str) -> None:
    text = prepare(body, spec=CLEAN_ONLY).body.text
    assert unicodedata.is_normalized("NFC", text)
    assert text == text.strip(" \n")
    assert not re.search(r"  | \n|\n |\n\n\n|[\x00-\x09\x0b-\x1f\x7f-\xa0\ud800-\udfff]", text)
    text.encode("utf-8")


@settings(max_examples=200, deadline=None)
@given(body=ANY)
def test_without_rules_nothing_is_removed(body: str) -> None:
    prepared = prepare(body, spec=CLEAN_ONLY)
    assert prepared.removed == ()
    assert prepared.removed_share == 0
    assert prepared.warning is None


@settings(max_examples=200, deadline=None)
@given(body=ANY)
def test_stripping_never_empties_any_text(body: str) -> None:
    assert bool(prepare(body).body.text) == bool(prepare(body, spec=CLEAN_ONLY).body.text)


@settings(max_examples=200, deadline=None)
@given(body=ANY, title=ANY)
def test_segments_cover_the_text_without_overlap(body: str, title: str) -> None:
    prepared = prepare(body, title)
    for part, text in (("title", prepared.title.text), ("body", prepared.body.text)):
        spans = [(s.start, s.end) for s in segments(prepared) if s.part == part]
        assert all(start < end for start, end in spans)
        assert [0, *(end for _, end in spans)] == [*(start for start, _ in spans), len(text)]
