"""A study's workers, seen from the process that leads them: tasks are handed out one at a time until none is left."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, cast

from egma_core.errors import TrainingError

POLL_S = 0.2
"""How long to wait for an event at a time: on Windows Ctrl+C is not heard during a wait without an end."""

FIELDS = {"error": {"what", "remedy"}, "step": {"task", "step"}, "finished": {"task"}}
"""What an event must have to be followed."""

UNREADABLE = {
    "event": "error",
    "what": "A worker of the study said something that is no event.",
    "remedy": "Run the same command again to go on.",
}

GRACE_S = 60.0
"""How long a worker may take to save its run's state when it is asked to stop."""

SINGLE_THREADED = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1")
"""One thread a worker: two processes of one thread finish more small steps than one process of two."""


@dataclass(frozen=True)
class Task:
    """Something for a worker to do.

    Attributes:
        command: The command, without its number.
        units: How much it is, in the unit that progress is told in.
    """

    command: dict[str, Any]
    units: int


class Team:
    """Some worker processes; a context manager, which at its end asks them to save and stop, and waits for them."""

    def __init__(self, jobs: int) -> None:
        """Start `jobs` workers."""
        self._events: queue.SimpleQueue[tuple[int, dict[str, Any] | None]] = queue.SimpleQueue()
        self._workers = [_start() for _ in range(jobs)]
        self._listeners = [threading.Thread(target=self._listen, args=(i,), name=f"worker {i}", daemon=True) for i in range(jobs)]
        for listener in self._listeners:
            listener.start()

    def carry_out(self, tasks: Sequence[Task], told: Callable[[int, int], None], done: int = 0) -> None:
        """Have all tasks carried out.

        Args:
            tasks: The tasks; they are begun in their order.
            told: Called with units done and units in all, whenever something has advanced.
            done: Units that were done before, and count.

        Raises:
            TrainingError: A worker could not carry its task out, or died; the other ones are left to be stopped.
        """
        total = done + sum(task.units for task in tasks)
        waiting = list(enumerate(tasks))[::-1]
        partly: dict[int, int] = {}
        idle = list(range(len(self._workers)))
        told(done, total)
        while waiting or partly:
            while waiting and idle:
                number, task = waiting.pop()
                partly[number] = 0
                self._send(idle.pop(), {**task.command, "task": number})
            worker, event = self._next()
            if event is None:
                raise TrainingError("A worker of the study ended without a word.", "Run the same command again to go on.")
            if event["event"] == "error":
                raise TrainingError(event["what"], event["remedy"])
            if event["event"] == "step":
                partly[event["task"]] = event["step"]
            elif event["event"] == "finished":
                del partly[event["task"]]
                done += tasks[event["task"]].units
                idle.append(worker)
            told(done + sum(partly.values()), total)

    def close(self) -> None:
        """Let every worker save and stop; one that takes too long is ended."""
        for worker in self._workers:
            assert worker.stdin is not None
            with contextlib.suppress(OSError):
                worker.stdin.close()
        for worker in self._workers:
            try:
                worker.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
        for listener, worker in zip(self._listeners, self._workers, strict=True):
            listener.join()
            assert worker.stdout is not None
            worker.stdout.close()

    def __enter__(self) -> Team:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _send(self, worker: int, command: dict[str, Any]) -> None:
        stdin = self._workers[worker].stdin
        assert stdin is not None
        with contextlib.suppress(OSError):  # a worker that died is told of by its listener
            stdin.write(json.dumps(command) + "\n")
            stdin.flush()

    def _listen(self, worker: int) -> None:
        stdout = self._workers[worker].stdout
        assert stdout is not None
        try:
            for line in stdout:
                self._events.put((worker, read_event(line)))
        finally:
            self._events.put((worker, None))

    def _next(self) -> tuple[int, dict[str, Any] | None]:
        while True:
            with contextlib.suppress(queue.Empty):
                return self._events.get(timeout=POLL_S)


def read_event(line: str) -> dict[str, Any]:
    """A worker's event; of a line that is none, an error event."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return UNREADABLE
    kind = cast(dict[str, Any], event).get("event") if isinstance(event, dict) else None
    if not isinstance(kind, str) or not FIELDS.get(kind, set()) <= set(cast(dict[str, Any], event)):
        return UNREADABLE
    return cast(dict[str, Any], event)


def _start() -> subprocess.Popen[str]:
    """A worker in a session of its own, so that Ctrl+C reaches it through its leader alone."""
    return subprocess.Popen(
        [sys.executable, "-m", "egma_core.ablation.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
        env={**os.environ, **SINGLE_THREADED},
        creationflags=subprocess.CREATE_NO_WINDOW if sys.platform == "win32" else 0,
    )
