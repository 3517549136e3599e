"""One check of the audit by itself, and a text in another language than the rest."""

from collections.abc import Callable
from typing import Any

from newsstand.data.checks.audit import CHECKS, LIMITS, Finding
from newsstand.data.checks.findings import View
from newsstand.data.load import NewsData

Rows = list[dict[str, Any]]
Make = Callable[..., Any]
GERMAN = (
    "Der Stadtrat hat am Dienstag beschlossen, dass die neue Brücke über den Fluss erst im "
    "kommenden Jahr gebaut wird, weil das Geld für die Arbeiten noch nicht bewilligt worden ist."
)


def counted(news: NewsData, check: str, *, task: str = "topic") -> Finding:
    """The finding of one check that counts."""
    view = View(news, task=task, seed=0, limits=LIMITS)
    return next(x for look in CHECKS.values() for x in look(view) if x.check == check)
