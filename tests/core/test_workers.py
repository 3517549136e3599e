"""Worker processes: ordered results, raised errors, bounded memory, and exit with the parent."""

import math
import operator
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from newsstand.parallel import Run, pool, processors, threads

# Functions of the standard library, which workers can import.


@pytest.mark.parametrize("workers", [1, 2])
def test_results_are_in_task_order(workers: int) -> None:
    with pool(workers) as run:
        assert list(run(operator.mul, ((n, n) for n in range(30)))) == [n * n for n in range(30)]
        assert list(run(operator.mul, [])) == []
        processes = set(run(os.getpid, [()] * 30))
    assert (os.getpid() in processes) == (workers == 1)
    assert len(processes) <= workers


@pytest.mark.parametrize("workers", [1, 2])
def test_errors_of_tasks_are_raised(workers: int) -> None:
    with pool(workers) as run:
        results = run(math.sqrt, ((5 - n,) for n in range(20)))
        assert [next(results) for _ in range(6)][-1] == 0
        with pytest.raises(ValueError, match=r"math domain|nonnegative"):
            next(results)


@pytest.mark.parametrize("workers", [1, 2])
def test_start_is_called_in_each_worker(
    workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path.cwd())  # restored afterwards: one worker changes it in this process
    with pool(workers, os.chdir, (tmp_path,)) as run:
        assert set(run(os.getcwd, [()] * 6)) == {str(tmp_path)}


@pytest.mark.parametrize("workers", [1, 2])
def test_tasks_are_consumed_lazily(workers: int) -> None:
    read = []

    def tasks() -> Iterator[tuple[int]]:
        for number in range(1000):
            read.append(number)
            yield (number,)

    with pool(workers) as run:
        results = run(abs, tasks())
        for _ in range(5):
            next(results)
        # Enough to keep two workers busy, and not many more.
        assert len(read) in (range(5, 6) if workers == 1 else range(5 + workers, 20))


def test_processors_respects_the_cpu_affinity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 3, 5}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert processors() == 3
    monkeypatch.delattr(os, "sched_getaffinity")  # as on macOS
    assert processors() == 8
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert processors() == 1


def test_threads_are_divided_among_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("newsstand.parallel.processors", lambda: 7)
    assert threads() == 7
    with pool(2) as run:
        assert set(run(os.getenv, [("OMP_NUM_THREADS",)] * 6)) == {"3"}
    with pool(9) as run:
        assert set(run(os.getenv, [("OMP_NUM_THREADS",)] * 2)) == {"1"}
    assert "OMP_NUM_THREADS" not in os.environ


def test_omp_num_threads_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert threads() == 5
    with pool(2) as run:
        assert set(run(os.getenv, [("OMP_NUM_THREADS",)] * 6)) == {"5"}
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert threads() == processors()


OUTLIVED = """
import os, re, signal, sys, time
from newsstand.parallel import pool

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # which nohup has ignored

with pool(2) as run:
    set(run(os.getpid, [()] * 8))
    tasks = {
        "waiting": None,
        "asleep": (time.sleep, (600,)),
        "busy": (re.match, (r"(a+)+$", "a" * 64 + "b")),  # holds the interpreter lock for years
    }
    print("begun", flush=True)
    if tasks[sys.argv[1]]:
        function, arguments = tasks[sys.argv[1]]
        list(run(function, [arguments] * 2))
    time.sleep(600)
"""


@pytest.mark.parametrize(
    ("number", "task"),
    [(signal.SIGKILL, "busy"), (signal.SIGTERM, "asleep"), (signal.SIGHUP, "waiting")],
)
def test_workers_exit_with_their_parent_process(number: int, task: str) -> None:
    if task == "busy" and sys.platform != "linux":
        pytest.skip("only Linux signals it")
    command = [sys.executable, "-c", OUTLIVED, task]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"begun\n"
        time.sleep(0.2)  # until the workers have received the tasks
        parent.send_signal(number)
        # Workers and loky's helper processes keep the pipe open until they exit.
        try:
            parent.communicate(timeout=10)
        finally:
            parent.kill()
    assert parent.returncode == -number


def test_a_pool_works_after_its_starting_thread_ended() -> None:
    with ExitStack() as stack:
        begun: list[Run] = []

        def begin() -> None:
            begun.append(stack.enter_context(pool(2)))
            list(begun[0](os.getpid, [()] * 4))

        thread = threading.Thread(target=begin)
        thread.start()
        thread.join()
        assert list(begun[0](operator.neg, [(n,) for n in range(9)])) == [-n for n in range(9)]
