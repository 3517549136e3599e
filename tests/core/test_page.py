"""Web pages: trafilatura gives exactly the story, the plain reader at least all of it."""

import logging
import random
import time
from pathlib import Path

import pytest

from newsstand.text.article import Article
from web_pages import HOSTILE, PREFIXES, READERS, SUFFIXES, Gold, gold, hostile, reading_by

PAGES = gold(Path(__file__).parent / "pages" / "pages.jsonl")
PARAGRAPHS = (
    "The ferry to Outer Skaar stopped on Monday, when its only engine broke down at the quay.",
    "Two fishing boats carry the post and the milk until the part has come from the mainland.",
)
STORY = "\n\n".join(PARAGRAPHS)
PLAIN = (
    "the page was read by the plain reader, which separates the article less precisely; "
    "install newsstand[html] to use trafilatura"
)


@pytest.fixture(params=READERS)
def _reader(request: pytest.FixtureRequest) -> object:
    with reading_by(request.param):
        yield


def test_every_page_has_an_expected_story() -> None:
    assert len(PAGES) >= 20
    assert {page.path for page in PAGES} == set(PAGES[0].path.parent.glob("*.html"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path.stem)
def test_stories_of_all_kinds_of_pages(page: Gold) -> None:
    article = Article.from_html(page.path.read_bytes(), id="7")
    assert page.judged(article.body) == ([], [])
    assert (article.title, article.id, article.warning) == (page.title, "7", None)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path.stem)
def test_the_plain_reader_finds_title_and_paragraphs(page: Gold) -> None:
    with reading_by("plain"):
        article = Article.from_html(page.path.read_bytes())
    missing, _ = page.judged(article.body)
    assert (article.title, missing, article.warning) == (page.title, [], PLAIN)


def test_the_plain_reader_leaves_out_menus_scripts_and_hidden_text() -> None:
    page = (
        "<title>Ferry &amp; post</title><style>p {{}}</style><nav><p>All our islands.</nav>"
        "<header><p>Skerry Times, since 1911.</p></header><script>var a = '<p>x</p>';</script>"
        "<p>{} <script>let b = 1 < 2;</script><p hidden>For nobody to see.<p>{}"
        "<form><p>Your address, please.</form><aside><p>Also read this.</aside><footer>Imprint."
    )
    with reading_by("plain"):
        article = Article.from_html(page.format(*PARAGRAPHS))
    assert (article.title, article.body) == ("Ferry & post", STORY)


def test_a_short_text_beside_long_comments_is_read() -> None:
    with reading_by("plain"):
        page = f"<p>Closed today</p><div class=comments><p>{STORY}</div>"
        assert Article.from_html(page).body == "Closed today"


@pytest.mark.usefixtures("_reader")
@pytest.mark.parametrize("page", PAGES[:3], ids=lambda page: page.path.stem)
def test_bytes_and_text_give_the_same_article(page: Gold) -> None:
    content = page.path.read_bytes()
    assert Article.from_html(content) == Article.from_html(content.decode())


@pytest.mark.parametrize(
    "page",
    [
        # The text decides, not the tag.
        "<article><div>{0}</div><div>{1}</div><p>OK</p></article>",
        "<div><div>{0}</div><div>{1}</div><p>Our website stores crumbs on your device.</p></div>",
        "<div class=x><span>{0}</span><br><br><span>{1}</span></div><p>All rights reserved.</p>",
        "<table><tr><td><a href=/>Home</a><td>{0}<br><br>{1}<td><a href=/x>Weather</a></table>",
        "<section><section>{0}</section><section>{1}</section></section>",
        # Unclosed elements.
        "<header><button>Menu</header><p>{0}<p>{1}",
        "<nav><svg><title>Logo</title><path d=M0></nav><div><p>{0}<p>{1}</div>",
        "<header><div>Site</div><article><h1>Ferry</h1><p>{0}</p><p>{1}</p></article>",
        "<select><option>North<option>South<p>{0}</p><p>{1}</p>",
        "<aside><p>Short note</p><main><p>{0}</p><p>{1}</p></main>",
        "<div><figure><img><p>{0}</p><p>{1}</p></div>",
        "<a name=top><p>{0}</p><p>{1}</p>",
        "<p>{0}<p>{1}<!-- never closed",
        "<p>{0}<p>{1}<textarea>",
        # Comments, longer than the story, with and without a name, and a consent note.
        "<div class=page-content><article><p>{0}</p><p>{1}</p></article><div>"
        + "<p>Nonsense, the ferry was never on time when I was young, and nobody cared.</p>" * 9
        + "</div></div>",
        # An article element with the headline only.
        "<article><h1>Ferry</h1></article><div class=story-body><p>{0}</p><p>{1}</p></div>",
        "<article><p>{0}</p><p>{1}</p></article><div id=comments>"
        + "<p>Nonsense, the ferry was never on time when I was young, and nobody cared.</p>" * 9
        + "</div>",
        "<main><p>{0}</p><p>{1}</p><section class=reader-comments><article>"
        + "<p>I have said for years that one engine is not enough for a ferry in winter.</p>" * 9
        + "</article></section></main>",
        "<div role=dialog><p>We and our partners store and read data on your device.</p></div>"
        "<p>{0}</p><p>{1}</p>",
        "<p aria-hidden=true>A line for no reader of this page, however long it may be.</p>"
        "<p>{0}</p><p>{1}</p>",
        # One form around everything.
        "<form><div>{0}</div><div>{1}</div></form>",
    ],
)
def test_a_story_is_found_in_any_markup(page: str) -> None:
    assert Article.from_html(page.format(*PARAGRAPHS)).body == STORY


