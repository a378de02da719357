"""Gazepoint's driver against a server that speaks Open Gaze: what it says, what it loses, and its calibration at its own pace."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egma_core.errors import TrackerError
from egma_core.geometry import Screen
from egma_core.trackers import open_gaze
from egma_core.trackers.driver import TrackerRequest
from egma_core.trackers.gazepoint import GazepointTracker
from egma_core.trackers.open_gaze import OpenGazeConnection, parse

SCREEN = Screen(1920, 1080, 531.0, 299.0, 650.0)
SECOND = 10**9


class Clock:
    now = 9 * SECOND

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def serve(clock: Clock) -> Iterator[Callable[..., Any]]:
    """Start a server; `open` on it gives a tracker."""
    from importlib import util

    spec = util.spec_from_file_location("open_gaze_server", Path(__file__).parent / "fakes" / "open_gaze_server.py")
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    closing: list[Any] = []

    def start(**options: Any) -> Any:
        server = module.OpenGazeServer(clock, **options)
        closing.append(server)
        return server

    yield start
    for server in closing:
        for _ in range(20):
            server.go.release()
        server.close()


@pytest.fixture
def connect(clock: Clock) -> Iterator[Callable[..., GazepointTracker]]:
    trackers: list[GazepointTracker] = []

    def open_(server: Any, rate_hz: float | None = None, screen: Screen = SCREEN) -> GazepointTracker:
        trackers.append(GazepointTracker(TrackerRequest(clock, screen, rate_hz, address=f"127.0.0.1:{server.port}")))
        return trackers[-1]

    yield open_
    for tracker in trackers:
        tracker.close()


def until(reached: Callable[[], object]) -> None:
    deadline = time.perf_counter() + 60.0
    while not reached():
        assert time.perf_counter() < deadline
        time.sleep(0.001)


def begin(server: Any, tracker: GazepointTracker) -> None:
    tracker.start()
    until(lambda: server.state.get("ENABLE_SEND_DATA") == "1")


def frames(server: Any, clock: Clock, n: int, late_ns: int = 0) -> None:
    for _ in range(n):
        clock.now += SECOND // 60
        server.sample(clock.now - late_ns)


def drain(tracker: GazepointTracker, n: int) -> np.ndarray:
    blocks: list[np.ndarray] = []
    until(lambda: blocks.append(tracker.drain().rows) or sum(map(len, blocks)) >= n)
    return np.concatenate(blocks)


def test_the_server_says_what_the_tracker_is(serve: Any, connect: Any) -> None:
    tracker = connect(serve())
    about = tracker.description
    assert (about.model, about.serial, about.rate_hz, about.firmware) == ("Gazepoint GP3HD", "123456789", 60.0, "2.4")
    assert list(tracker.events()) == []


def test_ticks_of_a_server_on_this_machine_are_the_host_clock(serve: Any, connect: Any, clock: Clock) -> None:
    server = serve()
    tracker = connect(server)
    begin(server, tracker)
    frames(server, clock, 60, late_ns=7_000_000)
    rows = drain(tracker, 60)
    assert np.ptp(np.diff(rows["host_ns"])) < 200
    assert rows["host_ns"][-1] == pytest.approx(clock.now - 7_000_000, abs=200), "as it was sampled, not as it came"
    assert np.abs(rows["device_us"] - rows["host_ns"] / 1000).max() < 2
    assert np.nanmedian(rows["left_pupil_mm"]) == pytest.approx(3.25), "in mm, from the metres of older servers"


def test_ticks_that_are_not_the_host_clock_are_told_and_estimated(serve: Any, connect: Any, clock: Clock) -> None:
    server = serve(ticks_ahead_ns=10**15)
    tracker = connect(server)
    begin(server, tracker)
    frames(server, clock, 30)
    rows = drain(tracker, 29)
    assert [event.kind for event in tracker.events()] == ["warning"]
    assert np.abs(np.diff(rows["host_ns"]) - SECOND / 60).max() < 200
    assert rows["host_ns"][-1] <= clock.now
    assert rows["device_us"][0] > 10**12, "the device's own time is kept"


def test_a_frequency_printed_as_the_bits_of_a_double_is_understood(serve: Any, connect: Any, clock: Clock) -> None:
    server = serve(frequency="4711630319722168320")  # 1e7
    tracker = connect(server)
    begin(server, tracker)
    frames(server, clock, 10)
    assert drain(tracker, 10)["host_ns"][-1] == pytest.approx(clock.now, abs=200)


def test_samples_lost_on_the_way_are_counted(serve: Any, connect: Any, clock: Clock) -> None:
    server = serve()
    tracker = connect(server)
    begin(server, tracker)
    frames(server, clock, 10)
    server.skip(7)
    frames(server, clock, 10)
    drain(tracker, 20)
    (event,) = tracker.events()
    assert (event.kind, event.text) == ("overflow", "7 samples of the eye tracker were lost on the way.")


def test_another_screen_is_told(serve: Any, connect: Any) -> None:
    server = serve()
    server.screen = (1280, 720)
    (event,) = connect(server).events()
    assert event.kind == "display_area"
    assert "1280 × 720" in event.text
    assert "1920 × 1080" in event.text


def test_what_cannot_be_is_refused_in_words(serve: Any, connect: Any, clock: Clock) -> None:
    with pytest.raises(TrackerError, match="runs at 60 samples a second, not at 1200"):
        connect(serve(), rate_hz=1200.0)
    for address, words in (("127.0.0.1:1", r"No Open Gaze server answers at 127\.0\.0\.1:1"), ("host:x", "'host:x' is no address")):
        with pytest.raises(TrackerError, match=words):
            GazepointTracker(TrackerRequest(clock, SCREEN, address=address))


def collected(calibration: Any) -> Any:
    events: list[Any] = []
    until(lambda: events.extend(calibration.poll()) or events)
    return events[0]


def test_it_shows_our_targets_and_not_its_own(serve: Any, connect: Any) -> None:
    server = serve()
    calibration = connect(server).calibration
    assert calibration is not None
    calibration.enter([(0.5, 0.5), (0.15, 0.85)])
    assert collected(calibration).ok
    assert server.state["CALIBRATE_SHOW"] == "0"
    assert server.points == [(0.5, 0.5), (0.15, 0.85)]
    assert "CALIBRATE_START" not in server.state, "it begins with the first point"


def test_a_point_that_the_server_was_through_with_has_failed(serve: Any, connect: Any) -> None:
    server = serve()
    tracker = connect(server)
    calibration = tracker.calibration
    points = [(0.5, 0.5), (0.1, 0.1), (0.9, 0.9)]
    calibration.enter(points)
    collected(calibration)
    calibration.collect(points[0])
    server.go.release()
    assert collected(calibration).ok
    server.go.release()  # the server goes on although nobody shows the second point
    until(lambda: tracker._connection.calibration.qsize() >= 2)  # that the point is shown, and that it is through
    calibration.collect(points[1])
    assert not collected(calibration).ok
    calibration.collect(points[1])
    wrong = collected(calibration)
    assert "in the order they were given" in str(wrong.error)
    calibration.collect(points[2])
    server.go.release()
    assert collected(calibration).ok
    calibration.compute()
    result = collected(calibration).result
    assert result.eyes == {"left", "right"}


def test_an_eye_that_was_not_seen_is_not_calibrated(serve: Any, connect: Any) -> None:
    server = serve()
    server.eyes_open = False  # the fake then reports the right eye as invalid
    calibration = connect(server).calibration
    calibration.enter([(0.5, 0.5)])
    collected(calibration)
    calibration.collect((0.5, 0.5))
    server.go.release()
    collected(calibration)
    calibration.compute()
    assert collected(calibration).result.eyes == {"left"}


def test_closing_while_it_reconnects_leaves_no_connection_behind(serve: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection is lost; just as the new one is made, somebody closes."""
    server, told = serve(), list[bool]()
    monkeypatch.setattr(open_gaze, "_RETRY_S", 0.001)
    connection = OpenGazeConnection(("127.0.0.1", server.port), clock, told.append)
    made = list[socket.socket]()
    connecting, go_on = threading.Event(), threading.Event()
    usual = connection._connect

    def slowly() -> socket.socket:
        made.append(usual())
        connecting.set()
        assert go_on.wait(60.0)
        return made[-1]

    monkeypatch.setattr(connection, "_connect", slowly)
    until(lambda: server._client is not None)
    server.drop()
    assert connecting.wait(60.0)
    monkeypatch.setattr(connection._reader, "join", lambda _timeout: go_on.set())  # closed before the new connection is taken on
    connection.close()
    until(lambda: not connection._reader.is_alive())
    assert [one.fileno() for one in made] == [-1], "the new connection is hung up too"
    assert told == [False], "nobody is told that it is back"


@settings(max_examples=50, deadline=None)
@given(line=st.binary(max_size=80))
def test_no_line_upsets_the_parser(line: bytes) -> None:
    record = parse(line, 5)
    assert record is None or record.arrived_ns == 5


def test_records_are_read_as_servers_write_them() -> None:
    record = parse(b'<CAL ID=" CALIB_RESULT_PT" PT="2" CALX="0.8500" CALY="x" TIME_TICK="9007199254740993" />\r', 1)
    assert record is not None
    assert (record.tag, record.id, record.number("CALX"), record.integer("TIME_TICK")) == ("CAL", "CALIB_RESULT_PT", 0.85, 2**53 + 1)
    assert np.isnan(record.number("CALY"))
    assert record.integer("NONE") == 0
