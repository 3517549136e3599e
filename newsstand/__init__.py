"""newsstand: topic and stance classifiers for news text.

`fit` trains a model, `load` loads one, and the `Scorer` that both give scores articles.

>>> import newsstand
>>> scorer = newsstand.load("models:/topic@champion")  # doctest: +SKIP
>>> scorer.score("Wheat fell on Monday.").label_name  # doctest: +SKIP
'economy, business and finance'
"""

import logging
from pkgutil import extend_path
from typing import TYPE_CHECKING, Any

from newsstand.version import __version__

# Python started in a clone finds this folder before the installed package, and only the installed
# package contains newsstand.data, newsstand.train and newsstand.serve.
__path__ = extend_path(__path__, __name__)

# The calling program decides whether and where the package's messages are shown.
logging.getLogger(__name__).addHandler(logging.NullHandler())

if TYPE_CHECKING:
    from newsstand.api import FitResult, fit
    from newsstand.config.schema import Config
    from newsstand.errors import NewsstandError
    from newsstand.io.article_files import ScoreError
    from newsstand.serve.explain import Evidence
    from newsstand.serve.score import Score
    from newsstand.serve.scorer import Scorer, load
    from newsstand.text.article import Article

__all__ = [
    "Article",
    "Config",
    "Evidence",
    "FitResult",
    "NewsstandError",
    "Score",
    "ScoreError",
    "Scorer",
    "__version__",
    "fit",
    "load",
]

# Imported on first use, so that `import newsstand` costs next to nothing.
_HOMES = {
    "Article": "newsstand.text.article",
    "Config": "newsstand.config.schema",
    "Evidence": "newsstand.serve.explain",
    "FitResult": "newsstand.api",
    "NewsstandError": "newsstand.errors",
    "Score": "newsstand.serve.score",
    "ScoreError": "newsstand.io.article_files",
    "Scorer": "newsstand.serve.scorer",
    "fit": "newsstand.api",
    "load": "newsstand.serve.scorer",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'newsstand' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
