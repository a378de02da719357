"""Recording without a window: a tracker watched for a while over a blank film, through the same recorder and store."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import numpy as np

from egma_core.dicom.writer import FilmTags, write_film
from egma_core.errors import EgmaError, RecordingError
from egma_core.gaze.viewport import Viewport
from egma_core.geometry import Rect, Screen, Transform
from egma_core.recording.clock import Clock, HostClock
from egma_core.recording.progress import Progress
from egma_core.recording.recorder import Recorder
from egma_core.recording.recovery import Recovered
from egma_core.recording.session import CaptureSession
from egma_core.store.store import Store
from egma_core.store.values import FilmRecord, ReadingEntry
from egma_core.trackers.driver import TrackerRequest
from egma_core.trackers.drivers import open_tracker

SCREEN = Screen(1920, 1080, 531.0, 299.0, 650.0)
_SIDE = 64


def record_headless(
    store: Store,
    *,
    tracker: str = "simulated",
    rate_hz: float | None = None,
    seconds: float = 10.0,
    seed: int = 0,
    address: str = "",
    replayed: int | None = None,
    reader: str = "Headless",
    screen: Screen = SCREEN,
    clock: Clock | None = None,
    recovered: Callable[[Recovered], None] | None = None,
    progress: Callable[[Progress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> ReadingEntry:
    """Record one reading of a blank film, by default in real time, and return it, complete (aborted where the disk was full).

    Args:
        store: The library; the blank film is added to it once.
        tracker: Name of the tracker's driver; the mouse needs a window and cannot be recorded like this.
        rate_hz: Samples per second; by default whatever the tracker runs at, and 120 for a simulated one.
        seconds: How long to record.
        seed: What a simulated reader's eyes do.
        address: Which tracker, where there may be several.
        replayed: Id of the reading whose gaze a replay gives out.
        reader: Name of the reader.
        screen: The monitor.
        clock: The clock to record on; the machine's own by default.
        recovered: Called with every reading that an earlier recording had left unfinished.
        progress: Called after every chunk.
        should_stop: Asked after every chunk; True ends the reading early, complete as far as it got.

    Raises:
        RecordingError: Another process records into the library, or a part of the reading cannot be stored.
        StoreError: The library cannot be written.
        TrackerError: There is no such tracker, or it does not start.
        MissingExtraError: The tracker's packages are not installed.
    """
    if seconds <= 0:
        raise RecordingError(f"A recording cannot last {seconds} s.", "Give a positive number of seconds.")
    if tracker == "mouse":
        raise RecordingError("The mouse can stand in for gaze only over a window.", "Choose another tracker, or record in the window.")
    real_time = clock is None
    clock = clock or HostClock()
    samples = None if replayed is None else store.gaze(replayed)
    title = "" if replayed is None else f"reading {replayed}"
    request = TrackerRequest(clock.now_ns, screen, rate_hz, address=address, seed=seed, samples=samples, title=title)
    device = open_tracker(tracker, request)
    try:
        study_id, instance_uid = blank_film(store)
        sitting = CaptureSession(store, clock, device, reader=reader, screen=screen, background=real_time)
    except EgmaError:
        device.close()
        raise
    with sitting as session:
        if recovered is not None:
            for reading in session.recovered:
                recovered(reading)
        recorder = session.recorder
        reading_id = recorder.begin(session.session_id, study_id)
        recorder.show(_whole_screen(recorder, instance_uid, screen))
        end_ns = recorder.started_ns + round(seconds * 1e9)
        stopped = False
        while recorder.next_ns <= end_ns and not stopped:
            standing = recorder.run(recorder.next_ns)
            if progress:
                progress(standing)
            stopped = recorder.disk_is_full or (should_stop is not None and should_stop())
        if not stopped:
            recorder.run(end_ns)
        if recorder.disk_is_full:
            recorder.end("aborted", "The disk was full.")
        else:
            recorder.end()
    return store.reading(reading_id)


def blank_film(store: Store) -> tuple[int, str]:
    """The library's blank film, made when it is first wanted: (study id, instance UID)."""
    study_uid, series_uid, instance_uid = (
        f"2.25.{uuid.uuid5(uuid.UUID(store.library_id), name).int}" for name in ("study", "series", "film")
    )
    file = "films/blank.dcm"
    path = store.files / file
    path.parent.mkdir(parents=True, exist_ok=True)
    tags = FilmTags("BLANK", study_uid, series_uid, instance_uid)
    sha256 = write_film(path, np.full((_SIDE, _SIDE), 128, np.uint8), tags)
    film = FilmRecord(
        patient="BLANK",
        study_uid=study_uid,
        series_uid=series_uid,
        instance_uid=instance_uid,
        sop_class_uid="1.2.840.10008.5.1.4.1.1.1",  # Computed Radiography Image Storage
        modality="CR",
        view_position="",
        rows=_SIDE,
        columns=_SIDE,
        frames=1,
        file=file,
        sha256=sha256,
        origin="phantom",
    )
    store.add_film(film)
    study = next(study for study in store.studies(search=study_uid) if study.study_uid == study_uid)
    return study.id, instance_uid


def _whole_screen(recorder: Recorder, instance_uid: str, screen: Screen) -> Viewport:
    scale = screen.height_px / _SIDE
    left = (screen.width_px - screen.height_px) / 2
    transform = Transform.scaling("image", "screen", scale, scale, left, 0.0)
    return Viewport(recorder.started_ns, instance_uid, 1, transform, Rect(left, 0.0, left + screen.height_px, screen.height_px))
