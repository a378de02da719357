"""The recorder: everything that happens is stored, in chunks and in order, and nothing is dropped in trouble."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

from egma_core.errors import RecordingError, StoreError, TrackerError
from egma_core.gaze.samples import GazeSamples
from egma_core.gaze.viewport import Viewport
from egma_core.geometry import Rect, Screen, Transform
from egma_core.recording.clock import SimulatedClock
from egma_core.recording.recent import RecentSamples
from egma_core.store.store import Store
from egma_core.store.values import Changes, RawBatch, SpokenSentence
from egma_core.trackers.simulated import SimulatedTracker
from egma_core.trackers.tracker import Tracker, TrackerDescription

SCREEN = Screen(1920, 1080, 531.0, 299.0, 650.0)
SECOND = 10**9
MS = 10**6
Sit = Callable[..., object]


def viewport(host_ns: int, uid: str = "1.2.3.1.1") -> Viewport:
    return Viewport(host_ns, uid, 1, Transform.scaling("image", "screen", 2.0, 2.0), Rect(0.0, 0.0, 100.0, 100.0))


def said(text: str, onset_ns: int, offset_ns: int) -> SpokenSentence:
    return SpokenSentence(text, onset_ns, offset_ns, "simulated")


def test_a_reading_is_stored_as_it_happens(sit: Sit, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    sitting = sit()
    recorder, start = sitting.recorder, sitting.clock.now_ns()
    batches: list[RawBatch] = []
    append = store.append

    def watched(reading_id: int, batch: RawBatch) -> Changes:
        batches.append(batch)
        return append(reading_id, batch)

    monkeypatch.setattr(store, "append", watched)
    reading_id = sitting.begin()
    assert (recorder.reading_id, recorder.started_ns) == (reading_id, start)
    assert store.reading(reading_id).state == "recording"
    recorder.show(viewport(start))
    progress = recorder.run(start + SECOND)
    assert (progress.n_chunks, progress.n_samples, progress.safe_up_to_ns) == (10, 121, start + SECOND)
    assert (progress.safe_from_ns, progress.n_waiting, progress.trouble) == (start + 900 * MS, 0, None)
    assert progress.rate_hz == pytest.approx(120, abs=2)
    recorder.say(said("A.", start + 200 * MS, start + SECOND))
    recorder.run(start + 2 * SECOND)
    recorder.note("window", "minimised")
    recorder.end("complete", "signed off")
    assert [len(batch.gaze) for batch in batches[:3]] == [13, 12, 12]
    assert [len(batch.viewports) for batch in batches] == [1] + [0] * (len(batches) - 1)
    assert [index for index, batch in enumerate(batches) if batch.sentences] == [10]
    entry = store.reading(reading_id)
    assert (entry.state, entry.note, entry.n_samples, entry.n_sentences) == ("complete", "signed off", 241, 1)
    assert (entry.started_ns, entry.ended_ns) == (start, start + 2 * SECOND)
    assert entry.started_utc == sitting.clock._start_utc
    times = store.gaze(reading_id).host_ns - start
    assert times[0] == 0
    assert np.diff(times).min() > 8 * MS
    assert [note.text for note in store.notifications(reading_id)] == ["minimised"]
    assert recorder.reading_id is None


def test_what_has_not_happened_yet_waits_for_its_time(sit: Sit, store: Store) -> None:
    sitting = sit()
    start = sitting.clock.now_ns()
    reading_id = sitting.begin()
    for at in (250, 50, 950):
        sitting.recorder.show(viewport(start + at * MS, uid=str(at)))
    sitting.recorder.say(said("Later.", start, start + 350 * MS))
    sitting.recorder.run(start + 300 * MS)
    assert [view.instance_uid for view in store.viewports(reading_id)] == ["50", "250"]
    assert store.sentences(reading_id) == ()
    sitting.recorder.run(start + 400 * MS)
    assert [sentence.text for sentence in store.sentences(reading_id)] == ["Later."]
    sitting.recorder.end()
    assert [view.instance_uid for view in store.viewports(reading_id)] == ["50", "250", "950"], "the end drops nothing"


def test_the_last_frame_before_a_reading_opens_its_log(sit: Sit, store: Store) -> None:
    sitting = sit()
    start = sitting.clock.now_ns()
    sitting.recorder.show(viewport(start - 900 * MS, "earlier"))
    sitting.recorder.show(viewport(start - 400 * MS, "shown"))
    first = sitting.begin()
    sitting.recorder.show(viewport(start + 10 * MS, "next"))
    sitting.recorder.run(start + 100 * MS)
    sitting.recorder.end()
    assert [view.instance_uid for view in store.viewports(first)] == ["shown", "next"]
    second = sitting.begin()
    sitting.recorder.end()
    assert store.viewports(second) == (), "frames of one reading are not logged in the next"


def test_several_readings_in_one_sitting(sit: Sit, store: Store) -> None:
    sitting = sit()
    ids: list[int] = []
    for _ in range(3):
        ids.append(sitting.begin())
        with pytest.raises(RecordingError, match="still being recorded"):
            sitting.begin()
        sitting.recorder.run(sitting.clock.now_ns() + SECOND)
        sitting.recorder.end("discarded")
        sitting.clock.wait_until(sitting.clock.now_ns() + SECOND)
    assert [reading.n_samples for reading in store.readings()] == [121] * 3
    assert [reading.id for reading in store.readings(states=("discarded",))] == ids


def test_nothing_is_taken_outside_a_reading(sit: Sit) -> None:
    sitting = sit()
    for act in (
        sitting.recorder.step,
        sitting.recorder.end,
        lambda: sitting.recorder.note("a", "b"),
        lambda: sitting.recorder.run(0),
        lambda: sitting.recorder.say(said("x", 0, 1)),
    ):
        with pytest.raises(RecordingError, match="No reading is being recorded"):
            act()


def test_what_the_store_refuses_is_kept_and_stored_later(sit: Sit, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    sitting = sit()
    start = sitting.clock.now_ns()
    reading_id = sitting.begin()
    recorder = sitting.recorder
    recorder.run(start + 200 * MS)
    append = store.append

    def full(reading_id: int, batch: RawBatch) -> Changes:
        raise StoreError("The disk is full.", "Free some space.")

    monkeypatch.setattr(store, "append", full)
    recorder.show(viewport(start + 210 * MS))
    recorder.say(said("A.", start + 210 * MS, start + 250 * MS))
    progress = recorder.run(start + 500 * MS)
    assert isinstance(progress.trouble, StoreError)
    assert progress.n_waiting == 36 + 2
    assert (progress.safe_up_to_ns, progress.n_samples) == (start + 200 * MS, 25)
    with pytest.raises(RecordingError, match=r"not stored yet\. The disk is full"):
        recorder.end()
    assert recorder.reading_id == reading_id
    monkeypatch.setattr(store, "append", append)
    recorder.end()
    entry = store.reading(reading_id)
    assert (entry.state, entry.n_samples, entry.n_sentences) == ("complete", 61, 1)
    assert [len(batch) for batch in (store.viewports(reading_id), store.sentences(reading_id))] == [1, 1]
    assert (np.diff(store.gaze(reading_id).host_ns) > 8 * MS).all(), "in the order in which it happened"


def test_a_full_disk_loses_nothing(sit: Sit, store: Store) -> None:
    sitting = sit(rate_hz=1200.0)
    start = sitting.clock.now_ns()
    reading_id = sitting.begin()

    def grow_to(pages: int) -> None:
        with store._database.read() as connection:
            connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    with store._database.read() as connection:
        used = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    grow_to(used + 12)
    progress = sitting.recorder.run(start + SECOND)
    assert progress.trouble is not None
    assert "disk is full" in progress.trouble.what
    assert 0 < progress.n_samples < 1201
    assert progress.n_waiting + progress.n_samples == 1201
    grow_to(2**30)
    sitting.recorder.end()
    assert len(store.gaze(reading_id)) == 1201
    assert store.check().readings[0].n_gaps == 0


class FailingTracker(Tracker):
    """A tracker whose cable is pulled for a while."""

    description = TrackerDescription("failing", "tracker", "Failing", "", 100.0)

    def __init__(self) -> None:
        self.works = True

    def start(self) -> None:
        pass

    def drain(self) -> GazeSamples:
        if not self.works:
            raise TrackerError("The tracker is gone.", "Plug it in.")
        return GazeSamples.blank(10, "tracker")

    def stop(self) -> None:
        if not self.works:
            raise TrackerError("The tracker cannot be stopped.", "")

    def close(self) -> None:
        pass


def test_a_tracker_that_fails_is_noted_and_the_rest_goes_on(sit: Sit, store: Store) -> None:
    tracker = FailingTracker()
    sitting = sit(tracker=tracker)
    start = sitting.clock.now_ns()
    reading_id = sitting.begin()
    sitting.recorder.run(start + 200 * MS)
    tracker.works = False
    sitting.recorder.show(viewport(start + 210 * MS))
    progress = sitting.recorder.run(start + 600 * MS)
    assert isinstance(progress.trouble, TrackerError)
    assert (progress.n_waiting, progress.safe_up_to_ns) == (0, start + 600 * MS)
    tracker.works = True
    assert sitting.recorder.run(start + 700 * MS).trouble is None
    tracker.works = False
    sitting.recorder.end()
    notes = [note.text for note in store.notifications(reading_id)]
    assert notes[:3] == ["The tracker is gone.", "The tracker works again.", "The tracker cannot be stopped."]
    assert len(store.viewports(reading_id)) == 1
    assert store.reading(reading_id).n_samples == 30


def test_a_reading_that_cannot_begin_leaves_no_trace(sit: Sit, store: Store) -> None:
    sitting = sit()
    with pytest.raises(StoreError, match="no study 77"):
        sitting.recorder.begin(sitting.session_id, 77)
    assert sitting.recorder.reading_id is None
    sitting.clock.wait_until(sitting.clock.now_ns() + SECOND)
    assert len(sitting.tracker.drain()) <= 1, "the tracker was stopped again"
    assert store.readings() == []


def test_a_late_step_does_not_bring_a_burst_of_empty_ones(sit: Sit, monkeypatch: pytest.MonkeyPatch) -> None:
    sitting = sit()
    start = sitting.clock.now_ns()
    sitting.begin()
    waits: list[int] = []
    wait_until = sitting.clock.wait_until

    def late(host_ns: int) -> None:
        waits.append((host_ns - start) // MS)
        wait_until(start + 750 * MS if host_ns == start + 100 * MS else host_ns)

    monkeypatch.setattr(sitting.clock, "wait_until", late)
    progress = sitting.recorder.run(start + SECOND)
    assert waits == [100, 800, 900, 1000, 1000]
    assert progress.n_samples == 121


def test_rate_and_loss_are_those_of_the_last_ten_seconds() -> None:
    recent = RecentSamples(100.0, 0)
    assert (recent.rate_hz, recent.loss) == (0.0, 0.0)

    def block(n: int, seen: bool) -> GazeSamples:
        samples = GazeSamples.blank(n, "tracker")
        samples.rows["left_valid"] = seen
        return samples

    for i in range(1, 101):
        recent.add(i * 100 * MS, block(10, seen=i % 2 == 0))
    assert (recent.rate_hz, recent.loss) == (pytest.approx(100.0), pytest.approx(0.5))
    for i in range(101, 201):
        recent.add(i * 100 * MS, block(5, seen=True))
    assert recent.span_s == pytest.approx(10.0)
    assert recent.rate_hz == pytest.approx(50.0)
    assert recent.loss == pytest.approx(0.5), "samples that never came are lost too"


def test_recording_on_a_simulated_clock_is_much_faster_than_life(sit: Sit) -> None:
    sitting = sit()
    sitting.begin()
    began = time.perf_counter()
    progress = sitting.recorder.run(sitting.clock.now_ns() + 30 * SECOND)
    assert progress.n_chunks == 300
    assert time.perf_counter() - began < 15.0


def test_what_happens_to_the_tracker_is_noted_in_the_recording(sit: Sit, store: Store) -> None:
    clock = SimulatedClock(start_ns=10**12)
    tracker = SimulatedTracker(clock.now_ns, SCREEN, seed=6, dropouts_per_min=30.0)
    sitting = sit(tracker=tracker)
    sitting.clock.wait_until(clock.now_ns())
    tracker._now_ns = tracker._events._now_ns = sitting.clock.now_ns
    reading_id = sitting.begin()
    sitting.recorder.run(sitting.clock.now_ns() + 20 * SECOND)
    sitting.recorder.end()
    notes = store.notifications(reading_id)
    kinds = [note.kind for note in notes]
    assert len(kinds) > 6
    assert set(kinds) == {"tracker_connection_lost", "tracker_connection_restored"}
    assert kinds[::2] == ["tracker_connection_lost"] * len(kinds[::2])
    assert [note.host_ns for note in notes] == sorted(note.host_ns for note in notes)
    assert notes[0].text == "The simulated tracker has dropped out."
