"""Jobs of the benches: each is done by a script in a process of its own.

A job is one JSON object on the script's standard input, its figures one on the last line of its
standard output.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

Record = dict[str, Any]


def work(
    script: Path, job: Record, *, prefix: Sequence[str] = (), env: Mapping[str, str]
) -> Record:
    """The figures of one job.

    Args:
        script: What does the job.
        job: With `contestant` and `do`, which a failure is named by.
        prefix: Put before the command.
        env: Variables that the process gets besides.
    """
    done = subprocess.run(
        [*prefix, sys.executable, str(script)],
        input=json.dumps(job),
        env=os.environ | env,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"{job['contestant']}, {job['do']}: failed\n{done.stderr[-3000:]}")
    figures: Record = json.loads(done.stdout.splitlines()[-1])
    return figures


def answer(do: Callable[[Record], Record]) -> None:
    """In the process of a job: does what standard input asks for, and prints the figures."""
    print("\n" + json.dumps(do(json.load(sys.stdin))))


def rate(run: Callable[[], object], rows: int) -> float:
    """Rows a processor second: the median of as many runs as fit into two seconds, at least one.

    With one thread that is a second, less what other work on the machine takes of it.
    """
    seconds: list[float] = []
    while sum(seconds) < 2:
        start = time.process_time()
        run()
        seconds.append(time.process_time() - start)
    return rows / statistics.median(seconds)


class Clock:
    """Seconds and processor seconds since the start, and since the last mark."""

    def __init__(self) -> None:
        self.start = self.last = self._now()

    @staticmethod
    def _now() -> tuple[float, float]:
        return time.perf_counter(), time.process_time()

    def mark(self) -> None:
        """The last fit begins."""
        self.last = self._now()

    def figures(self) -> Record:
        now = self._now()
        fit, processor = (end - start for end, start in zip(now, self.last, strict=True))
        return {"fit": fit, "processor": processor, "total": now[0] - self.start[0]}


def peak() -> float:
    """Megabytes: the most this process has held so far.

    Not `ru_maxrss`, which begins at what the process that started this one held.
    """
    return int(re.findall(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[0]) / 1024
