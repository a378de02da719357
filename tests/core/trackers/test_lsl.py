"""Lab Streaming Layer: a real outlet and inlet on this machine, and what streams say of their channels."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from egma_core.errors import TrackerError
from egma_core.geometry import Screen
from egma_core.trackers import lsl
from egma_core.trackers.driver import TrackerRequest
from egma_core.trackers.lsl import LSL
from egma_core.trackers.lsl_channels import Channel, gaze_columns
from egma_core.trackers.tracker import Tracker

SCREEN = Screen(1920, 1080, 531.0, 299.0, 650.0)
SECOND = 10**9


@pytest.fixture
def outlet() -> Iterator[Callable[..., Any]]:
    """Make an outlet of gaze, four channels, both eyes' place; skipped where liblsl is not there."""
    pylsl = pytest.importorskip("pylsl", reason="the extra 'lsl' is not installed", exc_type=(ImportError, RuntimeError))
    made: list[Any] = []

    def make(source: str, rate_hz: float = 1200.0, described: bool = True, text: bool = False) -> Any:
        kind = pylsl.cf_string if text else pylsl.cf_float32
        info = pylsl.StreamInfo(f"Gaze {source}", "Gaze", 4, rate_hz, kind, source)
        channels = info.desc().append_child("channels")
        for eye in ("left", "right"):
            for axis in ("ScreenX", "ScreenY"):
                if described:
                    channel = channels.append_child("channel")
                    for name, value in (("label", f"{axis} {eye}"), ("eye", eye), ("type", axis), ("unit", "normalized")):
                        channel.append_child_value(name, value)
        made.append(pylsl.StreamOutlet(info))
        return made[-1]

    yield make
    made.clear()


def request(address: str) -> TrackerRequest:
    return TrackerRequest(time.perf_counter_ns, SCREEN, address=address)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search by a stream's address ends when it is found, however busy the machine; and an estimate of how far a clock is from
    itself never counts."""
    monkeypatch.setattr(lsl, "_SEARCH_S", 60.0)
    monkeypatch.setattr(lsl, "_SAME_CLOCK_S", 60.0)


def received(tracker: Tracker, n: int) -> np.ndarray:
    """At least `n` samples."""
    blocks = [tracker.drain().rows]
    deadline = time.perf_counter() + 60.0
    while sum(map(len, blocks)) < n and time.perf_counter() < deadline:
        time.sleep(0.001)
        blocks.append(tracker.drain().rows)
    return np.concatenate(blocks)


@pytest.mark.usefixtures("patient")
def test_samples_come_through_whole_in_order_and_at_their_times(outlet: Any) -> None:
    source = f"rate {time.perf_counter_ns()}"
    stream = outlet(source)
    tracker = LSL.open(request(source))
    tracker.start()
    n = 1800
    sent_ns = time.perf_counter_ns() + np.arange(n, dtype=np.int64) * SECOND // 1200
    blocks: list[np.ndarray] = []
    for i, at_ns in enumerate(sent_ns.tolist()):
        stream.push_sample([i / n, 0.5, i / n, 0.5], at_ns / 1e9)
        if i % 60 == 59:
            blocks.append(tracker.drain().rows)
    blocks.append(received(tracker, n - sum(map(len, blocks))))
    rows = np.concatenate(blocks)
    tracker.stop()
    tracker.close()
    assert len(rows) == n, "none lost, none twice"
    assert np.abs(rows["left_x"] - np.arange(n) / n).max() < 1e-6
    assert np.abs(rows["host_ns"] - sent_ns).max() < 1000, "on the host clock, as they were stamped"
    assert np.abs(rows["device_us"] - sent_ns / 1000).max() < 2
    assert list(tracker.events()) == []


@pytest.mark.usefixtures("patient")
def test_samples_that_nobody_fetches_are_missed_in_words(outlet: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lsl, "_BUFFER_S", 1)
    source = f"flood {time.perf_counter_ns()}"
    stream = outlet(source)
    tracker = LSL.open(request(source))
    tracker.start()
    begun_ns, n = time.perf_counter_ns(), 4000
    for i in range(n):
        stream.push_sample([i / n, 0.5, 0.5, 0.5], (begun_ns + i * 1000) / 1e9)
    deadline = time.perf_counter() + 60.0
    while tracker._inlet.samples_available() < 1200 and time.perf_counter() < deadline:
        time.sleep(0.001)
    kept = np.rint(tracker.drain().rows["left_x"] * n).astype(int)
    assert 1200 <= len(kept) <= n
    assert (np.diff(kept) > 0).all(), "what is left is in order, none twice"
    assert [event.kind for event in tracker.events()] == ["overflow"]
    tracker.close()


def test_what_cannot_be_used_is_said_in_words(outlet: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = time.perf_counter_ns()
    with pytest.raises(TrackerError, match="No eye tracker called 'nobody' streams"):
        LSL.open(request("nobody"))
    streams = [outlet(f"silent {mark}", described=False), outlet(f"text {mark}", text=True)]
    found: set[str] = set()
    for _ in range(60):
        found |= {tracker.address for tracker in LSL.find()}
        if {f"silent {mark}", f"text {mark}"} <= found:
            break
    assert {f"silent {mark}", f"text {mark}"} <= found
    monkeypatch.setattr(lsl, "_SEARCH_S", 60.0)  # by an address, it ends as soon as the stream is found
    with pytest.raises(TrackerError, match="does not say which of its channels is gaze"):
        LSL.open(request(f"silent {mark}"))
    with pytest.raises(TrackerError, match="does not carry numbers"):
        LSL.open(request(f"text {mark}"))
    assert len(streams) == 2


def test_several_streams_are_told_apart_by_their_address(outlet: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a search without an address finds in its time is the network's; that both are found is given here."""
    names = [f"{name} {time.perf_counter_ns()}" for name in ("one", "other")]
    streams = [outlet(name) for name in names]
    monkeypatch.setattr(lsl, "_SEARCH_S", 60.0)
    resolve = lsl._resolve
    monkeypatch.setattr(lsl, "_resolve", lambda library, address: [info for name in names for info in resolve(library, name)])
    with pytest.raises(TrackerError, match=rf"Several eye trackers stream over Lab Streaming Layer: {names[0]}, {names[1]}\."):
        LSL.open(request(""))
    assert len(streams) == 2


