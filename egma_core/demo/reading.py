"""Simulated readers at work: scripts played to a simulated eye tracker, recorded by the recorder that people use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from egma_core.demo.folder import SIMULATED_READER
from egma_core.gaze.viewport import Viewport
from egma_core.recording.clock import SimulatedClock
from egma_core.recording.session import CaptureSession
from egma_core.store.store import Store
from egma_core.store.values import SpokenSentence
from egma_core.synthetic.films import Phantom
from egma_core.synthetic.phrases import ReaderName
from egma_core.synthetic.reader import Script, read_film
from egma_core.synthetic.sitting import SCREEN, targets_of, viewports_of
from egma_core.trackers.simulated import SimulatedTracker

PAUSE_S = 1.0
USUAL_LENGTH = timedelta(seconds=15)
"""A sitting is dated so that its last reading ends about now."""

CHUNK_MS = 200
"""Twice the usual length: half as many commits, each still durable within 250 ms of the simulated clock."""


@dataclass(frozen=True)
class Task:
    """One film to be read by one simulated reader.

    Attributes:
        phantom: What the film shows.
        instance_uid: SOP Instance UID of the film in the library.
        study_id: Its study.
        reader: Who reads it.
    """

    phantom: Phantom
    instance_uid: str
    study_id: int
    reader: ReaderName


def read_films(store: Store, tasks: Sequence[Task], *, rate_hz: float, seed: int, progress: Callable[[int, int], None]) -> None:
    """Let simulated readers read films, on a simulated clock, through the recorder's own chunks and commits.

    Films that have a complete reading are left out; a reading that an earlier run broke off is marked as aborted.

    Args:
        store: The library.
        tasks: What is to be read.
        rate_hz: Samples per second of the simulated tracker.
        seed: Seed of eyes and scripts.
        progress: Called with films read and films in all.

    Raises:
        StoreError: The library cannot be written.
    """
    for broken in store.readings(states=("recording",)):
        store.end_reading(broken.id, "aborted", broken.started_ns, "the demo was stopped")
    read = {reading.study.study_id for reading in store.readings(states=("complete",))}
    done = len(read)
    for reader in sorted({task.reader for task in tasks}):
        todo = [task for task in tasks if task.reader == reader and task.study_id not in read]
        if not todo:
            continue
        clock = SimulatedClock(start_utc=datetime.now(timezone.utc) - len(todo) * USUAL_LENGTH)
        tracker = SimulatedTracker(clock.now_ns, SCREEN, rate_hz=rate_hz, seed=seed + ord(reader))
        with CaptureSession(store, clock, tracker, reader=f"{SIMULATED_READER}{reader}", screen=SCREEN, chunk_ms=CHUNK_MS) as sitting:
            for task in todo:
                _read_one(sitting, clock, tracker, task, seed)
                done += 1
                progress(done, len(tasks))


def _read_one(sitting: CaptureSession, clock: SimulatedClock, tracker: SimulatedTracker, task: Task, seed: int) -> None:
    recorder = sitting.recorder
    script = read_film(task.phantom, task.reader, seed=seed)
    clock.wait_until(clock.now_ns() + round(PAUSE_S * 1e9))
    start_ns = clock.now_ns()
    viewports = viewports_of(task.phantom, script, task.instance_uid, start_ns, seed=seed)
    tracker.look_at(targets_of(script, viewports, start_ns))
    recorder.begin(sitting.session_id, task.study_id)
    happenings = [(v.host_ns, v) for v in viewports] + [(s.offset_ns, s) for s in _sentences(script, start_ns)]
    for host_ns, what in sorted(happenings, key=lambda pair: pair[0]):
        recorder.run(host_ns)
        if isinstance(what, Viewport):
            recorder.show(what)
        else:
            recorder.say(what)
    recorder.run(start_ns + round(script.duration_s * 1e9))
    recorder.end("complete")


def _sentences(script: Script, start_ns: int) -> list[SpokenSentence]:
    spoken = [statement.sentence for statement in script.statements]
    return [SpokenSentence(s.text, start_ns + round(s.onset_s * 1e9), start_ns + round(s.offset_s * 1e9), s.origin) for s in spoken]
