"""The Open Gaze protocol: XML records, one a line, over TCP, as Gazepoint's Control program speaks it (API 2.x, port 4242).

The client sends GET and SET; the server answers each with ACK or NACK, and sends CAL records while it calibrates and REC
records while data are enabled. (Open Gaze API by Gazepoint, sections 2 to 5.)
"""

from __future__ import annotations

import queue
import re
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass

from egma_core.errors import TrackerError
from egma_core.trackers.events import Inbox

PORT = 4242
_CONNECT_S = 1.0
_ANSWER_S = 2.0
_RETRY_S = 1.0
_CAPACITY = 200_000  # over 20 min at 150 Hz
_RECORD = re.compile(r"<\s*([A-Z]+)")
_FIELD = re.compile(r'([A-Z_][A-Z0-9_]*)\s*=\s*"([^"]*)"')


@dataclass(frozen=True)
class Record:
    """One line from the server.

    Attributes:
        arrived_ns: When it came, on the host clock.
        tag: `ACK`, `NACK`, `CAL` or `REC`.
        fields: Its attributes, without the blanks that some servers put around their values.
    """

    arrived_ns: int
    tag: str
    fields: dict[str, str]

    @property
    def id(self) -> str:
        """What it answers or tells, or ""."""
        return self.fields.get("ID", "")

    def number(self, name: str, otherwise: float = float("nan")) -> float:
        """An attribute as a number; `otherwise` where it is missing or none."""
        try:
            return float(self.fields[name])
        except (KeyError, ValueError):
            return otherwise

    def integer(self, name: str) -> int:
        """An attribute as a whole number, which may be longer than a float holds; 0 where it is missing or none."""
        try:
            return int(self.fields[name])
        except (KeyError, ValueError):
            return 0


def parse(line: bytes, arrived_ns: int) -> Record | None:
    """One line as a record, or None where it is none."""
    text = line.decode("ascii", "replace")
    tag = _RECORD.search(text)
    if tag is None:
        return None
    return Record(arrived_ns, tag[1], {name: value.strip() for name, value in _FIELD.findall(text)})


class OpenGazeConnection:
    """A connection that mends itself; lines are read on a thread that does little else.

    Attributes:
        data: The REC lines as they came, with their time of arrival.
        calibration: The CAL records.
    """

    def __init__(self, address: tuple[str, int], now_ns: Callable[[], int], changed: Callable[[bool], None]) -> None:
        """Connect.

        Args:
            address: Host and port of the server.
            now_ns: The host clock.
            changed: Called from the reading thread with False when the connection is lost and True when it is back.

        Raises:
            TrackerError: Nobody listens there.
        """
        self.data = Inbox[tuple[int, bytes]](_CAPACITY)
        self.calibration: queue.SimpleQueue[Record] = queue.SimpleQueue()
        self._address = address
        self._now_ns = now_ns
        self._changed = changed
        self._answers: queue.SimpleQueue[Record] = queue.SimpleQueue()
        self._asking = threading.Lock()
        self._sending = threading.Lock()
        self._closed = threading.Event()
        try:
            self._socket = self._connect()
        except OSError as error:
            raise TrackerError(
                f"No Open Gaze server answers at {address[0]}:{address[1]}.", "Start Gazepoint Control and plug the tracker in."
            ) from error
        self._reader = threading.Thread(target=self._read, name="open gaze", daemon=True)
        self._reader.start()

    def send(self, tag: str, what: str, **values: object) -> bool:
        """Send GET or SET without waiting for the answer; whether it could be sent."""
        attributes = "".join(f' {name}="{value}"' for name, value in values.items())
        with self._sending:
            try:
                self._socket.sendall(f'<{tag} ID="{what}"{attributes} />\r\n'.encode("ascii"))
            except OSError:
                return False
        return True

    def ask(self, tag: str, what: str, **values: object) -> Record | None:
        """Send GET or SET and wait for the answer; None where the server refuses it.

        Raises:
            TrackerError: No answer came.
        """
        with self._asking:
            while not self._answers.empty():
                self._answers.get()
            if self.send(tag, what, **values):
                try:
                    while (answer := self._answers.get(timeout=_ANSWER_S)).id != what:
                        continue
                except queue.Empty:
                    pass
                else:
                    return answer if answer.tag == "ACK" else None
        raise TrackerError(f"The eye tracker does not answer ({what}).", "See whether Gazepoint Control is running.")

    def close(self) -> None:
        """Hang up; the reading thread ends."""
        self._closed.set()
        self._hang_up()
        if threading.current_thread() is not self._reader:
            self._reader.join(_CONNECT_S + _RETRY_S)

    def _connect(self) -> socket.socket:
        connection = socket.create_connection(self._address, _CONNECT_S)
        connection.settimeout(None)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _hang_up(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:  # it is down already
            pass
        finally:
            self._socket.close()

    def _read(self) -> None:
        while not self._closed.is_set():
            self._read_lines()
            self._hang_up()
            if self._closed.is_set():
                return
            self._changed(False)
            while not self._closed.wait(_RETRY_S):
                try:
                    self._socket = self._connect()
                except OSError:
                    continue
                if self._closed.is_set():  # closed meanwhile, which could hang up the old connection only
                    self._hang_up()
                    return
                self._changed(True)
                break

    def _read_lines(self) -> None:
        rest = b""
        while True:
            try:
                data = self._socket.recv(65536)
            except OSError:
                return
            if not data:
                return
            arrived_ns = self._now_ns()
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                if line.startswith(b"<REC"):
                    self.data.append((arrived_ns, line))
                    continue
                record = parse(line, arrived_ns)
                if record is None:
                    continue
                (self.calibration if record.tag == "CAL" else self._answers).put(record)
