"""newsstand: topic and stance classifiers for news text.

>>> from newsstand import Article
>>> Article(title="Grain falls", body="Wheat fell on Monday.").title
'Grain falls'
"""

from pkgutil import extend_path
from typing import TYPE_CHECKING, Any

from newsstand.version import __version__

# Python started in a clone finds this folder before the installed package, and only the installed
# package contains newsstand.data, newsstand.train and newsstand.serve.
__path__ = extend_path(__path__, __name__)

if TYPE_CHECKING:
    from newsstand.errors import NewsstandError
    from newsstand.io.article_files import ScoreError
    from newsstand.serve.explain import Evidence
    from newsstand.serve.score import Score
    from newsstand.serve.scorer import Scorer, load
    from newsstand.text.article import Article

__all__ = [
    "Article",
    "Evidence",
    "NewsstandError",
    "Score",
    "ScoreError",
    "Scorer",
    "__version__",
    "load",
]

# Imported on first use, so that `import newsstand` costs next to nothing.
_HOMES = {
    "Article": "newsstand.text.article",
    "Evidence": "newsstand.serve.explain",
    "NewsstandError": "newsstand.errors",
    "Score": "newsstand.serve.score",
    "ScoreError": "newsstand.io.article_files",
    "Scorer": "newsstand.serve.scorer",
    "load": "newsstand.serve.scorer",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'newsstand' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
