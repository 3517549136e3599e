"""Names that MLflow accepts, and the order in which it shows metrics."""

import re
from collections.abc import Mapping

# The longest names of metrics and models that newsstand uses; MLflow accepts 250 characters.
_LONGEST = 250
# The run page lists metrics in the order in which they are logged; charts sort groups by name.
_ORDER = ("test/", "validation/", "train/", "export/", "search/", "fit/", "refit/")


def metric_names(metrics: Mapping[str, float]) -> dict[str, float]:
    """The metrics by names that MLflow accepts, quality first and seconds last.

    Characters that MLflow does not accept become spaces; if two names become equal, a number is
    appended to the second.

    >>> metric_names({"wall_seconds/fit": 1.0, "test/f1/crime, law & justice": 0.5})
    {'test/f1/crime law justice': 0.5, 'wall_seconds/fit': 1.0}
    """
    named: dict[str, float] = {}
    for name in sorted(metrics, key=_rank):
        plain = accepted = _metric_name(name)
        number = 2
        while accepted in named:
            accepted, number = f"{plain[: _LONGEST - 4]} {number}", number + 1
        named[accepted] = metrics[name]
    return named


def _rank(name: str) -> tuple[int, int]:
    place = next((i for i, group in enumerate(_ORDER) if name.startswith(group)), len(_ORDER))
    return place, name.count("/")


def _metric_name(name: str) -> str:
    parts = re.sub(r"[^\w.\- /]+", " ", name).split("/")
    plain = (re.sub(r"^\.+", "_", " ".join(part.split())) or "_" for part in parts)
    return "/".join(plain)[:_LONGEST].rstrip("/ ")


def model_name(name: str) -> str:
    """A run's name as the name of its logged model.

    >>> model_name("topic-linear 0.5: seed 7")
    'topic-linear 0_5_ seed 7'
    """
    return re.sub(r"[/:.%\"']", "_", name)[:_LONGEST].strip() or "model"