def test_a_story_about_cookies_is_kept() -> None:
    line = "We baked cookies for the crew on Sunday."
    page = f"<p>{PARAGRAPHS[0]}</p><p>{line}</p><p>{PARAGRAPHS[1]}</p>"
    assert line in Article.from_html(page).body


def test_subheads_and_lists_are_in_order() -> None:
    page = (
        "<h1>Ferry</h1><p>{}</p><h3>What is missing</h3><ul><li>A pump</li><li>Two seals</ul><p>{}"
    )
    body = Article.from_html(page.format(*PARAGRAPHS)).body
    items = ["What is missing", "A pump", "Two seals"]
    assert body.split("\n\n") == [PARAGRAPHS[0], *items, PARAGRAPHS[1]]


@pytest.mark.parametrize(
    ("head", "body", "title"),
    [
        # A heading in the article is preferred to one above it.
        ("", "<h1>Skerry Times</h1><article><h1>Ferry stops</h1>{}</article>", "Ferry stops"),
        (
            "<meta property=og:title content='Ferry stops'>",
            "<h1>Skerry Times</h1>{}",
            "Ferry stops",
        ),
        ("<title>Ferry stops | Skerry Times</title>", "<h1>Skerry Times</h1>{}", "Ferry stops"),
        ("<title>Ferry stops</title>", "<h1>Log In</h1>{}", "Ferry stops"),
        (
            "<title>Skerry Times: Ferry stops</title>",
            "<h1>Skerry Times</h1><h2>Ferry stops</h2>{}",
            "Ferry stops",
        ),
        # The site's name is removed only if it is known to be one.
        ("<title>Ferry stops - Skerry Times</title>", "<h1>Ferry stops</h1>{}", "Ferry stops"),
        ("<title>Ferry stops - at last</title>", "{}", "Ferry stops - at last"),
        (
            "<meta property=og:site_name content=Beacon><title>Beacon - Ferry stops</title>",
            "{}",
            "Ferry stops",
        ),
        (
            "<title>外岛渡轮因故停航_海岛新闻网</title>",
            "<div>外岛渡轮因故停航</div>{}",
            "外岛渡轮因故停航",
        ),
        ("<svg><title>Logo</title></svg><title>Ferry stops</title>", "{}", "Ferry stops"),
    ],
)
def test_the_title_of_a_page(head: str, body: str, title: str) -> None:
    story = "".join(f"<p>{paragraph}</p>" for paragraph in PARAGRAPHS)
    article = Article.from_html(f"<html><head>{head}</head><body>{body.format(story)}")
    assert (article.title, article.body) == (title, STORY)


@pytest.mark.parametrize(
    ("page", "warning"),
    [
        ("", "no text was found in the page"),
        ("<p></p><script>var x</script>", "no text was found in the page"),
        ("<p>Enough.</p>", "only 1 word of text was found in the page"),
        (
            "<p>You must log in to read this page.</p>",
            "only 8 words of text were found in the page",
        ),
        ("<p>" + "word " * 24 + "</p>", "only 24 words of text were found in the page"),
        ("<p>" + "word " * 25 + "</p>", None),
        ("<p>县水务局表示下一步将修建通往山后三个乡的输水管道全长八十公里。</p>", None),
    ],
)
def test_a_page_with_hardly_any_text_has_a_warning(page: str, warning: str | None) -> None:
    assert Article.from_html(page).warning == warning
    with reading_by("plain"):
        plain = Article.from_html(page).warning
    assert plain == (f"{warning}; {PLAIN}" if warning else PLAIN)


def test_the_plain_reader_is_used_where_trafilatura_fails(caplog: pytest.LogCaptureFixture) -> None:
    deep = "<div>" * 3000 + "".join(f"<p>{paragraph}</p>" for paragraph in PARAGRAPHS)
    with caplog.at_level(logging.ERROR), reading_by("trafilatura"):
        assert Article.from_html(deep).body == STORY
    assert not caplog.records


def test_json_ld_is_read_if_the_page_has_no_text() -> None:
    data = '{"@graph": [{"@type": "NewsArticle", "articleBody": "A &amp; B.\\nSecond line."}, 3]}'
    script = "<script type=application/ld+json>{}</script>"
    page = script.format("[" * 9999) + script.format("{broken") + script.format(data)
    assert Article.from_html(page).body == "A & B.\n\nSecond line."
    assert Article.from_html(page + "<p>" + STORY * 2).body.startswith(STORY[:50])


def seconds(page: str) -> float:
    """Returns the CPU time of reading a page."""
    start = time.process_time()
    Article.from_html(page)
    return time.process_time() - start


@pytest.mark.usefixtures("_reader")
@pytest.mark.parametrize("pattern", HOSTILE)
def test_time_grows_at_most_linearly(pattern: str) -> None:
    rng = random.Random(pattern)  # the same page in each run
    ends = rng.choice(PREFIXES), rng.choice(SUFFIXES)
    page, longer = (hostile(pattern, length, *ends) for length in (8_000, 16_000))
    Article.from_html(page[:1000])  # imports and compiles on first use
    once, twice = seconds(page), seconds(longer)
    # Short times and single measurements are noisy.
    for _ in range(3):
        if twice < max(3 * once, 0.25):
            break
        once, twice = max(once, seconds(page)), min(twice, seconds(longer))
    assert twice < max(3 * once, 0.25)


@pytest.mark.usefixtures("_reader")
@pytest.mark.parametrize("pattern", ["<div>", "<b>", "<ul><li>", "<article>"])
def test_deep_nesting_is_read(pattern: str) -> None:
    article = Article.from_html(f"<p>{STORY}</p>" + pattern * (100_000 // len(pattern)) + "x")
    assert PARAGRAPHS[1] in article.body
