"""Training in a process of its own (`python -m egma_core.training.process`), or in the foreground until Ctrl+C.

The child writes each event as a JSON line on stdout. `{"do": "stop"}` on stdin, or its end, stops training after the
state is saved; nothing that happens here can take the window along. SIGTERM, and SIGUSR1 where there is one (SLURM's
warning before it takes the machine away), stop it likewise, here and there.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from types import FrameType
from typing import Any

from egma_core.child import Channel
from egma_core.errors import ConfigError, EgmaError, MissingExtraError
from egma_core.training.config import TrainingConfig, load_config
from egma_core.training.launcher import train_in_processes
from egma_core.training.place import find_place, processes_to_start

Emit = Callable[[dict[str, Any]], None]

WARNINGS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGUSR1", "SIGBREAK") if hasattr(signal, name))
"""Signals that ask a program to save and end; SIGUSR1 is POSIX's, SIGBREAK (Ctrl+Break) Windows'."""


def run_training(config: TrainingConfig, manifest: Path, out: Path, emit: Emit) -> str:
    """Train in the foreground, from the main thread: the first Ctrl+C, SIGTERM or SIGUSR1 stops after saving, a second Ctrl+C at once.

    Under torchrun or SLURM a second Ctrl+C changes nothing: they send one of their own after the person's.

    Args:
        config: Everything that decides the run.
        manifest: The examples.
        out: The run's folder; a run that it holds goes on.
        emit: Takes each event (see `egma_core.training.loop.train`).

    Returns:
        `done`; `stopped`, when a person asked for it; or `warned`, when the system did by SIGTERM or SIGUSR1 before it takes
        the machine away, so that whoever started the run may want to queue it again.

    Raises:
        EgmaError: Anything that keeps training from beginning or going on; once the folder is accepted, it is logged
            among the run's events.
    """
    impatient = not find_place().launcher
    with stop_signals(signal.SIGINT, *WARNINGS, impatient=impatient) as asked:
        outcome = _train(config, manifest, out, emit, lambda: bool(asked))
        return "warned" if outcome == "stopped" and set(asked) & set(WARNINGS) else outcome


@contextlib.contextmanager
def stop_signals(*numbers: int, impatient: bool = False) -> Generator[list[int], None, None]:
    """Note these signals instead of ending; gives the list of those that came, which grows.

    Args:
        numbers: The signals.
        impatient: Whether a Ctrl+C that is not the first request ends the program at once.
    """
    asked: list[int] = []

    def ask(number: int, _frame: FrameType | None) -> None:
        if asked and impatient and number == signal.SIGINT:
            raise KeyboardInterrupt
        asked.append(number)

    before = {number: signal.signal(number, ask) for number in numbers}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def main() -> int:
    """The child process; returns its exit status: 0 when done or stopped, 1 after an error event."""
    arguments = argparse.ArgumentParser(prog="egma_core.training.process")
    for name in ("--manifest", "--config", "--out"):
        arguments.add_argument(name, type=Path, required=True)
    given = arguments.parse_args()
    channel = Channel.standard()

    def emit(event: dict[str, Any]) -> None:
        channel.emit(**event)

    stopping = False

    def should_stop() -> bool:
        nonlocal stopping
        while (command := channel.receive(0)) is not None:
            if command.do in ("stop", "quit"):
                stopping = True
            else:
                channel.fail(ConfigError(f"Training cannot do '{command.do}'.", 'Send {"do": "stop"}.'))
        return stopping or channel.ended or bool(signalled)

    with stop_signals(*WARNINGS) as signalled:
        try:
            _train(load_config(given.config), given.manifest, given.out, emit, should_stop)
        except EgmaError as error:
            channel.fail(error)
            return 1
    return 0


def _train(config: TrainingConfig, manifest: Path, out: Path, emit: Emit, should_stop: Callable[[], bool]) -> str:
    processes = processes_to_start(config, find_place())
    if processes > 1:
        return train_in_processes(processes, config, manifest, out, emit, should_stop)
    try:
        from egma_core.training.loop import train
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "egma_core":
            raise
        raise MissingExtraError("Training", "train") from error
    return train(config, manifest, out, emit=emit, should_stop=should_stop)


if __name__ == "__main__":
    sys.exit(main())
