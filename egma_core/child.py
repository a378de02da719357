"""JSON lines over stdin and stdout: how a child process takes commands and tells what happens.

A command is one line `{"do": NAME, ...}` on stdin, an event one line `{"event": NAME, ...}` on stdout. The end of stdin
means: finish, commit, exit; so a child never outlives the program that started it, on any system.
"""

from __future__ import annotations

import atexit
import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any, cast

from egma_core.errors import ConfigError, EgmaError

Kinds = Mapping[str, type]
"""Field names with the type their values must have; float takes whole numbers too."""


@dataclass(frozen=True)
class Command:
    """One line from stdin.

    Attributes:
        do: What to do.
        values: The line's other fields.
    """

    do: str
    values: Mapping[str, Any]

    def fields(self, required: Kinds | None = None, optional: Kinds | None = None) -> dict[str, Any]:
        """The command's fields, each of its declared type; an optional one may be missing or null and is then left out.

        Raises:
            ConfigError: A field is missing, unknown or of another type.
        """
        return checked_fields(f"The command '{self.do}'", self.values, required or {}, optional or {})


def checked_fields(what: str, values: object, required: Kinds, optional: Kinds) -> dict[str, Any]:
    """The entries of a JSON object, each of its declared type; an optional one may be missing or null and is then left out.

    Args:
        what: What the object is, for messages.
        values: The object, as parsed.
        required: Entries that must be there.
        optional: Entries that may be there.

    Raises:
        ConfigError: `values` is no object, or an entry is missing, unknown or of another type.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"{what} must be a group of fields.", _known(required, optional))
    given = cast(Mapping[str, Any], values)
    for name in given:
        if name not in required and name not in optional:
            raise ConfigError(f"{what} has no field '{name}'.", _known(required, optional))
    found: dict[str, Any] = {}
    for name, kind in {**required, **optional}.items():
        value = given.get(name)
        if value is None and name in optional:
            continue
        if name not in given:
            raise ConfigError(f"{what} lacks the field '{name}'.", _known(required, optional))
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise ConfigError(f"{what} has a '{name}' of the wrong kind.", f"It must be of type {kind.__name__}.")
        found[name] = value
    return found


def _known(required: Kinds, optional: Kinds) -> str:
    names = [f"{name} ({kind.__name__})" for name, kind in required.items()]
    names += [f"{name} ({kind.__name__}, optional)" for name, kind in optional.items()]
    return f"Its fields: {', '.join(names)}." if names else "It takes no fields."


class Channel:
    """Commands in, events out. `emit` may be called from any thread, the rest from one.

    Both directions have a thread of their own: a parent that is slow to listen never holds the child's work up.
    """

    def __init__(self, commands: int, events: int) -> None:
        """Read commands from one file descriptor and write events to another; both must be open."""
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._n_lines = 0
        self._ended = False
        # os.read and os.write hold no lock of Python's, so a thread still waiting in one cannot keep the interpreter from ending.
        threading.Thread(target=self._read, args=(commands,), name="commands", daemon=True).start()
        self._writer = threading.Thread(target=self._write, args=(events,), name="events", daemon=True)
        self._writer.start()
        atexit.register(self.close)

    @classmethod
    def standard(cls) -> Channel:
        """The channel of a child process; from now on whatever else is printed goes to stderr and Ctrl+C is left to the parent."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.stdout.flush()
        events = os.dup(1)
        os.dup2(2, 1)
        sys.stdout = sys.stderr
        return cls(0, events)

    @property
    def ended(self) -> bool:
        """Whether stdin has ended and every command was taken."""
        return self._ended

    def emit(self, event: str, **fields: Any) -> None:
        """Write one event, after those before it."""
        line = json.dumps({"event": event, **fields}, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        self._outgoing.put(line.encode("utf-8") + b"\n")

    def close(self) -> None:
        """Wait until the events are written, at most 5 s if nobody reads them; done by itself at the program's end."""
        self._outgoing.put(None)
        self._writer.join(timeout=5.0)

    def fail(self, error: EgmaError) -> None:
        """Report an error in words."""
        self.emit("error", what=error.what, remedy=error.remedy)

    def receive(self, timeout_s: float | None = None) -> Command | None:
        """The next command; a line that is none is reported as an error event and skipped.

        Args:
            timeout_s: Longest wait in seconds; None waits for ever, 0 not at all.

        Returns:
            The command, or None when the time is over or stdin has ended (`ended` tells which).
        """
        deadline = None if timeout_s is None else perf_counter_ns() + round(timeout_s * 1e9)
        while not self._ended:
            wait_s = None if deadline is None else (deadline - perf_counter_ns()) / 1e9
            try:
                line = self._lines.get(timeout=wait_s) if wait_s is None or wait_s > 0 else self._lines.get_nowait()
            except queue.Empty:
                return None
            if line is None:
                self._ended = True
                return None
            self._n_lines += 1
            try:
                return self._parse(line)
            except ConfigError as error:
                self.fail(error)
        return None

    def _parse(self, line: bytes) -> Command:
        try:
            values = _DECODER.decode(line.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"Line {self._n_lines} of the commands is not JSON.", "Send one JSON object a line, in UTF-8.") from error
        if not isinstance(values, dict) or not isinstance(cast(dict[str, Any], values).get("do"), str):
            raise ConfigError(f"Line {self._n_lines} of the commands names nothing to do.", 'Send objects of the form {"do": NAME, ...}.')
        fields = cast(dict[str, Any], values)
        return Command(fields.pop("do"), fields)

    def _write(self, events: int) -> None:
        while (data := self._outgoing.get()) is not None:
            try:
                while data:
                    data = data[os.write(events, data) :]
            except OSError:  # nobody listens any more: the end of stdin follows
                return

    def _read(self, commands: int) -> None:
        rest = b""
        while True:
            try:
                data = os.read(commands, 65536)
            except OSError:
                data = b""
            if not data:
                break
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                if line.strip():
                    self._lines.put(line)
        if rest.strip():
            self._lines.put(rest)
        self._lines.put(None)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)  # made once: commands may come hundreds of times a second


def serve(channel: Channel, handle: Callable[[Command], None], *, tick: Callable[[], None] | None = None, every_s: float = 0.1) -> None:
    """Take commands until `quit` or the end of stdin; an `EgmaError` becomes an error event and the work goes on.

    Args:
        channel: Where commands come from and events go.
        handle: Carries out one command; never sees `quit`.
        tick: Called every `every_s` seconds between commands, however many of them come.
        every_s: Seconds between ticks.
    """
    step_ns = round(every_s * 1e9)
    due = perf_counter_ns() + step_ns
    while not channel.ended:
        wait_s = None if tick is None else max(0.0, (due - perf_counter_ns()) / 1e9)
        command = channel.receive(wait_s)
        if command is not None and command.do == "quit":
            break
        try:
            if command is not None:
                handle(command)
            if tick is not None and perf_counter_ns() >= due:
                due = max(due + step_ns, perf_counter_ns())
                tick()
        except EgmaError as error:
            channel.fail(error)
