"""Failures of MLflow: checked before a fit; after it, the model is saved and can be logged."""

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

import newsstand
from command_line import environment
from given import Cli
from newsstand.errors import BundleError, NewsstandError
from newsstand.io import mlflow_store
from newsstand.io.bundle import bundle_hash
from newsstand.train import outcome, tracking
from newsstand.train.preflight import check_tracking
from newsstand.train.result import Result
from newsstand.train.tracking import active_run
from quick_run import runs


@contextmanager
def server(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """A server of HTTP that answers every request by a function."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{running.server_port}"
    finally:
        running.shutdown()
        running.server_close()


def answers(status: int, body: dict[str, Any] | str) -> Callable[[BaseHTTPRequestHandler], None]:
    content = (body if isinstance(body, str) else json.dumps(body)).encode()

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    return answer


def test_a_server_that_does_not_respond_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow_store, "_RETRIES", 0)
    monkeypatch.setattr(mlflow_store, "_TIMEOUT", 1)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        with pytest.raises(NewsstandError, match=rf"^MLflow at {uri}: .*timed? ?out"):
            check_tracking("x", register_as=None, resume=None)
        with pytest.raises(BundleError, match=r"models:/x@y: not found in MLflow \(.*timed? ?out"):
            newsstand.load("models:/x@y")


def test_the_check_of_a_server_times_out_within_twenty_seconds() -> None:
    tries = 1 + mlflow_store._RETRIES
    assert mlflow_store._TIMEOUT * tries + 3 < 20  # MLflow waits up to 3 seconds between two tries


def test_an_old_server_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no such experiment"}

    def answer(request: BaseHTTPRequestHandler) -> None:
        old = "logged-models" in request.path
        answers(404, "<h1>Not Found</h1>" if old else absent)(request)

    with server(answer) as uri:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        with pytest.raises(NewsstandError, match=rf"^MLflow at {uri} is older than 3\.0"):
            check_tracking("x", register_as=None, resume=None)


def test_a_missing_driver_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "mysql+nodriver://me:secret@localhost/x")
    with pytest.raises(NewsstandError, match="nodriver") as caught:
        check_tracking("x", register_as=None, resume=None)
    assert "secret" not in str(caught.value)


def test_a_model_whose_logging_fails_is_saved_and_logged_later(
    quick: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, cli: Cli
) -> None:
    names = {"tracking__experiment": "late", "tracking__register_as": "late"}
    logged = quick(**names)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/full/x")

    with monkeypatch.context() as patch:
        patch.setattr(mlflow, "log_artifacts", full)
        with pytest.raises(NewsstandError) as caught:
            quick(**names)
    assert str(caught.value).endswith(
        "No space left on device: '/full/x'; the trained model is saved in "
        "newsstand-unlogged-quick; log it with: newsstand log newsstand-unlogged-quick"
    )
    assert bundle_hash(Path("newsstand-unlogged-quick/bundle")) == logged.bundle_hash
    failed = next(run for run in runs("late") if run.info.status == "FAILED")

    done = cli("log", "newsstand-unlogged-quick")
    assert (done.code, done.err) == (0, "")
    assert "late version 2; late@champion moves from version 1 to 2" in done.out
    assert "models:/late@champion" in done.out
    assert "/runs?workflowType=machine_learning&" in done.out
    assert not Path("newsstand-unlogged-quick").exists()
    version = MlflowClient().get_model_version_by_alias("late", "champion")
    late = MlflowClient().get_run(version.run_id)
    assert late.info.run_id != failed.info.run_id
    first = MlflowClient().get_run(logged.run_id)
    assert (late.info.status, late.info.run_name) == ("FINISHED", "quick")
    assert late.data.params == first.data.params
    metrics = [
        {k: v for k, v in run.data.metrics.items() if not k.startswith("wall_seconds/")}
        for run in (late, first)
    ]
    assert metrics[0] == metrics[1]
    assert late.data.tags["newsstand.data_digest"] == first.data.tags["newsstand.data_digest"]
    assert late.inputs.dataset_inputs[0].dataset.digest == (
        first.inputs.dataset_inputs[0].dataset.digest
    )
    assert newsstand.load(f"runs:/{version.run_id}").score("the goal").label == "sport"


def test_another_folder_is_refused(cli: Cli, folder: Path) -> None:
    done = cli("log", folder)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"newsstand: {folder}: expected a folder that `newsstand train`")
    assert done.err.count("\n") == 1


def test_without_space_the_model_stays_in_the_temporary_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(outcome.shutil, "copytree", full)
    with outcome.finished() as made:
        made.bundle.mkdir()
        place = made.keep("a / b")
    assert (place, place.is_dir(), os.listdir(folder)) == (made.folder, True, [])
    outcome.shutil.rmtree(place)


def test_points_that_mlflow_does_not_accept_are_logged_later(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(active_run, "_PAUSE", 0.0)
    log_metrics = mlflow.log_metrics

    def refuse(*_: object, **__: object) -> None:
        raise MlflowException("no answer")

    with tracking.run("c", name="c", params={}, tags={}, started=time.time()) as run:
        monkeypatch.setattr(mlflow, "log_metrics", refuse)
        run.log_step({"loss": 2.0}, 1)
        monkeypatch.setattr(mlflow, "log_metrics", log_metrics)
        run.log_step({"loss": 1.0}, 2)
    [message] = caplog.messages
    assert message.endswith("no answer; the points are logged later")
    found = MlflowClient().get_metric_history(run.run_id, "fit/loss")
    assert [(point.step, point.value) for point in found] == [(1, 2.0), (2, 1.0)]


STOPPED = """
import os, signal, sys, tempfile
from newsstand.cli import main as cli
from newsstand.train import tracking

def app(**_):
    with tracking.run("s", name="s", params={}, tags={}, started=0.0), \\
            tempfile.TemporaryDirectory(prefix="stopped-", dir="."):
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()

cli.app = app
cli.main()
"""


def test_a_terminated_command_leaves_no_folder_and_a_killed_run(workplace: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STOPPED],
        env=environment(MLFLOW_TRACKING_URI=os.environ["MLFLOW_TRACKING_URI"]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (128 + signal.SIGTERM, "", "")
    assert sorted(os.listdir()) == ["mlflow.db", "mlruns"]
    [run] = runs("s")
    assert run.info.status == "KILLED"


def test_a_file_size_limit_is_an_os_error(
    small: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import resource

    from newsstand.train.outcome import plain_disk_errors

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        refused = pytest.raises(OSError, match="the trained model cannot be saved: File too large")
        with refused, plain_disk_errors():
            small.save(folder / "b")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert os.listdir() == []
