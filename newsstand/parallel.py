"""Worker processes that return results in order, with few tasks in memory at a time.

Workers exit with the process that started them, however it ends: each holds the reading end of a
pipe whose only writing end belongs to that process and is closed with it by the system.
"""

import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from multiprocessing import Pipe
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_R = TypeVar("_R")
# Tasks submitted for each worker before their results are requested: enough to keep every worker
# busy, few enough that results do not accumulate.
_AHEAD = 3


class Run(Protocol):
    """Calls a function for each task, a tuple of its arguments."""

    def __call__(
        self, function: Callable[..., _R], tasks: Iterable[tuple[Any, ...]]
    ) -> Iterator[_R]:
        """Yields the results in the order of the tasks."""
        ...


def processors() -> int:
    """Returns the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads() -> int:
    """Returns the number of threads to compute with: OMP_NUM_THREADS, or one per processor."""
    value = os.environ.get("OMP_NUM_THREADS", "")
    return int(value) if value.isdecimal() and int(value) else processors()


@contextmanager
def _inline() -> Iterator[Run]:
    def run(function: Callable[..., _R], tasks: Iterable[tuple[Any, ...]]) -> Iterator[_R]:
        return (function(*task) for task in tasks)

    yield run


@contextmanager
def _processes(workers: int, start: Callable[..., None] | None, given: Any) -> Iterator[Run]:
    # Unlike the standard library's pool, this one works in scripts without a main guard, in
    # notebooks and with other threads running, and raises an error when a worker is killed.
    from loky import ProcessPoolExecutor

    reader, writer = Pipe(duplex=False)
    pool = ProcessPoolExecutor(
        max_workers=workers,
        initializer=_initialize_worker,
        initargs=(reader, start, given),
        env=_thread_limit(workers),
    )

    def run(function: Callable[..., _R], tasks: Iterable[tuple[Any, ...]]) -> Iterator[_R]:
        waiting: deque[Any] = deque()
        for task in tasks:
            with _interrupts_blocked():  # workers are started here
                waiting.append(pool.submit(function, *task))
            if len(waiting) > _AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    try:
        yield run
    finally:
        pool.shutdown(kill_workers=True)
        reader.close()
        writer.close()


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Blocks SIGINT in workers: a terminal sends Ctrl-C to them, too, but this process handles it.

    A new process inherits the blocked signals of the thread that starts it.
    """
    if not hasattr(signal, "pthread_sigmask"):  # as on Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _initialize_worker(parent: "Connection", start: Callable[..., None] | None, given: Any) -> None:
    """Ties a new worker to its parent and calls `start`."""
    with suppress(OSError):  # without /proc, only the thread watches the parent
        _request_kill_with(parent)
    threading.Thread(target=_exit_with, args=(parent,), daemon=True).start()
    if start is not None:
        start(*given)


def _exit_with(parent: "Connection") -> None:
    """Exits this process when the other end of a pipe is closed."""
    with suppress(OSError):
        parent.poll(None)
    os._exit(1)


def _request_kill_with(parent: "Connection") -> None:
    """Makes the kernel kill this process when the other end of a pipe is closed.

    A thread cannot run while a long call, such as a regular expression match, holds the
    interpreter lock; the kernel can always act. (PR_SET_PDEATHSIG would watch the thread that
    started the worker, which may end long before its process.)
    """
    if sys.platform == "linux":
        import fcntl

        # Reopened, because the process to signal is stored with each open file description.
        own = os.open(f"/proc/self/fd/{parent.fileno()}", os.O_RDONLY | os.O_NONBLOCK)
        fcntl.fcntl(own, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(own, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(own, fcntl.F_SETFL, os.O_NONBLOCK | os.O_ASYNC)


def _thread_limit(workers: int) -> dict[str, str]:
    """Returns environment variables that divide the processors among the workers."""
    if "OMP_NUM_THREADS" in os.environ:
        return {}
    return {"OMP_NUM_THREADS": str(max(1, processors() // workers))}


def pool(
    workers: int, start: Callable[..., None] | None = None, given: tuple[Any, ...] = ()
) -> AbstractContextManager[Run]:
    """Starts worker processes for the duration of a `with` statement.

    Args:
        workers: Number of workers; with 1, `start` and all tasks run in this process.
        start: Called once in each worker, with the arguments `given`.
        given: Arguments of `start`.
    """
    if workers > 1:
        return _processes(workers, start, given)
    if start is not None:
        start(*given)
    return _inline()
