"""Work beside the window: functions on a thread pool, and child processes that speak JSON lines.

Only the window's thread may let go of Qt's objects: what has been deleted on another thread takes the window down with it. So
the threads of the pool hold nothing of the window's while they report, they report by a letter box, and cyclic garbage is
collected on the window's thread alone.
"""

from __future__ import annotations

import functools
import gc
import itertools
import json
import logging
import queue
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, TypeVar

import shiboken6
from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, Qt, QTimer, Signal, Slot

T = TypeVar("T")

_log = logging.getLogger(__name__)
_pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="egma-work")
_pending: dict[int, Job] = {}
_numbers = itertools.count()
_GARBAGE_MS = 500


class Cancelled(Exception):  # noqa: N818 - a person's wish, not an error
    """Raised inside work by `Progress.report` after the person has cancelled it."""


class _Letters(QObject):
    """What other threads have for the window's thread, in order; lives as long as the program."""

    _posted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._box = queue.SimpleQueue[Callable[[], object]]()
        self._posted.connect(self._open_one, Qt.ConnectionType.QueuedConnection)  # never inside `run`, however quick the work

    def post(self, letter: Callable[[], object]) -> None:
        """Have `letter` called on the window's thread; it must hold none of the window's objects."""
        self._box.put(letter)
        self._posted.emit()

    @Slot()
    def _open_one(self) -> None:
        self._box.get_nowait()()


@functools.cache
def _letter_box() -> _Letters:
    """The one letter box, made by the window's thread when it first needs one."""
    return _Letters()


class Job:
    """One piece of work on its way; kept alive here until its result has been delivered or dropped."""

    def __init__(
        self,
        owner: QObject,
        work: Callable[[], Any],
        done: Callable[[Any], object],
        failed: Callable[[BaseException], object] | None,
    ) -> None:
        """Remember whom to tell, and the work itself, so that what it refers to is let go of on this thread."""
        self._owner = owner
        self._work = work
        self._done = done
        self._failed = failed
        self._wanted = True
        self.number = next(_numbers)
        _pending[self.number] = self

    @property
    def pending(self) -> bool:
        """Whether the result is still to come."""
        return self.number in _pending

    def drop(self) -> None:
        """Forget the result when it comes: the work itself is not interrupted."""
        self._wanted = False

    def deliver(self, result: Any, error: BaseException | None) -> None:
        """Tell whoever wants to know; called on the window's thread."""
        if not self._wanted or not shiboken6.isValid(self._owner):
            return
        if error is None:
            self._done(result)
        elif self._failed is not None:
            self._failed(error)
        else:
            raise error


def run(
    parent: QObject,
    work: Callable[[], T],
    done: Callable[[T], object],
    failed: Callable[[BaseException], object] | None = None,
    *,
    executor: Executor | None = None,
) -> Job:
    """Run `work` on a thread of the pool and hand its result to `done`, or what it raised to `failed`, on this thread.

    Nothing is called once `parent` has been deleted. `work` must not touch Qt. Without `failed`, what it raised is
    raised again on this thread, where the window's exception hook turns it into words.

    Args:
        parent: Whoever wants the result.
        work: A function of the core, without arguments.
        done: Called with the result.
        failed: Called with the exception; `messages` puts it into words.
        executor: Another pool, for work that must keep its order.
    """
    job = Job(parent, work, done, failed)
    (executor or _pool).submit(_perform, job.number, [work], _letter_box())
    return job


def _perform(number: int, work: list[Callable[[], Any]], letters: _Letters) -> None:
    """Do the work on this thread, let go of it, then post what came of it."""
    result: Any = None
    failure: BaseException | None = None
    try:
        result = work.pop()()
    except BaseException as error:  # noqa: BLE001 - raised again, or told, on the window's thread
        failure = error
    outcome = [(result, failure)]
    del result, failure
    letters.post(lambda: _deliver(number, outcome))


def _deliver(number: int, outcome: list[tuple[Any, BaseException | None]]) -> None:
    _pending.pop(number).deliver(*outcome.pop())


def pending() -> int:
    """How many results have not been delivered yet."""
    return len(_pending)


class Progress:
    """A bridge for work that reports how far it is: thread-safe, and the way to cancel it."""

    def __init__(self, parent: QObject, moved: Callable[[int, int, str], object]) -> None:
        """Nothing done yet, not cancelled.

        Args:
            parent: Whoever shows the progress; nothing is called once it has been deleted.
            moved: Called on the window's thread with (done, total, what); total is 0 while unknown.
        """
        self._parent = parent
        self._moved = moved
        self._letters = _letter_box()
        self._cancelled = False

    def cancel(self) -> None:
        """Make the next `report` raise `Cancelled` inside the work."""
        self._cancelled = True

    def report(self, done: int, total: int, what: str = "") -> None:
        """Say how far the work is; called by the work on its own thread.

        Raises:
            Cancelled: The person has cancelled it.
        """
        if self._cancelled:
            raise Cancelled
        self._letters.post(lambda: self._tell(done, total, what))

    def _tell(self, done: int, total: int, what: str) -> None:
        if shiboken6.isValid(self._parent):
            self._moved(done, total, what)


def collect_garbage_here(parent: QObject) -> QTimer:
    """From now on, collect cyclic garbage on this thread alone: it may hold widgets, and Python collects on any thread.

    Args:
        parent: Whoever lives as long as the window; `gc.enable()` after it returns to the usual way.
    """
    gc.disable()
    timer = QTimer(parent, interval=_GARBAGE_MS)
    timer.timeout.connect(_collect)
    timer.start()
    return timer


