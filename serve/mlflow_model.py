"""Lets MLflow load a bundle: the module named by a logged model's `loader_module`.

Importing it needs neither MLflow nor scikit-learn, so the environment of a served model is
the scoring install alone.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from newsstand.article import Article
from newsstand.bundle import Bundle
from newsstand.errors import InputError
from newsstand.serve.scorer import Score, Scorer

if TYPE_CHECKING:
    import pandas as pd

# Columns of the answer; a column `p_<label>` for each label follows.
ANSWER = ("label", "name", "probability")


def _load_pyfunc(data_path: str) -> "BundleModel":
    return BundleModel(Bundle.load(Path(data_path)))


class BundleModel:
    """Answers a DataFrame of articles as the Scorer does.

    Args:
        bundle: The model.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.scorer = Scorer(bundle)

    def predict(
        self,
        model_input: "pd.DataFrame",
        params: dict[str, Any] | None = None,  # noqa: ARG002 - MLflow's interface
    ) -> "pd.DataFrame":
        """Scores rows.

        Args:
            model_input: Columns `body`, `title` (optional), and `target` for stance; others
                are ignored.
            params: None are known.

        Returns:
            A DataFrame with the index of the input: `label`, `name`, `probability`, and
            `p_<label>` for each label.
        """
        import pandas as pd

        rows = [
            {str(k): None if _missing(v) else v for k, v in row.items()}
            for row in model_input.to_dict(orient="records")
        ]
        articles = [_article(number, row) for number, row in enumerate(rows, start=1)]
        targets = [row.get("target") for row in rows] if self.scorer.task == "stance" else None
        scores = self.scorer.score_many(articles, target=targets)
        columns = [*ANSWER, *(f"p_{label}" for label in self.scorer.labels)]
        found = [_flat(score) for score in scores]
        return pd.DataFrame(found, index=model_input.index, columns=columns)


def _article(number: int, row: dict[str, Any]) -> Article:
    try:
        return Article.from_mapping(row)
    except InputError as error:
        raise InputError(f"article {number}: {error}") from None


def _flat(score: Score) -> dict[str, Any]:
    values = {name: getattr(score, name) for name in ANSWER}
    return values | {f"p_{label}": value for label, value in score.probabilities.items()}


def _missing(value: Any) -> bool:
    # pandas writes a missing text as None, NaN or pd.NA; only those differ from themselves.
    return value is None or type(value).__name__ == "NAType" or value != value
