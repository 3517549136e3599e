"""Boilerplate that agencies and newspapers put around their text is stripped.

The conventions are real; the sentences are invented.
"""

# ruff: noqa: RUF001  (the dashes and scripts are the point)

import pytest

from newsstand.text.article import Article
from newsstand.text.boilerplate_lexicon import NOTES
from newsstand.text.normalize import RULES, TextSpec, normalise
from sentences import LEAD, REST, TWO

CONVENTIONS = [
    # name, published body, prepared body, rules of the removed spans in order
    ("Reuters", f"LONDON (Reuters) - {LEAD}\n\n{REST}", TWO, ["dateline"]),
    (
        "Reuters, two places and credits",
        f"By Jane Roe and John Doe\n\nLONDON/PARIS, May 3 (Reuters) - {LEAD}\n\n{REST}\n\n"
        "(Reporting by Jane Roe in London and John Doe in Paris; Editing by Mary Major)\n\n"
        "Our Standards: The Thomson Reuters Trust Principles.",
        TWO,
        ["byline", "dateline", "byline", "copyright"],
    ),
    (
        "Reuters, corrected, with picture",
        "(Corrects price in paragraph 2)\n\nFILE PHOTO: Wheat in a field near Rome, Italy, "
        f"May 2, 2020. REUTERS/Jane Roe\n\nPALM BEACH, Fla. (Reuters) - {LEAD}\n\n"
        f"Slideshow (6 Images)\n\n{REST}",
        TWO,
        ["timestamp", "caption", "dateline", "caption"],
    ),
    ("Associated Press", f"DES MOINES, Iowa (AP) — {LEAD}\n\n{REST}", TWO, ["dateline"]),
    (
        "Associated Press, tail",
        f"ROME (AP) — {LEAD}\n\n{REST}\n\n___\n\nAssociated Press writer Jane Roe in Rome "
        "contributed to this report.\n\nCopyright 2020 The Associated Press. All rights reserved. "
        "This material may not be published, broadcast, rewritten or redistributed.",
        TWO,
        ["dateline", "endmark", "byline", "copyright"],
    ),
    ("Associated Press, broadcast", f"(AP) -- {LEAD}\n\n{REST}", TWO, ["dateline"]),
    ("AFP", f"PARIS, May 3 (AFP) — {LEAD}\n\n{REST}\n\njr/kd/ab", TWO, ["dateline", "code"]),
    ("AFP as printed elsewhere", f"{LEAD}\n\n{REST} – AFP", TWO, ["byline"]),
    ("dpa", f"Berlin (dpa) - {LEAD}\n\n{REST}", TWO, ["dateline"]),
    ("dpa from a small town", f"Husum (dpa) - {LEAD}\n\n{REST}", TWO, ["dateline"]),
    ("EFE", f"Madrid, 3 may (EFE).- {LEAD}\n\n{REST}", TWO, ["dateline"]),
    (
        "ANSA",
        f"(ANSA) - ROME, MAY 3 - {LEAD}\n\n{REST}",
        TWO,
        ["dateline"] * 2,
    ),
    ("TASS", f"MOSCOW, May 3. /TASS/. {LEAD}\n\n{REST}", TWO, ["dateline"]),
    ("Interfax", f"MOSCOW. Sept 12 (Interfax) - {LEAD}\n\n{REST}", TWO, ["dateline"]),
    ("Ukrinform", f"KYIV. May 3 (Interfax-Ukraine) – {LEAD}\n\n{REST}", TWO, ["dateline"]),
    (
        "Xinhua",
        "Xinhua | Updated: 2020-05-03 10:42\n\n"
        f"BEIJING, May 3 (Xinhua) -- {LEAD}\n\n{REST} Enditem",
        TWO,
        ["timestamp", "dateline", "endmark"],
    ),
    ("Kyodo", f"TOKYO, March 4 /Kyodo/ - {LEAD}\n\n{REST}\n\n==Kyodo", TWO, ["dateline", "byline"]),
    ("Yonhap", f"SEOUL, May 3 (Yonhap) -- {LEAD}\n\n{REST}\n\n(END)", TWO, ["dateline", "endmark"]),
    (
        "PTI",
        f"New Delhi, May 3 (PTI) {LEAD}\n\n{REST} PTI XY\n\nPTI XY",
        f"{TWO} PTI XY",
        ["dateline", "byline"],
    ),
    ("IRNA", f"Tehran, May 3, IRNA - {LEAD}\n\n{REST}\n\n9191**1420", None, ["dateline"]),
    ("Iran Press", f"Iran Press/America: {LEAD}\n\n{REST}\n\n211/104", TWO, ["dateline", "code"]),
    (
        "Iran Press, tail",
        f"Tehran (IP) - {LEAD}\n\n{REST} 219/104\n\nRead more:\n\nFlour prices follow wheat down",
        TWO,
        ["dateline", "code", "related", "related"],
    ),
    (
        "a list of headlines to the end",
        f"{LEAD}\n\n{REST}\n\nRelated:\nRye follows wheat\n\nWho eats rye?\nRead more: Oats",
        f"{TWO}\n\nRye follows wheat\n\nWho eats rye?",
        ["related", "related"],
    ),
    (
        "a list of headlines, and prose below it",
        f"{LEAD}\n\nRead more:\nRye follows wheat\n\n{REST}",
        TWO,
        ["related", "related"],
    ),
    ("AP, old mark", f"Springfield, Ill. (AP) _ {LEAD}\n\n{REST}", TWO, ["dateline"]),
    (
        "magazine pages",
        f"(Illustration: Jane Roe)\n\n{LEAD}\n\nStory highlights\n\n{REST}\n\n"
        "The views expressed in this column are those of the author and not of the paper.",
        TWO,
        ["caption", "related", "copyright"],
    ),
    ("an agency nobody listed", f"LISBON (Meridian) - {LEAD}\n\n{REST}", TWO, ["dateline"]),
    ("a desk nobody listed", f"Harbour Press/Africa: {LEAD}\n\n{REST}", TWO, ["dateline"]),
    (
        "a desk on its own line",
        f"Portside News/Editorial:\n\n214/118\n\n{LEAD}\n\n{REST}",
        TWO,
        ["dateline", "code"],
    ),
    (
        "a press release",
        f"FOR IMMEDIATE RELEASE\n\n{LEAD}\n\n{REST}\n\nPHOTO BY JANE ROE",
        TWO,
        ["endmark", "caption"],
    ),
    (
        "a caption with an initial",
        f"{LEAD}\n\n{REST}\n\nPhoto: Sacks on the quay (Gazette/J. Roe)",
        TWO,
        ["caption"],
    ),
    (
        "Anadolu",
        f"By Jane Roe\n\nISTANBUL\n\n{LEAD}\n\n{REST}",
        TWO,
        ["byline", "dateline"],
    ),
    (
        "Al Jazeera",
        f"{LEAD}\n\n{REST}\n\nSource: Al Jazeera and news agencies",
        TWO,
        ["byline"],
    ),
    (
        "BBC",
        "By Jane Roe\nBBC News, Rome\n\nPublished 3 May 2021\n\nImage source, Getty Images\n\n"
        f"Image caption, A field of wheat\n\n{LEAD}\n\n{REST}\n\nMore on this story",
        TWO,
        ["byline", "byline", "timestamp", "caption", "caption", "related"],
    ),
    (
        "Guardian",
        "This article is more than 2 years old\n\nLast modified on Mon 3 May 2021 10.42 BST\n\n"
        f"{LEAD}\n\nSign up to First Edition, our free daily newsletter\n\n{REST}",
        TWO,
        ["timestamp", "timestamp", "prompt"],
    ),
    (
        "New York Times",
        f"ROME — {LEAD}\n\nAdvertisement\n\nContinue reading the main story\n\n{REST}\n\n"
        "Jane Roe contributed reporting from Milan.\n\nFollow The New York Times Opinion section "
        "on Facebook and Twitter (@NYTopinion).",
        TWO,
        ["dateline", "advert", "advert", "byline", "prompt"],
    ),
    (
        "Washington Post",
        f"{LEAD}\n\n{REST}\n\nRead more:\n\nFollow us on Facebook",
        TWO,
        ["related", "prompt"],
    ),
    (
        "Le Monde (English)",
        "Published on May 3, 2023, at 10:42 am (Paris), updated on May 4, 2023, at 8:00 am\n\n"
        f"Subscribers only\n\n{LEAD}\n\n{REST}\n\nTranslation of an original article published in "
        "French on lemonde.fr; the publisher may only be liable for the French version.",
        TWO,
        ["timestamp", "prompt", "copyright"],
    ),
    (
        "El País (English)",
        f"{LEAD}\n\n{REST}\n\nSign up for our weekly newsletter to get more English-language news "
        "coverage from EL PAÍS USA Edition",
        TWO,
        ["prompt"],
    ),
    (
        "The Hindu",
        f"Published - May 03, 2023 10:42 am IST - NEW DELHI\n\n{LEAD}\n\n{REST}\n\n"
        "(With inputs from PTI)",
        TWO,
        ["timestamp", "byline"],
    ),
    (
        "Dawn",
        f"ISLAMABAD: {LEAD}\n\n{REST}\n\nPublished in Dawn, May 3rd, 2023",
        TWO,
        ["dateline", "timestamp"],
    ),
    (
        "Straits Times",
        f"SINGAPORE - {LEAD}\n\n{REST}",
        TWO,
        ["dateline"],
    ),
    ("Straits Times, agencies", f"PARIS (AFP, REUTERS) - {LEAD}\n\n{REST}", TWO, ["dateline"]),
    (
        "ABC Australia",
        "Posted 3 May 2021 at 10:42am\n\nUpdated 3 May 2021\n\nShare this article\n\n"
        f"{LEAD}\n\n{REST}",
        TWO,
        ["timestamp", "timestamp", "share"],
    ),
    ("UPI", f"May 3 (UPI) -- {LEAD}\n\n{REST}", TWO, ["dateline"]),
    (
        "Bernama",
        f"KUALA LUMPUR, May 3 (Bernama) -- {LEAD}\n\n{REST}\n\n-- BERNAMA",
        TWO,
        ["dateline", "byline"],
    ),
    (
        "PR Newswire",
        f"NEW YORK, May 3, 2020 /PRNewswire/ -- {LEAD}\n\n{REST}",
        TWO,
        ["dateline"],
    ),
    ("SANA", f"Damascus, SANA- {LEAD}\n\n{REST}", TWO, ["dateline"]),
    ("MENA", f"CAIRO, May 3 (MENA) - {LEAD}\n\n{REST}", TWO, ["dateline"]),
    ("PAP", f"Warsaw, May 3 (PAP) - {LEAD}\n\n{REST} (PAP)", TWO, ["dateline", "byline"]),
    ("CNN", f"(CNN){LEAD}\n\n{REST}", TWO, ["dateline"]),
    ("CNN, older", f"7 years ago\n\nRome (CNN) - {LEAD}\n\n{REST}", TWO, ["timestamp", "dateline"]),
    (
        "Fox News",
        f"{LEAD}\n\nCLICK HERE TO GET THE FOX NEWS APP\n\n{REST}\n\n"
        "Fox News' Jane Roe and The Associated Press contributed to this report.",
        TWO,
        ["prompt", "byline"],
    ),
    (
        "NPR",
        "Enlarge this image toggle caption Jane Roe/AP Jane Roe/AP\n\nUpdated at 10:42 a.m. ET\n\n"
        f"{LEAD}\n\n{REST}",
        TWO,
        ["caption", "timestamp"],
    ),
    (
        "Politico",
        f"{LEAD}\n\nStory Continued Below\n\n( Also on POLITICO: Rye falls too)\n\n{REST}",
        TWO,
        ["advert", "related"],
    ),
    (
        "USA TODAY",
        f"Jane Roe\n\nUSA TODAY\n\nROME – {LEAD}\n\n{REST}\n\nContributing: John Doe\n\n"
        "Read or Share this story: https://usat.ly/2abcdef",
        f"Jane Roe\n\n{TWO}",
        ["byline", "dateline", "byline", "share"],
    ),
    (
        "Bloomberg",
        "LISTEN TO ARTICLE 5:09 SHARE THIS ARTICLE Share Tweet Post Email\n\n"
        f"{LEAD}\n\n{REST}\n\n— With assistance by Jane Roe, John Doe, and Mary Major",
        TWO,
        ["share", "byline"],
    ),
    (
        "Washington Times",
        f"ANALYSIS/OPINION:\n\n{LEAD}\n\nSEE ALSO: Rye falls too\n\n{REST}\n\n"
        "Sign up for Daily Newsletters Manage Newsletters\n\n"
        "Copyright © 2019 The Washington Times, LLC. Click here for reprint permission.",
        TWO,
        ["advert", "related", "prompt", "copyright"],
    ),
    ("Economist", f"{LEAD}\n\n{REST} ■", TWO, ["endmark"]),
    ("a paper's own man", f"By Our Correspondent in Rome: {LEAD}\n\n{REST}", TWO, ["byline"]),
    ("a staff writer", f"By Jane Doe, Staff Writer\n\n{LEAD}\n\n{REST}", TWO, ["byline"]),
    (
        "a magazine",
        f"Text: Jane Roe\n\n{LEAD}\n\n{REST}\n\nPhoto: John Doe",
        TWO,
        ["byline", "caption"],
    ),
    (
        "a press release",
        f"{LEAD}\n\n{REST}\n\n-- ends --\n\nND/77-B\n\nCode: 4321/12",
        TWO,
        ["endmark", "code", "code"],
    ),
    ("a news desk", f"{LEAD}\n\n{REST}\n\n/More/\n\n###", TWO, ["endmark", "endmark"]),
    ("a typescript", f"{LEAD}\n\n{REST}\n\n30", TWO, ["endmark"]),
    ("a prompt on the last line", f"{LEAD}\n\n{REST} Read more: Minister quits", TWO, ["related"]),
    ("a code on the last line", f"{LEAD}\n\n{REST} 211/104", TWO, ["code"]),
    (
        "a link on the last line",
        f"{LEAD}\n\n{REST} Follow us: https://example.org/x",
        TWO,
        ["prompt"],
    ),
    (
        "links",
        f"{LEAD}\n\nhttps://example.org/wheat\n\n{REST}\n\n@graindesk",
        TWO,
        ["link", "link"],
    ),
    ("counts", f"2 min read\n\n1.2k shares\n\n{LEAD}\n\n{REST}", TWO, ["timestamp", "share"]),
    ("picture desk", f"{LEAD}\n\n(Getty Images)\n\n{REST}", TWO, ["caption"]),
    (
        "pictures",
        f"Image credit: Jane Roe\n\n{LEAD}\n\n(Jane Roe/Reuters)\n\nAP Photo/Jane Roe\n\n{REST}",
        TWO,
        ["caption"] * 3,
    ),
    ("French", f"{LEAD}\n\nLire aussi : La moisson\n\n{REST}", TWO, ["related"]),
    ("German", f"{LEAD}\n\nLesen Sie auch: Die Ernte\n\n{REST}", TWO, ["related"]),
    (
        "Russian",
        "МОСКВА, 3 мая. /ТАСС/. Цены на пшеницу упали в понедельник.",
        "Цены на пшеницу упали в понедельник.",
        ["dateline"],
    ),
    (
        "Arabic",
        "القاهرة (رويترز) - انخفضت أسعار القمح يوم الاثنين.",
        "انخفضت أسعار القمح يوم الاثنين.",
        ["dateline"],
    ),
    (
        "Chinese",
        "新华社北京5月3日电（记者张三）小麦价格周一下跌。",
        "小麦价格周一下跌。",
        ["dateline"],
    ),
    (
        "Korean",
        "(서울=연합뉴스) 홍길동 기자 = 밀 가격이 월요일에 내렸다.",
        "밀 가격이 월요일에 내렸다.",
        ["dateline"],
    ),
    *(
        (name, f"{opening}{LEAD}\n\n{REST}", TWO, ["dateline"])
        for name, opening in (
            ("WAM", "ABU DHABI, 3rd May 2024 (WAM) -- "),
            ("WAM, comma", "ABU DHABI, 3rd May, 2024 (WAM) -- "),
            ("WAM, month first", "DUBAI, May 3rd, 2024 (WAM) - "),
            ("WAM, small town", "Sharjah (WAM) – "),
            ("ANSA, English", "ROME, MAY 12 - "),
            ("ANSA, Italian", "ROMA, 12 MAG - "),
            ("ANSA, stop", "ROMA, 12 MAG. - "),
            ("IRNA, no date", "Tehran, IRNA – "),
            ("IRNA, date", "Tehran, May 3, IRNA – "),
            ("IRNA, ordinal", "London, 03 May 2024, IRNA - "),
            ("IRNA, dashes", "Tehran - IRNA - "),
            ("IRNA, brackets", "TEHRAN, 3rd May (IRNA) - "),
            ("Mehr, English", "TEHRAN, May 03 (MNA) – "),
            ("Iran Press, blank", "Iran Press/ Iran News: "),
            ("Iran Press, lower case", "Iran Press/Iran news: "),
            ("Iran Press, capitals", "IRAN PRESS/ASIA: "),
            ("EFE, long", "Madrid, 3 de mayo (EFE).- "),
            ("dpa, German", "BERLIN, 3. Mai (dpa) - "),
            ("TASS, ordinal", "MOSCOW, May 3rd. /TASS/. "),
            ("weekday", "ROME, Monday, May 3 - "),
            ("ordinal alone", "GENEVA, 3rd May - "),
            ("three cities", "LONDON/PARIS/ROME (Reuters) - "),
            ("two states", "SACRAMENTO, Calif./TRENTON, N.J. (Reuters) - "),
            ("bullet", "• LONDON (Reuters) - "),
            ("dash as bullet", "- PARIS (AFP) - "),
            ("dash without a blank", "-LONDON (AP) -- "),
            ("bullet, only a city", "• LONDON — "),
            ("bullet, date", "* PARIS, May 3 (AFP) — "),
            ("bullet, IRNA", "– Tehran, IRNA – "),
        )
    ),
    (
        "ANSA, city only",
        f"(ANSA) - ROMA - {LEAD}\n\n{REST}",
        TWO,
        ["dateline"] * 2,
    ),
    (
        "two agencies",
        f"(ANSA-AFP) - ISLAMABAD, 12 MAG - {LEAD}\n\n{REST}",
        TWO,
        ["dateline"] * 2,
    ),
    *(
        (
            f"Persian {number}",
            f"{opening}قیمت گندم کاهش یافت.",
            "قیمت گندم کاهش یافت.",
            ["dateline"],
        )
        for number, opening in enumerate(
            (
                "تهران- ایرنا- ",
                "تهران - ایرنا - ",
                "تهران-ایرنا-",
                "تهران – ایرنا – ",
                "تهران، ایرنا - ",
                "خراسان رضوی- ایرنا- ",
                "تهران - ۱۳ اردیبهشت - ایرنا - ",
                "تهران- ایسنا-",
                "تهران (ایسنا) - ",
                "ایسنا/تهران: ",
                "تهران - مهر - ",
                "تهران - تسنیم - ",
                "• تهران - ایرنا - ",
            )
        )
    ),
    ("Arabic, WAM", "أبوظبي في 3 مايو/ وام / ارتفعت الأسعار.", "ارتفعت الأسعار.", ["dateline"]),
]