def _collect() -> None:
    """Collect the oldest generation whose threshold is exceeded, as the collector itself would."""
    for generation, (count, threshold) in reversed(list(enumerate(zip(gc.get_count(), gc.get_threshold(), strict=True)))):
        if count > threshold > 0:
            gc.collect(generation)
            return


class Child(QObject):
    """A process of ours that does one thing apart from the window, and may die in any way without taking it down.

    Commands go down its stdin and events come up its stdout, a JSON object a line. The end of stdin tells it to
    finish, commit and exit.

    Attributes:
        received: Emitted with each event, a dict with the key `event`. (`event` itself is a method of every QObject.)
        ended: Emitted once with (words, ok): why the process is gone in words for a person ("" when it ended as asked),
            and whether it ended in good order.
    """

    received = Signal(object)
    ended = Signal(str, bool)

    def __init__(
        self, module: str, purpose: str, arguments: Sequence[str] = (), parent: QObject | None = None, *, grace_ms: int = 4000
    ) -> None:
        """Describe the process; `start` starts it.

        Args:
            module: What `python -m` runs, such as `egma_core.recording.process`.
            purpose: What it does, for messages: `Recording`, `Training`, `Prediction`.
            arguments: Arguments after the module.
            parent: The owner; `finish` is still the owner's duty.
            grace_ms: How long it may take to exit after `finish`.
        """
        super().__init__(parent)
        self.purpose = purpose
        self._buffer = b""
        self._errors = b""
        self._asked_to_end = False
        self._killed = False
        self._over = False
        self._process = QProcess(self)
        self._process.setProgram(sys.executable)
        self._process.setArguments(["-X", "utf8", "-m", module, *arguments])
        self._process.setProcessEnvironment(_environment())
        self._process.readyReadStandardOutput.connect(self._read)
        self._process.readyReadStandardError.connect(self._read_errors)
        self._process.finished.connect(self._finished)
        self._process.errorOccurred.connect(self._error)
        self._grace = QTimer(self, singleShot=True, interval=grace_ms)
        self._grace.timeout.connect(self._kill)

    @property
    def running(self) -> bool:
        """Whether the process has been started and has not ended."""
        return self._process.state() != QProcess.ProcessState.NotRunning

    @property
    def pid(self) -> int:
        """The operating system's number for the process; 0 while there is none."""
        return self._process.processId()

    @property
    def last_errors(self) -> str:
        """The end of what the process wrote to stderr: for the log and for tests, never for a person."""
        return self._errors.decode("utf-8", "replace")

    def start(self) -> None:
        """Start the process; trouble is reported by `ended`."""
        self._process.start()

    def send(self, message: Mapping[str, Any]) -> None:
        """Send one command; without effect once the process has ended (`ended` has said so)."""
        if self._over or self._asked_to_end:
            return
        self._process.write(json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8") + b"\n")

    def finish(self) -> None:
        """Ask it to finish, commit and exit by ending its stdin; it is killed if it does not within its grace time."""
        if self._over or self._asked_to_end:
            return
        self._asked_to_end = True
        self._process.closeWriteChannel()
        self._grace.start()

    def wait(self, timeout_ms: int = 5000) -> bool:
        """Block until the process has ended, for a window that is closing; kills it when the time is over.

        Returns:
            Whether it ended by itself.
        """
        if self._process.waitForFinished(timeout_ms) or not self.running:
            return not self._killed
        self._kill()
        self._process.waitForFinished(timeout_ms)
        return False

    def _read(self) -> None:
        self._buffer += bytes(self._process.readAllStandardOutput().data())
        *lines, self._buffer = self._buffer.split(b"\n")
        for line in lines:
            if line.strip():
                self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        if isinstance(message, dict) and "event" in message:
            self.received.emit(message)
        else:
            _log.warning("%s process wrote %d bytes that are no event", self.purpose, len(line))

    def _read_errors(self) -> None:
        self._errors = (self._errors + bytes(self._process.readAllStandardError().data()))[-8000:]

    def _kill(self) -> None:
        self._killed = True
        self._process.kill()

    @Slot(QProcess.ProcessError)
    def _error(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self._end(f"{self.purpose} could not start: this Python cannot be run as a child process.", ok=False)

    @Slot(int, QProcess.ExitStatus)
    def _finished(self, code: int, status: QProcess.ExitStatus) -> None:
        self._read()
        self._read_errors()
        if self._killed:
            self._end(f"{self.purpose} did not end in time and was stopped.", ok=False)
        elif status == QProcess.ExitStatus.CrashExit:
            self._end(f"{self.purpose} has stopped: its process crashed or was ended from outside.", ok=False)
        elif code != 0:
            self._end(f"{self.purpose} has stopped: its process ended with an error (code {code}).", ok=False)
        else:
            self._end("" if self._asked_to_end else f"{self.purpose} has ended.", ok=True)

    def _end(self, words: str, *, ok: bool) -> None:
        if self._over:
            return
        self._over = True
        self._grace.stop()
        if not ok:
            _log.warning("%s process: %s", self.purpose, words)
        self.ended.emit(words, ok)


def _environment() -> QProcessEnvironment:
    """This process's environment without the variables that concern Qt: children have no window."""
    environment = QProcessEnvironment.systemEnvironment()
    names: list[str] = environment.keys()
    for name in names:
        if name.startswith(("QT_", "QML", "QSG_")):
            environment.remove(name)
    return environment
