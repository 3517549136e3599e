"""Flaws of texts: damage, markup and foreign languages, and what only resembles them."""

# ruff: noqa: RUF001 - damaged letters and foreign quotes are what is tested

import pytest

from audits import GERMAN, Make, counted


@pytest.mark.parametrize(
    ("text", "flawed"),
    [
        ("so ein Spaß“, sagte er", False),  # German: a letter and a quote that look like bytes
        ("« À L’ÉTÉ »", False),
        ("naïve façade – “déjà vu”", False),
        ("Привет, мир", False),
        ("ÐŸÑ€Ð¸Ð²ÐµÑ‚, Ð¼Ð¸Ñ€", True),
        ("CafÃ© and naÃ¯ve", True),
        ("It costs Â£5", True),
        ("it’s � lost", True),
    ],
)
def test_damaged_encoding_is_distinguished_from_foreign_letters(
    make_rows: Make, make_news: Make, text: str, flawed: bool
) -> None:
    rows = make_rows()
    rows[0]["body"] += f" {text}"
    assert (counted(make_news(rows), "encoding").verdict != "ok") == flawed


@pytest.mark.parametrize(
    "text",
    ["if a < b and c > d", "<3 & co; R&D", "see https://example.org/" + "a/" * 80, "a {b} c"],
)
def test_symbols_are_not_markup_and_links_are_not_garbage(
    make_rows: Make, make_news: Make, text: str
) -> None:
    rows = make_rows()
    rows[0]["body"] += f" {text}"
    news = make_news(rows)
    assert counted(news, "markup").verdict == counted(news, "no-text").verdict == "ok"


def test_row_may_give_its_language(make_rows: Make, make_news: Make) -> None:
    rows = make_rows()
    rows[0] |= {"body": GERMAN, "language": "de-AT"}
    assert counted(make_news(rows), "language").verdict == "ok"
    rows[1]["language"] = "fr"
    found = counted(make_news(rows), "language")
    assert (found.statistics["wrong"], found.examples[0][:2]) == (1, "r1")


def test_multilingual_data_have_no_wrong_language(make_rows: Make, make_news: Make) -> None:
    rows = make_rows(60)
    for number, row in enumerate(rows[::2]):
        row["body"] = f"{GERMAN} ({number})"
    found = counted(make_news(rows), "language")
    assert (found.verdict, found.statistics["in_de"], found.statistics["in_en"]) == ("ok", 30, 30)


def test_short_texts_have_no_language(make_rows: Make, make_news: Make) -> None:
    rows = make_rows()
    for number, row in enumerate(rows):
        row["body"] = f"Nein danke, {number} mal nein, sagte er."
    assert counted(make_news(rows), "language").statistics["identified"] == 0
