"""The recorder: everything that happens is stored, in chunks and in order, and nothing is dropped in trouble."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from egma_core.errors import RecordingError, StoreError, TrackerError
from egma_core.gaze.samples import GazeSamples
from egma_core.gaze.viewport import Viewport
from egma_core.geometry import Rect, Screen, Transform
from egma_core.recording import journal as journal_module
from egma_core.recording.audio_source import MicrophoneDescription, MicrophoneEvent
from egma_core.recording.clock import HostClock, SimulatedClock
from egma_core.recording.journal import read_journal
from egma_core.recording.recent import RecentSamples
from egma_core.recording.session import CaptureSession
from egma_core.recording.watch import Disk
from egma_core.store.store import Store
from egma_core.store.values import AudioChunk, Changes, ClockFit, HeardWord, RawBatch, SpokenSentence, TextEdit
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

    def watched(reading_id: int, batch: RawBatch, **how: float) -> Changes:
        batches.append(batch)
        return append(reading_id, batch, **how)

    monkeypatch.setattr(store, "append", watched)
    reading_id = sitting.begin()
    assert (recorder.reading_id, recorder.started_ns) == (reading_id, start)
    assert store.reading(reading_id).state == "recording"
    recorder.show(viewport(start))
    progress = recorder.run(start + SECOND)
    written = progress.written
    assert (written.n_chunks, written.n_samples, written.safe_up_to_ns) == (10, 121, start + SECOND)
    assert (written.safe_from_ns, written.n_waiting, progress.trouble) == (start + 900 * MS, 0, None)
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

    def full(reading_id: int, batch: RawBatch, **how: float) -> Changes:
        raise StoreError("The disk is full.", "Free some space.")

    monkeypatch.setattr(store, "append", full)
    recorder.show(viewport(start + 210 * MS))
    recorder.say(said("A.", start + 210 * MS, start + 250 * MS))
    progress = recorder.run(start + 500 * MS)
    assert isinstance(progress.trouble, StoreError)
    assert progress.written.n_waiting == 36 + 2
    assert (progress.written.safe_up_to_ns, progress.written.n_samples) == (start + 200 * MS, 25)
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
    assert 0 < progress.written.n_samples < 1201
    assert progress.written.n_waiting + progress.written.n_samples == 1201
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
    assert (progress.written.n_waiting, progress.written.safe_up_to_ns) == (0, start + 600 * MS)
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
    assert progress.written.n_samples == 121


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
    assert progress.written.n_chunks == 300
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


# -- the journal, commits in the background, the microphone, the gate, the disk


def journals(store: Store) -> list[Path]:
    return sorted((store.files / "journal").glob("*"))


def test_a_journal_holds_what_is_recorded_until_it_is_whole_in_the_database(sit: Sit, store: Store) -> None:
    sitting = sit()
    reading_id = sitting.begin()
    progress = sitting.recorder.run(sitting.clock.now_ns() + SECOND)
    assert progress.written.journal_ok
    (path,) = journals(store)
    assert path.stem == store.reading(reading_id).uid
    assert sum(len(frame.batch.gaze) for frame in read_journal(path)) == store.reading(reading_id).n_samples == 121
    sitting.recorder.end()
    assert journals(store) == []


def test_the_journal_of_a_reading_that_is_not_whole_stays(sit: Sit, store: Store) -> None:
    sitting = sit()
    sitting.begin()
    sitting.recorder.run(sitting.clock.now_ns() + SECOND)
    with store._database.write() as connection:
        connection.exec_driver_sql("DROP TRIGGER gaze_chunk_written_once")
        connection.exec_driver_sql("UPDATE gaze_chunk SET crc32 = crc32 + 1 WHERE seq = 3")
    sitting.recorder.end()
    assert len(journals(store)) == 1


def test_what_the_store_refuses_is_in_the_journal(sit: Sit, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    sitting = sit()
    sitting.begin()

    def full(reading_id: int, batch: RawBatch, **how: float) -> Changes:
        raise StoreError("The disk is full.", "Free some space.")

    with monkeypatch.context() as refusing:
        refusing.setattr(store, "append", full)
        progress = sitting.recorder.run(sitting.clock.now_ns() + SECOND)
        assert (progress.written.n_samples, progress.written.journal_ok) == (0, True)
        (path,) = journals(store)
        assert sum(len(frame.batch.gaze) for frame in read_journal(path)) == 121
    sitting.recorder.end()
    assert journals(store) == []


def test_without_a_journal_the_database_must_do_and_it_is_said(sit: Sit, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    (store.files / "journal").write_text("in the way", encoding="utf-8")
    sitting = sit()
    reading_id = sitting.begin()
    progress = sitting.recorder.run(sitting.clock.now_ns() + SECOND)
    assert not progress.written.journal_ok
    sitting.recorder.end()
    assert store.reading(reading_id).n_samples == 121


def test_a_journal_that_was_full_for_a_while_is_complete_again(sit: Sit, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    sitting = sit()
    sitting.begin()
    with monkeypatch.context() as full:
        full.setattr(store, "append", lambda *args, **how: (_ for _ in ()).throw(StoreError("Full.")))
        full.setattr(journal_module.os, "write", lambda file, data: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        progress = sitting.recorder.run(sitting.clock.now_ns() + SECOND)
        assert (progress.written.journal_ok, progress.written.n_samples) == (False, 0)
    with monkeypatch.context() as still:
        still.setattr(store, "append", lambda *args, **how: (_ for _ in ()).throw(StoreError("Full.")))
        progress = sitting.recorder.run(sitting.clock.now_ns() + 100 * MS)
        assert progress.written.journal_ok
    (path,) = journals(store)
    times = np.concatenate([frame.batch.gaze.host_ns for frame in read_journal(path)])
    assert len(times) == 133
    assert (np.diff(times) > 8 * MS).all(), "in the order in which it happened"
    sitting.recorder.end()


def test_a_commit_that_was_done_but_reported_as_failed_is_not_done_again(sit: Sit, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    sitting = sit()
    reading_id = sitting.begin()
    append, n = store.append, []

    def unsure(*args: object, **how: object) -> Changes:
        n.append(1)
        changes = append(*args, **how)
        if len(n) == 3:
            raise StoreError("The disk did not answer.")
        return changes

    monkeypatch.setattr(store, "append", unsure)
    sitting.recorder.run(sitting.clock.now_ns() + SECOND)
    sitting.recorder.end()
    assert store.reading(reading_id).n_samples == 121
    assert (np.diff(store.gaze(reading_id).host_ns) > 8 * MS).all()


def test_a_commit_in_the_background_holds_up_neither_tracker_nor_journal(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = HostClock()
    tracker = SimulatedTracker(clock.now_ns, SCREEN, rate_hz=1000.0)
    let_go, held = threading.Event(), threading.Event()
    append = store.append

    def slow(*args: object, **how: object) -> Changes:
        held.set()
        assert let_go.wait(10.0)
        return append(*args, **how)

    monkeypatch.setattr(store, "append", slow)
    with CaptureSession(store, clock, tracker, reader="Dr A", screen=SCREEN, background=True) as sitting:
        recorder = sitting.recorder
        reading_id = recorder.begin(sitting.session_id, 1)
        recorder.step()
        assert held.wait(10.0)
        while (progress := recorder.step()).written.n_waiting < 50:
            clock.wait_until(clock.now_ns() + 5 * MS)
        assert (progress.written.n_samples, progress.written.journal_ok, progress.written.safe_up_to_ns) == (0, True, recorder.started_ns)
        (path,) = journals(store)
        assert sum(len(frame.batch.gaze) for frame in read_journal(path)) == progress.written.n_waiting
        let_go.set()
        ending = recorder.end()
    n = store.reading(reading_id).n_samples
    assert n >= progress.written.n_waiting
    assert 0 < ending.latencies_ms["p50"] <= ending.latencies_ms["p99"] <= ending.latencies_ms["max"]
    assert [fit.stream for fit in ending.fits] == ["gaze"]
    assert store.clock_fits(reading_id) == ending.fits
    assert journals(store) == []


class Voice:
    """A microphone that hears a count, and can be pulled out."""

    description = MicrophoneDescription("voice", "A voice", 16000, 0.01)

    def __init__(self, clock: SimulatedClock) -> None:
        self.clock = clock
        self.works = True
        self.n = 0
        self.told: list[MicrophoneEvent] = []

    def start(self) -> None:
        if not self.works:
            raise RecordingError("The microphone does not start.", "Plug it in.")
        self.started_ns, self.n = self.clock.now_ns(), 0

    def drain(self) -> list[AudioChunk]:
        if not self.works:
            raise RecordingError("The microphone is gone.", "Plug it in.")
        n = (self.clock.now_ns() - self.started_ns) * 16 // MS
        first, self.n = self.n, n
        if n == first:
            return []
        t0_ns, t1_ns = (self.started_ns + at * MS // 16 for at in (first, n))
        return [AudioChunk(t0_ns, t1_ns, first, 16000, np.arange(first, n).astype(np.int16))]

    def events(self) -> list[MicrophoneEvent]:
        told, self.told = self.told, []
        return told

    def level_db(self) -> float | None:
        return -20.0

    def clock_fit(self) -> ClockFit | None:
        return ClockFit("audio", 9, 0, 3.0, 1.0, 25.0, 30.0, "flagged")

    def stop(self) -> None:
        pass

    def close(self) -> None:
        pass


def test_audio_is_recorded_beside_gaze(sit: Sit, store: Store) -> None:
    clock = SimulatedClock(start_ns=10**12)
    voice = Voice(clock)
    tracker = SimulatedTracker(clock.now_ns, SCREEN, seed=5)
    with CaptureSession(store, clock, tracker, reader="Dr A", screen=SCREEN, microphone=voice) as sitting:
        reading_id = sitting.recorder.begin(sitting.session_id, 1)
        progress = sitting.recorder.run(clock.now_ns() + SECOND)
        assert (progress.audio_level_db, progress.written.n_audio_samples) == (-20.0, 16000)
        voice.works = False
        voice.told.append(MicrophoneEvent(clock.now_ns(), "lost", "The microphone was pulled out."))
        progress = sitting.recorder.run(clock.now_ns() + 100 * MS)
        assert [(trouble.kind, trouble.text) for trouble in progress.troubles] == [
            ("audio", "The microphone was pulled out."),
            ("audio", "The microphone is gone."),
        ]
        assert progress.trouble is None, "gaze goes on"
        assert sitting.recorder.run(clock.now_ns() + 300 * MS).troubles == ()
        voice.works = True
        ((kind, text),) = [(t.kind, t.text) for t in sitting.recorder.run(clock.now_ns() + 100 * MS).troubles]
        assert (kind, text) == ("audio", "The microphone works again.")
        ending = sitting.recorder.end()
        voice.works = False
        with pytest.raises(RecordingError, match="does not start"):
            sitting.recorder.begin(sitting.session_id, 1)
        voice.works = True
    audio = np.concatenate([chunk.samples for chunk in store.audio_chunks(reading_id)])
    assert np.array_equal(audio, np.arange(24000).astype(np.int16))
    assert [(fit.stream, fit.verdict) for fit in ending.fits] == [("gaze", "good"), ("audio", "flagged")]
    assert [note.text for note in store.notifications(reading_id) if note.kind == "audio"] == [
        "The microphone was pulled out.",
        "The microphone is gone.",
        "The microphone works again.",
    ]
    assert [reading.id for reading in store.readings()] == [reading_id], "what did not begin left no trace"


def test_words_and_key_strokes_are_recorded(sit: Sit, store: Store) -> None:
    sitting = sit()
    reading_id = sitting.begin()
    start = sitting.clock.now_ns()
    for key in range(3):
        sitting.recorder.edit(TextEdit(start + key * 70 * MS, 0, key, "", "abc"[key]))
    sitting.recorder.hear([HeardWord("no", start, start + 50 * MS, 0.5, "x"), HeardWord("later", start, start + 900 * MS, None, "x")])
    sitting.recorder.run(start + 100 * MS)
    assert [edit.inserted for edit in store.edits(reading_id)] == ["a", "b"]
    assert [word.text for word in store.words(reading_id)] == ["no"]
    sitting.recorder.end()
    assert [edit.inserted for edit in store.edits(reading_id)] == ["a", "b", "c"]
    assert [word.text for word in store.words(reading_id)] == ["no", "later"]


def test_the_gate_judges_the_whole_reading(sit: Sit) -> None:
    clock = SimulatedClock(start_ns=10**12)
    tracker = SimulatedTracker(clock.now_ns, SCREEN, seed=0, blinks_per_min=0.0, losses_per_min=0.0, dropouts_per_min=30.0)
    sitting = sit(tracker=tracker)
    sitting.clock.wait_until(clock.now_ns())
    tracker._now_ns = tracker._events._now_ns = sitting.clock.now_ns
    sitting.begin()
    progress = sitting.recorder.run(sitting.clock.now_ns() + 20 * SECOND)
    gate = sitting.recorder.gate()
    assert gate.verdict == "red"
    assert (gate.loss, gate.longest_gap_s) == (progress.loss_reading, progress.longest_gap_s)
    assert 0.15 < gate.loss < 0.5
    assert 0.2 < gate.longest_gap_s < 3.0
    assert progress.distance_mm == pytest.approx(650.0, abs=10.0) or progress.distance_mm is None
    assert sitting.recorder.end().gate.verdict == "red"


def test_no_reading_is_begun_on_a_disk_that_is_nearly_full(sit: Sit, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    sitting = sit()
    monkeypatch.setattr(Disk, "free_bytes", lambda self: 150_000_000)
    with pytest.raises(RecordingError, match=r"The disk has 150 MB left, .*Free some space first"):
        sitting.begin()
    assert store.readings() == []
    assert len(sitting.tracker.drain()) == 0, "nothing was started"


def test_a_disk_that_fills_up_is_told_and_ends_the_reading(sit: Sit, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    sitting = sit()
    reading_id = sitting.begin()
    sitting.recorder.run(sitting.clock.now_ns() + SECOND)
    assert not sitting.recorder.disk_is_full
    monkeypatch.setattr(Disk, "free_bytes", lambda self: 90_000_000)
    sitting.recorder.run(sitting.clock.now_ns() + 3 * SECOND)
    assert sitting.recorder.disk_is_full
    sitting.recorder.end("aborted", "The disk was full.")
    assert [note.kind for note in store.notifications(reading_id)] == ["disk"]
    assert store.reading(reading_id).n_samples == 481
