"""Logs a comparison as a run of its own in MLflow."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from newsstand.errors import NewsstandError
from newsstand.train.comparison.comparison import Comparison
from newsstand.train.comparison.mlflow_runs import KIND, KIND_TAG, log_files
from newsstand.train.comparison.wording import metric_name, sentence
from newsstand.train.preflight import check_tracking
from newsstand.train.tracking import run

_NO_LOG = "--no-log compares without logging"


def check_can_log(experiment: str) -> None:
    """Checks that a comparison can be logged in an experiment.

    Raises:
        NewsstandError: It cannot, with the reason.
    """
    try:
        check_tracking(experiment, register_as=None, resume=None)
    except NewsstandError as error:
        raise NewsstandError(f"{error}; {_NO_LOG}") from error


def log_comparison(
    comparison: Comparison, page: str, *, experiment: str, started: float
) -> dict[str, str]:
    """Logs page, JSON and metrics of a comparison.

    Args:
        comparison: The comparison.
        page: Its page, as HTML.
        experiment: The experiment of its run.
        started: Seconds since the epoch at which the work began.

    Returns:
        `run` and `page`: the id of the run, and its page in MLflow.

    Raises:
        NewsstandError: MLflow fails, with the reason.
    """
    metric = comparison.metric
    with run(
        experiment,
        name=f"compare {len(comparison.runs)} runs by {metric_name(metric)}",
        params={
            "metric": metric,
            "rows": comparison.rows,
            "resamples": comparison.resamples,
            **{each.letter: each.title for each in comparison.runs},
        },
        tags={
            KIND_TAG: KIND,
            "newsstand.compared": " ".join(each.run_id for each in comparison.runs),
            "newsstand.task": comparison.task,
            "newsstand.test_digest": comparison.digest,
            "mlflow.note.content": _note(comparison),
        },
        started=started,
    ) as active:
        active.log_metrics(_metrics(comparison))
        with TemporaryDirectory() as scratch:
            folder = Path(scratch)
            (folder / "comparison.html").write_text(page, encoding="utf-8")
            text = json.dumps(comparison.to_dict(), indent=1, ensure_ascii=False)
            (folder / "comparison.json").write_text(text + "\n", encoding="utf-8")
            log_files(active.run_id, folder)
    return {"run": active.run_id, "page": active.url}


def _metrics(comparison: Comparison) -> dict[str, float]:
    """`A/macro_f1` of each run, and `B-A/difference`, `…/low`, `…/high`, `…/p` of each pair."""
    metrics = {f"{each.letter}/{comparison.metric}": each.value.value for each in comparison.runs}
    for pair in comparison.pairs:
        name, test = f"{pair.second}-{pair.first}", pair.test
        metrics |= {
            f"{name}/difference": test.difference,
            f"{name}/low": test.low,
            f"{name}/high": test.high,
            f"{name}/p": pair.p,
            f"{name}/p_mcnemar": pair.p_mcnemar,
        }
    return metrics


def _note(comparison: Comparison) -> str:
    runs = [f"- {each.letter}: {each.title}" for each in comparison.runs]
    return "\n".join([*runs, "", *(f"- {sentence(comparison, x)}" for x in comparison.pairs)])