def columns(channels: Sequence[Channel]) -> Any:
    return gaze_columns(channels, SCREEN, "The stream 'x'")


def titta_channels() -> list[Channel]:
    """As TittaLSL describes its first eye's channels, for both eyes."""
    described = [
        ("x.position_on_display_area.gaze_point", "ScreenX", "normalized"),
        ("y.position_on_display_area.gaze_point", "ScreenY", "normalized"),
        ("z.position_in_user_coordinates.gaze_point", "IntersectionZ", "mm"),
        ("valid.gaze_point", "ValidFlag", "bool"),
        ("available.gaze_point", "AvailableFlag", "bool"),
        ("diameter.pupil", "Diameter", "mm"),
        ("valid.pupil", "ValidFlag", "bool"),
        ("z.position_in_track_box_coordinates.gaze_origin", "PupilZ", "normalized"),
        ("z.position_in_user_coordinates.gaze_origin", "PupilZ", "mm"),
    ]
    return [Channel(f"{label}.{eye}_eye", eye, kind, unit) for eye in ("left", "right") for label, kind, unit in described]


def test_the_channels_of_titta_lsl_are_understood() -> None:
    values = np.array([[0.1, 0.2, 5, 1, 1, 3.0, 0, 0.5, 640.0, 0.3, 0.4, 5, 0, 1, 3.5, 1, 0.5, 660.0]])
    rows = columns(titta_channels()).samples(values).rows
    assert (rows["left_x"][0], rows["left_y"][0], rows["left_valid"][0]) == (0.1, 0.2, True)
    assert not rows["right_valid"][0]
    assert np.isnan(rows["right_x"][0])
    assert (rows["left_pupil_mm"][0], rows["right_pupil_mm"][0]) == (3.0, 3.5)
    assert (rows["left_distance_mm"][0], rows["right_distance_mm"][0]) == (640.0, 660.0)


def test_one_gaze_for_two_eyes_counts_for_both_and_pixels_become_fractions() -> None:
    channels = [Channel("", "both", "ScreenX", "pixels"), Channel("", "", "ScreenY", "px"), Channel("", "both", "Confidence", "normalized")]
    rows = columns(channels).samples(np.array([[960.0, 270.0, 0.9], [np.nan, np.nan, 0.9], [960.0, 270.0, 0.0]])).rows
    for eye in ("left", "right"):
        assert (rows[f"{eye}_x"][0], rows[f"{eye}_y"][0]) == (0.5, 0.25)
        assert rows[f"{eye}_valid"].tolist() == [True, False, False]


def test_an_unknown_unit_is_not_guessed() -> None:
    with pytest.raises(TrackerError, match="in the unit 'degrees', which is not known"):
        columns([Channel("", "left", "ScreenX", "degrees"), Channel("", "left", "ScreenY", "degrees")])
