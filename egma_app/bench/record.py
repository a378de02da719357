"""How well a recording keeps up with its tracker, and what is left of it when everything is killed.

The capture process is the real one, driven by a window that paints a large film without pause (or, without Qt, by this program).
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import queue
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import wave
from pathlib import Path
from typing import Any

import numpy as np

from egma_core.errors import RecordingError
from egma_core.recording.headless import SCREEN, blank_film
from egma_core.recording.lock import RecordingLock
from egma_core.recording.recovery import check
from egma_core.store.store import Store
from egma_core.store.values import ReadingHealth

_PATIENCE_S = 60.0
_AUDIO_HZ = 16000
_KILLED_AFTER_S = (0.3, 2.5)
LOST_MS = 250.0
"""So much may be lost when everything is killed."""


def bench_record(
    seconds: float = 10.0, rate_hz: float = 1200.0, *, window: bool = True, audio: bool = True, kills: int = 0
) -> dict[str, Any]:
    """Record a simulated tracker in real time, then kill recordings at random instants.

    Args:
        seconds: How long to record.
        rate_hz: Samples per second of the tracker.
        window: Whether a window paints without pause meanwhile.
        audio: Whether audio is recorded too, from a file that is played on the clock.
        kills: How many recordings to kill, window and all.

    Returns:
        Samples lost; ms from a sample to its being durable; share of a core that the capture process took; and, of the kills, how
        many ms before the kill the newest safe sample lay, and whether all was found and recovered.

    Raises:
        RecordingError: The capture process does not do as it is told.
    """
    window = window and importlib.util.find_spec("PySide6") is not None
    with tempfile.TemporaryDirectory(prefix="egma-bench-", ignore_cleanup_errors=True) as name:
        bench = _Bench(Path(name), rate_hz, window=window, audio=audio)
        figures = {"rate_hz": rate_hz, "window": window, "audio": audio, **bench.record(seconds)}
        if kills:
            figures["kills"] = bench.kill(kills)
    return figures


class _Bench:
    """A library to record into, and how."""

    def __init__(self, folder: Path, rate_hz: float, *, window: bool, audio: bool) -> None:
        self._library = folder / "bench.sqlite"
        self._module = "egma_app.bench.recording_window" if window else "egma_core.recording.process"
        self._rate_hz = rate_hz
        with Store.open(self._library, create=True) as store:
            self._study_id, _ = blank_film(store)
            self._lock_folder = store.files
        self._microphone: dict[str, Any] | None = None
        if audio:
            path = folder / "noise.wav"
            _write_noise(path)
            self._microphone = {"name": "file", "options": {"path": str(path), "loop": "true"}}

    def record(self, seconds: float) -> dict[str, Any]:
        """One recording from beginning to end."""
        with _Group(self._module) as group:
            self._begin(group)
            told = _work(group, seconds)
            group.send("end", state="complete")
            ended = group.wait_for("ended")
        painted = [event for event in group.seen if event["event"] == "painted"]
        with Store.open(self._library, read_only=True) as store:
            reading = store.reading(ended["reading_id"])
            (health,) = (found for found in check(store).readings if found.id == reading.id)
            times = store.gaze(reading.id).host_ns
        ended_ns = reading.ended_ns or 0
        return {
            "seconds": round((ended_ns - reading.started_ns) / 1e9, 1),
            "samples": len(times),
            "samples_lost": int((ended_ns - int(times[0])) * self._rate_hz // 1e9) + 1 - len(times),
            "longest_step_ms": round(float(np.diff(times).max()) / 1e6, 3),
            "audio_samples": health.n_audio_samples,
            "audio_gaps": health.n_audio_gaps,
            "durable_ms_p50": ended["latency_ms"]["p50"],
            "durable_ms_p99": ended["latency_ms"]["p99"],
            "durable_ms_max": ended["latency_ms"]["max"],
            "cpu_share": round(_per_s(told, "cpu_s"), 4),
            "journal_ok": all(event["journal_ok"] for event in told),
            "clock": ended["clock"],
            "repaints_per_s": round(_per_s(painted, "n"), 1) if painted else None,
        }

    def kill(self, kills: int) -> dict[str, Any]:
        """Recordings killed at random instants, each judged before and after the next start recovers it."""
        chance = random.Random(0)
        lost_ms: list[float] = []
        sound = recovered = from_journal = 0
        left: ReadingHealth | None = None
        for last in [False] * kills + [True]:
            with _Group(self._module) as group:
                self._open(group)
                if left is not None:
                    found = [details for event in group.seen if event["event"] == "recovered" for details in event["details"]]
                    back = [details for details in found if details["reading_id"] == left.id]
                    recovered += [(details["n_samples"], details["n_gaps"]) for details in back] == [(left.n_samples, 0)]
                    from_journal += sum(details["n_from_journal"] > 0 for details in back)
                if last:
                    break
                self._start(group)
                _work(group, chance.uniform(*_KILLED_AFTER_S), told=False)
                killed_ns = group.kill()
            self._wait_until_free()
            with Store.open(self._library, read_only=True) as store:
                health = check(store)
            left = health.readings[-1]
            sound += (health.integrity, left.state, left.n_gaps, left.n_audio_gaps) == ("ok", "recording", 0, 0)
            lost_ms.append((killed_ns - left.last_durable_ns) / 1e6)
        return {
            "n": kills,
            "lost_ms_median": round(float(np.median(lost_ms)), 1),
            "lost_ms_max": round(max(lost_ms), 1),
            "lost_more_than_250_ms": sum(ms > LOST_MS for ms in lost_ms),
            "sound": sound,
            "recovered": recovered,
            "came_from_journal": from_journal,
        }

    def _begin(self, group: _Group) -> None:
        self._open(group)
        self._start(group)

    def _open(self, group: _Group) -> None:
        screen = {name: getattr(SCREEN, name) for name in ("width_px", "height_px", "width_mm", "height_mm", "distance_mm")}
        tracker = {"name": "simulated", "rate_hz": self._rate_hz}
        group.send("open", library=str(self._library), reader="Bench", screen=screen, tracker=tracker, microphone=self._microphone)
        group.wait_for("ready")

    def _start(self, group: _Group) -> None:
        group.send("begin", study_id=self._study_id)
        group.wait_for("begun")

    def _wait_until_free(self) -> None:
        """The lock falls with the process that held it."""
        deadline = time.perf_counter() + _PATIENCE_S
        while True:
            try:
                RecordingLock(self._lock_folder).release()
                return
            except RecordingError:
                if time.perf_counter() > deadline:
                    raise
                time.sleep(0.02)


def _per_s(events: list[dict[str, Any]], name: str) -> float:
    """How fast a count grew from the first to the last of several events."""
    first, last = events[0], events[-1]
    return (last[name] - first[name]) / max((last["now_ns"] - first["now_ns"]) / 1e9, 1e-9)


def _work(group: _Group, seconds: float, *, told: bool = True) -> list[dict[str, Any]]:
    """Type as a reader does for a while; the progress that was told meanwhile, at least two of them where `told`."""
    progress: list[dict[str, Any]] = []
    end = time.perf_counter() + seconds
    for key in itertools.count():
        now_ns = time.perf_counter_ns()
        group.send("edit", line=key // 40, position=key % 40, removed="", inserted="a", host_ns=now_ns)
        if key % 40 == 39:
            group.send("sentence", text="a" * 40, onset_ns=now_ns - 10**9, offset_ns=now_ns, origin="typed")
        pause = min(time.perf_counter() + 0.2, end)
        while (left := pause - time.perf_counter()) > 0:
            progress += [event for event in group.take(left) if event["event"] == "progress"]
        if time.perf_counter() >= end:
            break
    while told and len(progress) < 2:
        progress.append(group.wait_for("progress"))
    return progress


class _Group:
    """A process group: whoever records, with all its children; killed where it is left without having ended."""

    def __init__(self, module: str) -> None:
        new_group: dict[str, Any] = {"start_new_session": True} if os.name == "posix" else {}
        self._process = subprocess.Popen(
            [sys.executable, "-X", "utf8", "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE, **new_group
        )
        self.seen: list[dict[str, Any]] = []
        self._events: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._listener = threading.Thread(target=self._listen, name="bench", daemon=True)
        self._listener.start()

    def __enter__(self) -> _Group:
        return self

    def __exit__(self, *failure: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if self._process.poll() is None:
            self._process.stdin.close()
            try:
                self._process.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.kill()
        self._listener.join(_PATIENCE_S)
        for stream in (self._process.stdin, self._process.stdout):
            try:
                stream.close()
            except OSError:  # what was still in the pipe goes nowhere
                continue

    def send(self, do: str, **fields: Any) -> None:
        """Give a command."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **fields}).encode() + b"\n")
        self._process.stdin.flush()

    def take(self, timeout_s: float) -> list[dict[str, Any]]:
        """The next event, if one comes in time."""
        try:
            event = self._events.get(timeout=timeout_s)
        except queue.Empty:
            return []
        if event is None:
            raise RecordingError("The recording has ended by itself.", "")
        self.seen.append(event)
        if event["event"] == "error":
            raise RecordingError(event["what"], event["remedy"])
        return [event]

    def wait_for(self, name: str) -> dict[str, Any]:
        """The next event of that name."""
        deadline = time.perf_counter() + _PATIENCE_S
        while (left := deadline - time.perf_counter()) > 0:
            for event in self.take(left):
                if event["event"] == name:
                    return event
        raise RecordingError(f"The recording did not say '{name}' in time.", "Try again while the machine has less to do.")

    def kill(self) -> int:
        """Kill every process of the group at once; the host time just before."""
        killed_ns = time.perf_counter_ns()
        if sys.platform == "win32":
            subprocess.run(["taskkill", "/F", "/T", "/PID", str(self._process.pid)], check=False, capture_output=True)
        else:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(_PATIENCE_S)
        return killed_ns

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._events.put(json.loads(line))
        self._events.put(None)


def _write_noise(path: Path) -> None:
    """Ten seconds of quiet noise."""
    samples = np.random.default_rng(0).normal(0, 800, 10 * _AUDIO_HZ).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_AUDIO_HZ)
        file.writeframes(samples.tobytes())
