"""What a command costs: seconds, processor seconds and memory, its worker processes included.

Memory is the highest sum over the process and its workers, sampled five times a second; pages of
files that are mapped in do not count, as they can be dropped at any time. Linux only.
"""

import os
import re
import resource
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """One run."""

    seconds: float
    processor: float
    gigabytes: float


def family(root: int) -> list[int]:
    """A process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(path.parent.name))
    found = [root]
    for process in found:
        found += children.get(process, [])
    return found


def held(process: int) -> int:
    """Kilobytes of memory that a process holds, its share of shared pages."""
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0
    # Pages of files that are mapped in, such as the cache, can be dropped at any time.
    found = re.search(r"Pss_Anon:\s+(\d+)", text)
    return int(found[1]) if found else 0


def processor_seconds() -> float:
    """What all ended processes of this one took of the processors, their own included."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measured(command: Sequence[str], env: Mapping[str, str]) -> tuple[Cost, str]:
    """Runs a command to its end; its cost, and what it wrote on stdout."""
    started, before = time.perf_counter(), processor_seconds()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, **env}
    )
    peak = 0
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.2):
            peak = max(peak, sum(map(held, family(process.pid))))

    watcher = threading.Thread(target=watch)
    watcher.start()
    out, _ = process.communicate()
    done.set()
    watcher.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit status {process.returncode}")
    seconds = time.perf_counter() - started
    return Cost(seconds, processor_seconds() - before, peak / 2**20), out
