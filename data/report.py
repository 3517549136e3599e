"""The findings as one self-contained HTML page, for readers who know the news and no Python."""

import re
from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from newsstand.data.audit import LIMITS, summary
from newsstand.data.findings import VERDICTS, Finding, Verdict, count, percent
from newsstand.data.sources import SPLITS
from newsstand.terminal import visible

if TYPE_CHECKING:
    from newsstand.data.loader import NewsData

_MARKS: dict[Verdict, str] = {"error": "✕", "warning": "!", "note": "i", "ok": "✓"}
_WORDS: dict[Verdict, str] = {"error": "Error", "warning": "Warning", "note": "Note", "ok": "OK"}
_HEADLINES: dict[Verdict, str] = {
    "error": "Do not trust results on these data yet",
    "warning": "Usable, with warnings: results may look better than they are",
    "note": "Sound, with a few things worth knowing",
    "ok": "Sound: nothing was found that spoils a result",
}
_SECTIONS: dict[Verdict, str] = {
    "error": "Errors: mend these first",
    "warning": "Warnings: read results with these in mind",
    "note": "Notes: worth knowing",
}
_LIMIT_HEADS = ("check", "figure", "note from", "warning from", "error from")
_JUDGED = """Each check compares one figure with these limits. An error means that test results say
nothing, or that rows cannot be used; a warning, that results are probably better than they should
be, or hard to read. Quick models are small ones, fitted for this page, on a sample where the data
are large; their figures count only as far as chance cannot explain them."""
_MOST = 40  # labels in a table
_OUTLETS = 8
_RARE_YEAR = 0.0005  # share of the rows below which a year has no bar

_STYLE = """
:root{color-scheme:light dark;--bg:#fff;--soft:#f4f4f1;--line:#d6d6d0;--ink:#1b1b19;--dim:#5a5a55;
--bar:#3f6fa8;--error:#a4161a;--warning:#8a5300;--note:#1f5a96;--ok:#22683a}
@media(prefers-color-scheme:dark){:root{--bg:#161614;--soft:#21211e;--line:#41413b;--ink:#ecece6;
--dim:#b0b0a8;--bar:#7aa7dc;--error:#ff9a94;--warning:#f0b64f;--note:#8fc0f5;--ok:#7fd197}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:1rem/1.55 system-ui,sans-serif}
main{max-width:58rem;margin:0 auto;padding:2rem 1.25rem 4rem}
h1{font:600 2rem/1.2 Georgia,serif;margin:.2rem 0 1rem;overflow-wrap:anywhere}
h2{font:600 1.45rem/1.25 Georgia,serif;margin:2.75rem 0 .75rem}
h3{font-size:1.08rem;line-height:1.3;margin:0}
p{margin:.4rem 0}
.kicker,.dim,figcaption,caption{color:var(--dim);font-size:.9rem}
.verdict{border-left:.4rem solid var(--tone);background:var(--soft);padding:1rem 1.25rem}
.verdict strong{display:block;font-size:1.3rem;line-height:1.3;color:var(--tone)}
.error{--tone:var(--error)}.warning{--tone:var(--warning)}
.note{--tone:var(--note)}.ok{--tone:var(--ok)}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(10rem,1fr));gap:1rem;margin:1rem 0}
.facts div{border-top:2px solid var(--line);padding-top:.4rem}
.facts dt{color:var(--dim);font-size:.9rem}.facts dd{margin:0;font-size:1.35rem;font-weight:600}
.facts dd small{display:block;font-size:.85rem;font-weight:400;color:var(--dim)}
.finding{border:1px solid var(--line);border-left:.35rem solid var(--tone);border-radius:.2rem;
padding:.9rem 1.1rem;margin:.9rem 0;break-inside:avoid}
.finding header{display:flex;gap:.7rem;align-items:baseline}
.badge{flex:none;color:var(--tone);border:1.5px solid;border-radius:1rem;padding:0 .6rem;
font-size:.82rem;font-weight:700;white-space:nowrap}
.figure{font-size:1.08rem;font-weight:600;overflow-wrap:anywhere}
.advice{border-top:1px solid var(--line);padding-top:.5rem;margin-top:.6rem}
table{border-collapse:collapse;width:100%;font-size:.93rem;font-variant-numeric:tabular-nums}
caption{text-align:left;padding-bottom:.3rem}
th,td{text-align:left;padding:.3rem .6rem .3rem 0;vertical-align:top;
border-bottom:1px solid var(--line)}
thead th{border-bottom-width:2px;font-size:.88rem;color:var(--dim)}
tbody th{font-weight:400;overflow-wrap:break-word}
.n{text-align:right;white-space:nowrap}
.wide{overflow-x:auto}.wide table{min-width:33rem}
.bar{display:block;height:.7rem;min-width:1px;background:var(--bar);margin-top:.4rem;
print-color-adjust:exact;-webkit-print-color-adjust:exact}
.bars{max-width:38rem;margin:.6rem 0}.bars td:last-child{width:40%}
summary{cursor:pointer;color:var(--note);padding:.2rem 0}
details ul{margin:.3rem 0;padding-left:1.2rem}
details li{margin:.35rem 0;font-size:.9rem;overflow-wrap:anywhere}
code{font-size:.9em;background:var(--soft);padding:0 .25em}
figure{margin:1.2rem 0}
svg{display:block;width:100%;height:auto;max-height:9rem}
svg rect{fill:var(--bar)}svg line{stroke:var(--line)}
svg text{fill:var(--dim);font:11px system-ui,sans-serif}
@media print{body{font-size:10pt}main{max-width:none;padding:0}h2{break-after:avoid}
.finding{border-radius:0;break-inside:auto}.finding header{break-after:avoid}
summary{list-style:none}
details::details-content{content-visibility:visible}}
"""


