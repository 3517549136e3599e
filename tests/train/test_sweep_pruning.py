"""Trials of fine-tuned encoders are stopped by their evaluations during the fit."""

from pathlib import Path
from threading import Thread
from typing import Any

import optuna
import pytest
from optuna.pruners import BasePruner, MedianPruner, NopPruner
from optuna.trial import FrozenTrial, Trial, TrialState

import tuned_run
from newsstand.config.transformer import TransformerConfig
from newsstand.train.run import validate
from newsstand.train.stage_timer import SilentReporter, WithinStage
from newsstand.train.sweep import sweep, trial
from newsstand.train.sweep.plots import Shown, write_plots
from newsstand.train.sweep.space import Choice, Floats, Integers, Parameter
from newsstand.train.sweep.studies import Studies
from newsstand.train.sweep.trial import WatchedRun
from newsstand.train.tracked_run import UntrackedRun
from quick_run import runs
from sweeping import swept, write_sweep


def test_a_trial_below_the_median_is_stopped() -> None:
    study = optuna.create_study(
        direction="maximize", pruner=MedianPruner(n_startup_trials=2, n_warmup_steps=1)
    )

    def fit(trial_: Trial) -> float:
        run = WatchedRun(UntrackedRun("0" * 32), trial_, "macro_f1")
        quality = (0.8, 0.6, 0.1)[trial_.number]
        for step in (50, 100, 150):
            run.log_step({"loss": 0.5}, step)  # of training rows: no evaluation
            run.log_step({"macro_f1": quality * step / 150, "accuracy": 0.9}, step)
        return quality

    study.optimize(fit, n_trials=3)
    assert [x.state.name for x in study.trials] == ["COMPLETE", "COMPLETE", "PRUNED"]
    assert list(study.trials[0].intermediate_values) == [1, 2, 3]
    assert list(study.trials[2].intermediate_values) == [1]


class StopsSecondTrial(BasePruner):
    """Stops the second trial at its second evaluation."""

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        return trial.number == 1 and len(trial.intermediate_values) == 2


def test_a_pruned_encoder_is_logged_as_stopped(
    workplace: Path, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    splits = ("train", "train", "validation", "test")
    config = tuned_run.CONFIG.replace("ENCODER", str(tiny_encoder))
    write_sweep(
        "config: quick.yaml\ntrials: 2\nseeds: 2\n"
        "search: {model.learning_rate: {low: 1e-4, high: 1e-2, log: true}}\n",
        config,
    )
    lines = [f"{split},{row}\n" for split in splits for row in tuned_run.ROWS]
    Path("rows.csv").write_text("split,label,body\n" + "".join(lines))
    seen: list[TransformerConfig] = []

    def fits(config: Any, **options: Any) -> Any:
        seen.append(config.model)
        return validate(config, **options)

    monkeypatch.setattr(trial, "validate", fits)
    monkeypatch.setattr(sweep, "MedianPruner", lambda **_: StopsSecondTrial())
    result = swept(track=True)
    assert result.trials == {"finished": 1, "pruned": 1, "failed": 0}
    assert [model.seeds for model in seen] == [1, 1]
    found = {run.info.run_name: run for run in runs("tuned")}
    pruned = found["s, trial 1"]
    assert pruned.info.status == "KILLED"
    assert pruned.data.tags["newsstand.stopped"] == "pruned after evaluation 2"
    assert "fit/macro_f1" in pruned.data.metrics
    assert found["s, trial 0"].info.status == "FINISHED"
    [winner] = result.winner  # one run of both seeds
    assert winner["run_id"] == found["s, winner"].info.run_id
    assert {"s, winner, seed 5", "s, winner, seed 6"} < set(found)
    assert "std" in result.test["macro_f1"]


def test_two_processes_never_run_more_than_all_trials(folder: Path) -> None:
    done: list[int] = []

    def objective(trial_: Trial) -> float:
        done.append(trial_.number)
        return trial_.suggest_float("x", 0, 1)

    def work() -> None:
        studies = Studies("sqlite:///t.db", minimizes=False, pruner=NopPruner(), seed=1)
        studies.share(studies.open("t"), 7, objective)
        assert studies.once("t: once", compute) == {"threads": 1}

    def compute() -> dict[str, Any]:
        done.append(-1)
        return {"threads": 1}

    threads = [Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(done), done.count(-1)) == (8, 1)
    trials = optuna.load_study(study_name="t", storage="sqlite:///t.db").trials
    finished = [x.params["x"] for x in trials if x.state == TrialState.COMPLETE]
    assert len(set(finished)) == len(finished) == 7


def made(number: int, state: TrialState, **settings: Any) -> FrozenTrial:
    value = 0.5 + 0.01 * number if state == TrialState.COMPLETE else None
    return optuna.trial.create_trial(
        state=state,
        value=value,
        user_attrs={"settings": {f"model.{key}": x for key, x in settings.items()}},
        intermediate_values={1: 0.4},
    )


@pytest.mark.parametrize("count", [1, 8])
def test_plots_are_written_for_few_and_many_trials(folder: Path, count: int) -> None:
    words: tuple[Any, ...] = (None, [1, 1], "$x$ and a long text that does not fit")
    trials = [
        made(n, TrialState.COMPLETE, C=10 ** (n / 4), bits=10 + n % 5, words=words[n % 3])
        for n in range(count)
    ]
    for number, one in enumerate(trials):
        one.number = number
    parameters: dict[str, Parameter] = {
        "model.C": Floats("model.C", 1.0, 100.0, log=True, step=None),
        "model.bits": Integers("model.bits", 10, 14, log=False, step=1),
        "model.words": Choice("model.words", words),
    }
    importance = {"model.C": 0.7, "model.bits": 0.3} if count > 1 else {}
    pruned = made(count, TrialState.PRUNED, C=1.0, bits=10, words=None)
    write_plots(folder, Shown([*trials, pruned], parameters, "macro_f1", False, importance))
    found = {path.name for path in folder.glob("*.png")}
    assert found == {"history.png", "parallel.png"} | ({"importance.png"} if importance else set())


def test_reporters_of_trials_show_only_what_was_registered() -> None:
    shown: list[str] = []

    class Shows(SilentReporter):
        def end(self, stage: str, detail: str, seconds: float) -> None:
            shown.append(stage)

    reporter = WithinStage(Shows())
    for stage in ("fit", "register"):
        reporter.begin(stage)
        reporter.end(stage, "note", 1.0)
    assert shown == ["register"]
