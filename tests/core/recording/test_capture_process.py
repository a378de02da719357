"""The capture process, for real: another program, spoken to in JSON lines, killed in the middle."""

from __future__ import annotations

import json
import math
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from egma_core.store.store import Store

SCREEN = {"width_px": 1920, "height_px": 1080, "width_mm": 531.0, "height_mm": 299.0, "distance_mm": 650.0}
SIMULATED = {"name": "simulated", "rate_hz": 120, "seed": 4}
MOUSE = {"name": "mouse", "rate_hz": 60}
VIEW = {"instance_uid": "1.2.3.1.1", "frame": 1, "image_to_screen": [2, 0, 0, 2, 10.5, -4], "region": [0, 0, 1920, 1080]}


class Child:
    """A capture process and the events it has sent."""

    def __init__(self, environment: dict[str, str] | None = None) -> None:
        command = [sys.executable, "-m", "egma_core.recording.process"]
        self.process = subprocess.Popen(
            command, env={**os.environ, **(environment or {})}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.seen: list[dict[str, Any]] = []
        self._events: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._events.put(json.loads(line))
        self._events.put(None)

    def send(self, do: str, **fields: Any) -> None:
        self.send_line(json.dumps({"do": do, **fields}).encode())

    def send_line(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def wait_for(self, event: str, until: Callable[[dict[str, Any]], bool] = lambda event: True) -> dict[str, Any]:
        deadline = time.perf_counter() + 30
        while (left := deadline - time.perf_counter()) > 0:
            found = self._events.get(timeout=left)
            assert found is not None, f"the process ended without '{event}': {self.seen}"
            self.seen.append(found)
            if found["event"] == event and until(found):
                return found
        raise AssertionError(f"no '{event}' came: {self.seen}")

    def open(self, library: Path, tracker: dict[str, Any] = SIMULATED) -> dict[str, Any]:
        self.send("open", library=str(library), reader="Dr A", screen=SCREEN, tracker=tracker)
        return self.wait_for("ready")

    def finish(self) -> int:
        """Close its stdin, let it end, and collect what it still said."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        code = self.process.wait(30)
        self._listener.join(30)
        while (event := self._events.get()) is not None:
            self.seen.append(event)
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(30)
        self._listener.join(30)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


@pytest.fixture
def child() -> Iterator[Child]:
    made = Child()
    yield made
    made.close()


@pytest.fixture
def another() -> Iterator[Child]:
    made = Child()
    yield made
    made.close()


def test_a_reading_with_the_mouse_from_open_to_quit(child: Child, library: Path) -> None:
    ready = child.open(library, MOUSE)
    assert ready["tracker"] == {
        "name": "mouse",
        "origin": "mouse",
        "model": "Mouse pointer in place of gaze",
        "serial": "",
        "rate_hz": 60.0,
        "capabilities": [],
        "firmware": "",
        "rates_hz": [],
        "display_mm": None,
    }
    child.send("viewport", host_ns=time.perf_counter_ns(), **{**VIEW, "instance_uid": "before"})
    child.send("begin", study_id=1)
    begun = child.wait_for("begun")
    start = begun["started_ns"]
    assert abs(time.perf_counter_ns() - start) < 5 * 10**9, "both processes share one clock"
    now = time.perf_counter_ns()
    child.send("viewport", host_ns=now, window_center=40, window_width=400.5, inverted=True, **VIEW)
    child.send("pointer", samples=[[now + i * 1000, i / 100, 0.5] for i in range(50)])
    child.send("pointer", samples=[[now + 60_000, None, None]])
    child.send("sentence", text="No effusion.", onset_ns=now - 1000, offset_ns=now + 60_000, origin="typed")
    child.send("note", kind="window", text="covered")
    progress = child.wait_for("progress", lambda event: event["n_samples"] > 0)
    assert progress["reading_id"] == begun["reading_id"]
    assert progress["n_samples"] == 51
    assert start < progress["safe_up_to_ns"] <= progress["now_ns"]
    assert (progress["n_waiting"], progress["rate_hz"] > 0, 0 <= progress["loss_10s"] <= 1) == (0, True, True)
    child.send("end", state="complete", note="signed off")
    assert child.wait_for("ended") == {"event": "ended", "reading_id": begun["reading_id"], "state": "complete"}
    child.send("quit")
    assert child.process.wait(30) == 0
    assert [event for event in child.seen if event["event"] == "error"] == []

    with Store.open(library) as store:
        (entry,) = store.readings()
        assert (entry.reader, entry.tracker, entry.gaze_origin, entry.state, entry.note) == (
            "Dr A",
            "mouse",
            "mouse",
            "complete",
            "signed off",
        )
        assert (entry.started_ns, entry.text_origins) == (start, ("typed",))
        rows = store.gaze(entry.id).rows
        assert rows["left_x"][:50].tolist() == [i / 100 for i in range(50)]
        assert rows["left_valid"].tolist() == [True] * 50 + [False]
        before, view = store.viewports(entry.id)
        assert before.instance_uid == "before"
        assert (view.window_center, view.window_width, view.inverted, view.image_to_screen.dx) == (40.0, 400.5, True, 10.5)
        assert [sentence.text for sentence in store.sentences(entry.id)] == ["No effusion."]
        assert [note.text for note in store.notifications(entry.id)] == ["covered"]


def test_the_end_of_stdin_finishes_and_commits(child: Child, library: Path) -> None:
    child.open(library)
    child.send("begin", study_id=1)
    reading_id = child.wait_for("begun")["reading_id"]
    child.wait_for("progress")
    assert child.finish() == 0
    assert child.seen[-1] == {"event": "ended", "reading_id": reading_id, "state": "aborted"}
    with Store.open(library) as store:
        entry = store.reading(reading_id)
        assert entry.state == "aborted"
        assert entry.ended_ns is not None
        assert entry.ended_ns - store.gaze(reading_id).host_ns[-1] < 10**9 / 60


def test_a_killed_process_loses_nothing_older_than_250_ms(child: Child, another: Child, library: Path) -> None:
    child.open(library)
    child.send("begin", study_id=1)
    begun = child.wait_for("begun")
    start = begun["started_ns"]
    shown: list[int] = []
    while time.perf_counter_ns() < start + 1_200_000_000:
        shown.append(time.perf_counter_ns())
        child.send("viewport", host_ns=shown[-1], **VIEW)
        time.sleep(0.01)
    killed_ns = time.perf_counter_ns()
    child.process.kill()
    child.process.wait(30)
    safe_ns = killed_ns - 250_000_000

    with Store.open(library, read_only=True) as store:
        health = store.check()
        assert health.integrity == "ok"
        (reading,) = health.readings
        assert (reading.state, reading.n_gaps) == ("recording", 0)
        assert reading.last_durable_ns >= safe_ns
        times = store.gaze(begun["reading_id"]).host_ns
        assert times[-1] >= safe_ns - 10**9 / 120
        assert np.diff(times).max() < 1.01 * 10**9 / 120
        logged = [view.host_ns for view in store.viewports(begun["reading_id"])]
        assert logged == shown[: len(logged)]
        assert [at for at in shown if at < safe_ns] == logged[: sum(at < safe_ns for at in shown)]

    another.open(library)
    assert another.seen[0] == {"event": "recovered", "readings": [begun["reading_id"]]}
    with Store.open(library) as store:
        assert store.reading(begun["reading_id"]).state == "recovered"
        assert len(store.gaze(begun["reading_id"])) == len(times)
    assert another.finish() == 0


def test_a_second_process_leaves_a_running_reading_alone(child: Child, another: Child, library: Path) -> None:
    child.open(library)
    child.send("begin", study_id=1)
    reading_id = child.wait_for("begun")["reading_id"]
    another.send("open", library=str(library), reader="Dr B", screen=SCREEN, tracker=SIMULATED)
    assert "Another program is recording" in another.wait_for("error")["what"]
    child.send("end", state="discarded")
    child.wait_for("ended")
    assert child.finish() == 0
    another.open(library)
    assert [event["event"] for event in another.seen] == ["error", "ready"]
    with Store.open(library) as store:
        assert store.reading(reading_id).state == "discarded"


def test_every_mistake_is_answered_in_words_and_survived(child: Child, library: Path) -> None:
    def refused(words: str, do: str, **fields: Any) -> None:
        child.send(do, **fields)
        error = child.wait_for("error")
        assert words in f"{error['what']} {error['remedy']}", error

    refused("No library is open. Send 'open' first.", "begin", study_id=1)
    refused("There is no command 'dance'. Commands: open, begin,", "dance")
    refused("There is no library at", "open", library=str(library) + "x", reader="Dr A", screen=SCREEN, tracker=SIMULATED)
    refused("The screen lacks the field 'height_px'", "open", library=str(library), reader="A", screen={"width_px": 5}, tracker=SIMULATED)
    refused("must be positive", "open", library=str(library), reader="A", screen={**SCREEN, "width_mm": 0}, tracker=SIMULATED)
    refused("no tracker called 'x'", "open", library=str(library), reader="A", screen=SCREEN, tracker={"name": "x"})
    refused("no field 'speed'", "open", library=str(library), reader="A", screen=SCREEN, tracker={"name": "mouse", "speed": 1})
    refused("A reader needs a name", "open", library=str(library), reader=" ", screen=SCREEN, tracker=SIMULATED)
    child.open(library)
    refused("A library is open already", "open", library=str(library), reader="A", screen=SCREEN, tracker=SIMULATED)
    refused("no study 9", "begin", study_id=9)
    refused("'study_id' of the wrong kind", "begin", study_id="1")
    refused("No reading is being recorded", "end", state="complete")
    refused("No reading is being recorded", "sentence", text="x", onset_ns=1, offset_ns=2, origin="typed")
    child.send("begin", study_id=1)
    child.wait_for("begun")
    refused("is still being recorded", "begin", study_id=1)
    refused("the tracker is not the mouse", "pointer", samples=[[1, 0.5, 0.5]])
    refused("must be a list of 6 numbers", "viewport", host_ns=1, **{**VIEW, "image_to_screen": [1, 2, 3]})
    refused("must be a list of 4 numbers", "viewport", host_ns=1, **{**VIEW, "region": [0, 0, 1, "x"]})
    refused("lacks the field 'frame'", "viewport", host_ns=1, **{k: v for k, v in VIEW.items() if k != "frame"})
    refused("cannot be of origin 'guess'", "sentence", text="x", onset_ns=1, offset_ns=2, origin="guess")
    refused("must not end before it begins", "sentence", text="x", onset_ns=2, offset_ns=1, origin="typed")
    refused("needs words", "sentence", text=" ", onset_ns=1, offset_ns=2, origin="typed")
    refused("cannot be ended as 'recovered'", "end", state="recovered")
    child.send_line(b"nonsense")
    assert "is not JSON" in child.wait_for("error")["what"]
    child.send_line(json.dumps({"do": "note", "kind": "a", "text": math.nan}).encode())
    assert "is not JSON" in child.wait_for("error")["what"]
    child.send("end", state="complete")
    child.wait_for("ended")
    assert child.finish() == 0


def test_pointer_samples_are_checked(child: Child, library: Path) -> None:
    child.open(library, MOUSE)
    child.send("begin", study_id=1)
    begun = child.wait_for("begun")
    for wrong in ([1, 2], [1.5, 0.5, 0.5], "x", [1, "a", 0.5], [True, 0.5, 0.5]):
        child.send("pointer", samples=[wrong])
        assert "must be [host_ns, x, y]" in child.wait_for("error")["what"]
    now = time.perf_counter_ns()
    child.send("pointer", samples=[[now + 10, 0.1, 0.1], [now + 5, 0.2, 0.2], [now + 20, 0.3, 0.3]])
    assert "out of order" in child.wait_for("error")["what"]
    child.send("end", state="complete")
    child.wait_for("ended")
    assert child.finish() == 0
    with Store.open(library) as store:
        assert store.gaze(begun["reading_id"]).rows["left_x"].tolist() == [0.1, 0.3]


SLOW_DRIVER = """
import time
from egma_core.errors import TrackerError
from egma_core.trackers.driver import Driver
from egma_core.trackers.simulated import SimulatedTracker

def open(request):
    time.sleep(float(request.options["seconds"]))
    if request.address != "here":
        raise TrackerError("The slow tracker is not there.", "Plug it in.")
    return SimulatedTracker(request.now_ns, request.screen, rate_hz=request.rate_hz, seed=request.seed)

DRIVER = Driver("Slow", open)
"""


@pytest.fixture
def with_slow_driver(tmp_path: Path) -> Iterator[Child]:
    """A capture process beside which a package is installed that offers a driver."""
    folder = tmp_path / "slow-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: slow\nVersion: 1.0\n", encoding="utf-8")
    (folder / "entry_points.txt").write_text("[egma.trackers]\nslow = slow_driver:DRIVER\n", encoding="utf-8")
    (tmp_path / "slow_driver.py").write_text(SLOW_DRIVER, encoding="utf-8")
    made = Child({"PYTHONPATH": str(tmp_path)})
    yield made
    made.close()


def test_a_driver_of_somebody_else_that_takes_its_time_holds_nothing_up(with_slow_driver: Child, library: Path) -> None:
    child = with_slow_driver
    slow = {"name": "slow", "rate_hz": 250, "options": {"seconds": "2"}}
    child.send("open", library=str(library), reader="Dr A", screen=SCREEN, tracker={**slow, "options": {"seconds": "0.1"}})
    assert child.wait_for("error")["what"] == "The slow tracker is not there."
    sent = time.perf_counter()
    child.send("open", library=str(library), reader="Dr A", screen=SCREEN, tracker={**slow, "address": "here"})
    child.send("begin", study_id=1)
    assert child.wait_for("error")["what"] == "No library is open."
    child.send("open", library=str(library), reader="Dr A", screen=SCREEN, tracker=SIMULATED)
    assert child.wait_for("error")["what"] == "A library is open already."
    assert time.perf_counter() - sent < 1.9, "answered while the tracker was being opened"
    ready = child.wait_for("ready")
    assert (ready["tracker"]["rate_hz"], ready["tracker"]["display_mm"]) == (250.0, [531.0, 299.0])
    child.send("begin", study_id=1)
    child.wait_for("begun")
    child.send("end", state="complete")
    child.wait_for("ended")
    assert child.finish() == 0


def test_quitting_while_a_tracker_is_being_opened_leaves_nothing_behind(with_slow_driver: Child, another: Child, library: Path) -> None:
    slow = {"name": "slow", "options": {"seconds": "2.0"}, "address": "here", "rate_hz": 60}
    with_slow_driver.send("open", library=str(library), reader="Dr A", screen=SCREEN, tracker=slow)
    with_slow_driver.send("quit")
    assert with_slow_driver.process.wait(30) == 0
    another.open(library)
    assert another.finish() == 0


def test_a_stored_reading_is_replayed(child: Child, library: Path) -> None:
    child.open(library)
    child.send("begin", study_id=1)
    first = child.wait_for("begun")["reading_id"]
    child.wait_for("progress")
    child.send("end", state="complete")
    child.wait_for("ended")
    assert child.finish() == 0
    again = Child()
    try:
        again.open(library, {"name": "replay", "reading_id": first})
        again.send("begin", study_id=1)
        second = again.wait_for("begun")["reading_id"]
        again.wait_for("progress", lambda event: event["n_samples"] > 20)
        again.send("end", state="complete")
        again.wait_for("ended")
        assert again.finish() == 0
    finally:
        again.close()
    with Store.open(library) as store:
        one, two = store.gaze(first).rows, store.gaze(second).rows
        assert store.reading(second).gaze_origin == "replay"
        n = min(len(one), len(two))
        assert n > 20
        assert (one["device_us"][:n] == two["device_us"][:n]).all()
