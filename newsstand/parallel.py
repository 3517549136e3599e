"""Worker processes that answer in order, with few tasks in memory at a time.

They end with the process that started them, however that ends: each holds the reading end of a pipe
whose writing end that process alone has, and which the system closes with it.
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
# Tasks for each worker that are handed out before their results are asked for: enough that no
# worker waits for the next one, few enough that results do not pile up.
_AHEAD = 3


class Run(Protocol):
    """Calls a function for each task, a tuple of its arguments."""

    def __call__(
        self, function: Callable[..., _R], tasks: Iterable[tuple[Any, ...]]
    ) -> Iterator[_R]:
        """Results in the order of the tasks."""
        ...


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads() -> int:
    """How many threads this process may compute with: as OMP_NUM_THREADS says, else all."""
    said = os.environ.get("OMP_NUM_THREADS", "")
    return int(said) if said.isdecimal() and int(said) else processors()


@contextmanager
def _inline() -> Iterator[Run]:
    def run(function: Callable[..., _R], tasks: Iterable[tuple[Any, ...]]) -> Iterator[_R]:
        return (function(*task) for task in tasks)

    yield run


@contextmanager
def _processes(workers: int, start: Callable[..., None] | None, given: Any) -> Iterator[Run]:
    # Unlike the standard library's pool, this one works in scripts without a main guard, in
    # notebooks, and beside threads, and tells when a worker was killed.
    from loky import ProcessPoolExecutor

    ours, theirs = Pipe(duplex=False)
    pool = ProcessPoolExecutor(
        max_workers=workers,
        initializer=_begin,
        initargs=(ours, start, given),
        env=_shares(workers),
    )

    def run(function: Callable[..., _R], tasks: Iterable[tuple[Any, ...]]) -> Iterator[_R]:
        waiting: deque[Any] = deque()
        for task in tasks:
            with _interrupts_held():  # workers are started here
                waiting.append(pool.submit(function, *task))
            if len(waiting) > _AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    try:
        yield run
    finally:
        pool.shutdown(kill_workers=True)
        ours.close()
        theirs.close()


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C, which a terminal sends to workers, too, is this process's to answer.

    A process begins with the signals held that were held by the thread that started it.
    """
    if not hasattr(signal, "pthread_sigmask"):  # as on Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(parent: "Connection", start: Callable[..., None] | None, given: Any) -> None:
    """What a worker does first."""
    with suppress(OSError):  # without /proc, the thread must do
        _be_killed_with(parent)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    if start is not None:
        start(*given)


def _end_with(parent: "Connection") -> None:
    """Ends this process when the other end of a pipe is closed."""
    with suppress(OSError):
        parent.poll(None)
    os._exit(1)


def _be_killed_with(parent: "Connection") -> None:
    """Has the kernel kill this process when the other end of a pipe is closed.

    A thread has to wait for its turn while a long call, as of a regular expression, holds the
    interpreter's lock; the kernel does not. (PR_SET_PDEATHSIG would watch the thread that started
    the worker, which may end long before its process.)
    """
    if sys.platform == "linux":
        import fcntl

        # The pipe opened anew: whom to signal is kept with each opening of it.
        own = os.open(f"/proc/self/fd/{parent.fileno()}", os.O_RDONLY | os.O_NONBLOCK)
        fcntl.fcntl(own, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(own, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(own, fcntl.F_SETFL, os.O_NONBLOCK | os.O_ASYNC)


def _shares(workers: int) -> dict[str, str]:
    """The environment in which workers share the processors rather than fight for them."""
    if "OMP_NUM_THREADS" in os.environ:
        return {}
    return {"OMP_NUM_THREADS": str(max(1, processors() // workers))}


def pool(
    workers: int, start: Callable[..., None] | None = None, given: tuple[Any, ...] = ()
) -> AbstractContextManager[Run]:
    """Worker processes for a `with` statement.

    Args:
        workers: How many; with 1 all is done in this process, and `start` is called in it.
        start: Called once in each worker, with `given`.
        given: Its arguments.
    """
    if workers > 1:
        return _processes(workers, start, given)
    if start is not None:
        start(*given)
    return _inline()
