"""How well and how fast both readers find the text of pages: precision, recall, F of snippets.

PAGES is a JSON Lines file, one page a line:

    {"page": "a.html", "must": ["text of the story"], "must_not": ["a menu's text"]}

`page` is a file's path from the folder of PAGES; `must` are snippets of the story and `must_not`
snippets of the rest of the page, compared with all blanks alike; `title`, if there, is the
headline. A snippet of `must` found is a true positive, one not found a false negative, one of
`must_not` found a false positive, over all pages together.

With `--hostile`, no page is read but markup repeated to a length of 25,000, 50,000 and 100,000
characters; printed is what takes more than three times as long for twice the length, or over 10 s.

    PYTHONPATH=tests/helpers python tests/bench/pages.py PAGES.jsonl [--wrong]
    PYTHONPATH=tests/helpers python tests/bench/pages.py --hostile
"""

import argparse
import time
from itertools import product
from pathlib import Path

from newsstand.text.article import Article
from web_pages import HOSTILE, PREFIXES, READERS, SUFFIXES, Gold, gold, hostile, reading_by


def measured(pages: list[Gold], reader: str, wrong: bool) -> str:
    """One reader's figures over all pages, as a line."""
    true = lost = false = titles = empty = 0
    start = time.process_time()
    articles = [Article.from_html(page.path.read_bytes()) for page in pages]
    seconds = time.process_time() - start
    for page, article in zip(pages, articles, strict=True):
        missing, extra = page.judged(article.body)
        true += len(page.must) - len(missing)
        lost += len(missing)
        false += len(extra)
        titles += page.title in (None, article.title)
        empty += article.warning is not None
        if wrong and (missing or extra):
            print(f"{page.path}: missing {missing}, extra {extra}")
    precision, recall = true / max(1, true + false), true / max(1, true + lost)
    f = 2 * precision * recall / max(1e-9, precision + recall)
    return (
        f"{reader:12} precision {precision:.3f} recall {recall:.3f} F {f:.3f} | titles right "
        f"{titles} of {len(pages)}, warned {empty} | {1000 * seconds / max(1, len(pages)):.1f} "
        "ms a page"
    )


def attacked(reader: str) -> str:
    """Prints the markup whose time grows too fast, and gives the slowest as a line."""
    slowest = (0.0, "")
    for pattern, prefix, suffix in product(HOSTILE, PREFIXES, SUFFIXES):
        times = []
        for length in (25_000, 50_000, 100_000):
            page = hostile(pattern, length, prefix, suffix)
            start = time.process_time()
            Article.from_html(page)
            times.append(time.process_time() - start)
        growth = max(times[1] / max(0.1, times[0]), times[2] / max(0.1, times[1]))
        if growth > 3 or times[-1] > 10:
            shown = " ".join(f"{seconds:.2f}" for seconds in times)
            print(f"{reader}: {pattern!r:.60} takes {shown} s")
        slowest = max(slowest, (times[-1], pattern))
    return f"{reader:12} slowest at 100,000 characters: {slowest[1]!r:.60}, {slowest[0]:.2f} s"


def main() -> None:
    """Measures both readers."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pages", type=Path, nargs="?")
    parser.add_argument("--wrong", action="store_true", help="print what each page is wrong in")
    parser.add_argument("--hostile", action="store_true", help="time hostile markup instead")
    arguments = parser.parse_args()
    if not (arguments.hostile or arguments.pages):
        parser.error("name a JSON Lines file of pages, or give --hostile")
    for reader in READERS:
        with reading_by(reader):
            Article.from_html("<p>what is imported or compiled at first use</p>")
            if arguments.hostile:
                print(attacked(reader))
            else:
                print(measured(gold(arguments.pages), reader, arguments.wrong))


if __name__ == "__main__":
    main()
