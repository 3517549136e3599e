"""Worker processes that answer in order, with few tasks in memory at a time."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol, TypeVar

_R = TypeVar("_R")
# Tasks for each worker that are handed out before their results are asked for: enough that no
# worker waits for the next one, few enough that results do not pile up.
_AHEAD = 3
# Seconds that a worker waits for a task before it ends, to be started anew when one comes: else
# those of a process that was killed would stay for ever.
_IDLE = 30


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

    pool = ProcessPoolExecutor(
        max_workers=workers, timeout=_IDLE, initializer=start, initargs=given, env=_shares(workers)
    )

    def run(function: Callable[..., _R], tasks: Iterable[tuple[Any, ...]]) -> Iterator[_R]:
        waiting: deque[Any] = deque()
        for task in tasks:
            waiting.append(pool.submit(function, *task))
            if len(waiting) > _AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    try:
        yield run
    finally:
        pool.shutdown(kill_workers=True)


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
