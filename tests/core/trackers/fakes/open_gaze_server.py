"""A server that speaks Open Gaze as Gazepoint Control does, calibration included, for a test that winds its clock."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable


class OpenGazeServer:
    """Listens on a free port; serves one client at a time. The person looks where `looking` says, with offsets of each eye."""

    def __init__(self, now_ns: Callable[[], int], *, ticks_ahead_ns: int = 0, frequency: str = "10000000") -> None:
        self.now_ns = now_ns
        self.ticks_ahead_ns = ticks_ahead_ns
        self.frequency = frequency
        self.tick_hz = 10_000_000
        self.state: dict[str, str] = {}
        self.received: list[str] = []
        self.points: list[tuple[float, float]] = []
        self.looking = (0.25, 0.75)
        self.eyes_open = True
        self.screen = (1920, 1080)
        self.go = threading.Semaphore(0)  # the test lets the server end a point when it likes
        self.count = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._client: socket.socket | None = None
        self._sending = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def sample(self, at_ns: int) -> bool:
        """One frame of the camera; whether a client wanted it."""
        if self.state.get("ENABLE_SEND_DATA") != "1" or self._client is None:
            return False
        fields: dict[str, object] = {}
        if self.state.get("ENABLE_SEND_COUNTER") == "1":
            fields["CNT"] = self.count
        self.count += 1
        if self.state.get("ENABLE_SEND_TIME") == "1":
            fields["TIME"] = f"{at_ns / 1e9:.5f}"
        if self.state.get("ENABLE_SEND_TIME_TICK") == "1":
            fields["TIME_TICK"] = (at_ns + self.ticks_ahead_ns) * self.tick_hz // 10**9
        seen = int(self.eyes_open)
        for letter, side, off in (("L", "LEFT", 0.01), ("R", "RIGHT", -0.01)):
            if self.state.get(f"ENABLE_SEND_POG_{side}") == "1":
                fields |= {
                    f"{letter}POGX": f"{self.looking[0] + off:.5f}",
                    f"{letter}POGY": f"{self.looking[1]:.5f}",
                    f"{letter}POGV": seen,
                }
            if self.state.get(f"ENABLE_SEND_PUPIL_{side}") == "1":
                x = 0.4 if letter == "L" else 0.6
                fields |= {f"{letter}PCX": x, f"{letter}PCY": 0.5, f"{letter}PD": 15.2, f"{letter}PS": 1.0, f"{letter}PV": seen}
            if self.state.get(f"ENABLE_SEND_EYE_{side}") == "1":
                fields |= {f"{letter}EYEX": -0.03, f"{letter}EYEY": 0.0, f"{letter}EYEZ": "0.65000"}
                fields |= {f"{letter}PUPILD": "0.00325", f"{letter}PUPILV": seen}
        self._send("<REC " + " ".join(f'{name}="{value}"' for name, value in fields.items()) + " />")
        return True

    def skip(self, n: int) -> None:
        """Lose `n` frames on the way."""
        self.count += n

    def drop(self) -> None:
        """The connection breaks."""
        client, self._client = self._client, None
        self.state["ENABLE_SEND_DATA"] = "0"
        if client is not None:
            with contextlib.suppress(OSError):  # the client was quicker
                client.shutdown(socket.SHUT_RDWR)
            client.close()

    def close(self) -> None:
        self._closed = True
        self._listener.close()
        if self._client is not None:
            self.drop()

    def show_point(self, n: int) -> None:
        x, y = self.points[n]
        self._send(f'<CAL ID=" CALIB_START_PT" PT="{n + 1}" CALX="{x:.4f}" CALY="{y:.4f}" />')

    def end_point(self, n: int) -> None:
        x, y = self.points[n]
        self._send(f'<CAL ID=" CALIB_RESULT_PT" PT="{n + 1}" CALX="{x:.4f}" CALY="{y:.4f}" />')

    def _calibrate(self) -> None:
        for n in range(len(self.points)):
            self.show_point(n)
            self.go.acquire(timeout=5.0)
            self.end_point(n)
        parts: list[str] = []
        for n, (x, y) in enumerate(self.points, 1):
            parts.append(
                f'CALX{n}="{x:.5f}" CALY{n}="{y:.5f}" LX{n}="{x + 0.002:.5f}" LY{n}="{y:.5f}" LV{n}="1" '
                f'RX{n}="{x - 0.002:.5f}" RY{n}="{y:.5f}" RV{n}="{int(self.eyes_open)}"'
            )
        self._send(f'<CAL ID="CALIB_RESULT" {" ".join(parts)} />')

    def _send(self, line: str) -> None:
        with self._sending:
            if self._client is not None:
                with contextlib.suppress(OSError):  # the client has hung up
                    self._client.sendall(line.encode("ascii") + b"\r\n")

    def _serve(self) -> None:
        while not self._closed:
            try:
                self._client, _ = self._listener.accept()
            except OSError:
                return
            client, rest = self._client, b""
            while True:
                try:
                    data = client.recv(4096)
                except OSError:
                    break
                if not data:
                    break
                *lines, rest = (rest + data).split(b"\r\n")
                for line in lines:
                    self._answer(line.decode("ascii"))

    def _answer(self, line: str) -> None:
        self.received.append(line)
        tag, what = line[1:4], line.split('ID="')[1].split('"')[0]
        values = dict(part.split("=") for part in line.split('"', 2)[2].strip(" />").replace('" ', '"|').split("|") if "=" in part)
        given = {name.strip(): value.strip('"') for name, value in values.items()}
        known = {
            "PRODUCT_ID": 'VALUE="GP3HD" BUS="USB3" RATE="60"',
            "SERIAL_ID": 'VALUE="123456789"',
            "API_ID": 'VALUE="2.4"',
            "TIME_TICK_FREQUENCY": f'FREQ="{self.frequency}"',
            "SCREEN_SIZE": f'X="0" Y="0" WIDTH="{self.screen[0]}" HEIGHT="{self.screen[1]}"',
        }
        if what == "ENABLE_SEND_PUPILMM":  # as before API 2.3
            self._send(f'<NACK ID="{what}" />')
        elif tag == "GET":
            self._send(f'<ACK ID="{what}" {known.get(what, "")} />')
        else:
            self.state[what] = given.get("STATE", given.get("VALUE", ""))
            if what == "CALIBRATE_CLEAR":
                self.points.clear()
            if what == "CALIBRATE_ADDPOINT":
                self.points.append((float(given["X"]), float(given["Y"])))
            self._send(f'<ACK ID="{what}" {" ".join(f"{name}={chr(34)}{value}{chr(34)}" for name, value in given.items())} />')
            if what == "CALIBRATE_START" and given["STATE"] == "1":
                threading.Thread(target=self._calibrate, daemon=True).start()