@pytest.mark.parametrize(
    ("body", "expected", "rules"),
    [case[1:] for case in CONVENTIONS],
    ids=[case[0] for case in CONVENTIONS],
)
def test_conventions_are_stripped(body: str, expected: str | None, rules: list[str]) -> None:
    prepared = normalise(Article(body=body), TextSpec())
    assert [span.rule for span in prepared.removed] == rules
    if expected is not None:
        assert prepared.body.text == expected
    assert LEAD not in body or LEAD in prepared.body.text


def test_the_conventions_cover_every_body_rule() -> None:
    elsewhere = {"outlet", "lists", *NOTES}  # tested in test_text_notes.py
    assert {rule for case in CONVENTIONS for rule in case[3]} == set(RULES) - elsewhere


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Grain prices fall | Reuters", "Grain prices fall"),
        ("Grain prices fall - BBC News", "Grain prices fall"),
        ("Grain prices fall – The Guardian", "Grain prices fall"),
        ("Grain prices fall - CNN Politics | CNN", "Grain prices fall"),
        ("Grain prices fall", "Grain prices fall"),
        ("Opinion | The Senate must act", "Opinion | The Senate must act"),
        ("The minister and the BBC", "The minister and the BBC"),
        ("Profile | Jane Roe", "Profile | Jane Roe"),
        ("| Reuters", "| Reuters"),
    ],
)
def test_the_outlet_after_a_headline_is_stripped(title: str, expected: str) -> None:
    prepared = normalise(Article(title=title, body=LEAD), TextSpec())
    assert prepared.title.text == expected
    assert {span.rule for span in prepared.removed} == ({"outlet"} if title != expected else set())


LABELS = ["World", "Politics", "Grain", "A0123 b", "ZCZC 77", "Jane Roe", "Rome desk", "Prices"]


@pytest.mark.parametrize(
    "labels", [LABELS, LABELS[:5], ["By Jane Roe", *LABELS, "3 May 2024 10:42"]]
)
@pytest.mark.parametrize(
    "opening", ["LONDON (Reuters) - ", "LONDON — ", "• ROME (ANSA) - ", "OSLO\n"]
)
def test_datelines_below_many_lines_are_stripped(labels: list[str], opening: str) -> None:
    body = "\n".join([*labels, "", f"{opening}{LEAD}", "", REST])
    prepared = normalise(Article(body=body), TextSpec())
    assert [span.text for span in prepared.removed if span.rule == "dateline"] == [opening.strip()]
    assert prepared.body.text.endswith(TWO)
