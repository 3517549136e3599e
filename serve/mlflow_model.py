"""Lets MLflow load a bundle: the module named by a logged model's `loader_module`.

Importing it needs neither MLflow nor scikit-learn, so the environment of a served model is
the scoring install alone.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from newsstand.errors import InputError
from newsstand.io.article_files import ScoreError
from newsstand.io.bundle import Bundle
from newsstand.labels import score_columns
from newsstand.serve.frames import frame_rows
from newsstand.serve.score import Score
from newsstand.serve.scorer import Scorer
from newsstand.text.article import Article

if TYPE_CHECKING:
    import pandas as pd


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
            A DataFrame with the index of the input: `label`, `label_name`, `probability`, `warning`
            (what to know before trusting the score, or None), `error`, and `p_<label>` for each
            label. A row that cannot be scored has the reason as its `error` and None in all other
            columns; the `error` of the others is None.

        Raises:
            InputError: A column is missing.
        """
        import pandas as pd

        rows = frame_rows(model_input)
        stance = self.scorer.task == "stance"
        for name in ("body", "target") if stance else ("body",):
            if name not in model_input.columns:
                here = ", ".join(sorted(map(str, model_input.columns))) or "none"
                raise InputError(f"no column '{name}' (columns here: {here})")
        scores = self.scorer.score_many(
            map(_article, rows),
            target=(row["target"] for row in rows) if stance else None,
            errors="yield",
        )
        columns = score_columns(self.scorer.labels)
        numbers = [name for name in columns if name.startswith("p")]
        values = [dict.fromkeys(columns) | _flat(score) for score in scores]
        # As objects, missing numbers stay None, which JSON writes as null; it has no NaN.
        found = pd.DataFrame(values, model_input.index, columns, dtype=object)
        failed = found["error"].notna().any()
        return found if failed else found.astype(dict.fromkeys(numbers, float))


def _article(row: dict[str, Any]) -> Article | ScoreError:
    try:
        return Article.from_mapping(row)
    except InputError as error:
        return ScoreError(message=str(error), place="row")


def _flat(found: Score | ScoreError) -> dict[str, Any]:
    if isinstance(found, ScoreError):
        return {"error": found.message}
    values = {
        name: getattr(found, name) for name in ("label", "label_name", "probability", "warning")
    }
    return values | {f"p_{label}": value for label, value in found.probabilities.items()}
