"""The report: complete, self-contained, escaped, and well-formed."""

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from html_page import Page
from newsstand.cli.terminal import visible
from newsstand.data.checks.audit import LIMITS, audit
from newsstand.data.checks.findings import Finding
from newsstand.data.checks.report import html

Make = Callable[..., Any]


def _flat(text: str) -> str:
    return text.replace("\u00a0", " ")


def finding(**changes: Any) -> Finding:
    values: dict[str, Any] = {
        "check": "outlet-label",
        "verdict": "warning",
        "title": "The outlet has accuracy 90%",
        "statistics": {"all": 0.9},
        "threshold": "share: warning from 10%",
        "examples": ["r1: text"],
        "advice": "Hold outlets out.",
        "chart": (("most frequent label", 0.5), ("outlet alone", 0.9)),
    }
    return Finding(**{**values, **changes})


def test_every_finding_of_an_audit_is_on_the_page(make_rows: Make, make_news: Make) -> None:
    rows = make_rows()
    for number, row in enumerate(rows):
        row |= {"outlet": f"{row['label']} {number % 3}", "published": f"{2010 + number % 8}-05-01"}
    rows[1]["body"] = rows[0]["body"]
    news = make_news(rows, problems=["a.csv:3: no label"])
    found = audit(news, task="topic")
    page = Page(html(found, name="my-articles.csv", news=news))
    assert page.open == []
    assert {"error", "warning", "note", "ok"} == {x.verdict for x in found}
    for item in found:
        assert _flat(item.title) in _flat(page.text)
        assert LIMITS[item.check].name in page.text
        assert item.verdict == "ok" or _flat(item.advice) in _flat(page.text)
        assert all(_flat(example) in _flat(page.text) for example in item.examples)
    assert "Do not trust results on these data yet" in page.text
    assert "Rows by year of publication, 2010 to 2017; most in 2017: 25" in page.text
    assert news.digest in page.text


def test_page_fetches_and_runs_nothing(make_rows: Make, make_news: Make) -> None:
    page = Page(html([finding()], name="x", news=make_news(make_rows(20))))
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "link", "img", "iframe", "object", "a", "base"}
    assert not any({"src", "href", "onclick"} & set(attributes) for _, attributes in page.tags)
    raw = html([finding()], name="x", news=make_news(make_rows(20)))
    assert not re.search(r"url\(|@import|https?:", raw)


def test_texts_of_the_data_are_escaped(make_rows: Make, make_news: Make) -> None:
    evil = '<script>alert("x")</script>&amp;{{ 7 * 7 }}\x1b[2J\u202e\u2066'
    rows = make_rows(20)
    for row in rows:
        row |= {"label": row["label"] + evil, "outlet": evil, "published": evil}
    bad = finding(title=evil, examples=[evil], advice=evil, threshold=evil, chart=((evil, 0.5),))
    calm = finding(check="dates", verdict="ok", title=evil)
    news = make_news(rows)
    raw = html([bad, calm], name=evil, news=news)
    assert not set(raw) & set("\x1b\u202e\u2066")
    page = Page(raw)
    assert "script" not in {tag for tag, _ in page.tags}
    assert page.text.count(visible(evil)) == 11


def test_headings_tables_and_marks_are_accessible(make_rows: Make, make_news: Make) -> None:
    page = Page(html([finding()], name="x", news=make_news(make_rows(20))))
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    heads = [attributes for tag, attributes in page.tags if tag == "th"]
    assert heads
    assert all(attributes.get("scope") in ("row", "col") for attributes in heads)
    assert ("html", {"lang": "en"}) in page.tags
    assert "Warning" in page.text  # a word, not a colour alone


def test_the_worst_verdict_is_the_headline(make_rows: Make, make_news: Make) -> None:
    news = make_news(make_rows(20))

    def headline(*found: Finding) -> str:
        match = re.search(r'<div class="verdict (\w+)"><strong>', html(found, name="x", news=news))
        assert match
        return match[1]

    calm, note = finding(verdict="ok"), finding(verdict="note")
    assert headline(calm) == "ok"
    assert headline(calm, note) == "note"
    assert headline(note, finding(verdict="error"), finding()) == "error"
    assert "1 warning, 2 notes, 0 of 3 checks OK" in html(
        [note, finding(), note], name="x", news=news
    )


def test_bar_lengths_match_shares(make_rows: Make, make_news: Make) -> None:
    page = html([finding()], name="x", news=make_news(make_rows(20)))
    assert 'style="width:90.0%"' in page
    assert '<td class="n">90.0%</td>' in _flat(page)
