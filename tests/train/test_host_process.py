"""Library calls leave the process they run in as it was; see `PROGRAM` for what is compared."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from command_line import COMMAND
from newsstand.cli import command
from quick_run import CONFIG, WORDS, write_rows

# A program that uses newsstand, in a process of its own: it runs a few lines, and prints what of
# the process is different after them. Libraries are imported before, as their imports do what they
# do in any program.
PROGRAM = """
import csv, gc, io, json, locale, logging, os, random, signal, sys, warnings
from contextlib import redirect_stdout
from pathlib import Path

import matplotlib, mlflow.pyfunc, numpy, pandas, sklearn.svm, newsstand
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
{imports}

def handlers(logger):
    return logger.level, logger.disabled, logger.propagate, [*logger.handlers], [*logger.filters]

def umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask

def state():
    loggers = logging.root.manager.loggerDict
    seen = dict(
        environment=dict(os.environ),
        folder=os.getcwd(),
        path=list(sys.path),
        umask=umask(),
        signals={{x: signal.getsignal(x) for x in signal.valid_signals()}},
        masked=signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        disabled=logging.root.manager.disable,
        root=handlers(logging.root),
        own=getattr(loggers.get("newsstand"), "level", None),
        warnings=list(warnings.filters),
        collected=(gc.isenabled(), gc.get_freeze_count(), gc.get_threshold()),
        streams=(sys.stdout, sys.stderr, sys.excepthook),
        random=random.getstate(),
        numpy=str(numpy.random.get_state()),
        errors=numpy.geterr(),
        locale=locale.setlocale(locale.LC_ALL),
        csv=csv.field_size_limit(),
        backend=matplotlib.get_backend(),
        mlflow=(repr(mlflow.active_run()), mlflow.get_tracking_uri(), mlflow.get_registry_uri()),
        **{more},
    )
    return seen, {{k: handlers(v) for k, v in loggers.items() if isinstance(v, logging.Logger)}}

if "torch.__trace" in logging.root.manager.loggerDict:  # removes its handler at its first record
    logging.getLogger("torch.__trace").handlers.clear()
random.seed(3)
numpy.random.seed(3)
(before, loggers), shown = state(), io.StringIO()
with redirect_stdout(shown):
{lines}
after, later = state()
different = {{k: [repr(before[k]), repr(after[k])] for k in after if before[k] != after[k]}}
different |= {{k: [repr(v), repr(later[k])] for k, v in loggers.items() if v != later[k]}}
print(json.dumps({{"different": different, "shown": shown.getvalue()}}))
"""
PREPARE = """
from newsstand.config.loader import load_config
from newsstand.data.load import load as load_data
from newsstand.data.checks.audit import audit
from newsstand.io import bundle
from newsstand.train.run import train
from newsstand.train.stage_timer import SilentReporter

CONFIG = load_config("c.yaml")
"""
FIT = """
result = train(CONFIG, name="host", reporter=SilentReporter(), track=False)
result.fitted.save(Path("b"))
bundle.verify(Path("b"))
scorer = newsstand.load("b")
scorer.score("the goal", explain=True)
list(scorer.score_many(["the goal", "the shares"] * 40, workers=2))
newsstand.Article.from_html("<h1>Goal</h1><p>The goal of the day.")
audit(load_data(CONFIG.loading(), strict=False), task="topic", seed=1)
"""
THEIRS = """
mlflow.set_experiment("theirs")
mlflow.start_run()
"""
TRACKED = """
result = train(CONFIG, name="host", reporter=SilentReporter())
newsstand.load(result.model).score("the goal")
"""
TUNED = """
task: topic
labels: from-data
data: {format: table, path: rows.csv}
model: {kind: transformer, encoder: ENCODER, max_tokens: 24, device: cpu, epochs: 1, batch_size: 4}
tracking: {experiment: host}
"""
TUNE = """
result = train(CONFIG, name="host", reporter=SilentReporter(), track=False)
result.fitted.save(Path("b"))
newsstand.load("b").score("the goal")
EXPORTED = load_config("c.yaml", ["export.onnx=int8"])
train(EXPORTED, name="host", reporter=SilentReporter(), track=False)
"""
UNCHANGED = {"different": {}, "shown": ""}
TORCH = "import accelerate, onnxruntime.quantization, onnxscript, torch, torch.onnx, transformers"
TORCH_STATE = """dict(
    torch=torch.get_rng_state().tolist(),
    kernels=(torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.deterministic),
    threads=(torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled()),
    bars=transformers.utils.logging.is_progress_bar_enabled(),
)"""


def ended(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """A process in a folder, without what the tests have set of libraries."""
    names = {*command._ENVIRONMENT, "MLFLOW_TRACKING_URI"}
    plain = {name: value for name, value in os.environ.items() if name not in names}
    return subprocess.run(
        arguments,
        cwd=folder,
        env=plain | {"DO_NOT_TRACK": "true"},
        capture_output=True,
        text=True,
        check=False,
    )


def run(
    folder: Path, lines: str, *, config: str = CONFIG, imports: str = "", more: str = "{}"
) -> Any:
    """What a program reports."""
    write_rows(folder / "rows.csv", WORDS)
    (folder / "c.yaml").write_text(config, encoding="utf-8")
    program = PROGRAM.format(
        imports=imports + PREPARE,
        more=more,
        lines="".join(f"    {line}\n" for line in lines.strip().splitlines()),
    )
    done = ended(folder, sys.executable, "-c", program)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_fitting_loading_scoring_and_checking_change_nothing(tmp_path: Path) -> None:
    assert run(tmp_path, FIT) == UNCHANGED


def test_tracking_changes_nothing_beside_a_run_of_the_program(
    tmp_path: Path, empty_store: Path
) -> None:
    shutil.copy(empty_store, tmp_path)
    assert run(tmp_path, TRACKED, imports=THEIRS) == UNCHANGED
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    for name, logged in (("theirs", False), ("quick", True)):
        experiment = client.get_experiment_by_name(name)
        assert experiment is not None
        [found] = client.search_runs([experiment.experiment_id])
        assert (found.info.status, bool(found.data.metrics)) == ("FINISHED", logged)


@pytest.mark.slow
def test_fine_tuning_and_exporting_change_nothing(tmp_path: Path, tiny_encoder: Path) -> None:
    config = TUNED.replace("ENCODER", str(tiny_encoder))
    assert run(tmp_path, TUNE, config=config, imports=TORCH, more=TORCH_STATE) == UNCHANGED


def test_the_command_keeps_other_libraries_quiet(tmp_path: Path, empty_store: Path) -> None:
    shutil.copy(empty_store, tmp_path)
    write_rows(tmp_path / "rows.csv", WORDS)
    (tmp_path / "c.yaml").write_text(CONFIG, encoding="utf-8")
    done = ended(tmp_path, COMMAND, "train", "c.yaml", "--json")
    assert json.loads(done.stdout)["model"] == "models:/quick@champion"
    stages = done.stderr.splitlines()
    assert [line for line in stages if not re.match(r"[a-z]+ +\d+\.\d s  ", line)] == []
    assert stages[-1].startswith("register")
