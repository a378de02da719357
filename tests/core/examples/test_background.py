"""Work done ahead: in order, never too far, and over when nobody wants it."""

from __future__ import annotations

import threading
import time

import pytest

from egma_core.errors import ImageError
from egma_core.examples.background import ahead


def loaders() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("loader")]


def test_results_keep_the_order_of_the_jobs_however_long_each_takes() -> None:
    released: list[bool] = []

    def work(job: int) -> int:
        time.sleep(0.002 * (job % 3))
        return job * job

    assert list(ahead(range(20), work, 3, release=lambda: released.append(True))) == [job * job for job in range(20)]
    assert released == [True]
    assert not loaders()


def test_no_more_results_wait_than_there_are_workers() -> None:
    begun: list[int] = []

    def work(job: int) -> int:
        begun.append(job)
        return job

    results = ahead(range(100), work, 2, release=lambda: None)
    for taken in range(1, 6):
        next(results)
        time.sleep(0.01)
        assert len(begun) <= taken + 2
    results.close()  # type: ignore[attr-defined]


def test_an_error_comes_after_the_results_before_it_and_ends_all() -> None:
    error = ImageError("The film 3 cannot be read.", "Bring it back.")
    released = threading.Event()

    def work(job: int) -> int:
        if job == 3:
            raise error
        if job > 3:
            released.wait(10)
        return job

    results = ahead(range(9), work, 2, release=released.set)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ImageError) as caught:
        next(results)
    assert caught.value is error
    assert not loaders()


def test_leaving_early_releases_and_waits_for_the_threads() -> None:
    released = threading.Event()

    def work(job: int) -> int:
        if job:
            assert released.wait(10)
        return job

    for result in ahead(range(50), work, 2, release=released.set):
        assert result == 0
        break
    assert released.is_set()
    assert not loaders()
