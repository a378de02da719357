"""Work done ahead of its use, in threads, with results in the order of the jobs and errors where they would have come anyway."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

J = TypeVar("J")
R = TypeVar("R")


def ahead(jobs: Iterable[J], work: Callable[[J], R], workers: int, *, release: Callable[[], None]) -> Iterator[R]:
    """`work` on every job, up to `workers` of them at a time and ahead of the one asked for.

    Args:
        jobs: What to do, in order.
        work: Does one job; called from other threads, several at a time.
        workers: Threads, and results that may wait to be taken.
        release: Called at the end, also when the results are not wanted any more or a job failed; makes unfinished jobs
            end soon. No thread is left after it.

    Yields:
        The results, in the order of the jobs.
    """
    pool = ThreadPoolExecutor(workers, thread_name_prefix="loader")
    begun: deque[Future[R]] = deque()
    try:
        for job in jobs:
            begun.append(pool.submit(work, job))
            if len(begun) > workers:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        release()
        pool.shutdown(cancel_futures=True)
