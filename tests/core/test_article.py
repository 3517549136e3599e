"""Articles from text, rows and web pages, and their encoding."""

from typing import Any

import pytest

from newsstand.errors import InputError
from newsstand.text.article import COLUMNS, Article
from newsstand.text.example import encode
from newsstand.text.normalize import TextSpec


@pytest.mark.parametrize(
    ("text", "title", "body"),
    [
        ("Grain falls\n\nWheat fell.", "Grain falls", "Wheat fell."),
        ("\ufeffGrain falls\r\n\r\nWheat fell.\r\n", "Grain falls", "Wheat fell.\r\n"),
        ("LONDON (Reuters) - Oil fell\n\nMore.", "", "LONDON (Reuters) - Oil fell\n\nMore."),
        ("By Jane Roe\n\nWheat fell.", "", "By Jane Roe\n\nWheat fell."),
        ("Wheat fell on Monday.\n\nMore.", "", "Wheat fell on Monday.\n\nMore."),
        ("\n\nGrain falls\n\nWheat fell.\n\nMore.", "Grain falls", "Wheat fell.\n\nMore."),
        ("Two lines\nof lead\n\nWheat fell.", "", "Two lines\nof lead\n\nWheat fell."),
        ("word " * 26 + "\n\nWheat fell.", "", "word " * 26 + "\n\nWheat fell."),
        ("Grain falls\n\n \n", "", "Grain falls\n\n \n"),
        ("Grain falls", "", "Grain falls"),
        ("", "", ""),
    ],
)
def test_from_text_finds_the_headline(text: str, title: str, body: str) -> None:
    article = Article.from_text(text, id="7")
    assert (article.title, article.body, article.id) == (title, body, "7")


@pytest.mark.parametrize(
    ("page", "title", "body"),
    [
        (
            "<title>Desk</title><meta property='og:title' content='OG'><body>"
            "<header><h1>Logo</h1></header><nav><p>Menu</p></nav>"
            "<article><header><h1>Grain falls</h1></header><p>Wheat <b>fell</b>.<br>Again.</p>"
            "<figure><p>Photo</p></figure><form><p>Your address</p></form>"
            "<p>Corn rose.</p></article>"
            "<aside><p>Also read</p></aside><footer><p>Imprint</p></footer>",
            "Grain falls",
            "Wheat fell.\nAgain.\n\nCorn rose.",
        ),
        ("<meta property='og:title' content=' OG '><title>T</title><p>a", "OG", "a"),
        ("<title>Corn &amp; oats</title><p>One<p>Two &lt;b&gt;", "Corn & oats", "One\n\nTwo <b>"),
        ("<meta property='og:title'><p>a</p>", "", "a"),
        (
            "<article><p>Wheat\nfell.</p><h2>Oats</h2><ul><li>Rye rose.</ul></article><p>x",
            "",
            "Wheat fell.\n\nOats\n\nRye rose.",
        ),
        # Cards of other stories, with the story itself outside any card.
        ("<article><p>Teaser</p></article><p>Wheat fell on Monday.", "", "Wheat fell on Monday."),
        # Some publishing systems wrap the whole page in a form.
        ("<form><h1>Grain falls</h1><p>Wheat.</p></form>", "Grain falls", "Wheat."),
        ("<form><article><h1>H</h1><p>Wheat.</p></article><p>x</p></form>", "H", "Wheat."),
        ("<p>Wheat.</p><form><p>Your address</p></form>", "", "Wheat."),
        # No paragraphs: all visible text.
        ("<div>only <i>a</i> div</div><script>var p = '<p>no</p>'</script>", "", "only a div"),
        ("Wheat fell.", "", "Wheat fell."),
        ("<svg/><p>a</p></nav></article></p><p>b", "", "a\n\nb"),
        ("", "", ""),
    ],
)
def test_from_html_finds_headline_and_text(page: str, title: str, body: str) -> None:
    article = Article.from_html(page)
    assert (article.title, article.body) == (title, body)


def test_warning_is_not_a_column() -> None:
    assert "warning" not in COLUMNS
    assert Article.from_mapping({"body": "x", "warning": 5}).warning is None


def test_from_mapping_ignores_unknown_columns() -> None:
    row = {"id": 7, "body": "Wheat fell.", "title": None, "outlet": "Wire", "desk": {"x": 1}}
    assert Article.from_mapping(row) == Article(id="7", body="Wheat fell.", outlet="Wire")
    assert Article.from_mapping({"body": None, "title": "Grain"}).body == ""


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"text": "x", "id": 1}, r"^no column 'body' \(columns here: id, text\)$"),
        ({}, r"^no column 'body' \(columns here: none\)$"),
        ({"body": 5}, "^column 'body': expected text, got int 5$"),
        ({"body": "x", "title": 2024}, "^column 'title': expected text, got int 2024$"),
        ({"body": True}, "^column 'body': expected text, got bool True$"),
        ({"body": ["x"] * 99}, r"^column 'body': expected text, got list \['x', .{0,40}$"),
    ],
)
def test_from_mapping_names_the_invalid_column(row: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Article.from_mapping(row)


@pytest.mark.parametrize(
    "mentions", [[[0, 99]], [[3, 3]], [[0, 2.5]], [["0", 2]], [[0]], [0, 2], "[[0, 2]]", 3]
)
def test_mentions_must_be_spans_in_the_body(mentions: Any) -> None:
    row = {"body": "Lee said she would.", "target": "Lee"}
    good = Article.from_mapping({**row, "mentions": [[0, 3], [9, 12]]})
    assert good.mentions == ((0, 3), (9, 12))
    assert hash(good) == hash(Article(body=row["body"], mentions=((0, 3), (9, 12))))
    assert Article.from_mapping({**row, "mentions": None}).mentions == ()
    with pytest.raises(
        InputError, match=r"mentions.*: expected \[\[start, end\], …\], the target's offsets"
    ):
        Article.from_mapping({**row, "mentions": mentions})
    # Without a target, a column of this name has another meaning.
    assert Article.from_mapping({"body": "x", "mentions": mentions}).mentions == ()


def test_encode_maps_mentions_to_the_prepared_text() -> None:
    body = "LONDON (Reuters) - Lee &amp; Co said she would."
    spans = tuple((body.index(x), body.index(x) + len(x)) for x in ("she", "Lee &amp; Co", "LON"))
    article = Article(title="Lee", body=body, mentions=spans)
    example = encode(article, "Lee", TextSpec())
    text = example.prepared.body.text
    assert [text[start:end] for start, end in example.mentions] == ["she", "Lee & Co"]
    assert encode(article, None, TextSpec()).mentions == ()


@pytest.mark.parametrize("values", [{"body": None}, {"body": b"x"}, {"body": "x", "title": 5}])
def test_title_and_body_must_be_text(values: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"^article (title|body): expected text, got \w+$"):
        Article(**values)


@pytest.mark.parametrize("text", ["", " \n\t\u200b", "\ufeff", "<p></p>"])
def test_an_article_without_text_cannot_be_encoded(text: str) -> None:
    with pytest.raises(InputError, match=r"^empty: title and body hold no text$"):
        encode(Article(title=text, body=text), None, TextSpec())


def test_encode_puts_the_title_first() -> None:
    article = Article(title="Grain falls", body="Wheat fell on Monday.")
    example = encode(article, "the levy", TextSpec())
    assert (example.text, example.target) == ("Grain falls\n\nWheat fell on Monday.", "the levy")
    assert encode(Article(body="Wheat fell."), None, TextSpec()).text == "Wheat fell."
    assert encode(Article(title="Grain falls", body=""), None, TextSpec()).prepared.body.text == ""