def html(findings: Sequence[Finding], *, name: str, news: "NewsData") -> str:
    """The whole page: what was found, what it means and what to do, and a summary of the data.

    Args:
        findings: What `audit` gave.
        name: What the data are called.
        news: The data.
    """
    worst: Verdict = max((x.verdict for x in findings), key=VERDICTS.index, default="ok")
    found = [_section(kind, [x for x in findings if x.verdict == kind]) for kind in _SECTIONS]
    body = f"""<header><p class="kicker">newsstand check: can results on these data be trusted?</p>
<h1>{_text(name)}</h1>
<div class="verdict {worst}"><strong>{_HEADLINES[worst]}</strong>
<p>{_text(summary(findings))}.</p></div></header>
{_summary(news)}
{"".join(found)}
{_in_order([x for x in findings if x.verdict == "ok"])}
{_limits()}
<footer><p class="dim">Data digest <code>{_text(news.digest)}</code>: the same rows in the same
splits have the same one.</p></footer>"""
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{_text(name)}: newsstand check</title><style>{_STYLE}</style></head>
<body><main>{body}</main></body></html>
"""


def _text(value: object) -> str:
    return escape(visible(str(value)), quote=True).replace(" %", "&nbsp;%")


def _section(kind: Verdict, findings: Sequence[Finding]) -> str:
    if not findings:
        return ""
    found = "\n".join(_finding(finding) for finding in findings)
    return f'<section aria-label="{_WORDS[kind]}s"><h2>{_SECTIONS[kind]}</h2>\n{found}</section>\n'


def _finding(finding: Finding) -> str:
    limit = LIMITS[finding.check]
    parts = [
        f'<article class="finding {finding.verdict}" id="{_text(finding.check)}"><header>'
        f"{_badge(finding.verdict)}<h3>{_text(limit.name)}</h3></header>",
        f'<p class="figure">{_text(finding.title)}.</p>',
        _bars(finding),
        f"<p>{_text(limit.why)}</p>",
    ]
    if finding.advice:
        parts.append(f'<p class="advice"><strong>What to do.</strong> {_text(finding.advice)}</p>')
    if finding.examples:
        rows = "".join(f"<li>{_text(example)}</li>" for example in finding.examples)
        noun = "example" if len(finding.examples) == 1 else "examples"
        parts.append(
            f"<details><summary>{len(finding.examples)} {noun}</summary><ul>{rows}</ul></details>"
        )
    parts.append(f'<p class="dim">Measured: {_text(finding.threshold)}.</p></article>')
    return "\n".join(part for part in parts if part)


def _badge(verdict: Verdict) -> str:
    mark = f'<span aria-hidden="true">{_MARKS[verdict]}</span>'
    return f'<span class="badge {verdict}">{mark} {_WORDS[verdict]}</span>'


def _bars(finding: Finding) -> str:
    if not finding.chart:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{_text(name)}</th><td class="n">{percent(share)}</td>'
        f"<td>{_bar(share)}</td></tr>"
        for name, share in finding.chart
    )
    return f'<table class="bars"><caption>Right answers</caption><tbody>{rows}</tbody></table>'


def _bar(share: float) -> str:
    return f'<span class="bar" style="width:{100 * share:.1f}%"></span>'


def _summary(news: "NewsData") -> str:
    split = np.array(news.split)
    sizes = {name: int(np.count_nonzero(split == name)) for name in SPLITS}
    used = sum(sizes.values())
    facts = {
        "Rows": (f"{len(split):,}", f"{used:,} in use" if used < len(split) else "all in use"),
        **{name.capitalize(): (f"{n:,}", percent(n / max(used, 1))) for name, n in sizes.items()},
        "Labels": (f"{len(news.labels)}", ""),
    }
    outlets = Counter(filter(None, news.column("outlet")))
    targets = Counter(filter(None, news.column("target")))
    days = filter(None, news.column("published"))
    years = Counter(day[:4] for day in days if re.match(r"\d{4}-", day, re.ASCII))
    facts |= {"Outlets": (f"{len(outlets):,}", "")} if outlets else {}
    facts |= {"Targets": (f"{len(targets):,}", "")} if targets else {}
    facts |= {"Dates": (f"{sum(years.values()):,}", _span(years))} if years else {}
    cells = "".join(
        f"<div><dt>{_text(name)}</dt><dd>{_text(value)}<small>{_text(more)}</small></dd></div>"
        for name, (value, more) in facts.items()
    )
    parts = [f'<section><h2>The data</h2><dl class="facts">{cells}</dl>', _labels(news, split)]
    if len(years) > 1:
        parts.append(_histogram(years))
    if outlets:
        top = ", ".join(f"{name} ({number:,})" for name, number in outlets.most_common(_OUTLETS))
        parts.append(f"<p><strong>Most frequent outlets:</strong> {_text(top)}</p>")
    return "\n".join([*parts, "</section>"])


def _span(years: Counter[str]) -> str:
    first, last = min(years), max(years)
    return f"rows, all of {first}" if first == last else f"rows, {first} to {last}"


def _labels(news: "NewsData", split: NDArray[np.str_]) -> str:
    keys = news.rows.features["label"].names
    label = np.array(news.column("label"))
    table = np.array([np.bincount(label[split == name], minlength=len(keys)) for name in SPLITS])
    times = table.sum(axis=0)
    order = [i for i in np.argsort(-times, kind="stable") if times[i]]
    rows = "".join(
        f'<tr><th scope="row">{_text(news.labels.names.get(keys[i], keys[i]))}</th>'
        + "".join(f'<td class="n">{number:,}</td>' for number in (*table[:, i], times[i]))
        + f'<td class="n">{percent(float(times[i] / times.sum()))}</td>'
        + f"<td>{_bar(float(times[i] / times.max()))}</td></tr>"
        for i in order[:_MOST]
    )
    more = f" (the {_MOST} most frequent of {len(order)})" if len(order) > _MOST else ""
    heads = "".join(f'<th scope="col" class="n">{x}</th>' for x in (*SPLITS, "all", "share"))
    return f"""<div class="wide"><table><caption>Rows by label and split{more}</caption><thead><tr>
