"""Our own launcher for several devices of one machine: it starts a process each, listens to the first, and ends all when one fails.

The processes find each other by torchrun's variables, so that they need not know who started them. Each of them is the
same child that trains alone; this process needs no torch.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from egma_core.errors import TrainingError
from egma_core.training.config import TrainingConfig, save_config
from egma_core.training.run import RunFolder

LISTEN_S = 0.2
"""How often a request to stop is looked for while nothing is said."""

OWN_GROUP = subprocess.CREATE_NEW_PROCESS_GROUP if sys.platform == "win32" else 0
"""Beside a session of its own, which is POSIX's: Ctrl+C in the terminal is this process's to pass on."""

GRACE_S = 10.0
"""How long the others may take to notice that one of them failed, before they are ended."""


def train_in_processes(
    n: int,
    config: TrainingConfig,
    manifest: Path,
    out: Path,
    emit: Callable[[dict[str, Any]], None],
    should_stop: Callable[[], bool],
) -> str:
    """Train in `n` processes on this machine until all have ended.

    Args:
        n: How many.
        config: Everything that decides the run.
        manifest: The examples.
        out: The run's folder; a run that it holds goes on.
        emit: Takes each event of the leading process.
        should_stop: Asked several times a second; once true, the processes are asked to save and stop.

    Returns:
        `done` or `stopped`.

    Raises:
        TrainingError: One of them failed, in its own words if it had any.
    """
    with tempfile.TemporaryDirectory(prefix="egma-") as folder:
        path = Path(folder) / "config.toml"
        save_config(path, config)
        command = [sys.executable, "-m", "egma_core.training.process"]
        command += ["--manifest", str(manifest), "--config", str(path), "--out", str(out)]
        port = _free_port()
        crew = [_Member(command, rank, n, port) for rank in range(n)]
        try:
            return _listen(crew, emit, should_stop)
        except TrainingError as error:
            # What the leading process has words for it logs itself; that it spoke of anything says that the folder is the run's.
            if crew[0].heard and crew[0].error is None:
                RunFolder(out).log_error(None, error, None)
            raise
        finally:
            for member in crew:
                member.end()


class _Member:
    """One process of the run."""

    def __init__(self, command: list[str], rank: int, world: int, port: int) -> None:
        variables = {
            "RANK": rank,
            "LOCAL_RANK": rank,
            "WORLD_SIZE": world,
            "LOCAL_WORLD_SIZE": world,
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": port,
        }
        if sys.platform == "win32":
            variables["USE_LIBUV"] = 0  # torch's Windows wheels have none
        environment = {**os.environ, **{name: str(value) for name, value in variables.items()}}
        self.child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            env=environment,
            start_new_session=True,
            creationflags=OWN_GROUP,
        )
        self.rank = rank
        self.heard = False
        self.error: tuple[str, str] | None = None
        self.said: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, name=f"events of process {rank}", daemon=True)
        self._reader.start()

    @property
    def failed(self) -> bool:
        """Whether it has ended, and not well."""
        return self.child.poll() not in (None, 0)

    @property
    def ended(self) -> bool:
        """Whether it has ended and everything it said was taken in."""
        return self.child.poll() is not None and not self._reader.is_alive()

    def ask_to_stop(self) -> None:
        """Send a request to save and stop."""
        assert self.child.stdin is not None
        with contextlib.suppress(OSError):
            self.child.stdin.write('{"do": "stop"}\n')
            self.child.stdin.flush()

    def end(self) -> None:
        """End it now, if it is still there."""
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()
        self._reader.join()
        assert self.child.stdin is not None and self.child.stdout is not None
        with contextlib.suppress(OSError):
            self.child.stdin.close()
        self.child.stdout.close()

    def _read(self) -> None:
        assert self.child.stdout is not None
        for line in self.child.stdout:
            event = json.loads(line)
            if event["event"] == "error":
                self.error = self.error or (event["what"], event["remedy"])
            else:
                self.heard = True
                self.said.put(event)


def _listen(crew: list[_Member], emit: Callable[[dict[str, Any]], None], should_stop: Callable[[], bool]) -> str:
    outcome, asked, deadline = "", False, None
    while not all(member.ended for member in crew):
        if should_stop() and not asked:
            crew[0].ask_to_stop()
            asked = True
        outcome = _pass_on(crew[0], emit, LISTEN_S) or outcome
        if deadline is None and any(member.failed for member in crew):
            deadline = perf_counter_ns() + round(GRACE_S * 1e9)
        if deadline is not None and perf_counter_ns() > deadline:
            break
    while not crew[0].said.empty():
        outcome = _pass_on(crew[0], emit, 0) or outcome
    failed = [member for member in crew if member.failed]
    if failed or not outcome:
        raise _words(failed, len(crew))
    return outcome


def _pass_on(leader: _Member, emit: Callable[[dict[str, Any]], None], wait_s: float) -> str:
    """Pass one event on, if there is one; return the outcome it tells."""
    try:
        event = leader.said.get(timeout=wait_s) if wait_s else leader.said.get_nowait()
    except queue.Empty:
        return ""
    emit(event)
    return event["event"] if event["event"] in ("done", "stopped") else ""


def _words(failed: list[_Member], n: int) -> TrainingError:
    """Why the run ended: a process that died without words is the cause of the others' words, else the first one's words count."""
    silent = next((member for member in failed if member.error is None), None)
    if silent is not None:
        return TrainingError(
            f"Process {silent.rank + 1} of {n} ended without a word (status {silent.child.returncode}).",
            "What was saved is kept: the same command goes on from it. If memory ran short, set optim.micro_batch.",
        )
    spoken = next((member.error for member in failed if member.error is not None), None)
    return TrainingError(*(spoken or ("Training ended without saying why.", "Run the same command again.")))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
