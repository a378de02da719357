"""The capture process, for real: another program, spoken to in JSON lines, killed in the middle."""

from __future__ import annotations

import contextlib
import json
import math
import os
import queue
import sqlite3
import subprocess
import sys
import threading
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from egma_core.recording.clock import SimulatedClock
from egma_core.recording.headless import record_headless
from egma_core.recording.recovery import check
from egma_core.store.store import Store

resource = pytest.importorskip("resource") if sys.platform != "win32" else None

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
    ended = child.wait_for("ended")
    assert (ended["reading_id"], ended["state"]) == (begun["reading_id"], "complete")
    assert [(fit["stream"], fit["verdict"]) for fit in ended["clock"]] == [("gaze", "good")]
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
    assert (child.seen[-1]["event"], child.seen[-1]["reading_id"], child.seen[-1]["state"]) == ("ended", reading_id, "aborted")
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
        in_database = store.check()
        assert in_database.integrity == "ok"
        (safe,) = check(store).readings  # the journal is written before the database: it may hold more, never less
        assert (safe.state, safe.n_gaps) == ("recording", 0)
        assert safe.last_durable_ns >= safe_ns
        committed = store.gaze(begun["reading_id"]).host_ns
        assert len(committed) == in_database.readings[0].n_samples <= safe.n_samples

    another.open(library)
    assert (another.seen[0]["event"], another.seen[0]["readings"]) == ("recovered", [begun["reading_id"]])
    with Store.open(library) as store:
        assert store.reading(begun["reading_id"]).state == "recovered"
        kept = store.gaze(begun["reading_id"]).host_ns
        assert (len(kept), kept[-1]) == (safe.n_samples, safe.last_durable_ns)
        assert np.array_equal(kept[: len(committed)], committed)
        assert np.diff(kept).max() < 1.01 * 10**9 / 120
        logged = [view.host_ns for view in store.viewports(begun["reading_id"])]
        assert logged == shown[: len(logged)]
        assert len(logged) >= sum(at < safe_ns for at in shown)
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
import pathlib
import time
from egma_core.errors import TrackerError
from egma_core.trackers.driver import Driver
from egma_core.trackers.simulated import SimulatedTracker

def open(request):
    while not pathlib.Path(request.options["until"]).exists():
        time.sleep(0.01)
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


def test_a_driver_of_somebody_else_that_takes_its_time_holds_nothing_up(with_slow_driver: Child, library: Path, tmp_path: Path) -> None:
    child, there = with_slow_driver, tmp_path / "there"
    slow = {"name": "slow", "rate_hz": 250, "options": {"until": str(there)}}
    child.send("open", library=str(library), reader="Dr A", screen=SCREEN, tracker={**slow, "options": {"until": str(tmp_path)}})
    assert child.wait_for("error")["what"] == "The slow tracker is not there."
    child.send("open", library=str(library), reader="Dr A", screen=SCREEN, tracker={**slow, "address": "here"})
    child.send("begin", study_id=1)
    assert child.wait_for("error")["what"] == "No library is open."
    child.send("open", library=str(library), reader="Dr A", screen=SCREEN, tracker=SIMULATED)
    assert child.wait_for("error")["what"] == "A library is open already."
    there.touch()
    ready = child.wait_for("ready")
    assert (ready["tracker"]["rate_hz"], ready["tracker"]["display_mm"]) == (250.0, [531.0, 299.0])
    child.send("begin", study_id=1)
    child.wait_for("begun")
    child.send("end", state="complete")
    child.wait_for("ended")
    assert child.finish() == 0


def test_quitting_while_a_tracker_is_being_opened_leaves_nothing_behind(
    with_slow_driver: Child, another: Child, library: Path, tmp_path: Path
) -> None:
    slow = {"name": "slow", "options": {"until": str(tmp_path / "never")}, "address": "here", "rate_hz": 60}
    with_slow_driver.send("open", library=str(library), reader="Dr A", screen=SCREEN, tracker=slow)
    with_slow_driver.send("quit")
    assert with_slow_driver.process.wait(30) == 0
    another.open(library)
    assert another.finish() == 0