<th scope="col">label</th>{heads}<td style="width:25%"></td></tr></thead>
<tbody>{rows}</tbody></table></div>"""


def _histogram(years: Counter[str]) -> str:
    # A handful of wrong years would squeeze all others into one bar.
    total = sum(years.values())
    shown = {int(year): n for year, n in years.items() if n >= max(_RARE_YEAR * total, 1)}
    first, last, most = min(shown), max(shown), max(shown.values())
    width = min(640 / (last - first + 1), 60)
    bars = "".join(
        f'<rect x="{(year - first) * width + 1:.1f}" y="{100 - 90 * number / most:.1f}" '
        f'width="{max(width - 2, 1):.1f}" height="{90 * number / most:.1f}">'
        f"<title>{year}: {number:,}</title></rect>"
        for year, number in sorted(shown.items())
    )
    busiest = max(shown, key=lambda year: (shown[year], year))
    said = f"Rows by year of publication, {first} to {last}; most in {busiest}: {most:,}"
    rest = total - sum(shown.values())
    said += f" (not shown: {count(rest, 'row')} of other years)" if rest else ""
    end = (last - first + 1) * width
    return (
        f"<figure><figcaption>{said}</figcaption>"
        f'<svg viewBox="0 0 640 116" preserveAspectRatio="xMinYMid" role="img" aria-label="{said}">'
        f"{bars}"
        f'<line x1="0" y1="100.5" x2="{end:.1f}" y2="100.5"/><text x="0" y="114">{first}</text>'
        f'<text x="{end:.1f}" y="114" text-anchor="end">{last if last > first else ""}</text>'
        "</svg></figure>"
    )


def _in_order(findings: Sequence[Finding]) -> str:
    if not findings:
        return ""
    rows = "".join(
        f'<tr><th scope="row"><strong>{_text(LIMITS[found.check].name)}</strong></th>'
        f"<td>{_text(found.title)}</td><td>{_badge('ok')}</td></tr>"
        for found in findings
    )
    return f"""<section><h2>In order</h2><div class="wide"><table><thead><tr>
<th scope="col">check</th><th scope="col">figure</th><th scope="col">verdict</th></tr></thead>
<tbody>{rows}</tbody></table></div></section>"""


def _limits() -> str:
    rows = "".join(
        f'<tr><th scope="row">{_text(limit.name)}</th><td>{_text(limit.measure)}</td>'
        + "".join(f"<td>{_text(limit.bounds().get(kind, '–'))}</td>" for kind in VERDICTS[1:])  # noqa: RUF001
        + "</tr>"
        for limit in LIMITS.values()
    )
    heads = "".join(f'<th scope="col">{head}</th>' for head in _LIMIT_HEADS)
    return f"""<section><h2>How it is judged</h2><p>{_JUDGED}</p>
<details><summary>All limits</summary><div class="wide"><table><thead><tr>{heads}</tr></thead>
<tbody>{rows}</tbody></table></div></details></section>"""
