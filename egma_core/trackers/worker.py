"""Calls of a calibration that may take their time, on a thread of their own."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import Any

from egma_core.errors import EgmaError, TrackerError
from egma_core.trackers.calibration import CalibrationEventKind, Point, Task

_LOG = logging.getLogger(__name__)


class _Job:
    """A call on its way through a thread."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._ended = threading.Event()
        self._value: Any = None
        self._error: EgmaError | None = None

    def run(self) -> None:
        try:
            self._value = self._work()
        except EgmaError as error:
            self._error = error
        except Exception as error:  # noqa: BLE001 - a driver may raise anything, and who leaves later needs this thread alive
            # The type alone: a maker's message may name a device or a place.
            _LOG.error("A tracker's driver failed during calibration: %s", type(error).__name__)
            self._error = TrackerError(
                f"The tracker's driver failed during the calibration ({type(error).__name__}).", "Leave the calibration and begin again."
            )
        finally:
            self._ended.set()

    def done(self) -> bool:
        return self._ended.is_set()

    def outcome(self) -> Any:
        if self._error is not None:
            raise self._error
        return self._value


class ThreadWorker:
    """A thread that lives from the first call of a calibration until calibration mode is left, whatever a call raises."""

    def __init__(self) -> None:
        """Without a thread as long as there is nothing to do."""
        self._jobs: queue.SimpleQueue[tuple[CalibrationEventKind, _Job]] | None = None

    def submit(self, kind: CalibrationEventKind, _point: Point | None, work: Callable[[], Any]) -> Task:
        """Run `work` on the thread, after whatever it is doing."""
        if self._jobs is None or kind == "entered":
            self._jobs = queue.SimpleQueue()
            threading.Thread(target=_work, args=(self._jobs,), name="calibration", daemon=True).start()
        job = _Job(work)
        self._jobs.put((kind, job))
        return job


def _work(jobs: queue.SimpleQueue[tuple[CalibrationEventKind, _Job]]) -> None:
    while True:
        kind, job = jobs.get()
        job.run()
        if kind == "left" or (kind == "entered" and not _succeeded(job)):
            return


def _succeeded(job: _Job) -> bool:
    """Whether a job that has ended raised nothing."""
    try:
        job.outcome()
    except EgmaError:
        return False
    return True