def test_a_stored_reading_is_replayed(child: Child, library: Path) -> None:
    with Store.open(library) as store:
        first = record_headless(store, seconds=1.0, clock=SimulatedClock()).id
    child.open(library, {"name": "replay", "reading_id": first})
    child.send("begin", study_id=1)
    second = child.wait_for("begun")["reading_id"]
    child.wait_for("progress", lambda event: event["n_samples"] > 20)
    child.send("end", state="complete")
    child.wait_for("ended")
    assert child.finish() == 0
    with Store.open(library) as store:
        one, two = store.gaze(first).rows, store.gaze(second).rows
        assert store.reading(second).gaze_origin == "replay"
        n = min(len(one), len(two))
        assert n > 20
        assert (one["device_us"][:n] == two["device_us"][:n]).all()


def test_what_the_database_could_not_take_is_saved_by_the_journal(child: Child, another: Child, library: Path) -> None:
    """Another program holds the database for the whole reading, and then everything is killed."""
    child.open(library)
    with contextlib.closing(sqlite3.connect(library, isolation_level=None)) as other:
        child.send("begin", study_id=1)
        begun = child.wait_for("begun")
        child.wait_for("progress", lambda event: event["n_samples"] > 0)
        other.execute("BEGIN IMMEDIATE")
        progress = child.wait_for("progress", lambda event: event["now_ns"] - event["safe_up_to_ns"] > 700_000_000)
        assert progress["journal_ok"]
        killed_ns = time.perf_counter_ns()
        child.process.kill()
        child.process.wait(30)
        other.execute("ROLLBACK")
    with Store.open(library, read_only=True) as store:
        (in_database,) = store.check().readings
        (reading,) = check(store).readings
        assert in_database.last_durable_ns < killed_ns - 500_000_000
        assert reading.last_durable_ns >= killed_ns - 250_000_000
        assert reading.n_samples > in_database.n_samples
    another.open(library)
    ((recovered,),) = [event["details"] for event in another.seen if event["event"] == "recovered"]
    assert recovered["n_samples"] == reading.n_samples
    assert recovered["n_from_journal"] == reading.n_samples - in_database.n_samples
    assert (recovered["n_gaps"], recovered["reader"], recovered["patient"]) == (0, "Dr A", "P001")
    with Store.open(library, read_only=True) as store:
        times = store.gaze(begun["reading_id"]).host_ns
        assert len(times) == reading.n_samples
        assert np.diff(times).max() < 1.01 * 10**9 / 120
    assert another.finish() == 0


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux can limit another process's files")
def test_a_disk_that_is_full_for_a_while_loses_nothing(child: Child, library: Path) -> None:
    """No file of the process may grow any more: neither the journal nor the database."""
    child.open(library)
    child.send("begin", study_id=1)
    reading_id = child.wait_for("begun")["reading_id"]
    child.wait_for("progress", lambda event: event["n_samples"] > 0)
    resource.prlimit(child.process.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    child.wait_for("error")
    full = child.wait_for("progress", lambda event: not event["journal_ok"])
    assert full["n_waiting"] > 60
    assert full["safe_up_to_ns"] < full["now_ns"] - 500_000_000
    resource.prlimit(child.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    child.wait_for("progress", lambda event: event["journal_ok"] and event["now_ns"] - event["safe_up_to_ns"] < 300_000_000)
    child.send("end", state="complete")
    child.wait_for("ended")
    assert child.finish() == 0
    with Store.open(library) as store:
        rows = store.gaze(reading_id).host_ns
        assert np.diff(rows).max() < 1.01 * 10**9 / 120
        assert store.check().readings[0].n_gaps == 0
    assert list((library.parent / "library.files" / "journal").iterdir()) == []


def test_words_key_strokes_and_a_decision_from_the_window(child: Child, library: Path) -> None:
    child.open(library)
    child.send("gate")
    assert "No reading is being recorded" in child.wait_for("error")["what"]
    child.send("begin", study_id=1)
    begun = child.wait_for("begun")
    now = time.perf_counter_ns()
    child.send("edit", line=0, position=0, removed="", inserted="N", host_ns=now)
    child.send("heard", engine="x", words=[["no", now - 100, now - 50, 0.25], ["effusion", now - 50, now, None]])
    for wrong in (["a", 1, 2], ["a", 2, 1, None], ["a", 1, 2, 1.5], [" ", 1, 2, None], "x"):
        child.send("heard", engine="x", words=[wrong])
        assert "must be [text, onset_ns, offset_ns, confidence]" in child.wait_for("error")["what"]
    child.send("edit", line=0, position=-1, removed="", inserted="N", host_ns=now)
    assert "must change something" in child.wait_for("error")["what"]
    child.wait_for("progress")
    child.send("gate")
    gate = child.wait_for("gate")
    assert (gate["reading_id"], gate["verdict"] in ("green", "yellow", "red"), len(gate["reasons"]) > 0) == (
        begun["reading_id"],
        True,
        True,
    )
    child.send("end", state="complete", decision="never")
    assert "cannot be decided as 'never'" in child.wait_for("error")["what"]
    child.send("end", state="complete", decision="kept", reason="one long blink")
    child.wait_for("ended")
    child.send("begin", study_id=1)
    second = child.wait_for("begun")["reading_id"]
    child.send("end", state="discarded", decision="redone", reason="eyes closed")
    child.wait_for("ended")
    assert child.finish() == 0
    with Store.open(library) as store:
        (decision,) = store.decisions(begun["reading_id"])
        assert (decision.decision, decision.reason) == ("kept", "one long blink")
        assert {"loss", "longest_gap_s", "verdict", "reasons", "limits"} == set(decision.figures)
        assert [(word.text, word.confidence) for word in store.words(begun["reading_id"])] == [("no", 0.25), ("effusion", None)]
        assert [edit.inserted for edit in store.edits(begun["reading_id"])] == ["N"]
        assert store.reading(second).state == "discarded"
        assert [entry.decision for entry in store.decisions(second)] == ["redone"]


DROPPING_DRIVER = """
from egma_core.trackers.driver import Driver
from egma_core.trackers.simulated import SimulatedTracker

def open(request):
    return SimulatedTracker(request.now_ns, request.screen, rate_hz=120.0, dropouts_per_min=100.0)

DRIVER = Driver("Dropping", open, at_once=True)
"""


def test_a_tracker_that_is_lost_and_comes_back_is_told_as_it_happens(with_slow_driver: Child, tmp_path: Path, library: Path) -> None:
    child = with_slow_driver
    (tmp_path / "slow_driver.py").write_text(DROPPING_DRIVER, encoding="utf-8")
    child.open(library, {"name": "slow"})
    child.send("begin", study_id=1)
    reading_id = child.wait_for("begun")["reading_id"]
    lost = child.wait_for("tracker", lambda event: event["kind"] == "connection_lost")
    assert lost["text"] == "The simulated tracker has dropped out."
    child.wait_for("tracker", lambda event: event["kind"] == "connection_restored")
    child.send("end", state="complete")
    child.wait_for("ended")
    assert child.finish() == 0
    with Store.open(library) as store:
        kinds = [note.kind for note in store.notifications(reading_id)]
        assert kinds[:2] == ["tracker_connection_lost", "tracker_connection_restored"]


def test_a_protocol_and_a_microphone_are_kept_with_the_sitting(child: Child, library: Path, tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "hum.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes((3000 * np.sin(np.arange(16000) / 20)).astype("<i2").tobytes())
    microphone = {"name": "file", "options": {"path": str(tmp_path / "hum.wav"), "loop": "true"}}
    request = {"library": str(library), "reader": "Dr A", "screen": SCREEN, "tracker": SIMULATED}
    for protocol, words in (({"name": "x"}, "lacks the field 'toml'"), ({"name": "x", "toml": "name = 5"}, "name")):
        child.send("open", protocol=protocol, **request)
        assert words in child.wait_for("error")["what"]
    child.send("open", microphone={"name": "file"}, **request)
    assert "needs a recording" in child.wait_for("error")["what"]
    toml = 'name = "Nodules"\n[gate]\nloss_yellow = 0.0\nloss_red = 0.0\n'
    child.send("open", microphone=microphone, protocol={"name": "Nodules", "toml": toml}, **request)
    ready = child.wait_for("ready")
    assert (ready["microphone"]["name"], ready["microphone"]["rate_hz"]) == ("file", 16000)
    assert ready["free_bytes"] > 0
    child.send("begin", study_id=1)
    reading_id = child.wait_for("begun")["reading_id"]
    progress = child.wait_for("progress", lambda event: event["audio_samples"] > 8000)
    assert -30 < progress["audio_level_db"] < 0
    child.send("gate")
    assert child.wait_for("gate")["verdict"] == "red", "by the protocol's limits"
    child.send("end", state="complete")
    assert [fit["stream"] for fit in child.wait_for("ended")["clock"]] == ["gaze", "audio"]
    assert child.finish() == 0
    with Store.open(library) as store:
        health = store.reading_health(reading_id)
        assert (health.n_gaps, health.n_audio_gaps) == (0, 0)
        assert health.n_audio_samples > 8000
        assert len(store.reading(reading_id).protocol_hash) == 64
