"""Recording without a window, and the claim on a library."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from egma_core.dicom.reader import read_image
from egma_core.errors import RecordingError, TrackerError
from egma_core.recording.clock import SimulatedClock
from egma_core.recording.headless import record_headless
from egma_core.recording.lock import RecordingLock
from egma_core.recording.progress import Progress
from egma_core.recording.recovery import Recovered
from egma_core.recording.watch import Disk
from egma_core.store.store import Store


def test_a_blank_film_is_read_for_a_while(tmp_path: Path) -> None:
    seen: list[Progress] = []
    with Store.open(tmp_path / "library.sqlite", create=True) as store:
        for n in (1, 2):
            entry = record_headless(store, rate_hz=1200.0, seconds=1.25, clock=SimulatedClock(), progress=seen.append)
            assert (entry.state, entry.gaze_origin, entry.n_samples) == ("complete", "simulated", 1501)
            assert [reading.id for reading in store.readings()] == list(range(1, n + 1))
        (study,) = store.studies()
        (film,) = study.instances
        assert read_image(film.path).rows == film.rows
        (view,) = store.viewports(entry.id)
        assert view.instance_uid == film.instance_uid
        assert np.isclose(view.image_to_screen.apply((film.columns, film.rows)), (view.region.right, view.region.bottom)).all()
        assert [reading.n_gaps for reading in store.check().readings] == [0, 0]
    assert len(seen) == 24


def test_it_can_be_stopped_early(tmp_path: Path) -> None:
    with Store.open(tmp_path / "library.sqlite", create=True) as store:
        clock = SimulatedClock()
        entry = record_headless(store, seconds=60.0, clock=clock, should_stop=lambda: clock.now_ns() >= 500_000_000)
        assert (entry.state, entry.n_samples) == ("complete", 61)


def test_what_cannot_be_recorded_is_refused(tmp_path: Path) -> None:
    with Store.open(tmp_path / "library.sqlite", create=True) as store:
        with pytest.raises(RecordingError, match="cannot last 0"):
            record_headless(store, seconds=0)
        with pytest.raises(TrackerError, match="no tracker called"):
            record_headless(store, tracker="crystal ball")
        assert store.studies() == []


def test_one_recording_at_a_time_in_a_library(tmp_path: Path) -> None:
    with Store.open(tmp_path / "library.sqlite", create=True) as store:
        lock = RecordingLock(store.files)
        with pytest.raises(RecordingError, match="Another program is recording"):
            record_headless(store, seconds=1.0, clock=SimulatedClock())
        lock.release()
        lock.release()
        assert record_headless(store, seconds=1.0, clock=SimulatedClock()).state == "complete"
    with pytest.raises(RecordingError, match="cannot be written"):
        RecordingLock(tmp_path / "nowhere")


def test_a_stored_reading_is_replayed_through_the_live_path(tmp_path: Path) -> None:
    with Store.open(tmp_path / "library.sqlite", create=True) as store:
        first = record_headless(store, rate_hz=250.0, seconds=1.0, clock=SimulatedClock(), seed=9)
        again = record_headless(store, tracker="replay", replayed=first.id, seconds=2.0, clock=SimulatedClock(start_ns=10**12))
        assert (again.gaze_origin, again.tracker, again.n_samples) == ("replay", "replay", first.n_samples)
        one, two = store.gaze(first.id).rows, store.gaze(again.id).rows
        for field in ("device_us", "left_x", "right_y", "left_valid", "left_pupil_mm"):
            assert np.array_equal(one[field], two[field], equal_nan=True)
        assert np.array_equal(np.diff(one["host_ns"]), np.diff(two["host_ns"]))
        assert [note.kind for note in store.notifications(again.id)] == ["tracker_finished"]


def test_a_mouse_needs_a_window_and_a_replay_a_reading(tmp_path: Path) -> None:
    with Store.open(tmp_path / "library.sqlite", create=True) as store:
        with pytest.raises(RecordingError, match="only over a window"):
            record_headless(store, tracker="mouse")
        with pytest.raises(TrackerError, match="Nothing was chosen to replay"):
            record_headless(store, tracker="replay")
        with pytest.raises(TrackerError, match="No Open Gaze server answers"):
            record_headless(store, tracker="gazepoint", address="127.0.0.1:1")
        assert store.studies() == []


def test_what_was_cut_off_is_told_at_the_next_recording(tmp_path: Path) -> None:
    with Store.open(tmp_path / "library.sqlite", create=True) as store:
        done = record_headless(store, seconds=0.5, clock=SimulatedClock())
        cut_off = store.begin_reading(done.session_id, done.study.study_id, 0, done.started_utc).id
        told: list[Recovered] = []
        record_headless(store, seconds=0.5, clock=SimulatedClock(), recovered=told.append)
        assert [reading.reading_id for reading in told] == [cut_off]
        assert record_headless(store, seconds=0.5, clock=SimulatedClock(), recovered=told.append).state == "complete"
        assert len(told) == 1


def test_a_disk_that_fills_up_ends_it_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store.open(tmp_path / "library.sqlite", create=True) as store:
        clock = SimulatedClock()
        monkeypatch.setattr(Disk, "free_bytes", lambda self: 10**12 if clock.now_ns() < 10**9 else 10**7)
        entry = record_headless(store, seconds=30.0, clock=clock)
        assert (entry.state, entry.note) == ("aborted", "The disk was full.")
        assert 120 < entry.n_samples < 600
